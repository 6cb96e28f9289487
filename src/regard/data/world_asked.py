"""What is asked about a story of ``world``: one question that has one right answer."""

from collections.abc import Callable
from typing import Final, NamedTuple

from regard.data import world_words as words
from regard.data.questions import Span
from regard.data.world_draws import Draws
from regard.data.world_plot import Give, Move, Reason, Take
from regard.data.world_told import Sentence, Told


class Wanted(NamedTuple):
    """A question, and where its answer stands."""

    question: str
    answer: Span


def ask(draws: Draws, story: Told) -> tuple[str, Wanted]:
    """A kind of question, each with the same chance, and a question of this kind."""
    kind = draws.one(tuple(KINDS))
    return kind, KINDS[kind](draws, story)


def role(draws: Draws, story: Told) -> Wanted:
    """Who gave what to whom: two of the three are named, and the third is asked for."""
    gives = [(e, places) for e, places in story.sentences if isinstance(e, Give)]
    event, places = draws.one(gives)
    who, thing, to = event.who.name, event.thing, event.to.name
    verb = draws.one(words.GIVE)
    match draws.below(3):
        case 0:
            return Wanted(f"Who {verb.past} the {thing} to {to}?", places["who"])
        case 1:
            return Wanted(f"Who did {who} {verb.base} the {thing} to?", places["to"])
        case _:
            return Wanted(f"What did {who} {verb.base} to {to}?", places["thing"])


def taken(draws: Draws, story: Told) -> Wanted:
    """Who took what."""
    takes = [(e, places) for e, places in story.sentences if isinstance(e, Take)]
    event, places = draws.one(takes)
    verb = draws.one(words.TAKE)
    if draws.below(2):
        return Wanted(f"Who {verb.past} the {event.thing}?", places["who"])
    return Wanted(f"What did {event.who.name} {verb.base}?", places["thing"])


def order(draws: Draws, story: Told) -> Wanted:
    """In which order one person went to places."""
    visits: dict[str, list[Sentence]] = {}
    for one in story.sentences:
        if isinstance(one.event, Move):
            visits.setdefault(one.event.who.name, []).append(one)
    who = draws.one([who for who, some in visits.items() if len(some) > 1])
    some, verb = visits[who], draws.one(words.GO).base
    form = draws.one(("first", "last", "after", "before"))
    if form in ("first", "last"):
        told = some[0 if form == "first" else -1]
        return Wanted(f"Where did {who} {verb} {form}?", told.places["place"])
    place = draws.below(len(some) - 1)
    known, told = some[place : place + 2] if form == "after" else some[place : place + 2][::-1]
    assert isinstance(known.event, Move)
    question = f"Where did {who} {verb} {form} the {known.event.place}?"
    return Wanted(question, told.places["place"])


def place(draws: Draws, story: Told) -> Wanted:
    """Where a thing was taken: where its taker had gone last."""
    there: dict[str, Span] = {}
    found: list[tuple[str, Span]] = []
    for event, places in story.sentences:
        if isinstance(event, Move):
            there[event.who.name] = places["place"]
        elif isinstance(event, Take) and event.who.name in there:
            found.append((event.thing, there[event.who.name]))
    thing, answer = draws.one(found)
    return Wanted(f"Where was the {thing} {draws.one(words.TAKE).participle}?", answer)


def holder(draws: Draws, story: Told) -> Wanted:
    """Who has a thing in the end that was given once or more."""
    last: dict[str, Span] = {}
    for event, places in story.sentences:
        if isinstance(event, Give):
            last[event.thing] = places["to"]
    thing = draws.one(tuple(last))
    question = draws.one(("Who has the {} now?", "Who holds the {} now?"))
    return Wanted(question.format(thing), last[thing])


def it(draws: Draws, story: Told) -> Wanted:
    """For what "it" stands in one of the reasons."""
    reasons = [(e, places) for e, places in story.sentences if isinstance(e, Reason)]
    event, places = draws.one(reasons)
    question = draws.one(("What was too {}?", "Which one was too {}?"))
    return Wanted(question.format(event.adjective), places["referent"])


KINDS: Final[dict[str, Callable[[Draws, Told], Wanted]]] = {
    "role": role,
    "taken": taken,
    "order": order,
    "place": place,
    "holder": holder,
    "it": it,
}
"""The kinds of questions; every story can be asked each of them."""
