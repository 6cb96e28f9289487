"""Where images to be drawn come from: a built-in set by its name, or folders of image files."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final

from regard.data import images
from regard.data.mnist import mnist
from regard.data.placed import placed
from regard.data.problems import Problems
from regard.data.seen import Seen, SeenConfig, SeenRows
from regard.data.splits import Splits, limited, split
from regard.errors import DataError

BUILTIN: Final = {"digits": ("size", "train", "seed"), "mnist": ("limit",)}
"""The built-in sets, and the options that each takes."""

OF_FILES: Final = ("size", "limit", "valid", "test", "on_error", "seed")

SIZE: Final = 28
SHARE: Final = 0.1
"""Of the different images of files, for each of the parts that nothing is learned from."""


def load(sources: Sequence[str], config: SeenConfig) -> Splits[Seen]:
    """The images of a built-in set or of files, in three parts.

    Images of the same pixels are never in two parts. The split of files depends on ``config.seed``
    and on the images, not on their names. ``notes`` tells of what was left out.

    Raises:
        DataError: an image cannot be read, there are too few different ones to split, or an option
            is of other data.
        RangeError: shares that leave nothing to learn from.
        MissingExtra: a package that is needed is not installed.

    Cost: of files, one pass, and the pixels of all in memory.
    """
    first = sources[0] if len(sources) == 1 else ""
    _check(first, config)
    if first == "digits":
        return placed(config.train, config.size, config.seed)
    if first == "mnist":
        return mnist(config.limit)
    rows = _rows(sources, SIZE if config.size is None else config.size, config.on_error)
    if (count := len({row.image.key for row in rows})) < 3:
        raise DataError(
            f"{' '.join(sources)}: {count} different images cannot be split into training, "
            "validation and test: at least 3 are needed"
        )
    valid, test = (SHARE if share is None else share for share in (config.valid, config.test))
    parts = split(rows, _key, valid, test, config.seed)
    train = limited(parts.train, _key, config.limit, config.seed)
    return parts._replace(train=train, notes=rows.notes, left_out=rows.left_out)


def read(sources: Sequence[str], config: SeenConfig, size: int) -> SeenRows:
    """All images of files, ``size`` pixels to a side, to be evaluated on.

    Raises:
        DataError: an image cannot be read, or the data are built in.
    """
    if len(sources) == 1 and sources[0] in BUILTIN and not Path(sources[0]).exists():
        raise DataError(
            f"{sources[0]} is built in: it is judged on its own test part (name a folder)"
        )
    return _rows(sources, size, config.on_error)


def _rows(sources: Sequence[str], size: int, on_error: str) -> SeenRows:
    problems, rows = Problems(" ".join(sources), skip=on_error == "skip"), SeenRows()
    for path in _paths(sources):
        try:
            rows.append(Seen(images.picture(str(path), size=size, color=False)))
        except DataError as error:
            problems.refuse("image", str(error))
    if not rows:
        raise problems.nothing("images")
    rows.notes, rows.left_out = tuple(problems.notes()), tuple(problems.left_out)
    return rows


def _paths(sources: Sequence[str]) -> Iterator[Path]:
    """The files that are named, and those in folders, at any depth, whose names end as images' do,
    by name."""
    for source in sources:
        path = Path(source)
        if source == "-":
            raise DataError("images are not read from standard input: name files or a folder")
        if not path.exists():
            raise DataError(
                f"{source}: no such file or folder, and no built-in data are called so "
                f"(built in: {', '.join(BUILTIN)})"
            )
        if not path.is_dir():
            yield path
            continue
        found = [each for each in path.rglob("*") if each.suffix.lower() in images.SUFFIXES]
        if not found:
            raise DataError(f"{source}: no images in this folder ({', '.join(images.SUFFIXES)})")
        yield from sorted(found)


def _check(source: str, config: SeenConfig) -> None:
    """Raises: DataError: an option says nothing of these data."""
    taken = (*BUILTIN.get(source, OF_FILES), "threshold")
    for field in fields(config):
        if field.name not in taken and getattr(config, field.name) != field.default:
            of = f"of {source}" if source in BUILTIN else "of files"
            raise DataError(
                f"data.{field.name} says nothing {of}: there it takes {', '.join(taken)}"
            )


def _key(example: Seen) -> str:
    return example.image.key
