"""Rows of key and value, read by attention: ``SELECT value WHERE key = query``, softened."""

import json
import os
from operator import index
from threading import RLock
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from regard.attention import attend, top_weights, weights
from regard.errors import KindError, RangeError, ShapeError
from regard.grid import shape_text
from regard.memory import file
from regard.memory.rows import Numbers, Rows, cast, joined, kept, made, numbers
from regard.normalizers import Normalizer
from regard.scores import AnyScore


class Reading(NamedTuple):
    """Objects in falling order of their weights, those weights ``(k,)``, and the rows ``(k,)`` that
    they stand in; for many queries nested lists, and ``(*batch, Q, k)``."""

    objects: list[Any]
    weights: Tensor
    indices: Tensor


class Memory:
    """Attention as a database: rows of key and value, asked by a query.

        read      Σ_j α_j value_j,  α = normalize(score(query, key_j))
        select    the values whose key equals the query

    Values are vectors, and a read is their weighted sum; or they are objects that JSON can hold,
    and a read gives them in falling order of their weights. One memory holds one kind.

    The score is the cosine unless another is given: keys of any length compete by direction.
    Cosines lie in −1 … 1, so their softmax is gentle; ``scores.Cosine(20.0)`` is sharp, and
    ``normalizer="hard"`` takes the best row alone. With one-hot keys that is exactly the row.

    Rows are copies, in the dtype and on the device of the first keys, which is float64 where these
    are integers or lists of Python's numbers. What comes later, values and queries too, is cast:
    floats are rounded; integers that the dtype does not hold, and numbers that are not finite in
    it, are refused. No gradient flows into rows: reads pass gradients to the query and to the
    tensors of the score. Objects come back as JSON has them: tuples as lists, keys of dicts as
    strings.

    Threads may read while others add: a read sees the rows as they were at one moment, and an
    ``add`` is seen whole or not at all.

    Source:  key–value attention as in Miller et al. 2016 (arXiv:1606.03126), §3.1
    Departs: a library of rows that are given, and not learned
    Cost:    adding is O(rows added), in one piece or row by row; reading O(N·F) time for each query

    >>> memory = Memory()
    >>> memory.add([[1, 0, 0], [0, 1, 0], [0, 0, 1]], ["bread", "water", "tea"])
    >>> memory.read([0, 1, 0.2], normalizer="hard", top_k=1).objects
    ['water']
    >>> memory.select([0, 0, 1])
    ['tea']
    >>> memory
    Memory(3 rows: keys of 3 features, objects)
    """

    def __init__(self) -> None:
        # Rows arrive in pieces, and are joined when they are read, which costs no more than the
        # reading itself; a row at a time is not copied again and again. A piece never changes.
        self._pieces: list[Rows] = []
        self._count = 0
        self._lock = RLock()

    def add(self, keys: Numbers, values: Any) -> None:
        """Append rows: all of them, or, if they are refused, none.

        Args:
            keys: ``(N, F)``, or ``(F,)`` for a single row: a tensor, a NumPy array, or lists.
            values: a tensor or NumPy array ``(N, V)``, or ``(V,)`` for a single row; or a list of
                N objects for JSON, for a single row the object.

        Raises:
            ShapeError: other features than the rows have, or not one value for each key.
            KindError: keys that are no numbers, objects that JSON cannot hold, objects where the
                memory has vectors or the other way round.
            RangeError: keys or values that are infinite or NaN, or are so in the dtype of the
                keys; integers that this dtype does not hold.
        """
        with self._lock:
            piece = made(keys, values, self._pieces[0] if self._pieces else None)
            self._pieces.append(piece)
            self._count += len(piece.keys)

    def read(
        self,
        query: Numbers,
        *,
        score: AnyScore | str = "cosine",
        normalizer: Normalizer | str = "softmax",
        top_k: int | None = None,
        return_weights: bool = False,
    ) -> Any:
        """What the rows answer, each as much as its key matches.

        Args:
            query: ``(F,)``, or ``(*batch, Q, F)`` for many.
            score, normalizer: as in ``regard.attend``.
            top_k: read only so many rows, those with the largest weights; None: all. The full
                table of weights exists then for no query.
            return_weights: with vectors, give the weights too; with objects they always come.

        Returns:
            With vectors ``(*batch, Q, V)``, or ``(V,)`` for one query. With ``top_k`` it is the
            average of these rows: their weights are divided by their sum. Weights, if asked, are
            those used: ``(*batch, Q, N)``, or with ``top_k`` the pair ``weights, indices``.
            With objects a ``Reading``; its weights are shares of the whole memory, also with
            ``top_k``.

        Raises:
            RangeError: the memory is empty, ``top_k`` < 1, or the query is not finite in the
                dtype of the keys, or an integer that this dtype does not hold.
            ShapeError, KindError, UnknownName: as ``regard.attend``.
        """
        rows, asked = self._rows(), numbers("query", query, copy=False)
        if rows is None or not len(rows.keys):
            raise RangeError("the memory is empty: add(keys, values) comes before read")
        _check_query(asked, rows)
        asked, key = cast("query", asked, rows.keys), rows.keys
        parts = {"score": score, "normalizer": normalizer}
        if top_k is None and rows.values is not None:
            return attend(asked, key, rows.values, return_weights=return_weights, **parts)
        if top_k is None:
            each: Any = weights(asked, key, **parts)
            order = torch.sort(each, dim=-1, descending=True, stable=True)
            return Reading(_named(rows, order.indices), order.values, order.indices)
        top: Any = top_weights(asked, key, min(_whole(top_k), len(key)), **parts)
        if rows.values is None:
            return Reading(_named(rows, top.indices), *top)
        total = top.weights.sum(-1, keepdim=True)
        shares = top.weights / torch.where(total == 0, 1.0, total)
        output = (shares[..., None, :] @ rows.values[top.indices.clamp_min(0)])[..., 0, :]
        return (output, top._replace(weights=shares)) if return_weights else output

    def select(self, query: Numbers) -> Any:
        """The exact match: the values of all rows whose key equals the query, in their order.

        Numbers are compared exactly, as the keys hold them, and the query is not rounded: one that
        the dtype of the keys does not hold equals no key, nor does NaN. A float32 key that was
        added as 0.1 is not the float64 0.1; ask for it with a float32 tensor. −0 equals 0.

        Args:
            query: ``(F,)``, or ``(*batch, Q, F)`` for many.

        Returns:
            With vectors a tensor ``(n, V)``, with objects a list; empty where no key equals the
            query. For many queries nested lists of these.
        """
        rows, asked = self._rows(), numbers("query", query, copy=False)
        if rows is None:
            return []
        _check_query(asked, rows)
        found = asked.to(rows.keys.dtype)
        whole = kept(asked, found).all(-1)
        return _matches(rows, found.to(rows.keys.device), whole.to(rows.keys.device))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the memory to one safetensors file, whole or not at all.

        It is written beside its place, forced to the disk and moved there at once: when that fails
        or the process dies, a file that was there before is still there as it was. A file that is
        replaced hands on its mode.

        Raises:
            OSError: the file cannot be written.
        """
        file.write(path, self._rows())

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "cpu") -> "Memory":
        """The memory of a file that ``save`` wrote. The file is only read; nothing in it is run.

        Raises:
            DataError: there is no such file, or it is no whole Memory file of this version; the
                message has the path and the reason.
        """
        rows, memory = file.read(path), cls()
        if rows is not None:
            values = None if rows.values is None else rows.values.to(device)
            memory._pieces = [Rows(rows.keys.to(device), values, rows.objects)]
            memory._count = len(rows.keys)
        return memory

    @property
    def keys(self) -> Float[Tensor, "N F"]:
        """The keys; not to be changed in place."""
        rows = self._rows()
        return torch.empty(0, 0) if rows is None else rows.keys

    @property
    def values(self) -> Any:
        """The values: a tensor ``(N, V)``, not to be changed in place, or a list of objects."""
        rows = self._rows()
        if rows is None or rows.values is None:
            return [json.loads(text) for text in (rows.objects if rows else ())]
        return rows.values

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        rows = self._rows()
        if rows is None:
            return "Memory(empty)"
        count = f"{len(rows.keys)} row{'' if len(rows.keys) == 1 else 's'}"
        what = "objects" if rows.values is None else f"values of {rows.values.shape[1]}"
        return f"Memory({count}: keys of {rows.keys.shape[1]} features, {what})"

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:  # which stays behind: a lock is neither copied nor pickled
            return self.__dict__ | {"_pieces": self._pieces.copy(), "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=RLock())

    def _rows(self) -> Rows | None:
        """All rows, as they are at this moment; None before the first."""
        with self._lock:
            if len(self._pieces) > 1:
                self._pieces = [joined(self._pieces)]
            return self._pieces[0] if self._pieces else None


def _check_query(query: Tensor, rows: Rows) -> None:
    if not query.ndim or query.shape[-1] != rows.keys.shape[1]:
        raise ShapeError(
            f"the keys of this memory have {rows.keys.shape[1]} features: query is (F,) "
            f"or (*batch, Q, F), and came as {shape_text(tuple(query.shape))}"
        )


def _whole(top_k: Any) -> int:
    try:
        if isinstance(top_k, bool):
            raise TypeError
        count = index(top_k)
    except TypeError:
        raise KindError(
            f"top_k is how many rows to read, an integer or None, and it is {top_k!r}"
        ) from None
    if count < 1:
        raise RangeError(f"top_k is how many rows to read, at least 1, and it is {count}")
    return count


def _matches(rows: Rows, query: Tensor, whole: Tensor) -> Any:
    if query.ndim > 1:
        return [_matches(rows, *part) for part in zip(query, whole, strict=True)]
    found = ((rows.keys == query).all(-1) & whole).nonzero()[:, 0]
    return _named(rows, found) if rows.values is None else rows.values[found]


def _named(rows: Rows, indices: Tensor) -> list[Any]:
    def named(places: Any) -> Any:
        if isinstance(places, list):
            return [named(place) for place in places]
        # −1 stands where a score of the user's ruled rows out.
        return None if places < 0 else json.loads(rows.objects[places])

    return named(indices.tolist())
