"""Questions in JSON: SQuAD v1.1, and an object in every line."""

import json
from collections.abc import Iterator
from typing import Any, Final

from regard.data import files_json
from regard.data.files_rows import numbered
from regard.data.questions_rows import Given, Refuse, Row
from regard.errors import DataError

VERSION: Final = "1.1"
"""The version of SQuAD that is read."""


def lines(path: str, refuse: Refuse) -> Iterator[Row]:
    """The rows of a file with an object in every line: ``passage``, ``question``, and ``answer``, a
    text, or ``answers``, a list of texts. ``start`` is the first character of the answer, or a list
    of those of the answers."""
    for number, line in numbered(path, refuse):
        if not line.strip():
            continue
        place = f":{number}"
        try:
            yield _of_object(files_json.of_line(line), place)
        except DataError as error:
            refuse(place, str(error))


def squad(path: str, refuse: Refuse) -> Iterator[Row]:
    """The rows of a file of SQuAD v1.1.

    Raises:
        DataError: as ``files_json.of_file``; or another version, or none.
    """
    content = files_json.of_file(path)
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise DataError(
            f'{path}: expected SQuAD v{VERSION}, an object with "version" and "data", a list of '
            "articles (other questions are read from JSON Lines, .jsonl, and from .tsv)"
        )
    version = content.get("version")
    if version != VERSION:
        came = "has none" if version is None else f"says {_short(version)}"
        two = ": version 2 has questions without an answer, which are not read"
        why = two if str(version).lower().lstrip("v").startswith("2") else ""
        raise DataError(
            f'{path}: expected "version": "{VERSION}" of SQuAD, and the file {came}{why}'
        )
    for number, article in enumerate(content["data"], 1):
        place = f": article {number}"
        match article:
            case {"title": str() as title, "paragraphs": [*paragraphs]}:
                for count, paragraph in enumerate(paragraphs, 1):
                    here = f"{place} {json.dumps(title, ensure_ascii=False)}, paragraph {count}"
                    yield from _of_paragraph(paragraph, title, here, refuse)
            case _:
                refuse(place, "expected an object with a title and paragraphs", "article")


def _of_paragraph(paragraph: Any, title: str, place: str, refuse: Refuse) -> Iterator[Row]:
    match paragraph:
        case {"context": str() as passage, "qas": [*entries]}:
            for number, entry in enumerate(entries, 1):
                yield from _of_entry(entry, number, Row(place, passage, "", (), title), refuse)
        case _:
            refuse(place, "expected an object with a context and qas", "paragraph")


def _of_entry(entry: Any, number: int, row: Row, refuse: Refuse) -> Iterator[Row]:
    match entry:
        case {"id": str() | int() as key, "question": str() as question, "answers": [*answers]}:
            place = f"{row.place}, question id {json.dumps(key)}"
            try:
                given = tuple(map(_squad_answer, answers))
            except DataError as error:
                refuse(place, str(error))
            else:
                yield row._replace(place=place, question=question, answers=given, name=str(key))
        case _:
            refuse(f"{row.place}, question {number}", "expected an id, a question and answers")


def _squad_answer(answer: Any) -> Given:
    match answer:
        case {"text": str() as text, "answer_start": start} if type(start) is int:
            return Given(text, start)
        case _:
            raise DataError("expected answers with a text and an answer_start")


def _of_object(entry: Any, place: str) -> Row:
    """The row of an object of JSON Lines."""
    match entry:
        case {"passage": str() as passage, "question": str() as question}:
            key = entry.get("id")
            name = str(key) if type(key) in (str, int) else ""
            return Row(place, passage, question, _given(entry), name=name)
        case {"passage": _, "question": _}:
            raise DataError("expected texts as passage and question")
        case _:
            raise DataError(
                f"expected an object with passage, question and answer, and it is {_short(entry)}"
            )


def _given(entry: dict[str, Any]) -> tuple[Given, ...]:
    """The answers of an object of JSON Lines."""
    start = entry.get("start")
    if "answers" not in entry:
        match entry.get("answer"), start:
            case str() as text, None:
                return (Given(text),)
            case str() as text, int() as place if not isinstance(place, bool):
                return (Given(text, place),)
            case str(), _:
                raise DataError(f"expected a number as start, and it is {_short(start)}")
            case answer, _:
                raise DataError(f"expected a text as answer, and it is {_short(answer)}")
    match entry["answers"]:
        case [*texts] if all(isinstance(text, str) for text in texts):
            starts = [None] * len(texts) if start is None else start
            if not _are_places(starts, len(texts)):
                raise DataError(
                    "expected a list of as many numbers as answers as start, and it is "
                    f"{_short(start)}"
                )
            return tuple(Given(*both) for both in zip(texts, starts, strict=True))
        case answers:
            raise DataError(f"expected a list of texts as answers, and it is {_short(answers)}")


def _are_places(starts: Any, count: int) -> bool:
    return (
        isinstance(starts, list)
        and len(starts) == count
        and all(one is None or type(one) is int for one in starts)
    )


def _short(value: Any) -> str:
    """A value as JSON has it, cut if it is long."""
    if value is None:
        return "none"
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:59] + "…"
