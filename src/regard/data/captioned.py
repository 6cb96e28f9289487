"""Images with captions, the food of a captioner: what they are, and how they are asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from regard.data.picture import SIDES, Box, Picture
from regard.data.vocabulary import Vocabulary
from regard.errors import RangeError


class Captioned(NamedTuple):
    """An image and what is said of it.

    Attributes:
        image: what is seen.
        caption: one text; an image with several is several examples.
        boxes: where that which a word names is to be seen, for each word of the caption; None for
            words that name nothing. Empty where it is not known.
    """

    image: Picture
    caption: str
    boxes: tuple[Box | None, ...] = ()


@dataclass(frozen=True)
class CaptionsConfig:
    """How images and captions are read, split and cut into words.

    Attributes:
        size: pixels to a side that images of a file are brought to: scaled by their shorter side,
            and the middle is kept; null: 128 (digits are 64).
        color: whether images of a file keep their colours; null: they do (digits have none).
        images: folder in which the images of a file lie; null: the folder of the file.
        on_error: what an image or row that cannot be read does: "stop", or "skip": it is left out,
            and the run says so.
        valid: share of the different images of a file kept for choosing among states of the model;
            null: 0.1 (of digits, 500 scenes).
        test: share of the different images of a file kept for the evaluation; null: 0.1 (of digits,
            1,000 scenes).
        train: how many scenes of digits to learn from; null: 20,000.
        limit: how many captions of a file to learn from at most; null: all.
        seed: of the split, and of the scenes.
        vocabulary: how many words to know at most; null: all.
        min_count: how often a word must stand in the captions to learn from to be known.
        lower_case: whether captions are put into lower case.
    """

    size: int | None = None
    color: bool | None = None
    images: str | None = None
    on_error: Literal["stop", "skip"] = "stop"
    valid: float | None = None
    test: float | None = None
    train: int | None = None
    limit: int | None = None
    seed: int = 0
    vocabulary: int | None = None
    min_count: int = 1
    lower_case: bool = True

    def __post_init__(self) -> None:
        """Raises:
        RangeError: a number outside its range.
        """
        for name in ("train", "limit", "vocabulary", "min_count"):
            number = getattr(self, name)
            if number is not None and number < 1:
                null = "" if name == "min_count" else ", or null"
                raise RangeError(f"data.{name} is at least 1{null}: {number}")
        least, most = SIDES
        if self.size is not None and not least <= self.size <= most:
            raise RangeError(f"data.size is {least} to {most} pixels, or null: {self.size}")

    def vocabulary_of(self, examples: Iterable[Captioned]) -> Vocabulary:
        """The words of examples, of which there should be none that the model is judged on."""
        return Vocabulary.of(
            (example.caption for example in examples),
            "words",
            size=self.vocabulary,
            min_count=self.min_count,
            lower_case=self.lower_case,
        )
