"""How good are translations?  A trained translator on pairs that it has not learned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING

import torch

from regard.data.batching import Batch
from regard.data.dates import misspell, year_span
from regard.data.pairs import Pair
from regard.data.sources import LONGEST
from regard.data.vocabulary import END
from regard.errors import DataError
from regard.runs import bleu
from regard.runs.bleu import Question, questions
from regard.runs.decode import Search, greedy
from regard.runs.stream import batches
from regard.runs.system import Scores

if TYPE_CHECKING:
    from regard.runs.translate import TrainedTranslator, Translation
    from regard.systems.translator import Translator

AT_ONCE = 8192
"""Tokens of a batch whose loss is computed, padding counted, on its longer side."""


def evaluate(
    trained: TrainedTranslator, pairs: Sequence[Pair], search: Search, source: str
) -> Scores:
    """Scores on pairs; for built-in data, the answers to its own questions besides.

    Where a source stands in several pairs, each of their targets is right: it is translated once,
    and compared with all of them.

    Returns:
        ``pairs``, ``sources``, ``loss`` (nats a token), ``exact_match`` (share of sources whose
        translation is a target to the last character), for texts of words ``bleu`` and ``chrf``
        (0 … 100), and the keys of ``QUESTIONS[source]``.
    """
    for number, pair in enumerate(pairs, 1):
        if (size := max(map(len, pair))) > LONGEST:
            raise DataError(f"pair {number:,} has a text of {size:,} characters, over {LONGEST:,}")
    asked = questions(pairs)
    found = trained.answers([question.source for question in asked], search)
    scores = {
        "pairs": float(len(pairs)),
        "sources": float(len(asked)),
        "loss": _loss(trained, pairs),
        "exact_match": _exact(found, asked),
    }
    if trained.encoding.target.units != "characters":
        targets = [translation.target for translation in found]
        scores |= bleu.scored(targets, [question.references for question in asked])
    for ask in QUESTIONS.get(source, ()):
        scores |= ask(trained, pairs, found, search)
    return scores


def token_match(model: Translator, batch: Batch) -> float:
    """Share of a batch's rows that greedy search gives back to the last token."""
    longest = batch.target.shape[1] - 1
    found = greedy(model, batch.source, batch.source_lengths, longest, copies=batch.copies).tokens
    # Words that are unknown can be right by being copied.
    copied = None if batch.copies is None else batch.copies.target
    truth = (batch.target if copied is None else copied)[:, 1:]
    same = found == truth[:, : found.shape[1]]
    return float((same.all(1) & (found == END).any(1)).float().mean())


def year_alignment(
    trained: TrainedTranslator,
    pairs: Sequence[Pair],
    translations: Sequence[Translation],
    search: Search,
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
    trained: TrainedTranslator,
    pairs: Sequence[Pair],
    translations: Sequence[Translation],
    search: Search,
) -> Scores:
    """Exact match when one letter of each source has a typing error."""
    random = Random("typing errors")
    wrong = [Question(misspell(pair.source, random), (pair.target,)) for pair in pairs]
    found = trained.answers([question.source for question in wrong], search)
    return {"exact_match_misspelled": _exact(found, wrong)}


QUESTIONS: dict[str, tuple[Callable[..., Scores], ...]] = {
    "dates": (with_typing_errors, year_alignment),
}
"""What is asked of each built-in set beyond the common scores."""

MEANING: dict[str, tuple[str, str]] = {
    "pairs": ("pairs evaluated", ",.0f"),
    "sources": ("different sources", ",.0f"),
    "loss": ("loss (nats a token)", ".4f"),
    "exact_match": ("exact match", ".1%"),
    "bleu": ("BLEU (0 to 100)", ".1f"),
    "chrf": ("chrF (0 to 100)", ".1f"),
    "exact_match_misspelled": ("exact match, one letter of each mistyped", ".1%"),
    "year_alignment": ("year digits aligned to the year", ".1%"),
}
"""What each score is, and how it is written."""


def _loss(trained: TrainedTranslator, pairs: Sequence[Pair]) -> float:
    trained.model.eval()
    total = count = 0.0
    lengths = [max(trained.encoding.length(pair)) for pair in pairs]
    with torch.inference_mode():
        for places in batches(lengths, AT_ONCE):
            batch = trained.encoding.batch([pairs[place] for place in places])
            loss = trained.model.loss(batch)
            total, count = total + float(loss.total), count + float(loss.count)
    return total / count


def _exact(found: Sequence[Translation], asked: Sequence[Question]) -> float:
    both = zip(found, asked, strict=True)
    return sum(one.target in question.references for one, question in both) / len(asked)
