"""Attention, the formula:

    weights = normalize(score(query, key) + bias, where mask allows)
    output  = weights @ value

Letters, everywhere: ``Q`` queries, ``K`` keys, ``E`` features of a query, ``F`` of a key, ``V`` of
a value; ``*batch`` are leading dimensions, which broadcast as in PyTorch.
"""

from typing import Literal, overload

from jaxtyping import Float

from regard.biases import Bias
from regard.engines import summaries
from regard.engines.call import Call, Parts
from regard.engines.heads import Heads, of_heads
from regard.engines.plan import Plan, choose, with_weights, writer
from regard.engines.plan import plan as plan_call
from regard.engines.summaries import TopWeights
from regard.errors import KindError, RangeError
from regard.grid import Array, taken
from regard.masks import Mask
from regard.normalizers import Normalizer
from regard.scores import AnyScore
from regard.witness import told_call

Output = Float[Array, "*batch Q V"]
Weights = Float[Array, "*batch Q K"]


@overload
def attend(
    query: Float[Array, "*batch Q E"],
    key: Float[Array, "*batch K F"],
    value: Float[Array, "*batch K V"],
    *,
    score: AnyScore | str = ...,
    bias: Bias | None = ...,
    mask: Mask | None = ...,
    normalizer: Normalizer | str = ...,
    dropout_p: float = ...,
    enable_gqa: bool = ...,
    return_weights: Literal[False] = ...,
    engine: str = ...,
) -> Output: ...
@overload
def attend(
    query: Float[Array, "*batch Q E"],
    key: Float[Array, "*batch K F"],
    value: Float[Array, "*batch K V"],
    *,
    score: AnyScore | str = ...,
    bias: Bias | None = ...,
    mask: Mask | None = ...,
    normalizer: Normalizer | str = ...,
    dropout_p: float = ...,
    enable_gqa: bool = ...,
    return_weights: Literal[True],
    engine: str = ...,
) -> tuple[Output, Weights]: ...
def attend(  # noqa: PLR0913
    query: Float[Array, "*batch Q E"],
    key: Float[Array, "*batch K F"],
    value: Float[Array, "*batch K V"],
    *,
    score: AnyScore | str = "scaled_dot",
    bias: Bias | None = None,
    mask: Mask | None = None,
    normalizer: Normalizer | str = "softmax",
    dropout_p: float = 0.0,
    enable_gqa: bool = False,
    return_weights: bool = False,
    engine: str = "auto",
) -> Output | tuple[Output, Weights]:
    """Read ``value`` where ``key`` answers ``query``.

    Args:
        query: ``(*batch, Q, E)``; of one dimension: one query, and an output ``(*batch, V)``.
        key: ``(*batch, K, F)``.
        value: ``(*batch, K, V)``.
        score: how well a key matches a query: a name, a score of ``regard.scores``, or any
            pairwise function ``f(query, key) -> (…, Q, K)``, which is called on tiles.
        bias: numbers added to the scores, of ``regard.biases``.
        mask: which keys a query may see, of ``regard.masks``; True = may attend.
        normalizer: how scores become weights: "softmax", "sparsemax", "entmax15", "sigmoid",
            "hard", "gumbel" (drawn), or a function.
        dropout_p: the probability with which a weight is dropped (the others grow by 1/(1−p)).
            As in torch's function it applies whenever it is not 0; pass 0 in evaluation.
        enable_gqa: heads of queries share heads of keys and values; heads are the third
            dimension from the right.
        return_weights: give the weights ``(*batch, Q, K)`` too, as they are before dropout. They
            are computed beside the output, which stays the same to the bit.
        engine: "auto", or an engine's name, which is then taken or refused with its reasons.

    Returns:
        ``(*batch, Q, V)``, or the pair of it and the weights. A query that may see nothing gets
        zeros, in both passes. A key that no query may see changes nothing, NaN included.

    Raises:
        ShapeError, KindError, UnknownName, RangeError: arguments that do not fit.
        EngineError: the engine asked for cannot take the call.

    Cost: O(Q·K·E) time; memory linear in Q and K, unless weights are returned.

    >>> import torch
    >>> attend(torch.zeros(1, 4), torch.zeros(3, 4), torch.eye(3))
    tensor([[0.3333, 0.3333, 0.3333]])
    """
    parts = Parts.of(score, bias, mask, normalizer)
    call = Call.of(query, key, value, parts, dropout_p=dropout_p, enable_gqa=enable_gqa)
    chosen = choose(call, engine)
    if not return_weights:
        output = chosen.attend(told_call(call))
        return output[..., 0, :] if call.single else output
    output, rows = with_weights(told_call(call), chosen)
    return (output[..., 0, :], rows[..., 0, :]) if call.single else (output, rows)


def weights(  # noqa: PLR0913
    query: Float[Array, "*batch Q E"],
    key: Float[Array, "*batch K F"],
    *,
    score: AnyScore | str = "scaled_dot",
    bias: Bias | None = None,
    mask: Mask | None = None,
    normalizer: Normalizer | str = "softmax",
    enable_gqa: bool = False,
    queries: slice = slice(None),
    heads: Heads | None = None,
) -> Weights:
    """What ``attend`` attends to: exact weights, of all queries and heads or of some.

    Args:
        queries: which queries; rows of others are not computed. Masks and biases see them at
            their places in the whole. Of step 1.
        heads: which heads (the third dimension from the right), a list of their numbers or a
            slice; others are not computed. A score of your own that holds numbers per head is
            refused; None is all.
        query, key, score, bias, mask, normalizer, enable_gqa: as in ``attend``.

    Returns:
        ``(*batch, Q', K)`` for Q' queries asked for; ``(*batch, K)`` for a query of one dimension.
        The batch is that of query and key: leading dimensions that only values have are unknown.

    Raises:
        ShapeError, KindError, UnknownName: arguments that do not fit.
        KindError: ``queries`` that is no slice, ``heads`` that are no integers.
        RangeError: a slice with a step, a head that there is not.

    Cost: O(Q'·K) memory, for the result; a pairwise score's features exist one tile at a time.

    >>> import torch
    >>> from regard import masks
    >>> weights(torch.zeros(3, 1), torch.zeros(3, 1), mask=masks.causal(), queries=slice(0, 2))
    tensor([[1.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.0000]])
    """
    parts = Parts.of(score, bias, mask, normalizer)
    call, order = _some_heads(Call.of(query, key, None, parts, enable_gqa=enable_gqa), heads)
    rows = _ordered(writer(call).weights(call, _rows(call, queries)), order, -3)
    return rows[..., 0, :] if call.single else rows


def top_weights(  # noqa: PLR0913
    query: Float[Array, "*batch Q E"],
    key: Float[Array, "*batch K F"],
    k: int,
    *,
    score: AnyScore | str = "scaled_dot",
    bias: Bias | None = None,
    mask: Mask | None = None,
    normalizer: Normalizer | str = "softmax",
    enable_gqa: bool = False,
    queries: slice = slice(None),
    heads: Heads | None = None,
) -> TopWeights:
    """The ``k`` largest weights of each query, and their keys; no row of weights is kept.

    They are those of ``weights``, exactly, in falling order; of equals the key that comes first. A
    key that is seen counts though its weight is 0, as most are with a sparse normalizer.

    Args:
        k: how many; at least 1.
        query, key, score, bias, mask, normalizer, enable_gqa, queries, heads: as in ``weights``.

    Returns:
        ``weights`` and ``indices`` (int64), both ``(*batch, Q', k)``. Where a query sees fewer
        than k keys, the row ends in weight 0 and index −1. Gradients flow through the weights.

    Raises:
        ShapeError, KindError, UnknownName, RangeError: as ``weights``.
        RangeError: k < 1.

    Cost: the time of ``weights``; O(Q'·k) memory.

    >>> import torch
    >>> from regard import masks
    >>> key = torch.tensor([[0.0], [2.0], [1.0]])
    >>> top_weights(torch.ones(3, 1), key, 2, score="dot", mask=masks.causal()).indices
    tensor([[ 0, -1],
            [ 1,  0],
            [ 1,  2]])
    """
    k = summaries.how_many(k)
    parts = Parts.of(score, bias, mask, normalizer)
    call, order = _some_heads(Call.of(query, key, None, parts, enable_gqa=enable_gqa), heads)
    found = (_ordered(x, order, -3) for x in summaries.top_weights(call, _rows(call, queries), k))
    return TopWeights(*(x[..., 0, :] if call.single else x for x in found))


def key_totals(  # noqa: PLR0913
    query: Float[Array, "*batch Q E"],
    key: Float[Array, "*batch K F"],
    *,
    score: AnyScore | str = "scaled_dot",
    bias: Bias | None = None,
    mask: Mask | None = None,
    normalizer: Normalizer | str = "softmax",
    enable_gqa: bool = False,
    queries: slice = slice(None),
    heads: Heads | None = None,
) -> Float[Array, "*batch K"]:
    """The attention that each key receives: its weights, summed over the queries.

    Args:
        query, key, score, bias, mask, normalizer, enable_gqa, queries, heads: as in ``weights``.

    Returns:
        ``(*batch, K)``, also for a query of one dimension. Gradients flow through it.

    Raises:
        ShapeError, KindError, UnknownName, RangeError: as ``weights``.

    Cost: the time of ``weights``; O(K) memory.

    >>> import torch
    >>> from regard import masks
    >>> key_totals(torch.zeros(2, 1), torch.zeros(2, 1), mask=masks.causal())
    tensor([1.5000, 0.5000])
    """
    parts = Parts.of(score, bias, mask, normalizer)
    call, order = _some_heads(Call.of(query, key, None, parts, enable_gqa=enable_gqa), heads)
    return _ordered(summaries.key_totals(call, _rows(call, queries)), order, -2)


def plan(  # noqa: PLR0913
    query: Float[Array, "*batch Q E"],
    key: Float[Array, "*batch K F"],
    value: Float[Array, "*batch K V"],
    *,
    score: AnyScore | str = "scaled_dot",
    bias: Bias | None = None,
    mask: Mask | None = None,
    normalizer: Normalizer | str = "softmax",
    dropout_p: float = 0.0,
    enable_gqa: bool = False,
    engine: str = "auto",
) -> Plan:
    """Which engine ``attend`` would take for these arguments, and why not the others.

    Nothing is computed. Arguments and exceptions are those of ``attend``.

    >>> import torch
    >>> x = torch.zeros(2, 4)
    >>> plan(x, x, x, normalizer="sparsemax").engine
    'streaming'
    >>> plan(x, x, x, normalizer="sparsemax").refusals["sdpa"]
    'the normalizer is not softmax'
    """
    parts = Parts.of(score, bias, mask, normalizer)
    call = Call.of(query, key, value, parts, dropout_p=dropout_p, enable_gqa=enable_gqa)
    return plan_call(call, engine)


def _rows(call: Call, queries: slice) -> range:
    if not isinstance(queries, slice):
        raise KindError(f"queries is a slice, such as slice(0, 4), and it is {queries!r}")
    start, stop, step = queries.indices(call.n_queries)
    if step != 1:
        raise RangeError(f"queries is a slice of step 1, and its step is {step}")
    return range(start, max(start, stop))


def _some_heads(call: Call, heads: Heads | None) -> tuple[Call, list[int] | None]:
    return (call, None) if heads is None else of_heads(call, heads)


def _ordered(array: Array, order: list[int] | None, axis: int) -> Array:
    return array if order is None else taken(array, order, axis)
