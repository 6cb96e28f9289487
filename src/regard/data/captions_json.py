"""Rows of JSON that says which caption is whose, in lines or as a whole."""

from collections.abc import Iterator
from typing import Any, Final

from regard.data import files_json
from regard.data.captions_rows import Row
from regard.data.files_rows import Refuse, numbered
from regard.errors import DataError

NAMES: Final = ("image", "file", "file_name")
"""Keys that may hold the name of an image."""


def lines(path: str, refuse: Refuse) -> Iterator[Row]:
    """The rows of a file with a JSON object in every line."""
    for number, line in numbered(path, refuse):
        if line.strip():
            try:
                found = files_json.of_line(line)
            except DataError as error:
                refuse(f":{number}", str(error))
            else:
                yield from _of_object(found, f":{number}", refuse)


def whole(path: str, refuse: Refuse) -> Iterator[Row]:
    """The rows of a JSON file: a list of objects, COCO's annotations, or captions by image."""
    try:
        found = files_json.of_file(path)
    except files_json.MoreThanOne:  # JSON Lines by another name
        yield from lines(path, refuse)
        return
    match found:
        case list():
            for number, entry in enumerate(found, 1):
                yield from _of_object(entry, f": object {number}", refuse)
        case {"images": [*images], "annotations": [*annotations]}:
            yield from _of_coco(images, annotations, refuse)
        case dict() if any(name in found for name in NAMES):  # JSON Lines of one line
            yield from _of_object(found, ":1", refuse)
        case dict():
            for image, captions in found.items():
                yield from _captions(str(image), captions, "", refuse)
        case _:
            raise DataError(
                f"{path}: expected a list of objects, an object of images with their captions, or "
                f"COCO's annotations, and the file has {_kind(found)}"
            )


def _of_object(entry: Any, place: str, refuse: Refuse) -> Iterator[Row]:
    """The rows of {"image": …, "caption": …} or {"image": …, "captions": […]}."""
    if not isinstance(entry, dict):
        refuse(place, f"expected an object, and this is {_kind(entry)}")
        return
    image = next((entry[name] for name in NAMES if name in entry), None)
    if not isinstance(image, str):
        keys = " or ".join(NAMES)
        refuse(place, f"expected the name of an image as {keys}, and it is {_kind(image)}")
    elif "caption" in entry or "captions" in entry:
        captions = entry["caption"] if "caption" in entry else entry["captions"]
        yield from _captions(image, captions, place, refuse)
    else:
        refuse(f"{place}: {image[:200]}", "an image without a caption or captions")


def _captions(image: str, captions: Any, place: str, refuse: Refuse) -> Iterator[Row]:
    """The rows of an image and its caption, or its list of captions."""
    shown = f"{place}: {image[:200]}"
    if not isinstance(captions, str | list):
        refuse(shown, f"expected a caption or a list of them, and it is {_kind(captions)}")
    elif not captions and isinstance(captions, list):
        refuse(shown, "an image without captions: the list is empty")
    else:
        for caption in [captions] if isinstance(captions, str) else captions:
            if isinstance(caption, str):
                yield Row(place, image, caption)
            else:
                refuse(shown, f"expected a caption, and it is {_kind(caption)}")


def _of_coco(images: list[Any], annotations: list[Any], refuse: Refuse) -> Iterator[Row]:
    """The rows of COCO's annotations, which name images by number."""
    names: dict[Any, str] = {}
    for number, entry in enumerate(images, 1):
        match entry:
            case {"id": int() | str() as key, "file_name": str() as name}:
                names[key] = name
            case _:
                refuse(f": image {number}", "expected an object with an id and a file_name")
    for number, entry in enumerate(annotations, 1):
        place = f": annotation {number}"
        match entry:
            case {"image_id": int() | str() as key, "caption": str() as caption}:
                if key in names:
                    yield Row(place, names[key], caption)
                else:
                    refuse(place, f"no image has the id {key!r}")
            case _:
                refuse(place, "expected an object with an image_id and a caption")


def _kind(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case _:
            return "an object"
