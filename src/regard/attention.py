"""Attention, the formula:

    weights = normalize(score(query, key) + bias, where mask allows)
    output  = weights @ value

Letters, everywhere: ``Q`` queries, ``K`` keys, ``E`` features of a query, ``F`` of a key, ``V`` of
a value; ``*batch`` are leading dimensions, which broadcast as in PyTorch.
"""

from typing import Literal, overload

from jaxtyping import Float

from regard.biases import Bias
from regard.engines.call import Call, Parts
from regard.engines.plan import ENGINES, Plan, choose
from regard.engines.plan import plan as plan_call
from regard.errors import KindError, RangeError
from regard.grid import Array
from regard.masks import Mask
from regard.normalizers import Normalizer
from regard.scores import AnyScore

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
        normalizer: how scores become weights: "softmax", "sparsemax", "hard", or a function.
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
    output = choose(call, engine).attend(call)
    output = output[..., 0, :] if call.single else output
    if not return_weights:
        return output
    return output, _weights(call, range(call.n_queries))


def weights(
    query: Float[Array, "*batch Q E"],
    key: Float[Array, "*batch K F"],
    *,
    score: AnyScore | str = "scaled_dot",
    bias: Bias | None = None,
    mask: Mask | None = None,
    normalizer: Normalizer | str = "softmax",
    enable_gqa: bool = False,
    queries: slice = slice(None),
) -> Weights:
    """What ``attend`` attends to: exact weights, of all queries or of some.

    Args:
        queries: which queries; rows of others are not computed. Masks and biases see them at
            their places in the whole. Of step 1.
        query, key, score, bias, mask, normalizer, enable_gqa: as in ``attend``.

    Returns:
        ``(*batch, Q', K)`` for Q' queries asked for; ``(*batch, K)`` for a query of one dimension.
        The batch is that of query and key: leading dimensions that only values have are unknown.

    Raises:
        ShapeError, KindError, UnknownName: arguments that do not fit.
        KindError: ``queries`` that is no slice.
        RangeError: a slice with a step.

    Cost: O(Q'·K) memory, for the result; a pairwise score's features exist one tile at a time.

    >>> import torch
    >>> from regard import masks
    >>> weights(torch.zeros(3, 1), torch.zeros(3, 1), mask=masks.causal(), queries=slice(0, 2))
    tensor([[1.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.0000]])
    """
    parts = Parts.of(score, bias, mask, normalizer)
    call = Call.of(query, key, None, parts, enable_gqa=enable_gqa)
    if not isinstance(queries, slice):
        raise KindError(f"queries is a slice, such as slice(0, 4), and it is {queries!r}")
    start, stop, step = queries.indices(call.n_queries)
    if step != 1:
        raise RangeError(f"queries is a slice of step 1, and its step is {step}")
    return _weights(call, range(start, max(start, stop)))


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
    >>> print(plan(torch.zeros(2, 4), torch.zeros(3, 4), torch.zeros(3, 4), normalizer="sparsemax"))
    sdpa       cannot: the normalizer is not softmax
    streaming  takes it: blocks of queries, computed again in the backward pass; linear memory
    reference  could: the formula as it stands; holds all (Q, K) weights
    """
    parts = Parts.of(score, bias, mask, normalizer)
    call = Call.of(query, key, value, parts, dropout_p=dropout_p, enable_gqa=enable_gqa)
    return plan_call(call, engine)


def _weights(call: Call, queries: range) -> Weights:
    # The first engine that can also writes weights down; a fused kernel has none to give.
    engine = ENGINES["streaming" if call.is_torch else "reference"]
    rows = engine.weights(call, queries)
    return rows[..., 0, :] if call.single else rows
