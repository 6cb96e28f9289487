"""Stories of ``world`` in which many people go to places, and the question who went elsewhere than
it says."""

from typing import Final, NamedTuple

from regard.data import world_words as words
from regard.data.questions import Span
from regard.data.world_draws import Draws
from regard.data.world_names import people

PEOPLE: Final = 10
"""People of a story, with a sentence each."""

KIND: Final = "elsewhere"


class Gathering(NamedTuple):
    """A story, the question, and where the one stands of whom the question says what is not so."""

    passage: str
    question: str
    answer: Span


def gathering(draws: Draws, *, held_out: bool) -> Gathering:
    """Ten people go to places, and several may go to one. The question tells it again, in another
    order and with one place exchanged for another of the story, and asks whose it is: so all of its
    names matter, and each with its place.

    Args:
        held_out: as in ``world_names.people``.
    """
    cast = [one.name for one in people(draws, PEOPLE, held_out=held_out)]
    places = [draws.one(words.PLACES) for _ in cast]
    while len(set(places)) == 1:
        places = [draws.one(words.PLACES) for _ in cast]
    passage, starts = "", []
    for name, place in zip(cast, places, strict=True):
        starts.append(len(passage))
        passage += f"{name} {draws.one(words.GO).past} to the {place}. "
    wrong = draws.below(PEOPLE)
    told = list(places)
    told[wrong] = draws.one([place for place in places if place != places[wrong]])
    clauses = [f"{cast[n]} to the {told[n]}" for n in draws.some(range(PEOPLE), PEOPLE)]
    question = f"{', '.join(clauses[:-1])} and {clauses[-1]}: who went elsewhere?"
    answer = Span(starts[wrong], starts[wrong] + len(cast[wrong]))
    return Gathering(passage.rstrip(), question, answer)
