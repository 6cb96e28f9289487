"""Tensors of a model, kept until somebody asks: by reference where nothing can change them."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from regard.errors import WatchError


@dataclass(frozen=True)
class Keeping:
    """How tensors are kept.

    Attributes:
        device: where; None: where they are.
        dtype: in what precision; None: as they are.
        copy: whether all are copied.
    """

    device: torch.device | None = None
    dtype: torch.dtype | None = None
    copy: bool = False
    copies: list[tuple[tuple[object, ...], Tensor]] = field(default_factory=list, repr=False)

    def keep(self, tensor: Tensor) -> "Kept":
        """A tensor as it is now.

        It is copied if it has been written in place before, as a cache that does not grow is, for
        it will be again; and under ``torch.inference_mode``, where torch does not count writings. A
        copy that is equal to the last ones, as of a mask that layers share, is made once.
        """
        tensor = tensor.detach()
        changes = tensor.is_inference() or tensor._version > 0
        place, kind = self.device or tensor.device, tensor.dtype
        if self.dtype is not None and tensor.is_floating_point():
            kind = self.dtype
        if not (changes or self.copy) and place == tensor.device and kind == tensor.dtype:
            return Kept(tensor, 0)
        form = (tensor.data_ptr(), tensor.shape, tensor.stride(), place, kind)
        for other, copy in self.copies:
            if form == other and torch.equal(copy, tensor.to(place, kind)):
                return Kept(copy, None)
        # Of an expanded tensor what is there is copied, and then expanded again.
        slim = tensor[tuple(slice(1) if step == 0 else slice(None) for step in tensor.stride())]
        copy = slim.to(place, kind, copy=True).expand(tensor.shape)
        self.copies.append((form, copy))
        del self.copies[:-RECENT]
        return Kept(copy, None)


RECENT = 4
"""Copies that a tensor may turn out to be equal to."""


@dataclass(eq=False, slots=True)
class Kept:
    """A tensor, and how often it had been written in place when it was kept; None: it is ours."""

    tensor: Tensor
    version: int | None

    @staticmethod
    def of(tensor: Tensor) -> "Kept":
        """A tensor by reference."""
        return Kept(tensor.detach(), None if tensor.is_inference() else tensor._version)

    @property
    def now(self) -> Tensor:
        """The tensor as it was.

        Raises:
            WatchError: it has been written in place since.
        """
        self.check()
        return self.tensor

    def check(self) -> None:
        """See whether it is as it was.

        Raises:
            WatchError: it has been written in place since.
        """
        if self.version is not None and self.tensor._version != self.version:
            raise WatchError(
                "a tensor that was attended with has been written over since; watch(model, "
                "copy=True) keeps copies"
            )

    @property
    def storage(self) -> tuple[int, int]:
        """Where the memory is that it keeps alive, and how many bytes."""
        storage = self.tensor.untyped_storage()
        return storage.data_ptr(), storage.nbytes()
