"""What a reader says: spans of a passage, how likely each is, and what looked at what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from regard.data.questions import Asked
from regard.view import reading
from regard.view.attended import Attended
from regard.view.reading import Reading


class Told(NamedTuple):
    """One answer: its text, its characters in the passage, and how likely it is."""

    text: str
    start: int
    end: int
    probability: float


@dataclass(frozen=True)
class Reply:
    """What a passage says to a question: the likeliest answer, and others if they were asked for.

    Attributes:
        asked: the passage and the question.
        told: the answers, the likeliest first.
        view: what looked at what, of the window that has the answer.
        first: how many tokens of the passage stand before that window.
        ranked: whether several answers were asked for.
    """

    asked: Asked
    told: tuple[Told, ...]
    view: Reading
    first: int = 0
    ranked: bool = False

    @property
    def answer(self) -> str:
        return self.told[0].text

    @property
    def line(self) -> str:
        """The answer, in a line; of several, a line each: rank, probability and answer."""
        texts = [" ".join(told.text.split()) for told in self.told]
        if not self.ranked:
            return texts[0]
        both = enumerate(zip(self.told, texts, strict=True), 1)
        return "\n".join(f"{rank}\t{told.probability:.4f}\t{text}" for rank, (told, text) in both)

    @property
    def title(self) -> str:
        return f"{self.asked.question} → {self.answer} ({self.told[0].probability:.1%})"

    def as_json(self) -> dict[str, Any]:
        best = {"question": self.asked.question} | _numbers(self.told[0])
        return best if not self.ranked else best | {"n_best": list(map(_numbers, self.told))}

    def weights_as_json(self) -> dict[str, Any]:
        """Tokens and words; ``weights`` a row for each token of the passage over the question's
        words; ``over``, how the question looked at the passage; ``own``, what pronouns
        looked at."""
        view = self.view
        weights: dict[str, Any] = {
            "passage": [token.strip() for token in view.passage],
            "question": view.question,
            "answer": view.answer,
            "first": self.first,
            "weights": view.weights.round(6).tolist(),
        }
        if view.over is not None:
            weights["over"] = view.over.round(6).tolist()
        if view.own:
            weights["own"] = [
                {"token": place, "weights": row.astype(float).round(6).tolist()}
                for place, row in view.own
            ]
        return weights

    def terminal(self) -> str:
        return reading.terminal(self.view)

    def looked(self) -> list[Attended]:
        return reading.panels(self.view, self.title)

    def figure(self) -> str:
        return ""

    def save(self, path: Path) -> None:
        from regard.view import picture

        picture.save(self.view.alignment, path)


def _numbers(told: Told) -> dict[str, Any]:
    return told._asdict() | {"answer": told.text, "probability": round(told.probability, 6)}
