"""A trained DRAW: images in, their drawings and the windows' walks out; and images imagined."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import images
from regard.data.picture import Picture
from regard.data.seen import Seen
from regard.data.seen_batch import SeenEncoding
from regard.errors import RangeError
from regard.runs import drawing_scores
from regard.runs.drawing_answers import Drawing, Imagined, frames
from regard.runs.drawing_scores import Found
from regard.runs.system import Scores, Trained, rows_of
from regard.systems import draw
from regard.systems.draw import Draw
from regard.view import page, walk

AT_ONCE = 250
"""Images of a batch."""

POOL = 4096
"""Tokens, as ``length`` counts them, that are answered as one batch."""

IMAGINED, REDRAWN = 50, 20
"""Images that the report shows."""


@dataclass(frozen=True)
class Options:
    """How DRAW answers.

    Attributes:
        generate: how many images to imagine, where no image is given.
        draws: how often z is drawn for an image; the bound is the mean over them.
        seed: of the draws.
    """

    generate: int = 0
    draws: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises:
        RangeError: a number outside its range.
        """
        for name, least in (("generate", 0), ("draws", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise RangeError(f"{name} is at least {least}: {getattr(self, name)}")


class Dream(NamedTuple):
    """The question for an image that is imagined: its number."""

    number: int

    @property
    def key(self) -> str:
        return f"imagined {self.number}"


@dataclass(frozen=True)
class TrainedDraw(Trained):
    """A model with its encoding, ready to answer."""

    fields: ClassVar[Mapping[str, str]] = {"image": "an image; none: one is imagined"}
    optional: ClassVar[frozenset[str]] = frozenset({"image"})

    model: Draw
    encoding: SeenEncoding

    def question_of(self, text: str, search: Any = None) -> Picture:
        """The image of a file.

        Raises:
            DataError: it cannot be read.
        """
        return images.picture(text, size=self.encoding.height, color=False)

    def question_from(
        self, given: Mapping[str, str | bytes], search: Any = None
    ) -> Picture | Dream:
        if "image" not in given:
            return Dream(0)  # which the seed makes another
        return images.sent(cast(bytes, given["image"]), size=self.encoding.height, color=False)

    def own_questions(self, search: Any) -> Sequence[Dream]:
        """Images to be imagined, as many as ``generate`` says."""
        return [Dream(number) for number in range((search or Options()).generate)]

    def predict(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, questions: Sequence[Picture | Dream], search: Any = None
    ) -> list[Drawing | Imagined]:
        """Draw images again, or imagine some, as one batch; what stands beside a question changes
        nothing but the rounding."""
        options = search or Options()
        pictures = [each for each in questions if isinstance(each, Picture)]
        dreams = [each for each in questions if isinstance(each, Dream)]
        drawn = iter(self._drawn(pictures, options)) if pictures else iter(())
        imagined = iter(self._imagined(dreams, options)) if dreams else iter(())
        return [next(drawn if isinstance(each, Picture) else imagined) for each in questions]

    def length(self, question: Picture | Dream) -> int:
        # All are alike; counted so that a batch's steps fit into memory.
        pixels = self.model.config.steps * self.encoding.height * self.encoding.width
        return max(POOL // AT_ONCE, pixels // POOL)

    def find(self, pictures: Sequence[Picture], options: Options, *, keep: bool) -> Found:
        """Read images and draw them again; ``keep`` as in ``Draw.forward``."""
        images = self.encoding.pictures(pictures).images.to(self._states.dtype)
        keys = [picture.key for picture in pictures]
        nats, first = torch.zeros(2, len(images), dtype=torch.float64), None
        with torch.inference_mode():
            for sample in range(options.draws):
                noise = self._noise(keys, options.seed, sample)
                found = self.model(images, noise, keep=keep and not sample)
                nats += torch.stack([draw.reconstruction(found.canvas, images), found.latent])
                first = first or found
        assert first is not None
        reconstruction, latent = nats / options.draws
        return Found(reconstruction, latent, first)

    def imagine(self, count: int, options: Options) -> Float[np.ndarray, "N H W"]:
        """The images of that many dreams, 0 … 1."""
        dreams = [Dream(number) for number in range(count)]
        with torch.inference_mode():
            found = self.model.dream(self._noise([each.key for each in dreams], options.seed, 0))
        return found.canvas.sigmoid().numpy()

    def evaluate(self, examples: Sequence[Seen], search: Any = None, source: str = "") -> Scores:
        """Scores on examples: ``images`` (how many), ``bound`` (nats an image) and its two parts,
        ``reconstruction`` and ``latent``, ``pixels_right``; and where it is known where things are,
        the shares of steps whose window stands on one: ``reads_on_it`` and ``writes_on_it``, and by
        chance ``reads_on_another`` and ``writes_on_another``."""
        options = search or Options()
        found = (
            (some, self.find([each.image for each in some], options, keep=True))
            for some in _batches(examples)
        )
        return drawing_scores.scores(found, self.encoding)

    def table(self, scores: Scores) -> list[tuple[str, str]]:
        return rows_of(scores, drawing_scores.MEANING)

    def sections(self, examples: Sequence[Seen], search: Any = None) -> list[page.Section]:
        """The report's images: imagined ones, and some of the examples beside their drawings."""
        options = search or Options()
        dreams = walk.sheet([("", self.imagine(IMAGINED, options))])
        pictures = [examples[place].image for place in range(min(REDRAWN, len(examples)))]
        found = self.find(pictures, options, keep=False)
        images = self.encoding.pictures(pictures).images.numpy().astype(np.float64)
        rows = [("image", images), ("drawn", found.walk.canvas.sigmoid().numpy())]
        return [
            page.Section("Imagined", page.figure(dreams, f"{IMAGINED} images from noise alone")),
            page.Section(
                "Drawn again", page.figure(walk.sheet(rows), "held-out images, and their drawings")
            ),
        ]

    def _drawn(self, pictures: Sequence[Picture], options: Options) -> Iterator[Drawing]:
        found = self.find(pictures, options, keep=True)
        images = self.encoding.pictures(pictures).images.numpy().astype(np.float64)
        for row, picture in enumerate(pictures):
            steps = self._walk(picture.name, found.walk, row, images[row])
            yield Drawing(steps, float(found.reconstruction[row]), float(found.latent[row]))

    def _imagined(self, dreams: Sequence[Dream], options: Options) -> Iterator[Imagined]:
        keys = [each.key for each in dreams]
        with torch.inference_mode():
            found = self.model.dream(self._noise(keys, options.seed, 0), keep=True)
        for row, key in enumerate(keys):
            yield Imagined(self._walk(key, found, row, None))

    def _walk(
        self, title: str, found: draw.Walk, row: int, image: Float[np.ndarray, "H W"] | None
    ) -> walk.Walk:
        assert found.canvases is not None
        config = self.model.config
        return walk.Walk(
            title,
            found.canvases[:, row].sigmoid().double().numpy(),
            image,
            frames(found.reads, row, config.read or draw.READ),
            frames(found.writes, row, config.write or draw.WRITE),
        )

    def _noise(self, keys: Sequence[str], seed: int, sample: int) -> Float[Tensor, "T B Z"]:
        """An image's noise depends on its key alone, so that no company changes it."""
        shape = (self.model.config.steps, self.model.config.latent)
        drawn = []
        for key in keys:
            text = f"{seed}\t{sample}\t{key}".encode("utf-8", "surrogatepass")
            number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
            generator = torch.Generator().manual_seed(number % 2**63)
            drawn.append(torch.randn(shape, generator=generator))
        return torch.stack(drawn, 1).to(self._states.dtype)

    @cached_property
    def _states(self) -> Tensor:
        return self.model.eval().states


def _batches(examples: Sequence[Seen]) -> Iterator[list[Seen]]:
    for first in range(0, len(examples), AT_ONCE):
        yield [examples[place] for place in range(first, min(first + AT_ONCE, len(examples)))]
