"""The blocks of docs/coming-from.md: a peer's line, ours beside it, and how far apart they are.

A block stands behind ``<!-- peer: NAME -->`` and leaves ``theirs`` and ``ours``; a peer's first
block prepares the others.

Run:    python tests/peers/page.py keras 1e-5       all blocks of a peer, in a process of their own
"""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

PAGE = Path(__file__).parents[2] / "docs" / "coming-from.md"
BLOCK = re.compile(r"<!-- peer: (\w+) -->\n```python\n(.*?)```", re.DOTALL)


def peers() -> set[str]:
    return {name for name, _ in BLOCK.findall(PAGE.read_text(encoding="utf-8"))}


def programs(peer: str) -> list[str]:
    """Each block behind the preparation."""
    found = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    first, *others = [code for name, code in found if name == peer]
    return [f"{first}\n{code}" for code in others]


def apart(program: str) -> float:
    """The largest difference of ``ours`` and ``theirs`` that a program leaves; NaN is infinite."""
    torch.manual_seed(0)
    names: dict[str, Any] = {}
    exec(program, names)
    ours, theirs = (_numbers(names[name]) for name in ("ours", "theirs"))
    assert ours.shape == theirs.shape, f"{ours.shape} and {theirs.shape}"
    return float(np.nan_to_num(abs(ours - theirs), nan=np.inf).max())


def _numbers(array: Any) -> np.ndarray:
    return np.asarray(array.detach().float().cpu() if torch.is_tensor(array) else array)


if __name__ == "__main__":
    for program in programs(sys.argv[1]):
        distance = apart(program)
        assert distance <= float(sys.argv[2]), f"{distance} apart:\n{program}"
