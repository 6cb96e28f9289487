"""Where images with captions come from: a built-in set by its name, or a file of the user's."""

from collections.abc import Callable, Sequence
from typing import Final

from regard.data import captions_files, files
from regard.data.captioned import Captioned, CaptionsConfig
from regard.data.captions_files import CaptionedRows
from regard.data.scenes import scenes
from regard.data.splits import Splits, limited, split
from regard.errors import DataError

BUILTIN: Final[dict[str, Callable[[CaptionsConfig], Splits[Captioned]]]] = {"digits": scenes}

PRESETS: Final[dict[str, dict[str, object]]] = {"digits": {}}
"""What suits a built-in set, unless the user says otherwise."""

OF_FILES: Final = ("size", "color", "images", "valid", "test", "limit")
"""Options that say nothing of built-in data."""

SHARE: Final = 0.1
"""Of the different images of a file, for each of the parts that nothing is learned from."""


def load(sources: Sequence[str], config: CaptionsConfig) -> Splits[Captioned]:
    """The images and captions of a built-in set or of a file, split into three parts.

    Images of the same pixels are never in two parts. The split of a file depends on ``config.seed``
    and on the images, not on the order of the rows. ``notes`` tells of what was left out (with
    ``config.on_error`` "skip"), and of images that no caption names.

    Raises:
        DataError: the file or an image cannot be read, the file has too few different images to
            split, or an option is of other data.
        RangeError: shares that leave nothing to learn from.
        MissingExtra: a package that is needed is not installed.

    Cost: as ``captions_files.read``, or ``scenes.scenes``.
    """
    source = _one(sources)
    if source in BUILTIN:
        _check_builtin(source, config)
        return BUILTIN[source](config)
    if config.train is not None:
        raise DataError("data.train is a number of scenes of digits: of a file, set data.limit")
    rows = _rows(source, config)
    name, count = files.name(source), len({example.image.key for example in rows})
    if count < 3:
        raise DataError(
            f"{name}: {count} different images cannot be split into training, validation and test: "
            "at least 3 are needed"
        )
    valid, test = (SHARE if share is None else share for share in (config.valid, config.test))
    parts = split(rows, _image, valid, test, config.seed)
    train = limited(parts.train, _both, config.limit, config.seed)
    return parts._replace(train=train, notes=rows.notes, left_out=rows.left_out)


def read(sources: Sequence[str], config: CaptionsConfig) -> CaptionedRows:
    """All images and captions of a file, to be evaluated on.

    Raises:
        DataError: the file or an image cannot be read, or the data are built in.
    """
    source = _one(sources)
    if source in BUILTIN and not files.exists(source):
        raise DataError(f"{source} is built in: it is judged on its own test part (name a file)")
    return _rows(source, config)


def _image(example: Captioned) -> str:
    return example.image.key


def _both(example: Captioned) -> str:
    return f"{example.image.key} {example.caption}"


def _one(sources: Sequence[str]) -> str:
    if len(sources) != 1:
        raise DataError(
            f"expected one file of captions or one of {', '.join(BUILTIN)}, and {len(sources)} are "
            "named (data.images names the folder of the images)"
        )
    return sources[0]


def _check_builtin(source: str, config: CaptionsConfig) -> None:
    for name in OF_FILES:
        if getattr(config, name) is not None:
            raise DataError(f"data.{name} is for files, and {source} is built in")
    if config.on_error != "stop":
        raise DataError(f"data.on_error is for files, and {source} has no errors")


def _rows(source: str, config: CaptionsConfig) -> CaptionedRows:
    if not files.exists(source):
        raise DataError(
            f"{source}: no such file, and no built-in data are called so "
            f"(built in: {', '.join(BUILTIN)})"
        )
    return captions_files.read(source, config)
