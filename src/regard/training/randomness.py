"""The random states of a process: a training that goes on draws what it would have drawn."""

import random
from typing import Any

import numpy
import torch


def state() -> dict[str, Any]:
    """Everything that draws in this process: torch on every device, NumPy, Python."""
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": numpy.random.get_state(),  # noqa: NPY002 - code of others may draw from it
        "python": random.getstate(),
    }


def restore(kept: dict[str, Any]) -> None:
    """Draw on from what ``state`` gave."""
    torch.set_rng_state(kept["torch"])
    if kept["cuda"] and len(kept["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(kept["cuda"])
    numpy.random.set_state(kept["numpy"])  # noqa: NPY002
    random.setstate(kept["python"])
