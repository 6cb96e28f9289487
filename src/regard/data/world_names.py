"""Names of the people of ``world``: frequent ones, and made ones, some of which are held out."""

import hashlib
from functools import cache
from typing import Final, NamedTuple

from regard.data import world_words as words
from regard.data.world_draws import Draws

ONSETS: Final = (*"bdfghjklmnprstvwz", "br", "dr", "fl", "gr", "kl", "st", "tr")
VOWELS: Final = (*"aeiou",)
CODAS: Final = ("", "k", "l", "n", "r", "s")

HELD_OUT: Final = 4
"""One made name of so many is held out."""


class Person(NamedTuple):
    """A name, and "she" or "he"."""

    name: str
    pronoun: str


def people(draws: Draws, count: int, *, held_out: bool) -> list[Person]:
    """Different people, each she or he with the same chance.

    Args:
        held_out: whether all have made names that are held out; else each has a frequent name with
            probability ½, and a made name that is not held out otherwise.
    """
    found: list[Person] = []
    while len(found) < count:
        female = draws.below(2)
        if held_out or draws.below(2):
            name = made(draws, held_out=held_out)
        else:
            name = draws.one(words.SHE if female else words.HE)
        if all(name != other.name for other in found):
            found.append(Person(name, "she" if female else "he"))
    return found


def made(draws: Draws, *, held_out: bool) -> str:
    """A name of two syllables, out of 86,400: "Balo", "Kerin"."""
    while True:
        parts = (ONSETS, VOWELS, ONSETS, VOWELS, CODAS)
        name = "".join(map(draws.one, parts))
        if is_held_out(name) == held_out and name not in taken():
            return name.capitalize()


def is_held_out(name: str) -> bool:
    """Whether a made name is in stories of the test part alone: a quarter of them, by a hash."""
    digest = hashlib.blake2b(name.lower().encode(), digest_size=8, key=b"world").digest()
    return digest[0] % HELD_OUT == 0


@cache
def taken() -> frozenset[str]:
    """Words that are no made names: those of the stories, and frequent names."""
    nouns = (word for some in (*words.SETS, *words.ADJECTIVES) for word in some)
    verbs = (part for verb in (*words.GO, *words.TAKE, *words.GIVE) for part in verb)
    names = (name.lower() for name in (*words.SHE, *words.HE))
    return frozenset((*nouns, *" ".join(verbs).split(), *names, *words.FUNCTION))
