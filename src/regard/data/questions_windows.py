"""Batches of windows: parts of passages, each with a question."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from regard.data.questions import Span
from regard.data.questions_words import Cut, Words
from regard.data.vocabulary import PAD
from regard.errors import DataError

NONE = -1
"""The start and the end of a row whose answer is not known."""


class QuestionBatch(NamedTuple):
    """Passages, or windows of them, and questions about them, padded with PAD.

    Attributes:
        passage: numbers of words.
        question: the same.
        passage_characters: numbers of the characters of each word.
        question_characters: the same.
        shared: whether the word stands in the question too, capitals aside.
        starts: the first token of the answer, counted in the row; -1: not known.
        ends: the last token of it.
    """

    passage: Int[Tensor, "B C"]
    passage_lengths: Int[Tensor, " B"]
    question: Int[Tensor, "B Q"]
    question_lengths: Int[Tensor, " B"]
    passage_characters: Int[Tensor, "B C W"]
    question_characters: Int[Tensor, "B Q W"]
    shared: Bool[Tensor, "B C"]
    starts: Int[Tensor, " B"]
    ends: Int[Tensor, " B"]


class Windows(NamedTuple):
    """What is asked, as one batch, in which a long passage has several rows.

    Attributes:
        batch: a window of a passage and the question a row; no answers.
        rows: which question each row is of.
        offsets: where in the passage each row begins, in tokens.
        tokens: of each question, its passage's tokens with their characters' places.
    """

    batch: QuestionBatch
    rows: Int[Tensor, " N"]
    offsets: Int[Tensor, " N"]
    tokens: list[Sequence[tuple[str, int, int]]]


class Window(NamedTuple):
    """A row of a batch: a passage from token ``offset`` on, a question, and the first and last
    token of the answer, counted from there."""

    passage: Cut
    question: Cut
    offset: int
    start: int = NONE
    end: int = NONE


def batch_of(rows: Sequence[Window], seen: Words, most: int) -> QuestionBatch:
    """Windows of ``most`` tokens at most as one batch, their words as ``seen`` numbers them."""
    passages = [row.passage.rows[row.offset : row.offset + most] for row in rows]
    questions = [row.question.rows for row in rows]
    passage, passage_lengths = _padded(passages)
    question, question_lengths = _padded(questions)
    used = np.concatenate([np.zeros(0, np.int32), *passages, *questions])
    width = int(seen.lengths(used).max(initial=1))
    shared = np.zeros(passage.shape, bool)
    for place, (some, others) in enumerate(zip(passages, questions, strict=True)):
        same = seen.folded(some)[:, None] == seen.folded(others)[None]
        shared[place, : len(some)] = same.any(1)
    here, there = passage >= 0, question >= 0
    arrays = (
        np.where(here, seen.numbers(passage), PAD),
        passage_lengths,
        np.where(there, seen.numbers(question), PAD),
        question_lengths,
        np.where(here[..., None], seen.characters(passage)[..., :width], PAD),
        np.where(there[..., None], seen.characters(question)[..., :width], PAD),
        shared,
        np.array([row.start for row in rows], np.int64),
        np.array([row.end for row in rows], np.int64),
    )
    return QuestionBatch(*map(torch.from_numpy, arrays))


def tokens_of(passage: Cut, span: Span) -> tuple[int, int]:
    """The first and the last token that a span of characters touches.

    Raises:
        DataError: it touches none.
    """
    first = int(np.searchsorted(passage.ends, span.start, side="right"))
    last = int(np.searchsorted(passage.starts, span.end, side="left")) - 1
    if first > last:
        raise DataError(f"the answer, characters {span.start} to {span.end}, has no word")
    return first, last


def _padded(
    rows: Sequence[Int[np.ndarray, " N"]],
) -> tuple[Int[np.ndarray, "B N"], Int[np.ndarray, " B"]]:
    """Rows as one array, short ones filled with -1, and their lengths."""
    lengths = np.array([len(row) for row in rows], np.int64)
    padded = np.full((len(rows), int(lengths.max(initial=0))), -1, np.int64)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return padded, lengths
