"""``nn.GaussianGlimpse``: DRAW's window, against the paper's equations in loops."""

import math

import pytest
import torch

from regard.errors import RangeError, ShapeError
from regard.nn import GaussianGlimpse

HEIGHT, WIDTH, SIZE = 6, 9, 3


def plain_filters(numbers):
    """Equations 19–26 for one window, number by number: F_X, F_Y and γ."""
    gx, gy, log_variance, log_stride, log_intensity = map(float, numbers)
    variance = math.exp(log_variance)
    stride = (max(WIDTH, HEIGHT) - 1) / (SIZE - 1) * math.exp(log_stride)
    banks = []
    for g, pixels in ((gx, WIDTH), (gy, HEIGHT)):
        centre = (pixels + 1) / 2 * (g + 1)
        bank = []
        for i in range(1, SIZE + 1):
            mean = centre + (i - SIZE / 2 - 0.5) * stride
            row = [math.exp(-((a - mean) ** 2) / (2 * variance)) for a in range(1, pixels + 1)]
            bank.append([x / sum(row) for x in row])
        banks.append(bank)
    return *banks, math.exp(log_intensity)


def make():
    glimpse = GaussianGlimpse(4, height=HEIGHT, width=WIDTH, size=SIZE).double()
    return glimpse, torch.randn(2, 4, dtype=torch.float64)


def test_equals_the_paper_in_loops():
    glimpse, state = make()
    image = torch.randn(2, HEIGHT, WIDTH, dtype=torch.float64)
    patch = torch.randn(2, SIZE, SIZE, dtype=torch.float64)
    window = glimpse(state)
    read, written = window.read(image), window.write(patch)
    for b in range(2):
        numbers = (glimpse.place.weight @ state[b] + glimpse.place.bias).detach()
        fx, fy, gamma = plain_filters(numbers)
        for j in range(SIZE):
            for i in range(SIZE):
                expected = gamma * sum(
                    fy[j][y] * float(image[b, y, x]) * fx[i][x]
                    for y in range(HEIGHT)
                    for x in range(WIDTH)
                )
                assert float(read[b, j, i].detach()) == pytest.approx(expected, rel=1e-9)
        for y in range(HEIGHT):
            for x in range(WIDTH):
                expected = sum(
                    fy[j][y] * float(patch[b, j, i]) * fx[i][x] / gamma
                    for j in range(SIZE)
                    for i in range(SIZE)
                )
                assert float(written[b, y, x].detach()) == pytest.approx(expected, rel=1e-9)


def numbers_for(glimpse, column, row, stride, sigma):
    """What makes the grid's middle stand at a pixel counted from 1, with a stride in pixels."""
    largest = max(glimpse.width, glimpse.height)
    return torch.tensor(
        [
            2 * column / (glimpse.width + 1) - 1,
            2 * row / (glimpse.height + 1) - 1,
            2 * math.log(sigma),
            math.log(stride * (glimpse.size - 1) / (largest - 1)),
            0.0,
        ],
        dtype=torch.float64,
    )


def test_stride_1_cuts_a_patch_out_and_lays_it_back():
    glimpse, _ = make()
    image = torch.randn(HEIGHT, WIDTH, dtype=torch.float64)
    window = glimpse.window(numbers_for(glimpse, column=7, row=3, stride=1, sigma=0.05))
    torch.testing.assert_close(window.read(image), image[1:4, 5:8])  # pixels 2–4 and 6–8 from 1
    laid = window.write(window.read(image))
    expected = torch.zeros_like(image)
    expected[1:4, 5:8] = image[1:4, 5:8]
    torch.testing.assert_close(laid, expected)
    # The wrong version, counted from 0, is off by a pixel and fails the same check.
    assert not torch.allclose(window.read(image), image[2:5, 6:9])


def test_a_wide_window_sees_the_whole_image_blurred():
    glimpse, _ = make()
    image = torch.randn(HEIGHT, WIDTH, dtype=torch.float64)
    blurred = glimpse.window(numbers_for(glimpse, 5, 3.5, 1, 1e4)).read(image)
    torch.testing.assert_close(blurred, image.mean().expand(3, 3), rtol=1e-6, atol=1e-6)
    spread = glimpse.window(torch.tensor([0.0, 0.0, -9.0, 0.0, 0.0]).double())
    centres = spread.x_filters @ torch.arange(1.0, WIDTH + 1).double()
    torch.testing.assert_close(centres, torch.tensor([1.0, 5.0, 9.0]).double())


def test_reading_then_writing_are_adjoint_up_to_the_intensity():
    glimpse, state = make()
    window = glimpse(state)
    image = torch.randn(2, HEIGHT, WIDTH, dtype=torch.float64)
    patch = torch.randn(2, SIZE, SIZE, dtype=torch.float64)
    one = (window.read(image) * patch).sum((-2, -1)) / window.intensity
    other = (window.write(patch) * image).sum((-2, -1)) * window.intensity
    torch.testing.assert_close(one, other)


def test_channels_and_batches():
    glimpse, state = make()
    images = torch.randn(2, 3, HEIGHT, WIDTH, dtype=torch.float64)
    window = glimpse(state)
    patches = window.read(images)
    for channel in range(3):
        torch.testing.assert_close(patches[:, channel], window.read(images[:, channel]))
    for b in range(2):
        alone = glimpse(state[b])  # no batch at all
        torch.testing.assert_close(alone.read(images[b]), patches[b])
        torch.testing.assert_close(alone.write(patches[b]), window.write(patches)[b])


def test_gradients():
    glimpse, state = make()
    image = torch.randn(2, HEIGHT, WIDTH, dtype=torch.float64, requires_grad=True)
    patch = torch.randn(2, SIZE, SIZE, dtype=torch.float64, requires_grad=True)

    def run(state, image, patch, *_):
        window = glimpse(state)
        return window.read(image), window.write(patch)

    arguments = (state.requires_grad_(), image, patch, *glimpse.parameters())
    assert torch.autograd.gradcheck(run, arguments)


@pytest.mark.parametrize(
    "numbers",
    [
        [50.0, -50.0, -9.0, 0.0, 0.0],
        [0.3, 0.3, -200.0, 0.0, 0.0],
        [0, 0, 0.0, 9.0, 0],
        [0, 0, 90.0, 0, 0],
        [0.1, 0, -90.0, 90.0, 0],
        [0, 0, 0.0, 0, 90.0],
        [0, 0, 0.0, 0, -200.0],
    ],
)
def test_far_outside_and_infinitely_sharp_stay_finite(numbers):
    glimpse, _ = make()
    place = torch.tensor(numbers, requires_grad=True)
    window = glimpse.window(place)
    torch.testing.assert_close(window.x_filters.sum(-1), torch.ones(3))
    patch = window.read(torch.ones(HEIGHT, WIDTH))
    (patch.sum() + window.write(patch).sum()).backward()
    assert patch.isfinite().all()
    assert place.grad.isfinite().all()
    # The wrong version divides the Gaussians by their sum, and 0 by 0.
    if numbers[0] == 50:
        mean, variance = (WIDTH + 1) / 2 * (numbers[0] + 1), math.exp(numbers[2])
        row = torch.exp(-((torch.arange(1.0, WIDTH + 1) - mean) ** 2) / (2 * variance))
        assert (row / row.sum()).isnan().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_round_the_filters_once(dtype):
    """512 pixels: bfloat16 has no odd numbers there, and float16 no square of such a distance."""
    glimpse = GaussianGlimpse(4, height=512, width=512, size=5)
    numbers = numbers_for(glimpse, column=403, row=101, stride=3, sigma=0.5).to(dtype)
    window, exact = glimpse.window(numbers), glimpse.window(numbers.double())
    assert window.x_filters.dtype == dtype
    for half, wide in zip(window, exact, strict=True):
        torch.testing.assert_close(half, wide.to(dtype), rtol=0.01, atol=1e-4)
    torch.nn.init.constant_(glimpse.place.bias, -9.0)
    with torch.autocast("cpu", dtype):
        assert all(part.isfinite().all() for part in glimpse(torch.zeros(2, 4)))


def test_refuses():
    glimpse, state = make()
    with pytest.raises(RangeError, match="size ≥ 2, .* and it is 1"):
        GaussianGlimpse(4, height=6, width=9, size=1)
    with pytest.raises(RangeError, match="GaussianGlimpse wants height of at least 1, and it is 0"):
        GaussianGlimpse(4, height=0, width=9, size=2)
    with pytest.raises(ShapeError, match=r"a state \(\*batch, 4\), and got \(2, 3\)"):
        glimpse(state[:, :3])
    with pytest.raises(ShapeError, match=r"B, A\) = \(2, …, 6, 9\), and got \(2, 9, 6\)"):
        glimpse(state).read(torch.zeros(2, 9, 6).double())
    with pytest.raises(ShapeError, match=r"N, N\) = \(2, …, 3, 3\), and got \(3, 3\)"):
        glimpse(state).write(torch.zeros(3, 3).double())
