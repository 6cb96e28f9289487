"""docs/results.md and its pictures, from the JSON of the parts and from nothing else."""

import json
from pathlib import Path
from typing import Any

from page import claim_cells, machine, table
from report import Claim

from published.parts import PARTS

HERE = Path(__file__).parents[1]
RESULTS = HERE / "results" / "published"
PAGE = HERE.parent / "docs" / "results.md"

HEAD = """# Results

What the systems reach on real data. `make results` trains all that is told here and writes this
page from what it measured; `make results PART=sentiment` does one part. Every training is a command
that stands below its table; where there are several seeds, `--data.seed` and `--training.seed` are
all that differs. The numbers of all runs, with machine, versions and commit, are in
`benchmarks/results/published/`."""


def stored(results: Path) -> dict[str, dict[str, Any]]:
    """The parts that are measured, by name."""
    files = {name: results / f"{name}.json" for name in PARTS}
    return {
        name: json.loads(file.read_text(encoding="utf-8"))
        for name, file in files.items()
        if file.exists()
    }


def text(found: dict[str, dict[str, Any]]) -> str:
    """The page."""
    sections = [HEAD]
    claims = [
        claim_cells(Claim(**claim))
        for name, result in found.items()
        for claim in PARTS[name].claims(result["content"])
    ]
    if claims:
        sections.append(table(("what", "claim", "measured", ""), claims))
    for name, part in PARTS.items():
        sections.append(f"## {part.title}")
        if name not in found:
            sections.append(f"Not measured yet: `make results PART={name}`.")
            continue
        result = found[name]
        if result["quick"]:
            sections.append("**From a quick run: a few steps of training, so no result.**")
        sections.append(part.page(result["content"]))
        hours, minutes = divmod(max(round(result["seconds"] / 60), 1), 60)
        took = f"{hours} h {minutes} min" if hours else f"{minutes} min"
        sections.append(
            f"Measured by `{result['command']}` in {took} of training and asking, on "
            f"{machine(result['machine'])}"
        )
    return "\n\n".join(sections) + "\n"


def drawings(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The pictures of the parts that are measured, on sheets of their own."""
    from pictures import on_paper

    return {
        name: on_paper(drawing)
        for part, result in found.items()
        for name, drawing in dict(PARTS[part].drawings(result["content"])).items()
    }


def write(results: Path, page: Path) -> None:
    """The page, and beside it the folder of its pictures."""
    found = stored(results)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text(found), encoding="utf-8")
    folder = page.with_suffix("")
    for name, drawing in drawings(found).items():
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.svg").write_text(drawing, encoding="utf-8")
