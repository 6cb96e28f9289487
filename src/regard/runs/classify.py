"""A trained classifier: texts in, labels and the weights of their words out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from regard.data.labelled import Labelled
from regard.data.labelled_batch import ClassEncoding
from regard.data.vocabulary import surfaces
from regard.errors import RangeError
from regard.runs.scores_of_classes import ClassScores, of_classes
from regard.runs.stream import batches
from regard.runs.system import Scores, Trained
from regard.systems.classifier import Classifier
from regard.view import page, shading, svg
from regard.view.attended import Attended
from regard.view.shading import Shading

TOKENS = 16_384
"""Tokens, padding counted, that are judged as one batch."""

MISTAKES = 10
"""The most frequent mistakes that a report tells."""

SEVERAL = 12
"""Classes up to which a printed table has a row for each."""


@dataclass(frozen=True)
class Options:
    """How a classifier answers.

    Attributes:
        top: how many labels an answer names, the likeliest first; ``evaluate`` counts besides how
            often the true one is among them.
    """

    top: int = 1

    def __post_init__(self) -> None:
        """Raises:
        RangeError: no label would be named.
        """
        if self.top < 1:
            raise RangeError(f"top is at least 1: {self.top}")


@dataclass(frozen=True)
class Classification:
    """What a text was judged to be.

    Attributes:
        text: as it was given.
        probabilities: of every label, the likeliest first.
        tokens: what each token that was read adds to the text.
        weights: ``(K,)``, how much each counted in the pooling.
        padding: the weight that was spent on padding, where padding is read.
        top: how many labels ``line`` and ``title`` name.
    """

    text: str
    probabilities: Mapping[str, float]
    tokens: tuple[str, ...]
    weights: Float[np.ndarray, " K"]
    padding: float = 0.0
    top: int = 1

    @property
    def label(self) -> str:
        return next(iter(self.probabilities))

    @property
    def probability(self) -> float:
        return self.probabilities[self.label]

    @property
    def line(self) -> str:
        """Label and probability, a tab between them; of several labels one pair after another."""
        return "\t".join(f"{label}\t{probability:.4f}" for label, probability in self._named)

    @property
    def title(self) -> str:
        named = ", ".join(f"{label} ({probability:.1%})" for label, probability in self._named)
        return f"{self.text} → {named}"

    @property
    def _named(self) -> list[tuple[str, float]]:
        return list(self.probabilities.items())[: self.top]

    @property
    def shading(self) -> Shading:
        spent = f" ({self.padding:.0%} of the weight on padding)" if self.padding else ""
        return Shading(self.tokens, self.weights, self.label + spent, self.probability)

    def as_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "label": self.label,
            "probability": round(self.probability, 6),
            "probabilities": {label: round(p, 6) for label, p in self.probabilities.items()},
        } | self.weights_as_json()

    def weights_as_json(self) -> dict[str, Any]:
        weights = {"tokens": self.tokens, "weights": self.weights.astype(float).round(6).tolist()}
        return weights | ({"padding": round(self.padding, 6)} if self.padding else {})

    def terminal(self) -> str:
        return shading.terminal(self.shading)

    def looked(self) -> list[Attended]:
        return [
            Attended(
                self.tokens,
                (self.label,),
                self.weights[None],
                title=self.title,
                about="How much each token of the text counted in the pooling.",
                joins=True,
                view="text",
            )
        ]

    def figure(self) -> str:
        return ""

    def save(self, path: Path) -> None:
        from regard.view import shading_picture

        shading_picture.save(self.shading, path)


@dataclass(frozen=True)
class TrainedClassifier(Trained):
    """A model with its vocabulary and labels, ready to answer."""

    model: Classifier
    encoding: ClassEncoding

    def predict(self, questions: Sequence[str], search: Any = None) -> list[Classification]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Judge texts as one batch; what stands beside a text in the batch changes nothing.

        Tokens never seen are read as unknown; an empty text is one unknown token.
        """
        if not questions:
            return []
        top = (search or Options()).top
        probabilities, weights = self._judge(questions)
        return [
            self._classification(text, row, looks, top)
            for text, row, looks in zip(questions, probabilities, weights, strict=True)
        ]

    def length(self, question: str) -> int:
        return len(self.encoding.tokens(question))

    def score(self, examples: Sequence[Labelled], options: Options) -> ClassScores:
        """All that can be said of the answers to examples."""
        probabilities = np.empty((len(examples), len(self.encoding.labels)))
        lengths = [self.encoding.length(example) for example in examples]
        for places in batches(lengths, TOKENS):
            probabilities[places], _ = self._judge([examples[place].text for place in places])
        truth = [example.label for example in examples]
        return of_classes(probabilities, truth, self.encoding.labels, top=options.top)

    def evaluate(
        self, examples: Sequence[Labelled], search: Any = None, source: str = ""
    ) -> Scores:
        """Scores on examples: ``texts`` (how many), ``accuracy``, ``macro_f1``, ``loss`` (nats an
        example), ``brier``, ``ece``, ``unseen`` (texts whose label was not in training),
        ``accuracy_top`` (with ``top`` above 1), and ``precision/LABEL``, ``recall/LABEL``,
        ``f1/LABEL``, ``support/LABEL`` of every class."""
        options = search or Options()
        found = self.score(examples, options)
        scores: Scores = {
            "texts": float(found.count),
            "accuracy": found.accuracy,
            "macro_f1": found.macro_f1,
            "loss": found.loss,
            "brier": found.brier,
            "ece": found.ece,
            "unseen": float(found.unseen),
        }
        if options.top > 1:
            scores["accuracy_top"] = found.accuracy_top
        for label, *numbers in found.classes:
            names = ("precision", "recall", "f1", "support")
            scores |= {f"{n}/{label}": float(x) for n, x in zip(names, numbers, strict=True)}
        return scores

    def table(self, scores: Scores) -> list[tuple[str, str]]:
        rows = [
            (meaning, f"{scores[name]:{form}}")
            for name, (meaning, form) in MEANING.items()
            if name in scores and (name != "unseen" or scores[name])
        ]
        labels = [name.removeprefix("f1/") for name in scores if name.startswith("f1/")]
        if len(labels) <= SEVERAL:
            rows += [(f"F1 of {label}", f"{scores[f'f1/{label}']:.1%}") for label in labels]
        return rows

    def sections(self, examples: Sequence[Labelled], search: Any = None) -> list[page.Section]:
        """The report's tables of classes and mistakes, and how far probabilities can be trusted."""
        found = self.score(examples, search or Options())
        classes = [
            (label, *(f"{number:.1%}" for number in numbers), support)
            for label, *numbers, support in found.classes
        ]
        heads = ("class", "precision", "recall", "F1", "texts")
        sections = [page.Section("Classes", page.table(heads, classes))]
        if found.mistakes:
            mistakes = [(*pair, count) for pair, count in found.mistakes[:MISTAKES]]
            heads = ("is", "was judged to be", "texts")
            made = page.table(heads, mistakes)
            sections.append(page.Section("The most frequent mistakes", made))
        return [*sections, page.Section("Calibration", _calibration(found))]

    def _judge(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities ``(B, C)`` and weights ``(B, K)``."""
        self.model.eval()
        with torch.inference_mode():
            logits, weights = self.model(*self.encoding.texts(texts))
        return logits.double().softmax(-1).numpy(), weights.double().numpy()

    def _classification(
        self, text: str, probabilities: np.ndarray, weights: np.ndarray, top: int
    ) -> Classification:
        labels = self.encoding.labels
        ranked = sorted(range(len(labels)), key=lambda place: -probabilities[place])
        tokens = surfaces(self.encoding.tokens(text), self.encoding.vocabulary.units)
        # What was cut off was not read: it has no weight.
        read = np.zeros(len(tokens))
        read[: len(weights)] = weights[: len(tokens)]
        padding = float(weights[len(tokens) :].sum())
        return Classification(
            text,
            {labels[place]: float(probabilities[place]) for place in ranked},
            tuple(tokens),
            read,
            padding,
            top,
        )


MEANING = {
    "texts": ("texts evaluated", ",.0f"),
    "accuracy": ("accuracy", ".1%"),
    "accuracy_top": ("true label among those named", ".1%"),
    "macro_f1": ("macro F1", ".1%"),
    "loss": ("loss (nats a text)", ".4f"),
    "brier": ("Brier score", ".4f"),
    "ece": ("expected calibration error", ".1%"),
    "unseen": ("texts of labels not learned (wrong)", ",.0f"),
}


def _calibration(found: ClassScores) -> str:
    """The reliability diagram and its table."""
    diagram = svg.curves(
        {
            "as sure as right": [(0.0, 0.0), (1.0, 1.0)],
            "this model": [(each.confidence, each.accuracy) for each in found.bins],
        },
        x_label="confidence: probability of the label given",
        y_label="share that were right",
    )
    rows = [(f"{each.confidence:.1%}", f"{each.accuracy:.1%}", each.count) for each in found.bins]
    return (
        page.paragraph(
            f"Expected calibration error {found.ece:.1%}, Brier score {found.brier:.4f}. Below the "
            "diagonal the model is surer than it should be."
        )
        + page.figure(diagram, "Reliability: texts of about the same confidence together")
        + page.table(("confidence", "right", "texts"), rows)
    )
