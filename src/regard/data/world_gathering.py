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
    """A story, the question, and where the two stand of whom the question says what is not so."""

    passage: str
    question: str
    answers: tuple[Span, Span]


def gathering(draws: Draws, *, held_out: bool) -> Gathering:
    """Ten people go to places, and several may go to one. The question tells it again in another
    order, and two have each other's places: so it has the same names and the same places as the
    story, and what tells the two from the others is which stands with which. Each of the two is a
    right answer, and the first of the story is the first of them.

    Args:
        held_out: as in ``world_names.people``.
    """
    cast = [one.name for one in people(draws, PEOPLE, held_out=held_out)]
    places = [draws.one(words.PLACES) for _ in cast]
    while len(set(places)) == 1:
        places = [draws.one(words.PLACES) for _ in cast]
    verbs = [draws.one(words.GO).past for _ in cast]
    one = draws.below(PEOPLE)
    other = draws.one([n for n in range(PEOPLE) if places[n] != places[one]])
    told = list(places)
    told[one], told[other] = places[other], places[one]
    passage, spans = "", []
    for name, verb, place in zip(cast, verbs, places, strict=True):
        spans.append(Span(len(passage), len(passage) + len(name)))
        passage += f"{name} {verb} to the {place}. "
    order = draws.some(range(PEOPLE), PEOPLE)
    clauses = [f"{cast[n]} {verbs[n]} to the {told[n]}" for n in order]
    question = f"{', '.join(clauses[:-1])} and {clauses[-1]}: who went elsewhere?"
    first, second = sorted((one, other))
    return Gathering(passage.rstrip(), question, (spans[first], spans[second]))
