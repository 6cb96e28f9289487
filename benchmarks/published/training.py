"""Trainings by the command line, each done once: what was ordered, and what came of it."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from machine import machine

ROOT = Path(__file__).parents[2]
PACKAGES = ("lightning", "sacrebleu", "scikit-learn", "sentencepiece")
BEGUN = "runs/results"
"""Where a command that can be typed finds the runs of this module."""

Option = str | int | float | bool | None


@dataclass(frozen=True)
class Order:
    """One ``regard train``: where its run folder goes, every option that is not the default, and
    the name of the order whose weights it begins with."""

    name: str
    system: str
    source: str
    options: Mapping[str, Option] = field(default_factory=dict)
    init: str | None = None

    @property
    def words(self) -> list[str]:
        """The words behind ``regard``, without the run folder."""
        options = [f"--{name}={_text(value)}" for name, value in self.options.items()]
        begun = [] if self.init is None else [f"--init={BEGUN}/{self.init}"]
        return ["train", self.system, self.source, *begun, *options]

    @property
    def command(self) -> str:
        """What to type to train the same."""
        return " ".join(["regard", *self.words])

    @property
    def config(self) -> str:
        """The options of the config file that the words name; none: an empty text."""
        name = self.options.get("config")
        return (ROOT / str(name)).read_text(encoding="utf-8") if name else ""


@dataclass(frozen=True)
class Finished:
    """A run that is done.

    Attributes:
        path: its folder.
        command: what trained it.
        config: the text of the config file that the command names, if it names one.
        seconds: wall time of the whole command, imports and evaluation counted.
        training: seconds of them in the training loop, validations counted.
        parameters: numbers that were learned.
        scores: ``scores.json``.
        made: commit, machine and versions at the time.
    """

    path: Path
    command: str
    seconds: float
    training: float
    parameters: int
    scores: dict[str, float]
    made: dict[str, Any]
    config: str = ""

    @property
    def metrics(self) -> list[dict[str, Any]]:
        text = (self.path / "metrics.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    @property
    def steps(self) -> int:
        return max((line.get("step", 0) for line in self.metrics), default=0)

    def as_json(self) -> dict[str, Any]:
        """What a part's JSON keeps of it: no paths of this machine."""
        names = (
            "command",
            "config",
            "seconds",
            "training",
            "steps",
            "parameters",
            "scores",
            "made",
        )
        return {"run": self.path.name} | {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Bench:
    """Where runs are kept, and how much is done.

    Attributes:
        runs: the folder of run folders; beside each stands ``NAME.json``, which says that it is
            finished, and ``NAME.log``, what the command printed.
        quick: a few steps of each training and a few sentences: to see that a part works.
        spent: seconds of all commands that a part needed, those of runs that were there too.
    """

    runs: Path
    quick: bool = False
    spent: list[float] = field(default_factory=list)

    def seeds(self, count: int) -> range:
        return range(min(count, 2) if self.quick else count)

    def max_time(self, minutes: float) -> str:
        """The Trainer's limit: days, hours, minutes, seconds."""
        seconds = 3 if self.quick else round(60 * minutes)
        return f"00:{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"

    def train(self, order: Order) -> Finished:
        """The run of an order: the one that is there, if it was ordered by the same words, or a
        new one. What was not finished is begun anew, so that its time can be told.

        Raises:
            RuntimeError: the command failed; the end of what it printed is told.
        """
        folder, note = self.runs / order.name, self.runs / f"{order.name}.json"
        if (found := self.finished(order)) is not None:
            say(f"{order.name}: there already")
            self.spent.append(found.seconds)
            return found
        self.runs.mkdir(parents=True, exist_ok=True)
        note.unlink(missing_ok=True)
        say(f"{order.name}: {order.command}")
        start = time.perf_counter()
        # What is there and no run is not overwritten: regard refuses.
        place = ["--run", str(folder), "--overwrite", "--trainer.enable_progress_bar=false"]
        words = [word.replace(f"--init={BEGUN}", f"--init={self.runs}") for word in order.words]
        self._run([*words, *place], order.name)
        seconds = time.perf_counter() - start
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        content = {
            "command": order.command,
            "config": order.config,
            "seconds": round(seconds, 2),
            "training": json.loads(lines[-1])["seconds"] if lines else math.nan,
            "parameters": _parameters(folder),
            "scores": json.loads((folder / "scores.json").read_text(encoding="utf-8")),
            "made": made(),
        }
        note.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        say(f"{order.name}: {seconds:.0f} s")
        self.spent.append(seconds)
        return Finished(path=folder, **content)

    def finished(self, order: Order) -> Finished | None:
        """The run of an order, if it is there and finished."""
        folder, note = self.runs / order.name, self.runs / f"{order.name}.json"
        if not note.exists() or not (folder / "model.safetensors").exists():
            return None
        content = json.loads(note.read_text(encoding="utf-8"))
        same = (content["command"], content.get("config", "")) == (order.command, order.config)
        return Finished(path=folder, **content) if same else None

    def predict(self, run: Finished, texts: list[str], *options: str) -> tuple[list[str], float]:
        """What a run answers, text by text, by ``regard predict``, and the seconds of the whole
        command."""
        asked, answers = (self.runs / f"{run.path.name}.{kind}.txt" for kind in ("asked", "said"))
        asked.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        start = time.perf_counter()
        files = ["--input", str(asked), "--output", str(answers)]
        self._run(["predict", str(run.path), *files, *options], f"{run.path.name}.predict")
        seconds = time.perf_counter() - start
        self.spent.append(seconds)
        said = answers.read_text(encoding="utf-8").split("\n")[:-1]
        if len(said) != len(texts):
            raise RuntimeError(f"{run.path}: {len(texts)} texts and {len(said)} answers")
        return said, seconds

    def _run(self, words: list[str], name: str) -> None:
        log = self.runs / f"{name}.log"
        with log.open("w", encoding="utf-8") as file:
            command = [sys.executable, "-m", "regard.cli", *words]
            # Config files are named from the root.
            code = subprocess.run(
                command, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT
            ).returncode
        if code:
            end = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"regard {' '.join(words)} ended with {code}:\n{end}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@cache
def made() -> dict[str, Any]:
    """The machine, the versions, and the commit of the checkout."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {**machine(), **versions, "commit": _commit()}


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    except OSError:
        return None
    return found.stdout.strip() or None


def _parameters(folder: Path) -> int:
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "pt") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118


def _text(value: Option) -> str:
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )
