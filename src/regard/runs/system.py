"""What the command line, training and run folders need to know of one system, and no more.

A system of ``regard.systems`` is a config, a model and a loss. A ``System`` says besides how its
data are read, how they become numbers, and how a trained one answers; all else is shared.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol

from torch import nn

from regard.data.splits import Splits
from regard.runs.dealing import Deal, Dealt, by_length
from regard.view.attended import Attended
from regard.view.page import Section

Scores = dict[str, float]

Meaning = Mapping[str, tuple[str, str]]
"""What each score is, and how it is written, in the order of a table."""

SYSTEMS: dict[str, str] = {
    "captioner": "image to text: Show, Attend and Tell, with soft and hard attention",
    "classifier": "text to label: recurrent encoders, and attention pooling of every kind",
    "draw": "image to image: DRAW, which reads and writes through windows",
    "language_model": "text to more text: pointer sentinel mixtures, and the machine reader",
    "reader": "passage and question to answer: BiDAF, DocumentQA, FusionNet, QANet",
    "translator": "text to text: RNNsearch (Bahdanau), Luong's translator, the Transformer",
}
"""The systems; ``regard.runs.NAME`` has what this module asks for, as ``SYSTEM``."""


class Encoding(Protocol):
    """How examples become numbers."""

    def batch(self, examples: Sequence[Any], /) -> Any:
        """A NamedTuple of tensors, the first of which has a row for each example."""
        ...

    def length(self, example: Any, /) -> int | tuple[int, ...]:
        """How many tokens an example has, on each of its sides: those of like length make a
        batch."""
        ...

    def to_json(self) -> dict[str, Any]:
        """What ``vocabulary.json`` keeps."""
        ...


class Answer(Protocol):
    """What a trained system says of one question (a text, an image), and what it looked at."""

    @property
    def line(self) -> str:
        """What ``predict`` prints."""
        ...

    @property
    def title(self) -> str:
        """The question and the answer in a line."""
        ...

    def as_json(self) -> dict[str, Any]:
        """What ``predict --json`` prints."""
        ...

    def weights_as_json(self) -> dict[str, Any]:
        """What ``explain --json`` prints: tokens and weights."""
        ...

    def terminal(self) -> str:
        """What ``explain`` shows in a terminal."""
        ...

    def looked(self) -> Sequence[Attended]:
        """What a page shows of it in panels: each has one matrix of weights at least.

        Raises:
            ShapeError, RangeError: there is nothing to show, or weights that are no numbers.
        """
        ...

    def figure(self) -> str:
        """What a page shows besides, as HTML; mostly nothing."""
        ...

    def save(self, path: Path) -> None:
        """A picture, .png, .svg or .pdf."""
        ...


class Trained(ABC):
    """A model with its encoding, ready to answer questions: texts, or whatever a system makes of
    the words that a person wrote.

    Attributes:
        longest: characters that a text may have; None: any, for longer ones are cut.
        fields: what a client of a server sends to ask something: names, and what each is. A field
            called "image" is the bytes of one, any other a text.
        optional: the fields that may be left out.
    """

    longest: ClassVar[int | None] = None
    fields: ClassVar[Mapping[str, str]] = {"text": "a text"}
    optional: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def predict(self, questions: Sequence[Any], search: Any) -> list[Answer]:
        """Answer questions as one batch; what stands beside a question changes nothing."""

    @abstractmethod
    def length(self, question: Any) -> int:
        """How many tokens a question has: those of like length are answered together."""

    def question_of(self, text: str, search: Any) -> Any:
        """What a person asks by a word or a line: the text itself, the image of this name, or a
        question about the passage that ``search`` names.

        Raises:
            DataError: it names something that cannot be read.
        """
        return text

    def question_from(self, given: Mapping[str, str | bytes], search: Any) -> Any:
        """What a client of a server asks by ``fields``. Whatever they say, no file is opened.

        Raises:
            DataError: they ask nothing that can be answered.
        """
        return given["text"]

    def own_questions(self, search: Any) -> Sequence[Any]:
        """What the options ask by themselves, where nothing else is asked."""
        return ()

    @abstractmethod
    def evaluate(self, examples: Sequence[Any], search: Any, source: str = "") -> Scores:
        """Scores on examples; of built-in data, the answers to its own questions besides."""

    @abstractmethod
    def table(self, scores: Scores) -> list[tuple[str, str]]:
        """Scores as rows to print: what it is, and its value."""

    def sections(self, examples: Sequence[Any], search: Any) -> list[Section]:
        """What the report shows besides scores, curves and some answers."""
        return []


class System(ABC):
    """How one system is trained and used.

    Attributes:
        name: what it is called on the command line.
        about: one sentence on what it is.
        data, model, search: dataclasses of the options ``--data``, ``--model``, and of those that
            ``predict`` and ``evaluate`` take.
        builtin: names of data that need no file.
        takes: what else ``DATA`` may be, for ``--help``.
        asks: what is asked of a run, for ``--help``.
        piped: whether data may come from standard input.
        shows: what the figures of its answers show, for pages.
        vocabulary: the options of ``data`` that say how texts become numbers.
        source: the data that are taken where none are named.
        folders: the options of ``data`` that name a folder.
        measure: what ``judge`` measures, a share; larger is better.
        loss: what the loss is counted by ("nats a token").
        refused: options of ``--training`` that mean nothing here, and why.
        presets: options that built-in data set, unless the user does.
        examples: of the command line, for ``--help``.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    data: ClassVar[type]
    model: ClassVar[type]
    search: ClassVar[type]
    builtin: ClassVar[tuple[str, ...]]
    takes: ClassVar[str]
    vocabulary: ClassVar[tuple[str, ...]]
    source: ClassVar[str]
    measure: ClassVar[str]
    loss: ClassVar[str]
    asks: ClassVar[str] = "texts"
    piped: ClassVar[bool] = True
    shows: ClassVar[str] = "Attention weights: the darker, the more weight."
    folders: ClassVar[tuple[str, ...]] = ()
    refused: ClassVar[Mapping[str, str]] = {}
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    examples: ClassVar[str] = ""

    @abstractmethod
    def splits(self, sources: Sequence[str], data: Any) -> Splits[Any]:
        """The examples of built-in data, of files, or of standard input ("-"), in their parts."""

    @abstractmethod
    def read(self, sources: Sequence[str], data: Any, encoding: Any) -> Sequence[Any]:
        """All examples of files or of standard input, to be evaluated on by a model with this
        encoding; if they have ``notes``, sentences on what was left out, these are told."""

    @abstractmethod
    def encoding(self, splits: Splits[Any], data: Any, model: Any) -> Encoding:
        """How the training part's examples become numbers."""

    @abstractmethod
    def stored(self, content: dict[str, Any]) -> Encoding:
        """The encoding that ``Encoding.to_json`` described."""

    @abstractmethod
    def build(self, model: Any, encoding: Any) -> nn.Module:
        """A model, not trained: ``loss(batch)`` is a ``systems.loss.Loss``."""

    def batches(self, part: Sequence[Any], encoding: Any, deal: Deal) -> Dealt:
        """A part of the data in batches: examples of like length together, unless they are read in
        some other order."""
        return by_length(part, encoding, deal)

    @abstractmethod
    def judge(self, model: Any, batch: Any) -> float:
        """The mean of ``measure`` over the examples of a validation batch."""

    @abstractmethod
    def trained(self, model: Any, encoding: Any) -> Trained:
        """A trained model, ready to answer."""

    def question(self, example: Any) -> Any:
        """What an example asks: its text, or its image."""
        return example[0]


def rows_of(scores: Scores, meaning: Meaning) -> list[tuple[str, str]]:
    """Scores as rows to print: what it is, and its value."""
    return [(meaning[name][0], format(value, meaning[name][1])) for name, value in scores.items()]


def named(name: str) -> System:
    """The system of this name, imported when it is asked for."""
    return import_module(f"regard.runs.{name}").SYSTEM
