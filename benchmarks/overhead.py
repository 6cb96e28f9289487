"""What does `attend` cost over the function it calls, and `import regard` over `import torch`?

Claims: attend costs at most 5% over torch's fused scaled_dot_product_attention at 8×512×64, and
importing regard at most 1.3 times importing torch.

Run:    python benchmarks/overhead.py [--json]
Method: the two are timed in turn, so that what else the machine does meets both; the ratio is the
        median of the ratios of neighbours. Imports are timed in fresh processes, the least counts.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

import regard

CLAIMS = {"attend 3-D": 1.05, "attend 4-D": 1.05, "attend 4-D causal": 1.05, "import": 1.3}


def ratio(base: Callable[[], object], ours: Callable[[], object], rounds: int = 400) -> float:
    """Time of ``ours`` as a multiple of that of ``base``."""
    ratios = []
    for turn in range(rounds):
        first, second = (base, ours) if turn % 2 else (ours, base)
        start = time.perf_counter()
        first()
        middle = time.perf_counter()
        second()
        end = time.perf_counter()
        times = middle - start, end - middle
        ratios.append(times[0] / times[1] if first is ours else times[1] / times[0])
    return statistics.median(ratios)


def attend_ratios(rounds: int = 400) -> dict[str, float]:
    """For inputs of 8 sequences of 512 tokens with 64 features, with and without heads."""
    q4, k4, v4 = (torch.randn(8, 1, 512, 64) for _ in range(3))
    q3, k3, v3 = q4[:, 0], k4[:, 0], v4[:, 0]
    causal = regard.masks.causal()
    with torch.inference_mode():
        return {
            "attend 3-D": ratio(
                lambda: F.scaled_dot_product_attention(q4, k4, v4),
                lambda: regard.attend(q3, k3, v3),
                rounds,
            ),
            "attend 4-D": ratio(
                lambda: F.scaled_dot_product_attention(q4, k4, v4),
                lambda: regard.attend(q4, k4, v4),
                rounds,
            ),
            "attend 4-D causal": ratio(
                lambda: F.scaled_dot_product_attention(q4, k4, v4, is_causal=True),
                lambda: regard.attend(q4, k4, v4, mask=causal),
                rounds,
            ),
        }


def import_ratio(rounds: int = 5) -> float:
    """Seconds to import regard over seconds to import torch."""
    least = {"torch": float("inf"), "regard": float("inf")}
    for _ in range(rounds):
        for name in least:
            code = f"import time; t = time.perf_counter(); import {name}; "
            code += "print(time.perf_counter() - t)"
            run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
            least[name] = min(least[name], float(run.stdout))
    return least["regard"] / least["torch"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = options.parse_args().json
    ratios = {**attend_ratios(), "import": import_ratio()}
    if as_json:
        print(json.dumps({"ratios": ratios, "claims": CLAIMS, "torch": torch.__version__}))
        return
    for name, value in ratios.items():
        print(f"{name:<18} {value:.3f} times  (claim: at most {CLAIMS[name]})")


if __name__ == "__main__":
    main()
