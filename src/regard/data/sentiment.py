"""The data set ``sentiment``: sentences of reviews, and whether they praise or complain."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from regard.data import download
from regard.data.labelled import Labelled, LabelsConfig, example, wording
from regard.data.splits import Splits, limited, split
from regard.errors import DataError

LABELS: Final = {"0": "negative", "1": "positive"}


def sentiment(config: LabelsConfig) -> Splits[Labelled]:
    """2,000 sentences of reviews on Amazon (cell phones) and Yelp (restaurants), half of them of
    either label.

    Downloaded from their home once, or taken from the folder REGARD_DATA (``download.fetch``). Of
    ``config``, the shares, ``limit`` and ``seed`` decide.

    Raises:
        DataError: they cannot be downloaded, or are not the files that are meant.
        RangeError: shares that leave nothing to learn from.
        MissingExtra: pooch is not installed, and REGARD_DATA has not the files.

    Source: Kotzias, Denil, de Freitas and Smyth 2015, From Group to Individual Labels using Deep
    Features (KDD); UCI Machine Learning Repository, Sentiment Labelled Sentences, CC BY 4.0.

    Departs: its third file, of films (IMDb), is left out.
    """
    examples = [row for path in download.fetch("sentiment") for row in sentences(path)]
    parts = split(examples, wording, config.valid, config.test, config.seed)
    return parts._replace(train=limited(parts.train, wording, config.limit, config.seed))


def sentences(path: Path) -> Iterator[Labelled]:
    """The sentences of one file: sentence, tab, 0 or 1 in every line.

    Lines end at line feeds alone, because some sentences have other signs that Python takes for
    ends of lines; the label is what stands behind the last tab.

    Raises:
        DataError: a line is not so.
    """
    for number, line in enumerate(path.read_bytes().decode("utf-8").split("\n"), 1):
        if not line:
            continue
        sentence, _, label = line.rpartition("\t")
        if label.strip() not in LABELS:
            raise DataError(f"{path}:{number}: expected sentence<TAB>0 or 1")
        try:
            yield example(sentence, LABELS[label.strip()])
        except DataError as error:
            raise DataError(f"{path}:{number}: {error}") from None
