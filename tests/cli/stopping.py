"""A training stopped at an exact step, in this process, and what two of them have in common."""

import functools
import json
import os
import signal

import pytest
import torch

from regard.training.task import Task


def stopped(train, step):
    """What ``train()`` returns if a SIGTERM comes in the midst of its step of that number."""
    taken, learn = 0, Task.training_step

    @functools.wraps(learn)
    def interrupted(self, batch):
        nonlocal taken
        taken += 1
        if taken == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return learn(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "training_step", interrupted)
        status = train()
    assert status == 128 + signal.SIGTERM
    return taken


def numbers(folder):
    """The lines of a run's metrics, but for the time."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{name: x for name, x in line.items() if name != "seconds"} for line in lines]


def are_alike(*folders):
    """Whether two runs have the same weights and metrics, to the last bit."""
    ours, theirs = (
        torch.load(folder / "last.ckpt", weights_only=False)["state_dict"] for folder in folders
    )
    same = all(torch.equal(ours[name], theirs[name]) for name in theirs)
    return same and numbers(folders[0]) == numbers(folders[1])
