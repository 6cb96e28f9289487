"""Attention that owns what it learns: the projections and the tensors of its score."""

from typing import Literal, overload

from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import attend
from regard.biases import Bias
from regard.errors import ShapeError
from regard.grid import shape_text
from regard.masks import Mask
from regard.nn.learned_score import LearnedScore
from regard.normalizers import Normalizer, settled
from regard.normalizers import named as named_normalizer
from regard.scores import AnyScore


class Attention(nn.Module):
    """One attention with a score of its own: Bahdanau's, Luong's, or any other by name.

        additive              vᵀ tanh(W q + U k)                    W (D, E), U (D, F), v (D)
        normalized_additive   g vᵀ/‖v‖ tanh(W q + U k + b) + r      W, U, v, b (D), g, r
        bilinear              qᵀ W k                                W (E, F)
        trilinear             w₁ᵀk + w₂ᵀq + w₃ᵀ(q ∘ k)              w₁, w₂, w₃ (E), E = F
        symmetric_relu        ReLU(Uq)ᵀ D ReLU(Uk)                  U (D, E), D (D), E = F
        location              (W q)_j                               W (E, places)
        dot, scaled_dot, cosine, distance                           nothing learned: E = F

    Source:  Bahdanau, Cho, Bengio 2015 (arXiv:1409.0473), App. A.1.2; Luong, Pham, Manning 2015
             (arXiv:1508.04025), §3.1; and those of ``regard.scores``
    Departs: initialised as torch's linear layers are, not from N(0, 0.001²)
    Cost:    that of ``attend``; ``project`` is done once for keys that are read many times.

    Args:
        query_features: E.
        key_features: F; None: E.
        score: a name, an author's name, a score, or a function of query and key (its own tensors,
            if it is a module, are trained with this layer).
        features: D of the additive scores and of symmetric_relu; None: E.
        places: of the location score, the largest number of keys.
        normalizer: as in ``attend``; "gumbel" draws in training alone.
        dropout: probability with which a weight is dropped in training.

    >>> import torch
    >>> attention = Attention(4, 6, score="bahdanau")
    >>> attention(torch.zeros(2, 1, 4), torch.zeros(2, 5, 6)).shape
    torch.Size([2, 1, 6])
    """

    def __init__(
        self,
        query_features: int,
        key_features: int | None = None,
        *,
        score: AnyScore | str = "additive",
        features: int | None = None,
        places: int | None = None,
        normalizer: Normalizer | str = "softmax",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.score = LearnedScore(
            score, query_features, key_features, features=features, places=places
        )
        self.query_features = query_features
        self.key_features = query_features if key_features is None else key_features
        self.normalizer, self.dropout = named_normalizer(normalizer), dropout

    def project(self, key: Float[Tensor, "*batch K F"]) -> Float[Tensor, "*batch K D"]:
        """What ``read`` takes for keys: computed once, read at every step of a decoder."""
        self._check(key, self.key_features, "key (…, K, F)")
        return self.score.key(key)

    def _check(self, array: Tensor, features: int, pattern: str) -> None:
        if not array.ndim or array.shape[-1] != features:
            raise ShapeError(
                f"this attention wants {pattern} of {features} features, and got "
                f"{shape_text(tuple(array.shape))}"
            )

    @overload
    def read(
        self,
        query: Float[Tensor, "*batch Q E"],
        projected: Float[Tensor, "*batch K D"],
        value: Float[Tensor, "*batch K V"],
        *,
        mask: Mask | None = ...,
        bias: Bias | None = ...,
        return_weights: Literal[False] = ...,
    ) -> Float[Tensor, "*batch Q V"]: ...
    @overload
    def read(
        self,
        query: Float[Tensor, "*batch Q E"],
        projected: Float[Tensor, "*batch K D"],
        value: Float[Tensor, "*batch K V"],
        *,
        mask: Mask | None = ...,
        bias: Bias | None = ...,
        return_weights: bool,
    ) -> Tensor | tuple[Tensor, Tensor]: ...
    def read(self, query, projected, value, *, mask=None, bias=None, return_weights=False):
        """``forward`` with keys that ``project`` has seen."""
        self._check(query, self.query_features, "query (…, Q, E)")
        return attend(
            self.score.query(query),
            projected,
            value,
            score=self.score(),
            mask=mask,
            bias=bias,
            normalizer=settled(self.normalizer, training=self.training),
            dropout_p=self.dropout if self.training else 0.0,
            return_weights=return_weights,
        )

    def forward(
        self,
        query: Float[Tensor, "*batch Q E"],
        key: Float[Tensor, "*batch K F"],
        value: Float[Tensor, "*batch K V"] | None = None,
        *,
        mask: Mask | None = None,
        bias: Bias | None = None,
        return_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """``(*batch, Q, V)``, and the weights ``(*batch, Q, K)`` if asked; value is the key unless
        given."""
        value = key if value is None else value
        return self.read(
            query, self.project(key), value, mask=mask, bias=bias, return_weights=return_weights
        )
