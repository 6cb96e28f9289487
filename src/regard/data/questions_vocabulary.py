"""The words and characters that a reader knows, from its training part and a file of vectors."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import tokens, vectors
from regard.data.questions import Question, QuestionsConfig
from regard.data.questions_words import word_of
from regard.data.vectors import Vectors
from regard.data.vocabulary import SPECIAL, Vocabulary


def count(examples: Iterable[Question]) -> Counter[str]:
    """How often each word stands in the passages and questions; a passage that
    several questions are about counts once."""
    counts: Counter[str] = Counter()
    passages: set[str] = set()
    for one in examples:
        counts.update(map(word_of, tokens.split(one.question)))
        if one.passage not in passages:
            passages.add(one.passage)
            counts.update(map(word_of, tokens.split(one.passage)))
    return counts


def words_of(
    counts: Counter[str], config: QuestionsConfig
) -> tuple[Vocabulary, Float[Tensor, "V N"] | None]:
    """The words that are known, the most frequent first, and their vectors.

    Known are words that stand in the training part ``config.min_count`` times. With a file of
    vectors, so are its words: first those of the training part, however rare, and then the others,
    in the file's order, while ``config.vocabulary`` has room.

    Raises:
        DataError: the file cannot be read.
    """
    folded: Counter[str] = Counter()
    for word, number in counts.items():
        folded[word.lower() if config.lower_case else word] += number
    found = None if config.vectors_file is None else _vectors(config.vectors_file, folded, config)
    vectored = set() if found is None else set(found.words)
    known = [w for w in folded if folded[w] >= config.min_count or w in vectored]
    known.sort(key=lambda word: (-folded[word], word))
    if found is not None:
        known += [word for word in found.words if word not in folded]
    words = Vocabulary("words", (*SPECIAL, *known[: config.vocabulary]), config.lower_case)
    return words, None if found is None else _table(words, found)


def characters_of(counts: Counter[str], min_count: int) -> Vocabulary:
    """The characters that stand so often in words, the most frequent first."""
    often: Counter[str] = Counter()
    for word, number in counts.items():
        for character in word:
            often[character] += number
    known = [character for character, number in often.items() if number >= min_count]
    known.sort(key=lambda character: (-often[character], character))
    return Vocabulary("characters", (*SPECIAL, *known))


def _vectors(path: str, counts: Counter[str], config: QuestionsConfig) -> Vectors:
    """The vectors of words of the training part, and of as many others as may be known."""
    others: set[str] = set()

    def wanted(word: str) -> str | None:
        name = word.lower() if config.lower_case else word
        if name in counts or name in others:
            return name
        if name in SPECIAL or len(others) == config.vocabulary:
            return None
        others.add(name)
        return name

    return vectors.read(path, wanted)


def _table(words: Vocabulary, found: Vectors) -> Float[Tensor, "V N"]:
    """A row for each known word; of NaN where there is no vector."""
    table = np.full((len(words), found.rows.shape[1]), np.nan, np.float32)
    for word, row in zip(found.words, found.rows, strict=True):
        number = words.numbers.get(word)
        if number is not None:
            table[number] = row
    return torch.from_numpy(table)
