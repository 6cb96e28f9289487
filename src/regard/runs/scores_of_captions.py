"""How good are captions, and do their words look at what they name?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch

from regard.data.captioned import Captioned
from regard.data.captioned_batch import CaptionBatch
from regard.data.picture import Box, Picture
from regard.data.vocabulary import END
from regard.runs import bleu
from regard.runs.decode import Search, greedy
from regard.runs.system import Scores

if TYPE_CHECKING:
    from regard.runs.caption import Caption, TrainedCaptioner
    from regard.systems.captioner import Captioner

AT_ONCE = 100
"""Captioned images whose loss is computed together."""


class Asked(NamedTuple):
    """An image, and every caption that is right: at least one."""

    image: Picture
    references: tuple[str, ...]


def questions(examples: Sequence[Captioned], *, lower_case: bool = False) -> list[Asked]:
    """One for each different image, in the order of the first; its captions, each once, in lower
    case if the model's words are: it could not write them otherwise."""
    known: defaultdict[Picture, dict[str, None]] = defaultdict(dict)
    for example in examples:
        caption = example.caption.lower() if lower_case else example.caption
        known[example.image][caption] = None
    return [Asked(image, tuple(captions)) for image, captions in known.items()]


def evaluate(trained: TrainedCaptioner, examples: Sequence[Captioned], search: Search) -> Scores:
    """Scores on captioned images. An image with several captions is captioned once, and compared
    with all of them; in lower case, if the model's words are.

    Returns:
        ``captions``, ``images``, ``loss`` (nats a word), ``exact_match`` (share of images whose
        caption is a reference to the last character), ``bleu`` and ``chrf`` (0 … 100); and where
        the regions of words are known, ``pointing`` and ``pointing_chance``.
    """
    asked = questions(examples, lower_case=trained.encoding.words.lower_case)
    found = trained.answers([question.image for question in asked], search)
    scores: Scores = {
        "captions": float(len(examples)),
        "images": float(len(asked)),
        "loss": _loss(trained, examples),
        "exact_match": _exact(found, asked),
        **bleu.scored([one.caption for one in found], [one.references for one in asked]),
    }
    return scores | pointing(trained, examples)


def caption_match(model: Captioner, batch: CaptionBatch) -> float:
    """Share of a batch's rows whose caption greedy search gives back to the last token: that of the
    row, where an image has several, and unknown words for unknown words."""
    truth, lengths = batch.target[:, 1:], torch.full((len(batch.images),), model.grid.places)
    lengths = lengths.to(truth.device)
    found = greedy(model, batch.images, lengths, truth.shape[1]).tokens
    same = found == truth[:, : found.shape[1]]
    return float((same.all(1) & (found == END).any(1)).float().mean())


def pointing(trained: TrainedCaptioner, examples: Sequence[Captioned]) -> Scores:
    """The pointing game: while a true caption is written, how often does the largest weight of a
    word fall into the region of what it names?

    A place of the grid is where its middle is. Of neighbouring words with the same region ("small
    three") the last is asked, which names it. ``pointing_chance`` is the share that looking at any
    place alike would have: the mean share of the places that lie in the region. Nothing, where no
    region is known or the model looks everywhere alike.

    Source:  Zhang et al. 2016 (arXiv:1608.00507), §4.2, for the game
    Departs: no margin around the region
    """
    known = [example for example in examples if any(example.boxes)]
    if not known or trained.model.config.attention == "mean":
        return {}
    hits, chances = 0, []
    grid = trained.model.grid
    for first in range(0, len(known), AT_ONCE):
        some = known[first : first + AT_ONCE]
        for example, weights in zip(some, trained.align(some), strict=True):
            high, wide = example.image.pixels.shape[:2]
            middles = [
                ((row + 0.5) * high / grid.rows, (column + 0.5) * wide / grid.columns)
                for row in range(grid.rows)
                for column in range(grid.columns)
            ]
            for word, box in _named(example):
                inside = [box.holds(*middle) for middle in middles]
                hits += inside[int(weights[word].argmax())]
                chances.append(sum(inside) / len(inside))
    return {"pointing": hits / len(chances), "pointing_chance": sum(chances) / len(chances)}


def _named(example: Captioned) -> Iterator[tuple[int, Box]]:
    """The words that name a region, by number, and the region."""
    for word, (box, after) in enumerate(
        zip(example.boxes, (*example.boxes[1:], None), strict=True)
    ):
        if box is not None and box != after:
            yield word, box


def _loss(trained: TrainedCaptioner, examples: Sequence[Captioned]) -> float:
    trained.model.eval()
    total = count = 0.0
    with torch.inference_mode():
        for first in range(0, len(examples), AT_ONCE):
            some = [examples[i] for i in range(first, min(first + AT_ONCE, len(examples)))]
            loss = trained.model.loss(trained.encoding.batch(some))
            total, count = total + float(loss.total), count + float(loss.count)
    return total / count


def _exact(found: Sequence[Caption], asked: Sequence[Asked]) -> float:
    both = zip(found, asked, strict=True)
    return sum(one.caption in question.references for one, question in both) / len(asked)


MEANING: dict[str, tuple[str, str]] = {
    "captions": ("captions evaluated", ",.0f"),
    "images": ("different images", ",.0f"),
    "loss": ("loss (nats a word)", ".4f"),
    "exact_match": ("exact match", ".1%"),
    "bleu": ("BLEU (0 to 100)", ".1f"),
    "chrf": ("chrF (0 to 100)", ".1f"),
    "pointing": ("largest weight of a naming word in its region", ".1%"),
    "pointing_chance": ("the same by chance", ".1%"),
}
"""What each score is, and how it is written."""
