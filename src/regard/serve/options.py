"""Which options of a search a client may set, and how far."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import NoneType
from typing import Any, get_args, get_type_hints

from regard.errors import RangeError
from regard.serve.refusals import Refusal

MOST: Mapping[str, int | float] = {
    "beam": 16,
    "coverage_penalty": 100.0,
    "draws": 16,
    "length_penalty": 100.0,
    "longest": 1_000,
    "max_length": 1_000,
    "n_best": 16,
    "seed": 2**53 - 1,  # the whole numbers that a page can write
    "temperature": 100.0,
    "top": 1_000,
    "top_k": 1_000_000,
    "top_p": 1.0,
}
"""The numbers that a client may set, and the largest that it may ask for. An option that stands
not here is not offered: neither one that names a file, nor ``generate`` of DRAW, which asks for
many answers at once."""

_KINDS: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number"}
_CALLED: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class Option:
    """An option that a client may set.

    Attributes:
        name: of the field.
        kind: bool, int or float.
        empty: whether it may be null.
        default: what it is where it is not set.
        about: what it does.
    """

    name: str
    kind: type
    empty: bool
    default: Any
    about: str

    @property
    def schema(self) -> dict[str, Any]:
        """As JSON Schema describes it."""
        kind: Any = _KINDS[self.kind]
        found = {
            "type": [kind, "null"] if self.empty else kind,
            "default": self.default,
            "description": self.about,
        }
        return found if self.kind is bool else found | {"maximum": MOST[self.name]}

    def taken(self, value: Any) -> Any:
        """The value that a client gave, if it may.

        Raises:
            Refusal: it is of another kind, or too large.
        """
        if value is None and self.empty:
            return None
        # JSON's true is no number, though Python's is; and a whole number is a number.
        if type(value) is not self.kind and not (self.kind is float and type(value) is int):
            null = " or null" if self.empty else ""
            raise Refusal(422, f"option {self.name} is {_CALLED[self.kind]}{null}")
        # So neither infinity, which JSON can write as 1e999, nor a number of a thousand digits.
        if self.kind is not bool and abs(value or 0) > MOST[self.name]:
            raise Refusal(422, f"option {self.name} is at most {MOST[self.name]:,} here")
        return value


@cache
def offered(search: type) -> tuple[Option, ...]:
    """The options of a search that a client may set."""
    hints, about, found = get_type_hints(search), _abouts(search), []
    for field in fields(search):
        kinds = set(get_args(hints[field.name]) or (hints[field.name],))
        empty = NoneType in kinds
        kinds -= {NoneType}
        if kinds == {bool} or (field.name in MOST and len(kinds) == 1 and kinds <= {int, float}):
            (kind,) = kinds
            found.append(Option(field.name, kind, empty, field.default, about.get(field.name, "")))
    return tuple(found)


def search_of(search: type, given: Mapping[str, Any]) -> Any:
    """The search that a client's options make.

    Raises:
        Refusal: an option that there is not, or a value that it may not have.
    """
    known = {option.name: option for option in offered(search)}
    for name in given:
        if name not in known:
            names = ", ".join(known) or "none"
            raise Refusal(422, f"there is no option {name!r:.60}; there are: {names}")
    try:
        return search(**{name: known[name].taken(value) for name, value in given.items()})
    except RangeError as error:
        raise Refusal(422, str(error)) from None


def _abouts(search: type) -> dict[str, str]:
    """What the docstring's section ``Attributes`` says of each field; a class may leave to its
    base what its base has said."""
    found: dict[str, str] = {}
    for kind in reversed(search.__mro__[:-1]):
        text = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]
        for name, about in re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", text, re.MULTILINE):
            found[name] = " ".join(about.split())
    return found
