"""Parts prose and wikitext2: what a pointer is worth to a language model, and for which words."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from page import table

from published.claims import claim
from published.spread import gain, percent, spread
from published.training import Bench, Finished, Option, Order
from regard.runs.continue_text import TrainedLanguageModel
from regard.runs.scores_of_words import BANDS, NAMES, nats_by_word

Settings = Mapping[str, Option]

SEEDS = 3
LESS = 0.05
"""By what share the perplexity with a pointer is to be lower."""

ALIKE = 0.01
"""By what share the parameters may differ at most."""

MINUTES = 15.0
ARMS = {"pointer": "with the pointer sentinel", "lstm": "without"}
QUICK: Settings = {"model.hidden": 16, "model.embedding": 8}
WORDS = 24
"""Words of the test part whose reading is drawn."""


def order(data: str, arm: str, bench: Bench, seed: int = 0) -> Order:
    quick = {**QUICK, "trainer.max_time": bench.max_time(1)} if bench.quick else {}
    of_data = "" if data == "wikitext2" or arm == "lstmn" else f"-{data}"
    of_arm = "" if arm == "pointer" else f"-{arm}"
    options: Settings = {
        "config": f"configs/language_model{of_data}{of_arm}.yaml",
        "training.seed": seed,
        **quick,
    }
    return Order(f"language-{data}-{arm}-{seed}", "language_model", data, options)


def prose(bench: Bench) -> dict[str, Any]:
    """Python's own help: three seeds of each arm; and the machine reader."""
    found = compared("prose", bench)
    reader = bench.train(order("prose", "lstmn", bench))
    found["machine reader"] = {
        "perplexity": reader.scores["perplexity"],
        "run": reader.as_json(),
        "drawing": drawn(reader),
    }
    return found


def wikitext2(bench: Bench) -> dict[str, Any]:
    """Articles of Wikipedia: one seed of each arm."""
    return compared("wikitext2", bench, seeds=1)


def compared(data: str, bench: Bench, seeds: int = SEEDS) -> dict[str, Any]:
    runs = {
        arm: [bench.train(order(data, arm, bench, seed)) for seed in bench.seeds(seeds)]
        for arm in ARMS
    }
    arms = {
        arm: {
            "perplexity": spread([run.scores["perplexity"] for run in some]),
            "runs": [run.as_json() for run in some],
        }
        for arm, some in runs.items()
    }
    ours, theirs = (arms[arm]["perplexity"]["values"] for arm in ARMS)
    return {
        "words": runs["pointer"][0].scores["words"],
        "arms": arms,
        "less": spread([1 - one / other for one, other in zip(ours, theirs, strict=True)]),
        "bands": bands(runs),
        "drawing": drawn(runs["pointer"][0]),
    }


def bands(runs: Mapping[str, Sequence[Finished]]) -> list[dict[str, Any]]:
    """By how often the true word was learned from: the perplexity of each arm, over the seeds, and
    what the pointer gave."""
    found = []
    for band in BANDS:
        name = f"perplexity_{band}"
        if name not in runs["pointer"][0].scores:
            continue
        nats = {arm: [math.log(run.scores[name]) for run in some] for arm, some in runs.items()}
        first = runs["pointer"][0]
        found.append(
            {
                "band": NAMES[band],
                "words": count(first, band),
                "nats": {arm: fmean(values) for arm, values in nats.items()},
                "less": gain(nats["lstm"], nats["pointer"]),
                "gate": fmean(run.scores[f"gate_{band}"] for run in runs["pointer"]),
                "share": fmean(run.scores[f"share_{band}"] for run in runs["pointer"]),
            }
        )
    return found


def count(run: Finished, band: str) -> int:
    trained, test = ready(run)
    return int((nats_by_word(trained, test).bands == BANDS.index(band)).sum())


def ready(run: Finished) -> tuple[TrainedLanguageModel, Sequence[Any]]:
    from regard.runs.folder import Run
    from regard.runs.held_out import load, splits_of

    trained = load(run.path)
    assert isinstance(trained, TrainedLanguageModel)
    return trained, splits_of(Run.open(run.path)).test


def drawn(run: Finished) -> str:
    """How the first words of the test part were read."""
    trained, test = ready(run)
    words = test[0].text.split()[:WORDS]
    (read,) = trained.predict([" ".join(words)])
    with TemporaryDirectory() as folder:
        file = Path(folder) / "read.svg"
        read.save(file)
        return element(file.read_text(encoding="utf-8"))


def element(document: str) -> str:
    """An SVG document's one element, its size in pixels and not in points."""
    found = re.search(r"<svg.*</svg>", document, re.DOTALL)
    assert found is not None
    return re.sub(
        r'\b(width|height)="([\d.]+)pt"',
        lambda size: f'{size[1]}="{float(size[2]) * 4 / 3:.0f}"',
        found[0],
        count=2,
    )


def claims(result: dict[str, Any], data: str) -> list[dict[str, Any]]:
    sizes = [one["runs"][0]["parameters"] for one in result["arms"].values()]
    runs = [run for one in result["arms"].values() for run in one["runs"]]
    slowest = max(run["seconds"] for run in runs) / 60
    less, more = 100 * result["less"]["mean"], sizes[0] / sizes[1]
    return [
        claim(f"{data}: by how much the perplexity is lower with the pointer", less, 100 * LESS),
        claim(
            f"{data}: parameters with the pointer by those without",
            more,
            1 + ALIKE,
            "×",
            least=False,
        ),
        claim(f"{data}: the slowest command", slowest, MINUTES, "min", least=False),
    ]


def prose_claims(result: dict[str, Any]) -> list[dict[str, Any]]:
    return claims(result, "Python's help")


def wikitext2_claims(result: dict[str, Any]) -> list[dict[str, Any]]:
    return claims(result, "WikiText-2")


def tables(result: dict[str, Any]) -> str:
    arms = result["arms"]
    rows = [
        [
            ARMS[arm],
            number(one["perplexity"]),
            f"{one['runs'][0]['parameters']:,}",
            f"{fmean(run['seconds'] for run in one['runs']) / 60:.1f}",
            f"{fmean(run['steps'] for run in one['runs']):,.0f}",
        ]
        for arm, one in arms.items()
    ]
    heads = ("", "perplexity", "parameters", "minutes", "steps")
    by_band = [
        [
            one["band"],
            f"{one['words']:,}",
            f"{math.exp(one['nats']['lstm']):,.1f}",
            f"{math.exp(one['nats']['pointer']):,.1f}",
            f"{100 * (1 - math.exp(-one['less']['mean'])):.1f}",
            f"{100 * one['gate']:.0f}",
            f"{100 * one['share']:.0f}",
        ]
        for one in result["bands"]
    ]
    band_heads = (
        "true word",
        "how many",
        "without",
        "with",
        "lower by, %",
        "g, %",
        "of p, the pointer's, %",
    )
    seeds = len(result["less"]["values"])
    several = f"over {seeds} seeds (mean, and in brackets the 95% interval)"
    over = several if seeds > 1 else "with one seed"
    return (
        f"{table(heads, rows)}\n\n"
        f"With the pointer the perplexity is {percent(result['less'])}% lower, {over}. By how "
        "often the true word was learned from, the perplexity of such words (g is the "
        "vocabulary's part of the mixture):\n\n"
        f"{table(band_heads, by_band)}\n\n"
        f"{finding(result)}\n\n"
    )


def finding(result: dict[str, Any]) -> str:
    """Whether it is true here that rare words gain most."""
    known = [one for one in result["bands"] if one["band"] != NAMES["unknown"]]
    most = max(known, key=lambda one: one["less"]["mean"])["band"]
    rarest, commonest = known[0], known[-1]
    both = (
        f"{100 * (1 - math.exp(-rarest['less']['mean'])):.1f}% of the rarest, "
        f"{100 * (1 - math.exp(-commonest['less']['mean'])):.1f}% of the commonest"
    )
    if most == rarest["band"]:
        return f"The paper's claim that rare words gain most holds here: {both}."
    return (
        "The paper's claim that rare words gain most does not hold as it stands here: "
        f"{both}, and most has the band of {most}."
    )


def number(found: dict[str, Any]) -> str:
    if found["low"] is None:
        return f"{found['mean']:.2f}"
    return f"{found['mean']:.2f} ({found['low']:.2f} … {found['high']:.2f})"


def commands(result: dict[str, Any]) -> str:
    return "\n".join(f"    {one['runs'][0]['command']}" for one in result["arms"].values())


def prose_page(result: dict[str, Any]) -> str:
    reader = result["machine reader"]
    return (
        "[Python's help](data/prose.md), split by topic, so that no paragraph of the test part is "
        "learned from. An LSTM with the pointer sentinel, and one of as many parameters without, "
        "trained alike and as long.\n\n"
        f"{tables(result)}"
        "How the first words of the test part were foretold with the pointer:\n\n"
        "![Gate and words pointed at](results/prose_pointer.svg)\n\n"
        f"The machine reader, which reads a word after another by attention to its own past, has a "
        f"perplexity of {reader['perplexity']:.2f} after {reader['run']['steps']:,} steps "
        f"({reader['run']['parameters']:,} parameters, {reader['run']['seconds'] / 60:.1f} "
        "minutes, one seed). What it looked at while it read the same words, a row a word, the "
        "words before it shaded by their weights:\n\n"
        "![Intra-attention](results/prose_lstmn.svg)\n\n"
        f"{commands(result)}\n    {reader['run']['command']}"
    )


def wikitext2_page(result: dict[str, Any]) -> str:
    return (
        "[WikiText-2](data/wikitext2.md), but learned from its test file and judged on its "
        "validation file, for the training file is not here: a tenth of the text that the paper "
        "had, so the numbers cannot be held beside its own (80.8 with the pointer on the whole "
        "set). Words that the part to learn from has once are unknown.\n\n"
        f"{tables(result)}"
        "How the first words of the test part were foretold with the pointer:\n\n"
        "![Gate and words pointed at](results/wikitext2_pointer.svg)\n\n"
        f"{commands(result)}"
    )


def prose_drawings(result: dict[str, Any]) -> dict[str, str]:
    return {
        "prose_pointer": result["drawing"],
        "prose_lstmn": result["machine reader"]["drawing"],
    }


def wikitext2_drawings(result: dict[str, Any]) -> dict[str, str]:
    return {"wikitext2_pointer": result["drawing"]}
