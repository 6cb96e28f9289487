"""Stories of ``world`` in which many people come together, and the question who was not named."""

from typing import Final, NamedTuple

from regard.data import world_words as words
from regard.data.questions import Span
from regard.data.world_draws import Draws
from regard.data.world_names import people

PAIRS: Final = 7
"""Sentences of a story, each of which names two people."""

KIND: Final = "absent"


class Gathering(NamedTuple):
    """A story, the question, and where the one who is not named in it stands."""

    passage: str
    question: str
    answer: Span


def gathering(draws: Draws, *, held_out: bool) -> Gathering:
    """Fourteen people go to places, two by two; the question names thirteen of them in another
    order, and asks for the one that it leaves out. So all of its names matter.

    Args:
        held_out: as in ``world_names.people``.
    """
    cast = [one.name for one in people(draws, 2 * PAIRS, held_out=held_out)]
    places = draws.some(words.PLACES, PAIRS)
    sentences = []
    for pair, place in zip(zip(cast[::2], cast[1::2], strict=True), places, strict=True):
        verb = draws.one(words.GO).past
        forms = ("{0} and {1} {2} to the {3}.", "{0} {2} to the {3} with {1}.")
        sentences.append(draws.one(forms).format(*pair, verb, place))
    passage = " ".join(sentences)
    *back, absent = draws.some(cast, len(cast))
    start = f" {passage}".replace(".", " ").index(f" {absent} ")
    question = f"{', '.join(back[:-1])} and {back[-1]} came back. Who did not?"
    return Gathering(passage, question, Span(start, start + len(absent)))
