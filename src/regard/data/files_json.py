"""JSON in files: an object in every line, or a file as a whole."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any, Final

from regard.data import files
from regard.errors import DataError

LARGEST: Final = 1 << 30
"""Bytes of a JSON file at most (1 GiB): it is read as a whole. JSON Lines may be larger."""

UNREADABLE: Final = "JSON that cannot be read: nested too deep, or a huge number"


class MoreThanOne(DataError):
    """A file with JSON behind its JSON, on another line: it may be JSON Lines."""


def of_line(line: str) -> Any:
    """The value of a line.

    Raises:
        DataError: it is no JSON.
    """
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(
            f"no JSON: {error.msg} at place {error.colno} (expected an object in every line)"
        ) from None
    except (RecursionError, ValueError):
        raise DataError(UNREADABLE) from None


def of_file(path: str) -> Any:
    """The value of a whole file, ``.gz`` or not.

    Raises:
        DataError: the file cannot be read, is no JSON, or has more than 1 GiB.
        MoreThanOne: other JSON stands behind the first.
    """
    text = _text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        kind = MoreThanOne if error.msg == "Extra data" and error.lineno > 1 else DataError
        raise kind(f"{path}:{error.lineno}: no JSON: {error.msg} at place {error.colno}") from None
    except (RecursionError, ValueError):
        raise DataError(f"{path}: {UNREADABLE}") from None


def _text(path: str) -> str:
    """All of a file: JSON may be one line, longer than ``files.lines`` takes."""
    try:
        with gzip.open(path) if path.endswith(".gz") else Path(path).open("rb") as file:
            raw = file.read(LARGEST + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file: {error}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    if len(raw) > LARGEST:
        raise DataError(f"{path}: more than {LARGEST >> 30} GiB of JSON: write it as JSON Lines")
    raw = raw.removeprefix(files.BYTE_ORDER_MARK)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line, begin = raw.count(b"\n", 0, error.start) + 1, raw.rfind(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}:{line}: not UTF-8: byte 0x{raw[error.start]:02x} "
            f"at place {error.start - begin + 1} of the line"
        ) from None
