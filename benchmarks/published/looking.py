"""Part alignment: where translators look, beside a published picture and beside a hand's links."""

from collections.abc import Mapping, Sequence
from typing import Any

from page import table

from published.spread import gain, percent, spread
from published.training import Bench, Finished
from published.translation import MINUTES, MINUTES_OF_A_VARIANT, VARIANTS, headline, variant
from regard.data.aligned import AlignedPair, english_french
from regard.data.pairs import Pair
from regard.data.tokens import shown, split
from regard.runs.alignment_error import (
    AlignmentScores,
    alignment_scores,
    by_words,
    chance,
    diagonal,
)
from regard.view import svg
from regard.view.alignment import Alignment

SEEDS, MODEL = 3, "Luong concat"
"""How many models are asked, and which: the variant with the highest BLEU; seed 0 is its own."""

SOURCE, TARGET = "I love you.", "Je t'aime."

PUBLISHED = {"Je": ("I", 0.94), "t'": ("you", 0.88), "aime": ("love", 0.95)}
"""The word that each word of the reference looks at most, and how much, as published."""

GUESSES = {"chance": chance, "the same share of the way": diagonal}
"""What an alignment that has read nothing reaches."""


def alignment(bench: Bench) -> dict[str, Any]:
    """Three seeds on "I love you.", and every translator with attention that is there, on all
    pairs aligned by hand."""
    pairs = english_french()
    orders = {f"{MODEL}, seed {seed}": variant(MODEL, bench, seed) for seed in range(SEEDS)}
    runs = {name: bench.train(one) for name, one in orders.items()}
    longer = {f"Bahdanau, {MINUTES:g} minutes": bench.train(headline("attention", bench))}
    others = {name: variant(name, bench) for name in VARIANTS if name != MODEL}
    ready = {name: found for name, one in others.items() if (found := bench.finished(one))}
    every = {**runs, **longer, **ready}
    errors = {name: scores_of(run, pairs) for name, run in every.items()}
    rights = [errors[name]["right"] for name in runs]
    return {
        "source": SOURCE,
        "target": TARGET,
        "minutes": MINUTES_OF_A_VARIANT,
        "seeds": list(runs),
        "looks": {name: looks(run) for name, run in {**runs, **longer}.items()},
        "runs": {name: run.as_json() for name, run in every.items()},
        "pairs": len(pairs),
        "errors": errors,
        "guesses": {name: guess(pairs)._asdict() for name, guess in GUESSES.items()},
        "right": spread(rights),
        "over the guess": gain(rights, [diagonal(pairs).right] * len(rights)),
    }


def scores_of(run: Finished, pairs: Sequence[AlignedPair]) -> dict[str, Any]:
    """The run's alignments of the hand's pairs, and how many sources it has learned from."""
    from regard.runs.folder import Run
    from regard.runs.held_out import load, splits_of

    asked = [Pair(pair.source, pair.target) for pair in pairs]
    found: Any = load(run.path)
    weights = [
        by_words(one.weights, one.source, one.target, pair)
        for one, pair in zip(found.align(asked), pairs, strict=True)
    ]
    learned = {pair.source for pair in splits_of(Run.open(run.path)).train}
    new = [i for i, pair in enumerate(pairs) if pair.source not in learned]
    unseen = alignment_scores([pairs[i] for i in new], [weights[i] for i in new])
    scores: AlignmentScores = alignment_scores(pairs, weights)
    return scores._asdict() | {"new": len(new), "right_new": unseen.right}


def looks(run: Finished) -> dict[str, Any]:
    """Weights of the reference by forced decoding, and of what the model itself says."""
    from regard.runs.folder import Run
    from regard.runs.held_out import load, splits_of

    trained: Any = load(run.path)
    learned = any(pair.source == SOURCE for pair in splits_of(Run.open(run.path)).train)
    (forced,) = trained.align([Pair(SOURCE, TARGET)])
    (own,) = trained.predict([SOURCE])
    return {
        "learned": learned,
        "forced": in_words(forced, SOURCE, TARGET),
        "own": {"line": own.line, **in_words(own.alignment, SOURCE, own.line)},
    }


def in_words(found: Alignment, source: str, target: str) -> dict[str, Any]:
    """A model's weights between the words of its two texts, whatever it reads and writes."""
    read, written = (tuple(map(shown, split(text))) for text in (source, target))
    pair = AlignedPair(source, target, read, written, frozenset(), frozenset())
    weights = by_words(found.weights, found.source, found.target, pair)
    beyond = weights.shape[1] - len(read)
    return {
        "source": [*read, *["␣"] * beyond],
        "target": list(written),
        "weights": weights.round(6).tolist(),
    }


def claims(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "what": "pairs aligned by hand",
            "measured": float(result["pairs"]),
            "limit": 50.0,
            "unit": "pairs",
            "at_least": True,
        }
    ]


def page(result: dict[str, Any]) -> str:
    models = list(result["looks"])
    words = [
        [
            target,
            source,
            f"{100 * published:.0f}",
            *(_weight(result["looks"][name]["forced"], target, source) for name in models),
        ]
        for target, (source, published) in PUBLISHED.items()
    ]
    own = [
        [name, f"`{found['line']}`", _strongest(found)]
        for name, found in ((name, result["looks"][name]["own"]) for name in models)
    ]
    rows = [
        [name, *_shares(scores), f"{100 * scores['right_new']:.1f} ({scores['new']})"]
        for name, scores in result["errors"].items()
    ]
    rows += [[name, *_shares(scores), ""] for name, scores in result["guesses"].items()]
    some = next(iter(result["errors"].values()))
    titles = ("", "right, %", "right, sure links, %", "AER", "punctuation, %", "new sentences, %")
    commands = "\n".join(f"    {result['runs'][name]['command']}" for name in result["seeds"])
    return (
        f'How strongly each word of "{result["target"]}" looks at its English word while '
        f'"{result["source"]}" is translated, in percent. The published numbers are of one model '
        "and of what it said; these are of the reference, by forced decoding, for "
        f"{len(result['seeds'])} models that trained for {result['minutes']:g} minutes from "
        "different first weights, and for the one that is compared with the fixed vector above"
        f"{_learned(result)}. Where another word has more weight, it stands in brackets. Weights "
        "of a word's pieces are added over the source and averaged over the target.\n\n"
        f"{table(('word', 'looks at', 'published', *models), words)}\n\n"
        "What each model says by itself, and the largest weight of each word, in percent:\n\n"
        f"{table(('', 'says', 'looks at'), own)}\n\n"
        "![Weights of the reference and of each model's own translation]"
        "(results/alignment.svg)\n\n"
        f"On [{result['pairs']} pairs aligned by hand](data/aligned.md): of the {some['words']} "
        "French words with a link, the share whose strongest weight falls on a linked English "
        "word; that of the words with a sure link, sure links alone counted; the "
        "alignment error rate of Och and Ney (2003); the same share of the "
        f"{some['punctuation']} marks of punctuation, which count in nothing else; and of the "
        "sentences alone whose English is not in the training part (how many in brackets). Over "
        f"the seeds {percent(result['right'])} percent are right, "
        f"{percent(result['over the guess'], signed=True)} points above looking at the same share "
        f"of the way.\n\n{table(titles, rows)}\n\n{commands}"
    )


def drawings(result: dict[str, Any]) -> dict[str, str]:
    """Two rows of heatmaps: the reference above, what the model says below."""
    from pictures import beside

    forced, own = [], []
    for name, found in result["looks"].items():
        forced.append(_heatmap(found["forced"], f"{name}: reference"))
        own.append(_heatmap(found["own"], f"{name}: its own"))
    return {"alignment": beside(*forced, *own, columns=len(forced))}


def _learned(result: Mapping[str, Any]) -> str:
    where = sorted({found["learned"] for found in result["looks"].values()})
    return "; all have learned from that sentence" if where == [True] else ""


def _heatmap(found: Mapping[str, Any], title: str) -> str:
    return svg.heatmap(Alignment(found["source"], found["target"], found["weights"], title=title))


def _weight(found: Mapping[str, Any], target: str, source: str) -> str:
    """The weight in percent, or of which word it is where another word has the largest."""
    if target not in found["target"] or source not in found["source"]:
        return "–"
    row = found["weights"][found["target"].index(target)]
    weight = row[found["source"].index(source)]
    most = max(range(len(row)), key=row.__getitem__)
    elsewhere = f" ({found['source'][most]} {100 * row[most]:.0f})"
    return f"{100 * weight:.0f}" + ("" if found["source"][most] == source else elsewhere)


def _strongest(found: Mapping[str, Any]) -> str:
    """Where each written word looks most, and with what weight in percent."""
    looks = []
    for target, row in zip(found["target"], found["weights"], strict=True):
        most = max(range(len(row)), key=row.__getitem__)
        looks.append(f"`{target}` at `{found['source'][most]}` {100 * row[most]:.0f}")
    return ", ".join(looks)


def _shares(scores: Mapping[str, float]) -> list[str]:
    return [
        f"{100 * scores['right']:.1f}",
        f"{100 * scores['right_sure']:.1f}",
        f"{scores['error']:.3f}",
        f"{100 * scores['right_punctuation']:.1f}",
    ]
