"""The file of a Memory: safetensors, with objects as lines of JSON.

    keys      (N, F)   numbers of one dtype
    values    (N, V)   of the same dtype,  or
    objects   (bytes)  uint8: N lines of JSON, in ASCII

All numbers are finite. A memory that never had a row has no tensors. The objects are a tensor, and
not part of the header, whose size safetensors limits. The header says ``format: regard.Memory``,
the version, and ``rows``: N.
"""

import json
import os
import secrets
import stat
from pathlib import Path

import torch
from torch import Tensor

from regard.errors import DataError
from regard.grid import shape_text
from regard.memory.rows import Rows

FORMAT, VERSION = "regard.Memory", "1"


def write(path: str | os.PathLike[str], rows: Rows | None) -> None:
    """Put a file in its place, whole or not at all, with the mode of the file that was there.

    A process that is killed may leave a half-written ``.NAME.xxxxxxxx`` beside it, which nobody
    reads. Cost: in memory, about twice the size of the file.
    """
    from safetensors.torch import save

    tensors = {}
    if rows is not None:
        tensors["keys"] = rows.keys.contiguous()
        if rows.values is not None:
            tensors["values"] = rows.values.contiguous()
        else:
            lines = bytearray("\n".join(rows.objects), "ascii")
            empty = torch.empty(0, dtype=torch.uint8)
            tensors["objects"] = torch.frombuffer(lines, dtype=torch.uint8) if lines else empty
    about = {"format": FORMAT, "version": VERSION, "rows": str(len(rows.keys) if rows else 0)}
    target = Path(path).resolve()  # a link stays a link
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        # What replaces a private file is at no moment open to others.
        fresh.touch(0o666 if mode is None else 0o600, exist_ok=False)
        with fresh.open("wb") as written:
            written.write(save(tensors, about))
            written.flush()
            os.fsync(written.fileno())
        if mode is not None:
            fresh.chmod(mode)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def read(path: str | os.PathLike[str]) -> Rows | None:
    """What a file holds; None where no row was ever added.

    Raises:
        DataError: there is none, or it is broken, foreign, or of another version.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise DataError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as opened:
            # Before anything is read: the file of somebody else may be large.
            about = opened.metadata() or {}
            _check_header(path, about, set(opened.keys()))
            # Copies: what is mapped from a file dies with the file.
            tensors = {name: opened.get_tensor(name).clone() for name in opened.keys()}  # noqa: SIM118
    except DataError:
        raise
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path}: no whole safetensors file: {error}") from None
    rows = _rows(path, tensors) if tensors else None
    count = len(rows.keys) if rows else 0
    if about.get("rows") != str(count):
        raise DataError(f"{path}: its header says {about.get('rows')} rows, and it has {count}")
    return rows


def _check_header(path: str | os.PathLike[str], about: dict[str, str], names: set[str]) -> None:
    if about.get("format") != FORMAT:
        raise DataError(f"{path}: a safetensors file, but not of a Memory")
    if about.get("version") != VERSION:
        raise DataError(
            f"{path}: a Memory of version {about.get('version')}, and this regard reads {VERSION}"
        )
    if names not in (set(), {"keys", "values"}, {"keys", "objects"}):
        raise DataError(
            f"{path}: a Memory has keys and values, or keys and objects, "
            f"and this one has {', '.join(sorted(names))}"
        )


def _rows(path: str | os.PathLike[str], tensors: dict[str, Tensor]) -> Rows:
    keys, values = tensors["keys"], tensors.get("values")
    if keys.ndim != 2 or not keys.shape[1] or not keys.is_floating_point():
        raise DataError(f"{path}: keys are numbers (N, F), and here {_text(keys)}")
    if values is not None and (
        values.ndim != 2 or len(values) != len(keys) or values.dtype != keys.dtype
    ):
        raise DataError(
            f"{path}: values are (N, V) like the keys, {_text(keys)}, and here {_text(values)}"
        )
    for what, found in (("keys", keys), ("values", values)):
        if found is not None and not found.isfinite().all():
            raise DataError(f"{path}: {what} are finite, and here is one that is not")
    if values is not None:
        return Rows(keys, values, ())
    return Rows(keys, None, _lines(path, tensors["objects"], len(keys)))


def _lines(path: str | os.PathLike[str], objects: Tensor, count: int) -> tuple[str, ...]:
    if objects.ndim != 1 or objects.dtype != torch.uint8:
        raise DataError(f"{path}: objects are bytes (n,), and here {_text(objects)}")
    try:
        text = bytes(objects.numpy()).decode("ascii")
        lines = tuple(text.split("\n")) if text else ()
        for line in lines:
            json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: the objects are no JSON: {error}") from None
    if len(lines) != count:
        raise DataError(f"{path}: {count} keys, and {len(lines)} objects")
    return lines


def _text(tensor: Tensor) -> str:
    return f"{tensor.dtype} {shape_text(tuple(tensor.shape))}"
