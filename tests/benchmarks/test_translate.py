"""The benchmark of the translator on tiny sizes: both programs say the same, and what is reported;
never how fast they are."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"
TINY = {"VOCABULARY": 90, "EMBEDDING": 6, "HIDDEN": 8, "ROWS": 5, "BATCHES": 2, "SENTENCES": 6}


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(FOLDER))
    translate, timing = map(importlib.import_module, ("translate", "timing"))
    for name, value in (TINY | {"TAUGHT": 3}).items():
        monkeypatch.setattr(translate, name, value)
    paired = timing.paired
    monkeypatch.setattr(translate, "BEST", FOLDER / "no such run")
    monkeypatch.setattr(translate, "paired", lambda who, budget, rounds: paired(who, 0, 2))
    monkeypatch.setattr(timing, "SAMPLE", 0.0)
    monkeypatch.setattr(timing, "PAUSE", 0.0)
    yield translate
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_both_programs_agree_and_every_case_is_timed(benchmark: Any) -> None:
    report = importlib.import_module("report").Report("translate")
    benchmark.measure(report)
    ways = ("training", "greedy", "beam 5")
    cases = {f"{name}, {way}" for name in ("additive", "dot") for way in ways}
    assert {row["case"] for row in report.rows} == cases
    assert len(report.rows) == 2 * len(cases)
    assert all(row["a second"] > 0 and row["from"] <= row["to"] for row in report.rows)
    assert [claim.what for claim in report.claims] == [
        f"{name}, training, over torch" for name in ("additive", "dot")
    ]


def test_a_tied_model_has_a_tied_peer(benchmark: Any) -> None:
    plain = importlib.import_module("plain_translator")
    torch.manual_seed(0)
    config = benchmark.Config(embedding=8, hidden=8, unknown_rate=0.0, tied=True)
    ours = benchmark.Translator(config, 90, 90)
    peer = plain.PlainAdditive(plain.Sizes(90, 90, 8, 8, 0.1, tied=True))
    assert sum(p.numel() for p in peer.parameters()) == sum(p.numel() for p in ours.parameters())
    case = benchmark.Case("tied", ours, peer, benchmark.made_batches(1, rows=8), None)
    benchmark._train(importlib.import_module("report").Report("translate"), case)


@pytest.mark.parametrize("name", ["additive", "dot"])
def test_a_program_that_computes_something_else_is_not_timed(
    name: str, benchmark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, answers = map(importlib.import_module, ("plain_translator", "answers"))

    def without_mask(self: Any, states: Any, source: Any, padding: Any) -> Any:
        return read(self, states, source, torch.zeros_like(padding))

    read = plain.PLAIN[name].read
    monkeypatch.setattr(plain.PLAIN[name], "read", without_mask)
    sizes = plain.Sizes(90, 90, 6, 8, 0.1)
    torch.manual_seed(0)
    config = benchmark.Config(embedding=6, hidden=8, unknown_rate=0.0, **benchmark.CONFIGS[name])
    ours, peer = benchmark.Translator(config, 90, 90), plain.PLAIN[name](sizes)
    batch = benchmark.made_batches(1, rows=8)[0]
    case = benchmark.Case(name, ours, peer, [batch], None)
    with pytest.raises(answers.Disagreement, match="ours is off by"):
        benchmark._train(importlib.import_module("report").Report("translate"), case)


def test_made_texts_are_pairs_of_a_token_for_a_token(benchmark: Any) -> None:
    meaning: dict[int, int] = {}
    for batch in benchmark.made_batches(4):
        assert batch.source.shape[0] == TINY["ROWS"]
        assert torch.equal(batch.target_lengths, batch.source_lengths + 2)
        for source, target, length in zip(
            batch.source.tolist(), batch.target.tolist(), batch.source_lengths, strict=True
        ):
            assert (target[0], target[int(length) + 1]) == (2, 3)
            for one, other in zip(source[:length], target[1:], strict=False):
                assert meaning.setdefault(one, other) == other
    assert len(set(meaning.values())) == len(meaning) > 10


def test_only_a_model_with_a_plain_program_is_compared(benchmark: Any) -> None:
    class Encoding:
        source = target = range(9)

    def peer(**options: Any) -> Any:
        model = benchmark.Translator(benchmark.Config(hidden=8, **options), 9, 9)
        found = benchmark._peer_of(model, Encoding)
        return found and type(found).__name__

    assert peer() == "PlainAdditive"
    assert peer(score="additive", cell="gru", layers=1, dropout=0.3) == "PlainAdditive"
    assert peer(**benchmark.CONFIGS["dot"]) == "PlainDot"
    assert peer(tied=True, embedding=8) == "PlainAdditive"
    for other in ({"layers": 2}, {"attention": "luong"}, {"copy": True}, {"tied": True}):
        assert peer(**other) is None
