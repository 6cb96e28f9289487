"""The parts of docs/results.md, in the order of the page; a new system is one more line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from published import (
    captioning,
    classification,
    drawing,
    looking,
    modelling,
    reading,
    translation,
)
from published.training import Bench

Result = dict[str, Any]


def _none(result: Result) -> Any:
    return ()


@dataclass(frozen=True)
class Part:
    """One part: how it is measured, and how the page tells it.

    Attributes:
        title: of its section.
        measure: trains what it needs, and gives the content of its JSON.
        page: its section, in Markdown, from that content and nothing else.
        claims: what the content should show: fields of ``report.Claim``.
        drawings: SVG by name, for ``docs/results/NAME.svg``.
    """

    title: str
    measure: Callable[[Bench], Result]
    page: Callable[[Result], str]
    claims: Callable[[Result], list[dict[str, Any]]] = _none
    drawings: Callable[[Result], dict[str, str]] = _none


PARTS: dict[str, Part] = {
    "sentiment": Part(
        "Sentiment: what pooling is worth",
        classification.sentiment,
        classification.sentiment_page,
        classification.sentiment_claims,
    ),
    "tutorial": Part(
        "Sentiment: a tutorial's comparison, and a fair one",
        classification.tutorial,
        classification.tutorial_page,
    ),
    "eng-fra": Part(
        "English to French: attention and the fixed vector",
        translation.eng_fra,
        translation.eng_fra_page,
        translation.claims,
        translation.eng_fra_drawings,
    ),
    "variants": Part(
        "English to French: other forms of attention",
        translation.variants,
        translation.variants_page,
    ),
    "alignment": Part(
        "Where the translators look",
        looking.alignment,
        looking.page,
        looking.claims,
        looking.drawings,
    ),
    "captions": Part(
        "Captions of scenes",
        captioning.captions,
        captioning.page,
        captioning.claims,
        captioning.drawings,
    ),
    "draw": Part(
        "Digits on a canvas, drawn with windows and without",
        drawing.draw,
        drawing.page,
        drawing.claims,
        drawing.drawings,
    ),
    "draw-mnist": Part(
        "MNIST, drawn with windows and without",
        drawing.mnist,
        drawing.mnist_page,
        drawings=drawing.mnist_drawings,
    ),
    "prose": Part(
        "Python's help, with a pointer and without",
        modelling.prose,
        modelling.prose_page,
        modelling.prose_claims,
        modelling.prose_drawings,
    ),
    "wikitext2": Part(
        "Articles of Wikipedia, with a pointer and without",
        modelling.wikitext2,
        modelling.wikitext2_page,
        modelling.wikitext2_claims,
        modelling.wikitext2_drawings,
    ),
    "reading": Part(
        "Questions about stories",
        reading.world,
        reading.page,
        reading.claims,
        reading.drawings,
    ),
    "squad": Part(
        "Questions about articles",
        reading.squad,
        reading.squad_page,
        reading.squad_claims,
    ),
}
