"""Rows of a model's state: how a search lets hypotheses branch, change places and leave."""

from typing import Any

from jaxtyping import Int
from torch import Tensor

from regard.errors import KindError

OF_THE_SENTENCE = "source"
"""The field of a state that is the same for all hypotheses of a sentence, at every step."""


def select(state: Any, rows: Int[Tensor, " N"], *, moved: bool = True) -> Any:
    """The state whose row n is row ``rows[n]`` of this one, which must not be used afterwards.

    A state is a tensor whose first dimension is the batch, None, a tuple or NamedTuple of states,
    or an object with ``reorder(rows)`` (and with ``memory``, as ``DecoderState`` has it, where it
    holds something of the sentence itself).

    Args:
        state: a tree of these.
        rows: numbers of rows, any of them, as often as wanted.
        moved: whether rows move between sentences. Where they only change places within theirs,
            the field ``source`` of a NamedTuple stays as it is, and that spares a copy of it.

    Raises:
        KindError: something else in the tree.

    >>> import torch
    >>> select((torch.tensor([[1], [2]]), None), torch.tensor([1, 1, 0]))
    (tensor([[2],
            [2],
            [1]]), None)
    """
    if state is None:
        return None
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    if hasattr(state, "reorder"):
        return state.reorder(rows) if moved else state.reorder(rows, memory=False)
    if isinstance(state, tuple):
        names = getattr(state, "_fields", (None,) * len(state))
        parts = [
            part if name == OF_THE_SENTENCE and not moved else select(part, rows, moved=moved)
            for name, part in zip(names, state, strict=True)
        ]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    raise KindError(
        "a model's state is made of tensors, tuples, None and objects with reorder(rows), and "
        f"this one holds {type(state).__name__}"
    )
