"""Files of captions, and the images that they name."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, overload

import numpy as np
from jaxtyping import Int

from regard.data import files, images
from regard.data.captioned import Captioned, CaptionsConfig
from regard.data.captions_formats import rows
from regard.data.captions_pixels import Pixels
from regard.data.captions_rows import Row
from regard.data.picture import Picture
from regard.data.problems import Problems
from regard.errors import DataError

SIZE: Final = 128
"""Pixels of a side, where nothing else is asked for."""


class CaptionedRows(Sequence[Captioned]):
    """The rows of a file of captions whose images can be read, in its order.

    Attributes:
        notes: what their user should know: what was left out, and which images have no caption.
        left_out: all that was, with its row, and why.
    """

    def __init__(
        self,
        pictures: list[Picture],
        places: Int[np.ndarray, " N"],
        captions: list[str],
        notes: tuple[str, ...] = (),
        left_out: tuple[str, ...] = (),
    ) -> None:
        self._pictures, self._places, self._captions = pictures, places, captions
        self._indices = np.arange(len(captions))
        self.notes, self.left_out = notes, left_out

    def take(self, indices: Int[np.ndarray, " N"] | Sequence[int]) -> "CaptionedRows":
        """The rows of those numbers, counted from 0, in that order; nothing is copied."""
        parts = (self._pictures, self._places, self._captions)
        made = CaptionedRows(*parts, self.notes, self.left_out)
        made._indices = self._indices[np.asarray(indices, dtype=np.int64)]
        return made

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Captioned: ...
    @overload
    def __getitem__(self, index: slice) -> "CaptionedRows": ...
    def __getitem__(self, index: int | slice) -> "Captioned | CaptionedRows":
        if isinstance(index, slice):
            return self.take(np.arange(*index.indices(len(self))))
        row = self._indices[index]
        return Captioned(self._pictures[self._places[row]], self._captions[row])


def read(path: str, config: CaptionsConfig) -> CaptionedRows:
    """The captions of a file, and their images, each of which is decoded once.

    The images lie in ``config.images``, or else where the file lies; a name may be a whole path.

    Raises:
        DataError: as ``captions_formats.rows`` and ``images.read``, with the file and the row
            before it; or nothing can be read. With ``config.on_error`` "skip", what can be left
            out is.
        MissingExtra: Pillow is not installed.

    Cost: about 6 ms a JPEG of 640 by 480 pixels and 20 ms one of 4000 by 3000, with a bar on
    standard error where that is a terminal; ``size``² · 3 bytes of disk an image (of grey, a third
    of it); in memory, the captions and 0.6 kB an image.
    """
    problems = Problems(files.name(path), skip=config.on_error == "skip")
    folders = _folders(path, config)

    def refuse_row(place: str, why: str) -> None:
        problems.refuse("row", f"{problems.name}{place}: {why}")

    found = list(rows(path, refuse_row))
    first: dict[str, Row] = {}
    for row in found:
        first.setdefault(row.image, row)
    size, channels = config.size or SIZE, 1 if config.color is False else 3
    store = Pixels((size, size, channels))
    pictures: list[Picture] = []
    places, numbers = {}, {}
    for row in _with_bar(list(first.values())):
        try:
            pixels = images.read(_file(row.image, folders), size=size, color=channels == 3)
        except DataError as error:
            problems.refuse("image", f"{problems.name}{row.place}: {error}")
            continue
        key = images.key(pixels)
        if key not in numbers:
            numbers[key] = store.add(pixels)
        places[row.image] = len(pictures)
        pictures.append(Picture(row.image, key, partial(store.read, numbers[key])))
    kept = [row for row in found if row.image in places]
    if not kept:
        raise problems.nothing("images and their captions")
    return CaptionedRows(
        pictures,
        np.array([places[row.image] for row in kept]),
        [row.caption for row in kept],
        (
            *problems.notes(len(found) - len(kept)),
            *_unnamed(
                [_file(image, folders) for image in first if Path(image).name], problems.name
            ),
        ),
        tuple(problems.left_out),
    )


def _folders(path: str, config: CaptionsConfig) -> list[Path]:
    """Where the images lie: in the folder that is named, or else where the file lies (a run is
    evaluated on files whose images lie elsewhere than those that it learned from)."""
    own = Path() if path == "-" else Path(path).parent
    if config.images is None:
        return [own]
    if not Path(config.images).is_dir():
        raise DataError(f"{config.images}: no such folder (data.images)")
    return [Path(config.images), own]


def _file(image: str, folders: Sequence[Path]) -> Path:
    """The file of a name: in the first folder that has it, or else in the first."""
    there = (folder / image for folder in folders if (folder / image).exists())
    return next(there, folders[0] / image)


def _with_bar(wanted: Sequence[Row]) -> Iterable[Row]:
    try:
        from tqdm import tqdm
    except ImportError:  # it comes with training, and data may be read without
        return wanted
    return tqdm(wanted, "images", unit=" images", file=sys.stderr, leave=False, disable=None)


def _unnamed(paths: Sequence[Path], name: str) -> list[str]:
    """A sentence on the images beside those of ``paths`` that no caption names."""
    named: dict[Path, set[str]] = {}
    for path in paths:
        named.setdefault(path.parent, set()).add(path.name)
    count = 0
    for folder, names in named.items():
        with suppress(OSError):  # an image in it could not be read either
            count += sum(
                file.name not in names and file.suffix.lower() in images.SUFFIXES
                for file in folder.iterdir()
            )
    if not count:
        return []
    few = "image without a caption lies" if count == 1 else "images without a caption lie"
    return [f"{count:,} {few} beside those of {name}"]
