"""The file of a Memory: safetensors, with objects as lines of JSON.

    keys      (N, F)   numbers of one dtype
    values    (N, V)   of the same dtype,  or
    objects   (bytes)  uint8: N lines of JSON, in ASCII

A memory that never had a row has no tensors. The objects are a tensor, and not part of the header,
whose size safetensors limits. The header says ``format: regard.Memory`` and the version.
"""

import json
import os
import secrets
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from regard.errors import DataError
from regard.grid import shape_text

FORMAT, VERSION = "regard.Memory", "1"


class Content(NamedTuple):
    """What is in a file; keys are None where no row was ever added, values where there are objects
    (JSON texts) in their place."""

    keys: Tensor | None
    values: Tensor | None
    objects: tuple[str, ...]


def write(path: str | os.PathLike[str], content: Content) -> None:
    """Put a file in its place, whole or not at all.

    A process that is killed may leave a half-written ``.NAME.xxxxxxxx`` beside it, which nobody
    reads. Cost: in memory, about twice the size of the file.
    """
    from safetensors.torch import save

    tensors = {}
    if content.keys is not None:
        tensors["keys"] = content.keys.contiguous()
    if content.values is not None:
        tensors["values"] = content.values.contiguous()
    elif content.keys is not None:
        lines = bytearray("\n".join(content.objects), "ascii")
        empty = torch.empty(0, dtype=torch.uint8)
        tensors["objects"] = torch.frombuffer(lines, dtype=torch.uint8) if lines else empty
    target = Path(path).resolve()  # a link stays a link
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with fresh.open("xb") as written:
            written.write(save(tensors, {"format": FORMAT, "version": VERSION}))
            written.flush()
            os.fsync(written.fileno())
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def read(path: str | os.PathLike[str]) -> Content:
    """What a file holds.

    Raises:
        DataError: there is none, or it is broken, foreign, or of another version.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise DataError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as opened:
            about = opened.metadata() or {}
            # Copies: what is mapped from a file dies with the file.
            tensors = {name: opened.get_tensor(name).clone() for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path}: no whole safetensors file: {error}") from None
    if about.get("format") != FORMAT:
        raise DataError(f"{path}: a safetensors file, but not of a Memory")
    if about.get("version") != VERSION:
        raise DataError(
            f"{path}: a Memory of version {about.get('version')}, and this regard reads {VERSION}"
        )
    return _content(path, tensors)


def _content(path: str | os.PathLike[str], tensors: dict[str, Tensor]) -> Content:
    if not tensors:
        return Content(None, None, ())
    if set(tensors) not in ({"keys", "values"}, {"keys", "objects"}):
        raise DataError(
            f"{path}: a Memory has keys and values, or keys and objects, "
            f"and this one has {', '.join(sorted(tensors))}"
        )
    keys, values = tensors["keys"], tensors.get("values")
    if keys.ndim != 2 or not keys.shape[1] or not keys.is_floating_point():
        raise DataError(f"{path}: keys are numbers (N, F), and here {_text(keys)}")
    if not keys.isfinite().all():
        raise DataError(f"{path}: keys are finite, and here is one that is not")
    if values is not None:
        if values.ndim != 2 or len(values) != len(keys) or values.dtype != keys.dtype:
            raise DataError(
                f"{path}: values are (N, V) like the keys, {_text(keys)}, and here {_text(values)}"
            )
        return Content(keys, values, ())
    return Content(keys, None, _lines(path, tensors["objects"], len(keys)))


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
