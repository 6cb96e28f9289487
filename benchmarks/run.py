"""All benchmarks, each in a fresh process, and at the end every claim in one list.

Run:    python benchmarks/run.py            a few minutes
        python benchmarks/run.py --full     all shapes and lengths, the picture and the page
        python benchmarks/run.py windows decoding_step      some of them

Exits with 1 where contenders disagree or a benchmark breaks, and with ``--strict`` where a claim
fails.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from report import RESULTS, Claim, claims_of

HERE = Path(__file__).parent
QUICK = (
    "overhead",
    "decoding_step",
    "cache_step",
    "additive_against_sdpa",
    "machine_limit",
    "additive_against_peers",
    "accuracy",
    "agreement",
    "memory",
    "windows",
    "sparse_normalizers",
    "own_function",
    "top_weights",
    "watching",
    "serving",
    "translate",
)
FULL = (*QUICK, "lengths")


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("names", nargs="*", metavar="name", help=", ".join(FULL))
    options.add_argument("--full", action="store_true", help="all shapes and lengths")
    options.add_argument("--strict", action="store_true", help="exit with 1 if a claim fails")
    options.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    given = options.parse_args()
    if unknown := set(given.names) - set(FULL):
        options.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    names = given.names or (FULL if given.full else QUICK)
    broken: list[str] = []
    claims: list[tuple[str, Claim]] = []
    for name in names:
        start = time.perf_counter()
        command = [sys.executable, str(HERE / f"{name}.py"), "--results", str(given.results)]
        run = subprocess.run([*command, *(["--full"] if given.full else [])])
        print(f"{name} took {time.perf_counter() - start:.0f} s\n", flush=True)
        if run.returncode:
            broken.append(name)
        else:
            content = (given.results / f"{name}.json").read_text(encoding="utf-8")
            claims += [(name, claim) for claim in claims_of(json.loads(content))]
    print("== all claims")
    for name, claim in claims:
        print(f"{name:<22}  {claim}")
    for name in broken:
        print(f"{name:<22}  BROKEN, see above")
    verdicts = [claim.verdict for _, claim in claims]
    print(f"{verdicts.count('holds')} of {len(verdicts)} claims hold")
    if given.full and not given.names:
        for name in ("picture", "page"):
            subprocess.run(
                [sys.executable, str(HERE / f"{name}.py"), "--results", str(given.results)],
                check=True,
            )
    sys.exit(1 if broken or (given.strict and "FAILS" in verdicts) else 0)


if __name__ == "__main__":
    main()
