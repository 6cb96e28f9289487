"""Every law for every case: a pairwise covering design, or the whole grid by ``make test-full``."""

from collections.abc import Callable, Iterable

import pytest

from conformance import pairwise
from conformance.cases import AXES, SCORES, valid
from conformance.laws import LAWS
from conformance.problem import Problem
from regard.engines import blocks, streaming

CASES = [Problem(case, seed) for seed, case in enumerate(pairwise.covering(AXES, valid))]

Law = Callable[[Problem], None]


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, score: str) -> None:
    check(law, [problem for problem in CASES if problem.case["score"] == score])


@pytest.mark.full
@pytest.mark.parametrize("normalizer", AXES["normalizer"])
@pytest.mark.parametrize("score", SCORES)
def test_law_full(score: str, normalizer: str) -> None:
    parts = {"score": (score,), "normalizer": (normalizer,)}
    grid = {axis: parts.get(axis, AXES[axis]) for axis in pairwise.PARTS}
    cases = pairwise.grid(grid, AXES, valid)
    problems = [Problem(case, seed) for seed, case in enumerate(cases)]
    for law in LAWS:
        check(law, problems)


def check(law: Law, problems: Iterable[Problem]) -> None:
    """The law for all problems; what fails is told together, with its case."""
    failures = []
    for problem in problems:
        with pytest.MonkeyPatch.context() as patch:
            if problem.case["engine"].endswith("in blocks"):
                small_blocks(patch)
            try:
                law(problem)
            except Exception as failure:
                failure.add_note("case: " + "/".join(problem.case.values()))
                failures.append(failure)
    if failures:
        raise ExceptionGroup(f"{law.__name__}: {len(failures)} cases fail", failures)


def small_blocks(patch: pytest.MonkeyPatch) -> None:
    """Blocks of a few pairs: the paths of long sequences."""
    for module, name, size in (
        (blocks, "PAIRS_AT_ONCE", 8),
        (blocks, "PIECE", 2),
        (blocks, "TILE", 16),
        (streaming, "FEATURES_AT_ONCE", 16),
    ):
        patch.setattr(module, name, size)
