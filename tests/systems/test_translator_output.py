"""What stands behind a translator's features: copying."""

import torch

from regard.systems.translator_output import Copying


def test_a_known_word_that_is_nowhere_in_the_source_has_no_likelihood_but_its_own():
    """However unlikely it is: −log p is that of the distribution, and no floor beneath it."""
    copying = Copying(1)
    with torch.no_grad():
        copying.gate.weight.zero_(), copying.gate.bias.zero_()  # p_gen = ½
    logits = torch.tensor([[0.0, -50.0]], requires_grad=True)
    told, weights, source = torch.zeros(1, 1), torch.tensor([[1.0]]), torch.tensor([[0]])
    found = copying.log_likelihood(logits, told, weights, source, torch.tensor([1]))
    torch.testing.assert_close(found, torch.tensor([-50 - 0.6931472]))
    everything = copying.log_probabilities(logits, told, weights, source, torch.zeros(1, 0))
    torch.testing.assert_close(everything[:, 1], found)
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    torch.testing.assert_close(gradient, torch.tensor([[-1.0, 1.0]]))
