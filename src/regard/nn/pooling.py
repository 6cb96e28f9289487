"""Attention pooling: a sequence becomes one vector, or a few."""

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import attend
from regard.errors import KindError, RangeError, ShapeError, UnknownName
from regard.grid import shape_text
from regard.masks import Mask
from regard.nn.refusals import sizes
from regard.normalizers import Normalizer, settled
from regard.normalizers import named as named_normalizer
from regard.scores import InnerProduct, Score


class LengthFree(nn.Module):
    """e_j = vᵀ tanh(W h_j + b):  ``inner`` is W ``(D, F)`` and b, ``query`` v ``(1, D)``."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.inner = nn.Linear(features, hidden)
        self.query = _learned_queries(1, hidden)

    def features(self, key: Float[Tensor, "*batch K F"]) -> Float[Tensor, "*batch K D"]:
        return torch.tanh(_linear(self.inner, key))


class Gated(nn.Module):
    """e_j = wᵀ (tanh(V h_j) ∘ σ(U h_j)):  ``inner`` is V, ``gate`` U, both ``(D, F)``, and
    ``query`` w ``(1, D)``."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.inner = nn.Linear(features, hidden, bias=False)
        self.gate = nn.Linear(features, hidden, bias=False)
        self.query = _learned_queries(1, hidden)

    def features(self, key: Float[Tensor, "*batch K F"]) -> Float[Tensor, "*batch K D"]:
        return torch.tanh(_linear(self.inner, key)) * torch.sigmoid(_linear(self.gate, key))


class Structured(nn.Module):
    """A = softmax(W_s2 tanh(W_s1 Hᵀ)):  ``inner`` is W_s1 ``(D, F)``, ``query`` W_s2 ``(r, D)``."""

    def __init__(self, features: int, hidden: int, rows: int) -> None:
        super().__init__()
        self.inner = nn.Linear(features, hidden, bias=False)
        self.query = _learned_queries(rows, hidden)

    def features(self, key: Float[Tensor, "*batch K F"]) -> Float[Tensor, "*batch K D"]:
        return torch.tanh(_linear(self.inner, key))


class Fixed(nn.Module):
    """e_j = tanh(h_j·w + b_j):  ``weight`` is w ``(F, 1)``, ``bias`` b ``(K, 1)``, as in Keras."""

    query: Tensor

    def __init__(self, features: int, length: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features, 1).normal_(std=0.05))
        self.bias = nn.Parameter(torch.zeros(length, 1))
        self.register_buffer("query", torch.ones(1, 1), persistent=False)

    def features(self, key: Float[Tensor, "*batch K F+1"]) -> Float[Tensor, "*batch K 1"]:
        # b_j came with the key: a score is asked about some keys, and not at which places.
        vector, bias = key[..., :-1], key[..., -1:]
        return torch.tanh(vector @ self.weight.to(key.dtype) + bias)


class Multihead(nn.Module):
    """e_ij = u_iᵀ h_j / √F:  ``query`` is u ``(H, F)``, and ``value`` the heads' W_V
    ``(H, F/H, F)``."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        if features % heads:
            raise RangeError(
                f"form='multihead' gives each of {heads} heads an equal share of the features, "
                f"and {features} features are no multiple of {heads}"
            )
        self.query = nn.Parameter(torch.empty(heads, features).normal_())
        self.value = nn.Parameter(torch.empty(heads, features // heads, features))
        nn.init.uniform_(self.value, -1 / math.sqrt(features), 1 / math.sqrt(features))

    def features(self, key: Float[Tensor, "*batch K F"]) -> Float[Tensor, "*batch K F"]:
        return key / math.sqrt(key.shape[-1])

    def joined(self, pooled: Float[Tensor, "*batch H F"]) -> Float[Tensor, "*batch F"]:
        """[head_1; …; head_H]. To project what was pooled is to pool what was projected."""
        return torch.einsum("...hf,hvf->...hv", pooled, self.value.to(pooled.dtype)).flatten(-2)


FORMS: dict[str, type[nn.Module]] = {
    "length_free": LengthFree,
    "fixed": Fixed,
    "gated": Gated,
    "structured": Structured,
    "multihead": Multihead,
}
OPTIONS = {
    "length_free": ("hidden",),
    "fixed": ("length",),
    "gated": ("hidden",),
    "structured": ("hidden", "rows"),
    "multihead": ("heads",),
}
"""What each form is made of besides F."""


class AttentionPooling(nn.Module):
    """A sequence as one vector: Σ_j α_j h_j, α = softmax(e), with a score of each h_j alone.

        length_free   e_j = vᵀ tanh(W h_j + b)
        fixed         e_j = tanh(h_j·w + b_j)                    a bias per position: one length
        gated         e_j = wᵀ (tanh(V h_j) ∘ σ(U h_j))
        structured    A = softmax(W_s2 tanh(W_s1 Hᵀ)), r rows    with ``penalty`` ‖AAᵀ − I‖²_F
        multihead     [head_1; …; head_H], head_i = Σ_j α_ij W_V,i h_j, e_ij = u_iᵀ h_j / √F

    Each is attention of a learned query (v, 1, w, the rows of W_s2, u_i) over keys that passed a
    layer, or, with "multihead", over the h_j themselves.

    Source:  length_free: Yang et al. 2016, "Hierarchical attention networks for document
             classification" (NAACL), eq. 5–7; fixed: the attention layer of the Keras tutorials;
             gated: Ilse, Tomczak, Welling 2018 (arXiv:1802.04712), eq. 9; structured: Lin et al.
             2017 (arXiv:1703.03130), eq. 6 and 8; multihead: Vaswani et al. 2017
             (arXiv:1706.03762), §3.2.2, with learned queries as in Lee et al. 2019
             (arXiv:1810.00825), §3.2
    Departs: padding takes no part (the Keras layer of the tutorials looks at it); a sequence of
             nothing gives zeros; initialised as torch's linear layers are, but ``fixed`` as in
             the tutorials, w from N(0, 0.05²) and b = 0; a head's u_i is its learned query and
             W_K,i in one (their product is all that the score sees), W_O is what follows
    Cost:    O(K·F·D) time (fixed: O(K·F); multihead: O(H·K·F + F²)), memory O(K·(F + D))

    Args:
        features: F, of each h_j.
        form: "length_free", "fixed", "gated", "structured" or "multihead".
        hidden: D of the inner layer; None: F. Not of "fixed" and "multihead".
        length: K of "fixed", tokens; shorter sequences are padded to it.
        rows: r of "structured": how many vectors.
        heads: H of "multihead", of which F is a multiple.
        normalizer: as in ``attend``.

    Raises:
        UnknownName: no form is called so.
        KindError: an option that the form lacks, or has no use for.
        RangeError: a size below 1.

    >>> import torch
    >>> from regard import masks
    >>> pooling = AttentionPooling(6)
    >>> pooling(torch.zeros(2, 5, 6), mask=masks.padding([5, 3])).shape
    torch.Size([2, 6])
    """

    def __init__(
        self,
        features: int,
        *,
        form: str = "length_free",
        hidden: int | None = None,
        length: int | None = None,
        rows: int | None = None,
        heads: int | None = None,
        normalizer: Normalizer | str = "softmax",
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise UnknownName(f"no pooling is called {form!r}; the forms are {', '.join(FORMS)}")
        given = {"hidden": hidden, "length": length, "rows": rows, "heads": heads}
        if hidden is None and "hidden" in OPTIONS[form]:
            given["hidden"] = features
        made: dict[str, int] = {k: v for k, v in given.items() if v is not None}
        if set(made) != set(OPTIONS[form]):
            raise KindError(
                f"form={form!r} is made of {' and '.join(OPTIONS[form])}, "
                f"and got {', '.join(made) or 'nothing'}"
            )
        sizes("AttentionPooling", features=features, **made)
        self.n_features, self.length = features, length
        self.one = form not in ("structured", "multihead")
        self.form = FORMS[form](features, **made)
        self.normalizer = named_normalizer(normalizer)

    def forward(
        self,
        sequence: Float[Tensor, "*batch K F"],
        *,
        mask: Mask | None = None,
        return_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """``(*batch, F)``, and the weights ``(*batch, K)`` if asked; "structured" gives
        ``(*batch, r, F)`` and ``(*batch, r, K)``, "multihead" weights ``(*batch, H, K)``.

        Args:
            sequence: H.
            mask: which of its vectors take part: ``masks.padding(lengths)`` of the first
                dimensions of the batch, or any other.
            return_weights: give the weights too.

        Raises:
            ShapeError: other features than F, or, with "fixed", another length than K.
        """
        key = self._key(sequence)
        read: Any = attend(
            self._query,
            key,
            sequence,
            score=_OfKeys(self.form),
            mask=mask,
            normalizer=settled(self.normalizer, training=self.training),
            return_weights=return_weights,
        )
        pooled, weights = read if return_weights else (read, None)
        if self.one:
            pooled = pooled[..., 0, :]
            weights = None if weights is None else weights[..., 0, :]
        if isinstance(self.form, Multihead):
            pooled = self.form.joined(pooled)
        return pooled if weights is None else (pooled, weights)

    @staticmethod
    def penalty(weights: Float[Tensor, "*batch r K"]) -> Float[Tensor, "*batch"]:
        """‖AAᵀ − I‖²_F for each sequence, which the paper adds to the loss times a coefficient:
        small where rows look at different places, each at few.

        >>> import torch
        >>> AttentionPooling.penalty(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        tensor(2.)
        """
        rows = torch.eye(weights.shape[-2], dtype=weights.dtype, device=weights.device)
        return (weights @ weights.mT - rows).square().sum((-2, -1))

    @property
    def _query(self) -> Tensor:
        return cast(Tensor, self.form.query)

    def _key(self, sequence: Tensor) -> Tensor:
        shape = tuple(sequence.shape)
        if len(shape) < 2 or shape[-1] != self.n_features:
            raise ShapeError(
                f"this pooling wants a sequence (*batch, K, {self.n_features}), "
                f"and got {shape_text(shape)}"
            )
        if not isinstance(self.form, Fixed):
            return sequence
        if shape[-2] != self.length:
            raise ShapeError(
                f"form='fixed' has a bias for each of {self.length} positions, and the sequence "
                f"has {shape[-2]}: pad it and give mask=masks.padding(lengths), "
                "or take form='length_free'"
            )
        bias = self.form.bias.to(sequence.dtype).expand(*shape[:-1], 1)
        return torch.cat([sequence, bias], -1)


class _OfKeys(Score):
    """vᵀ f(h): the engine calls f, once it has put what nobody may see out of the way."""

    def __init__(self, form: Any) -> None:
        self.form = form

    def lower(self, query: Any, key: Any) -> InnerProduct:
        return InnerProduct(query, self.form.features(key), 1.0)


def _linear(layer: nn.Linear, x: Tensor) -> Tensor:
    # Engines compute the scores of halves in float32.
    bias = None if layer.bias is None else layer.bias.to(x.dtype)
    return F.linear(x, layer.weight.to(x.dtype), bias)


def _learned_queries(rows: int, features: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(rows, features).uniform_(-1, 1) / math.sqrt(features))
