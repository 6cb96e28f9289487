"""The report of a run: how it learned, how good it is, and what it looked at, in one page."""

import platform
from collections.abc import Sequence

import torch

from regard.runs import shown
from regard.runs.folder import Run
from regard.runs.system import Answer, System
from regard.view import page, svg


def write(
    run: Run,
    system: System,
    scores: Sequence[tuple[str, str]],
    answers: Sequence[Answer],
    sections: Sequence[page.Section],
    notes: Sequence[str] = (),
) -> None:
    """``report.html``: one file that needs no other and no network."""
    about = run.about
    looks = "".join(map(shown.html, answers))
    html = page.page(
        f"{about['system']} on {' '.join(about['source'])}",
        [
            page.Section("Scores on held-out examples", page.table(("score", "value"), scores)),
            page.Section("How it learned", _curves(run, system)),
            *sections,
            *(
                [page.Section("Notes on the data", page.paragraph("\n".join(notes)))]
                if notes
                else []
            ),
            page.Section(
                "What it looked at",
                page.paragraph(system.shows) + looks,
            ),
            page.Section(
                "How it was made",
                page.preformatted((run.path / "config.yaml").read_text(encoding="utf-8"))
                + page.paragraph(
                    f"{about.get('parameters', 0):,} parameters, trained in "
                    f"{about.get('seconds', 0.0):,.0f} s; regard {about['regard']}, torch "
                    f"{torch.__version__}, Python {platform.python_version()}, "
                    f"{torch.get_num_threads()} threads"
                ),
            ),
        ],
    )
    run.write("report.html", html)


def explanation(answers: Sequence[Answer], system: System) -> str:
    """A page of what was looked at."""
    about = page.Section("", page.paragraph(system.shows))
    sections = (page.Section("", shown.html(answer)) for answer in answers)
    return page.page("What the model looked at", [about, *sections])


def _curves(run: Run, system: System) -> str:
    measure = system.measure.replace("_", " ")
    loss = {"train_loss": "training", "valid_loss": "validation"}
    measured = {f"valid_{system.measure}": "validation"}
    return _curve(run, "Loss", system.loss, loss) + _curve(
        run, f"{measure.capitalize()} on the validation part", "share", measured
    )


def _curve(run: Run, title: str, unit: str, names: dict[str, str]) -> str:
    lines = run.metrics
    series = {
        name: [(line["step"], line[key]) for line in lines if line.get(key) is not None]
        for key, name in names.items()
    }
    return page.figure(
        svg.curves(series, x_label="step", y_label=unit, log_y=title == "Loss"), title
    )
