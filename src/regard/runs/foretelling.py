"""A text, read by a trained language model, as it is shown."""

from typing import Any

import numpy as np
import torch

from regard.data import tokens
from regard.data.running_words import END_OF_LINE, RunningWords, split
from regard.data.streams import Stretch
from regard.data.vocabulary import END, UNKNOWN
from regard.systems.language_model import LanguageModel, Reading
from regard.view.foretold import Foretold


def foretold(model: LanguageModel, encoding: RunningWords, text: str) -> Foretold:
    """How each word of a text was foretold from those before it. The first is the end of the line
    before, which stands at the beginning of every text."""
    row = np.concatenate([[END], encoding.encode(text)[:-1]])
    words = torch.from_numpy(row)[None]
    with torch.inference_mode():
        reading = model.eval().read(words, None, weights=model.config.kind == "lstmn")
        # The last word's state foretells what does not stand there.
        stretch = Stretch.of(words[:, :-1], words[:, 1:], begins=True)
        told = model.tell(_shorter(reading), stretch) if len(row) > 1 else None
    probabilities = [np.nan, *((-told.nats).exp().tolist() if told is not None else [])]
    known = (row != UNKNOWN).tolist()
    given: dict[str, Any] = {}
    if reading.pointed is not None:
        assert told is not None or len(row) == 1
        given["gates"] = [np.nan, *(told.gate.tolist() if told is not None else [])]
        given["shares"] = [np.nan, *(told.share.tolist() if told is not None else [])]
        # Row t tells of word t + 1; of the first word there is none.
        rows = reading.pointed.log_weights[0].double().exp().numpy()
        given["pointed"] = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    if reading.weights is not None:
        given["weights"] = reading.weights[0].double().numpy()
    return Foretold(tuple(_shown(encoding, text)), np.array(probabilities), tuple(known), **given)


def _shorter(reading: Reading) -> Reading:
    """The reading of all words but the last."""
    pointed = reading.pointed
    if pointed is not None:
        pointed = pointed._replace(
            log_gate=pointed.log_gate[:, :-1], log_weights=pointed.log_weights[:, :-1]
        )
    return reading._replace(hidden=reading.hidden[:, :-1], pointed=pointed)


def _shown(encoding: RunningWords, text: str) -> list[str]:
    """What each word adds to the text, with a sign for the ends of lines."""
    found = [END_OF_LINE]
    for line in text.split("\n"):
        words = split(line, encoding.units)
        if encoding.units == "words":
            surfaces = tokens.surfaces(words)
            found += [f" {surfaces[0]}", *surfaces[1:]] if surfaces else []
        else:
            found += [f" {word}" for word in words]
        found.append(f" {END_OF_LINE}")
    return found[:-1]
