"""Memory of blocks: used again where nothing must stay, handed back to the system where it must."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from math import prod

import torch
from torch import Tensor

from regard.engines.call import Call

TIDY_AFTER = 8 * 2**20
"""Scores and features after which freed memory is handed back."""

_made = [0]


class Scratch:
    """One array after another in the same memory. Fresh memory is not had for nothing: the system
    hands it out in pages, and to clear them can take longer than to compute what goes there."""

    def __init__(self) -> None:
        self._memory: Tensor | None = None

    @staticmethod
    def of(call: Call) -> "Scratch | None":
        """None where what is computed must stay: for a gradient, or for a transform of torch."""
        stays = (
            call.wants_gradients
            or not call.is_torch
            or torch.compiler.is_compiling()
            or torch._C._are_functorch_transforms_active()
        )
        return None if stays else Scratch()

    def empty(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """An array of anything, in the place of the one before, like another in dtype."""
        count, memory = prod(shape), self._memory
        if memory is None or memory.numel() < count or memory.dtype != like.dtype:
            memory = self._memory = like.new_empty(count)
        return memory[:count].view(shape)

    def holds(self, array: Tensor) -> bool:
        """Whether an array lies here, and may be overwritten."""
        return self._memory is not None and array.data_ptr() == self._memory.data_ptr()


def tidy(numbers: int) -> None:
    """Called for each block and each tile, in both passes, with the numbers that it is going to
    make: hands freed memory back to the system now and then.

    glibc rarely finds room for a block's tensors where the last block's were, because small ones
    that stay have settled there; the heap would grow by every block, as if Q×K were held.
    """
    if torch.compiler.is_compiling():
        return  # a compiled program lays out its memory itself
    _made[0] += numbers
    if _made[0] > TIDY_AFTER and (trim := _malloc_trim()) is not None:
        _made[0] = 0
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
