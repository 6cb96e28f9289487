"""Keras' AdditiveAttention on two backends; one process can have but one of them."""

import importlib
import importlib.util
import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from formula import Shape, inputs
from process import Call

INSTALL = "pip install '.[bench]'"


def missing(backend: str) -> str | None:
    """The package that a backend lacks, if any."""
    wanted = ("keras", backend)
    return next((name for name in wanted if importlib.util.find_spec(name) is None), None)


def keras_torch(shape: Shape, backward: bool) -> Call:
    *tensors, _, cotangent = map(torch.from_numpy, inputs(shape))
    layer = _layer(_keras("torch"), shape)
    query, key, value = (tensor.requires_grad_(backward) for tensor in tensors)
    leaves = [query, key, value, layer.scale.value]

    def call() -> Sequence[Any]:
        with torch.set_grad_enabled(backward):
            output = layer([query, value, key])
        if not backward:
            return (output,)
        return (output.detach(), *torch.autograd.grad(output, leaves, cotangent))

    return call


def keras_jax(shape: Shape, backward: bool) -> Call:
    """Jitted, the gradients in the same compiled program."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    layer = _layer(_keras("jax"), shape)
    jax = importlib.import_module("jax")
    *arrays, cotangent = [jax.numpy.asarray(array) for array in inputs(shape)]

    def attend(query: Any, key: Any, value: Any, scale: Any) -> Any:
        return layer.stateless_call([scale], [], [query, value, key])[0]

    def loss(*arrays: Any) -> Any:
        output = attend(*arrays)
        return (output * cotangent).sum(), output

    def both(*arrays: Any) -> Any:
        gradients, output = jax.grad(loss, argnums=(0, 1, 2, 3), has_aux=True)(*arrays)
        return (output, *gradients)

    run = jax.jit(both if backward else lambda *arrays: (attend(*arrays),))
    return lambda: jax.block_until_ready(run(*arrays))


def _keras(backend: str) -> ModuleType:
    os.environ["KERAS_BACKEND"] = backend
    keras = importlib.import_module("keras")
    assert keras.backend.backend() == backend, "Keras was imported before, with another backend"
    return keras


def _layer(keras: ModuleType, shape: Shape) -> Any:
    layer = keras.layers.AdditiveAttention(use_scale=True)
    batch, queries, keys, features = shape
    layer.build([(batch, n, features) for n in (queries, keys, keys)])
    layer.scale.assign(inputs(shape)[3])
    return layer
