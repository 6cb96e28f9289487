"""Symmetric score with ReLU: ReLU(Uq)ᵀ D ReLU(Uk)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float

from regard.errors import ShapeError
from regard.grid import Array, namespace, shape_text
from regard.scores.score import InnerProduct, Score, heads_fit, same_features, same_library


@dataclass(frozen=True, eq=False)
class SymmetricReLU(Score):
    """Symmetric score with ReLU (Huang et al. 2018, FusionNet): ReLU(Uq)ᵀ D ReLU(Uk).

    Query and key go through the same U, so that only the diagonal D tells features apart.

    Source:  arXiv:1711.07341, §2.3        Also: fusionnet
    Departs: none
    Lowers:  an inner product, of D ReLU(Uq) and ReLU(Uk)
    Engine:  engines/sdpa.py
    Cost:    O((Q + K)·E·D + Q·K·D) time for D features of Uq

    Args:
        projection: U, ``(D, E)``, or one per head, ``(H, D, E)``.
        diagonal: the entries of D, ``(D,)``, or ``(H, D)``.

    >>> import numpy
    >>> score = SymmetricReLU(numpy.eye(2), numpy.array([1.0, 10.0]))
    >>> score(numpy.array([[1.0, 2.0]]), numpy.array([[3.0, 4.0], [3.0, -4.0]]))
    array([[83.,  3.]])
    """

    projection: Float[Array, "*heads D E"]
    diagonal: Float[Array, "*heads D"]

    per_head: ClassVar[dict[str, int]] = {"projection": 2, "diagonal": 1}

    def lower(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K E"]
    ) -> InnerProduct:
        xp = namespace(query, key)
        diagonal = xp.astype(self.diagonal, query.dtype, copy=False)[..., None, :]
        return InnerProduct(self._positive(query) * diagonal, self._positive(key), 1.0)

    def _positive(self, vectors: Any) -> Any:
        xp = namespace(vectors)
        projection = xp.astype(self.projection, vectors.dtype, copy=False)
        turned = vectors @ xp.matrix_transpose(projection)
        return xp.where(turned < 0, 0.0, turned)  # so written, NaN stays to be told

    @property
    def keys_per_head(self) -> bool:
        return self.projection.ndim > 2 and self.projection.shape[-3] > 1

    def check(self, query: Array, key: Array, batch: tuple[int, ...]) -> None:
        same_features("symmetric_relu", query, key)
        features = query.shape[-1]
        projection, diagonal = tuple(self.projection.shape), tuple(self.diagonal.shape)
        same_library("the projection of scores.SymmetricReLU", self.projection, query)
        same_library("the diagonal of scores.SymmetricReLU", self.diagonal, query)
        if len(projection) < 2 or projection[-1] != features or diagonal[-1:] != projection[-2:-1]:
            raise ShapeError(
                f"scores.SymmetricReLU wants a projection (D, E) with E = {features} and a "
                f"diagonal (D,), or one of each per head, and they are {shape_text(projection)} "
                f"and {shape_text(diagonal)}"
            )
        heads_fit("the projection of scores.SymmetricReLU", projection[:-2], batch)
        heads_fit("the diagonal of scores.SymmetricReLU", diagonal[:-1], batch)
