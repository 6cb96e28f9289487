"""From the bytes of a request to what it asks."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from regard.serve.limits import Limits
from regard.serve.options import search_of
from regard.serve.refusals import Refusal
from regard.serve.runs import Served


@dataclass(frozen=True, eq=False)
class Asked:
    """What a request asks.

    Attributes:
        served: the run that is asked.
        given: its fields: texts, and the bytes of an image.
        search: the options.
        weights: whether the answer has panels.
    """

    served: Served
    given: Mapping[str, str | bytes]
    search: Any
    weights: bool

    def like(self, other: "Asked") -> bool:
        """Whether both may be answered as one batch."""
        return self.served is other.served and self.search == other.search


def asked(body: bytes, runs: Mapping[str, Served], limits: Limits) -> Asked:
    """What the body of a request asks.

    Raises:
        Refusal: 400 what is no JSON; 404 a run that there is not; 422 wrong fields.
    """
    content = _json(body)
    if not isinstance(content, dict):
        raise Refusal(422, f"expected a JSON object; given {_kind(content)}")
    served = _run(content.pop("run", None), runs)
    weights, options = content.pop("weights", True), content.pop("options", {})
    if not isinstance(weights, bool):
        raise Refusal(422, f"weights is true or false; given {_kind(weights)}")
    if not isinstance(options, dict):
        raise Refusal(422, f"options is an object; given {_kind(options)}")
    given = _fields(content, served, limits)
    return Asked(served, given, search_of(served.system.search, options), weights)


def _run(name: Any, runs: Mapping[str, Served]) -> Served:
    if name is None and len(runs) == 1:
        return next(iter(runs.values()))
    names = ", ".join(runs)
    if not isinstance(name, str):
        raise Refusal(422, f"run is the name of one of: {names}")
    if name not in runs:
        raise Refusal(404, f"there is no run {name!r:.60}; there are: {names}")
    return runs[name]


def _fields(
    content: Mapping[str, Any], served: Served, limits: Limits
) -> Mapping[str, str | bytes]:
    known, optional = served.trained.fields, served.trained.optional
    for name in content:
        if name not in known:
            names = ", ".join([*known, "run", "options", "weights"])
            raise Refusal(422, f"there is no field {name!r:.60}; there are: {names}")
    found: dict[str, str | bytes] = {}
    for name, about in known.items():
        value = content.get(name)
        if value is None:
            if name not in optional:
                raise Refusal(422, f"the field {name} is missing: {about}")
        elif not isinstance(value, str):
            raise Refusal(422, f"{name} is a string; given {_kind(value)}")
        elif name == "image":
            found[name] = _bytes(value)
        else:
            longest = min(limits.longest, served.trained.longest or limits.longest)
            found[name] = _text(name, value, longest)
    return found


def _text(name: str, value: str, longest: int) -> str:
    if len(value) > longest:
        raise Refusal(
            422, f"{name} has {len(value):,} characters; at most {longest:,} are answered"
        )
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Refusal(422, f"{name} has half a surrogate pair, which is no character") from None
    return value


def _bytes(value: str) -> bytes:
    """Of base64, or of a ``data:`` URI of it, as pages make them of files."""
    content = value.partition(",")[2] if value.startswith("data:") else value
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(422, "image is the bytes of an image file in base64") from None


def _json(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError:
        raise Refusal(400, "the body is not UTF-8") from None
    except RecursionError:
        raise Refusal(400, "the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    except ValueError:  # of a number with thousands of digits
        raise Refusal(400, "the body has a number that is too long") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refusal(400, "the body names a field twice")
    return found


def _constant(name: str) -> NoReturn:
    raise Refusal(400, f"the body is not JSON: {name} is no number of it")


def _kind(value: Any) -> str:
    """What a value is called in JSON."""
    if isinstance(value, bool):
        return "a boolean"
    names = {dict: "an object", list: "a list", str: "a string", type(None): "null"}
    return names.get(type(value), "a number")
