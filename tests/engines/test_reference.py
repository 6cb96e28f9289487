"""The reference engine: NumPy in, NumPy out."""

import numpy as np
import pytest
import torch

import regard
from regard import biases, errors, masks, scores


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_numpy_gives_numpy_of_the_same_dtype(dtype: type) -> None:
    x = np.ones((2, 3, 4), dtype)
    output, weights = regard.attend(x, x, x, mask=masks.causal(), return_weights=True)
    for array in (output, weights):
        assert type(array) is np.ndarray
        assert array.dtype == dtype


def test_masks_and_biases_of_the_other_library_are_taken() -> None:
    x, lengths = np.random.default_rng(0).random((2, 3, 4)), torch.tensor([1, 3])
    allowed, bias = torch.rand(3, 3) < 0.7, torch.randn(3, 3, dtype=torch.float64)
    mask = masks.padding(lengths) & masks.dense(allowed)
    got = regard.attend(x, x, x, mask=mask, bias=biases.dense(bias))
    mask = masks.padding(lengths.numpy()[::1].tolist()) & masks.dense(allowed.numpy()[::-1][::-1])
    tensors = [torch.tensor(x)] * 3
    want = regard.attend(*tensors, mask=mask, bias=biases.dense(bias.numpy().T.copy().T))
    np.testing.assert_allclose(got, want.numpy(), atol=1e-12)


def test_arrays_that_torch_would_not_take_as_they_are() -> None:
    """Negative strides, and memory that may not be written."""
    x = torch.randn(2, 2)
    for allowed in (np.eye(2, dtype=bool)[::-1], np.broadcast_to(np.array([True, False]), (2, 2))):
        weights = regard.weights(x, x, mask=masks.dense(allowed))
        assert ((weights > 0).numpy() == allowed).all()


def test_has_no_dropout() -> None:
    x = np.ones((2, 3))
    with pytest.raises(errors.EngineError, match="no dropout"):
        regard.attend(x, x, x, dropout_p=0.1)


def test_parts_of_another_library_than_the_query_are_refused() -> None:
    x = np.ones((2, 3))
    with pytest.raises(errors.KindError, match=r"weight of scores\.Additive is a torch\.Tensor"):
        regard.attend(x, x, x, score=scores.Additive(torch.ones(3)))
