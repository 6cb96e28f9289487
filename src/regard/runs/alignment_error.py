"""How often the strongest weight is right: alignments of a model against those made by hand."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regard.data.aligned import AlignedPair, Link, is_word
from regard.data.tokens import shown
from regard.errors import DataError, RangeError, ShapeError

Weights = NDArray[np.float64]


class AlignmentScores(NamedTuple):
    """How well weights agree with the links of a hand.

    Attributes:
        words: target words that have a link, of all pairs together.
        right: share of them whose strongest weight falls on a word that they are linked to.
        right_sure: the same over the words with a sure link, and only sure links count.
        error: AER over words, with the link that each word's strongest weight gives; 0 is best.
        punctuation: how many target tokens are punctuation with a link; they count above in
            nothing.
        right_punctuation: share of them whose strongest weight falls on what they are linked to;
            NaN where there are none.
    """

    words: int
    right: float
    right_sure: float
    error: float
    punctuation: int
    right_punctuation: float


def alignment_scores(pairs: Sequence[AlignedPair], weights: Sequence[ArrayLike]) -> AlignmentScores:
    """Scores of weights, one matrix ``(Q, K)`` a pair: target tokens by source tokens.

    A matrix may have columns beyond the source's tokens (an end token): a word that looks there
    most is wrong. Of equal weights the first is the strongest; a row that is NaN or 0 throughout
    looks at nothing, which is wrong too.

    AER = 1 − (|A ∩ S| + |A ∩ P|) / (|A| + |S|), A the model's links, S ⊆ P the sure and possible
    links of the hand.

    Raises:
        ShapeError: a matrix does not have a row for each target token and a column for each source
            token.
        RangeError: there is no pair.

    Source: Och and Ney 2003, A Systematic Comparison of Various Statistical Alignment Models, §4

    >>> from regard.data.aligned import parse
    >>> pairs = parse(["I love you. ||| Je t'aime. ||| Je=I t'=you aime=love .=."], "mine")
    >>> look = [[0.9, 0.1, 0, 0], [0, 0.2, 0.8, 0], [0, 0.4, 0.6, 0], [0, 0, 0, 1]]
    >>> found = alignment_scores(pairs, [look])
    >>> round(found.right, 3), round(found.error, 3), found.right_punctuation
    (0.667, 0.333, 1.0)
    """
    found = [strongest(_checked(pair, one)) for pair, one in zip(pairs, weights, strict=True)]
    return _scores(pairs, _indicators(pairs, found))


def chance(pairs: Sequence[AlignedPair]) -> AlignmentScores:
    """What is to be expected where each target token looks at any source token, all being equally
    likely."""
    return _scores(pairs, [np.full(_shape(pair), 1 / _shape(pair)[1]) for pair in pairs])


def diagonal(pairs: Sequence[AlignedPair]) -> AlignmentScores:
    """What comes of looking at the source token at the same share of the way, without reading."""
    looks = []
    for pair in pairs:
        rows, columns = _shape(pair)
        looks.append({(q, round(q * (columns - 1) / max(rows - 1, 1))) for q in range(rows)})
    return _scores(pairs, _indicators(pairs, looks))


def strongest(weights: Weights) -> set[Link]:
    """The link of each row to the column of its largest weight; none for a row of NaN or 0."""
    return {
        (q, int(np.nanargmax(row)))
        for q, row in enumerate(weights)
        if not np.isnan(row).all() and np.nanmax(row) > 0
    }


def by_words(
    weights: ArrayLike, read: Iterable[str], written: Iterable[str], pair: AlignedPair
) -> Weights:
    """Weights between any tokens of a pair as weights ``(Q, K')`` between the tokens of the hand.

    What a model reads and writes may be characters, pieces or words in another form: weights over
    the parts of a source token are added, those of the parts of a target token are averaged, each
    part by its share of letters. What is read beside the tokens (white space, an end token) comes
    as columns behind them; rows behind the target's tokens (its end) are left out.

    Args:
        weights: ``(T, S)``.
        read, written: the model's tokens; their joiners count for nothing.

    Raises:
        DataError: the tokens do not spell the pair's sentences.
        ShapeError: there are fewer rows or columns than tokens.
    """
    matrix = np.asarray(weights, dtype=np.float64)
    columns, rows = shares(read, pair.source_tokens), shares(written, pair.target_tokens)
    count, width = len(rows), len(columns)
    if matrix.ndim != 2 or matrix.shape[0] < count or matrix.shape[1] < width:
        raise ShapeError(
            f"weights of {count} tokens over {width} are expected, and their shape is "
            f"{matrix.shape}"
        )
    letters = columns.sum(1)
    blank = np.flatnonzero(letters == 0)
    inside = matrix[:count, :width] @ (columns / np.maximum(letters, 1)[:, None])
    beyond = np.concatenate([matrix[:count, blank], matrix[:count, width:]], 1)
    return (rows / rows.sum(0)).T @ np.concatenate([inside, beyond], 1)


def shares(parts: Iterable[str], tokens: Sequence[str]) -> Weights:
    """How many letters part p has in token t: ``(parts, tokens)``.

    Raises:
        DataError: both do not spell the same text.

    >>> shares(["▁don", "'", "t"], ["don'", "t"]).tolist()
    [[3.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    spelled = [_letters(part) for part in parts]
    wanted = [_letters(token) for token in tokens]
    if "".join(spelled) != "".join(wanted):
        raise DataError(f"the tokens {' '.join(spelled)} do not spell {' '.join(wanted)}")
    owner = [t for t, token in enumerate(wanted) for _ in token]
    counts = np.zeros((len(spelled), len(wanted)))
    place = 0
    for p, part in enumerate(spelled):
        for _ in part:
            counts[p, owner[place]] += 1
            place += 1
    return counts


def _letters(token: str) -> str:
    return "".join(shown(token).replace("▁", " ").split())


def _scores(pairs: Sequence[AlignedPair], looks: Sequence[Weights]) -> AlignmentScores:
    """Scores to be expected where ``looks[q, k]`` is the probability that q looks at k most."""
    if not pairs:
        raise RangeError("at least one aligned pair is needed, and there is none")
    right: list[float] = []
    right_sure: list[float] = []
    marks: list[float] = []
    given = sure = hits = 0.0
    for pair, look in zip(pairs, looks, strict=True):
        given += float(look[list(pair.words)].sum())
        for q, token in enumerate(pair.target_tokens):
            every, certain = pair.links_of(q), pair.links_of(q, sure=True)
            hit = float(look[q, list(every)].sum())
            if not is_word(token):
                marks += [hit] if every else []
                continue
            hit_sure = float(look[q, list(certain)].sum())
            right += [hit] if every else []
            right_sure += [hit_sure] if certain else []
            sure += len(certain)
            hits += hit + hit_sure
    return AlignmentScores(
        words=len(right),
        right=_mean(right),
        right_sure=_mean(right_sure),
        error=1 - hits / (given + sure) if given + sure else float("nan"),
        punctuation=len(marks),
        right_punctuation=_mean(marks),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _shape(pair: AlignedPair) -> tuple[int, int]:
    return len(pair.target_tokens), len(pair.source_tokens)


def _checked(pair: AlignedPair, weights: ArrayLike) -> Weights:
    matrix = np.asarray(weights, dtype=np.float64)
    rows, columns = _shape(pair)
    if matrix.ndim != 2 or matrix.shape[0] != rows or matrix.shape[1] < columns:
        raise ShapeError(
            f"weights of {rows} target tokens over {columns} source tokens are expected, and their "
            f"shape is {matrix.shape}: {pair.target}"
        )
    return matrix


def _indicators(pairs: Sequence[AlignedPair], links: Sequence[Collection[Link]]) -> list[Weights]:
    """Matrices with 1 where a link is: looks that are certain."""
    looks = []
    for pair, some in zip(pairs, links, strict=True):
        rows, columns = _shape(pair)
        look = np.zeros((rows, max([columns, *(k + 1 for _, k in some)])))
        for link in some:
            look[link] = 1.0
        looks.append(look)
    return looks
