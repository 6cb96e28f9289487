"""The translator, as the command line and training know it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from regard.data.batching import Batch, Encoding
from regard.data.pairs import Pair, read, read_parallel
from regard.data.sources import BUILTIN, PairsConfig, load
from regard.data.splits import Splits
from regard.data.vocabulary import Vocabulary
from regard.runs.scores_of_texts import token_match
from regard.runs.system import System
from regard.runs.translate import TrainedTranslator, TranslatorSearch
from regard.systems.translator import Config, Translator

EXAMPLES = """
examples:
  regard train translator                          learn the built-in dates
  regard train translator eng-fra                  English to French, of Tatoeba
  regard train translator pairs.tsv --model.hidden 256
  regard train translator text.en text.fr --data.units pieces --model.attention transformer
  regard train translator pairs.tsv.gz --model.attention luong --model.reach local-p
  regard train translator more.tsv --init runs/translator-pairs --run runs/more
  regard train translator --config run/config.yaml --run runs/again
  regard train translator --run runs/again --resume
"""


class TranslatorSystem(System):
    """Text to text."""

    name = "translator"
    about = "text to text: RNNsearch (Bahdanau), Luong's translator, the Transformer"
    data = PairsConfig
    model = Config
    search = TranslatorSearch
    builtin = tuple(BUILTIN)
    takes = "built-in data, a file of source<TAB>target, or two files with a text a line"
    vocabulary = ("units", "vocabulary")
    source = "dates"
    measure = "exact_match"
    loss = "nats a token"
    examples = EXAMPLES
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "dates": {"epochs": 1, "data.units": "characters"},
        "eng-fra": {
            "epochs": 10,
            "data.units": "pieces",
            "data.vocabulary": 4_000,
            "model.embedding": 256,
            "model.hidden": 256,
            "model.tied": True,
            "training.batch_size": 64,
            # At 4e-3 the tanh of Bahdanau's score saturates before it has learned where to look.
            "training.learning_rate": 1e-3,
        },
    }

    def splits(self, sources: Sequence[str], data: PairsConfig) -> Splits[Pair]:
        return load(sources, data)

    def read(self, sources: Sequence[str], data: PairsConfig, encoding: Any) -> Sequence[Pair]:
        if len(sources) == 2:
            return read_parallel(*sources, reverse=data.reverse)
        return read(sources[0], data.columns, reverse=data.reverse)

    def encoding(self, splits: Splits[Pair], data: PairsConfig, model: Config) -> Encoding:
        units = data.units or "words"
        sides = (
            Vocabulary.of((pair[side] for pair in splits.train), units, size=data.vocabulary)
            for side in (0, 1)
        )
        return Encoding(*sides, copy=model.copy)

    def stored(self, content: dict[str, Any]) -> Encoding:
        return Encoding.from_json(content)

    def build(self, model: Config, encoding: Encoding) -> Translator:
        return Translator(model, len(encoding.source), len(encoding.target))

    def judge(self, model: Translator, batch: Batch) -> float:
        return token_match(model, batch)

    def trained(self, model: Translator, encoding: Encoding) -> TrainedTranslator:
        return TrainedTranslator(model, encoding)


SYSTEM = TranslatorSystem()
