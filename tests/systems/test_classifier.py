"""The classifier learns with every pooling; neither padding nor company changes what it says."""

import random

import pytest
import torch

from regard.data.labelled import Labelled
from regard.data.labelled_batch import UNSEEN, ClassEncoding
from regard.data.vocabulary import Vocabulary
from regard.errors import KindError, RangeError
from regard.nn.pooling import AttentionPooling
from regard.systems.classifier import ATTENTIVE, Classifier, Config

SMALL = {"embedding": 8, "hidden": 8, "dropout": 0.0, "unknown_rate": 0.0, "label_smoothing": 0.0}
POOLINGS = ("last", "mean", "max", *ATTENTIVE)
ENCODERS = ("lstm", "bilstm", "gru", "bigru", "lstmn", "none")


def config(pooling="attention", **options):
    length = {"length": 9} if pooling == "fixed" else {}
    return Config(pooling=pooling, **(SMALL | length | options))


CONFIGS = {
    **{f"{encoder} attention": config(encoder=encoder) for encoder in ENCODERS},
    **{f"bigru {pooling}": config(pooling, encoder="bigru") for pooling in POOLINGS},
    "none last": config("last", encoder="none"),
    "lstm last": config("last", encoder="lstm"),
    "two layers": config(layers=2),
    "sparsemax": config(normalizer="sparsemax"),
    "cut": config(length=3),
}
each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def keyed(count, seed):
    """Texts of seven letters and fewer; the label is whether there is an x among them."""
    draw = random.Random(seed)
    examples = []
    for i in range(count):
        letters = draw.choices("abcdef", k=draw.randint(2, 7))
        if i % 2:
            letters[draw.randrange(len(letters))] = "x"
        examples.append(Labelled("".join(letters), "with" if i % 2 else "without"))
    return examples


def encoding():
    return ClassEncoding(Vocabulary.of(["abcdefx"], "characters"), ("with", "without"))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_learns(pooling):
    torch.manual_seed(0)
    model = Classifier(config(pooling, encoder="gru"), 11, 2)
    examples = keyed(128, 0)
    batches = [encoding().batch(examples[start : start + 32]) for start in range(0, 128, 32)]
    optimizer = torch.optim.Adam(model.parameters(), 2e-2)
    for step in range(60):
        loss = model.loss(batches[step % 4]).mean
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    batch = encoding().batch(keyed(200, 1))
    answers = model.eval()(batch.text, batch.lengths).logits.argmax(-1)
    assert (answers == batch.labels).float().mean() > 0.95


@each_config
def test_padding_and_company_change_nothing(config):
    torch.manual_seed(1)
    model = Classifier(config, 11, 2).eval()
    texts = ["abcxdef", "c", "", "fed☃"]
    text, lengths = encoding().texts(texts)
    poisoned = text.clone()
    for row, length in enumerate(lengths):
        poisoned[row, length:] = 7
    logits, weights = model(text, lengths)
    again = model(poisoned, lengths)
    torch.testing.assert_close(again.logits, logits)
    torch.testing.assert_close(again.weights, weights)
    for row, one in enumerate(texts):
        alone = model(*encoding().texts([one]))
        torch.testing.assert_close(alone.logits[0], logits[row], atol=1e-5, rtol=1e-5)
        shown = min(alone.weights.shape[1], weights.shape[1])
        torch.testing.assert_close(
            alone.weights[0, :shown], weights[row, :shown], atol=1e-5, rtol=1e-5
        )
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(4))
    for row, length in enumerate(lengths):
        assert not weights[row, length:].any()


@each_config
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_parameter_gets_a_finite_gradient(config, dtype):
    torch.manual_seed(2)
    model = Classifier(config, 11, 2)
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        loss = model.loss(encoding().batch(keyed(16, 3)))
    loss.total.backward()
    assert loss.count == 16
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # Softmax does not move when all scores rise by one number.
        assert parameter.grad.any() or name.endswith("inner.bias"), name


def test_weights_of_the_poolings_without_attention():
    text, lengths = encoding().texts(["abc", "d"])
    expected = {
        ("gru", "last"): [[0, 0, 1.0], [1, 0, 0]],
        ("bigru", "last"): [[0.5, 0, 0.5], [1, 0, 0]],
        ("gru", "mean"): [[1 / 3, 1 / 3, 1 / 3], [1, 0, 0]],
    }
    for (encoder, pooling), weights in expected.items():
        model = Classifier(config(pooling, encoder=encoder), 11, 2).eval()
        torch.testing.assert_close(model(text, lengths).weights, torch.tensor(weights))
    model = Classifier(config("max", encoder="none"), 11, 2).eval()
    with torch.no_grad():
        model.embedding.weight.zero_()
        model.embedding.weight[4, :5] = 1.0  # a wins 5 of 8 features, b 2, and c the last
        model.embedding.weight[5, 5:7] = 1.0
        model.embedding.weight[6, 7] = 1.0
    weights = model(text, lengths).weights[0]
    torch.testing.assert_close(weights, torch.tensor([5 / 8, 2 / 8, 1 / 8]))


def test_attended_padding_is_read_as_text():
    model = Classifier(config("last", encoder="lstm", length=6, attend_padding=True), 11, 2).eval()
    text, lengths = encoding().texts(["ab"])
    logits, weights = model(text, lengths)
    padded = torch.tensor([[4, 5, 0, 0, 0, 0]])
    expected = model.output(model.encoder.layers[0].onward(model.embedding(padded))[0][:, -1])
    torch.testing.assert_close(logits, expected)
    assert weights.tolist() == [[0, 0, 0, 0, 0, 1]]
    model.loss(encoding().batch([Labelled("ab", "with")])).total.backward()
    assert model.embedding.weight.grad[0].any()  # and learns a vector, as in Keras
    masked = Classifier(config("last", encoder="lstm", length=6), 11, 2)
    masked.loss(encoding().batch([Labelled("ab", "with")])).total.backward()
    assert not masked.embedding.weight.grad[0].any()


def test_fixed_pooling_over_attended_padding_is_the_keras_layer():
    model = Classifier(config("fixed", encoder="lstm", length=6, attend_padding=True), 11, 2).eval()
    torch.nn.init.normal_(model.pooling.pooling.form.bias)
    padded = torch.tensor([[4, 5, 0, 0, 0, 0]])
    states = model.encoder.layers[0].onward(model.embedding(padded))[0]
    form = model.pooling.pooling.form
    alpha = torch.tanh(states @ form.weight + form.bias).softmax(1)
    logits, weights = model(*encoding().texts(["ab"]))
    torch.testing.assert_close(weights, alpha[..., 0])
    torch.testing.assert_close(logits, model.output((alpha * states).sum(1)))


def test_forget_gates_begin_open():
    lstm = Classifier(config(encoder="bilstm"), 11, 2).encoder.layers[0].rearward
    bias = (lstm.bias_ih_l0 + lstm.bias_hh_l0).unflatten(0, (4, 8))
    assert bias[1].tolist() == [1.0] * 8
    assert bias[[0, 2, 3]].abs().max() < 1


def test_a_text_is_cut_to_its_length():
    model = Classifier(config(length=3), 11, 2).eval()
    long, short = (model(*encoding().texts([text])) for text in ("abcdef", "abc"))
    torch.testing.assert_close(long, short)


def test_the_penalty_counts_in_training_alone():
    torch.manual_seed(3)
    batch = encoding().batch(keyed(8, 4))
    without, heavy = (config("structured", penalty=weight) for weight in (0.0, 2.0))
    model = Classifier(heavy, 11, 2)
    plain = Classifier(without, 11, 2)
    plain.load_state_dict(model.state_dict())
    rows = model._judge(batch.text, batch.lengths)[1].rows
    added = 2.0 * AttentionPooling.penalty(rows).sum()
    torch.testing.assert_close(model.loss(batch).total - plain.loss(batch).total, added)
    torch.testing.assert_close(model.eval().loss(batch), plain.eval().loss(batch))


def test_labels_are_smoothed_in_training_alone():
    batch = encoding().batch(keyed(8, 4))
    model = Classifier(config(label_smoothing=0.2), 11, 2)
    logs = model(batch.text, batch.lengths).logits.log_softmax(-1)
    true = logs.gather(1, batch.labels[:, None]).sum()
    torch.testing.assert_close(model.loss(batch).total, -0.8 * true - 0.2 * logs.mean(-1).sum())
    torch.testing.assert_close(model.eval().loss(batch).total, -true)


def test_labels_not_learned_are_not_in_the_loss():
    model = Classifier(config(), 11, 2).eval()
    known = encoding().batch(keyed(4, 5))
    more = encoding().batch([*keyed(4, 5), Labelled("abc", "other")])
    assert more.labels.tolist()[-1] == UNSEEN
    torch.testing.assert_close(model.loss(more), model.loss(known))


def test_tokens_are_lost_in_training_alone():
    model = Classifier(config(unknown_rate=0.5), 11, 2)
    text = torch.tensor([[4, 5, 6, 7, 0]] * 200)
    lost = model._with_unknowns(text)
    assert 0.4 < (lost[:, :4] == 1).float().mean() < 0.6
    assert not lost[:, 4].any()
    assert torch.equal(model.eval()._with_unknowns(text), text)


def test_an_encoding_comes_back_from_json():
    made = ClassEncoding.of(keyed(8, 6), Vocabulary.of(["abcdefx"], "characters"), 5)
    assert made.labels == ("with", "without")
    assert ClassEncoding.from_json(made.to_json()) == made
    assert made.length(Labelled("abcdefx", "with")) == 5 == len(made.tokens("abcdefx"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rows": 3}, KindError, "model.rows is of model.pooling=structured, and .* attention"),
        ({"pooling": "max", "normalizer": "sparsemax"}, KindError, "model.pooling=max has none"),
        ({"pooling": "fixed"}, KindError, "bias for each position: give model.length"),
        ({"attend_padding": True}, KindError, "padded to one length: give model.length"),
        ({"encoder": "lstmn", "layers": 2}, KindError, "lstmn is not stacked"),
        ({"pooling": "multihead", "heads": 3}, RangeError, "3 share the 128 features"),
        ({"hidden": 0}, RangeError, "model.hidden is at least 1: 0"),
        ({"dropout": 1.0}, RangeError, "model.dropout is a probability below 1"),
        ({"pooling": "structured", "penalty": -1.0}, RangeError, "model.penalty is at least 0"),
    ],
)
def test_refuses(options, error, message):
    with pytest.raises(error, match=message):
        Config(**options)
