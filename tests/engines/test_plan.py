"""The plan: which engine, why not the others, and never another than was asked for."""

import numpy as np
import pytest
import torch

import regard
from regard import errors, scores
from regard.engines.plan import ENGINES

X = torch.zeros(8, 3)


def test_the_order_and_the_reasons_are_told() -> None:
    plan = regard.plan(X, X, X, score=scores.Additive(torch.ones(3)))
    assert plan.engine == "additive_numba"
    assert plan.refusals["sdpa"] == "the score is not an inner product"
    assert plan.refusals["additive_triton"] == "it computes on CUDA devices only"
    assert "sdpa            cannot: the score is not an inner product" in str(plan).splitlines()
    assert [line.split()[0] for line in str(plan).splitlines()] == list(ENGINES)


@pytest.mark.parametrize(
    "engine", [name for name in ENGINES if name not in ("flex", "additive_triton")]
)
def test_an_engine_asked_for_is_the_one_that_computes(engine: str, monkeypatch) -> None:
    ran = []
    for name, module in ENGINES.items():
        original = module.attend
        monkeypatch.setattr(
            module, "attend", lambda call, n=name, f=original: ran.append(n) or f(call)
        )
    additive = {"score": scores.Additive(torch.ones(3))} if engine == "additive_numba" else {}
    regard.attend(X, X, X, engine=engine, **additive)
    assert ran == [engine]
    ran.clear()
    regard.attend(X, X, X)
    assert ran == ["sdpa"]


def test_numpy_is_taken_by_the_reference_alone() -> None:
    x = np.zeros((2, 3))
    assert regard.plan(x, x, x).engine == "reference"
    with pytest.raises(errors.EngineError, match="torch tensors only"):
        regard.attend(x, x, x, engine="streaming")


def test_nobody_can() -> None:
    x = np.zeros((2, 3))
    with pytest.raises(errors.EngineError, match="(?s)no engine can take this call.*no dropout"):
        regard.plan(x, x, x, dropout_p=0.5)


def test_unknown_engine_lists_the_engines() -> None:
    with pytest.raises(errors.UnknownName, match="auto, .*sdpa, .*streaming, reference"):
        regard.attend(X, X, X, engine="flash")


def test_few_queries_of_the_additive_score_stream_unless_asked_otherwise() -> None:
    score = scores.Additive(torch.ones(3))
    step = X[:1], X, X
    plan = regard.plan(*step, score=score)
    assert plan.engine == "streaming"
    assert "additive_numba" not in plan.refusals
    assert regard.plan(*step, score=score, engine="additive_numba").engine == "additive_numba"
