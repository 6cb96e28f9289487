"""How good are labels, and how far can their probabilities be trusted?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from regard.errors import MissingExtra


class OfClass(NamedTuple):
    """Of the texts that were given this label, the share that have it (precision); of those that
    have it, the share that were given it (recall); their harmonic mean; how many have it."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Bin:
    """Answers of about the same confidence: its mean, the share that were right, how many."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class ClassScores:
    """What ``of_classes`` gives.

    Attributes:
        count: texts.
        accuracy: share of texts given their label.
        accuracy_top: share of texts whose label is among their ``top`` likeliest.
        macro_f1: mean F1 of the classes that some text has or was given.
        loss: mean −log p of the true label (nats), over texts whose label was in training; of
            none, 0.
        brier: mean Σ_c (p_c − [c is true])², from 0 to 2.
        ece: expected calibration error, Σ_bins (count / all) |accuracy − confidence|.
        classes: of each class that some text has or was given.
        bins: those of the calibration that hold texts.
        mistakes: (true label, given label), how often, the most frequent first.
        unseen: texts whose label was not in training: they count as wrong.
    """

    count: int
    accuracy: float
    accuracy_top: float
    macro_f1: float
    loss: float
    brier: float
    ece: float
    classes: tuple[OfClass, ...]
    bins: tuple[Bin, ...]
    mistakes: tuple[tuple[tuple[str, str], int], ...]
    unseen: int


def of_classes(
    probabilities: Float[np.ndarray, "N C"],
    truth: Sequence[str],
    labels: Sequence[str],
    *,
    top: int = 1,
    bins: int = 15,
) -> ClassScores:
    """Scores of probabilities of ``labels`` for texts whose labels are ``truth``.

    A text's answer is its likeliest label, and its confidence that label's probability. A true
    label that is none of ``labels`` is a class of its own, which is never answered.

    Source:  Brier 1950, "Verification of forecasts expressed in terms of probability"; Guo et al.
             2017 (arXiv:1706.04599), §2, eq. 3 (calibration in bins of equal width)

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    try:
        from sklearn.metrics import accuracy_score, precision_recall_fscore_support
    except ImportError as error:
        raise MissingExtra("scores of classes need pip install 'regard[text]'") from error
    answers = probabilities.argmax(-1)
    given = [labels[int(answer)] for answer in answers]
    names = sorted({*truth, *given})
    summarise: Any = precision_recall_fscore_support
    table = summarise(truth, given, labels=names, zero_division=0.0)
    numbers = {label: number for number, label in enumerate(labels)}
    places = np.array([numbers.get(label, -1) for label in truth])
    confidence = probabilities.max(-1)
    found = _bins(confidence, answers == places, bins)
    named = np.argsort(-probabilities, axis=-1, kind="stable")[:, :top]
    wrong = Counter(pair for pair in zip(truth, given, strict=True) if pair[0] != pair[1])
    return ClassScores(
        count=len(truth),
        accuracy=float(accuracy_score(truth, given)),
        accuracy_top=float((named == places[:, None]).any(-1).mean()),
        macro_f1=float(np.mean(table[2])),
        loss=_loss(probabilities, places),
        brier=_brier(probabilities, places),
        ece=sum(b.count * abs(b.accuracy - b.confidence) for b in found) / len(truth),
        classes=tuple(
            OfClass(name, float(precision), float(recall), float(f1), int(support))
            for name, precision, recall, f1, support in zip(names, *table, strict=True)
        ),
        bins=found,
        mistakes=tuple(sorted(wrong.items(), key=lambda item: (-item[1], item[0]))),
        unseen=int((places < 0).sum()),
    )


def _loss(probabilities: Float[np.ndarray, "N C"], places: Int[np.ndarray, " N"]) -> float:
    known = places >= 0
    if not known.any():
        return 0.0
    true = probabilities[known, places[known]]
    return float(-np.log(np.maximum(true, np.finfo(np.float64).tiny)).mean())


def _brier(probabilities: Float[np.ndarray, "N C"], places: Int[np.ndarray, " N"]) -> float:
    # Σ (p − y)² = Σ p² − 2 p_true + 1, where p_true is 0 for a label that cannot be answered.
    rows = np.arange(len(places))
    true = np.where(places >= 0, probabilities[rows, places.clip(min=0)], 0.0)
    return float((np.square(probabilities).sum(-1) - 2 * true + 1).mean())


def _bins(confidence: Float[np.ndarray, " N"], right: np.ndarray, count: int) -> tuple[Bin, ...]:
    """Bins ((m − 1)/count, m/count], those that are not empty."""
    which = np.ceil(confidence * count).astype(int).clip(1, count)
    return tuple(
        Bin(float(confidence[of].mean()), float(right[of].mean()), int(of.sum()))
        for of in (which == number for number in np.unique(which))
    )
