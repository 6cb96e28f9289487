"""Parts sentiment and tutorial: what attention is worth to a classifier, over ten splits."""

import time
from collections.abc import Mapping
from typing import Any

from page import table

from published.spread import gain, percent, spread
from published.training import Bench, Finished, Option, Order

SEEDS = 10
Options = Mapping[str, Option]

POOLINGS = ("attention", "last", "mean", "max")
TFIDF = "TF-IDF + logistic regression"
CLAIMED = 0.81
SECONDS = 30.0

PUBLISHED = {"last": 0.77, "fixed": 0.8125}
"""Validation accuracy that the tutorial tells, of the padded setting."""

TUTORIAL: Options = {
    "model.encoder": "lstm",
    "model.length": 32,
    "model.embedding": 32,
    "model.hidden": 100,
    "model.dropout": 0.0,
    "model.unknown_rate": 0.0,
    "model.label_smoothing": 0.0,
    "training.batch_size": 32,
    "training.learning_rate": 1e-3,
    "training.schedule": "constant",
    "training.warm_up": 0.0,
    "training.patience": 10,
    "trainer.max_epochs": 10,
}
"""Its padding to 32 tokens and its 10 epochs; 32 features of a word, 100 units; and what Keras does
where nothing is said: batches of 32, Adam at 0.001, no dropout."""

ARMS: dict[tuple[str, bool], str] = {
    ("last", True): "last state, padding read",
    ("fixed", True): "attention, padding read",
    ("last", False): "last state, padding masked",
    ("fixed", False): "attention, padding masked",
}


def order(name: str, seed: int, bench: Bench, options: Options) -> Order:
    quick: Options = {"trainer.max_epochs": 1, "data.limit": 200} if bench.quick else {}
    seeds: Options = {"data.seed": seed, "training.seed": seed}
    return Order(f"{name}-{seed}", "classifier", "sentiment", {**options, **seeds, **quick})


def sentiment(bench: Bench) -> dict[str, Any]:
    """Attention pooling beside others, and beside counted words."""
    seeds = bench.seeds(SEEDS)
    runs: dict[str, list[Finished]] = {name: [] for name in POOLINGS}
    counted = []
    for seed in seeds:
        for pooling in POOLINGS:
            options: Options = {"model.pooling": pooling}
            ordered = order(f"sentiment-{pooling}", seed, bench, options)
            runs[pooling].append(bench.train(ordered))
        counted.append(tfidf(runs["attention"][-1]))
    systems = {name: _system(found) for name, found in runs.items()}
    systems[TFIDF] = {
        "accuracy": spread([accuracy for accuracy, _, _ in counted]),
        "seconds": spread([seconds for _, seconds, _ in counted]),
        "parameters": counted[0][2],
    }
    ours = systems["attention"]["accuracy"]["values"]
    gains = {
        name: gain(ours, system["accuracy"]["values"])
        for name, system in systems.items()
        if name != "attention"
    }
    return {"seeds": list(seeds), "systems": systems, "gains": gains}


def tfidf(run: Finished) -> tuple[float, float, int]:
    """Test accuracy, seconds and parameters of counted words on the splits of a run: it learns
    from the same training part, lower case, words and pairs of words, scikit-learn's defaults."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from regard.runs.folder import Run
    from regard.runs.held_out import splits_of

    splits = splits_of(Run.open(run.path))
    train, test = list(splits.train), list(splits.test)
    start = time.perf_counter()
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000))
    model.fit([one.text for one in train], [one.label for one in train])
    seconds = time.perf_counter() - start
    right = model.score([one.text for one in test], [one.label for one in test])
    return float(right), seconds, int(model[-1].coef_.size + model[-1].intercept_.size)


def tutorial(bench: Bench) -> dict[str, Any]:
    """The tutorial's comparison as it was made, and the same with padding masked."""
    seeds = bench.seeds(SEEDS)
    arms = {}
    for (pooling, padded), title in ARMS.items():
        options: Options = {
            **TUTORIAL,
            "model.pooling": pooling,
            "model.attend_padding": padded,
        }
        name = f"tutorial-{pooling}-{'padded' if padded else 'masked'}"
        found = [bench.train(order(name, seed, bench, options)) for seed in seeds]
        arms[title] = _system(found) | {"valid": spread([_last_valid(run) for run in found])}
    values = {arm: arms[title]["accuracy"]["values"] for arm, title in ARMS.items()}
    gains = {
        "attention, padding read": gain(values["fixed", True], values["last", True]),
        "attention, padding masked": gain(values["fixed", False], values["last", False]),
        "masking, last state": gain(values["last", False], values["last", True]),
        "masking, attention": gain(values["fixed", False], values["fixed", True]),
    }
    return {"seeds": list(seeds), "arms": arms, "gains": gains}


def _system(runs: list[Finished]) -> dict[str, Any]:
    return {
        "accuracy": spread([run.scores["accuracy"] for run in runs]),
        "macro_f1": spread([run.scores["macro_f1"] for run in runs]),
        "seconds": spread([run.seconds for run in runs]),
        "longest": max(run.seconds for run in runs),
        "parameters": runs[0].parameters,
        "runs": [run.as_json() for run in runs],
    }


def _last_valid(run: Finished) -> float:
    """Validation accuracy behind the last epoch, which is what the tutorial tells."""
    return [line["valid_accuracy"] for line in run.metrics if "valid_accuracy" in line][-1]


def sentiment_claims(result: dict[str, Any]) -> list[dict[str, Any]]:
    attention = result["systems"]["attention"]
    return [
        {
            "what": "attention pooling, mean test accuracy",
            "measured": 100 * attention["accuracy"]["mean"],
            "limit": 100 * CLAIMED,
            "unit": "%",
            "at_least": True,
        },
        {
            "what": "attention pooling, the slowest training",
            "measured": attention["longest"],
            "limit": SECONDS,
            "unit": "s",
            "at_least": False,
        },
    ]


def sentiment_page(result: dict[str, Any]) -> str:
    gains = result["gains"]
    rows = [
        [
            name,
            percent(system["accuracy"]),
            percent(gains[name], signed=True) if name in gains else "",
            _verdict(gains[name]) if name in gains else "",
            f"{system['parameters']:,}",
            f"{system['seconds']['mean']:.1f}",
        ]
        for name, system in result["systems"].items()
    ]
    titles = ("pooling", "test accuracy, %", "attention gains", "", "parameters", "seconds")
    command = result["systems"]["attention"]["runs"][0]["command"]
    return (
        f"Reviews of Amazon and Yelp, {_splits(result)}. In brackets the 95% interval of the mean "
        "(Student's t over the seeds), and of the mean paired difference. Seconds are those of the "
        "whole command, imports and evaluation counted; those of counted words are of its fit "
        "alone.\n\n"
        f"{table(titles, rows)}\n\n    {command}"
    )


def tutorial_page(result: dict[str, Any]) -> str:
    published = {ARMS[pooling, True]: f"{100 * value:g}" for pooling, value in PUBLISHED.items()}
    rows = [
        [name, percent(arm["valid"]), published.get(name, "–"), percent(arm["accuracy"])]
        for name, arm in result["arms"].items()
    ]
    titles = ("", "validation accuracy, last epoch, %", "published", "test accuracy, %")
    worth = [
        [name, percent(found, signed=True), _verdict(found)]
        for name, found in result["gains"].items()
    ]
    command = result["arms"][ARMS["fixed", True]]["runs"][0]["command"]
    return (
        "A tutorial compares the last state of an LSTM with its attention layer, one bias a "
        "position, over texts that are padded behind to 32 tokens, and lets both read the padding: "
        "the last state is then that after many empty tokens. The same is done here, and again "
        f"with the padding masked, {_splits(result)}. Validation accuracy is that behind the last "
        "epoch, as published; test accuracy that of the same weights.\n\n"
        f"{table(titles, rows)}\n\nWhat each is worth, in points of test accuracy, paired over the "
        f"seeds:\n\n{table(('', 'gain', ''), worth)}\n\n    {command}"
    )


def _verdict(found: dict[str, Any]) -> str:
    if found["low"] is None or found["low"] <= 0 <= found["high"]:
        return "not to be told from nothing"
    return "better" if found["mean"] > 0 else "worse"


def _splits(result: dict[str, Any]) -> str:
    count = len(result["seeds"])
    return f"over {count} seeds, each of which makes another split (80/20, equal texts together)"
