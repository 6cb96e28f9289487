"""A story of ``world`` in words: its sentences, and where in them each noun and name stands."""

from collections.abc import Sequence
from typing import NamedTuple

from regard.data import world_words as words
from regard.data.questions import Reference, Span
from regard.data.world_draws import Draws
from regard.data.world_plot import Event, Give, Move, Reason, Take


class Sentence(NamedTuple):
    """An event, and where the words for its parts stand. Where a pronoun stands for a person, the
    place is that of the name before."""

    event: Event
    places: dict[str, Span]


class Told(NamedTuple):
    """A story in words."""

    passage: str
    sentences: tuple[Sentence, ...]
    references: tuple[Reference, ...]


def told(draws: Draws, events: Sequence[Event]) -> Told:
    """The events in words, each a sentence, of which each verb is drawn among several that mean
    the same. If one person does two things running, the second has a pronoun half the time."""
    writer = _Writer()
    sentences: list[Sentence] = []
    for event in events:
        before = sentences[-1] if sentences else None
        writer.places = {}
        if isinstance(event, Move | Take):
            _actor(writer, event, before if draws.below(2) else None)
        _rest(writer, draws, event)
        sentences.append(Sentence(event, writer.places))
    return Told("".join(writer.parts)[1:], tuple(sentences), tuple(writer.references))


class _Writer:
    """A text that grows. It begins with a space too many, so that all sentences do."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = -1
        self.places: dict[str, Span] = {}
        self.references: list[Reference] = []

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def mark(self, name: str, text: str) -> Span:
        start = self.length
        self.add(text)
        self.places[name] = Span(start, self.length)
        return self.places[name]


def _actor(writer: _Writer, event: Move | Take, before: Sentence | None) -> None:
    """The name of who does it, or a pronoun that stands for the subject of the sentence before."""
    same = (
        before is not None
        and isinstance(before.event, Move | Take)
        and before.event.who == event.who
    )
    if not same:
        writer.add(" ")
        writer.mark("who", event.who.name)
        return
    assert before is not None
    there = isinstance(event, Take) and isinstance(before.event, Move)
    writer.add(" There " if there else " Then ")
    pronoun = writer.mark("who", event.who.pronoun)
    writer.places["who"] = before.places["who"]
    writer.references.append(Reference(pronoun, before.places["who"]))


def _rest(writer: _Writer, draws: Draws, event: Event) -> None:
    match event:
        case Move(_, place):
            writer.add(f" {draws.one(words.GO).past} to the ")
            writer.mark("place", place)
        case Take(_, thing):
            writer.add(f" {draws.one(words.TAKE).past} the ")
            writer.mark("thing", thing)
        case Give(who, thing, to):
            writer.add(" ")
            writer.mark("who", who.name)
            writer.add(f" {draws.one(words.GIVE).past} the ")
            writer.mark("thing", thing)
            writer.add(" to ")
            writer.mark("to", to.name)
        case Reason(subject, doubt, other, adjective, of_subject):
            writer.add(" The ")
            nouns = [writer.mark("subject", subject)]
            writer.add(f" {draws.one(doubt.verbs)} the ")
            nouns.append(writer.mark("object", other))
            writer.add(" because ")
            referent = nouns[0 if of_subject else 1]
            writer.references.append(Reference(writer.mark("it", "it"), referent))
            writer.places["referent"] = referent
            writer.add(f" was too {adjective}")
    writer.add(".")
