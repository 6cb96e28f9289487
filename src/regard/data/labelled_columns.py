"""Which columns of a row, or keys of a JSON object, are the text and its label."""

import json
from dataclasses import dataclass
from difflib import get_close_matches

from regard.data import files_json
from regard.data.labelled import Labelled, LabelsConfig, example
from regard.errors import DataError

_HEADINGS = ("label", "labels", "class", "category", "target")


@dataclass
class Columns:
    """From the columns of a row to a labelled text.

    Attributes:
        text, label: their places, counted from 0.
        width: how many columns a row has; None: as many as the first.
        standard: what says so.
    """

    text: int
    label: int
    width: int | None = None
    standard: str = "the first row"

    def __call__(self, line: str, number: int) -> Labelled:
        return self.of(line.split("\t"))

    def of(self, columns: list[str]) -> Labelled:
        if self.width is None:
            least = max(self.text, self.label) + 1
            if len(columns) < least:
                raise DataError(f"there is no column {least}: the row has {_count(len(columns))}")
            self.width = len(columns)
        if len(columns) != self.width:
            raise DataError(
                f"{self.standard} has {_count(self.width)}, and this row has {len(columns)}"
            )
        return example(columns[self.text], columns[self.label])


@dataclass
class TwoColumns:
    """From a line of text<TAB>label to a labelled text."""

    def __call__(self, line: str, number: int) -> Labelled:
        columns = line.split("\t")
        if len(columns) != 2:
            raise DataError(
                f"expected text<TAB>label, and the row has {_count(len(columns))} (data.text and "
                "data.label say which to take)"
            )
        if number == 1 and columns[1].strip().lower() in _HEADINGS:
            name, label = (column.strip() for column in columns)
            raise DataError(
                f"the first row seems to be a header: set data.text to {name} and data.label to "
                f"{label}"
            )
        return example(*columns)


@dataclass
class Keys:
    """From a line of JSON to a labelled text."""

    text: str
    label: str

    def __post_init__(self) -> None:
        _differ(self.text, self.label, self.text)

    def __call__(self, line: str, number: int) -> Labelled:
        found = files_json.of_line(line)
        if not isinstance(found, dict):
            raise DataError(
                f"expected a JSON object in every line, and this one has {_kind(found)}"
            )
        for name, key in (("text", self.text), ("label", self.label)):
            if key not in found:
                raise DataError(f"no key is called {key!r} (data.{name}){_instead(key, found)}")
        text, label = found[self.text], found[self.label]
        if not isinstance(text, str):
            raise DataError(f"the text is {_kind(text)}, and should be a string")
        if not isinstance(label, str | int | float):
            raise DataError(f"the label is {_kind(label)}, and should be a string or a number")
        return example(text, label if isinstance(label, str) else json.dumps(label))


def numbered(config: LabelsConfig) -> Columns:
    """The columns that are asked for by their numbers; one that is not is the first or second."""
    text = int(config.text) if config.text else None
    label = int(config.label) if config.label else None
    if text is None:
        text = 2 if label == 1 else 1
    if label is None:
        label = 1 if text == 2 else 2
    for name, number in (("text", text), ("label", label)):
        if number < 1:
            raise DataError(f"data.{name} is {number}, and columns are counted from 1")
    if text == label:
        raise DataError(f"data.text and data.label are the same column: {text}")
    return Columns(text - 1, label - 1)


def named(header: list[str], config: LabelsConfig) -> Columns:
    """The columns that are asked for by their names in the header."""
    names = [column.strip() for column in header]
    places = []
    for option, name in (("text", config.text or "text"), ("label", config.label or "label")):
        if name not in names:
            one = "; columns are parted by commas or tabs" if len(names) == 1 else ""
            raise DataError(
                f"no column is called {name!r} (data.{option}){_instead(name, names)}{one}"
            )
        if names.count(name) > 1:
            raise DataError(f"{names.count(name)} columns are called {name!r} (data.{option})")
        places.append(names.index(name))
    _differ(places[0], places[1], names[places[0]])
    return Columns(places[0], places[1], len(names), "the header")


def _differ(text: object, label: object, name: str) -> None:
    if text == label:
        raise DataError(f"data.text and data.label are the same column: {name}")


def _instead(name: str, names: "list[str] | dict[str, object]") -> str:
    known = [str(other)[:40] for other in names]
    near = get_close_matches(name, known, 1, 0.6)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
    return f"{meant} There are: {shown or 'none'}" if meant else f": there are {shown or 'none'}"


def _count(columns: int) -> str:
    return f"{columns} column{'s' * (columns != 1)}"


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return "a string"
        case int() | float():
            return f"a number, {value}"
        case list():
            return "a list"
        case _:
            return "an object"
