"""The data sets that are downloaded: where their homes are, what is taken, and its checksums."""

import gzip
import hashlib
import zlib
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from regard.errors import DataError

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


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
