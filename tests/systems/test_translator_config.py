"""What a translator's options refuse, and what null stands for."""

import pytest

from regard.errors import KindError, RangeError, UnknownName
from regard.systems.translator import Config

REFUSED = [
    ({"hidden": 0}, RangeError, "model.hidden is at least 1: 0"),
    ({"layers": 0}, RangeError, "model.layers is at least 1: 0"),
    ({"dropout": 1.0}, RangeError, "model.dropout is a probability below 1: 1.0"),
    ({"label_smoothing": -0.1}, RangeError, "model.label_smoothing is a probability below 1"),
    ({"teacher_forcing": 1.5}, RangeError, "model.teacher_forcing is a probability: 1.5"),
    (
        {"alignment": "coverage", "coverage_weight": -1.0},
        RangeError,
        "model.coverage_weight is at least 0",
    ),
    ({"score": "dott"}, UnknownName, "no score is called 'dott'"),
    (
        {"attention": "none", "score": "dot"},
        KindError,
        r"model.score is of model.attention=bahdanau\|luong\|transformer, and .* is none",
    ),
    ({"places": 9}, KindError, "model.places is of model.score=.*, and model.score is null"),
    ({"window": 3}, KindError, "model.window is of model.reach=local-m|local-p"),
    ({"coverage_weight": 1.0}, KindError, "model.coverage_weight is of model.alignment=coverage"),
    ({"input_feeding": True}, KindError, "model.input_feeding is of model.attention=luong"),
    ({"attention": "transformer", "cell": "gru"}, KindError, "model.cell is of"),
    ({"heads": 2}, KindError, "model.heads is of model.attention=transformer"),
    ({"feed_forward": 2}, KindError, "model.feed_forward is of model.attention=transformer"),
    ({"attention": "none", "normalizer": "sparsemax"}, KindError, "attention=none looks nowhere"),
    ({"attention": "none", "copy": True}, KindError, "attention=none looks nowhere"),
    ({"attention": "none", "reach": "local-p"}, KindError, "attention=none looks nowhere"),
    ({"attention": "transformer", "reach": "local-m"}, KindError, "is global and soft"),
    ({"attention": "transformer", "alignment": "hard"}, KindError, "is global and soft"),
    ({"reach": "local-m", "alignment": "coverage"}, KindError, "looks at the whole source"),
    ({"alignment": "coverage", "score": "dot"}, KindError, "has the additive score, not dot"),
    ({"alignment": "hard", "normalizer": "sparsemax"}, KindError, "softmax, not sparsemax"),
    ({"score": "location"}, KindError, "give model.places"),
    ({"score": "location", "places": 5, "reach": "local-p"}, KindError, "of a whole source"),
    (
        {"attention": "transformer", "score": "location", "places": 5},
        KindError,
        "of a whole source",
    ),
    ({"copy": True, "normalizer": "sigmoid"}, KindError, "wants weights that sum to 1"),
    ({"copy": True, "reach": "local-m"}, KindError, "wants weights that sum to 1"),
    ({"copy": True, "label_smoothing": 0.1}, KindError, "take one of them"),
    ({"attention": "transformer", "teacher_forcing": 0.5}, KindError, "step by step"),
    ({"sampling": "target"}, KindError, "give model.teacher_forcing"),
    ({"attention": "transformer", "hidden": 10}, RangeError, "model.heads=4 heads"),
    ({"attention": "transformer", "embedding": 64}, RangeError, "model.hidden=128 or null"),
]


@pytest.mark.parametrize(("options", "error", "message"), REFUSED)
def test_refuses(options, error, message):
    with pytest.raises(error, match=message):
        Config(**options)


def test_null_stands_for():
    bahdanau, luong = Config(), Config(attention="luong")
    transformer = Config(attention="transformer")
    assert (bahdanau.scored, luong.scored, transformer.scored) == (
        "additive",
        "bilinear",
        "scaled_dot",
    )
    assert (bahdanau.memory, luong.memory) == ("gru", "lstm")
    assert (bahdanau.depth, transformer.depth) == (1, 3)
    assert (bahdanau.width, transformer.width) == (64, 128)
