"""DRAW's window: a grid of Gaussian filters over an image, to read and to write."""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.errors import RangeError, ShapeError
from regard.grid import shape_text
from regard.nn.refusals import sizes

SHARPEST, WIDEST = -16.0, 32.0
"""Between these is log σ²: from σ = 0.0003 pixels, which no image tells from a point, to 9 million,
which none tells from evenness."""

FURTHEST = 1000.0
"""g̃ is no further from 0: a thousand times half the image."""

LARGEST = 16.0
"""log δ̃ and log γ are no larger, log γ no smaller than −16: 9 million, or a share of it."""


class GaussianWindow(NamedTuple):
    """Where a glimpse looks: the filterbanks F_X ``(*batch, N, A)`` and F_Y ``(*batch, N, B)``,
    whose rows sum to 1, and the intensity γ ``(*batch,)``.

    ``window.read(image)`` and ``window.write(patch)`` are the two uses. Channels, or several images
    that are looked at in one place, stand between the batch and the rows of the image.
    """

    x_filters: Tensor
    y_filters: Tensor
    intensity: Tensor

    def read(
        self, image: Float[Tensor, "*batch_and_channels B A"]
    ) -> Float[Tensor, "*batch_and_channels N N"]:
        """γ F_Y x F_Xᵀ: the patch under the grid.

        Raises:
            ShapeError: an image of another size, or of another batch, than the window's.
        """
        x, y, intensity = self._beside(image, (self.y_filters, self.x_filters), "image", "B, A")
        return intensity * (y @ image @ x.mT)

    def write(
        self, patch: Float[Tensor, "*batch_and_channels N N"]
    ) -> Float[Tensor, "*batch_and_channels B A"]:
        """(1/γ) F_Yᵀ w F_X: the patch laid on an image of zeros, where the grid is.

        Raises:
            ShapeError: a patch of another size, or of another batch, than the window's.
        """
        x, y, intensity = self._beside(
            patch, (self.y_filters.mT, self.x_filters.mT), "patch", "N, N"
        )
        return (y.mT @ patch @ x) / intensity

    def _beside(
        self, array: Tensor, filters: tuple[Tensor, Tensor], what: str, letters: str
    ) -> tuple[Tensor, Tensor, Tensor]:
        """F_X, F_Y and γ with a dimension of 1 for each channel dimension of the array."""
        batch = tuple(self.intensity.shape)
        size = tuple(bank.shape[-1] for bank in filters)
        shape, rank = tuple(array.shape), len(batch)
        if len(shape) < rank + 2 or shape[:rank] != batch or shape[-2:] != size:
            lead = "".join(f"{n}, " for n in batch)
            raise ShapeError(
                f"this window wants a {what} (*batch, *channels, {letters}) = "
                f"({lead}…, {size[0]}, {size[1]}), and got {shape_text(shape)}"
            )
        ones = (1,) * (len(shape) - rank - 2)
        x, y = (bank.reshape(*batch, *ones, *bank.shape[-2:]) for bank in self[:2])
        return x, y, self.intensity.reshape(*batch, *ones, 1, 1)


class GaussianGlimpse(nn.Module):
    """DRAW's selective attention: where a state looks at an image, as a grid of N×N Gaussians.

        (g̃_X, g̃_Y, log σ², log δ̃, log γ) = W h
        g_X = (A + 1)/2 (g̃_X + 1),  g_Y = (B + 1)/2 (g̃_Y + 1),  δ = (max(A, B) − 1)/(N − 1) δ̃
        μ_X^i = g_X + (i − N/2 − 0.5) δ,  likewise μ_Y^j
        F_X[i, a] = exp(−(a − μ_X^i)² / (2σ²)) / Z_X^i,  likewise F_Y[j, b]
        read  γ F_Y x F_Xᵀ         write  (1/γ) F_Yᵀ w F_X

    Filters i = 1 … N and pixels a = 1 … A, b = 1 … B are counted from 1, as these formulas need it:
    g̃ = 0 is then the middle of the image, and δ̃ = 1 spreads the grid over all of it. A glimpse
    that reads and one that writes are two layers, each with its own W.

    Source:  Gregor et al. 2015 (arXiv:1502.04623), §3.2–3.3, eq. 19–29
    Departs: W h has a bias; Z is exact, by softmax, and has no ε (the rows of a filterbank sum to 1
             also where the grid is far outside the image, and then look at its edge, or evenly
             where float32 does not tell pixels apart); numbers are cut off, and have no gradient
             beyond: g̃ at ±1000, log σ² at −16 and 32, log δ̃ at 16, log γ at ±16 (float16: ±10)
    Cost:    O(N·(A + B)) for a window, O(N·A·B) to read or write with one; windows are computed in
             float32 at least, and rounded once

    Args:
        features: H, of h.
        height: B, rows of the image, pixels.
        width: A, columns of the image, pixels.
        size: N ≥ 2, filters in each direction.

    Raises:
        RangeError: N < 2 (δ divides by N − 1), or another size below 1.

    >>> import torch
    >>> window = GaussianGlimpse(4, height=28, width=20, size=5)(torch.zeros(3, 4))
    >>> patch = window.read(torch.zeros(3, 1, 28, 20))
    >>> patch.shape, window.write(patch).shape
    (torch.Size([3, 1, 5, 5]), torch.Size([3, 1, 28, 20]))
    """

    def __init__(self, features: int, *, height: int, width: int, size: int) -> None:
        super().__init__()
        sizes("GaussianGlimpse", features=features, height=height, width=width, size=size)
        if size < 2:
            raise RangeError(
                "GaussianGlimpse wants size ≥ 2, for the distance between filters is a share of "
                f"size − 1, and it is {size}"
            )
        self.features, self.height, self.width, self.size = features, height, width, size
        self.place = nn.Linear(features, 5)

    def forward(self, state: Float[Tensor, "*batch H"]) -> GaussianWindow:
        """The window of a state h.

        Raises:
            ShapeError: a state of other features than H.
        """
        if not state.ndim or state.shape[-1] != self.features:
            raise ShapeError(
                f"this glimpse wants a state (*batch, {self.features}), "
                f"and got {shape_text(tuple(state.shape))}"
            )
        return self.window(self.place(state))

    def window(self, numbers: Float[Tensor, "*batch 5"]) -> GaussianWindow:
        """The window of (g̃_X, g̃_Y, log σ², log δ̃, log γ), from wherever they come.

        >>> import torch
        >>> glimpse = GaussianGlimpse(1, height=5, width=5, size=3)
        >>> here = glimpse.window(torch.tensor([0.0, 0.0, -9.0, -0.693147, 0.0]))
        >>> image = torch.arange(25.0).view(5, 5)
        >>> here.read(image)  # 3 filters, δ = 4/2 · 0.5 = 1 pixel apart
        tensor([[ 6.,  7.,  8.],
                [11., 12., 13.],
                [16., 17., 18.]])
        """
        # Halves know no pixels above 256 (bfloat16), and no squares of distances (float16).
        wide = numbers.to(torch.promote_types(numbers.dtype, torch.float32))
        x, y, log_variance, log_stride, log_intensity = wide.unbind(-1)
        # Further out float32 does not tell pixels apart, and a row would look at all of them.
        x, y = x.clamp(-FURTHEST, FURTHEST), y.clamp(-FURTHEST, FURTHEST)
        most = min(LARGEST, math.log(torch.finfo(numbers.dtype).max) - 1)
        share = (max(self.width, self.height) - 1) / (self.size - 1)
        stride = share * log_stride.clamp(max=LARGEST).exp()
        spread = log_variance.clamp(SHARPEST, WIDEST).exp()
        window = GaussianWindow(
            filters((self.width + 1) / 2 * (x + 1), stride, spread, (self.size, self.width)),
            filters((self.height + 1) / 2 * (y + 1), stride, spread, (self.size, self.height)),
            log_intensity.clamp(-most, most).exp(),
        )
        return GaussianWindow(*(part.to(numbers.dtype) for part in window))


def filters(
    centre: Any, stride: Any, variance: Any, size: tuple[int, int]
) -> Float[Tensor, "*batch N A"]:
    """F ``(*batch, N, A)``: N Gaussians over A pixels, counted from 1, each of sum 1.

    Args:
        centre, stride, variance: of the grid, ``(*batch)``: pixels, and their squares.
        size: N and A.
    """
    count, pixels = (torch.arange(1, n + 1, dtype=centre.dtype, device=centre.device) for n in size)
    means = centre[..., None] + (count - size[0] / 2 - 0.5) * stride[..., None]
    distances = pixels - means[..., None]
    # Softmax divides by Z, and stays finite where every exp(…) is 0 in floating point.
    return torch.softmax(-distances.square() / (2 * variance[..., None, None]), -1)
