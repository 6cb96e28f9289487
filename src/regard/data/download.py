"""Data sets from their homes: downloaded once, checked, kept in the user's cache."""

import importlib.util
import json
import logging
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from regard.data.download_sets import CHUNK, SETS, Member, Set
from regard.errors import DataError, MissingExtra, UnknownName

RETRIES = 2
"""Downloads tried again after a failure, the first after one second."""


def fetch(name: str) -> tuple[Path, ...]:
    """The files of a data set, checked; downloaded if they were never before.

    Looked for in this order: the folder that the environment variable REGARD_DATA names, the cache
    (``regard`` in the user's folder for caches), the home. REGARD_MIRROR is an address that is
    asked in the place of the home: the archive, or the files, are expected right under it. A file
    whose checksum is not known beforehand is pinned: its checksum is written down beside it when it
    is downloaded, and held against it ever after.

    Raises:
        DataError: a file is not what its checksum says (both are told), or the download failed;
            nothing half remains of it.
        UnknownName: there is no such set.
        MissingExtra: pooch is not installed, and the set is not in REGARD_DATA.
    """
    if name not in SETS:
        raise UnknownName(
            f"no data set to download is called {name!r}: there are {', '.join(SETS)}"
        )
    wanted = SETS[name]
    found = _local(wanted)
    if found is None:
        folder = _cache(name)
        found = tuple(folder / member.name for member in wanted.members)
        if not all(map(Path.exists, found)):
            _download(wanted, folder)
        for path, member in zip(found, wanted.members, strict=True):
            _check(path, member, member.sha256 or _pinned(path))
    return found


def about(name: str) -> dict[str, Any]:
    """What a report should say of a data set: its home, licence, citation, and the checksums of
    the files that ``fetch`` finds."""
    wanted = SETS[name]
    found = fetch(name)
    members = {member.name: member for member in (*wanted.local, *wanted.members)}
    sums = {path.name: members[path.name].checksum(path) for path in found}
    return {
        "url": wanted.url,
        "licence": wanted.licence,
        "citation": wanted.citation,
        "sha256": sums,
    }


def _local(wanted: Set) -> tuple[Path, ...] | None:
    """The set's files in REGARD_DATA; None where it has none of them."""
    root = os.environ.get("REGARD_DATA")
    if not root:
        return None
    if not Path(root).is_dir():
        raise DataError(f"REGARD_DATA is {root}, which is no folder")
    for members in (wanted.local, wanted.members):
        paths = tuple(Path(root, member.folder, member.name) for member in members)
        if any(map(Path.exists, paths)):
            for path, member in zip(paths, members, strict=True):
                if not path.exists():
                    raise DataError(f"{path} is missing beside the other files of its set")
                _check(path, member, member.sha256)
            return paths
    return None


def _check(path: Path, member: Member, expected: str | None) -> None:
    if expected is not None and (actual := member.checksum(path)) != expected:
        whose = "the SHA-256 of its content" if member.content else "its SHA-256"
        raise DataError(
            f"{path} is not the file that is meant: {whose} is {actual}, and it should be "
            f"{expected} (remove it, and it is downloaded again)"
        )


def _cache(name: str) -> Path:
    return Path(_pooch().os_cache("regard")) / name


def _pooch() -> Any:
    try:
        import pooch
    except ImportError as error:
        raise MissingExtra(
            "downloading data needs pooch: pip install 'regard[text]' (or set REGARD_DATA to a "
            "folder of files that you have)"
        ) from error
    return pooch


def _pin(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _pinned(path: Path) -> str | None:
    try:
        return json.loads(_pin(path).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError):
        raise DataError(
            f"{_pin(path)} does not say the checksum of {path.name} (remove both, and it is "
            "downloaded again)"
        ) from None


def _download(wanted: Set, folder: Path) -> None:
    """Download the archive or the files, check all, and only then put them into the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="part-") as part:
            for member, path, url in _members(wanted, Path(part)):
                found = {"sha256": _sum_of(member, path, url), "url": url}
                if found["sha256"] != (member.sha256 or found["sha256"]):
                    raise DataError(
                        f"{url} has another {member.path} than is meant: its SHA-256 is "
                        f"{found['sha256']}, and it should be {member.sha256}"
                    )
                pin = Path(part, _pin(path).name)
                pin.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            for member in wanted.members:
                # the pin first: a file without its pin would be refused
                for name in (_pin(Path(member.name)).name, member.name):
                    Path(part, name).replace(folder / name)
    except OSError as error:
        raise DataError(f"{error.filename or folder}: {error.strerror or error}") from None


def _members(wanted: Set, folder: Path) -> Iterator[tuple[Member, Path, str]]:
    """Each member, downloaded into the folder, and where from."""
    if wanted.url.endswith("/"):
        for member in wanted.members:
            yield member, *_get(wanted.url + member.path, wanted, folder)
        return
    archive, url = _get(wanted.url, wanted, folder)
    for member in wanted.members:
        yield member, _unpack(archive, member, folder, url), url


def _sum_of(member: Member, path: Path, url: str) -> str:
    try:
        return member.checksum(path)
    except DataError as error:
        # The file is gone when this is read: what counts is where it came from.
        raise DataError(str(error).replace(str(path), url)) from None


def _get(url: str, wanted: Set, folder: Path) -> tuple[Path, str]:
    """A file from its home or from the mirror, and which address that was."""
    import requests

    pooch = _pooch()
    name = PurePosixPath(url).name
    if mirror := os.environ.get("REGARD_MIRROR"):
        url = f"{mirror.rstrip('/')}/{name}"
    pooch.get_logger().setLevel(logging.WARNING)
    home = pooch.create(
        folder, "", registry={name: None}, urls={name: url}, retry_if_failed=RETRIES
    )
    bar = sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None
    downloader = pooch.HTTPDownloader(
        progressbar=bar,
        chunk_size=CHUNK,
        # some servers refuse a program that does not say its name
        headers={"User-Agent": "Mozilla/5.0 (compatible; regard)"},
    )
    try:
        return Path(home.fetch(name, downloader=downloader)), url
    except requests.exceptions.RequestException as error:
        files = " and ".join(f"{member.folder}/{member.name}" for member in wanted.members)
        whole = not wanted.url.endswith("/")
        names = name if whole else " and ".join(member.name for member in wanted.members)
        raise DataError(
            f"{url} cannot be downloaded ({_reason(error)}): without a connection, set REGARD_DATA "
            f"to a folder that has {files}, or REGARD_MIRROR to an address that has {names}"
        ) from None


def _reason(error: Exception) -> str:
    """The innermost reason of a failure, in one line."""
    inner: Any = error
    while inner.args and isinstance(inner.args[0], Exception):
        inner = inner.args[0]
    if isinstance(reason := getattr(inner, "reason", None), Exception):
        inner = reason
    return " ".join(str(inner).split()) or type(inner).__name__


def _unpack(archive: Path, member: Member, folder: Path, url: str) -> Path:
    path = folder / member.name
    try:
        with (
            zipfile.ZipFile(archive) as packed,
            packed.open(member.path) as file,
            path.open("wb") as out,
        ):
            shutil.copyfileobj(file, out)
    except KeyError:
        raise DataError(f"{url} has no {member.path} in it") from None
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise DataError(f"{url} is not a whole ZIP archive: {error}") from None
    return path
