"""docs/images/performance.png, from the numbers of ``lengths.py``: time and memory against length.

Run:    python benchmarks/picture.py [--results FOLDER] [--output FILE]
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, NullLocator

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "docs" / "images" / "performance.png"

# Okabe and Ito's colours, which people of every colour vision tell apart; markers differ too.
STYLES = {
    "regard": ("#D55E00", "o"),
    "torch SDPA": ("#000000", "s"),
    "torch.compile": ("#009E73", "^"),
    "torch eager": ("#0072B2", "D"),
    "Keras, torch": ("#CC79A7", "v"),
    "Keras, JAX": ("#56B4E9", "P"),
}
LABELS = {
    "regard": "regard, additive",
    "torch SDPA": "torch SDPA (dot product)",
    "torch.compile": "torch.compile, additive",
    "torch eager": "torch eager, additive",
    "Keras, torch": "Keras on torch, additive",
    "Keras, JAX": "Keras on JAX, additive",
}


def draw(result: dict[str, Any], output: Path) -> None:
    """Two panels, log–log: milliseconds and megabytes, forward and backward, at 1×T×64."""
    rows = result["rows"]
    figure, (times, peaks) = pyplot.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    for name, (color, marker) in STYLES.items():
        own = [row for row in rows if row["contender"] == name]
        strong = name in ("regard", "torch SDPA")
        for panel, column in ((times, "median ms"), (peaks, "peak MB")):
            points = [(row["tokens"], row[column]) for row in own if row[column]]
            if points:
                panel.plot(
                    *zip(*points, strict=True),
                    color=color,
                    marker=marker,
                    markersize=5,
                    linewidth=2.2 if strong else 1.4,
                    label=LABELS[name],
                )
    lengths = sorted({row["tokens"] for row in rows})
    titles = {times: ("time, milliseconds"), peaks: "peak memory above the inputs, MB"}
    for panel, title in titles.items():
        panel.set(xscale="log", yscale="log", xlabel="tokens T, at 1×T×64")
        panel.set_title(title, loc="left", fontsize=11)
        panel.set_xticks(lengths, [f"{length:,}" for length in lengths], rotation=30)
        panel.xaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
        panel.grid(which="major", color="#dddddd", linewidth=0.8)
        panel.spines[["top", "right"]].set_visible(False)
    handles, names = times.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    machine = result["machine"]
    figure.suptitle(
        f"Forward and backward, float32, on {machine['threads']} CPU threads, "
        f"torch {machine['torch'].split('+')[0]}",
        fontsize=11,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    # No date, no version: the same numbers give the same file.
    figure.savefig(output, dpi=150, metadata={"Software": None})
    pyplot.close(figure)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--results", type=Path, default=HERE / "results")
    options.add_argument("--output", type=Path, default=OUTPUT)
    given = options.parse_args()
    draw(json.loads((given.results / "lengths.json").read_text(encoding="utf-8")), given.output)


if __name__ == "__main__":
    main()
