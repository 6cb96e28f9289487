"""DRAW against plain loops and against integrals; windows are those of the glimpse; refusals."""

import math

import numpy as np
import pytest
import torch
from torch.func import functional_call

from regard.data.placed import Placed
from regard.data.seen_batch import SeenBatch, SeenEncoding
from regard.errors import KindError, RangeError, ShapeError
from regard.systems import draw
from regard.systems.draw import Config, Draw, divergence, reconstruction
from regard.systems.draw_looks import Windows

SMALL = {"steps": 3, "hidden": 4, "latent": 2}
CONFIGS = {
    "attention": Config(**SMALL, read=3, write=2),
    "one size": Config(**SMALL, read=3, write=3),
    "without": Config(**SMALL, attention=False),
}
each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def small(config, height=5, width=4, seed=0):
    """A model with no parameter at 0, in float64; images and noise for it."""
    random = torch.Generator().manual_seed(seed)
    model = Draw(config, height, width).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=random))
    images = (torch.rand(2, height, width, generator=random) < 0.4).double()
    noise = torch.randn(config.steps, 2, config.latent, generator=random).double()
    return model, images, noise


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def plain_filters(numbers, size, high, wide):
    """F_X, F_Y and γ, filter by filter and pixel by pixel."""
    x, y, log_variance, log_stride, log_intensity = numbers
    stride = (max(wide, high) - 1) / (size - 1) * math.exp(log_stride)
    banks = []
    for g, pixels in ((x, wide), (y, high)):
        bank = np.zeros((size, pixels))
        for i in range(1, size + 1):
            mean = (pixels + 1) / 2 * (g + 1) + (i - size / 2 - 0.5) * stride
            for a in range(1, pixels + 1):
                bank[i - 1, a - 1] = math.exp(-((a - mean) ** 2) / (2 * math.exp(log_variance)))
            bank[i - 1] /= bank[i - 1].sum()
        banks.append(bank)
    return *banks, math.exp(log_intensity)


def plain_lstm(weight, bias, given, state, cell):
    gates = weight @ np.concatenate([given, state]) + bias
    enter, keep, leave, new = gates.reshape(4, -1)
    cell = sigmoid(keep) * cell + sigmoid(enter) * np.tanh(new)
    return sigmoid(leave) * np.tanh(cell), cell


def plain(model, image, noise):
    """Canvases, and what the latent numbers cost, of one image: the paper's equations in turn."""
    p = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    encoded, encoder_cell, decoded, decoder_cell = p["states"]
    canvas, canvases, nats = p["canvas"], [], 0.0
    high, wide = image.shape
    config = model.config
    for z_noise in noise:
        error = image - sigmoid(canvas)
        if config.attention:
            numbers = p["look.reading.place.weight"] @ decoded + p["look.reading.place.bias"]
            x, y, intensity = plain_filters(numbers, config.read, high, wide)
            patches = [intensity * y @ part @ x.T for part in (image, error)]
            read = np.stack(patches, 1).ravel()  # row beside row
        else:
            read = np.concatenate([image.ravel(), error.ravel()])
        encoded, encoder_cell = plain_lstm(
            p["encoder.weight"],
            p["encoder.bias"],
            np.concatenate([read, decoded]),
            encoded,
            encoder_cell,
        )
        mean, log_sigma = (p["latent.weight"] @ encoded + p["latent.bias"]).reshape(2, -1)
        for m, s in zip(mean, np.exp(log_sigma), strict=True):
            nats += 0.5 * (m**2 + s**2 - math.log(s**2) - 1)
        decoded, decoder_cell = plain_lstm(
            p["decoder.weight"],
            p["decoder.bias"],
            mean + np.exp(log_sigma) * z_noise,
            decoded,
            decoder_cell,
        )
        written = p["look.patch.weight"] @ decoded + p["look.patch.bias"]
        if config.attention:
            numbers = p["look.writing.place.weight"] @ decoded + p["look.writing.place.bias"]
            x, y, intensity = plain_filters(numbers, config.write, high, wide)
            patch = written.reshape(config.write, config.write)
            canvas = canvas + y.T @ patch @ x / intensity
        else:
            canvas = canvas + written.reshape(high, wide)
        canvases.append(canvas)
    return np.array(canvases), nats


@each_config
@pytest.mark.parametrize("size", [(5, 4), (4, 6), (5, 5)])
def test_agrees_with_plain_loops(config, size):
    model, images, noise = small(config, *size)
    walk = model(images, noise, keep=True)
    bound = reconstruction(walk.canvas, images) + walk.latent
    for row in range(2):
        canvases, nats = plain(model, images[row].numpy(), noise[:, row].numpy())
        np.testing.assert_allclose(walk.canvases[:, row].detach(), canvases, atol=1e-10)
        right = np.where(images[row] > 0, sigmoid(canvases[-1]), 1 - sigmoid(canvases[-1]))
        assert bound[row].item() == pytest.approx(nats - np.log(right).sum(), abs=1e-9)
    torch.testing.assert_close(walk.canvases[-1], walk.canvas)


@each_config
def test_gradients(config):
    model, images, noise = small(config)
    names, values = zip(*model.named_parameters(), strict=True)

    def bound(*parameters):
        walk = functional_call(model, dict(zip(names, parameters, strict=True)), (images, noise))
        return reconstruction(walk.canvas, images) + walk.latent

    assert torch.autograd.gradcheck(bound, values, fast_mode=True)
    for gradient, name in zip(
        torch.autograd.grad(bound(*values).sum(), values), names, strict=True
    ):
        assert gradient.any(), name


@pytest.mark.parametrize("size", [(7, 7), (5, 9)])
@pytest.mark.parametrize(("read", "write"), [(3, 3), (4, 2), (2, 5)])
def test_windows_are_the_glimpses(size, read, write):
    torch.manual_seed(0)
    look = Windows(3, *size, read=read, write=write).double()
    state = torch.randn(50, 3).double() * torch.logspace(-1, 4, 50)[:, None].double()  # far beyond
    images = torch.rand(50, *size).double()
    fixed = look.begin(images, torch.eye(look.features).double(), torch.zeros(1).double())
    opened = look.open(state, fixed)
    reads, writes = look.reading(state), look.writing(state)
    torch.testing.assert_close((opened.read_x, opened.read_y), tuple(reads[:2]))
    torch.testing.assert_close((opened.write_x, opened.write_y), tuple(writes[:2]))
    canvas = torch.zeros_like(images)
    patches = reads.read(torch.stack([images, images - 0.5], 1))
    beside = patches.transpose(1, 2).flatten(1)  # row beside row
    torch.testing.assert_close(look.read(canvas, opened, fixed), beside)
    patch = look.patch(state).view(-1, write, write)
    torch.testing.assert_close(look.write(canvas, opened), writes.write(patch))


def test_the_bound_is_above_by_the_divergence_from_the_posterior(monkeypatch):
    """With one latent number every integral is a sum over a grid."""
    model, images, _ = small(Config(steps=1, hidden=4, latent=1, read=3, write=2))
    grid = torch.linspace(-30, 30, 6001, dtype=torch.float64)
    many, noise, step = images[:1].expand(len(grid), -1, -1), grid.view(1, -1, 1), 0.01
    said = []
    monkeypatch.setattr(draw, "divergence", lambda *both: said.extend(both) or divergence(*both))

    def log_normal(z, mean, sigma):
        return -(((z - mean) / sigma) ** 2) / 2 - math.log(sigma * math.sqrt(2 * math.pi))

    with torch.no_grad():
        walk = model(many, noise)
        mean, sigma = float(said[0][0, 0, 0]), float(said[1][0, 0, 0].exp())
        joint = log_normal(grid, 0, 1) - reconstruction(model.dream(noise).canvas, many)
    drawn = log_normal(grid, 0, 1).exp() * step  # how likely the noise on the grid is
    bound = float((drawn * (reconstruction(walk.canvas, many) + walk.latent)).sum())
    log_p = float((joint.exp() * step).sum().log())
    posterior, proposal = joint - log_p, log_normal(grid, mean, sigma)
    gap = float((proposal.exp() * (proposal - posterior) * step).sum())
    assert gap > 0.001
    assert bound + log_p == pytest.approx(gap, abs=1e-6)


def test_a_divergence_by_hand():
    mean, log_sigma = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, math.log(2.0)]]])
    expected = 0.5 * (1 + 1 - 0 - 1) + 0.5 * (0 + 4 - math.log(4) - 1)
    torch.testing.assert_close(divergence(mean, log_sigma), torch.tensor([expected]))


@each_config
def test_company_changes_nothing(config):
    model, images, noise = small(config)
    together = model(images, noise)
    for row in range(2):
        alone = model(images[row : row + 1], noise[:, row : row + 1])
        torch.testing.assert_close(alone.canvas[0], together.canvas[row])
        torch.testing.assert_close(alone.latent[0], together.latent[row])


@each_config
def test_dreams_read_nothing(config):
    model, _, noise = small(config)
    walk = model.dream(noise, keep=True)
    assert not walk.latent.any()
    assert walk.reads is None
    assert (walk.writes is None) == (not config.attention)
    # Where σ is 0, reading gives z = μ: the same μ as noise must give the same drawing.
    with torch.no_grad():
        model.latent.weight.zero_()
        model.latent.bias[:2], model.latent.bias[2:] = torch.tensor([0.7, -0.2]), -80.0
    read = model(torch.zeros(2, 5, 4), noise).canvas
    dreamt = model.dream(torch.tensor([0.7, -0.2]).double().expand(3, 2, 2)).canvas
    torch.testing.assert_close(read, dreamt)


def test_places_are_told_in_pixels():
    model, images, noise = small(Config(steps=2, hidden=4, latent=2, read=3, write=2))
    with torch.no_grad():
        for glimpse in (model.look.reading, model.look.writing):
            glimpse.place.weight.zero_()
        model.look.reading.place.bias[:] = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0])
        model.look.writing.place.bias[:] = torch.tensor([-1.0, 1.0, 2.0, math.log(0.5), 3.0])
    walk = model(images, noise, keep=True)
    read, write = ([part[1, 0].item() for part in places] for places in (walk.reads, walk.writes))
    assert read == pytest.approx([2.5, 3.0, 4 / 2, 1.0, 1.0])  # the middle of 4 columns, 5 rows
    assert write == pytest.approx([0.0, 6.0, 4 * 0.5, math.e, math.exp(3)])
    assert walk.reads.x.shape == (2, 2)


@each_config
def test_lower_precision_changes_nothing(config):
    model, images, noise = small(config)
    model = model.float()
    with torch.autocast("cpu", torch.bfloat16):
        low = model(images, noise)
    torch.testing.assert_close(low, model(images, noise))
    assert model.loss(SeenBatch(images.byte())).count == 2


@pytest.mark.parametrize("attention", [True, False])
def test_learns(attention):
    torch.manual_seed(0)
    images = Placed("train", 128, size=18)
    encoding = SeenEncoding.of(images)
    config = Config(steps=3, hidden=24, latent=4, attention=attention)
    model = Draw(config, 18, 18, encoding.white)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for step in range(40):
        loss = model.loss(encoding.batch(images[step % 8 * 16 : step % 8 * 16 + 16])).mean
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.75 * losses[0]


def test_refusals():
    with pytest.raises(KindError, match="model.read=4 is the size of a window"):
        Config(attention=False, read=4)
    with pytest.raises(RangeError, match="model.write is at least 2"):
        Config(write=1)
    with pytest.raises(RangeError, match="model.steps is at least 1: 0"):
        Config(steps=0)
    model, images, noise = small(CONFIGS["attention"])
    with pytest.raises(ShapeError, match=r"wants images \(B, 5, 4\), and got \(2, 4, 5\)"):
        model(images.mT)
    with pytest.raises(ShapeError, match=r"noise of 2 images is .* = \(3, 2, 2\)"):
        model(images, noise[:2])
