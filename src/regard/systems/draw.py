"""DRAW: images read and drawn step by step, through windows that move, and imagined anew."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.data.seen_batch import SeenBatch
from regard.errors import KindError, RangeError, ShapeError
from regard.grid import shape_text
from regard.systems.draw_looks import Places, Whole, Windows
from regard.systems.loss import Loss

READ, WRITE = 5, 8
"""Filters in each direction of the windows, where no number is given."""


@dataclass(frozen=True)
class Config:
    """What DRAW is made of.

    Attributes:
        steps: T, how often it reads and writes.
        hidden: features of the states of both LSTMs.
        latent: numbers that are drawn in each step.
        attention: whether it reads and writes through windows; if not, it reads all of the image
            and writes on all of the canvas, which is the paper's DRAW without attention.
        read: N, of the N×N filters that it reads with; null: 5 with attention.
        write: of those that it writes with; null: 8 with attention.
    """

    steps: int = 8
    hidden: int = 128
    latent: int = 10
    attention: bool = True
    read: int | None = None
    write: int | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "hidden", "latent"):
            if getattr(self, name) < 1:
                raise RangeError(f"model.{name} is at least 1: {getattr(self, name)}")
        for name in ("read", "write"):
            size = getattr(self, name)
            if size is not None and not self.attention:
                raise KindError(
                    f"model.{name}={size} is the size of a window, and with model.attention=false "
                    "there is none"
                )
            if size is not None and size < 2:
                raise RangeError(f"model.{name} is at least 2, for filters stand apart: {size}")


class Walk(NamedTuple):
    """What happened with a batch of images.

    Attributes:
        canvas: c_T; the image is drawn with probabilities σ(c_T).
        latent: nats an image that the numbers drawn cost; 0 where none was read.
        canvases: c_1 … c_T, where they were asked for.
        reads: where it read in each step, where that was asked for and there are windows.
        writes: where it wrote, likewise.
    """

    canvas: Float[Tensor, "B H W"]
    latent: Float[Tensor, " B"]
    canvases: Float[Tensor, "T B H W"] | None = None
    reads: Places | None = None
    writes: Places | None = None


class Draw(nn.Module):
    """DRAW, the deep recurrent attentive writer.

        x̂_t = x − σ(c_{t−1})                        what is still wrong
        r_t = read(x, x̂_t, h^dec_{t−1})
        h^enc_t = LSTM([r_t; h^dec_{t−1}], h^enc_{t−1})
        z_t ~ N(μ_t, σ_t²),  μ_t = W h^enc_t,  σ_t = exp(W h^enc_t)
        h^dec_t = LSTM(z_t, h^dec_{t−1})
        c_t = c_{t−1} + write(h^dec_t)

        loss = −log Bernoulli(x | σ(c_T)) + Σ_t ½ Σ_i (μ² + σ² − log σ² − 1)    nats an image

    The loss is an upper bound of −log p(x), in the mean over z. To imagine an image, z_t is drawn
    from N(0, 1), and nothing is read.

    Source:  Gregor et al. 2015 (arXiv:1502.04623), eq. 3–17; read and write by ``draw_looks``
    Departs: forget gates begin with a bias of 1, and c_0 with the log-odds of the share of white
             pixels, so that training is short; weights as torch begins them; all is computed in
             float32 at least, whatever the precision, for halves do not tell pixels apart
    Cost:    O(hidden²) an image and step besides reading and writing

    Args:
        config: what it is made of.
        height, width: of the images, pixels.
        white: share of their pixels that are white, 0 … 1.
    """

    def __init__(self, config: Config, height: int, width: int, white: float = 0.5) -> None:
        super().__init__()
        self.config, self.height, self.width = config, height, width
        hidden, latent = config.hidden, config.latent
        self.look = (
            Windows(hidden, height, width, read=config.read or READ, write=config.write or WRITE)
            if config.attention
            else Whole(hidden, height, width)
        )
        self.encoder = nn.Linear(self.look.features + 2 * hidden, 4 * hidden)
        self.latent = nn.Linear(hidden, 2 * latent)
        self.decoder = nn.Linear(latent + hidden, 4 * hidden)
        # h^enc_0, its cell, h^dec_0, its cell
        self.states = nn.Parameter(torch.zeros(4, hidden))
        logit = torch.tensor(white).clamp(0.001, 0.999).logit()
        self.canvas = nn.Parameter(logit.repeat(height, width))
        with torch.no_grad():
            for gates in (self.encoder, self.decoder):
                gates.bias[hidden : 2 * hidden] = 1.0

    def forward(
        self,
        images: Float[Tensor, "B H W"],
        noise: Float[Tensor, "T B Z"] | None = None,
        *,
        keep: bool = False,
    ) -> Walk:
        """Read images and draw them again.

        Args:
            images: 0 or 1 in each pixel.
            noise: from N(0, 1), by which z_t differs from μ_t, in units of σ_t; None: drawn.
            keep: whether to say where windows stood, and what was on the canvas, in each step.

        Raises:
            ShapeError: images of another size, or noise that does not fit them.
        """
        size = tuple(images.shape)
        if len(size) != 3 or size[1:] != (self.height, self.width):
            raise ShapeError(
                f"this DRAW wants images (B, {self.height}, {self.width}), and got "
                f"{shape_text(size)}"
            )
        return self._walk(images.to(self._dtype), self._noise(noise, size[0]), keep)

    def dream(self, noise: Float[Tensor, "T B Z"], *, keep: bool = False) -> Walk:
        """Imagine images: z_t is the noise, from N(0, 1).

        Raises:
            ShapeError: noise of another shape.
        """
        return self._walk(None, self._noise(noise, noise.shape[1]), keep)

    def loss(self, batch: SeenBatch) -> Loss:
        """Nats an image: the bound."""
        images = batch.images.to(self._dtype)
        walk = self(images)
        nats = reconstruction(walk.canvas, images) + walk.latent
        return Loss(nats.sum(), nats.new_tensor(float(len(nats))))

    def _walk(self, images: Tensor | None, noise: Tensor, keep: bool) -> Walk:
        # The windows' places need float32, whatever the rest of a training is computed in.
        with torch.autocast(noise.device.type, enabled=False):
            return self._steps(images, noise, keep)

    def _steps(self, images: Tensor | None, noise: Tensor, keep: bool) -> Walk:
        look, hidden = self.look, self.config.hidden
        reading, encoder = self.encoder.weight.t().split((look.features, 2 * hidden))
        decoder, latent = self.decoder.weight.t(), self.latent.weight.t()
        fixed: Any = look.begin(images, reading, self.encoder.bias)
        states = (state.expand(noise.shape[1], -1) for state in self.states.unbind())
        encoded, encoder_cell, decoded, decoder_cell = states
        canvas = self.canvas.expand(noise.shape[1], -1, -1)
        window: Any = look.open(decoded, fixed)
        windows, said, canvases = [window], [], []
        for z in noise.unbind():
            if images is not None:
                gates = torch.addmm(
                    look.read(canvas, window, fixed), torch.cat([decoded, encoded], 1), encoder
                )
                encoded, encoder_cell = _lstm(gates, encoder_cell)
                mean, log_sigma = torch.addmm(self.latent.bias, encoded, latent).chunk(2, 1)
                z = torch.addcmul(mean, log_sigma.exp(), z)
                said.append((mean, log_sigma))
            gates = torch.addmm(self.decoder.bias, torch.cat([z, decoded], 1), decoder)
            decoded, decoder_cell = _lstm(gates, decoder_cell)
            window = look.open(decoded, fixed)
            canvas = look.write(canvas, window)
            if keep:
                windows.append(window)
                canvases.append(canvas)
        nats = (
            divergence(*map(torch.stack, zip(*said, strict=True)))
            if said
            else noise.new_zeros(noise.shape[1])
        )
        walk = Walk(canvas, nats)
        if not keep:
            return walk
        walk = walk._replace(canvases=torch.stack(canvases))
        if isinstance(look, Whole):
            return walk
        return walk._replace(
            reads=look.places(windows[:-1], write=False) if said else None,
            writes=look.places(windows[1:], write=True),
        )

    def _noise(self, noise: Tensor | None, batch: int) -> Tensor:
        shape = (self.config.steps, batch, self.config.latent)
        if noise is None:
            return torch.randn(shape, device=self.states.device, dtype=self._dtype)
        if tuple(noise.shape) != shape:
            raise ShapeError(
                f"the noise of {batch} images is (T, B, Z) = {shape_text(shape)}, and got "
                f"{shape_text(tuple(noise.shape))}"
            )
        return noise.to(self._dtype)

    @property
    def _dtype(self) -> torch.dtype:
        return self.states.dtype


def reconstruction(
    canvas: Float[Tensor, "B H W"], images: Float[Tensor, "B H W"]
) -> Float[Tensor, " B"]:
    """−log Bernoulli(x | σ(c)), nats an image."""
    return F.binary_cross_entropy_with_logits(canvas, images, reduction="none").sum((1, 2))


def divergence(
    mean: Float[Tensor, "T B Z"], log_sigma: Float[Tensor, "T B Z"]
) -> Float[Tensor, " B"]:
    """Σ_t ½ Σ_i (μ² + σ² − log σ² − 1), nats an image: from N(μ, σ²) to N(0, 1)."""
    terms = mean.square() + (2 * log_sigma).exp() - 2 * log_sigma - 1
    return terms.sum((0, 2)) / 2


def _lstm(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """The state and the cell that follow; gates are input, forget, output, and what is new."""
    opening, new = gates.split((3 * cell.shape[1], cell.shape[1]), 1)
    enter, keep, leave = opening.sigmoid().chunk(3, 1)
    cell = torch.addcmul(keep * cell, enter, new.tanh())
    return leave * cell.tanh(), cell
