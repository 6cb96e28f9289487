"""The words of the stories of ``world``, and the ways to say a thing."""

from typing import Final, NamedTuple


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


SHE: Final = _listed(
    "Anna Carol Clara Daisy Ellen Emma Grace Helen Irene Jane Julia Laura Linda Lucy Maria Mary "
    "Nora Rose Sarah Susan"
)
HE: Final = _listed(
    "Adam Arthur Daniel David Edward Frank George Henry Jack James John Martin Oscar Paul Peter "
    "Robert Simon Thomas Victor William"
)
"""First names that every part has, of women and of men."""

THINGS: Final = _listed(
    "ball book bottle clock cup hammer hat key kite lamp letter mirror pencil radio scarf spoon "
    "ticket umbrella"
)
PLACES: Final = _listed(
    "attic barn bathroom bedroom cellar cottage garage garden hall kitchen library office shed "
    "stable tower workshop"
)
FOODS: Final = _listed(
    "bread butter cake cheese fish fruit ham honey jam meat pie rice salad soup toast yoghurt"
)
HAVE: Final = ("ate", "had", "chose", "tried")
CROSSED: Final = ("bridge", "brook", "field", "meadow", "river", "road", "street", "swamp")
ANIMALS: Final = _listed("cat cow dog donkey fox goat hen horse mouse pig rabbit sheep")
CONTAINERS: Final = ("bag", "basket", "box", "bucket", "chest", "crate", "drawer", "suitcase")

OF_ANIMALS: Final = ("afraid", "hungry", "ill", "lazy", "old", "shy", "tired", "weak", "young")
OF_PLACES: Final = ("cold", "dark", "dirty", "dusty", "hot", "noisy", "smoky")
OF_CROSSED: Final = ("busy", "deep", "muddy", "slippery", "steep", "wide")
OF_THINGS: Final = ("big", "huge", "large", "long", "thick")
OF_CONTAINERS: Final = ("narrow", "shallow", "short", "small", "tiny")


class Verb(NamedTuple):
    """A verb as stories have it, as questions after "did", and after "was"."""

    past: str
    base: str
    participle: str


GO: Final = (
    Verb("went", "go", ""),
    Verb("walked", "walk", ""),
    Verb("travelled", "travel", ""),
)
TAKE: Final = (
    Verb("took", "take", "taken"),
    Verb("picked up", "pick up", "picked up"),
    Verb("grabbed", "grab", "grabbed"),
)
GIVE: Final = (
    Verb("gave", "give", ""),
    Verb("handed", "hand", ""),
    Verb("passed", "pass", ""),
)


class Doubt(NamedTuple):
    """A sentence "The <subject> <verb> the <object> because it was too <adjective>.", of which the
    adjective says for which of the two "it" stands."""

    subjects: tuple[str, ...]
    verbs: tuple[str, ...]
    objects: tuple[str, ...]
    of_subjects: tuple[str, ...]
    of_objects: tuple[str, ...]


ENTER: Final = Doubt(
    ANIMALS,
    ("did not enter", "would not enter", "did not go into"),
    PLACES,
    OF_ANIMALS,
    OF_PLACES,
)
CROSS: Final = Doubt(
    ANIMALS,
    ("did not cross", "would not cross", "could not cross"),
    CROSSED,
    OF_ANIMALS,
    OF_CROSSED,
)
FIT: Final = Doubt(
    THINGS,
    ("did not fit into", "would not fit into", "could not fit into"),
    CONTAINERS,
    OF_THINGS,
    OF_CONTAINERS,
)

SETS: Final = (THINGS, PLACES, CROSSED, ANIMALS, CONTAINERS)
"""Nouns, each of which is in one of these sets."""

ADJECTIVES: Final = (OF_ANIMALS, OF_PLACES, OF_CROSSED, OF_THINGS, OF_CONTAINERS)

FUNCTION: Final = _listed(
    "because there then first last after before what where which who did does was has holds it she "
    "he the to now too not would could fit into cross enter one"
)
"""The other words of stories and questions, but for verbs."""
