"""How well are words foretold, and who foretells them: the vocabulary or the pointer?"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from regard.data.running_text import Passage
from regard.data.running_words import RunningWords
from regard.data.streams import Streams
from regard.data.vocabulary import UNKNOWN
from regard.runs.system import Scores
from regard.systems.language_model import LanguageModel

STREAMS = 10
"""Streams in which a text is read for its scores, side by side."""

LEAST = 1_000
"""Words of a stream at least: where there are fewer, a text is read in fewer streams."""

BANDS = ("unknown", "below_10", "below_100", "below_1000", "others")
"""By how often the true word was learned from: unknown words apart."""

BOUNDS = (10, 100, 1_000)


class Foretelling(Protocol):
    """What is judged: a language model and its words."""

    @property
    def model(self) -> LanguageModel: ...
    @property
    def encoding(self) -> RunningWords: ...


class ByWord(NamedTuple):
    """What was said of each word of a text, before it was read.

    Attributes:
        words: their numbers.
        nats: −log p of each.
        likeliest: whether no word was likelier.
        gate: g, the vocabulary's part of the mixture; 1 without a pointer.
        share: of p, what the pointer gave; 0 without one.
        bands: places in ``BANDS``.
    """

    words: Int[np.ndarray, " N"]
    nats: Float[np.ndarray, " N"]
    likeliest: Bool[np.ndarray, " N"]
    gate: Float[np.ndarray, " N"]
    share: Float[np.ndarray, " N"]
    bands: Int[np.ndarray, " N"]


def streams_of(numbers: Int[np.ndarray, " N"]) -> int:
    """In how many streams a text is read for its scores."""
    return max(1, min(STREAMS, len(numbers) // LEAST))


def nats_by_word(trained: Foretelling, part: Sequence[Passage]) -> ByWord:
    """Every word of passages, foretold from the words before it.

    The passages are read as one text: it is cut into 10 streams of equal length (fewer, where each
    would have less than 1,000 words), and the state is carried on from word to word of a stream, so
    only their first words are foretold from little. The words come in the order of the text.

    Cost: a pass of the model.
    """
    model, encoding = trained.model.eval(), trained.encoding
    numbers = encoding.text(part)
    stretches = Streams(numbers, streams_of(numbers), encoding.stretch)
    rows = len(stretches.truth)
    found = np.zeros((4, rows, stretches.length), np.float64)
    with torch.inference_mode():
        for number in range(len(stretches)):
            stretch = stretches[number]
            told = torch.stack([x.double() for x in model.told(stretch)]).numpy()
            width = stretch.words.shape[1]
            part_of = np.zeros((4, rows * width))
            part_of[:, stretch.places.numpy()] = told
            first = number * stretches.stretch
            found[:, :, first : first + width] = part_of.reshape(4, rows, width)
    nats, likeliest, gate, share = found.reshape(4, -1)[:, : len(numbers)]
    counts = np.array(encoding.counts)[numbers]
    bands = np.where(numbers == UNKNOWN, 0, 1 + np.searchsorted(BOUNDS, counts, side="right"))
    return ByWord(numbers, nats, likeliest.astype(bool), gate, share, bands)


def evaluate(trained: Foretelling, part: Sequence[Passage]) -> Scores:
    """Scores on running text.

    Returns:
        ``words`` (ends of lines too), ``perplexity`` and ``loss`` (nats a word), ``accuracy``
        (share of words that were likeliest), ``unknown`` (share of words not in the vocabulary);
        of each band of ``BANDS`` that has words, ``perplexity_BAND``; with a pointer ``gate`` and
        ``share``, the means of g and of what the pointer gave of p, and of each band too.
    """
    told = nats_by_word(trained, part)
    scores: Scores = {
        "words": float(len(told.words)),
        "perplexity": float(np.exp(told.nats.mean())),
        "loss": float(told.nats.mean()),
        "accuracy": float(told.likeliest.mean()),
        "unknown": float((told.words == UNKNOWN).mean()),
    }
    pointer = trained.model.pointer is not None
    if pointer:
        scores |= {"gate": float(told.gate.mean()), "share": float(told.share.mean())}
    for number, band in enumerate(BANDS):
        own = told.bands == number
        if own.any():
            scores[f"perplexity_{band}"] = float(np.exp(told.nats[own].mean()))
            if pointer:
                scores[f"gate_{band}"] = float(told.gate[own].mean())
                scores[f"share_{band}"] = float(told.share[own].mean())
    return scores


NAMES = {
    "unknown": "unknown words",
    "below_10": "words learned from 1 to 9 times",
    "below_100": "10 to 99 times",
    "below_1000": "100 to 999 times",
    "others": "1,000 times or more",
}
"""What a band is."""

MEANING: dict[str, tuple[str, str]] = {
    "words": ("words and ends of lines", ",.0f"),
    "perplexity": ("perplexity", ".2f"),
    "loss": ("loss (nats a word)", ".4f"),
    "accuracy": ("likeliest word is the true one", ".1%"),
    "unknown": ("words that are unknown", ".1%"),
    "gate": ("vocabulary's part of the mixture (g)", ".1%"),
    "share": ("of true words' probability, the pointer's", ".1%"),
    **{f"perplexity_{band}": (f"perplexity of {name}", ".1f") for band, name in NAMES.items()},
    **{f"gate_{band}": (f"g of {name}", ".1%") for band, name in NAMES.items()},
    **{f"share_{band}": (f"pointer's, of {name}", ".1%") for band, name in NAMES.items()},
}
"""What each score is, and how it is written."""
