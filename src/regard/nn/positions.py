"""Where a token stands, told to layers that cannot count: sinusoids, a learned table, rotations.

All three take ``positions``, ``(T,)`` or one row per row of the batch, ``(*batch, T)``, aligned to
the leftmost dimensions; without it token i is at ``offset + i``. The offset is how many tokens a
cache holds already.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.errors import KindError, RangeError, ShapeError, UnknownName
from regard.grid import shape_text, traced
from regard.nn.refusals import integers

Layout = Literal["pairs", "halves"]


class SinusoidalPositions(nn.Module):
    """Adds waves of the position to each token, from short ones to long ones.

        PE(p, 2i)   = sin(p / base^(2i/E))
        PE(p, 2i+1) = cos(p / base^(2i/E))

    Source:  Vaswani et al. 2017 (arXiv:1706.03762), §3.5
    Departs: none; the paper multiplies embeddings by √E before this layer and drops out after it
    Cost:    O(T·E) time, for any position; nothing is stored

    Args:
        features: E, even.
        base: the longest wave is about 2π·base tokens.

    Raises:
        RangeError: an odd number of features, a base that is not above 0.

    >>> import torch
    >>> SinusoidalPositions(4)(torch.zeros(2, 4))
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.8415, 0.5403, 0.0100, 0.9999]])
    """

    def __init__(self, features: int, *, base: float = 10000.0) -> None:
        super().__init__()
        self.features, self.base = _even("SinusoidalPositions", features), _above_zero(base)

    def forward(
        self,
        tokens: Float[Tensor, "*batch T E"],
        positions: Int[Tensor, "*#batch T"] | None = None,
        *,
        offset: int = 0,
    ) -> Float[Tensor, "*batch T E"]:
        """``tokens + PE``."""
        _check("SinusoidalPositions", tokens, self.features)
        places = _places(tokens, positions, offset)
        angles = _angles(places, self.features, self.base)
        waves = torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)
        return tokens + waves.to(tokens.dtype)

    def extra_repr(self) -> str:
        return f"{self.features}, base={self.base:g}"


class LearnedPositions(nn.Module):
    """Adds a learned vector for each position.

    Source:  Gehring et al. 2017 (arXiv:1705.03122), §3.1; Vaswani et al. 2017, Table 3 row E
    Departs: none
    Cost:    O(T·E) time; ``length`` × E numbers are stored

    Args:
        length: how many positions there are, 0 … length − 1.
        features: E.

    Raises:
        RangeError: a length or a number of features below 1; in ``forward``, a position that the
            table does not have.

    >>> import torch
    >>> LearnedPositions(512, 4)(torch.zeros(2, 9, 4)).shape
    torch.Size([2, 9, 4])
    """

    def __init__(self, length: int, features: int) -> None:
        super().__init__()
        if length < 1 or features < 1:
            raise RangeError(
                "LearnedPositions wants at least 1 position of at least 1 feature, and got "
                f"{length} of {features}"
            )
        self.weight = nn.Parameter(torch.empty(length, features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.02)

    def forward(
        self,
        tokens: Float[Tensor, "*batch T E"],
        positions: Int[Tensor, "*#batch T"] | None = None,
        *,
        offset: int = 0,
    ) -> Float[Tensor, "*batch T E"]:
        """``tokens`` and the vectors of their positions, added."""
        length, features = self.weight.shape
        _check("LearnedPositions", tokens, features)
        if positions is None:
            first, last = offset, offset + tokens.shape[-2] - 1
            if tokens.shape[-2]:
                self._check_range(first, last, length)
            return tokens + self.weight[first : last + 1]
        places = _places(tokens, positions, offset)
        # Asking a GPU would make it wait; there the table itself refuses.
        if places.numel() and places.device.type == "cpu" and not traced(places):
            self._check_range(int(places.min()), int(places.max()), length)
        return tokens + self.weight[places]

    def _check_range(self, first: int, last: int, length: int) -> None:
        if first < 0 or last >= length:
            wrong = first if first < 0 else last
            raise RangeError(
                f"LearnedPositions has {length} positions, 0 … {length - 1}, and position {wrong} "
                "was asked for: make the table longer, or the sequence shorter"
            )

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class RotaryPositions(nn.Module):
    """Turns pairs of features by angles that grow with the position: a product of a turned query
    and a turned key depends on how far they are apart, not on where they are.

        (x_2i, x_2i+1) turned by p · base^(−2i/D),  i = 0 … D/2 − 1

    Source:  Su et al. 2021 (arXiv:2104.09864), §3.2.2, eq. 15 and 34
    Departs: none; with ``layout="halves"`` feature i is paired with i + D/2, as many published
             weights want it
    Cost:    O(T·D) time for each head; nothing is stored, angles are computed in float64

    Args:
        features: D of a head, even.
        base: 10,000 in the paper.
        layout: "pairs" turns neighbours, as the paper does; "halves" i and i + D/2.

    Raises:
        RangeError: an odd number of features, a base that is not above 0.
        UnknownName: another layout.

    >>> import torch
    >>> RotaryPositions(2)(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    tensor([[1.0000, 0.0000],
            [0.5403, 0.8415]])
    """

    def __init__(self, features: int, *, base: float = 10000.0, layout: Layout = "pairs") -> None:
        super().__init__()
        self.features, self.base = _even("RotaryPositions", features), _above_zero(base)
        if layout not in ("pairs", "halves"):
            raise UnknownName(f"the layout of RotaryPositions is 'pairs' or 'halves': {layout!r}")
        self.layout = layout

    def forward(
        self,
        heads: Float[Tensor, "*batch T D"],
        positions: Int[Tensor, "*#batch T"] | None = None,
        *,
        offset: int = 0,
    ) -> Float[Tensor, "*batch T D"]:
        """Queries or keys, turned; the lengths of their vectors stay."""
        _check("RotaryPositions", heads, self.features)
        angles = _angles(_places(heads, positions, offset), self.features, self.base)
        # Halves are turned in float32 and rounded once.
        wide = heads.dtype if heads.dtype == torch.float64 else torch.float32
        cos, sin = angles.cos().to(wide), angles.sin().to(wide)
        apart, axis = ((-1, 2), -1) if self.layout == "pairs" else ((2, -1), -2)
        first, second = heads.to(wide).unflatten(-1, apart).unbind(axis)
        turned = torch.stack([first * cos - second * sin, first * sin + second * cos], axis)
        return turned.flatten(-2).to(heads.dtype)

    def extra_repr(self) -> str:
        return f"{self.features}, base={self.base:g}, layout={self.layout!r}"


def _places(tokens: Tensor, positions: Tensor | None, offset: int) -> Tensor:
    """Positions ``(T,)``, or ``(*batch, 1 …, T)`` so that they meet the leftmost dimensions."""
    count, lead = tokens.shape[-2], tokens.shape[:-2]
    if positions is None:
        return torch.arange(offset, offset + count, device=tokens.device)
    integers(positions, "positions (T,) or (*batch, T)")
    own = positions.shape[:-1]
    fits = len(own) <= len(lead) and all(
        have in (1, want) for have, want in zip(own, lead, strict=False)
    )
    if not positions.ndim or positions.shape[-1] != count or not fits:
        raise ShapeError(
            f"positions want (T,) = ({count},), or (*batch, T) with the leftmost dimensions of "
            f"{shape_text(tuple(tokens.shape))}, and came as {shape_text(tuple(positions.shape))}"
        )
    if offset:
        raise KindError("give positions or an offset, not both")
    between = (1,) * (len(lead) - len(own)) if own else ()
    return positions.long().reshape(*own, *between, count)  # of bytes torch makes a mask


def _angles(places: Tensor, features: int, base: float) -> Float[Tensor, "*batch T half"]:
    """p / base^(2i/features). In float32 a position of 100,000 could be off by half a degree."""
    exact = torch.float32 if places.device.type == "mps" else torch.float64
    exponents = torch.arange(0, features, 2, device=places.device, dtype=exact) / features
    return places[..., None].to(exact) * base**-exponents


def _check(who: str, tokens: Tensor, features: int) -> None:
    if tokens.ndim < 2 or tokens.shape[-1] != features:
        raise ShapeError(
            f"{who} wants (…, T, {features}), tokens of {features} features, and got "
            f"{shape_text(tuple(tokens.shape))}"
        )


def _even(who: str, features: int) -> int:
    if features < 2 or features % 2:
        raise RangeError(f"{who} pairs features, so their number is a multiple of 2: {features}")
    return features


def _above_zero(base: float) -> float:
    if not base > 0:
        raise RangeError(f"the base of the wave lengths is above 0: {base}")
    return float(base)
