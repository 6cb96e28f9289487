"""A run, loaded: the system that it trained, its data, and how good it is on what was held out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regard.data.splits import Splits, fingerprint
from regard.errors import DataError, RegardError, RunError
from regard.runs import report
from regard.runs.folder import Run
from regard.runs.system import SYSTEMS, Encoding, Scores, System, Trained, named

EXAMPLES = 5
"""Texts whose answers the report shows."""


def system_of(run: Run) -> System:
    """The system that a run trained.

    Raises:
        RunError: this version knows no such system.
    """
    name = run.about.get("system")
    if name not in SYSTEMS:
        raise RunError(f"{run.path} is a run of {name!r}: the systems are {', '.join(SYSTEMS)}")
    return named(name)


def stored_encoding(run: Run) -> Encoding:
    """The vocabularies of a run.

    Raises:
        RunError: they are missing or broken.
    """
    content = run.read_json("vocabulary.json")
    try:
        return system_of(run).stored(content)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise RunError(f"{run.path / 'vocabulary.json'} is broken: {error}") from None


def load(path: Path) -> Trained:
    """The trained system of a run, with its best weights.

    Raises:
        RunError: no run, or one without weights, or whose files do not belong together.
    """
    run = Run.open(path)
    system = system_of(run)
    weights = run.load_weights()
    encoding = stored_encoding(run)
    try:
        model = system.build(system.model(**run.config["model"]), encoding)
        model.load_state_dict(weights)
    except RegardError as error:  # such as an encoder of the user's that is not there any more
        raise RunError(f"{path}: its model cannot be made: {error}") from None
    except (KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"{path}: its files do not belong together: {error}") from None
    return system.trained(model.eval(), encoding)


def splits_of(run: Run) -> Splits[Any]:
    """The run's data, loaded again.

    Raises:
        RunError: they are no longer the data that the run was trained on.
        DataError: they can no longer be read.
    """
    config, system = run.config, system_of(run)
    sources = config["source"]
    try:
        splits = system.splits(sources, system.data(**config["data"]))
    except DataError as error:
        if "-" not in sources:
            raise
        raise RunError(
            f"{run.path} was trained on standard input: give it the same rows there again ({error})"
        ) from None
    if fingerprint(splits) != run.about["data"]:
        raise RunError(
            f"{' '.join(sources)} has changed since {run.path} was trained on it: what was held "
            "out then cannot be told from what was learned"
        )
    return splits


def held_out(path: Path) -> Sequence[Any]:
    """The test part of a run's data."""
    return splits_of(Run.open(path)).test


def judge(
    path: Path, splits: Splits[Any] | None = None, search: Any = None
) -> tuple[Scores, list[tuple[str, str]]]:
    """Score a run on its held-out examples; ``scores.json`` and ``report.html`` are written anew.

    Returns:
        The scores, those of a further test part with its name behind theirs, and the rows of a
        table of them.
    """
    run, trained = Run.open(path), load(path)
    system = system_of(run)
    splits = splits_of(run) if splits is None else splits
    search = system.search() if search is None else search
    source = " ".join(run.about["source"])
    scores, rows = {}, []
    for part, examples in {"": splits.test, **splits.others}.items():
        found = trained.evaluate(examples, search, source if not part else "")
        scores |= {f"{name}_{part}" if part else name: value for name, value in found.items()}
        behind = f" ({part})" if part else ""
        rows += [(f"{name}{behind}", value) for name, value in trained.table(found)]
    run.write_json("scores.json", scores)
    some = [splits.test[place] for place in range(min(EXAMPLES, len(splits.test)))]
    answers = trained.predict([system.question(example) for example in some], search)
    sections = trained.sections(splits.test, search)
    report.write(run, system, rows, answers, sections, splits.notes)
    return scores, rows
