"""The classifier, as the command line and training know it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from regard.data import labels
from regard.data.labelled import Labelled, LabelsConfig
from regard.data.labelled_batch import ClassBatch, ClassEncoding
from regard.data.splits import Splits
from regard.runs.classify import Options, TrainedClassifier
from regard.runs.system import System
from regard.systems.classifier import Classifier, Config

EXAMPLES = """
examples:
  regard train classifier                          which language is this name written in?
  regard train classifier sentiment                reviews: negative or positive
  regard train classifier mails.csv --data.text body --data.label folder
  regard train classifier mails.jsonl.gz --model.pooling structured --model.rows 8
  regard train classifier sentiment --model.encoder lstm --model.pooling last
  regard train classifier --config run/config.yaml --run runs/again
"""

TRAINING: dict[str, dict[str, Any]] = {
    "sentiment": {
        "epochs": 10,
        "training.batch_size": 32,
        "training.learning_rate": 3e-3,
        "training.patience": 10,
        "training.keep": "last",  # 200 texts are too few to choose by
        "model.embedding": 256,
    },
    "languages": {
        "epochs": 20,
        "training.batch_size": 64,
        "training.learning_rate": 4e-3,
        "model.unknown_rate": 0.02,
    },
}
"""What suits a built-in set, unless the user says otherwise."""


class ClassifierSystem(System):
    """Text to label."""

    name = "classifier"
    about = "text to label: recurrent encoders, and attention pooling of every kind"
    data = LabelsConfig
    model = Config
    search = Options
    builtin = tuple(labels.BUILTIN)
    takes = "built-in data, or a file of texts and labels (TSV, CSV or JSON Lines)"
    vocabulary = ("units", "vocabulary", "min_count", "max_length", "lower_case")
    source = "languages"
    measure = "accuracy"
    loss = "nats a text"
    examples = EXAMPLES
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        name: {f"data.{key}": value for key, value in data.items()} | TRAINING.get(name, {})
        for name, data in labels.PRESETS.items()
    }

    def splits(self, sources: Sequence[str], data: LabelsConfig) -> Splits[Labelled]:
        return labels.load(sources, data)

    def read(self, sources: Sequence[str], data: LabelsConfig, encoding: Any) -> Sequence[Labelled]:
        return labels.read(sources, data)

    def encoding(
        self, splits: Splits[Labelled], data: LabelsConfig, model: Config
    ) -> ClassEncoding:
        return ClassEncoding.of(splits.train, data.vocabulary_of(splits.train), data.max_length)

    def stored(self, content: dict[str, Any]) -> ClassEncoding:
        return ClassEncoding.from_json(content)

    def build(self, model: Config, encoding: ClassEncoding) -> Classifier:
        return Classifier(model, len(encoding.vocabulary), len(encoding.labels))

    def judge(self, model: Classifier, batch: ClassBatch) -> float:
        with torch.inference_mode():
            answers = model(batch.text, batch.lengths).logits.argmax(-1)
        return float((answers == batch.labels).float().mean())

    def trained(self, model: Classifier, encoding: ClassEncoding) -> TrainedClassifier:
        return TrainedClassifier(model, encoding)


SYSTEM = ClassifierSystem()
