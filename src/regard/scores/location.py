"""Location score: what a query says of each place, whatever stands there."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from jaxtyping import Float

from regard.errors import ShapeError
from regard.grid import Array, namespace, shape_text
from regard.scores.score import InnerProduct, Score, heads_fit, same_library


@dataclass(frozen=True, eq=False)
class Location(Score):
    """Location score (Luong et al. 2015): (W_a q)_j for the key at place j.

    It looks at the query and the place alone; what a key holds changes nothing.

    Source:  arXiv:1508.04025, §3.1, eq. 8 (a_t = softmax(W_a h_t))        Also: luong_location
    Departs: W_a has as many rows as the longest source, and is cut to the keys of the call, as the
             paper's code does for shorter sentences
    Lowers:  an inner product, of the query and column j of the weight
    Engine:  engines/sdpa.py
    Cost:    O(Q·K·E) time

    Args:
        weight: W_aᵀ, ``(E, places)``, or one per head, ``(H, E, places)``; place 0 is the first
            key of the call.

    >>> import numpy
    >>> Location(numpy.array([[1.0, 2.0, 3.0]]))(numpy.array([[10.0]]), numpy.zeros((2, 5)))
    array([[10., 20.]])
    """

    weight: Float[Array, "*heads E places"]

    per_head: ClassVar[dict[str, int]] = {"weight": 2}

    def lower(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K F"]
    ) -> InnerProduct:
        xp = namespace(query, self.weight)
        places = xp.matrix_transpose(self.weight[..., : key.shape[-2]])
        places = xp.astype(places, query.dtype, copy=False)
        # One for each row of keys, without a copy: engines fold and share the keys' heads.
        rank = max(places.ndim, key.ndim)
        lead = [(1,) * (rank - x.ndim) + tuple(x.shape[:-2]) for x in (places, key)]
        shape = tuple(max(pair) if 0 not in pair else 0 for pair in zip(*lead, strict=True))
        return InnerProduct(query, xp.broadcast_to(places, (*shape, *places.shape[-2:])), 1.0)

    def at(self, queries: range, keys: range) -> "Location":
        return replace(self, weight=self.weight[..., keys.start : keys.stop])

    @property
    def keys_per_head(self) -> bool:
        return self.weight.ndim > 2 and self.weight.shape[-3] > 1

    @property
    def held(self) -> tuple[Any, ...]:
        return (self.weight,)

    def check(self, query: Array, key: Array, batch: tuple[int, ...]) -> None:
        same_library("the weight of scores.Location", self.weight, query)
        shape, features, count = tuple(self.weight.shape), query.shape[-1], key.shape[-2]
        if len(shape) < 2 or shape[-2] != features or shape[-1] < count:
            raise ShapeError(
                f"scores.Location wants a weight (E, places) with E = {features} features of the "
                f"query and at least as many places as there are keys, {count}, and it is "
                f"{shape_text(shape)}"
            )
        heads_fit("the weight of scores.Location", shape[:-2], batch)
