"""The data set ``eng-fra``: English sentences and their French translations, from Tatoeba."""

import unicodedata
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Final

import numpy as np

from regard.data.download import fetch
from regard.data.download_sets import checksum
from regard.data.pairs import Pair, read
from regard.data.splits import Splits, cut, hashes, split, take

SHARE: Final = 0.01
"""Share of the different sources in the validation part, and in the test part."""

LONG_WORDS: Final = 15
"""Words of a source, parted by white space, from which on it is long."""

LONG: Final = 300
"""Different sources in the test set ``long``."""

# The same sentence has a plain space before "!" here and a narrow no-break one there, by its
# writer's keyboard; zero-width spaces and soft hyphens nobody sees.
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u200b": "", "\u00ad": ""})


def eng_fra(
    seed: int = 0, valid: float = SHARE, test: float = SHARE, *, reverse: bool = False
) -> Splits[Pair]:
    """The pairs of English and French sentences, from www.manythings.org/anki and tatoeba.org.

    Texts are put into Unicode's form NFC, every kind of space is written as a plain one, zero-width
    spaces and soft hyphens are dropped, and of equal pairs one is kept. Then, by the source, drawn
    by ``seed``: first ``others["long"]``, all pairs of 300 sources of 15 words and more; of what is
    left ``test``, ``valid`` and ``train``. No source stands in two of them.

    Args:
        seed: of the parts.
        valid: share of the different sources.
        test: share of the different sources.
        reverse: French to English; the parts are then made by the French sentence.

    Raises:
        DataError: the file is not what its checksum says, or the download failed.
        RangeError: shares that leave nothing to learn from.
        MissingExtra: pooch is not installed.

    Cost: about 2 seconds, and 50 MB of memory, on one core, once it is downloaded (8 MB).
    """
    (path,) = fetch("eng-fra")
    pairs = list(read(str(path), "1,2", reverse=reverse))
    different = list(dict.fromkeys(cleaned(pairs)))
    long, others = _long(different, seed)
    notes = (f"eng-fra is {path.name} of SHA-256 {checksum(path)}",)
    if twice := len(pairs) - len(different):
        notes += (f"eng-fra: {twice:,} pairs that stand there twice left out",)
    parts = split(others, attrgetter("source"), valid, test, seed)
    return parts._replace(others={"long": long}, notes=notes)


def cleaned(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The pairs in NFC and with plain spaces.

    >>> list(cleaned([Pair("Run!", "Cours\\u202f!")]))
    [Pair(source='Run!', target='Cours !')]
    """
    for pair in pairs:
        texts = (unicodedata.normalize("NFC", text.translate(_SPACES)) for text in pair)
        yield Pair(*(" ".join(text.split()) for text in texts))


def _long(pairs: list[Pair], seed: int) -> tuple[list[Pair], list[Pair]]:
    """The pairs of some long sources, half of these at most, and all other pairs."""
    lengths = np.array([len(pair.source.split()) for pair in pairs])
    places = np.flatnonzero(lengths >= LONG_WORDS)
    # Ranks of their own: by those of the split, no long source would be left for its test part.
    ranks = hashes((pairs[place].source for place in places), f"{seed} long")
    count = min(LONG, len(np.unique(ranks)) // 2)
    if not count:
        return [], pairs
    chosen = places[cut(ranks, [count])[0]]
    return list(take(pairs, chosen)), list(take(pairs, np.setdiff1d(np.arange(len(pairs)), chosen)))
