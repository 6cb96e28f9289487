"""The nats of the truth are torch's cross-entropy."""

import pytest
import torch
import torch.nn.functional as F

from regard.systems.nats import nats_of


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_nats_are_torchs_cross_entropy(dtype, smoothing):
    """The same numbers as torch's and the same gradients, each row weighed as it likes."""
    truth, weight = torch.randint(9, (5,)), torch.rand(5)
    logits = (100 + 3 * torch.randn(5, 9)).to(dtype).requires_grad_()
    wide = logits.detach().to(torch.promote_types(dtype, torch.float32)).requires_grad_()
    found = nats_of(logits, truth, smoothing)
    expected = F.cross_entropy(wide, truth, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    (of_ours,) = torch.autograd.grad((found * weight).sum(), logits)
    (of_torch,) = torch.autograd.grad((expected * weight).sum(), wide)
    torch.testing.assert_close(of_ours, of_torch.to(dtype), atol=1e-6, rtol=1e-2)


def test_nats_of_a_certain_token_and_of_no_token():
    certain = torch.tensor([[1e4, 0.0], [0.0, 1e4]], requires_grad=True)
    nats = nats_of(certain, torch.tensor([0, 0]))
    assert nats.tolist() == [0.0, 1e4]
    (gradient,) = torch.autograd.grad(nats.sum(), certain)
    assert gradient.tolist() == [[0.0, 0.0], [-1.0, 1.0]]
    assert nats_of(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)).shape == (0,)
