"""How DRAW reads an image and writes on its canvas: through windows, or whole."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.nn.glimpse import FURTHEST, LARGEST, SHARPEST, WIDEST, GaussianGlimpse


class Places(NamedTuple):
    """Where windows stand, in pixels counted from 1 as in ``GaussianGlimpse``: centres, the
    distance δ between filters, σ of each, and the intensity γ."""

    x: Float[Tensor, "*steps B"]
    y: Float[Tensor, "*steps B"]
    stride: Float[Tensor, "*steps B"]
    sigma: Float[Tensor, "*steps B"]
    intensity: Float[Tensor, "*steps B"]


class Open(NamedTuple):
    """Two windows, open at once: the one that a step writes with, and the one that the next step
    reads with. ``patch`` is w/γ̂; places and logs are the windows' numbers, kind by kind."""

    places: Float[Tensor, "B 4"]
    logs: Float[Tensor, "B 6"]
    patch: Float[Tensor, "B M M"]
    write_x: Float[Tensor, "B M A"]
    write_y: Float[Tensor, "B M H"]
    read_x: Float[Tensor, "B N A"]
    read_y: Float[Tensor, "B N H"]
    intensity: Float[Tensor, "B 1"]


class Fixed(NamedTuple):
    """What is the same in every step: the images, weights, and numbers of the grids."""

    images: Tensor | None
    reading: Tensor
    reading_bias: Tensor
    saying: Tensor
    saying_bias: Tensor
    middle: Tensor
    offsets: Tensor
    pixels: Tensor
    outside: Tensor | None
    signs: Tensor
    least: Tensor
    most: Tensor


class Windows(nn.Module):
    """Selective attention: a window to read, a window to write, each from the decoder's state.

        read   r_t = γ [F_Y x F_Xᵀ, F_Y x̂_t F_Xᵀ]      from h^dec_{t−1}, N×N filters
        write  c_t = c_{t−1} + (1/γ̂) F̂_Yᵀ w_t F̂_X     from h^dec_t, M×M filters,  w_t = W h^dec_t

    The filters are those of two ``nn.GaussianGlimpse``, computed together: what a step writes with
    and what the next one reads with come from the same state.

    Cost:    O((N + M)·A·H) for an image of H×A pixels and step; a tenth of the time goes into the
             filters, a fifth where they are computed one after another

    Args:
        hidden: features of the decoder's state.
        height, width: of the image, pixels.
        read, write: N and M.
    """

    def __init__(self, hidden: int, height: int, width: int, *, read: int, write: int) -> None:
        super().__init__()
        self.height, self.width, self.read_size, self.write_size = height, width, read, write
        self.reading = GaussianGlimpse(hidden, height=height, width=width, size=read)
        self.writing = GaussianGlimpse(hidden, height=height, width=width, size=write)
        self.patch = nn.Linear(hidden, write * write)

    @property
    def features(self) -> int:
        """Of what is read."""
        return 2 * self.read_size**2

    def begin(self, images: Tensor | None, weight: Tensor, bias: Tensor) -> Fixed:
        """Before the first step.

        Args:
            images: ``(B, H, A)``; None where nothing will be read.
            weight: ``(features, 4 hidden)``, of the encoder's gates for what is read.
            bias: of these gates.
        """
        like: Any = {"device": bias.device, "dtype": torch.promote_types(bias.dtype, torch.float32)}
        sides = torch.tensor([self.width, self.height], **like)
        longest = max(self.height, self.width)
        pixels = torch.arange(1, longest + 1, **like)
        sizes = torch.tensor([[self.read_size], [self.write_size]], **like)
        # Rows beyond the smaller grid's are computed, and not used.
        count = max(self.read_size, self.write_size)
        offsets = torch.arange(1, count + 1, **like) - sizes / 2 - 0.5
        outside = pixels > sides[:, None, None, None]
        lowest = [SHARPEST, SHARPEST, -torch.inf, -torch.inf, -LARGEST, -LARGEST]
        return Fixed(
            images,
            weight,
            bias,
            *self._saying(),
            (sides[:, None] + 1) / 2,
            offsets * ((longest - 1) / (sizes - 1)),
            pixels,
            outside if self.height != self.width else None,
            torch.tensor([-1.0, -1.0, 1.0, 1.0, 1.0, -1.0], **like),
            torch.tensor(lowest, **like),
            torch.tensor([WIDEST, WIDEST, *[LARGEST] * 4], **like),
        )

    def open(self, state: Float[Tensor, "B hidden"], fixed: Fixed) -> Open:
        """The windows of a state of the decoder."""
        said = torch.addmm(fixed.saying_bias, state, fixed.saying)
        patch, places, logs = said.split((self.write_size**2, 4, 6), 1)
        places = places.to(fixed.pixels.dtype).clamp(-FURTHEST, FURTHEST)
        logs = logs.to(fixed.pixels.dtype).clamp(fixed.least, fixed.most)
        # 1/σ², δ̃, γ and 1/γ̂
        precision, stride, intensity, fading = (logs * fixed.signs).exp().split((2, 2, 1, 1), 1)
        # (batch, axis, window, filter, pixel) from here on
        centres = torch.addcmul(fixed.middle, places.view(-1, 2, 2), fixed.middle)
        means = torch.addcmul(centres[..., None], stride[:, None, :, None], fixed.offsets)
        sharpness = (-0.5 * precision)[:, None, :, None, None]
        scores = (fixed.pixels - means[..., None]).square() * sharpness
        if fixed.outside is not None:
            scores = scores.masked_fill(fixed.outside, -torch.inf)
        x, y = torch.softmax(scores, -1).to(patch.dtype).unbind(1)
        x, y = x[..., : self.width], y[..., : self.height]
        read, write = self.read_size, self.write_size
        return Open(
            places,
            logs,
            (patch * fading.to(patch.dtype)).view(-1, write, write),
            x[:, 1, :write],
            y[:, 1, :write],
            x[:, 0, :read],
            y[:, 0, :read],
            intensity.to(patch.dtype),
        )

    def read(self, canvas: Tensor, window: Open, fixed: Fixed) -> Tensor:
        """W r_t + b ``(B, 4 hidden)``: what the encoder's gates have of reading.

        In r_t a row of the image's patch stands beside that row of the error's.
        """
        image = fixed.images
        assert image is not None
        both = torch.cat([image, image - canvas.sigmoid()], 2)
        rows = torch.bmm(window.read_y, both).view(-1, 2 * self.read_size, self.width)
        patches = torch.bmm(rows, window.read_x.mT).view(-1, self.features)
        return torch.addmm(fixed.reading_bias, patches * window.intensity, fixed.reading)

    def write(self, canvas: Tensor, window: Open) -> Tensor:
        """c_t from c_{t−1}."""
        return torch.baddbmm(canvas, window.write_y.mT, torch.bmm(window.patch, window.write_x))

    def _saying(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of all that is said from a state, in one product: w, then the windows'
        numbers g̃_X g̃_Y log σ² log δ̃ log γ, of each first what reads and then what writes."""
        kinds = [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]
        read, write = self.reading.place, self.writing.place
        weight = torch.cat([read.weight, write.weight])[kinds]
        bias = torch.cat([read.bias, write.bias])[kinds]
        return (
            torch.cat([self.patch.weight, weight]).t(),
            torch.cat([self.patch.bias, bias]),
        )

    def places(self, opened: list[Open], *, write: bool) -> Places:
        """Where the windows of several steps stood."""
        which = int(write)
        g = torch.stack([each.places for each in opened])
        logs = torch.stack([each.logs for each in opened])
        glimpse = self.writing if write else self.reading
        share = (max(self.width, self.height) - 1) / (glimpse.size - 1)
        return Places(
            (self.width + 1) / 2 * (g[..., which] + 1),
            (self.height + 1) / 2 * (g[..., 2 + which] + 1),
            share * logs[..., 2 + which].exp(),
            (logs[..., which] / 2).exp(),
            logs[..., 4 + which].exp(),
        )


class Whole(nn.Module):
    """No attention: all of the image is read, all of the canvas is written on.

        read   r_t = [x, x̂_t]
        write  c_t = c_{t−1} + W h^dec_t

    Cost:    O(H·A·hidden) for an image of H×A pixels and step; what it reads of x itself is the
             same in every step, and is computed once

    Args:
        hidden: features of the decoder's state.
        height, width: of the image, pixels.
    """

    def __init__(self, hidden: int, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width
        self.patch = nn.Linear(hidden, height * width)

    @property
    def features(self) -> int:
        """Of what is read."""
        return 2 * self.height * self.width

    def begin(self, images: Tensor | None, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Before the first step; arguments are those of ``Windows.begin``.

        W [x, x − σ(c)] is (W₁ + W₂) x, which no step changes, and −W₂ σ(c).
        """
        if images is None:
            return bias, weight
        image, error = weight.chunk(2)
        return torch.addmm(bias, images.flatten(1), image + error), -error

    def open(self, state: Float[Tensor, "B hidden"], fixed: Any) -> Tensor:
        """W h ``(B, H, A)``, what is written."""
        return self.patch(state).view(-1, self.height, self.width)

    def read(self, canvas: Tensor, window: Tensor, fixed: tuple[Tensor, Tensor]) -> Tensor:
        """W r_t + b ``(B, 4 hidden)``: what the encoder's gates have of reading."""
        unchanged, weight = fixed
        return torch.addmm(unchanged, canvas.sigmoid().flatten(1), weight)

    def write(self, canvas: Tensor, window: Tensor) -> Tensor:
        """c_t from c_{t−1}."""
        return canvas + window
