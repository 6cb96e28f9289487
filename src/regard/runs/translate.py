"""A trained translator: texts in, texts and alignments out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch

from regard.data.batching import Encoding
from regard.data.pairs import Pair
from regard.data.sources import LONGEST
from regard.data.vocabulary import BEGIN, UNKNOWN, Units, join, surfaces
from regard.runs import scores_of_texts
from regard.runs.decode import Hypothesis, Search, search, unknown_sources
from regard.runs.stream import streamed
from regard.runs.system import Scores, Trained, rows_of
from regard.systems.translator import Translator
from regard.systems.translator_transformer import TransformerNetwork
from regard.view import Alignment, terminal
from regard.view.attended import Attended
from regard.watching import watch
from regard.watching.shown import kinds, panel


@dataclass(frozen=True)
class TranslatorSearch(Search):
    """How translations are found.

    Attributes:
        replace_unknown: write in place of an unknown token the source's token with the largest
            weight.
    """

    replace_unknown: bool = False


@dataclass(frozen=True)
class Text:
    """One text that a source may become: how likely it is (log-probability, nats), its score,
    where the model looked while it wrote it, and, of a Transformer, what all of its layers and
    heads looked at."""

    target: str
    log_probability: float
    score: float
    alignment: Alignment
    layers: Callable[[], Sequence[Attended]] = field(default=tuple, compare=False, repr=False)


@dataclass(frozen=True)
class Translation:
    """What a text became: the best, and others if they were asked for."""

    source: str
    texts: tuple[Text, ...]

    @property
    def target(self) -> str:
        return self.texts[0].target

    @property
    def log_probability(self) -> float:
        return self.texts[0].log_probability

    @property
    def alignment(self) -> Alignment:
        return self.texts[0].alignment

    @property
    def line(self) -> str:
        """The best text; of several, a line each: rank, log-probability and text."""
        if len(self.texts) == 1:
            return self.target
        rows = enumerate(self.texts, 1)
        return "\n".join(f"{rank}\t{t.log_probability:.4f}\t{t.target}" for rank, t in rows)

    @property
    def title(self) -> str:
        return f"{self.source} → {self.target}"

    def as_json(self) -> dict[str, Any]:
        best = {"source": self.source} | _numbers(self.texts[0])
        return best if len(self.texts) == 1 else best | {"n_best": list(map(_numbers, self.texts))}

    def weights_as_json(self) -> dict[str, Any]:
        return {
            "source": self.alignment.source,
            "target": self.alignment.target,
            "weights": self.alignment.weights.round(6).tolist(),
        }

    def terminal(self) -> str:
        return terminal.alignment(self.alignment)

    def looked(self) -> list[Attended]:
        shown = self.alignment
        one = Attended(
            shown.source,
            shown.target,
            shown.weights,
            title=self.title,
            about="Where the translator looked in the source (columns) while it wrote each token "
            "(rows).",
            joins=all(len(token) == 1 for token in shown.source + shown.target),
        )
        return [one, *self.texts[0].layers()]

    def figure(self) -> str:
        return ""

    def save(self, path: Path) -> None:
        from regard.view import picture

        picture.save(self.alignment, path)


ATTENTIONS = {
    ("encoder", "self_attn"): ("The encoder's, over the source", "source", "source"),
    ("decoder", "self_attn"): ("The decoder's, over what it has written", "written", "read"),
    ("decoder", "multihead_attn"): ("The decoder's, over the source", "written", "source"),
}
"""Of a Transformer, by the names of its modules: what each is, its queries and its keys."""


def _numbers(text: Text) -> dict[str, Any]:
    return {"target": text.target, "log_probability": round(text.log_probability, 6)}


@dataclass(frozen=True)
class TrainedTranslator(Trained):
    """A model with its vocabularies, ready to answer."""

    longest: ClassVar[int | None] = LONGEST

    model: Translator
    encoding: Encoding

    def predict(self, questions: Sequence[str], search: Any = None) -> list[Translation]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Translate texts as one batch; what stands beside a text in the batch changes nothing.

        Tokens never seen are read as unknown; an empty text is one unknown token.
        """
        return self.translate(questions, search)

    def translate(self, texts: Sequence[str], options: Search | None = None) -> list[Translation]:
        """``predict``, with greedy search unless ``options`` say otherwise."""
        if not texts:
            return []
        self.model.eval()
        options = Search() if options is None else options
        source, lengths, copies = self.encoding.sources(texts)
        found = search(self.model, source, lengths, options, copies)
        words = [()] * len(texts) if copies is None else copies.words
        return [
            Translation(text, tuple(self._text(text, one, own, options) for one in row))
            for text, row, own in zip(texts, found, words, strict=True)
        ]

    def align(self, pairs: Sequence[Pair]) -> list[Alignment]:
        """Forced decoding: where the model looks while it writes these targets, END left out."""
        self.model.eval()
        with torch.inference_mode():
            weights = self.model.align(self.encoding.batch(pairs))
        found = []
        for (source, target), rows in zip(pairs, weights, strict=True):
            tokens = self.encoding.target.split(target)
            found.append(self._alignment(source, tokens, rows))
        return found

    def length(self, question: str) -> int:
        return len(self.encoding.source.split(question))

    def evaluate(self, examples: Sequence[Pair], search: Any = None, source: str = "") -> Scores:
        return scores_of_texts.evaluate(self, examples, search or Search(), source)

    def table(self, scores: Scores) -> list[tuple[str, str]]:
        return rows_of(scores, scores_of_texts.MEANING)

    def answers(self, texts: Sequence[str], options: Search) -> list[Translation]:
        """Translate many texts, in batches of like length; their order is kept."""
        found = streamed(
            texts, lambda some: self.translate(some, options), length=self.length, progress=True
        )
        return list(found)

    def _text(self, source: str, found: Hypothesis, copied: Sequence[str], options: Search) -> Text:
        vocabulary = self.encoding.target
        tokens = [
            vocabulary.tokens[n] if n < len(vocabulary) else copied[n - len(vocabulary)]
            for n in found.tokens
        ]
        if isinstance(options, TranslatorSearch) and options.replace_unknown:
            words = self.encoding.source.split(source)
            for place, origin in unknown_sources(found).items():
                tokens[place] = words[origin] if words else tokens[place]
        return Text(
            join(tokens, vocabulary.units),
            found.log_probability,
            found.score,
            self._alignment(source, tokens, found.weights),
            partial(self._layers, source, found.tokens),
        )

    def _layers(self, source: str, written: Sequence[int]) -> list[Attended]:
        """All attentions of a Transformer that reads a text and writes these tokens; of another
        network the alignment is all there is."""
        network = self.model.network
        if not isinstance(network, TransformerNetwork):
            return []
        count, words = len(self.encoding.target), self.encoding.source.split(source) or ["<unk>"]
        read = [BEGIN, *(number if number < count else UNKNOWN for number in written[:-1])]
        given, lengths, _ = self.encoding.sources([source])
        with torch.no_grad(), watch(network) as seen:
            network.whole(given, lengths, torch.tensor([read]))
        target = self.encoding.target
        told = [target.tokens[number] if number < count else "<copy>" for number in written]
        shown = {
            "source": _shown(words, self.encoding.source.units),
            "read": ("<begin>", *_shown(told[:-1], target.units)),
            "written": _shown(told, target.units),
        }
        found = []
        for kind, layers in kinds(seen.layers):
            title, rows, columns = next(
                value
                for name, value in ATTENTIONS.items()
                if kind.startswith(name[0]) and kind.endswith(name[1])
            )
            found.append(panel(layers, shown[rows], shown[columns], title=title))
        return found

    def _alignment(self, source: str, target: Sequence[str], weights: torch.Tensor) -> Alignment:
        words = self.encoding.source.split(source) or ["<unk>"]
        return Alignment(
            source=_shown(words, self.encoding.source.units),
            target=_shown(target, self.encoding.target.units),
            weights=weights[: len(target), : len(words)].float().numpy(),
            title=source,
        )


def _shown(tokens: Sequence[str], units: Units) -> tuple[str, ...]:
    """Tokens as people read them, without what says how they are joined."""
    if units == "characters":
        return tuple(tokens)
    both = zip(surfaces(tokens, units), tokens, strict=True)
    return tuple(surface.strip() or token for surface, token in both)
