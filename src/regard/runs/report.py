"""The report of a run: how it learned, how good it is, and what it looked at, in one page."""

import platform
from collections.abc import Sequence

import torch

from regard.runs.evaluate import Scores, table
from regard.runs.folder import Run
from regard.runs.translate import Translation
from regard.view import page, svg

CURVES = {
    "Loss": ("nats a token", {"train_loss": "training", "valid_loss": "validation"}),
    "Exact match on the validation part": ("share of texts", {"valid_exact_match": "validation"}),
}


def write(run: Run, scores: Scores, examples: Sequence[Translation]) -> None:
    """``report.html``: one file that needs no other and no network."""
    about = run.about
    curves = "".join(_curve(run, *curve) for curve in CURVES.items())
    alignments = "".join(
        page.figure(svg.heatmap(example.alignment), f"{example.source} → {example.target}")
        for example in examples
    )
    html = page.page(
        f"{about['system']} on {about['source']}",
        [
            page.Section("Scores on held-out texts", page.table(("score", "value"), table(scores))),
            page.Section("How it learned", curves),
            page.Section(
                "What it looked at",
                page.paragraph(
                    "Each row is a token that the model wrote; the colours say how much weight "
                    "each token of the source had while it was written. A row sums to 1."
                )
                + alignments,
            ),
            page.Section(
                "How it was made",
                page.preformatted((run.path / "config.yaml").read_text(encoding="utf-8"))
                + page.paragraph(
                    f"regard {about['regard']}, torch {torch.__version__}, Python "
                    f"{platform.python_version()}, {torch.get_num_threads()} threads"
                ),
            ),
        ],
    )
    run.write("report.html", html)


def explanation(examples: Sequence[Translation]) -> str:
    """A page of alignments."""
    sections = [
        page.Section(
            f"{example.source} → {example.target}",
            page.figure(svg.heatmap(example.alignment), "weights, by row"),
        )
        for example in examples
    ]
    return page.page("What the model looked at", sections)


def _curve(run: Run, title: str, what: tuple[str, dict[str, str]]) -> str:
    unit, names = what
    lines = run.metrics
    series = {
        name: [(line["step"], line[key]) for line in lines if key in line]
        for key, name in names.items()
    }
    return page.figure(
        svg.curves(series, x_label="step", y_label=unit, log_y=title == "Loss"), title
    )
