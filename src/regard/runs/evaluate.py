"""How good is it?  A trained translator on pairs that it has not learned from."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

import torch
from tqdm import tqdm

from regard.data.batching import Batch
from regard.data.dates import misspell, year_span
from regard.data.pairs import Pair
from regard.data.vocabulary import END
from regard.runs.decode import greedy
from regard.runs.translate import TrainedTranslator, Translation
from regard.systems.translator import Translator

Scores = dict[str, float]

AT_ONCE = 250
"""Pairs that are translated as one batch."""


def evaluate(trained: TrainedTranslator, pairs: Sequence[Pair], source: str) -> Scores:
    """Scores on pairs; for built-in data, the answers to its own questions besides.

    Returns:
        ``pairs``, ``loss`` (nats a token), ``exact_match`` (share of texts that came out right to
        the last character), and the keys of ``QUESTIONS[source]``.
    """
    total = tokens = 0.0
    trained.model.eval()
    with torch.inference_mode():
        for part in _parts(pairs, "loss"):
            batch = trained.encoding.batch(part)
            count = float(batch.target_lengths.sum() - len(part))
            total += float(trained.model.loss(batch)) * count
            tokens += count
    translations = _translate(trained, pairs, "translating")
    scores = {
        "pairs": float(len(pairs)),
        "loss": total / tokens,
        "exact_match": _exact(translations, pairs),
    }
    for ask in QUESTIONS.get(source, ()):
        scores |= ask(trained, pairs, translations)
    return scores


def token_match(model: Translator, batch: Batch) -> float:
    """Share of a batch's rows that greedy search gives back to the last token."""
    longest = batch.target.shape[1] - 1
    found = greedy(model, batch.source, batch.source_lengths, longest).tokens
    truth = batch.target[:, 1 : found.shape[1] + 1]
    ended = (found == END).any(1)
    return float(((found == truth).all(1) & ended).float().mean())


def year_alignment(
    trained: TrainedTranslator, pairs: Sequence[Pair], translations: Sequence[Translation]
) -> Scores:
    """Share of the year's digits, as written, whose largest weight falls on the source's year."""
    hits = digits = 0
    for translation in translations:
        span = year_span(translation.source)
        rows = range(min(4, len(translation.alignment.target)))
        if span is None or not rows:
            continue
        places = translation.alignment.weights[: len(rows)].argmax(-1)
        hits += sum(span[0] <= int(place) < span[1] for place in places)
        digits += len(rows)
    return {"year_alignment": hits / digits if digits else float("nan")}


def with_typing_errors(
    trained: TrainedTranslator, pairs: Sequence[Pair], translations: Sequence[Translation]
) -> Scores:
    """Exact match when one letter of each source has a typing error."""
    random = Random("typing errors")
    wrong = [Pair(misspell(pair.source, random), pair.target) for pair in pairs]
    return {
        "exact_match_misspelled": _exact(_translate(trained, wrong, "with typing errors"), wrong)
    }


QUESTIONS: dict[str, tuple[Callable[..., Scores], ...]] = {
    "dates": (with_typing_errors, year_alignment),
}
"""What is asked of each built-in set beyond the common scores."""

MEANING = {
    "pairs": "texts evaluated",
    "loss": "loss (nats a token)",
    "exact_match": "exact match",
    "exact_match_misspelled": "exact match, one letter of each mistyped",
    "year_alignment": "year digits aligned to the year",
}


def table(scores: Scores) -> list[tuple[str, str]]:
    """Scores as rows to print: what it is, and its value."""
    return [(MEANING.get(name, name), _text(name, value)) for name, value in scores.items()]


def _text(name: str, value: float) -> str:
    if name == "pairs":
        return f"{value:,.0f}"
    return f"{value:.4f}" if name == "loss" else f"{value:.1%}"


def _exact(translations: Sequence[Translation], pairs: Sequence[Pair]) -> float:
    right = sum(t.target == pair.target for t, pair in zip(translations, pairs, strict=True))
    return right / len(pairs)


def _translate(trained: TrainedTranslator, pairs: Sequence[Pair], doing: str) -> list[Translation]:
    found = []
    for part in _parts(pairs, doing):
        found += trained.translate([pair.source for pair in part])
    return found


def _parts(pairs: Sequence[Pair], doing: str) -> Iterator[Sequence[Pair]]:
    starts = range(0, len(pairs), AT_ONCE)
    for start in tqdm(starts, desc=doing, leave=False, disable=None):
        yield pairs[start : start + AT_ONCE]
