"""Memories for the tests."""

import torch

from regard import Memory


def vectors(rows=6, features=4, width=3):
    memory = Memory()
    memory.add(torch.randn(rows, features).double(), torch.randn(rows, width).double())
    return memory


def objects():
    memory = Memory()
    memory.add(torch.eye(3), [{"city": "Köln"}, ["a", 1, None, 2.5], "plain"])
    return memory


def same(one, other):
    return (
        torch.equal(one.keys, other.keys)
        and one.keys.dtype == other.keys.dtype
        and repr(one) == repr(other)
        and (
            torch.equal(one.values, other.values)
            if isinstance(one.values, torch.Tensor)
            else one.values == other.values
        )
    )
