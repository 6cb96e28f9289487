"""The questions of a file that can be read, and of which article each is."""

from collections.abc import Sequence
from typing import overload

from regard.data import files
from regard.data.problems import Problems
from regard.data.questions import Question, QuestionsConfig
from regard.data.questions_formats import rows
from regard.data.questions_rows import question_of
from regard.errors import DataError


class QuestionRows(Sequence[Question]):
    """The questions of a file, in its order.

    Attributes:
        articles: of each question, the article that its passage is of; empty: the file has none.
        notes: what their user should know: what was left out.
        left_out: all that was, with its place, and why.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        articles: Sequence[str],
        notes: tuple[str, ...] = (),
        left_out: tuple[str, ...] = (),
    ) -> None:
        self._questions, self.articles = questions, articles
        self.notes, self.left_out = notes, left_out

    def take(self, indices: Sequence[int]) -> "QuestionRows":
        """The questions of those numbers, counted from 0, in that order."""
        chosen = [self._questions[index] for index in indices]
        return QuestionRows(
            chosen, [self.articles[index] for index in indices], self.notes, self.left_out
        )

    def keys(self) -> list[str]:
        """What holds questions together when they are split: the article in which the passage
        stands first, if there are three or more; else the passage."""
        passages = [one.passage for one in self._questions]
        first: dict[str, str] = {}
        for passage, article in zip(passages, self.articles, strict=True):
            first.setdefault(passage, article)
        if "" in self.articles or len(set(first.values())) < 3:
            return passages
        return [first[passage] for passage in passages]

    def __len__(self) -> int:
        return len(self._questions)

    @overload
    def __getitem__(self, index: int) -> Question: ...
    @overload
    def __getitem__(self, index: slice) -> "QuestionRows": ...
    def __getitem__(self, index: int | slice) -> "Question | QuestionRows":
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        return self._questions[index]


def read(path: str, config: QuestionsConfig) -> QuestionRows:
    """The questions of a file.

    Raises:
        DataError: as ``questions_formats.rows`` and ``questions_rows.question_of``, with the file
            and the place before it; or nothing can be read. With ``config.on_error`` "skip", what
            can be left out is.

    Cost: memory holds all of the file. Where ``config.stride`` is None, 2 µs a token.
    """
    problems = Problems(files.name(path), skip=config.on_error == "skip")

    def refuse(place: str, why: str, what: str = "question") -> None:
        problems.refuse(what, f"{problems.name}{place}: {why}")

    questions: list[Question] = []
    articles: list[str] = []
    for row in rows(path, refuse):
        try:
            questions.append(question_of(row, config))
        except DataError as error:
            refuse(row.place, str(error))
        else:
            articles.append(row.article)
    if not questions:
        raise problems.nothing("questions, their passages and their answers")
    return QuestionRows(questions, articles, tuple(problems.notes()), tuple(problems.left_out))
