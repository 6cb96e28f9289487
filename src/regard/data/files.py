"""Text files of the user's, line by line: plain, ``.gz``, standard input, a pipe."""

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Final

from regard.errors import DataError

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

LONGEST: Final = 1 << 26
"""Bytes of a line at most (64 MiB); a file without line ends is no table, and would fill memory."""


def name(path: str) -> str:
    """What messages call a file."""
    return "standard input" if path == "-" else path


def lines(path: str) -> Iterator[tuple[int, str]]:
    """The numbered lines of a text file, read one by one, without their ends.

    UTF-8, with or without a byte-order mark and Windows line ends; ``.gz`` is unpacked; ``-`` is
    standard input.

    Raises:
        DataError: the file is missing, not UTF-8, has a NUL byte or a line of more than 64 MiB, or
            is not what its ``.gz`` says; the message begins with ``file:line:``.
    """
    for number, raw in raw_lines(path):
        mark = number == 1 and raw.startswith(BYTE_ORDER_MARK)
        yield number, text(path, number, raw[len(BYTE_ORDER_MARK) :] if mark else raw)


def raw_lines(path: str) -> Iterator[tuple[int, bytes]]:
    """The numbered lines of a file as they stand in it, ends and byte-order mark included."""
    number = 0
    try:
        with _open(path) as file:
            while raw := file.readline(LONGEST + 1):
                number += 1
                if len(raw) > LONGEST:
                    raise DataError(
                        f"{name(path)}:{number}: a line of more than {LONGEST >> 20} MiB"
                    )
                yield number, raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{name(path)}:{number + 1}: not a whole gzip file: {error}") from None
    except OSError as error:
        raise DataError(f"{name(path)}: {error.strerror or error}") from None


def text(path: str, number: int, raw: bytes) -> str:
    """A raw line's text, without its end.

    Raises:
        DataError: it is not UTF-8, or has a NUL byte.
    """
    try:
        line = raw.decode("utf-8").rstrip("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name(path)}:{number}: not UTF-8: byte 0x{raw[error.start]:02x} "
            f"at place {error.start + 1} of the line"
        ) from None
    if "\0" in line:
        raise DataError(
            f"{name(path)}:{number}: a NUL byte at place {line.index(chr(0)) + 1} of the line: "
            "expected text in UTF-8"
        )
    return line


def is_plain(path: str) -> bool:
    """Whether the lines of a path can be read again, and at any place: not so of pipes and
    packed files."""
    try:
        return path != "-" and not path.endswith(".gz") and Path(path).is_file()
    except OSError:  # opening it will say what is the matter
        return False


def exists(path: str) -> bool:
    """Whether there is something to open; what may not even be asked is opened, and says why."""
    try:
        return path == "-" or Path(path).exists()
    except OSError:
        return True


def is_folder(path: str) -> bool:
    """Whether a path is a folder, or cannot even be asked: opening it says what is the matter."""
    try:
        return Path(path).is_dir()
    except OSError:
        return True


def _open(path: str) -> AbstractContextManager[IO[bytes]]:
    if path == "-":
        return nullcontext(sys.stdin.buffer)
    return gzip.open(path) if path.endswith(".gz") else Path(path).open("rb")  # pyright: ignore[reportReturnType]
