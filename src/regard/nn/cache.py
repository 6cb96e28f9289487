"""Keys and values of the tokens so far, in memory that is allocated once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.errors import KindError, RangeError, ShapeError
from regard.grid import shape_text, traced
from regard.nn.refusals import integers, sizes, whole


class Projected(NamedTuple):
    """Keys ``(*batch, heads, K, D)`` and values ``(*batch, heads, K, V)``, projected and split into
    heads: what queries read."""

    key: Tensor
    value: Tensor


class KeyValueCache:
    """Room for the keys and values of ``capacity`` tokens; ``append`` writes behind the last.

    Source:  Shazeer 2019 (arXiv:1911.02150), §2.4: incremental decoding
    Departs: none
    Cost:    2 · batch · heads · capacity · features numbers, allocated at once; a step writes its
             own tokens and copies nothing. ``append`` gives views, no copies.

    A cache records no gradients: a later token writes into the memory that an earlier step has
    read. So keys that require gradients are refused; decode inside ``torch.no_grad()`` or
    ``torch.inference_mode()``, and train with whole sequences.

    Args:
        batch: rows of the batch.
        heads: heads of keys and values (those of the queries, or fewer that they share).
        capacity: how many tokens there is room for.
        features: D, of a head.
        dtype, device: of the keys and values; None: torch's defaults.

    Raises:
        RangeError, KindError: one of the four sizes is below 1, or no whole number.

    >>> import torch
    >>> cache = KeyValueCache(batch=1, heads=2, capacity=8, features=4)
    >>> keys, values = cache.append(torch.ones(1, 2, 3, 4), torch.ones(1, 2, 3, 4))
    >>> keys.shape, cache.length
    (torch.Size([1, 2, 3, 4]), 3)
    """

    def __init__(
        self,
        batch: int,
        heads: int,
        capacity: int,
        features: int,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        sizes("a KeyValueCache", batch=batch, heads=heads, capacity=capacity, features=features)
        shape = (batch, heads, capacity, features)
        # What is made in inference mode could not be written to outside of it.
        with torch.inference_mode(False):
            self._key = torch.zeros(shape, dtype=dtype, device=device)
            self._value = torch.zeros(shape, dtype=dtype, device=device)
        self._length = 0

    @property
    def length(self) -> int:
        """How many tokens it holds."""
        return self._length

    @property
    def capacity(self) -> int:
        """How many it has room for."""
        return self._key.shape[-2]

    @property
    def batch(self) -> int:
        """Rows of the batch."""
        return self._key.shape[0]

    @property
    def projected(self) -> Projected:
        """The keys and values so far, as views of the cache's memory."""
        return Projected(
            self._key[..., : self._length, :],
            self._value[..., : self._length, :],
        )

    def append(self, key: Float[Tensor, "B H T D"], value: Float[Tensor, "B H T D"]) -> Projected:
        """Write T tokens behind the last; the keys and values so far, these included.

        Raises:
            RangeError: there is no room for T more; nothing is written then.
            ShapeError: other sizes than the cache was made for.
            KindError: another dtype or device, or gradients are being recorded.
        """
        count = key.shape[-2] if key.ndim > 1 else 0
        for name, new, held in (("keys", key, self._key), ("values", value, self._value)):
            _check(name, new, held, count)
        if self._length + count > self.capacity:
            raise RangeError(
                f"the cache has room for {self.capacity} tokens and holds {self._length}, and "
                f"{count} more were to be added: allocate capacity ≥ {self._length + count}"
            )
        places = slice(self._length, self._length + count)
        self._key[..., places, :] = key
        self._value[..., places, :] = value
        self._length += count
        return self.projected

    def truncate(self, length: int) -> None:
        """Forget the tokens behind the first ``length``; their room is free again.

        Raises:
            RangeError, KindError: fewer tokens than that are held; no whole number.
        """
        length = whole("truncate", "length", length)
        if not 0 <= length <= self._length:
            raise RangeError(
                f"the cache holds {self._length} tokens, and cannot be cut to {length}"
            )
        self._length = length

    def reorder(self, rows: Int[Tensor, " N"]) -> None:
        """Row n becomes what row ``rows[n]`` was, as a search over beams wants it.

        N may differ from the batch: the cache is then allocated anew. O(N·heads·length·features).

        Raises:
            KindError, ShapeError: rows that are no tensor of integers ``(N,)``.
            RangeError: a row that there is not (a GPU finds it out by itself).
        """
        rows = self.numbered(rows)
        self._key, self._value = (self._of_rows(held, rows) for held in (self._key, self._value))

    def numbered(self, rows: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
        """Numbers of rows as ``index_select`` takes them, or why they are none."""
        integers(rows, "rows (N,)")
        if rows.ndim != 1 or not len(rows):
            raise ShapeError(
                f"rows are numbers (N,) of at least 1 row, and came as "
                f"{shape_text(tuple(rows.shape))}"
            )
        if rows.device.type == "cpu" and not traced(rows):  # asking a GPU would make it wait
            low, high = int(rows.min()), int(rows.max())
            if low < 0 or high >= self.batch:
                raise RangeError(
                    f"the cache has {self.batch} rows, 0 … {self.batch - 1}, and row "
                    f"{low if low < 0 else high} was asked for"
                )
        return rows.to(self._key.device, torch.int64)

    def _of_rows(self, held: Tensor, rows: Tensor) -> Tensor:
        filled = held[..., : self._length, :].index_select(0, rows)
        if len(rows) != len(held):
            with torch.inference_mode(False):
                held = held.new_zeros((len(rows), *held.shape[1:]))
        held[..., : self._length, :] = filled
        return held

    def __repr__(self) -> str:
        batch, heads, capacity, features = self._key.shape
        return (
            f"KeyValueCache(batch={batch}, heads={heads}, capacity={capacity}, "
            f"features={features}, length={self._length})"
        )


@contextmanager
def together(caches: Sequence[KeyValueCache]) -> Iterator[None]:
    """Caches of one sequence, that keep what is written within or, where that raises, nothing.

    Raises:
        ShapeError: they hold different numbers of tokens, so they are not of one sequence.
    """
    lengths = [cache.length for cache in caches]
    if len(set(lengths)) > 1:
        raise ShapeError(f"layers hold the same tokens, and their caches are {lengths} long")
    try:
        yield
    except BaseException:
        for cache, length in zip(caches, lengths, strict=True):
            cache.truncate(length)
        raise


def _check(name: str, new: Tensor, held: Tensor, count: int) -> None:
    batch, heads, _, features = held.shape
    if tuple(new.shape) != (batch, heads, count, features):
        raise ShapeError(
            f"this cache takes {name} (batch, heads, T, features) = ({batch}, {heads}, T, "
            f"{features}), and got {shape_text(tuple(new.shape))}"
        )
    if new.dtype != held.dtype or new.device != held.device:
        raise KindError(
            f"this cache holds {held.dtype} on {held.device}, and the {name} are {new.dtype} on "
            f"{new.device}: allocate it with dtype={new.dtype}, on their device"
        )
    if torch.is_grad_enabled() and new.requires_grad:
        raise KindError(
            f"a cache records no gradients, and the {name} require them: decode inside "
            "torch.no_grad() or torch.inference_mode(), and train with whole sequences"
        )
