"""A trained translator, loaded from its run: texts in, texts and alignments out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from regard.data.batching import Encoding
from regard.data.vocabulary import END, Vocabulary, split
from regard.errors import DataError, RunError
from regard.runs.decode import greedy
from regard.runs.folder import Run
from regard.systems.translator import Config, Translator
from regard.view import Alignment


@dataclass(frozen=True)
class Translation:
    """What a text became, how sure the model was (log-probability, nats), and where it looked."""

    source: str
    target: str
    log_probability: float
    alignment: Alignment


@dataclass(frozen=True)
class TrainedTranslator:
    """A model with its vocabularies, ready to answer."""

    model: Translator
    encoding: Encoding

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        """Translate texts as one batch; what stands beside a text in the batch changes nothing.

        Characters never seen are read as unknown; an empty text is one unknown token.
        """
        if not texts:
            return []
        self.model.eval()
        source, lengths = self.encoding.sources(texts)
        # The rows end on their own; the bound is for a model that has not learned to.
        found = greedy(self.model, source, lengths, max_length=2 * source.shape[1] + 20)
        return [
            self._translation(text, numbers, weights, float(log_probability))
            for text, numbers, weights, log_probability in zip(
                texts, found.tokens.tolist(), found.weights, found.log_probability, strict=True
            )
        ]

    def _translation(
        self, text: str, numbers: list[int], weights: torch.Tensor, log_probability: float
    ) -> Translation:
        vocabulary = self.encoding.target
        written = numbers[: numbers.index(END)] if END in numbers else numbers
        tokens = split(text, self.encoding.source.units) or ["<unk>"]
        alignment = Alignment(
            source=tuple(tokens),
            target=tuple(vocabulary.tokens[number] for number in written),
            weights=weights[: len(written), : len(tokens)].float().numpy(),
            title=text,
        )
        return Translation(text, vocabulary.decode(written), log_probability, alignment)


def load(path: Path) -> TrainedTranslator:
    """The translator of a run, with its best weights.

    Raises:
        RunError: no run, a run of another system, or one without weights.
    """
    run = Run.open(path)
    if run.about["system"] != "translator":
        raise RunError(f"{path} is a run of {run.about['system']}, not of translator")
    weights = run.load_weights()
    encoding = load_encoding(run)
    try:
        config = Config(**run.config["model"])
        model = Translator(config, len(encoding.source), len(encoding.target))
        model.load_state_dict(weights)
    except (KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"{path}: its files do not belong together: {error}") from None
    return TrainedTranslator(model.eval(), encoding)


def load_encoding(run: Run) -> Encoding:
    """The vocabularies of a run."""
    stored = run.read_json("vocabulary.json")
    try:
        return Encoding(*(Vocabulary.from_json(stored[side]) for side in ("source", "target")))
    except (KeyError, TypeError, AttributeError, DataError):
        raise RunError(f"{run.path / 'vocabulary.json'} is broken: no vocabularies") from None
