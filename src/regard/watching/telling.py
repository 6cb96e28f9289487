"""Who watches, and how they are told of a call."""

from collections.abc import Callable
from typing import Protocol

from torch import nn

from regard.watching.kept import Keeping
from regard.watching.sources import Source

Make = Callable[[Keeping], Source | str]
"""Gives what the weights of a call can be made of; or the reason why nothing can."""


class Watcher(Protocol):
    """Somebody who watches."""

    def told(self, make: Make, module: nn.Module | None) -> None:
        """An attention was called, by ``module`` where that is known."""
        ...


WATCHING: list[Watcher] = []
"""All who watch now, whatever the thread."""


def tell(make: Make, module: nn.Module | None = None) -> None:
    """Tell all of a call."""
    for watcher in WATCHING:
        watcher.told(make, module)
