"""The tables of docs/performance.md, written from the JSON of the last run.

What stands between ``<!-- measured: NAME -->`` and ``<!-- end -->`` is replaced by the claims and
the table of ``results/NAME.json``; ``machine`` by the machine and the versions. What has no JSON
stays as it is.

Run:    python benchmarks/page.py [--results FOLDER] [--page FILE]
"""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report import Claim, cell_text, claims_of, number

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
BLOCK = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rewrite(text: str, results: Path) -> str:
    """The page with every block whose JSON is there; written twice, it stays the same."""

    def block(match: re.Match[str]) -> str:
        opening, name, closing = match.groups()
        found = sorted(results.glob("*.json" if name == "machine" else f"{name}.json"))
        if not found:
            return match[0]
        result = json.loads(found[0].read_text(encoding="utf-8"))
        content = machine(result["machine"]) if name == "machine" else section(result)
        return f"{opening}{content}\n{closing}"

    return BLOCK.sub(block, text)


def section(result: dict[str, Any]) -> str:
    """Claims, numbers and notes of one benchmark."""
    parts = []
    if result["failure"]:
        parts.append(f"**Wrong answers, so not all is measured**: {result['failure']}")
    if result["claims"]:
        cells = [claim_cells(claim) for claim in claims_of(result)]
        parts.append(table(("what", "claim", "measured", ""), cells))
    if result["rows"]:
        titles = list({title: None for row in result["rows"] for title in row})
        rows = [[cell_text(row.get(title)) for title in titles] for row in result["rows"]]
        parts.append(table(titles, rows))
    parts += [f"{note[0].upper()}{note[1:].rstrip('.')}." for note in result["notes"]]
    if not result["full"]:
        parts.append("From a quick run.")
    return "\n\n".join(parts) + "\n"


def claim_cells(claim: Claim) -> list[str]:
    measured = "–" if claim.measured is None else f"**{number(claim.measured)}**"
    verdict = "**fails**" if claim.verdict == "FAILS" else claim.verdict
    return [claim.what, claim.wanted, measured, verdict]


def machine(fields: dict[str, Any]) -> str:
    """One sentence."""
    versions = [
        f"{name} {fields[name]}"
        for name in ("python", "torch", "numba", "keras", "jax")
        if name in fields
    ]
    return (
        f"{fields['cpu']}, {fields['cores']} cores, {fields['threads']} threads, "
        f"{fields['instructions']}, {fields['memory_gb']} GB, {fields['system']}; "
        f"{', '.join(versions)}."
    )


def table(titles: Sequence[str], rows: Any) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--results", type=Path, default=HERE / "results")
    options.add_argument("--page", type=Path, default=PAGE)
    given = options.parse_args()
    text = given.page.read_text(encoding="utf-8")
    given.page.write_text(rewrite(text, given.results), encoding="utf-8")


if __name__ == "__main__":
    main()
