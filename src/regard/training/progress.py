"""How far a training has come, and what the learning rate is there."""

import math
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Timer

from regard.training.options import Training


class Progress:
    """The share of a training that is done, by its steps or by its clock, whichever is further.

    A training that ends by the clock cannot be repeated to the bit, for its learning rate follows
    the clock too.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        steps: Any = trainer.estimated_stepping_batches
        self.steps = math.inf if math.isinf(steps) else max(int(steps), 1)
        timers = (callback for callback in trainer.callbacks if isinstance(callback, Timer))  # pyright: ignore[reportAttributeAccessIssue]
        self.timer = next(timers, None)

    def after(self, step: int) -> float:
        """The share done when ``step`` steps are, 0 … 1."""
        return min(1.0, max(step / self.steps, self._by_clock()))

    def _by_clock(self) -> float:
        remaining = None if self.timer is None else self.timer.time_remaining()
        if self.timer is None or remaining is None:
            return 0.0
        elapsed = self.timer.time_elapsed()
        # Processes tell time differently, and must not learn at different rates.
        share = elapsed / max(elapsed + remaining, 1e-9)
        return self.trainer.strategy.broadcast(share)


def factor(training: Training, share: float, least: float) -> float:
    """What the highest learning rate is multiplied by when ``share`` of the training is done.

    Args:
        least: the share that a step is, so that the first one learns something.

    >>> [round(factor(Training(warm_up=0.5), share, 0.1), 2) for share in (0.0, 0.25, 0.5, 0.75)]
    [0.2, 0.7, 1.0, 0.5]
    """
    rising = max(training.warm_up, least)
    if share < training.warm_up:
        return min(1.0, (share + least) / rising)
    return FALLS[training.schedule](share, training.warm_up)


def _cosine(share: float, warm_up: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * (share - warm_up) / (1 - warm_up)))


def _inverse_sqrt(share: float, warm_up: float) -> float:
    """The paper's (Vaswani et al. 2017, §5.3): with the square root of the steps after warm-up."""
    return math.sqrt(warm_up / share) if share else 1.0


FALLS: dict[str, Callable[[float, float], float]] = {
    "cosine": _cosine,
    "inverse_sqrt": _inverse_sqrt,
    "constant": lambda _share, _warm_up: 1.0,
}
"""How the learning rate falls behind the warm-up."""
