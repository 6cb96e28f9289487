"""What DRAW says of one image: its drawing step by step, and how many nats it takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from regard.nn.glimpse import filters
from regard.systems.draw import Places
from regard.view import page, walk, walk_terminal
from regard.view.attended import Attended
from regard.view.walk import Frames, Walk


@dataclass(frozen=True)
class Imagined:
    """An image that was imagined, in steps."""

    walk: Walk

    @property
    def line(self) -> str:
        """The image, a pixel white from ½ on."""
        last = Walk(self.walk.title, self.walk.canvases[-1:])
        return walk_terminal.terminal(last, color=False)

    @property
    def title(self) -> str:
        return self.walk.title

    def as_json(self) -> dict[str, Any]:
        return {"image": self.walk.title, "drawn": self.walk.canvases[-1].round(3).tolist()}

    def weights_as_json(self) -> dict[str, Any]:
        """The windows, step by step: middle, distance of neighbouring filters and σ, in pixels, of
        which 1 is the middle of the first."""
        walked = self.walk
        found: dict[str, Any] = {"image": walked.title, "steps": len(walked.canvases)}
        for name, frames in (("reads", walked.reads), ("writes", walked.writes)):
            if frames is not None:
                found[name] = [
                    dict(zip(Frames._fields[:4], map(_rounded, numbers), strict=True))
                    for numbers in zip(*frames[:4], strict=True)
                ]
        return found

    def terminal(self) -> str:
        return walk_terminal.terminal(self.walk)

    def looked(self) -> list[Attended]:
        walked, found = self.walk, []
        steps, high, wide = walked.canvases.shape
        for verb, frames, images in (
            ("read", walked.reads, None if walked.image is None else [walked.image]),
            ("written", walked.writes, walked.canvases),
        ):
            if frames is not None and images is not None:
                found.append(
                    Attended(
                        tuple(f"{y}, {x}" for y, x in np.ndindex(high, wide)),
                        tuple(str(step + 1) for step in range(steps)),
                        through(frames, high, wide),
                        title=f"{self.title}: what is {verb}, step by step",
                        about="How much each pixel counts in the window of a step; all filters "
                        "together, of sum 1.",
                        images=[walk.grey(image) for image in images],
                        grid=(high, wide),
                        view="image",
                    )
                )
        return found

    def figure(self) -> str:
        return page.figure(walk.svg(self.walk), self.title)

    def save(self, path: Path) -> None:
        from regard.view import walk_picture

        walk_picture.save(self.walk, path)


@dataclass(frozen=True)
class Drawing(Imagined):
    """An image that was read and drawn again, and what that took: nats of the reconstruction and of
    the latent numbers."""

    reconstruction: float
    latent: float

    @property
    def bound(self) -> float:
        return self.reconstruction + self.latent

    @property
    def pixels_right(self) -> float:
        """Share of the pixels that are on the right side of ½."""
        assert self.walk.image is not None
        return float(((self.walk.canvases[-1] > 0.5) == (self.walk.image > 0.5)).mean())

    @property
    def line(self) -> str:
        """The image's name, the bound (nats), its two parts, and the share of right pixels, a tab
        between them."""
        nats = "\t".join(f"{x:.2f}" for x in (self.bound, self.reconstruction, self.latent))
        return f"{self.walk.title}\t{nats}\t{self.pixels_right:.4f}"

    @property
    def title(self) -> str:
        return f"{self.walk.title}: {self.bound:.1f} nats, {self.pixels_right:.1%} of pixels right"

    def as_json(self) -> dict[str, Any]:
        numbers = {
            "bound": self.bound,
            "reconstruction": self.reconstruction,
            "latent": self.latent,
            "pixels_right": self.pixels_right,
        }
        return super().as_json() | {name: round(value, 6) for name, value in numbers.items()}


def through(frames: Frames, high: int, wide: int) -> Float[np.ndarray, "T pixels"]:
    """How much each pixel counts in the window of each step, row by row of the image."""
    x, y, stride, sigma = (torch.from_numpy(np.array(part)) for part in frames[:4])
    across = filters(x, stride, sigma.square(), (frames.size, wide)).mean(-2)
    down = filters(y, stride, sigma.square(), (frames.size, high)).mean(-2)
    return (down[:, :, None] * across[:, None]).flatten(1).numpy()


def frames(places: Places | None, row: int, size: int) -> Frames | None:
    """The windows of one image of a batch."""
    if places is None:
        return None
    x, y, stride, sigma, _ = (part[:, row].double().numpy() for part in places)
    return Frames(x, y, stride, sigma, size)


def _rounded(number: float) -> float:
    return round(float(number), 3)
