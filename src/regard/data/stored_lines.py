"""The lines of a file on disk: where they begin, and how they are read at any place."""

import os
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from regard.data import files
from regard.errors import DataError


class Stamp(NamedTuple):
    """What tells that a file is still the one that was indexed."""

    size: int
    modified: int

    @staticmethod
    def of(state: os.stat_result) -> "Stamp":
        return Stamp(state.st_size, state.st_mtime_ns)


class StoredLines:
    """Where the lines of a file begin, and the file, open."""

    def __init__(self, path: str, spool: "Spool | None", stamp: "Stamp | None") -> None:
        self.name, self.path = files.name(path), path if spool is None else spool.path
        self.stamp, self._spool = stamp, spool
        self.starts = np.empty(0, np.int64)
        self.numbers: np.ndarray | None = None
        self._reopen()

    def _reopen(self) -> None:
        file = self._open()
        self._lock, self._file = threading.Lock(), file
        self._close = weakref.finalize(self, file.close)

    def _open(self) -> IO[bytes]:
        """The file, if it has not changed.

        Raises:
            DataError: it has.
        """
        try:
            file = Path(self.path).open("rb")  # noqa: SIM115 - closed by whoever asked for it
        except OSError as error:
            raise DataError(f"{self.name}: {error.strerror or error}") from None
        stamp = Stamp.of(os.fstat(file.fileno()))
        if self.stamp not in (None, stamp):
            file.close()
            raise self.changed()
        self.stamp = stamp
        return file

    def changed(self) -> DataError:
        return DataError(f"{self.name}: the file has changed while it was in use")

    def number(self, place: int) -> int:
        return place + 1 if self.numbers is None else int(self.numbers[place])

    def at(self, place: int) -> bytes:
        """The line at a place, with its end."""
        stamp = Stamp.of(os.fstat(self._file.fileno()))
        if stamp != self.stamp:
            raise self.changed()
        start = int(self.starts[place])
        last = place + 1 == len(self.starts)
        size = (stamp.size if last else int(self.starts[place + 1])) - start
        # pread leaves the file's position alone, which threads and forked processes share
        if hasattr(os, "pread"):
            raw = os.pread(self._file.fileno(), size, start)
        else:
            with self._lock:
                self._file.seek(start)
                raw = self._file.read(size)
        return raw[: raw.find(b"\n") + 1 or None]

    def each(self, places: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """The lines at many places, fast where these rise."""
        with self._open() as file:
            for place in places:
                start = int(self.starts[place])
                if file.tell() != start:
                    file.seek(start)
                yield place, file.readline()
            if Stamp.of(os.fstat(file.fileno())) != self.stamp:
                raise self.changed()

    def __getstate__(self) -> dict[str, Any]:
        hidden = ("_file", "_lock", "_close", "_spool")
        return {name: value for name, value in vars(self).items() if name not in hidden}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._reopen()


class Spool:
    """A temporary file for the text of what cannot be read twice; it goes with the object."""

    def __init__(self, path: str) -> None:
        self.name = files.name(path)
        handle, self.path = tempfile.mkstemp(prefix="regard-", suffix=".txt")
        self.file = os.fdopen(handle, "wb")  # closed when all is written
        weakref.finalize(self, _remove, self.path, os.getpid())

    def write(self, raw: bytes) -> None:
        try:
            self.file.write(raw)
        except OSError as error:
            self._refuse(error)

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.file.close()
        except OSError as error:
            self._refuse(error)

    def _refuse(self, error: OSError) -> None:
        raise DataError(
            f"{self.name}: cannot be stored in {Path(self.path).parent}: {error.strerror}"
        ) from None


def _remove(path: str, process: int) -> None:
    if os.getpid() == process:  # not in a forked worker, whose parent still reads it
        Path(path).unlink(missing_ok=True)
