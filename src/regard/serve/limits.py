"""How much a request may ask, and how much the server takes on."""

from dataclasses import dataclass
from math import isfinite

from regard.errors import RangeError


@dataclass(frozen=True)
class Limits:
    """How much a request may ask, and how much the server takes on.

    Attributes:
        queue: requests that wait at most; a further one is told to come again (429).
        batch: requests of one run and the same options that are answered together at most.
        timeout: seconds that a request may take, its waiting included (504).
        longest: characters that a text may have (422).
        body: bytes that a request may have, an image in base64 included (413).

    Raises:
        RangeError: a number below 1, or no finite one.
    """

    queue: int = 64
    batch: int = 16
    timeout: float = 30.0
    longest: int = 4_000
    body: int = 10 * 2**20

    def __post_init__(self) -> None:
        for name in ("queue", "batch", "longest", "body"):
            if getattr(self, name) < 1:
                raise RangeError(f"--{name} is at least 1: {getattr(self, name)}")
        if not (isfinite(self.timeout) and self.timeout > 0):
            raise RangeError(f"--timeout is a number of seconds above 0: {self.timeout}")
