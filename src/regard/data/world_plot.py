"""What happens in a story of ``world``: who goes where, takes what, and gives it to whom."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from regard.data import world_words as words
from regard.data.world_draws import Draws
from regard.data.world_names import Person, people

PEOPLE: Final = 6
"""People of a story."""

MOVES: Final = ((2, 1), (2, 2), (3, 1))
"""How often one goes to a place, and how often another does."""


class Move(NamedTuple):
    who: Person
    place: str


class Take(NamedTuple):
    who: Person
    thing: str


class Give(NamedTuple):
    who: Person
    thing: str
    to: Person


class Reason(NamedTuple):
    """Why something was not done to something else: one of the two was too … for it."""

    subject: str
    doubt: words.Doubt
    object: str
    adjective: str
    of_subject: bool


Event = Move | Take | Give | Reason


class Roles(NamedTuple):
    """Who does what, so that each of the six does something."""

    chain: tuple[Person, Person, Person]
    """The first gives a thing to the second, who gives it to the third."""
    movers: tuple[Person, Person]
    takers: tuple[Person, Person]
    """The first is one of the movers."""
    gift: tuple[Person, Person]
    """Who gives another thing to whom: one of them, or both, gave or was given the first thing."""


def plot(draws: Draws, *, held_out: bool) -> list[Event]:
    """The events of a story, in the order of time.

    Four moves of two people, two takes, three gives, and two reasons; or a move less, and a reason
    more. No person goes to a place twice, no thing is taken twice, no two gives have both people in
    the same roles, and no two reasons have one adjective; nouns of a reason are in no other event.

    Args:
        held_out: as in ``world_names.people``.
    """
    roles = _roles(draws, people(draws, PEOPLE, held_out=held_out))
    things = draws.some(words.THINGS, 6)
    places = draws.some(words.PLACES, 6)
    gives = _gives(roles, things)
    takes = [
        Take(who, _taken(draws, who, gives, things[place]))
        for who, place in zip(roles.takers, (2, 3), strict=True)
    ]
    counts = draws.one(MOVES)
    threads = _moves(draws, roles, counts, places)
    _insert(draws, threads[roles.movers.index(roles.takers[0])], takes[0])
    threads += [[[takes[1]]], [[gives[0]], [gives[1]]], [[gives[2]]]]
    reasons = _reasons(draws, 6 - sum(counts), things[4:], places[4:])
    threads += [[[one]] for one in reasons]
    while True:
        events = _merged(draws, threads)
        if _is_in_time(events):
            return events


def _roles(draws: Draws, cast: Sequence[Person]) -> Roles:
    first, second, third, *rest = cast
    movers, spare, gift = (rest[0], rest[1]), rest[2], draws.below(3)
    if gift == 0:
        pair, taker = (second, first), spare
    else:
        if draws.below(2):
            known, taker, other = draws.one(cast[:3]), rest[1], spare
            movers = draws.one(((rest[0], known), (known, rest[0])))
        elif draws.below(2):
            taker, other = draws.one((first, second, third, spare)), spare
        else:
            taker, other = spare, draws.one((third, *movers, spare))
        pair = (first, other) if gift == 1 else (other, second)
    able = [one for one in movers if one != taker]
    return Roles((first, second, third), movers, (draws.one(able), taker), pair)


def _gives(roles: Roles, things: Sequence[str]) -> tuple[Give, Give, Give]:
    first, second, third = roles.chain
    one, other = roles.gift
    return (
        Give(first, things[0], second),
        Give(second, things[0], third),
        Give(one, things[1], other),
    )


def _taken(draws: Draws, who: Person, gives: Sequence[Give], new: str) -> str:
    """What one takes: half the time what one gives away later."""
    for give in (gives[0], gives[2]):
        if give.who == who and draws.below(2):
            return give.thing
    return new


def _moves(
    draws: Draws, roles: Roles, counts: tuple[int, int], places: Sequence[str]
) -> list[list[list[Event]]]:
    """The moves of each mover; the second may go where the first does."""
    first, second = list(places[: counts[0]]), list(places[counts[0] : sum(counts)])
    if draws.below(8) == 0:
        second[0] = draws.one(first)
    return [
        [[Move(who, place)] for place in visited]
        for who, visited in zip(roles.movers, (first, second), strict=True)
    ]


def _insert(draws: Draws, moves: list[list[Event]], take: Take) -> None:
    """A take behind a move of the same person: half the time right behind it."""
    place = draws.below(len(moves))
    if draws.below(2):
        moves[place].append(take)
    else:
        moves.insert(place + 1, [take])


def _reasons(
    draws: Draws, count: int, things: Sequence[str], places: Sequence[str]
) -> list[Reason]:
    """Reasons of different nouns and adjectives: one of what does not fit, the others of an
    animal."""
    doubts = [words.FIT, *(draws.one((words.ENTER, words.CROSS)) for _ in range(count - 1))]
    nouns: dict[tuple[str, ...], list[str]]
    nouns = {words.THINGS: list(things), words.PLACES: list(places)}
    for some in (words.ANIMALS, words.CONTAINERS, words.CROSSED):
        nouns[some] = draws.some(some, count)
    reasons: list[Reason] = []
    for doubt in doubts:
        of_subject = draws.below(2) == 0
        used = {reason.adjective for reason in reasons}
        adjectives = doubt.of_subjects if of_subject else doubt.of_objects
        adjective = draws.one([one for one in adjectives if one not in used])
        subject, other = nouns[doubt.subjects].pop(), nouns[doubt.objects].pop()
        reasons.append(Reason(subject, doubt, other, adjective, of_subject))
    return reasons


def _merged(draws: Draws, threads: Sequence[Sequence[Sequence[Event]]]) -> list[Event]:
    """All events, those of each thread in their order, whatever stands between."""
    order = [number for number, thread in enumerate(threads) for _ in thread]
    left = [iter(thread) for thread in threads]
    return [event for number in draws.some(order, len(order)) for event in next(left[number])]


def _is_in_time(events: Sequence[Event]) -> bool:
    """Whether what is given was not taken by anyone afterwards."""
    given: set[str] = set()
    for event in events:
        if isinstance(event, Give):
            given.add(event.thing)
        elif isinstance(event, Take) and event.thing in given:
            return False
    return True
