"""Rows of key and value, read by attention: ``SELECT value WHERE key = query``, softened."""

import json
import os
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.attention import attend, top_weights, weights
from regard.errors import KindError, RangeError, ShapeError
from regard.grid import shape_text
from regard.memory import file
from regard.memory.rows import Numbers, numbers, texts
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

    Rows are copies, in the dtype and on the device of the first keys (integers become torch's
    default dtype); what comes later, queries too, is converted. No gradient flows into rows:
    reads pass gradients to the query and to the tensors of the score. Keys are finite numbers.
    Objects come back as JSON has them: tuples as lists, keys of dicts as strings.

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
        # reading itself; a row at a time is not copied again and again.
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._objects: list[str] = []  # JSON: nobody else holds them, and nobody can change them
        self._kind: Literal["vectors", "objects"] | None = None

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
            RangeError: keys that are infinite or NaN.
        """
        key = numbers("keys", keys)
        single = key.ndim == 1
        key = self._converted(key[None] if single else key)
        self._check_key(key)
        kind = "vectors" if isinstance(values, Tensor | np.ndarray) else "objects"
        if self._kind not in (None, kind):
            raise KindError(f"the values of this memory are {self._kind}, and these are {kind}")
        if kind == "vectors":
            value = numbers("values", values).to(key)
            self._check_value(key, value[None] if single else value)
            self._values.append(value[None] if single else value)
        else:
            self._objects.extend(texts([values] if single else values, len(key)))
        self._keys.append(key)
        self._kind = kind

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
            RangeError: the memory is empty, or ``top_k`` < 1.
            ShapeError, KindError, UnknownName: as ``regard.attend``.
        """
        found, key = self._query(query), self.keys
        if not len(self):
            raise RangeError("the memory is empty: add(keys, values) comes before read")
        parts = {"score": score, "normalizer": normalizer}
        if top_k is None and self._kind == "vectors":
            return attend(found, key, self.values, return_weights=return_weights, **parts)
        if top_k is None:
            each: Any = weights(found, key, **parts)
            order = torch.sort(each, dim=-1, descending=True, stable=True)
            return Reading(self._named(order.indices), order.values, order.indices)
        count = min(top_k, len(self)) if isinstance(top_k, int) else top_k
        top: Any = top_weights(found, key, count, **parts)
        if self._kind == "objects":
            return Reading(self._named(top.indices), *top)
        total = top.weights.sum(-1, keepdim=True)
        shares = top.weights / torch.where(total == 0, 1.0, total)
        rows = self.values[top.indices.clamp_min(0)]
        output = (shares[..., None, :] @ rows)[..., 0, :]
        return (output, top._replace(weights=shares)) if return_weights else output

    def select(self, query: Numbers) -> Any:
        """The exact match: the values of all rows whose key equals the query, in their order.

        Args:
            query: ``(F,)``, or ``(*batch, Q, F)`` for many.

        Returns:
            With vectors a tensor ``(n, V)``, with objects a list; empty where no key equals the
            query. For many queries nested lists of these.
        """
        if self._kind is None:
            return []
        return self._matches(self._query(query))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the memory to one safetensors file, whole or not at all.

        It is written beside its place, forced to the disk and moved there at once: when that fails
        or the process dies, a file that was there before is still there as it was.

        Raises:
            OSError: the file cannot be written.
        """
        file.write(path, file.Content(*self._tensors(), tuple(self._objects)))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "cpu") -> "Memory":
        """The memory of a file that ``save`` wrote. The file is only read; nothing in it is run.

        Raises:
            DataError: there is no such file, or it is no whole Memory file of this version; the
                message has the path and the reason.
        """
        content, memory = file.read(path), cls()
        if content.keys is not None:
            memory._keys = [content.keys.to(device)]
            memory._kind = "objects" if content.values is None else "vectors"
        if content.values is not None:
            memory._values = [content.values.to(device)]
        memory._objects = list(content.objects)
        return memory

    @property
    def keys(self) -> Float[Tensor, "N F"]:
        """The keys; not to be changed in place."""
        return _joined(self._keys)

    @property
    def values(self) -> Any:
        """The values: a tensor ``(N, V)``, not to be changed in place, or a list of objects."""
        if self._kind == "vectors":
            return _joined(self._values)
        return [json.loads(text) for text in self._objects]

    def __len__(self) -> int:
        return sum(map(len, self._keys))

    def __repr__(self) -> str:
        if self._kind is None:
            return "Memory(empty)"
        row = f"{len(self)} row{'' if len(self) == 1 else 's'}"
        what = f"values of {self.values.shape[1]}" if self._kind == "vectors" else "objects"
        return f"Memory({row}: keys of {self.keys.shape[1]} features, {what})"

    def _tensors(self) -> tuple[Tensor | None, Tensor | None]:
        keys = None if self._kind is None else self.keys
        return keys, self.values if self._kind == "vectors" else None

    def _query(self, given: Numbers) -> Tensor:
        query = self._converted(numbers("query", given, copy=False))
        if self._keys and (not query.ndim or query.shape[-1] != self._keys[0].shape[1]):
            raise ShapeError(
                f"the keys of this memory have {self._keys[0].shape[1]} features: query is (F,) "
                f"or (*batch, Q, F), and came as {shape_text(tuple(query.shape))}"
            )
        return query

    def _converted(self, given: Tensor) -> Tensor:
        if self._keys:
            return given.to(self._keys[0])
        return given if given.is_floating_point() else given.to(torch.get_default_dtype())

    def _check_key(self, key: Tensor) -> None:
        shape = tuple(key.shape)
        if len(shape) != 2 or not shape[1]:
            raise ShapeError(
                f"keys are (N, F), or (F,) for one row, and came as {shape_text(shape)}"
            )
        if self._keys and shape[1] != self._keys[0].shape[1]:
            raise ShapeError(
                f"the keys of this memory have {self._keys[0].shape[1]} features, "
                f"and these have {shape[1]}"
            )
        if not key.isfinite().all():
            raise RangeError("keys are finite numbers, and among these is one that is not")

    def _check_value(self, key: Tensor, value: Tensor) -> None:
        features = self._values[0].shape[1] if self._values else "V"
        if value.ndim != 2 or len(value) != len(key) or features not in ("V", value.shape[1]):
            raise ShapeError(
                f"values are (N, V) = ({len(key)}, {features}), one row for each key, "
                f"and came as {shape_text(tuple(value.shape))}"
            )

    def _named(self, indices: Tensor) -> list[Any]:
        # −1 stands where a score of the user's ruled rows out.
        return _nested(indices, lambda i: None if i < 0 else json.loads(self._objects[i]))

    def _matches(self, query: Tensor) -> Any:
        if query.ndim > 1:
            return [self._matches(part) for part in query]
        rows = (self.keys == query).all(-1).nonzero()[:, 0]
        return self.values[rows] if self._kind == "vectors" else self._named(rows)


def _joined(pieces: list[Tensor]) -> Tensor:
    if len(pieces) > 1:
        pieces[:] = [torch.cat(pieces)]
    return pieces[0] if pieces else torch.empty(0, 0)


def _nested(indices: Tensor, name: Any) -> list[Any]:
    def named(places: Any) -> Any:
        return [named(p) for p in places] if isinstance(places, list) else name(places)

    return named(indices.tolist())
