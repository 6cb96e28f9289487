"""What a benchmark says: a table, claims with the numbers measured, and JSON beside it."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from answers import Disagreement
from machine import machine
from timing import Timed, Times, paired

RESULTS = Path(__file__).parent / "results"
Cell = str | float | None


@dataclass(frozen=True)
class Claim:
    """``measured`` is at most ``limit``, or at least. None is what could not be measured here."""

    what: str
    measured: float | None
    limit: float
    unit: str = "times"
    at_least: bool = False

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "open"
        low, high = (self.limit, self.measured) if self.at_least else (self.measured, self.limit)
        return "holds" if low <= high else "FAILS"

    @property
    def wanted(self) -> str:
        return f"at {'least' if self.at_least else 'most'} {self.limit:g} {self.unit}"

    def __str__(self) -> str:
        measured = "not measured" if self.measured is None else number(self.measured)
        return f"{self.verdict:<6} {self.what}: {measured} (claim: {self.wanted})"


@dataclass
class Report:
    """One benchmark's numbers.

    Attributes:
        name: that of the benchmark's file.
        full: all shapes and lengths, instead of those that take seconds.
        failure: why there are no numbers, or not all.
    """

    name: str
    full: bool = False
    rows: list[dict[str, Cell]] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failure: str | None = None

    def row(self, **cells: Cell) -> None:
        """A row of the table: column titles (``_`` for a space) and what stands there."""
        self.rows.append({title.replace("_", " "): cell for title, cell in cells.items()})

    def claim(self, what: str, measured: float | None, limit: float, **how: Any) -> None:
        self.claims.append(Claim(what, measured, limit, **how))

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def compare(
        self,
        case: str,
        contenders: Mapping[str, Timed],
        peaks: Mapping[str, float | None] | None = None,
        base: str = "regard",
        rounds: int = 5,
    ) -> Times:
        """Time the contenders in turn; one row each, with its time over that of ``base``."""
        print(f"{self.name}: {case}", file=sys.stderr)
        times = paired(contenders, budget=15 if self.full else 4, rounds=rounds)
        for name in contenders:
            self.row(
                case=case,
                contender=name,
                least_ms=1e3 * times.least(name),
                median_ms=1e3 * times.median(name),
                **{f"over {base}": times.ratio(name, base)},
                **({} if peaks is None else {"peak MB": peaks.get(name)}),
            )
        return times

    def as_json(self) -> dict[str, Any]:
        claims = [vars(claim) | {"verdict": claim.verdict} for claim in self.claims]
        return vars(self) | {"claims": claims, "machine": machine()}


def claims_of(content: Mapping[str, Any]) -> list[Claim]:
    """The claims that a benchmark's JSON holds."""
    fields = ("what", "measured", "limit", "unit", "at_least")
    return [Claim(*[claim[name] for name in fields]) for claim in content["claims"]]


def number(value: float) -> str:
    """Three digits, and thousands apart.

    >>> number(1234.5), number(0.12345), number(1.5), number(8)
    ('1,234', '0.123', '1.50', '8')
    """
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}"


def cell_text(cell: Cell) -> str:
    if cell is None:
        return "–"
    return cell if isinstance(cell, str) else number(cell)


def text(report: Report) -> str:
    """The report as it is printed."""
    columns = list({title: None for row in report.rows for title in row})
    table = [columns, *[[cell_text(row.get(title)) for title in columns] for row in report.rows]]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [f"== {report.name}, {'full' if report.full else 'quick'}"]
    for row in table if columns else []:
        pairs = zip(row, widths, strict=True)
        lines.append("  ".join(f"{cell:<{width}}" for cell, width in pairs).rstrip())
    lines += [str(claim) for claim in report.claims]
    lines += [f"note:  {note}" for note in report.notes]
    if report.failure:
        lines.append(f"WRONG  {report.failure}")
    lines.append(", ".join(f"{name} {value}" for name, value in machine().items()))
    return "\n".join(lines)


def main(file: str, doc: str | None, measure: Callable[[Report], None]) -> None:
    """Run one benchmark from the command line.

    Exits with 1 where contenders disagree, and with ``--strict`` where a claim fails.
    """
    options = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    options.add_argument("--full", action="store_true", help="all shapes and lengths")
    options.add_argument("--json", action="store_true", help="print one JSON object")
    options.add_argument("--strict", action="store_true", help="exit with 1 if a claim fails")
    options.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    given = options.parse_args()
    report = Report(Path(file).stem, given.full)
    try:
        measure(report)
    except Disagreement as reason:
        report.failure = str(reason)
    content = json.dumps(report.as_json(), indent=1, ensure_ascii=False, allow_nan=False)
    given.results.mkdir(parents=True, exist_ok=True)
    (given.results / f"{report.name}.json").write_text(content + "\n", encoding="utf-8")
    print(content if given.json else text(report))
    failed = any(claim.verdict == "FAILS" for claim in report.claims)
    sys.exit(1 if report.failure or (given.strict and failed) else 0)
