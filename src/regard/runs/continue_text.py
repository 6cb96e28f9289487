"""A trained language model: texts in, what follows them out, and how each word was foretold."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from regard.data.running_text import Passage
from regard.data.running_words import RunningWords, split
from regard.data.streams import Stretch
from regard.data.vocabulary import END
from regard.errors import KindError
from regard.runs import scores_of_words
from regard.runs.continuing import Continuing
from regard.runs.decode import Hypothesis, search
from regard.runs.foretelling import foretold
from regard.runs.scores_of_words import BANDS, NAMES
from regard.runs.system import Scores, Trained, rows_of
from regard.systems.language_model import LanguageModel
from regard.view import page
from regard.view.attended import Attended
from regard.view.foretold import Foretold, foretold_html, foretold_terminal, panels

TITLE = 70
"""Characters of a text that its title has."""


@dataclass(frozen=True)
class TrainedLanguageModel(Trained):
    """A model with its words, ready to go on."""

    model: LanguageModel
    encoding: RunningWords

    def predict(self, questions: Sequence[str], search: Any = None) -> list["Continued"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Texts to be continued, or to be read: either is done when it is asked for, and texts are
        continued as one batch; what stands beside a text changes nothing."""
        together = _Together(self, tuple(questions), search or Continuing())
        return [Continued(text, place, together) for place, text in enumerate(questions)]

    def length(self, question: str) -> int:
        return len(self.prompt(question))

    def prompt(self, text: str) -> Int[np.ndarray, " N"]:
        """The numbers of a text that is not over: END, as before any text, and its words."""
        return np.concatenate([[END], self.encoding.encode(text)[:-1]])

    def follow(self, texts: Sequence[str], options: Continuing) -> list[list[Hypothesis]]:
        """What follows each text; those of one length are one batch."""
        by_length: defaultdict[int, list[int]] = defaultdict(list)
        prompts = [self.prompt(text) for text in texts]
        for place, numbers in enumerate(prompts):
            by_length[len(numbers)].append(place)
        found: list[list[Hypothesis]] = [[] for _ in texts]
        self.model.eval()
        for length, places in by_length.items():
            source = torch.from_numpy(np.stack([prompts[place] for place in places]))
            lengths = torch.full((len(places),), length)
            rows = search(self.model, source, lengths, options)
            for place, row in zip(places, rows, strict=True):
                found[place] = row
        return found

    def gates(self, text: str, words: Sequence[int]) -> list[float] | None:
        """g of each of the words that follow a text; None without a pointer."""
        if self.model.pointer is None:
            return None
        before = self.prompt(text).tolist()
        row = torch.tensor([[*before, *words]])
        stretch = Stretch.of(row[:, :-1], row[:, 1:], begins=True)
        with torch.inference_mode():
            model = self.model.eval()
            told = model.tell(model.read(stretch.words, None), stretch)
        return told.gate[len(before) - 1 :].tolist()

    def evaluate(self, examples: Sequence[Passage], search: Any = None, source: str = "") -> Scores:
        if search not in (None, Continuing()):
            raise KindError(
                "options of the search are for texts that go on; these are judged as read"
            )
        return scores_of_words.evaluate(self, examples)

    def table(self, scores: Scores) -> list[tuple[str, str]]:
        plain = {n: x for n, x in scores.items() if not n.endswith(BANDS) or n == "unknown"}
        bands = {n: x for n, x in scores.items() if n not in plain}
        ordered = sorted(bands, key=lambda name: BANDS.index(_band(name)))
        return rows_of(plain | {n: bands[n] for n in ordered}, scores_of_words.MEANING)

    def sections(self, examples: Sequence[Passage], search: Any = None) -> list[page.Section]:
        """How words of each band of frequency are foretold."""
        told = scores_of_words.nats_by_word(self, examples)
        rows = []
        for number, band in enumerate(BANDS):
            own = told.bands == number
            if own.any():
                gate = "" if self.model.pointer is None else f"{told.gate[own].mean():.1%}"
                share = "" if self.model.pointer is None else f"{told.share[own].mean():.1%}"
                perplexity = f"{np.exp(told.nats[own].mean()):,.1f}"
                rows.append((NAMES[band], f"{int(own.sum()):,}", perplexity, gate, share))
        heads = ("true word", "how many", "perplexity", "g", "of p, the pointer's")
        title = "Words by how often they were learned from"
        return [page.Section(title, page.table(heads, rows))]


@dataclass(frozen=True, eq=False)
class _Together:
    """Texts that are continued as one batch, once one of them is wanted."""

    trained: TrainedLanguageModel
    texts: tuple[str, ...]
    options: Continuing

    @cached_property
    def found(self) -> list[list[Hypothesis]]:
        return self.trained.follow(self.texts, self.options)


@dataclass(frozen=True, eq=False)
class Continued:
    """A text: how it goes on (``line``, ``as_json``), and how it was read (the rest)."""

    text: str
    place: int = field(repr=False)
    together: _Together = field(repr=False)

    @property
    def line(self) -> str:
        """The text and what follows it; of several, a line each: rank, log-probability and text."""
        found = self.together.found[self.place]
        texts = [self._whole(one).replace("\n", " ") for one in found]
        if len(texts) == 1:
            return texts[0]
        rows = enumerate(zip(found, texts, strict=True), 1)
        return "\n".join(f"{n}\t{one.log_probability:.4f}\t{text}" for n, (one, text) in rows)

    @property
    def title(self) -> str:
        """The text, or its beginning."""
        line = " ".join(self.text.split())
        return line if len(line) <= TITLE else f"{line[:TITLE]} …"

    def as_json(self) -> dict[str, Any]:
        """Of each continuation the whole text, the words that follow, their log-probability (nats;
        the end's with it, if the line ended) and, with a pointer, g of each word."""
        found = [self._numbers(one) for one in self.together.found[self.place]]
        best = {"text": self.text} | found[0]
        return best if len(found) == 1 else best | {"n_best": found}

    @cached_property
    def foretold(self) -> Foretold:
        """How the text was read, word by word; nothing is written."""
        trained = self.together.trained
        return foretold(trained.model, trained.encoding, self.text)

    def weights_as_json(self) -> dict[str, Any]:
        return self.foretold.as_json()

    def terminal(self) -> str:
        return foretold_terminal(self.foretold)

    def looked(self) -> list[Attended]:
        return panels(self.foretold, self.title)

    def figure(self) -> str:
        html = foretold_html(self.foretold)
        return page.paragraph(self.title) + html if self.foretold.pointed is None and html else html

    def save(self, path: Path) -> None:
        from regard.view import foretold_picture

        foretold_picture.save(self.foretold, path)

    def _whole(self, one: Hypothesis) -> str:
        encoding = self.together.trained.encoding
        *lines, last = self.text.split("\n")
        added = [encoding.words[number] for number in one.tokens]
        return "\n".join([*lines, encoding.join([*split(last, encoding.units), *added])])

    def _numbers(self, one: Hypothesis) -> dict[str, Any]:
        trained = self.together.trained
        words = [trained.encoding.words[number] for number in one.tokens]
        numbers: dict[str, Any] = {
            "continuation": self._whole(one),
            "words": words,
            "log_probability": round(one.log_probability, 6),
            "ended": one.ended,
        }
        gates = trained.gates(self.text, one.tokens)
        if gates is None:
            return numbers
        return numbers | {"gates": [round(gate, 6) for gate in gates]}


def _band(name: str) -> str:
    return next(band for band in BANDS if name.endswith(band))
