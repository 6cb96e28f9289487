"""Data sets from their homes: downloaded once, checked, kept in the user's cache."""

import gzip
import hashlib
import importlib.util
import json
import logging
import os
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from regard.errors import DataError, MissingExtra, UnknownName

RETRIES = 2
"""Downloads tried again after a failure, the first after one second."""

CHUNK: Final = 1 << 16


class Member(NamedTuple):
    """A file of a data set.

    Attributes:
        path: in the archive, or under the set's address.
        sha256: of the file; None where its home changes it from time to time.
        folder: where REGARD_DATA may have it.
        content: whether ``sha256`` is of what the file, a .gz one, unpacks to: the same content is
            packed in other ways at other homes.
    """

    path: str
    sha256: str | None
    folder: str
    content: bool = False

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    def checksum(self, path: Path) -> str:
        """SHA-256 of the file, or of what it unpacks to.

        Raises:
            DataError: it is not a whole .gz file.
        """
        if not self.content:
            return checksum(path)
        try:
            with gzip.open(path) as file:
                digest = hashlib.sha256()
                while part := file.read(CHUNK):
                    digest.update(part)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"{path} is not a whole .gz file: {error}") from None
        return digest.hexdigest()


class Set(NamedTuple):
    """A data set at its home.

    Attributes:
        url: of the ZIP archive; if it ends in "/", the address under which the files are.
        members: the files that are taken from there.
        local: files that REGARD_DATA may have in the place of the members, with their checksums.
        licence: under which it may be used.
        citation: what to cite.
    """

    url: str
    members: tuple[Member, ...]
    local: tuple[Member, ...]
    licence: str
    citation: str


_SENTIMENT = tuple(
    Member(f"sentiment labelled sentences/{name}", sha256, "sentiment_labelled_sentences")
    for name, sha256 in (
        (
            "amazon_cells_labelled.txt",
            "47003fc0a0d4840b00e96e715b6189bad09e7443a3da41c4cbe12ffc79f86ae3",
        ),
        (
            "yelp_labelled.txt",
            "c76468b7b5c6e56a0804d728345c5f84aa2142ddb214420f61cc9cfd4c00d2ea",
        ),
    )
)

_MNIST = tuple(
    Member(f"{name}-images-idx3-ubyte.gz", sha256, "mnist", content=True)
    for name, sha256 in (
        ("train", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        ("t10k", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    )
)

_WIKITEXT_SUMS: Final = (
    ("test", "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0"),
    ("valid", "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8"),
)

_WIKITEXT = tuple(
    Member(f"wikitext-2/wiki.{part}.tokens", sha256, "wikitext2") for part, sha256 in _WIKITEXT_SUMS
)

_WIKITEXT_PACKED = tuple(
    Member(f"wiki.{part}.tokens.gz", sha256, "wikitext2", content=True)
    for part, sha256 in _WIKITEXT_SUMS
)

SETS: Final[dict[str, Set]] = {
    "eng-fra": Set(
        url="https://www.manythings.org/anki/fra-eng.zip",
        # A new issue takes the place of the last one now and then.
        members=(Member("fra.txt", None, "tatoeba_eng_fra"),),
        local=(
            Member(
                "eng-fra.tsv.gz",
                "eb0b1a46a6d6700d14c83844a40ec5c9ebef64ab1bb9ca6182a5650cf8984e6f",
                "tatoeba_eng_fra",
            ),
        ),
        licence="CC BY 2.0",
        citation="www.manythings.org/anki and tatoeba.org",
    ),
    "sentiment": Set(
        url="https://archive.ics.uci.edu/static/public/331/sentiment+labelled+sentences.zip",
        members=_SENTIMENT,
        local=_SENTIMENT,
        licence="CC BY 4.0",
        citation=(
            "Kotzias, Denil, de Freitas and Smyth, From Group to Individual Labels using Deep "
            "Features, KDD 2015"
        ),
    ),
    "mnist": Set(
        url="https://ossci-datasets.s3.amazonaws.com/mnist/",
        members=_MNIST,
        local=_MNIST,
        licence="CC BY-SA 3.0",
        citation=(
            "LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to Document "
            "Recognition, Proceedings of the IEEE 86 (11), 1998"
        ),
    ),
    "squad": Set(
        url="https://rajpurkar.github.io/SQuAD-explorer/dataset/",
        members=(
            Member(
                "dev-v1.1.json",
                "95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9",
                "squad",
            ),
        ),
        local=(
            Member(
                "squad-40-articles.json.gz",
                "9ec739ddb3a92065014e69f01e9083ef474b1935dbe2508caea776af0eaba6f0",
                "squad",
                content=True,
            ),
        ),
        licence="CC BY-SA 4.0",
        citation=(
            "Rajpurkar, Zhang, Lopyrev and Liang, SQuAD: 100,000+ Questions for Machine "
            "Comprehension of Text, EMNLP 2016 (arXiv:1606.05250)"
        ),
    ),
    "wikitext2": Set(
        url="https://wikitext.smerity.com/wikitext-2-v1.zip",
        members=_WIKITEXT,
        local=_WIKITEXT_PACKED,
        licence="CC BY-SA 3.0",
        citation=(
            "Merity, Xiong, Bradbury and Socher, Pointer Sentinel Mixture Models, ICLR 2017 "
            "(arXiv:1609.07843)"
        ),
    ),
}


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


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
