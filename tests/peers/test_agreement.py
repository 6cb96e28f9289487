"""benchmarks/agreement.py: torch's stacks and entmax here, Keras where the benchmark is run."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def agreement(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Its files import each other by their names, as they do when they are run."""
    monkeypatch.syspath_prepend(str(FOLDER))
    module = importlib.import_module("agreement")
    light = {name: row for name, row in module.CASES.items() if row[0] != "keras"}
    monkeypatch.setattr(module, "CASES", light)
    yield module
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_outputs_weights_and_gradients_agree(agreement: Any) -> None:
    report = agreement.Report("agreement")
    agreement.measure(report)
    peers = {name for name in ("torch", "entmax") if importlib.util.find_spec(name)}
    assert {row["peer"].split()[0] for row in report.rows} == peers
    assert {claim.verdict for claim in report.claims} <= {"holds", "open"}


@pytest.mark.parametrize("wrong", [1e-4, float("nan")])
@pytest.mark.parametrize("place", [0, 1, 2], ids=["output", "weights", "gradients"])
def test_what_is_apart_is_told(
    agreement: Any, monkeypatch: pytest.MonkeyPatch, place: int, wrong: float
) -> None:
    peer, compute, options = agreement.CASES["MultiheadAttention"]

    def off(numbers: Any, ours: bool) -> Any:
        answers = compute(numbers, ours)
        answers[place] = answers[place] + wrong * ours
        return answers

    monkeypatch.setitem(agreement.CASES, "MultiheadAttention", (peer, off, options))
    with pytest.raises(agreement.Disagreement, match="torch, MultiheadAttention: "):
        agreement.measure(agreement.Report("agreement"))
