"""A small run, trained once by the real command, for all tests of the command line."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = [
    "--data.units=characters",
    "--model.hidden=24",
    "--model.embedding=12",
    "--training.batch_size=32",
    "--training.learning_rate=0.02",
    "--trainer.max_epochs=2",
    "--trainer.log_every_n_steps=1",
]


def regard(*words: object, stdin: str | None = None, timeout: float = 120):
    """``regard WORDS`` as a process of its own; warnings go to its standard error."""
    return subprocess.run(
        [sys.executable, "-m", "regard.cli", *map(str, words)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
        check=False,
    )


@pytest.fixture(scope="session")
def pairs(tmp_path_factory) -> Path:
    """A file of texts and their reversals."""
    draw = random.Random(0)
    texts = {"".join(draw.choices("abcdef", k=draw.randint(1, 6))) for _ in range(700)}
    file = tmp_path_factory.mktemp("data") / "pairs.tsv"
    file.write_text("".join(f"{text}\t{text[::-1]}\n" for text in sorted(texts)), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def trained(pairs, tmp_path_factory):
    """The run folder, and what the command that made it printed."""
    folder = tmp_path_factory.mktemp("runs") / "reversals"
    done = regard("train", "translator", pairs, "--run", folder, *SMALL)
    assert done.returncode == 0, done.stderr
    return folder, done
