"""Answers to a stream of questions, in its order, computed in batches of like length."""

import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from tqdm import tqdm

Q = TypeVar("Q")
T = TypeVar("T")

PATIENCE = 0.05
"""Seconds for which a pool that has a text waits for the next."""


def streamed(
    texts: Iterable[Q],
    answer: Callable[[list[Q]], Sequence[T]],
    *,
    length: Callable[[Any], int] = len,
    pool: int = 4096,
    tokens: int = 4096,
    progress: bool = False,
) -> Iterator[T]:
    """The answer to each text, in the order of the texts.

    Texts are read into a pool, sorted by length, and answered in batches. A pool is answered when
    it is full, when the texts end, or when none has come for ``PATIENCE`` seconds: what is written
    into a pipe is answered while the pipe is open. What raises while texts are read is raised
    here, after the answers to the texts before it.

    Cost: the memory of 2 · ``pool`` texts and ``pool`` answers, however many texts there are.

    Args:
        texts: or other questions; read in a thread of its own, ahead of the answers.
        answer: gives one answer for each of a batch of texts.
        length: of a text, as the batches count it.
        pool: texts that are sorted together.
        tokens: size of a batch: its texts times the length of the longest. A longer text is a
            batch of its own.
        progress: whether texts are counted on standard error, where that is a terminal.

    >>> def shout(batch):
    ...     return [text.upper() for text in batch]
    >>> list(streamed(["ccc", "a", "bb"], shout, tokens=4))
    ['CCC', 'A', 'BB']
    """
    reader = _Reader(texts, pool)
    bar = tqdm(unit=" answers", file=sys.stderr, leave=False, disable=None if progress else True)
    try:
        for read in reader.pools():
            answers: dict[int, T] = {}
            for batch in batches([length(text) for text in read], tokens):
                found = answer([read[place] for place in batch])
                answers.update(zip(batch, found, strict=True))
                bar.update(len(batch))
            for place in range(len(read)):
                yield answers.pop(place)
    finally:
        bar.close()
        reader.stop()


def batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Places of texts of like length together: as many as ``tokens`` has room for, when all are
    as long as the longest, and at least one. The longest come first, so that memory that is too
    small is found out at once.

    >>> list(batches([1, 3, 2, 9], tokens=6))
    [[3], [1, 2], [0]]
    """
    order = sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))
    first = 0
    while first < len(order):
        count = max(1, tokens // max(1, lengths[order[first]]))
        yield order[first : first + count]
        first += count


class _Over:
    """After the last text: why there are no more."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Reader:
    """Texts, read ahead: at most ``pool`` of them wait."""

    def __init__(self, texts: Iterable[Any], pool: int) -> None:
        self._texts, self._pool = texts, pool
        self._read: queue.Queue[Any] = queue.Queue(pool)
        self._stopped = threading.Event()
        # A daemon: one that waits for a pipe would keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="regard reader", daemon=True)

    def pools(self) -> Iterator[list[Any]]:
        self._thread.start()
        over = None
        while over is None:
            pool, over = self._next_pool()
            if pool:
                yield pool
        if over.error is not None:
            raise over.error

    def stop(self) -> None:
        self._stopped.set()

    def _next_pool(self) -> tuple[list[Any], _Over | None]:
        pool: list[Any] = []
        while len(pool) < self._pool:
            try:
                read = self._read.get(timeout=PATIENCE if pool else None)
            except queue.Empty:
                break
            if isinstance(read, _Over):
                return pool, read
            pool.append(read)
        return pool, None

    def _run(self) -> None:
        over = _Over()
        try:
            for text in self._texts:
                if not self._put(text):
                    return
        except BaseException as error:
            over = _Over(error)
        self._put(over)

    def _put(self, read: Any) -> bool:
        """Whether somebody still reads."""
        while not self._stopped.is_set():
            try:
                self._read.put(read, timeout=1.0)
            except queue.Full:
                continue
            return True
        return False
