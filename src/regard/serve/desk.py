"""The queue: those who ask wait, and one thread answers them, several at a time."""

import asyncio
import math
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from typing import Any, Generic, Protocol, Self, TypeVar

from regard.serve.refusals import Refusal

PATIENCE = 0.003
"""Seconds for which a batch that is not full waits for requests that are on their way."""

MEMORY = 0.2
"""What the last batch counts in the mean time of an answer."""


class Alike(Protocol):
    """What is asked: it knows with what it may be answered together."""

    def like(self, other: Any, /) -> bool: ...


A = TypeVar("A", bound=Alike)


class Job(Generic[A]):
    """Something that was asked, and the answer to come."""

    def __init__(self, asked: A) -> None:
        self.asked = asked
        self.future: Future[bytes] = Future()

    def begin(self) -> bool:
        """Whether the answer is still wanted; from now on it is computed."""
        return self.future.set_running_or_notify_cancel()

    def give(self, answer: bytes) -> None:
        with suppress(InvalidStateError):  # nobody waits any more
            self.future.set_result(answer)

    def fail(self, error: Exception) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(error)


class Desk(Generic[A]):
    """A queue with a limit, and the thread that works it off. Used as a context.

    Args:
        work: gives or fails every one of some jobs that are alike.
        queue: requests that wait at most.
        batch: jobs that are given to ``work`` at once, at most.
    """

    def __init__(self, work: Callable[[list[Job[A]]], None], *, queue: int, batch: int) -> None:
        self._work, self._batch, self._most = work, batch, queue + batch
        self._jobs: deque[Job[A]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._inside = 0
        self._seconds = 0.0
        # A daemon: a model that is at work must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="regard desk", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, timeout: float = 5.0) -> bool:
        """Take nothing on any more; whether the thread has ended in time (seconds)."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """How many jobs no batch has taken yet."""
        return len(self._jobs)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one request, from before its body is read until it is answered.

        Raises:
            Refusal: 429, all are taken.
        """
        if self._inside >= self._most:
            soon = max(1, math.ceil(self._seconds * self._inside))
            raise Refusal(
                429,
                f"{self._inside} requests are being answered or wait already: come again later",
                {"retry-after": str(min(soon, 60))},
            )
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def answer(self, asked: A) -> bytes:
        """The answer, when its turn has come. Who stops waiting before has no work done."""
        job = Job(asked)
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()
        try:
            return await asyncio.wrap_future(job.future)
        finally:
            if job.future.cancel():  # of no effect where it is answered, or being answered
                with self._changed, suppress(ValueError):
                    self._jobs.remove(job)

    def _run(self) -> None:
        while True:
            jobs = self._next()
            if not jobs:
                return
            began = time.perf_counter()
            try:
                self._work(jobs)
            except Exception as error:
                traceback.print_exc(file=sys.stderr)
                for job in jobs:
                    job.fail(error)
            took = (time.perf_counter() - began) / len(jobs)
            self._seconds += MEMORY * (took - self._seconds)

    def _next(self) -> list[Job[A]]:
        """The jobs that are like the first, as many as make a batch; none at the end."""
        with self._changed:
            while not self._closed:
                self._changed.wait_for(lambda: self._closed or self._jobs)
                until = time.monotonic() + PATIENCE
                # Who has a place and no job yet is on the way.
                while (
                    (left := until - time.monotonic()) > 0
                    and not self._closed
                    and len(self._jobs) < min(self._batch, self._inside)
                ):
                    self._changed.wait(left)
                if self._jobs:
                    return self._taken()
            return []

    def _taken(self) -> list[Job[A]]:
        first = self._jobs[0].asked
        some = [job for job in self._jobs if first.like(job.asked)][: self._batch]
        for job in some:
            self._jobs.remove(job)
        return some
