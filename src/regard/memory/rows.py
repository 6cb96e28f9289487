"""What may be added to a Memory, made ready to be kept."""

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regard.errors import KindError, ShapeError

Numbers = Tensor | np.ndarray | list[Any] | tuple[Any, ...]


def numbers(what: str, given: Any, *, copy: bool = True) -> Tensor:
    """A tensor of real numbers: of rows a copy without history, of a query the tensor itself."""
    try:
        if isinstance(given, Tensor):
            tensor = given.detach().clone() if copy else given
        elif isinstance(given, np.ndarray):
            tensor = torch.from_numpy(np.array(given, order="C"))
        elif given and all(isinstance(row, Tensor) for row in given):
            tensor = torch.stack(list(given))
            tensor = tensor.detach() if copy else tensor
        else:
            tensor = torch.from_numpy(np.array(given)).to(torch.get_default_dtype())
    except (TypeError, ValueError, RuntimeError) as error:
        raise KindError(
            f"{what} are numbers, as a tensor, a NumPy array or lists of one length: {error}"
        ) from None
    if tensor.is_complex():
        raise KindError(f"{what} are real numbers, and came as {tensor.dtype}")
    return tensor


def texts(objects: Any, count: int) -> list[str]:
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
    return found
