"""What does `attend` cost over the function it calls, and `import regard` over `import torch`?

Claims: attend costs at most 5% over torch's fused scaled_dot_product_attention at 8×512×64, and
importing regard at most 1.3 times importing torch.

Run:    python benchmarks/overhead.py [--full] [--json] [--strict]
Method: the two are timed in turn, so that what else the machine does meets both; the ratio is the
        median of the ratios of neighbours. Imports are timed in fresh processes, the least counts.
"""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from answers import agree
from report import Report, main
from timing import Local

import regard

SDPA = "torch SDPA"


def calls() -> dict[str, dict[str, Callable[[], Any]]]:
    """For 8 sequences of 512 tokens with 64 features, with and without a dimension for heads."""
    q4, k4, v4 = (torch.randn(8, 1, 512, 64) for _ in range(3))
    q3, k3, v3 = q4[:, 0], k4[:, 0], v4[:, 0]
    causal = regard.masks.causal()

    def plain() -> Any:
        return F.scaled_dot_product_attention(q4, k4, v4)

    return {
        "8×512×64, 3-D": {SDPA: plain, "regard": lambda: regard.attend(q3, k3, v3)},
        "8×512×64, 4-D": {SDPA: plain, "regard": lambda: regard.attend(q4, k4, v4)},
        "8×512×64, 4-D, causal": {
            SDPA: lambda: F.scaled_dot_product_attention(q4, k4, v4, is_causal=True),
            "regard": lambda: regard.attend(q4, k4, v4, mask=causal),
        },
    }


def import_seconds(rounds: int) -> dict[str, float]:
    """The least seconds that a fresh process takes to import torch, and regard."""
    least = {"torch": float("inf"), "regard": float("inf")}
    for _ in range(rounds):
        for name in least:
            code = f"import time; t = time.perf_counter(); import {name}; "
            code += "print(time.perf_counter() - t)"
            run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
            least[name] = min(least[name], float(run.stdout))
    return least


def measure(report: Report) -> None:
    with torch.inference_mode():
        for case, pair in calls().items():
            agree(case, {"regard": [pair["regard"]()]}, [pair[SDPA]()])
            timed = {name: Local(call) for name, call in pair.items()}
            times = report.compare(case, timed, base=SDPA)
            report.claim(f"{case}, over {SDPA}", times.ratio("regard", SDPA), 1.05)
    seconds = import_seconds(rounds=10 if report.full else 5)
    for name, least in seconds.items():
        report.row(case="import", contender=name, least_ms=1e3 * least)
    report.claim("import regard, over import torch", seconds["regard"] / seconds["torch"], 1.3)


if __name__ == "__main__":
    main(__file__, __doc__, measure)
