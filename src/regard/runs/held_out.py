"""The part of a run's own data that it has not learned from."""

from pathlib import Path

from regard.data.pairs import Pair, Splits
from regard.data.sources import PairsConfig, fingerprint, load
from regard.errors import DataError, RunError
from regard.runs import report
from regard.runs.evaluate import Scores, evaluate
from regard.runs.folder import Run
from regard.runs.translate import load as load_translator

EXAMPLES = 5
"""Texts whose alignments the report shows."""


def splits_of(run: Run) -> Splits:
    """The run's data, loaded again.

    Raises:
        RunError: they are no longer the data that the run was trained on.
        DataError: they can no longer be read.
    """
    config = run.config
    try:
        splits = load(config["source"], PairsConfig(**config["data"]))
    except DataError as error:
        if config["source"] != "-":
            raise
        raise RunError(
            f"{run.path} was trained on standard input: give it the same pairs there again "
            f"({error})"
        ) from None
    if fingerprint(splits) != run.about["data"]:
        raise RunError(
            f"{config['source']} has changed since {run.path} was trained on it: what was held "
            "out then cannot be told from what was learned"
        )
    return splits


def held_out(path: Path) -> list[Pair]:
    """The test part of a run's data."""
    return splits_of(Run.open(path)).test


def judge(path: Path, pairs: list[Pair] | None = None) -> Scores:
    """Score a run on its held-out pairs; ``scores.json`` and ``report.html`` are written anew."""
    run, trained = Run.open(path), load_translator(path)
    pairs = held_out(path) if pairs is None else pairs
    scores = evaluate(trained, pairs, run.about["source"])
    run.write_json("scores.json", scores)
    examples = trained.translate([pair.source for pair in pairs[:EXAMPLES]])
    report.write(run, scores, examples)
    return scores
