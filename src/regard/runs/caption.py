"""A trained captioner: images in, captions and where each word looked out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from jaxtyping import Float, UInt8

from regard.data import images
from regard.data.captioned import Captioned
from regard.data.captioned_batch import CaptionEncoding
from regard.data.picture import Picture
from regard.data.vocabulary import surfaces
from regard.runs import scores_of_captions
from regard.runs.decode import Hypothesis, Search, search
from regard.runs.stream import streamed
from regard.runs.system import Scores, Trained, rows_of
from regard.systems.captioner import Captioner
from regard.view import overlay, page
from regard.view.attended import Attended
from regard.view.overlay import Overlay

MISTAKES = 20
"""Captions that are no reference, of which a report tells the first."""


@dataclass(frozen=True)
class Told:
    """One caption: how likely it is (log-probability, nats), its words, and the weights of the
    image's places with which each was written."""

    caption: str
    log_probability: float
    words: tuple[str, ...]
    weights: Float[np.ndarray, "T R C"]


@dataclass(frozen=True)
class Caption:
    """What was said of an image: the best caption, and others if they were asked for."""

    name: str
    pixels: UInt8[np.ndarray, "H W C"]
    texts: tuple[Told, ...]

    @property
    def caption(self) -> str:
        return self.texts[0].caption

    @property
    def overlay(self) -> Overlay:
        best = self.texts[0]
        return Overlay(self.pixels, best.words, best.weights, self.title)

    @property
    def line(self) -> str:
        """The best caption; of several, a line each: rank, log-probability and caption."""
        if len(self.texts) == 1:
            return self.caption
        rows = enumerate(self.texts, 1)
        return "\n".join(f"{rank}\t{t.log_probability:.4f}\t{t.caption}" for rank, t in rows)

    @property
    def title(self) -> str:
        return f"{self.name} → {self.caption}"

    def as_json(self) -> dict[str, Any]:
        best = {"image": self.name} | _numbers(self.texts[0])
        return best if len(self.texts) == 1 else best | {"n_best": list(map(_numbers, self.texts))}

    def weights_as_json(self) -> dict[str, Any]:
        """Words, the weights of the grid's places for each, and the middle of the place that it
        looked at most, as shares of the image's height and width."""
        best, shown = self.texts[0], self.overlay
        high, wide = self.pixels.shape[:2]
        centres = [shown.centre(t) for t in range(len(best.words))]
        return {
            "image": self.name,
            "words": best.words,
            "weights": best.weights.astype(float).round(6).tolist(),
            "looked_at": [
                None if at is None else [round(at[0] / high, 4), round(at[1] / wide, 4)]
                for at in centres
            ],
        }

    def terminal(self) -> str:
        return overlay.terminal(Overlay(self.pixels, self.texts[0].words, self.texts[0].weights))

    def looked(self) -> list[Attended]:
        best = self.texts[0]
        _, rows, columns = best.weights.shape
        places = [
            f"row {row + 1}, column {column + 1}" for row, column in np.ndindex(rows, columns)
        ]
        return [
            Attended(
                tuple(places),
                best.words,
                best.weights.reshape(len(best.words), rows * columns),
                title=self.title,
                about="Where the captioner looked in the image while it wrote each word.",
                images=[self.pixels],
                grid=(rows, columns),
                view="image",
            )
        ]

    def figure(self) -> str:
        return ""

    def save(self, path: Path) -> None:
        from regard.view import overlay_picture

        overlay_picture.save(self.overlay, path)


def _numbers(told: Told) -> dict[str, Any]:
    return {"caption": told.caption, "log_probability": round(told.log_probability, 6)}


@dataclass(frozen=True)
class TrainedCaptioner(Trained):
    """A model with its words, ready to answer."""

    fields: ClassVar[Mapping[str, str]] = {"image": "an image"}

    model: Captioner
    encoding: CaptionEncoding

    def question_of(self, text: str, search: Any = None) -> Picture:
        """The image of a file.

        Raises:
            DataError: it cannot be read.
        """
        size, color = self.encoding.size, self.encoding.channels == 3
        return images.picture(text, size=size, color=color)

    def question_from(self, given: Mapping[str, str | bytes], search: Any = None) -> Picture:
        size, color = self.encoding.size, self.encoding.channels == 3
        return images.sent(cast(bytes, given["image"]), size=size, color=color)

    def predict(self, questions: Sequence[Picture], search: Any = None) -> list[Caption]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Caption images as one batch, with greedy search unless ``search`` says otherwise; what
        stands beside an image in the batch changes nothing."""
        return self.tell(questions, search)

    def tell(self, pictures: Sequence[Picture], options: Search | None = None) -> list[Caption]:
        """``predict``."""
        if not pictures:
            return []
        self.model.eval()
        read = self.encoding.images(pictures)
        lengths = torch.full((len(read),), self.model.grid.places)
        longest = self.encoding.longest
        found = search(self.model, read, lengths, options or Search(), longest=longest)
        return [
            Caption(picture.name, picture.pixels, tuple(map(self._told, row)))
            for picture, row in zip(pictures, found, strict=True)
        ]

    def align(self, examples: Sequence[Captioned]) -> list[Float[np.ndarray, "T R C"]]:
        """Forced decoding: the weights with which the words of these captions are written, END
        left out."""
        self.model.eval()
        with torch.inference_mode():
            weights = self.model.align(self.encoding.batch(examples)).float().numpy()
        grid = self.model.grid
        return [
            rows[: self.encoding.length(example) - 1].reshape(-1, grid.rows, grid.columns)
            for example, rows in zip(examples, weights, strict=True)
        ]

    def length(self, question: Picture) -> int:
        return self.model.grid.places

    def answers(self, pictures: Sequence[Picture], options: Search) -> list[Caption]:
        """Caption many images, in batches; their order is kept."""
        found = streamed(
            pictures, lambda some: self.tell(some, options), length=self.length, progress=True
        )
        return list(found)

    def evaluate(
        self, examples: Sequence[Captioned], search: Any = None, source: str = ""
    ) -> Scores:
        return scores_of_captions.evaluate(self, examples, search or Search())

    def table(self, scores: Scores) -> list[tuple[str, str]]:
        return rows_of(scores, scores_of_captions.MEANING)

    def sections(self, examples: Sequence[Captioned], search: Any = None) -> list[page.Section]:
        """The report's first captions that are no reference, beside the first reference."""
        lower_case = self.encoding.words.lower_case
        asked = scores_of_captions.questions(examples, lower_case=lower_case)[: 10 * MISTAKES]
        found = self.answers([one.image for one in asked], search or Search())
        wrong = [
            (answer.name, answer.caption, question.references[0])
            for answer, question in zip(found, asked, strict=True)
            if answer.caption not in question.references
        ]
        if not wrong:
            return []
        heads = ("image", "caption", "a reference")
        title = f"Captions that are no reference, of the first {len(asked)} images"
        return [page.Section(title, page.table(heads, wrong[:MISTAKES]))]

    def _told(self, found: Hypothesis) -> Told:
        words, grid = self.encoding.words, self.model.grid
        tokens = [words.tokens[number] for number in found.tokens]
        shown = (
            one.strip() or token
            for one, token in zip(surfaces(tokens, "words"), tokens, strict=True)
        )
        return Told(
            words.decode(found.tokens),
            found.log_probability,
            tuple(shown),
            found.weights.float().numpy().reshape(-1, grid.rows, grid.columns),
        )
