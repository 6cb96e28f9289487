"""The table of docs/tutorials/side_by_side.md on tiny shapes: its rows, never how fast they are."""

import importlib
import sys
from pathlib import Path

import pytest

from regard.scores import SCORES

FOLDER = Path(__file__).parents[2] / "benchmarks"
TINY = (1, 9, 9, 4)


def test_the_table_has_every_score_and_its_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    try:
        benchmark, timing, report = map(
            importlib.import_module, ("every_score", "timing", "report")
        )
        for name, value in {"SHAPE": TINY, "SMALL": TINY, "BUDGET": 0, "ROUNDS": 1}.items():
            monkeypatch.setattr(benchmark, name, value)
        monkeypatch.setattr(benchmark, "peak_mb", lambda *_, **__: None)
        monkeypatch.setattr(timing, "SAMPLE", 0.0)
        monkeypatch.setattr(timing, "PAUSE", 0.0)
        found = report.Report("every_score")
        benchmark.measure(found)
    finally:
        for path in FOLDER.glob("*.py"):
            sys.modules.pop(path.stem, None)
    assert set(SCORES) <= {row["score"] for row in found.rows}
    assert {row["engine"] for row in found.rows} >= {"sdpa", "streaming"}
    page = (FOLDER.parent / "docs" / "tutorials" / "side_by_side.md").read_text(encoding="utf-8")
    missing = [name for name in SCORES if f"| {name} | " not in page]
    assert not missing, "run: python benchmarks/every_score.py, then page.py as its first lines say"
