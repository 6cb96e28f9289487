"""Is the memory of the additive score linear in the sequence?

Claims: at 1×16384×64 the process grows by at most 150 MB forward and 200 MB forward and backward
(scores alone would be 1074 MB, features of all pairs 68.7 GB).

Run:    python benchmarks/memory.py [--full] [--json] [--strict]
Method: peaks of fresh processes (process.py), beside torch's fused kernel for the dot product.
        ``--full`` adds the lengths 4096 and 8192.
"""

import contenders
from formula import title
from process import Maker, peak_mb
from report import Report, main

LENGTH = 16384
LIMITS = {False: 150, True: 200}
MAKERS: dict[str, Maker] = {"regard": contenders.regard_additive, "torch SDPA": contenders.sdpa}


def measure(report: Report) -> None:
    for length in [4096, 8192, LENGTH] if report.full else [LENGTH]:
        for backward, limit in LIMITS.items():
            shape = [1, length, length, 64]
            small = {"shape": [1, 32, 32, 64]}
            case = title(shape, backward)
            for name, make in MAKERS.items():
                peak = peak_mb(make, small, shape=shape, backward=backward)
                report.row(**{"case": case, "contender": name, "peak MB": peak})
                if name == "regard" and length == LENGTH:
                    report.claim(f"{case}, peak memory", peak, limit, unit="MB")


if __name__ == "__main__":
    main(__file__, __doc__, measure)
