"""Rule 12, by the peak of a fresh process: nothing of size Q×K is held, forward or backward."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import torch, regard
from regard import masks, scores

def peak():
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

def run(n):
    query, key, value = (torch.randn({shape}, 64).requires_grad_() for _ in range(3))
    {call}

strength = torch.ones(64, requires_grad=True)
run(32)
before = peak()
run({n})
print(peak() - before)
"""
BOTH = "mask=masks.causal() & masks.padding([n - 9])"
DISTANCE = "score=lambda q, k: -((q[..., :, None, :] - k[..., None, :, :]) ** 2 @ strength)"
ADDITIVE = "score=scores.Additive(strength), engine='streaming'"


def both_passes(parts: str) -> str:
    return f"regard.attend(query, key, value, {parts}).sum().backward()"


# Each holds (Q, K) float32 numbers of `full` MiB at least once if it is computed at once.
CASES = {
    "3-D, causal": (8192, "1, n", both_passes("mask=masks.causal()"), 100, 256),
    "3-D, causal and padding": (8192, "1, n", both_passes(BOTH), 150, 256),
    "heads, window": (8192, "1, 2, n", both_passes("mask=masks.window(64, 0)"), 150, 512),
    "softmax": (8192, "1, n", both_passes("engine='streaming', " + BOTH), 150, 256),
    "sparsemax": (8192, "1, n", both_passes("normalizer='sparsemax'"), 150, 256),
    "entmax15": (8192, "1, n", both_passes("normalizer='entmax15'"), 150, 256),
    "additive": (1536, "1, n", both_passes(ADDITIVE), 120, 576),
    "own function": (1536, "1, n", both_passes(DISTANCE), 150, 576),
    "top weights": (
        *(8192, "1, n"),
        "regard.top_weights(query, key, 8, mask=masks.causal()).weights.sum().backward()",
        *(150, 256),
    ),
    "key totals, no gradient": (
        *(8192, "1, n"),
        "torch.set_grad_enabled(False); regard.key_totals(query, key, normalizer='sparsemax')",
        *(60, 256),
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("name", CASES)
def test_peak(name: str) -> None:
    n, shape, call, allowed, full = CASES[name]
    program = PROGRAM.format(n=n, shape=shape, call=call)
    # One thread: the peak is what is measured, and busy machines make threads wait for each other.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < allowed < full, f"{run.stdout.strip()} MiB"
