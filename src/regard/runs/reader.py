"""The reader, as the command line and training know it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from regard.data import questions_files
from regard.data.questions import Asked, Question, QuestionsConfig
from regard.data.questions_batch import QuestionBatch, ReaderEncoding
from regard.data.splits import Splits
from regard.runs.read import Options, TrainedReader
from regard.runs.spans import likeliest
from regard.runs.system import System
from regard.systems.reader import Config, Reader

EXAMPLES = """
examples:
  regard train reader                              stories and questions about them (built in)
  regard train reader --model.attention qanet
  regard train reader squad --model.attention fusionnet
  regard train reader train-v1.1.json --data.vectors_file glove.6B.100d.txt --model.embedding 100
  regard train reader mine.jsonl --data.stride null --data.on_error skip
  regard predict runs/reader-squad --passage article.txt "Who wrote it?" "When?"
  printf 'Ann has a cat.\\tWho has a cat?\\n' | regard predict runs/reader-world --json
"""

TRAINING: dict[str, dict[str, Any]] = {
    "world": {
        "epochs": 3,
        "model.embedding": 48,
        "model.hidden": 32,
        "model.dropout": 0.0,
        "training.batch_size": 64,
        "training.learning_rate": 4e-3,
        "training.warm_up": 0.02,
    },
    "squad": {
        "epochs": 8,
        "training.batch_size": 32,
        "training.learning_rate": 2e-3,
    },
}
"""What suits a built-in set, unless the user says otherwise."""


class ReaderSystem(System):
    """Passage and question to answer."""

    name = "reader"
    about = "passage and question to answer: BiDAF, DocumentQA, FusionNet, QANet"
    data = QuestionsConfig
    model = Config
    search = Options
    builtin = tuple(questions_files.BUILTIN)
    takes = "built-in data, or a file of questions (SQuAD v1.1's JSON, JSON Lines or TSV)"
    asks = "questions about --passage FILE, or PASSAGE<TAB>QUESTION each"
    shows = (
        "The passage with the answer in brackets, shaded by how the question looked at it, and how "
        "much each word of the passage looked at each word of the question."
    )
    vocabulary = ("vocabulary", "min_count", "lower_case", "max_length", "stride", "vectors_file")
    source = "world"
    measure = "exact_span"
    loss = "nats a question"
    examples = EXAMPLES
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        name: {f"data.{key}": value for key, value in questions_files.PRESETS.get(name, {}).items()}
        | training
        for name, training in TRAINING.items()
    }

    def splits(self, sources: Sequence[str], data: QuestionsConfig) -> Splits[Question]:
        return questions_files.load(sources, data)

    def read(
        self, sources: Sequence[str], data: QuestionsConfig, encoding: Any
    ) -> Sequence[Question]:
        return questions_files.read(sources, data)

    def encoding(
        self, splits: Splits[Question], data: QuestionsConfig, model: Config
    ) -> ReaderEncoding:
        return ReaderEncoding.of(splits.train, data)

    def stored(self, content: dict[str, Any]) -> ReaderEncoding:
        return ReaderEncoding.from_json(content)

    def build(self, model: Config, encoding: ReaderEncoding) -> Reader:
        return Reader(
            model,
            len(encoding.words),
            encoding.buckets,
            len(encoding.characters),
            encoding.vectors,
        )

    def judge(self, model: Reader, batch: QuestionBatch) -> float:
        with torch.inference_mode():
            found = model(batch)
        starts, ends = likeliest(found.starts, found.ends, Options().longest)
        return float(((starts == batch.starts) & (ends == batch.ends)).float().mean())

    def trained(self, model: Reader, encoding: ReaderEncoding) -> TrainedReader:
        return TrainedReader(model, encoding)

    def question(self, example: Question) -> Asked:
        return Asked(example.passage, example.question)


SYSTEM = ReaderSystem()
"""What ``regard.runs.system`` asks for."""
