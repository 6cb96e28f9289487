"""What a captioner may be made of, and what does not go together."""

import math
from dataclasses import dataclass
from typing import Literal

from regard.errors import KindError, RangeError

OWNERS: dict[str, tuple[str, ...]] = {
    "score": ("soft", "hard"),
    "normalizer": ("soft",),
    "doubly_stochastic": ("soft",),
    "expectation": ("hard",),
    "reward_weight": ("hard",),
    "entropy_weight": ("hard",),
}
"""Options that are null, or of some kinds of attention."""

BUILT_IN = "convolutional"


@dataclass(frozen=True)
class Config:
    """What a captioner is made of. What is null has the value that its text says.

    Attributes:
        attention: "soft" (the mean of all places by their weights), "hard" (one place, drawn in
            training, with REINFORCE; --init with a soft run's weights shortens the way) or "mean"
            (none: every place alike).
        score: how the state is matched with a place: any score of ``nn.LearnedScore``; null:
            additive, as in the paper.
        normalizer: of soft attention, how scores become weights; null: softmax.
        doubly_stochastic: of soft attention, λ of Σ_i (1 − Σ_t α_ti)², in training; null: 0.001
            (the paper leaves it open, its authors' code has 1).
        expectation: of hard attention, the probability with which a caption takes the weights for
            the drawn place in training; null: ½.
        reward_weight: of hard attention, λ_r of REINFORCE; null: 1.
        entropy_weight: of hard attention, λ_e of the weights' entropy; null: 0.002.
        encoder: "convolutional", or PACKAGE.MODULE:NAME of your own, called without arguments: it
            gives a module that makes a grid of features (B, F, rows, columns) of images
            (B, channels, size, size) from 0 to 1.
        channels: of the convolutional encoder, features of each layer.
        halvings: how many of these layers, from the first, halve the image; null: all but the last.
        positions: whether each place has a learned vector that says where it is.
        embedding: features of a word's vector.
        hidden: features of the state.
        warp: in training, images are turned (radians), sheared and stretched at random, each by so
            much at most.
        dropout: probability with which a feature of the state is dropped before the output layer,
            in training.
        label_smoothing: share of the truth that is spread over all words, in training.
    """

    attention: Literal["soft", "hard", "mean"] = "soft"
    score: str | None = None
    normalizer: str | None = None
    doubly_stochastic: float | None = None
    expectation: float | None = None
    reward_weight: float | None = None
    entropy_weight: float | None = None
    encoder: str = BUILT_IN
    channels: tuple[int, ...] = (32, 64, 128, 128)
    halvings: int | None = None
    positions: bool = True
    embedding: int = 64
    hidden: int = 256
    warp: float = 0.0
    dropout: float = 0.0
    label_smoothing: float = 0.0

    @property
    def halved(self) -> int:
        """How often the convolutional encoder halves an image."""
        return len(self.channels) - 1 if self.halvings is None else self.halvings

    def __post_init__(self) -> None:
        """Raises:
        RangeError: a number outside its range.
        KindError: options that do not go together.
        """
        object.__setattr__(self, "channels", tuple(self.channels))
        for name in ("embedding", "hidden"):
            if getattr(self, name) < 1:
                raise RangeError(f"model.{name} is at least 1: {getattr(self, name)}")
        if not self.channels or min(self.channels) < 1:
            raise RangeError(f"model.channels are one number or more, at least 1: {self.channels}")
        if self.halvings is not None and not 0 <= self.halvings <= len(self.channels):
            raise RangeError(
                f"model.halvings is from 0 to {len(self.channels)}, the layers of model.channels: "
                f"{self.halvings}"
            )
        for name in ("warp", "dropout", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise RangeError(f"model.{name} is a share below 1: {getattr(self, name)}")
        for name in ("doubly_stochastic", "reward_weight", "entropy_weight"):
            number = getattr(self, name)
            if number is not None and not 0 <= number < math.inf:
                raise RangeError(f"model.{name} is a number, 0 or more: {number}")
        if self.expectation is not None and not 0 <= self.expectation <= 1:
            raise RangeError(f"model.expectation is a probability: {self.expectation}")
        for name, kinds in OWNERS.items():
            if getattr(self, name) is not None and self.attention not in kinds:
                raise KindError(
                    f"model.{name} is of model.attention={' or '.join(kinds)}, and it is "
                    f"{self.attention}: leave it null"
                )
        if self.encoder != BUILT_IN and ":" not in self.encoder:
            raise KindError(
                f"model.encoder is {BUILT_IN} or PACKAGE.MODULE:NAME, not {self.encoder!r}"
            )
