"""The language model, as the command line and training know it."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, ClassVar

from regard.data import running
from regard.data.running import RunningConfig
from regard.data.running_text import Passage
from regard.data.running_words import RunningWords
from regard.data.splits import Splits
from regard.data.streams import InOrder, Streams, Stretch
from regard.runs.continue_text import TrainedLanguageModel
from regard.runs.continuing import Continuing
from regard.runs.dealing import Deal, Dealt
from regard.runs.scores_of_words import streams_of
from regard.runs.system import System
from regard.systems.language_model import Config, LanguageModel

EXAMPLES = """
examples:
  regard train language_model                      Python's own help (built in)
  regard train language_model wikitext2            articles of Wikipedia
  regard train language_model book.txt --model.kind lstm
  regard train language_model part1.txt part2.txt.gz --data.test_file other.txt
  zcat log.gz | regard train language_model - --data.units spaced
  regard train language_model --config run/config.yaml --run runs/again
"""

WORDS = 40
"""Words of a passage that are asked where examples are: its first ones."""


class LanguageModelSystem(System):
    """Text to more text."""

    name = "language_model"
    about = "text to more text: pointer sentinel mixtures, and the machine reader"
    data = RunningConfig
    model = Config
    search = Continuing
    builtin = tuple(running.BUILTIN)
    takes = "built-in data, or files of running text"
    asks = "texts that predict continues, and explain reads"
    shows = (
        "How each word was foretold: with a pointer, how much of its probability came from the "
        "vocabulary (g) and which of the words before it were pointed at; of the machine reader, "
        "the words before it, shaded by their weights."
    )
    vocabulary = ("units", "vocabulary", "min_count", "stretch")
    source = "prose"
    measure = "accuracy"
    loss = "nats a word"
    examples = EXAMPLES
    refused: ClassVar[Mapping[str, str]] = {
        "batch_tokens": "is for texts of different lengths: a step of a language model has "
        "training.batch_size · data.stretch words"
    }
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "prose": {
            "epochs": 20,
            "training.batch_size": 20,
            "training.learning_rate": 5e-3,
            "model.dropout": 0.5,
        },
        "wikitext2": {
            "epochs": 5,
            "data.units": "spaced",
            "training.batch_size": 32,
            "training.learning_rate": 3e-3,
        },
    }

    def splits(self, sources: Sequence[str], data: RunningConfig) -> Splits[Passage]:
        return running.load(sources, data)

    def read(
        self, sources: Sequence[str], data: RunningConfig, encoding: RunningWords
    ) -> Sequence[Passage]:
        return running.read(sources)

    def encoding(self, splits: Splits[Passage], data: RunningConfig, model: Config) -> RunningWords:
        return RunningWords.of(splits.train, data)

    def stored(self, content: dict[str, Any]) -> RunningWords:
        return RunningWords.from_json(content)

    def build(self, model: Config, encoding: RunningWords) -> LanguageModel:
        return LanguageModel(model, len(encoding))

    def batches(self, part: Sequence[Passage], encoding: RunningWords, deal: Deal) -> Dealt:
        """Streams side by side: a stretch of each after another."""
        numbers = encoding.text(part)
        streams = Streams(
            numbers,
            deal.size if deal.learns else streams_of(numbers),
            encoding.stretch,
            shards=deal.shards,
            shard=deal.shard,
        )
        return Dealt(streams, InOrder(len(streams)), itemgetter(0))

    def judge(self, model: LanguageModel, batch: Stretch) -> float:
        return model.judged

    def trained(self, model: LanguageModel, encoding: RunningWords) -> TrainedLanguageModel:
        return TrainedLanguageModel(model, encoding)

    def question(self, example: Passage) -> str:
        """The first words of a passage."""
        return _beginning(example.text)


def _beginning(text: str) -> str:
    """The first ``WORDS`` words of a text, as white space parts them; its lines are kept."""
    lines, left = [], WORDS
    for line in text.strip().split("\n"):
        words = line.split()[:left]
        lines.append(" ".join(words))
        left -= len(words)
        if left < 1:
            break
    return "\n".join(lines)


SYSTEM = LanguageModelSystem()
