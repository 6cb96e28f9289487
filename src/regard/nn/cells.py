"""Recurrent layers step by step, from products that a loop need not repeat.

torch's cells multiply the whole input at every step. Here the part of the input that is known
beforehand is multiplied for all steps at once, and only what the last step made is left to the
loop.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.nn.repeated import Repeated

Cell = nn.GRUCell | nn.LSTMCell
Recurrent = nn.GRU | nn.LSTM

GATES = {"gru": 3, "lstm": 4}
"""How many vectors of H features a cell's products have."""

MEMORIES = {"gru": 1, "lstm": 2}
"""How many vectors a cell remembers."""


class Layer(NamedTuple):
    """The tensors of one recurrent layer: of its input, ``(G·H, M)``, and of its state."""

    lstm: bool
    into: Tensor
    again: Tensor
    into_bias: Tensor
    again_bias: Tensor

    def once(self) -> "Products":
        """Its products, for one step."""
        return Products(
            self.lstm,
            partial(F.linear, weight=self.into, bias=self.into_bias),
            partial(F.linear, weight=self.again, bias=self.again_bias),
        )

    def often(self, batch: int, steps: int) -> "Products":
        """Its products, for a loop of so many steps."""
        return Products(
            self.lstm,
            Repeated(self.into, self.into_bias, batch=batch, steps=steps),
            Repeated(self.again, self.again_bias, batch=batch, steps=steps),
        )


class Products(NamedTuple):
    """What the input of a layer, and what its state, say to the gates ``(B, G·H)``."""

    lstm: bool
    given: Callable[[Tensor], Tensor]
    again: Callable[[Tensor], Tensor]

    def step(
        self, given: Float[Tensor, "B GH"], hidden: Tensor, cell: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """The next hidden state ``(B, H)``, and the next cell state of an LSTM."""
        again = self.again(hidden)
        if cell is not None:
            return _lstm(given + again, cell)
        return _gru(given, again, hidden), None


def layer_of(cell: Cell) -> Layer:
    """The tensors of one of torch's cells."""
    lstm = isinstance(cell, nn.LSTMCell)
    return Layer(lstm, cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)


def layers_of(stack: Recurrent) -> list[Layer]:
    """The tensors of one of torch's stacks, lowest layer first."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [
        Layer(isinstance(stack, nn.LSTM), *(getattr(stack, f"{name}_l{n}") for name in names))
        for n in range(stack.num_layers)
    ]


class Climb(NamedTuple):
    """The states of all layers, lowest first: hidden, and cell of LSTMs (of GRUs: none)."""

    hidden: tuple[Tensor, ...]
    cells: tuple[Tensor, ...]


def climb(
    layers: list[Products], given: Float[Tensor, "B GH"], state: Climb, dropout: float
) -> Climb:
    """One step of a stack, of which the lowest layer's products with its input are ``given``.

    Args:
        dropout: probability with which a feature is dropped between layers; 0 in evaluation.
    """
    hiddens, cells = [], []
    for n, layer in enumerate(layers):
        if n:
            below = F.dropout(hiddens[-1], dropout) if dropout else hiddens[-1]
            given = layer.given(below)
        held = state.cells[n] if layer.lstm else None
        hidden, cell = layer.step(given, state.hidden[n], held)
        hiddens.append(hidden)
        if cell is not None:
            cells.append(cell)
    return Climb(tuple(hiddens), tuple(cells))


def _gru(given: Tensor, again: Tensor, hidden: Tensor) -> Tensor:
    """r, z = σ(given + again),  n = tanh(given + r ∘ again),  h' = n + z ∘ (h − n)."""
    size = hidden.shape[-1]
    reset, update = torch.sigmoid(given[:, : 2 * size] + again[:, : 2 * size]).chunk(2, -1)
    new = torch.tanh(torch.addcmul(given[:, 2 * size :], reset, again[:, 2 * size :]))
    return torch.lerp(new, hidden.to(new.dtype), update)


def _lstm(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """i, f, o = σ(…), g = tanh(…),  c' = f ∘ c + i ∘ g,  h' = o ∘ tanh(c')."""
    size = cell.shape[-1]
    enter, keep = torch.sigmoid(gates[:, : 2 * size]).chunk(2, -1)
    new, leave = torch.tanh(gates[:, 2 * size : 3 * size]), torch.sigmoid(gates[:, 3 * size :])
    cell = torch.addcmul(keep * cell.to(new.dtype), enter, new)
    return leave * torch.tanh(cell), cell
