"""The formula at its plainest: the whole plane at once, for every library of the array API.

For NumPy arrays this is the engine; for torch tensors it is the oracle of the tests. It alone
holds (Q, K) weights, and a pairwise score's (Q, K, D) besides.
"""

from typing import Any

from jaxtyping import Float

from regard.engines.call import Call
from regard.engines.formula import score_of, seen, weigh
from regard.grid import Array


def refuse(call: Call) -> str | None:
    """Why this engine cannot take the call; None: it can."""
    if call.dropout_p:
        return "it has no dropout (NumPy arrays have no training)"
    return None


def weights(call: Call, queries: range) -> Float[Array, "*batch q K"]:
    """Rows of the weights, ``(*batch, q, K)``, in the dtype of the query."""
    return call.xp.astype(_weights(call, queries)[0], call.query.dtype, copy=False)


def attend(call: Call) -> Float[Array, "*batch Q V"]:
    """weights @ value. Cost: O(Q·K) memory."""
    return attend_with_weights(call)[0]


def attend_with_weights(
    call: Call,
) -> tuple[Float[Array, "*batch Q V"], Float[Array, "*batch Q K"]]:
    """The output of ``attend``, and the weights of which it is made."""
    xp = call.xp
    weight, allowed = _weights(call, range(call.n_queries))
    value = seen(call, call.per_query_head(call.value), allowed)
    output = xp.astype(weight, value.dtype, copy=False) @ value
    output = xp.broadcast_to(output, (*call.batch, *output.shape[-2:]))
    return output, xp.astype(weight, call.query.dtype, copy=False)


def _weights(call: Call, queries: range) -> tuple[Any, Any]:
    grid = call.grid.at(queries, range(call.n_keys))
    if not len(queries) or not call.n_keys:
        shape = (*call.batch, len(queries), call.n_keys)
        return call.xp.zeros(shape, dtype=call.query.dtype, device=grid.device), None
    query = call.query[..., queries.start : queries.stop, :]
    key = call.per_query_head(call.key)
    weight, allowed = weigh(call, grid, query, key, score_of(call, grid))
    return call.xp.broadcast_to(weight, (*call.batch, *weight.shape[-2:])), allowed
