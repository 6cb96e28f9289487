"""A row of captions, whatever the file's format."""

from typing import NamedTuple


class Row(NamedTuple):
    """The name of an image, and a caption; where they stand: ":7", or ": object 7"."""

    place: str
    image: str
    caption: str
