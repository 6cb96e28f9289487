"""Stories of ``world`` in which many people eat, and the question who had something else than it
says."""

from typing import Final, NamedTuple

from regard.data import world_words as words
from regard.data.questions import Span
from regard.data.world_draws import Draws
from regard.data.world_names import people

PEOPLE: Final = 10
"""People of a story, with a sentence each."""

KIND: Final = "exchanged"


class Gathering(NamedTuple):
    """A story, the question, and where the two stand of whom the question says what is not so."""

    passage: str
    question: str
    answers: tuple[Span, Span]


def gathering(draws: Draws, *, held_out: bool) -> Gathering:
    """Ten people have something to eat, and several may have the same. The question tells it again
    in another order, and two have each other's food: so it has the words of the story, each as
    often, and what tells the two from the others is which name stands with which food. Each of the
    two is a right answer, and the first of the story is the one to learn from.

    Args:
        held_out: as in ``world_names.people``.
    """
    cast = [one.name for one in people(draws, PEOPLE, held_out=held_out)]
    verb = draws.one(words.HAVE)
    things = [draws.one(words.FOODS) for _ in cast]
    while len(set(things)) == 1:
        things = [draws.one(words.FOODS) for _ in cast]
    one = draws.below(PEOPLE)
    other = draws.one([n for n in range(PEOPLE) if things[n] != things[one]])
    told = list(things)
    told[one], told[other] = things[other], things[one]
    passage, spans = "", []
    for name, thing in zip(cast, things, strict=True):
        spans.append(Span(len(passage), len(passage) + len(name)))
        passage += f"{name} {verb} {thing}. "
    clauses = [f"{cast[n]} {verb} {told[n]}" for n in draws.some(range(PEOPLE), PEOPLE)]
    question = f"{', '.join(clauses[:-1])} and {clauses[-1]}: who {verb} something else?"
    first, second = sorted((one, other))
    return Gathering(passage.rstrip(), question, (spans[first], spans[second]))
