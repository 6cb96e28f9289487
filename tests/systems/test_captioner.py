"""The captioner learns to look; what stands beside an image changes nothing; the loss is the
paper's."""

import pytest
import torch
from torch import nn

from regard.data.captioned import Captioned
from regard.data.captioned_batch import CaptionBatch, CaptionEncoding
from regard.data.picture import Picture
from regard.data.vocabulary import Vocabulary
from regard.errors import KindError, RangeError, ShapeError
from regard.nn.xu import doubly_stochastic_loss
from regard.runs.decode import Search, greedy, search
from regard.systems.captioner import Captioner, Config

SIZE = 16
SMALL = {"channels": (8, 12), "embedding": 8, "hidden": 16}
CONFIGS = {
    "soft": Config(**SMALL),
    "sparse, dot": Config(**SMALL, normalizer="sparsemax", score="dot"),
    "hard": Config(**SMALL, attention="hard"),
    "mean": Config(**SMALL, attention="mean"),
    "no positions": Config(**SMALL, positions=False),
}
each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
WORDS = ("dark", "grey", "light")


def squares(count, seed=0):
    """A square in each half of an image; the caption tells the left one's shade, then the right
    one's: the mean of all places does not know which is which."""
    draw = torch.Generator().manual_seed(seed)
    examples = []
    for number in range(count):
        pixels, shades = torch.zeros(SIZE, SIZE, 1, dtype=torch.uint8), []
        for left in (2, 10):
            shade, top = (int(torch.randint(n, (1,), generator=draw)) for n in (3, 11))
            pixels[top + 1 : top + 5, left : left + 4] = 80 * (shade + 1)
            shades.append(WORDS[shade])
        picture = Picture(f"{number}", f"{seed} {number}", pixels.numpy)
        examples.append(Captioned(picture, " then ".join(shades)))
    return examples


def encoding():
    captions = ["dark grey light then"]
    return CaptionEncoding(Vocabulary.of(captions, "words"), SIZE, 1)


def made(config, dtype=torch.float32):
    torch.manual_seed(1)
    return Captioner(config, SIZE, 1, len(encoding().words)).to(dtype)


def learned(config, steps):
    """A model that has learned from some images, and the share of fresh ones that it captions
    right."""
    torch.manual_seed(0)
    # Patches know nothing of where they are, which convolutions learn from the border.
    model = Captioner(config, SIZE, 1, len(encoding().words), encoder=Patches())
    examples = squares(192)
    batches = [encoding().batch(examples[i : i + 32]) for i in range(0, 192, 32)]
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for step in range(steps):
        loss = model.loss(batches[step % 6]).mean
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    fresh = squares(60, seed=1)
    batch = encoding().batch(fresh)
    found = greedy(model, batch.images, torch.full((60,), model.grid.places), 6)
    texts = [encoding().words.decode(row) for row in found.tokens.tolist()]
    return (
        model,
        batch,
        sum(text == one.caption for text, one in zip(texts, fresh, strict=True)) / 60,
    )


def test_learns_to_look():
    model, batch, right = learned(CONFIGS["soft"], 300)
    assert right >= 0.9
    # Each shade is written from the half where it is: of the words the first and the third.
    weights = model.align(batch)[:, [0, 2]].unflatten(-1, model.grid[:2]).sum(2)
    half = model.grid.columns // 2
    halves = torch.stack([weights[:, 0, :half].sum(-1), weights[:, 1, half:].sum(-1)])
    assert halves.mean() > 0.6


def test_learns_to_look_at_one_place():
    _, _, right = learned(CONFIGS["hard"], 600)
    assert right >= 0.8


def test_does_not_learn_it_without_looking():
    _, _, right = learned(CONFIGS["mean"], 300)
    assert right <= 0.65


@torch.no_grad()
@each_config
def test_company_changes_nothing_and_steps_are_the_whole(config):
    model = made(config, torch.float64).eval()
    batch = encoding().batch(squares(4))
    weights = model.align(batch)
    assert weights.shape == (4, batch.target.shape[1] - 1, model.grid.places)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    state, total = model.begin(batch.images), 0.0
    for t in range(batch.target.shape[1] - 1):
        found, state, row = model.step(batch.target[:, t], state)
        torch.testing.assert_close(row, weights[:, t])
        truth = batch.target[:, t + 1]
        total = total - found.double().gather(1, truth[:, None]).sum()
    # All captions here have three words and END.
    whole = model.loss(batch).total
    torch.testing.assert_close(total, whole, rtol=1e-5, atol=1e-5)
    alone = CaptionBatch(*(part[2:3] for part in batch))
    torch.testing.assert_close(model.align(alone)[0], weights[2])


@each_config
def test_every_parameter_gets_a_finite_gradient(config):
    model = made(config)
    loss = model.loss(encoding().batch(squares(8)))
    loss.total.backward()
    assert loss.count == 8 * 4
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


def test_the_penalty_is_part_of_the_training_loss_alone():
    config = Config(**SMALL, doubly_stochastic=0.7)
    model, batch = made(config, torch.float64), encoding().batch(squares(5))
    for layer in model.modules():  # whose statistics would differ between the two
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    penalty = doubly_stochastic_loss(model.align(batch), batch.target_lengths - 1).sum()
    trained = model.loss(batch).total
    nats = model.eval().loss(batch).total
    torch.testing.assert_close(trained, nats + 0.7 * penalty)


def test_padding_of_captions_is_not_learned_from():
    model, batch = made(CONFIGS["soft"], torch.float64).eval(), encoding().batch(squares(3))
    longer = torch.cat([batch.target, torch.full((3, 4), 5)], 1)
    torch.testing.assert_close(
        model.loss(batch._replace(target=longer)).total, model.loss(batch).total
    )


def test_beam_and_sampled_captions_do_not_depend_on_company():
    model, images = made(CONFIGS["soft"]).eval(), encoding().batch(squares(4)).images
    lengths = torch.full((4,), model.grid.places)
    for options in (
        Search(beam=3, n_best=2, max_length=5),
        Search(sample=True, n_best=2, max_length=5, seed=3),
    ):
        together = search(model, images, lengths, options)
        alone = search(model, images[1:2], lengths[1:2], options)
        assert [one.tokens for one in together[1]] == [one.tokens for one in alone[0]]
        assert together[0][0].weights.shape[1] == model.grid.places


class Patches(nn.Module):
    """An encoder of a user's: patches of 4 × 4 pixels, as they are."""

    def forward(self, images):
        return nn.functional.pixel_unshuffle(images, 4)


def nothing():
    return 3


def test_an_encoder_of_the_users_own():
    model = Captioner(CONFIGS["soft"], SIZE, 1, 11, encoder=Patches())
    assert model.grid == (4, 4, 16)
    named = Config(**SMALL | {"encoder": f"{__name__}:Patches"})
    assert Captioner(named, SIZE, 1, 11).grid == (4, 4, 16)
    for encoder, why in (
        ("no.such.module:Encoder", "cannot be made: ModuleNotFoundError"),
        (f"{__name__}:nothing", "gives a torch.nn.Module, not int"),
        ("torch.nn:Flatten", r"and this one made \(1, 256\)"),
        ("torch.nn:LazyLinear", "cannot be made: TypeError"),
    ):
        with pytest.raises(KindError, match=why):
            Captioner(Config(encoder=encoder), SIZE, 1, 11)
    with pytest.raises(KindError, match="PACKAGE.MODULE:NAME, not 'resnet'"):
        Config(encoder="resnet")
    with pytest.raises(RangeError, match="4 pixels a side cannot be halved 3 times"):
        Captioner(Config(), 4, 1, 11)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"hidden": 0}, RangeError, "model.hidden is at least 1"),
        ({"channels": ()}, RangeError, "model.channels are one number or more"),
        ({"dropout": 1.0}, RangeError, "model.dropout is a share below 1"),
        ({"doubly_stochastic": -1.0}, RangeError, "model.doubly_stochastic is a number, 0 or more"),
        ({"expectation": 2.0, "attention": "hard"}, RangeError, "is a probability: 2.0"),
        ({"attention": "mean", "score": "dot"}, KindError, "model.score is of model.attention="),
        ({"attention": "hard", "normalizer": "sparsemax"}, KindError, "model.normalizer is of"),
        ({"reward_weight": 1.0}, KindError, "model.reward_weight is of model.attention=hard"),
    ],
)
def test_refuses(options, error, message):
    with pytest.raises(error, match=message):
        Config(**options)


def test_images_of_another_size_are_refused_by_name():
    with pytest.raises(ShapeError, match=r"3: this model reads images .* of \(8, 8, 1\), and this"):
        CaptionEncoding(encoding().words, 8, 1).images([squares(4)[3].image])
