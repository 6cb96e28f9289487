"""Attention that owns what it learns: the projections and the tensors of its score."""

import math
from typing import Literal, overload

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import attend
from regard.biases import Bias
from regard.errors import ShapeError
from regard.grid import shape_text
from regard.masks import Mask
from regard.normalizers import Normalizer
from regard.normalizers import named as named_normalizer
from regard.scores import Additive, AnyScore, Bilinear, canonical, named


class Attention(nn.Module):
    """One attention with a score of its own: Bahdanau's, Luong's, or any other by name.

        additive    vᵀ tanh(W q + U k)      W (D, E), U (D, F), v (D), no biases
        bilinear    qᵀ W k                  W (E, F)
        dot, scaled_dot, cosine             nothing learned: E = F

    Source:  Bahdanau, Cho, Bengio 2015 (arXiv:1409.0473), App. A.1.2; Luong, Pham, Manning 2015
             (arXiv:1508.04025), §3.1
    Departs: initialised as torch's linear layers are, not from N(0, 0.001²)
    Cost:    that of ``attend``; ``project`` is done once for keys that are read many times.

    Args:
        query_features: E.
        key_features: F; None: E.
        score: a name, an author's name, or a function of query and key (its own tensors, if it
            is a module, are trained with this layer).
        features: D of the additive score; None: E.
        normalizer: as in ``attend``.
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
        normalizer: Normalizer | str = "softmax",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        key_features = query_features if key_features is None else key_features
        features = query_features if features is None else features
        self.score = canonical(score) if isinstance(score, str) else score
        self.query_features, self.key_features = query_features, key_features
        self.normalizer, self.dropout = named_normalizer(normalizer), dropout
        self.query: nn.Module = nn.Identity()
        self.key: nn.Module = nn.Identity()
        self.weight: nn.Parameter | None = None
        if self.score == "additive":
            self.query = nn.Linear(query_features, features, bias=False)
            self.key = nn.Linear(key_features, features, bias=False)
            self.weight = nn.Parameter(torch.empty(features).uniform_(-1, 1) / math.sqrt(features))
        elif self.score == "bilinear":
            self.weight = nn.Parameter(torch.empty(query_features, key_features))
            nn.init.xavier_uniform_(self.weight)
        elif isinstance(self.score, str):
            named(self.score)
        if key_features != query_features and self.score in ("dot", "scaled_dot", "cosine"):
            raise ShapeError(
                f"the {self.score} score needs query_features == key_features, and they are "
                f"{query_features} and {key_features}: take score='bilinear' or 'additive'"
            )

    def project(self, key: Float[Tensor, "*batch K F"]) -> Float[Tensor, "*batch K D"]:
        """What ``read`` takes for keys: computed once, read at every step of a decoder."""
        self._check(key, self.key_features, "key (…, K, F)")
        return self.key(key)

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
            self.query(query),
            projected,
            value,
            score=self._score(),
            mask=mask,
            bias=bias,
            normalizer=self.normalizer,
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

    def _score(self) -> AnyScore | str:
        if self.score == "additive":
            return Additive(self.weight)  # pyright: ignore[reportArgumentType]
        if self.score == "bilinear":
            return Bilinear(self.weight)  # pyright: ignore[reportArgumentType]
        return self.score
