"""Parts reading and squad: what attention is worth to a reader, and where it looks."""

from collections.abc import Mapping, Sequence
from typing import Any

from page import table

from published.claims import claim
from published.spread import percent, share
from published.training import Bench, Finished, Option, Order
from regard.data.questions import Asked, Question
from regard.runs.read import TrainedReader
from regard.runs.read_reply import Reply
from regard.runs.scores_of_readings import pointing
from regard.view import shading, svg

Options = Mapping[str, Option]

MINUTES = 15.0
LEAST = {"documentqa": 0.95, "bidaf": 0.9, "fusionnet": 0.9, "qanet": 0.9}
MOST = 0.6
TIMES = 2.0
"""How many times the F1 of the mean the best is to have."""

ARMS = {
    "documentqa": "DocumentQA",
    "bidaf": "BiDAF",
    "fusionnet": "FusionNet",
    "qanet": "QANet",
    "mean": "no attention: the mean of what could be seen",
}
QUICK: Options = {"model.hidden": 8, "model.embedding": 16, "model.characters": 2}


def order(data: str, arm: str, bench: Bench) -> Order:
    of_squad = "-squad" if data == "squad" else ""
    quick = {**QUICK, "trainer.max_time": bench.max_time(1)} if bench.quick else {}
    few = {"data.train": 256} if data == "world" else {"data.limit": 256}
    options: Options = {
        "config": f"configs/reader{of_squad}{'' if arm == 'documentqa' else f'-{arm}'}.yaml",
        **(quick | few if bench.quick else {}),
    }
    return Order(f"reader-{data}-{arm}", "reader", data, options)


def world(bench: Bench) -> dict[str, Any]:
    """Stories of people nobody has read of: the four readers, and one without attention."""
    runs = {arm: bench.train(order("world", arm, bench)) for arm in ARMS}
    trained, test = ready(runs["documentqa"])
    return {
        "questions": len(test),
        "arms": {arm: arm_of(run) for arm, run in runs.items()},
        "looks": looks(trained, test),
        "it": pronoun(trained, test),
    }


def squad(bench: Bench) -> dict[str, Any]:
    """Passages of articles nobody has read of."""
    runs = {arm: bench.train(order("squad", arm, bench)) for arm in ARMS}
    _, test = ready(runs["documentqa"])
    return {
        "questions": len(test),
        "passages": len({one.passage for one in test}),
        "arms": {arm: arm_of(run) for arm, run in runs.items()},
    }


def ready(run: Finished) -> tuple[TrainedReader, Sequence[Question]]:
    from regard.runs.folder import Run
    from regard.runs.held_out import load, splits_of

    trained = load(run.path)
    assert isinstance(trained, TrainedReader)
    return trained, splits_of(Run.open(run.path)).test


def arm_of(run: Finished) -> dict[str, Any]:
    scores = run.scores
    count = round(scores["questions"])
    found: dict[str, Any] = {
        "exact": share(round(scores["exact_match"] * count), count),
        "f1": scores["f1"],
        "kinds": {
            name.removeprefix("exact_match/"): value
            for name, value in scores.items()
            if name.startswith("exact_match/")
        },
        "run": run.as_json(),
    }
    pointed = pointing(*ready(run))
    if pointed is not None:
        found["pointing"] = share(round(pointed.share * pointed.count), pointed.count)
        found["chance"] = pointed.chance
    return found


def asked(example: Question) -> Asked:
    return Asked(example.passage, example.question)


def looks(trained: TrainedReader, test: Sequence[Question]) -> str:
    """The first question of the test part: which words of the passage look at which of its."""
    (reply,) = trained.predict([asked(test[0])])
    return svg.heatmap(reply.view.alignment)


def pronoun(trained: TrainedReader, test: Sequence[Question]) -> dict[str, str]:
    """What the "it" looks at that the first question of that kind is about."""
    example = next(one for one in test if one.kind == "it")
    (reply,) = trained.predict([asked(example)])
    first = next(one.pronoun.start for one in example.references if one.referent == example.truth)
    place = next(place for place, start in enumerate(starts(trained, reply)) if start == first)
    weights = dict(reply.view.own)[place]
    return {
        "drawing": shading.svg(reply.view.shade_of(place, weights)),
        "question": example.question,
        "answer": reply.answer,
    }


def starts(trained: TrainedReader, reply: Reply) -> list[int]:
    """The first character of each token of the window that was answered from."""
    tokens = trained.encoding.tokens(reply.asked.passage)
    return [start for _, start, _ in tokens[reply.first : reply.first + len(reply.view.passage)]]


def claims(result: dict[str, Any]) -> list[dict[str, Any]]:
    arms = result["arms"]
    exact = {arm: 100 * one["exact"]["mean"] for arm, one in arms.items()}
    found = [
        claim(f"questions about stories, {ARMS[arm]}, exact", exact[arm], 100 * limit)
        for arm, limit in LEAST.items()
    ]
    found.append(
        claim("questions about stories, the mean, exact", exact["mean"], 100 * MOST, least=False)
    )
    slowest = max(one["run"]["seconds"] for one in arms.values()) / 60
    return [
        *found,
        claim("questions about stories, the slowest command", slowest, MINUTES, "min", least=False),
    ]


def squad_claims(result: dict[str, Any]) -> list[dict[str, Any]]:
    f1 = {arm: one["f1"] for arm, one in result["arms"].items()}
    slowest = max(one["run"]["seconds"] for one in result["arms"].values()) / 60
    what = "SQuAD's small split"
    return [
        claim(
            f"{what}, F1 of the best by that of the mean", max(f1.values()) / f1["mean"], TIMES, "×"
        ),
        claim(f"{what}, the slowest command", slowest, MINUTES, "min", least=False),
    ]


def page(result: dict[str, Any]) -> str:
    arms = result["arms"]
    kinds = list(next(iter(arms.values()))["kinds"])
    rows = [
        [
            ARMS[arm],
            percent(one["exact"]),
            f"{100 * one['f1']:.1f}",
            *(f"{100 * one['kinds'][kind]:.1f}" for kind in kinds),
            *costs(one["run"]),
        ]
        for arm, one in arms.items()
    ]
    heads = ("", "exact, %", "F1, %", *kinds, "parameters", "minutes", "steps")
    looked = [
        [ARMS[arm], percent(one["pointing"]), f"{100 * one['chance']:.1f}"]
        for arm, one in arms.items()
        if "pointing" in one
    ]
    it = result["it"]
    commands = "\n".join(f"    {one['run']['command']}" for one in arms.values())
    return (
        f"[Stories](data/world.md), and {result['questions']:,} questions about them, each "
        "answered by a span of the story; no name of the test stories stands in a story to learn "
        "from. An answer is exact by SQuAD's rules. In brackets the 95% interval (Wilson's); "
        "behind it the share of each kind of question that was answered exactly. Without "
        "attention each weight is the even share, and the rest is that of DocumentQA. Three "
        "questions of five are of the kind `exchanged`, which tells ten names with their food, "
        "two exchanged: the world was made harder until a mean could not keep what it was asked. "
        "Minutes are those of the whole command, evaluation counted.\n\n"
        f"{table(heads, rows)}\n\n"
        "How often the largest self-attention weight of the word “it” falls on the noun that it "
        "stands for, which the reader was never told; chance is one word of the story among all "
        "others:\n\n"
        f"{table(('', 'on its referent, %', 'by chance, %'), looked)}\n\n"
        f"What an “it” looks at, by DocumentQA, asked “{it['question']}” (it answered "
        f"“{it['answer']}”):\n\n"
        "![What it looks at](results/reading_it.svg)\n\n"
        "Which words of the first test story look at which words of its question:\n\n"
        "![The story and the question](results/reading_looks.svg)\n\n"
        f"{commands}"
    )


def squad_page(result: dict[str, Any]) -> str:
    arms = result["arms"]
    rows = [
        [ARMS[arm], percent(one["exact"]), f"{100 * one['f1']:.1f}", *costs(one["run"])]
        for arm, one in arms.items()
    ]
    heads = ("", "exact, %", "F1, %", "parameters", "minutes", "steps")
    commands = "\n".join(f"    {one['run']['command']}" for one in arms.values())
    return (
        f"[SQuAD](data/squad.md)'s development set, as far as it is here: 40 articles, of which 32 "
        f"are learned from; the {result['questions']:,} questions about {result['passages']:,} "
        "passages of the 8 others are answered. A tenth of the data that the papers had, words "
        "without vectors learned from billions of others, and minutes on a CPU: the numbers are "
        "far below theirs, and say what attention is worth where all else is the same.\n\n"
        f"{table(heads, rows)}\n\n"
        f"{commands}"
    )


def costs(run: dict[str, Any]) -> list[str]:
    return [f"{run['parameters']:,}", f"{run['seconds'] / 60:.1f}", f"{run['steps']:,}"]


def drawings(result: dict[str, Any]) -> dict[str, str]:
    return {"reading_it": result["it"]["drawing"], "reading_looks": result["looks"]}
