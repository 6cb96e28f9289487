"""Importing regard stays light, and calling it costs little over what it calls."""

import subprocess
import sys
import time

HEAVY = [
    "lightning",
    "babel",
    "matplotlib",
    "jsonargparse",
    "numba",
    "yaml",
    "rich",
    "PIL",
    "sklearn",
    "starlette",
    "uvicorn",
]


def test_import_leaves_the_extras_alone() -> None:
    code = f"import regard, sys; print([name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout.strip() == "[]"


def test_import_costs_little_over_torch() -> None:
    least = {"torch": float("inf"), "regard": float("inf")}
    for _ in range(6):  # what runs beside us costs now the one more, now the other
        for name in least:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
            least[name] = min(least[name], time.perf_counter() - start)
        if least["regard"] <= 1.3 * least["torch"]:
            break
    assert least["regard"] <= 1.3 * least["torch"]
