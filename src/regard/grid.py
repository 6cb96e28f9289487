"""A rectangle of the (query, key) plane: what a mask or a bias is asked about.

Engines never ask for the whole plane. They ask for the rectangle they are at, so a mask costs the
memory of that rectangle and nothing else.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import array_api_compat
import numpy as np
import torch

from regard.errors import KindError, ShapeError

Array: TypeAlias = torch.Tensor | np.ndarray
"""A torch tensor, a NumPy array, or an array of another library that keeps the array API."""


TORCH = array_api_compat.array_namespace(torch.empty(0))


def namespace(*arrays: Any) -> Any:
    """The library of some arrays, in the words of the array API standard.

    Raises:
        TypeError: arrays of no library, or of several.
    """
    # array_api_compat looks types up in a cache, about which torch.compile warns.
    if all(isinstance(array, torch.Tensor) for array in arrays):
        return TORCH
    return array_api_compat.array_namespace(*arrays)


def traced(*arrays: Any) -> bool:
    """Whether the numbers of arrays may not be asked for: while ``torch.compile`` or
    ``torch.export`` traces, under a transform of ``torch.func``, and on the meta device there are
    none yet, or more than one for each."""
    return (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or any(isinstance(x, torch.Tensor) and x.device.type == "meta" for x in arrays)
    )


@dataclass(eq=False)  # never changed once made; frozen would cost a microsecond
class Grid:
    """Rows ``queries`` and columns ``keys`` of scores of shape ``(*batch, n_queries, n_keys)``."""

    batch: tuple[int, ...]
    n_queries: int
    n_keys: int
    queries: range
    keys: range
    xp: Any
    device: Any
    dtype: Any = None
    """Of the scores; None: not known."""

    def at(self, queries: range, keys: range) -> "Grid":
        """Another rectangle of the same plane."""
        sizes = self.batch, self.n_queries, self.n_keys
        return Grid(*sizes, queries, keys, self.xp, self.device, self.dtype)

    @property
    def pattern(self) -> str:
        """The plane's shape in words, for messages."""
        return shape_text((*self.batch, self.n_queries, self.n_keys))

    def asarray(self, values: Any) -> Any:
        """``values`` (a list, an array of any library) as an array of this plane's library."""
        try:
            return self._asarray(values)
        except (TypeError, ValueError, RuntimeError) as error:
            raise KindError(
                f"expected numbers in an array or a list, and got {values!r}"
            ) from error

    def _asarray(self, values: Any) -> Any:
        if self.xp.__name__.endswith("torch"):
            if isinstance(values, np.ndarray) and not (
                values.flags.writeable and min(values.strides, default=0) >= 0
            ):
                values = values.copy()  # torch takes no negative strides, and warns of read-only
            return torch.as_tensor(values, device=self.device)
        if isinstance(values, torch.Tensor):
            values = values.detach().cpu().numpy()
        return self.xp.asarray(values, device=self.device)

    def indices(self, along: range) -> Any:
        return self.xp.arange(along.start, along.stop, device=self.device)

    def per_query(self, values: Any, what: str) -> Any:
        """``(Q,)`` or ``(*batch's first dimensions, Q)`` as ``(…, q, 1)`` for this rectangle."""
        rows = self._leftmost(values, self.n_queries, what, "Q")
        return rows[..., self.queries.start : self.queries.stop, None]

    def per_key(self, values: Any, what: str) -> Any:
        """``(K,)`` or ``(*batch's first dimensions, K)`` as ``(…, 1, k)`` for this rectangle."""
        columns = self._leftmost(values, self.n_keys, what, "K")
        return columns[..., None, self.keys.start : self.keys.stop]

    def per_row_of_batch(self, values: Any, what: str) -> Any:
        """A number per row of the batch (the leftmost dimensions) as ``(…, 1, 1)``."""
        array = self.asarray(values)
        self._check_batch(tuple(array.shape), tuple(array.shape), what, "(*batch)")
        ones = (1,) * (len(self.batch) - array.ndim + 2)
        return self.xp.reshape(array, (*array.shape, *ones))

    def dense(self, values: Any, what: str) -> Any:
        """``(Q, K)`` or full rank, cut to this rectangle; dimensions of 1 broadcast."""
        shape, plane = tuple(values.shape), (*self.batch, self.n_queries, self.n_keys)
        fits = len(shape) in (2, len(plane)) and all(
            have == 1 or have == want  # not "in": sizes may be symbols of torch.compile
            for have, want in zip(reversed(shape), reversed(plane), strict=False)
        )
        if not fits:
            raise ShapeError(
                f"{what} wants (Q, K) = {shape_text(plane[-2:])} or the full rank "
                f"(*batch, Q, K) = {self.pattern}, and came as {shape_text(shape)}"
            )
        rows = slice(None) if shape[-2] == 1 else slice(self.queries.start, self.queries.stop)
        columns = slice(None) if shape[-1] == 1 else slice(self.keys.start, self.keys.stop)
        return self.asarray(values[..., rows, columns])

    def _leftmost(self, values: Any, length: int, what: str, letter: str) -> Any:
        array = self.asarray(values)
        shape = tuple(array.shape)
        if not shape or shape[-1] != length:
            raise ShapeError(
                f"{what} wants ({letter},) = ({length},) or (*batch, {letter}) where the scores "
                f"are {self.pattern}, and came as {shape_text(shape)}"
            )
        self._check_batch(shape[:-1], shape, what, f"({letter},) or (*batch, {letter})")
        ones = (1,) * (len(self.batch) - array.ndim + 1) if array.ndim > 1 else ()
        return self.xp.reshape(array, (*shape[:-1], *ones, length))

    def _check_batch(
        self, lead: tuple[int, ...], shape: tuple[int, ...], what: str, pattern: str
    ) -> None:
        # Lengths and ids belong to the batch, the leftmost dimensions; aligning them to the right
        # would hand the lengths of sentences to the heads whenever the two numbers agree.
        if len(lead) > len(self.batch) or any(
            have != 1 and have != want for have, want in zip(lead, self.batch, strict=False)
        ):
            raise ShapeError(
                f"{what} wants {pattern}, aligned to the leftmost dimensions of the scores "
                f"(*batch, Q, K) = {self.pattern}, and came as {shape_text(shape)}"
            )


def shape_text(shape: tuple[int, ...]) -> str:
    """``(2, 3)`` for messages, also where a size is symbolic."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def some_heads(array: Any, heads: list[int], axis: int) -> Any:
    """The parts of an array that belong to some heads; itself, where all heads share it."""
    if array.ndim < -axis or array.shape[axis] == 1:
        return array
    return taken(array, heads, axis)


def taken(array: Any, places: list[int], axis: int) -> Any:
    """Some of an array along an axis, in the order given."""
    if places == list(range(array.shape[axis])):
        return array
    xp, device = namespace(array), array_api_compat.device(array)
    return xp.take(array, xp.asarray(places, dtype=xp.int64, device=device), axis=axis)
