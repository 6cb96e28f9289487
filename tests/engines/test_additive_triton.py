"""Triton's kernels of additive attention: run on the GPU, or else in Triton's interpreter."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

import regard
from engines.triton_cases import CASES, DEVICE
from regard import errors, scores

PROGRAM = Path(__file__).with_name("triton_cases.py")


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """What each case said, "" if it passed."""
    return program("cases", {"TRITON_INTERPRET": "1"} if DEVICE == "cpu" else {})


def program(part: str, environment: dict[str, str]) -> dict[str, str]:
    """What a part of the program says."""
    if find_spec("triton") is None:
        pytest.skip("Triton is not installed")
    command = [sys.executable, "-W", "ignore", str(PROGRAM), part]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", CASES)
def test_kernels(name: str, outcomes: dict[str, str]) -> None:
    assert not outcomes[name], outcomes[name]


@pytest.mark.skipif(DEVICE == "cuda", reason="the other tests compile")
def test_the_compiler_takes_the_kernels(tmp_path: Path) -> None:
    # Its rules are stricter than the interpreter's.
    environment = {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    said = program("compile for hopper", environment)["compile for hopper"]
    assert not said, said


def test_says_why_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    def reason(dtype: torch.dtype = torch.float32) -> str | None:
        x = torch.zeros(2, 3, dtype=dtype)
        plan = regard.plan(x, x, x, score=scores.Additive(torch.ones(3, dtype=dtype)))
        return plan.refusals.get("additive_triton")

    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert reason() == "it computes on CUDA devices only"
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert reason(torch.float64) == "it computes in float32"
    if find_spec("triton") is not None:
        assert reason() is None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert reason() == "Triton is not installed"
    x = torch.zeros(2, 3)
    with pytest.raises(errors.EngineError, match="not additive"):
        regard.attend(x, x, x, engine="additive_triton")


def test_triton_is_imported_by_the_first_call_alone() -> None:
    program = "import sys, regard; print('triton' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr
