"""Rows of a Memory, and what may become one."""

import json
from itertools import chain
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from regard.errors import KindError, RangeError, ShapeError
from regard.grid import shape_text

Numbers = Tensor | np.ndarray | list[Any] | tuple[Any, ...]


class Rows(NamedTuple):
    """Keys ``(N, F)`` and values ``(N, V)``, or objects (JSON texts) in the place of values."""

    keys: Tensor
    values: Tensor | None
    objects: tuple[str, ...]

    @property
    def kind(self) -> str:
        return "objects" if self.values is None else "vectors"


def joined(pieces: list[Rows]) -> Rows:
    """One table of many."""
    keys, values, objects = zip(*pieces, strict=True)
    return Rows(
        torch.cat(keys),
        None if values[0] is None else torch.cat(values),
        tuple(chain.from_iterable(objects)),
    )


def made(keys: Numbers, values: Any, before: Rows | None) -> Rows:
    """Rows of what was given, in the dtype and on the device of those before."""
    key = numbers("keys", keys)
    single = key.ndim == 1
    key = key[None] if single else key
    _check_keys(key, before)
    # Integers have no float dtype of their own, and float64 holds the most of them.
    own = key if key.is_floating_point() else key.new_empty(0, dtype=torch.float64)
    key = cast("keys", key, own if before is None else before.keys)
    kind = "vectors" if isinstance(values, Tensor | np.ndarray) else "objects"
    if before is not None and before.kind != kind:
        raise KindError(f"the values of this memory are {before.kind}, and these are {kind}")
    if kind == "objects":
        return Rows(key, None, texts([values] if single else values, len(key)))
    value = numbers("values", values)
    value = value[None] if single else value
    _check_values(value, len(key), before)
    return Rows(key, cast("values", value, key), ())


def numbers(what: str, given: Any, *, copy: bool = True) -> Tensor:
    """A tensor of real numbers, as they were given: integers, or floats of their own dtype, which
    Python's floats have in float64. Of rows a copy without history, of a query the tensor itself.
    """
    try:
        if isinstance(given, Tensor):
            tensor = given.detach().clone() if copy else given
        elif isinstance(given, np.ndarray):
            tensor = torch.from_numpy(np.array(given, order="C"))
        elif given and all(isinstance(row, Tensor) for row in given):
            if len({row.dtype for row in given}) > 1:
                raise TypeError("these tensors have several dtypes")
            tensor = torch.stack(list(given))
            tensor = tensor.detach() if copy else tensor
        else:
            tensor = _of_lists(what, given)
    except RangeError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise KindError(
            f"{what} must be numbers, as a tensor, a NumPy array or lists of one length: {error}"
        ) from None
    if tensor.is_complex():
        raise KindError(f"{what} must be real numbers, and came as {tensor.dtype}")
    return tensor


def cast(what: str, given: Tensor, like: Tensor) -> Tensor:
    """These numbers as the keys are: floats may be rounded, integers not, and all are finite."""
    found = given.to(like.dtype)
    lost = None if given.is_floating_point() else ~kept(given, found)
    if lost is not None and lost.any():
        raise RangeError(
            f"{what}: {found.dtype}, the dtype of the keys, does not hold the integer "
            f"{given[lost][0].item()}"
        )
    if not found.isfinite().all():
        raise RangeError(
            f"{what} must be finite in {found.dtype}, the dtype of the keys, "
            "and among these numbers is one that is not"
        )
    return found.to(like.device)


def kept(given: Tensor, found: Tensor) -> Tensor:
    """Where the cast to ``found``, which are floats, left a number as it was."""
    if given.is_floating_point():
        return found == given  # compared in the wider dtype of the two
    # Compared as floats, integers would be rounded first. From 2⁶³ on nothing is an int64.
    return found.isfinite() & (found < 2.0**63) & (found.to(torch.int64) == given.to(torch.int64))


def texts(objects: Any, count: int) -> tuple[str, ...]:
    """Each object as a line of JSON."""
    if not isinstance(objects, list | tuple):
        raise KindError(
            f"the values of {count} keys are a tensor, a NumPy array or a list of objects, "
            f"not {type(objects).__name__}"
        )
    if len(objects) != count:
        raise ShapeError(f"{count} keys came with {len(objects)} objects: one for each key")
    found = []
    for place, thing in enumerate(objects):
        try:
            found.append(json.dumps(thing, allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            raise KindError(f"object {place} is not for JSON: {error}") from None
    return tuple(found)


def _of_lists(what: str, given: Any) -> Tensor:
    array = np.array(given)
    if array.dtype.kind == "O" and all(isinstance(n, Integral) for n in array.flat):
        raise RangeError(f"{what}: a float64 does not hold integers this large")
    if array.dtype.kind == "f":  # integers beside floats, or some that no one dtype holds
        others = [n for n in np.array(given, dtype=object).flat if type(n) is not float]
        for number in others:
            if isinstance(number, Integral) and int(number) != float(number):
                raise RangeError(f"{what}: a float64 does not hold the integer {number}")
    return torch.from_numpy(array)


def _check_keys(key: Tensor, before: Rows | None) -> None:
    shape = tuple(key.shape)
    if len(shape) != 2 or not shape[1]:
        raise ShapeError(f"keys are (N, F), or (F,) for one row, and came as {shape_text(shape)}")
    if before is not None and shape[1] != before.keys.shape[1]:
        raise ShapeError(
            f"the keys of this memory have {before.keys.shape[1]} features, "
            f"and these have {shape[1]}"
        )


def _check_values(value: Tensor, count: int, before: Rows | None) -> None:
    features = "V" if before is None or before.values is None else before.values.shape[1]
    if value.ndim != 2 or len(value) != count or features not in ("V", value.shape[1]):
        raise ShapeError(
            f"values are (N, V) = ({count}, {features}), one row for each key, "
            f"and came as {shape_text(tuple(value.shape))}"
        )
