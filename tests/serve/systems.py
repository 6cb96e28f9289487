"""A run of every system, with weights that were drawn and not learned: they answer something."""

import functools

import torch

from regard.data.captioned import CaptionsConfig
from regard.data.labelled import Labelled, LabelsConfig
from regard.data.placed import Placed
from regard.data.questions import QuestionsConfig
from regard.data.running import RunningConfig
from regard.data.running_text import Passage
from regard.data.seen_batch import SeenEncoding
from regard.data.sources import PairsConfig
from regard.data.splits import Splits
from regard.runs.system import named
from regard.serve.runs import Served


def _same(examples):
    return Splits(examples, examples, examples)


def _translator(system):
    pairs = [(text, text[::-1]) for text in ("abcdef", "fade", "bead", "a b")]
    data, model = PairsConfig(units="characters"), system.model(hidden=8, embedding=6)
    return model, system.encoding(_same(pairs), data, model)


def _classifier(system):
    texts = [Labelled("Good food.", "yes"), Labelled("Bad, bad food!", "no")]
    model = system.model(embedding=4, hidden=4)
    return model, system.encoding(_same(texts), LabelsConfig(), model)


def _reader(system):
    data = QuestionsConfig(train=20, min_count=2, max_length=100)
    model = system.model("documentqa", embedding=6, hidden=4, characters=0)
    return model, system.encoding(system.splits(["world"], data), data, model)


def _captioner(system):
    data = CaptionsConfig(train=8)
    model = system.model(channels=(4, 8, 8), embedding=6, hidden=8)
    return model, system.encoding(system.splits(["digits"], data), data, model)


def _draw(system):
    return system.model(steps=3, hidden=6, latent=2), SeenEncoding.of(Placed("test", 5, size=18))


def _language_model(system):
    passages = [Passage("to be, or not to be:\nthat is the question")] * 3
    data, model = RunningConfig(stretch=5), system.model(embedding=6, hidden=8)
    return model, system.encoding(_same(passages), data, model)


_MADE = {
    "captioner": _captioner,
    "classifier": _classifier,
    "draw": _draw,
    "language_model": _language_model,
    "reader": _reader,
    "translator": _translator,
}


@functools.cache
def served(name):
    system = named(name)
    torch.manual_seed(0)
    model, encoding = _MADE[name](system)
    return Served(name, system, system.trained(system.build(model, encoding).eval(), encoding))


def runs(*names):
    return {name: served(name) for name in names or _MADE}
