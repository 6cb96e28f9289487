"""A function's result, with what its backward pass needs computed again instead of kept.

What ``torch.utils.checkpoint`` does without reentrance, for functions of tensors and nothing else:
autograd's graph stays as it is, and only the tensors that it would save are not saved. So
gradients, and gradients of gradients, reach everything that took part, tensors in a closure too.
The first call of torch's own brings in its compiler, which takes a second and 130 MiB.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from regard.engines.call import autocasts


def remembered(
    function: Callable[..., Any], *arguments: Any, device: torch.device, draws: bool
) -> Any:
    """``function(*arguments)``; in the backward pass it is called once more.

    Args:
        function: gives the same whenever it is called, but for what it draws at random.
        device: where it computes.
        draws: whether it draws at random; it then draws the same again.
    """
    if torch.compiler.is_compiling():
        from torch.utils.checkpoint import checkpoint  # what the compiler knows by its name

        return checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=draws)
    if torch._C._are_functorch_transforms_active():
        return function(*arguments)  # torch.func knows no hooks: what is saved stays
    again = _Again(function, arguments, device, draws)
    with saved_tensors_hooks(again.pack, again.unpack):
        return function(*arguments)


class _Enough(Exception):
    """All that the graph wants is there; what the function would still compute, nobody needs."""


class _Again:
    """The tensors that a function's graph saved, by number, in the order of their saving."""

    def __init__(
        self, function: Callable[..., Any], arguments: Any, device: torch.device, draws: bool
    ) -> None:
        self.function, self.arguments, self.device = function, arguments, device
        self.saved = 0
        self.found: dict[int, Tensor] = {}
        self.random = _random_states(device) if draws else None
        enabled = autocasts(device.type)
        self.autocast = torch.get_autocast_dtype(device.type) if enabled else None

    def pack(self, tensor: Tensor) -> int:
        self.saved += 1
        return self.saved - 1

    def unpack(self, number: int) -> Tensor:
        if number not in self.found:
            self._compute()
        return self.found.pop(number)  # a second backward pass computes again

    def _compute(self) -> None:
        found: dict[int, Tensor] = {}

        def pack(tensor: Tensor) -> None:
            found[len(found)] = tensor.detach()
            if len(found) == self.saved:
                raise _Enough

        now = _random_states(self.device) if self.random is not None else None
        _set_random_states(self.device, self.random)
        try:
            with torch.enable_grad(), self._autocast(), saved_tensors_hooks(pack, _never):
                self.function(*self.arguments)
        except _Enough:
            pass
        finally:
            _set_random_states(self.device, now)
        if len(found) != self.saved:
            raise RuntimeError(
                f"a score or a normalizer saved {self.saved} tensors for the backward pass, and "
                f"{len(found)} when it was called again: it must compute the same each time"
            )
        self.found = found

    def _autocast(self) -> AbstractContextManager[Any]:
        kind, dtype = self.device.type, self.autocast
        if dtype is None and not autocasts(kind):
            return nullcontext()
        return torch.autocast(kind, dtype, enabled=dtype is not None)


def _never(packed: Any) -> Tensor:
    raise AssertionError("the graph of a recomputation is never gone through")


def _random_states(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    if device.type != "cpu":
        states.append(torch.get_device_module(device).get_rng_state(device))
    return states


def _set_random_states(device: torch.device, states: list[Tensor] | None) -> None:
    if states is None:
        return
    torch.set_rng_state(states[0])
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(states[1], device)
