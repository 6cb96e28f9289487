"""From an order (the options of ``regard train``) to a trained, judged run."""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

import regard
from regard.data.batching import Encoding
from regard.data.pairs import Splits
from regard.data.sources import BUILTIN, PairsConfig, fingerprint, load
from regard.data.vocabulary import Vocabulary
from regard.errors import RunError
from regard.runs.evaluate import table
from regard.runs.folder import FORMAT, Run
from regard.runs.held_out import judge, splits_of
from regard.runs.translate import load_encoding
from regard.systems.translator import Config
from regard.training.callbacks import Interrupted, StopOnSignal
from regard.training.fit import Plan, fit, rehearse
from regard.training.options import Training


class Order(NamedTuple):
    """Which system, and every option: source, data, model, training, trainer."""

    system: str
    options: dict[str, Any]


def start(order: Order, folder: Path, *, overwrite: bool, resumed: Run | None) -> int:
    """Train, then judge on what was held out; returns an exit status.

    Raises:
        DataError, RunError: before anything is written.
    """
    options = order.options
    _set_length(options["source"], options["trainer"])
    plan = Plan(Config(**options["model"]), Training(**options["training"]), options["trainer"])
    with StopOnSignal() as stop:
        try:
            run, splits = _train(order, plan, folder, stop, overwrite=overwrite, resumed=resumed)
        except Interrupted as signal:
            _say(f"\nstopped by {signal}")
            if (folder / "run.json").exists():
                _say(f"go on with\n    regard train {order.system} --run {folder} --resume")
            return 128 + signal.signum
    for name, value in table(judge(run.path, splits.test)):
        print(f"{name:<42} {value:>8}")
    print(f"report: {run.path / 'report.html'}")
    return 0


EPOCHS = {"dates": 1}
"""Epochs of the built-in data, which are large; of a file, ``EPOCHS_OF_A_FILE``."""

EPOCHS_OF_A_FILE = 20


def _set_length(source: str, trainer: dict[str, Any]) -> None:
    """How long to train and how often to validate, where the user did not say."""
    if trainer["max_epochs"] is None and trainer["max_steps"] == -1 and trainer["max_time"] is None:
        trainer["max_epochs"] = EPOCHS.get(source, EPOCHS_OF_A_FILE)
    if trainer["val_check_interval"] is None:
        trainer["val_check_interval"] = 0.25 if trainer["max_epochs"] == 1 else 1.0


def _train(
    order: Order,
    plan: Plan,
    folder: Path,
    stop: StopOnSignal,
    *,
    overwrite: bool,
    resumed: Run | None,
) -> tuple[Run, Splits]:
    options = order.options
    if resumed is None:
        if options["source"] not in (*BUILTIN, "-"):
            options["source"] = str(Path(options["source"]).resolve())
        if folder.exists() and not overwrite:
            Run.create(folder, {}, overwrite=False)
        splits = load(options["source"], PairsConfig(**options["data"]))
        encoding = _encoding(splits, options["data"])
        rehearse(plan, encoding)
        run = Run.create(folder, _first_files(order, splits, encoding), overwrite=overwrite)
    else:
        run = resumed
        _check_unchanged(run, options)
        splits, encoding = splits_of(run), load_encoding(run)
        rehearse(plan, encoding)
        run.write("config.yaml", _yaml(options))
    _say(
        f"{order.system} on {options['source']}: {len(splits.train):,} pairs to learn from, "
        f"into {run.path}"
    )
    # A run that was stopped before its first validation has no checkpoint, and nothing to lose.
    resume = resumed is not None and run.checkpoint.exists()
    fit(run, plan, splits, encoding, stop, resume=resume)
    return run, splits


def _encoding(splits: Splits, data: dict[str, Any]) -> Encoding:
    units, size = data["units"], data["vocabulary"]
    return Encoding(
        Vocabulary.of((pair.source for pair in splits.train), units, size=size),
        Vocabulary.of((pair.target for pair in splits.train), units, size=size),
    )


def _first_files(order: Order, splits: Splits, encoding: Encoding) -> dict[str, str]:
    about = {
        "format": FORMAT,
        "system": order.system,
        "source": order.options["source"],
        "data": fingerprint(splits),
        "regard": regard.__version__,
    }
    vocabulary = {"source": encoding.source.to_json(), "target": encoding.target.to_json()}
    return {
        "run.json": json.dumps(about, indent=1) + "\n",
        "vocabulary.json": json.dumps(vocabulary, ensure_ascii=False) + "\n",
        "config.yaml": _yaml(order.options),
    }


def _yaml(options: dict[str, Any]) -> str:
    return yaml.safe_dump(options, sort_keys=False, allow_unicode=True)


def _check_unchanged(run: Run, options: dict[str, Any]) -> None:
    stored = run.config
    for part in ("source", "data", "model", "training"):
        if stored[part] != options[part]:
            raise RunError(
                f"--resume goes on with what the run began with, and {part} has changed: "
                f"{stored[part]} then, {options[part]} now (options of --trainer may change)"
            )


def _say(text: str) -> None:
    print(text, file=sys.stderr)
