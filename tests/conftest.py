"""What all tests share: seeds."""

import random

import numpy
import pytest
import torch
from hypothesis import settings

# The same examples in every run: what fails, fails for all.
settings.register_profile("seeded", derandomize=True)
settings.load_profile("seeded")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    numpy.random.seed(0)  # noqa: NPY002 - for code under test that draws from the global state
    torch.manual_seed(0)


@pytest.fixture
def rng() -> numpy.random.Generator:
    return numpy.random.default_rng(0)
