"""From an order (the options of ``regard train``) to a trained, judged run."""

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from lightning.pytorch.utilities import rank_zero_only

import regard
from regard.data import download
from regard.data.files import exists
from regard.data.splits import Splits, fingerprint
from regard.errors import DataError, RangeError, RegardError, RunError
from regard.runs.folder import FORMAT, Run
from regard.runs.held_out import judge, splits_of, stored_encoding
from regard.runs.system import Encoding, System, named
from regard.training.callbacks import Interrupted, StopOnSignal
from regard.training.fit import Plan, fit, rehearse
from regard.training.options import Training


class Order(NamedTuple):
    """Which system, every option (source, data, model, training, trainer), and the run whose
    weights are to begin with."""

    system: str
    options: dict[str, Any]
    init: Run | None = None


def start(order: Order, folder: Path, *, overwrite: bool, resumed: Run | None) -> int:
    """Train, then judge on what was held out; returns an exit status.

    Raises:
        DataError, RunError, RangeError: before anything is written.
    """
    options, system = order.options, named(order.system)
    _set_length(options["trainer"], system, options["source"])
    weights = None if order.init is None else order.init.load_weights()
    plan = Plan(
        system,
        system.model(**options["model"]),
        Training(**options["training"]),
        options["trainer"],
        weights,
    )
    with StopOnSignal() as stop:
        try:
            run, splits, speaks = _train(
                order, plan, folder, stop, overwrite=overwrite, resumed=resumed
            )
        except Interrupted as stopped:
            _say(f"\nstopped by {stopped}")
            if stop.waits and (folder / "run.json").exists():
                _say(f"go on with\n    regard train {order.system} --run {folder} --resume")
            return 128 + stopped.signum
    if not speaks:
        return 0
    try:
        stop.raise_if_asked()  # by a signal that came when nothing was left to be stopped
        _, table = judge(run.path, splits)
    except (Interrupted, KeyboardInterrupt):
        _say(f"\nthe training is done and kept; judge it with\n    regard evaluate {run.path}")
        return 128 + (stop.signum or signal.SIGINT)
    for name, value in table:
        print(f"{name:<42} {value:>8}")
    print(f"report: {run.path / 'report.html'}")
    return 0


EPOCHS = 20
"""Epochs of data that set no other number."""


def _set_length(trainer: dict[str, Any], system: System, sources: list[str]) -> None:
    """How long to train and how often to validate, where the user did not say."""
    if trainer["max_epochs"] is None and trainer["max_steps"] == -1 and trainer["max_time"] is None:
        preset = system.presets.get(sources[0], {}) if len(sources) == 1 else {}
        trainer["max_epochs"] = preset.get("epochs", EPOCHS)
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
) -> tuple[Run, Splits[Any], bool]:
    options = order.options
    began = time.perf_counter()
    _find_files(options, plan.system)
    if resumed is None:
        _check_processes(options)
        if folder.exists() and not overwrite and _is_first():
            Run.create(folder, {}, overwrite=False)
        splits = plan.system.splits(options["source"], plan.system.data(**options["data"]))
        _check_parts(splits)
        encoding = _encoding(order, plan, splits)
        _check_fit(order, plan.system, splits, encoding)
        parameters = rehearse(plan, encoding)
        run = Run(folder)
        stop.wait_for_the_step()
        if _is_first():
            files = _first_files(order, splits, encoding, parameters)
            run = Run.create(folder, files, overwrite=overwrite)
    else:
        run = resumed
        _check_unchanged(run, options)
        splits, encoding = splits_of(run), stored_encoding(run)
        parameters = rehearse(plan, encoding)
        stop.wait_for_the_step()
        if _is_first():
            run.write("config.yaml", _yaml(options))
    _say(
        f"{order.system} on {' '.join(options['source'])}: {len(splits.train):,} examples to learn "
        f"from ({len(splits.valid):,} to validate, {len(splits.test):,} to test), "
        f"{parameters:,} parameters, into {run.path}"
    )
    for note in splits.notes:
        _say(f"note: {note}")
    # A run that was stopped before its first checkpoint has nothing to lose.
    resume = resumed is not None and run.checkpoint.exists()
    if resumed is not None and not resume and "init" in run.about:
        plan = plan._replace(weights=Run.open(Path(run.about["init"])).load_weights())
    try:
        speaks = fit(run, plan, splits, encoding, stop, resume=resume)
    except Interrupted:
        _note_time(run, time.perf_counter() - began)
        raise
    _note_time(run, time.perf_counter() - began)
    return run, splits, speaks


def _encoding(order: Order, plan: Plan, splits: Splits[Any]) -> Encoding:
    """How examples become numbers: as in the run to begin with, or by the training part."""
    if order.init is not None:
        _check_vocabulary(order.init, order.options["data"], plan.system)
        return stored_encoding(order.init)
    data = plan.system.data(**order.options["data"])
    return plan.system.encoding(splits, data, plan.model)


def _check_vocabulary(init: Run, data: dict[str, Any], system: System) -> None:
    stored = init.config["data"]
    for name in system.vocabulary:
        if name in stored and stored[name] != data[name]:
            then, now = ("null" if x is None else x for x in (stored[name], data[name]))
            raise RunError(
                f"--init: the vocabularies are those of {init.path}, where data.{name} is {then}: "
                f"it cannot be {now} here"
            )


def _check_fit(order: Order, system: System, splits: Splits[Any], encoding: Encoding) -> None:
    """Raise where the data are not what a model that is begun with reads, such as images of another
    size, before anything is written."""
    if order.init is None:
        return
    try:
        encoding.batch([splits.train[0]])
    except RegardError as error:
        raise RunError(
            f"--init: {order.init.path} cannot read these data: {error} (the options of --data say "
            "how they are read)"
        ) from None


def _find_files(options: dict[str, Any], system: System) -> None:
    """Files by their whole paths: a run is used from other folders too."""
    own = (*system.builtin, "-")
    options["source"] = [name if name in own else _whole(name) for name in options["source"]]
    for name, value in options["data"].items():
        if (name.endswith("_file") or name in system.folders) and value is not None:
            # Two names may stand there, with a comma between.
            names = [value] if exists(value) else value.split(",")
            options["data"][name] = ",".join(map(_whole, names))


def _whole(name: str) -> str:
    return name if name == "-" else str(Path(name).resolve())


def _check_processes(options: dict[str, Any]) -> None:
    devices = options["trainer"].get("devices")
    if "-" in options["source"] and str(devices) not in ("auto", "1", "[0]"):
        raise DataError("standard input is read by one process: give several devices a file")


def _check_parts(splits: Splits[Any]) -> None:
    for name in ("train", "valid", "test"):
        if not len(getattr(splits, name)):
            raise RangeError(f"nothing is left for the part {name!r} of the data")


def _is_first() -> bool:
    """Whether this process writes: the others were started by it, or by torchrun beside it."""
    return not rank_zero_only.rank  # pyright: ignore[reportFunctionMemberAccess]


def _first_files(
    order: Order, splits: Splits[Any], encoding: Encoding, parameters: int
) -> dict[str, str]:
    about = {
        "format": FORMAT,
        "system": order.system,
        "source": order.options["source"],
        "data": fingerprint(splits),
        "downloads": {name: download.about(name) for name in _downloaded(order)},
        "parameters": parameters,
        "regard": regard.__version__,
    }
    if order.init is not None:
        about["init"] = str(order.init.path.resolve())
    lost = {"left_out.txt": "".join(f"{one}\n" for one in splits.left_out)}
    return (lost if splits.left_out else {}) | {
        "run.json": json.dumps(about, indent=1) + "\n",
        "vocabulary.json": json.dumps(encoding.to_json(), ensure_ascii=False) + "\n",
        "config.yaml": _yaml(order.options),
    }


def _downloaded(order: Order) -> list[str]:
    return [source for source in order.options["source"] if source in download.SETS]


def _note_time(run: Run, seconds: float) -> None:
    """How long the training took, of a run that went on several times: all of it."""
    if not _is_first():
        return
    before = run.about.get("seconds", 0.0)
    run.write_json("run.json", run.about | {"seconds": round(before + seconds, 1)})


def _yaml(options: dict[str, Any]) -> str:
    return yaml.safe_dump(options, sort_keys=False, allow_unicode=True)


def _check_unchanged(run: Run, options: dict[str, Any]) -> None:
    # As a file would keep them, for which a tuple is a list.
    stored, options = run.config, yaml.safe_load(_yaml(options))
    for part in ("source", "data", "model", "training"):
        if stored[part] != options[part]:
            raise RunError(
                f"--resume goes on with what the run began with, and {part} has changed: "
                f"{stored[part]} then, {options[part]} now (options of --trainer may change)"
            )


def _say(text: str) -> None:
    if _is_first():
        print(text, file=sys.stderr)
