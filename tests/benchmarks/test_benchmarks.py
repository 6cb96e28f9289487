"""The frame of the benchmarks, on tiny shapes: what it prints and writes, never how fast it was."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = [path.stem for path in FOLDER.glob("*.py")]
TINY = (2, 9, 9, 4)


@pytest.fixture(autouse=True)
def _on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The files of the folder import each other by their names, as they do when they are run."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name in NAMES:
        sys.modules.pop(name, None)


def module(name: str) -> Any:
    return importlib.import_module(name)


def run(monkeypatch: pytest.MonkeyPatch, name: str, *options: str) -> int:
    """The exit code of a benchmark that is run from the command line."""
    benchmark = module(name)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *options])
    with pytest.raises(SystemExit) as stop:
        module("report").main(benchmark.__file__, benchmark.__doc__, benchmark.measure)
    return int(stop.value.code or 0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds of whatever is timed."""
    timing = module("timing")
    paired = timing.paired
    monkeypatch.setattr(module("report"), "paired", lambda who, budget, rounds: paired(who, 0, 2))
    monkeypatch.setattr(timing, "SAMPLE", 0.0)


@pytest.mark.parametrize("name", ["decoding_step", "accuracy"])
@pytest.mark.usefixtures("quick")
def test_a_benchmark_prints_its_claims_and_writes_json(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    benchmark = module(name)
    monkeypatch.setattr(benchmark, "SHAPE", (3, 1, 5, 4), raising=False)
    monkeypatch.setattr(benchmark, "SHAPES", [TINY], raising=False)
    assert run(monkeypatch, name, "--results", str(tmp_path)) == 0
    printed = capsys.readouterr().out
    content = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    assert content["name"] == name
    assert content["failure"] is None
    assert content["rows"]
    assert content["machine"]["torch"] == torch.__version__
    for claim in content["claims"]:
        assert f"{claim['verdict']:<6} {claim['what']}" in printed


@pytest.mark.usefixtures("quick")
def test_a_false_answer_is_told_and_not_timed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark = module("decoding_step")
    monkeypatch.setattr(benchmark, "SHAPE", (3, 1, 5, 4))

    def wrong(shape: Any, backward: bool) -> Any:
        right = module("contenders").eager(shape, backward)
        return lambda: [array + 0.01 for array in right()]

    monkeypatch.setitem(benchmark.MAKERS, "torch eager", wrong)
    assert run(monkeypatch, "decoding_step", "--json", "--results", str(tmp_path)) == 1
    content = json.loads(capsys.readouterr().out)
    assert "torch eager is off by" in content["failure"]
    assert content["rows"] == []


@pytest.mark.parametrize("broken", [[np.nan, 1.0], [1.0]])
def test_nan_and_missing_numbers_are_no_answers(broken: list[float]) -> None:
    answers = module("answers")
    assert answers.relative_error(broken, [1.0, 1.0]) > 1
    with pytest.raises(answers.Disagreement, match="someone"):
        answers.agree("a case", {"someone": [broken]}, [[1.0, 1.0]])


@pytest.mark.parametrize(
    ("measured", "at_least", "verdict"),
    [
        (2.0, False, "holds"),
        (2.1, False, "FAILS"),
        (2.0, True, "holds"),
        (1.9, True, "FAILS"),
        (float("nan"), False, "FAILS"),
        (float("nan"), True, "FAILS"),
        (None, True, "open"),
    ],
)
def test_verdicts(measured: float | None, at_least: bool, verdict: str) -> None:
    assert module("report").Claim("it", measured, 2.0, at_least=at_least).verdict == verdict


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 1)])
def test_a_claim_that_fails_ends_the_run_only_if_strict(
    options: list[str],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    benchmark = module("decoding_step")
    monkeypatch.setattr(benchmark, "measure", lambda report: report.claim("it", 3.0, 2.0))
    assert run(monkeypatch, "decoding_step", "--results", str(tmp_path), *options) == code
    assert "FAILS  it: 3.00 (claim: at most 2 times)" in capsys.readouterr().out


def test_contenders_give_what_the_formula_gives() -> None:
    contenders, formula = module("contenders"), module("formula")
    want = formula.in_blocks(formula.additive, TINY, True, torch.float64)
    for make in (contenders.regard_additive, contenders.eager):
        module("answers").agree("tiny", {make.__name__: make(TINY, True)()}, want)
    want = formula.in_blocks(formula.scaled_dot, TINY, True, torch.float64)
    module("answers").agree("tiny", {"sdpa": contenders.sdpa(TINY, True)()}, want)


def test_the_formula_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    formula = module("formula")
    whole = formula.in_blocks(formula.additive, TINY, True, torch.float64)
    monkeypatch.setattr(formula, "FEATURES_AT_ONCE", 2 * 2 * 9 * 4)
    for one, other in zip(
        whole, formula.in_blocks(formula.additive, TINY, True, torch.float64), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_sparse_thresholds_by_bisection() -> None:
    sparse = module("sparse_normalizers")
    want = sparse.by_bisection(2.0, TINY)
    module("answers").agree("tiny", {"regard": sparse.normalized("sparsemax", TINY, True)()}, want)


def test_torch_is_proven_to_be_fused() -> None:
    contenders = module("contenders")
    assert contenders.is_fused(contenders.sdpa(TINY, True), True)
    assert not contenders.is_fused(contenders.sdpa(TINY, False), True)
    assert not contenders.is_fused(contenders.eager(TINY, False), False)


def test_ratios_are_medians_within_rounds() -> None:
    times = module("timing").Times({"slow": [2.0, 40.0, 6.0], "fast": [1.0, 10.0, 2.0]})
    assert times.ratio("slow", "fast") == 3.0
    assert (times.least("slow"), times.median("slow")) == (2.0, 6.0)


def test_contenders_are_timed_in_turn() -> None:
    turns: list[str] = []

    class Recorder:
        def __init__(self, name: str) -> None:
            self.name = name

        def seconds(self, calls: int) -> float:
            turns.append(self.name)
            return 1.0 * calls

    times = module("timing").paired({"a": Recorder("a"), "b": Recorder("b")}, 0, rounds=3)
    assert turns == ["a", "a", "b", "b", *"ba", *"ab", *"ba"]
    assert times.samples == {"a": [1.0] * 3, "b": [1.0] * 3}


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_the_peak_of_a_process_of_its_own() -> None:
    process, contenders = module("process"), module("contenders")
    shape = [1, 256, 256, 64]
    with process.Remote(contenders.eager, shape=shape, backward=False) as remote:
        answers = remote.answers()
        assert remote.seconds(1) > 0
    np.testing.assert_array_equal(answers[0].shape, (1, 256, 64))
    peak = process.peak_mb(contenders.eager, {"shape": TINY}, shape=shape, backward=False)
    # The sum of query and key, and its tanh, are 16.8 MB each.
    assert 30 < peak < 60


def test_what_goes_wrong_in_a_process_is_told() -> None:
    process, contenders = module("process"), module("contenders")
    with pytest.raises(RuntimeError, match="not enough values to unpack"):
        process.Remote(contenders.eager, shape=[1, 2], backward=False)


PAGE = """# Page
typed
<!-- measured: some -->
old
<!-- end -->
<!-- measured: other -->
stays
<!-- end -->
<!-- measured: machine -->
<!-- end -->
"""


def test_the_page_is_rewritten_and_stays(tmp_path: Path) -> None:
    report = module("report").Report("some")
    report.row(case="1×2×3", contender="regard", least_ms=1234.5, **{"peak MB": None})
    report.claim("1×2×3, over torch", 1.5, 2.0)
    report.claim("1×2×3, at least", 1.5, 2.0, at_least=True)
    report.note("something is left out")
    content = json.dumps(report.as_json())
    (tmp_path / "some.json").write_text(content, encoding="utf-8")
    once = module("page").rewrite(PAGE, tmp_path)
    assert module("page").rewrite(once, tmp_path) == once
    assert "| 1×2×3, over torch | at most 2 times | **1.50** | holds |" in once
    assert "| 1×2×3, at least | at least 2 times | **1.50** | **fails** |" in once
    assert "| case | contender | least ms | peak MB |" in once
    assert "| 1×2×3 | regard | 1,234 | – |" in once
    assert "Something is left out." in once
    assert f"torch {torch.__version__}" in once
    assert "\nold\n" not in once
    assert "stays" in once


def test_every_block_of_the_page_has_a_benchmark() -> None:
    page = (FOLDER.parent / "docs" / "performance.md").read_text(encoding="utf-8")
    blocks = {match[2] for match in module("page").BLOCK.finditer(page)}
    assert blocks - {"machine"} == set(module("run").FULL)
    assert page.count("<!-- measured:") == page.count("<!-- end -->") == len(blocks)


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    rows = [
        {"tokens": tokens, "contender": name, "median ms": tokens / 9, "peak MB": tokens / 5}
        for name in ("regard", "torch SDPA", "torch eager")
        for tokens in (256, 512)
    ]
    machine = module("machine").machine()
    first, second = tmp_path / "one.png", tmp_path / "two.png"
    for file in (first, second):
        module("picture").draw({"rows": rows, "machine": machine}, file)
    assert first.read_bytes()[:4] == b"\x89PNG"
    assert first.read_bytes() == second.read_bytes()


def test_every_benchmark_says_what_it_claims() -> None:
    for name in module("run").FULL:
        doc = module(name).__doc__
        for word in ("Claims:", "Run:", "Method:"):
            assert word in doc, f"{name} does not say {word}"
