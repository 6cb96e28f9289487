"""Measures parts of docs/results.md, and writes it: python benchmarks/published [part …]"""

import argparse
import json
import sys
from pathlib import Path

# The folder itself leads the path, where its files would hide modules of the same names.
HERE = Path(__file__).parents[1]
sys.path[0] = str(HERE)
sys.path.insert(1, str(HERE.parent / "docs"))

from published.parts import PARTS  # noqa: E402
from published.training import Bench, made, say  # noqa: E402
from published.writing import PAGE, RESULTS, stored, write  # noqa: E402


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python benchmarks/published", description=(__doc__ or "").split(":")[0] + "."
    )
    options.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}, or all")
    options.add_argument("--page", action="store_true", help="write the page from the JSON alone")
    options.add_argument("--quick", action="store_true", help="a few steps: see that it works")
    options.add_argument("--runs", type=Path, default=HERE.parent / "runs" / "results")
    options.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    options.add_argument("--to", type=Path, default=PAGE, help="the page")
    given = options.parse_args()
    if unknown := set(given.parts) - {*PARTS, "all"}:
        options.error(
            f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}"
        )
    if not given.parts and not given.page:
        measured = stored(given.results)
        for name, part in PARTS.items():
            print(f"{name:<12} {'measured' if name in measured else 'open':<10} {part.title}")
        return
    if given.quick and (given.results == RESULTS or given.to == PAGE):
        options.error("--quick gives no results: name other places by --results and --to")
    names = list(PARTS) if "all" in given.parts else given.parts
    for name in names:
        measure(name, Bench(given.runs, given.quick), given.results)
    write(given.results, given.to)
    print(f"written: {given.to}")


def measure(name: str, bench: Bench, results: Path) -> None:
    """Measure a part and write its JSON; the page is for later."""
    say(f"== {name}")
    content = PARTS[name].measure(bench)
    result = {
        "part": name,
        "quick": bench.quick,
        "command": f"python benchmarks/published {name}",
        "seconds": round(sum(bench.spent), 1),
        "machine": made(),
        "content": content,
    }
    results.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False)
    (results / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
