"""A trained reader: passages and questions in, spans and what looked at what out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import torch

from regard.data import files
from regard.data.questions import Asked, Question
from regard.data.questions_batch import ReaderEncoding
from regard.data.tokens import shown, split
from regard.errors import DataError, KindError, RangeError
from regard.runs import scores_of_readings
from regard.runs.read_reply import Reply, Told
from regard.runs.spans import Found, spans
from regard.runs.stream import streamed
from regard.runs.system import Scores, Trained, rows_of
from regard.systems.reader import Looks, Reader
from regard.view import page
from regard.view.reading import Reading

PRONOUNS = ("it", "he", "she", "they")
"""Words of a passage of which ``explain`` shows what they look at in the passage itself."""

MISTAKES = 15
"""Wrong answers that a report tells."""


@dataclass(frozen=True)
class Options:
    """How a reader answers.

    Attributes:
        passage: a text file; every text that is asked is then a question about it. null: each is
            PASSAGE<TAB>QUESTION.
        longest: words that an answer has at most.
        n_best: how many answers are named, the likeliest first.
    """

    passage: str | None = None
    longest: int = 30
    n_best: int = 1

    def __post_init__(self) -> None:
        """Raises:
        RangeError: a number below 1.
        """
        for name in ("longest", "n_best"):
            if getattr(self, name) < 1:
                raise RangeError(f"{name} is at least 1: {getattr(self, name)}")


@dataclass(frozen=True)
class TrainedReader(Trained):
    """A model with its words, ready to answer."""

    fields: ClassVar[Mapping[str, str]] = {
        "passage": "a passage, which has the answer",
        "question": "a question about it",
    }

    model: Reader
    encoding: ReaderEncoding

    def question_of(self, text: str, search: Any = None) -> Asked:
        """What a text asks: a question about ``search.passage``, or PASSAGE<TAB>QUESTION.

        Raises:
            DataError: the passage or the question is empty, or there is but one of them; or the
                passage is longer than the model takes, and it was trained to refuse such.
        """
        options = search or Options()
        if options.passage is not None:
            asked = Asked(_text(options.passage), text.strip())
        elif "\t" in text:
            passage, _, question = text.rpartition("\t")
            asked = Asked(passage, question.strip())
        else:
            raise DataError(
                f"expected PASSAGE<TAB>QUESTION, or a question and --passage FILE: {_cut(text)!r}"
            )
        return self._checked(asked)

    def question_from(self, given: Mapping[str, str | bytes], search: Any = None) -> Asked:
        passage, question = (cast(str, given[name]) for name in ("passage", "question"))
        return self._checked(Asked(passage, question.strip()))

    def predict(self, questions: Sequence[Asked], search: Any = None) -> list[Reply]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Answer questions as one batch; what stands beside one in the batch changes nothing.

        A passage longer than the model takes is read in windows, and the spans of all of them
        compete.
        """
        return self.read(questions, search or Options(), looks=True)

    def read(
        self, questions: Sequence[Asked], options: Options, *, looks: bool = False
    ) -> list[Reply]:
        """``predict``; without ``looks`` the answers' views are empty, and it is faster."""
        if not questions:
            return []
        self.model.eval()
        windows = self.encoding.asked(questions)
        with torch.inference_mode():
            found = self.model(windows.batch, looks=looks)
        rows, offsets = windows.rows.tolist(), windows.offsets.tolist()
        replies = []
        for number, asked in enumerate(questions):
            own = [row for row, question in enumerate(rows) if question == number]
            places = spans(
                found.starts[own],
                found.ends[own],
                [offsets[row] for row in own],
                longest=options.longest,
                count=options.n_best,
            )
            tokens = windows.tokens[number]
            told = tuple(_told(asked.passage, tokens, place) for place in places)
            row = own[places[0].window]
            count = int(windows.batch.passage_lengths[row])
            part = Part(row, offsets[row], count, places[0])
            view = _view(asked, tokens, part, found.looks, told[0]) if looks else _nothing()
            replies.append(Reply(asked, told, view, offsets[row], options.n_best > 1))
        return replies

    def length(self, question: Asked) -> int:
        return len(self.encoding.tokens(question.passage))

    def _checked(self, asked: Asked) -> Asked:
        for name, part in asked._asdict().items():
            if not part.strip():
                raise DataError(f"the {name} is empty")
        self.encoding.check(asked.passage)
        return asked

    def answers(self, questions: Sequence[Asked], options: Options) -> list[Reply]:
        """Answer many questions, in batches of like length; their order is kept."""
        found = streamed(
            questions,
            lambda some: self.read(some, options),
            length=self.length,
            tokens=8192,
            progress=True,
        )
        return list(found)

    def evaluate(
        self, examples: Sequence[Question], search: Any = None, source: str = ""
    ) -> Scores:
        options = search or Options()
        if options.passage is not None:
            raise KindError("passage is for what is asked, and here examples bring theirs")
        return scores_of_readings.evaluate(self, examples, options)

    def table(self, scores: Scores) -> list[tuple[str, str]]:
        rows = rows_of(
            {n: v for n, v in scores.items() if "/" not in n}, scores_of_readings.MEANING
        )
        kinds = [n.removeprefix("exact_match/") for n in scores if n.startswith("exact_match/")]
        return rows + [
            (f"exact match, {kind}", f"{scores[f'exact_match/{kind}']:.1%}") for kind in kinds
        ]

    def sections(self, examples: Sequence[Question], search: Any = None) -> list[page.Section]:
        """The report's first wrong answers."""
        some = [examples[place] for place in range(min(10 * MISTAKES, len(examples)))]
        asked = [Asked(one.passage, one.question) for one in some]
        found = self.answers(asked, search or Options())
        wrong = [
            (one.question, reply.answer, one.texts[0])
            for one, reply in zip(some, found, strict=True)
            if not scores_of_readings.is_exact(reply.answer, one)
        ]
        if not wrong:
            return []
        table = page.table(("question", "answer", "a true one"), wrong[:MISTAKES])
        return [page.Section(f"Wrong answers, of the first {len(some)} questions", table)]


class Part(NamedTuple):
    """The window of a passage that has its answer: its row in the batch, its first token in the
    passage, how many tokens it has, and the answer."""

    row: int
    offset: int
    size: int
    found: Found


def _told(passage: str, tokens: Sequence[tuple[str, int, int]], found: Found) -> Told:
    start, end = tokens[found.start][1], tokens[found.end][2]
    return Told(passage[start:end], start, end, found.probability)


def _view(
    asked: Asked, tokens: Sequence[tuple[str, int, int]], part: Part, looks: Looks, told: Told
) -> Reading:
    """What looked at what in a window."""
    some = tokens[part.offset : part.offset + part.size]
    words = [shown(token) for token in split(asked.question)]
    own = _array(looks.own, part.row)
    pronouns = [place for place, one in enumerate(some) if shown(one[0]).lower() in PRONOUNS]
    over = _array(looks.passage, part.row)
    return Reading(
        passage=_surfaces(asked.passage, some),
        question=tuple(words),
        weights=_array(looks.question, part.row)[: part.size, : len(words)],
        # A row for each word of the question, or one for all of them: their mean.
        over=None if over is None else over[: len(words), : part.size].mean(0),
        answer=(part.found.start - part.offset, part.found.end - part.offset),
        own=() if own is None else tuple((p, own[p, : part.size]) for p in pronouns),
        title=f"{asked.question} → {told.text}",
    )


def _array(looks: Any, row: int) -> Any:
    return None if looks is None else looks[row].double().numpy()


def _surfaces(text: str, tokens: Sequence[tuple[str, int, int]]) -> tuple[str, ...]:
    """What each token adds to the text: its letters, and a space where white space stood before."""
    ends = [tokens[0][1], *(end for _, _, end in tokens)]
    return tuple(
        " " * (start > before) + text[start:end]
        for before, (_, start, end) in zip(ends, tokens, strict=False)
    )


def _nothing() -> Reading:
    return Reading((), (), np.zeros((0, 0)))


@lru_cache(maxsize=4)
def _text(path: str) -> str:
    """The text of a file, its lines joined as they stand."""
    return "\n".join(line for _, line in files.lines(path))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"
