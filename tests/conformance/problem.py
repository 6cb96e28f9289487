"""A case of the table as numbers: inputs, what the oracle says, and calls of the library."""

from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

import regard
from conformance.cases import BIASES, DTYPES, FEATURES, LAYOUTS, MASKS, NORMALIZERS, SCORES, SIZES
from oracles import plain


class Problem:
    """Arrays are made in float64 and rounded to the case's dtype, so that all see the same."""

    def __init__(self, case: dict[str, str], seed: int = 0) -> None:
        self.case, self.rng = case, np.random.default_rng(seed)
        self.dtype = DTYPES[case["dtype"]]
        self.layout, self.score = LAYOUTS[case["layout"]], SCORES[case["score"]]
        self.normalizer, self.mask_row = NORMALIZERS[case["normalizer"]], MASKS[case["mask"]]
        self.n, self.m = SIZES[case["size"]]
        features, self.width = FEATURES[case["features"]]
        layout = self.layout
        if layout.enable_gqa:
            lead = np.broadcast_shapes(layout.query[:-1], layout.key[:-1], layout.value[:-1])
            self.batch: tuple[int, ...] = (*lead, layout.query[-1])
            self.groups = layout.query[-1] // layout.key[-1]
        else:
            self.batch = np.broadcast_shapes(layout.query, layout.key, layout.value)
            self.groups = 1
        self.setup = self._setup(features)
        rows = () if layout.single else (self.n,)
        shapes = {
            "query": (*layout.query, *rows, features),
            "key": (*layout.key, self.m, self.score.key_features(features)),
            "value": (*layout.value, self.m, self.width),
            **self.score.tensors(self.setup),
        }
        row = BIASES[case["bias"]]
        if row is not None:
            shapes["bias"] = row.shape(self.setup)
        self.arrays = {name: self._numbers(shape) for name, shape in shapes.items()}
        for name in ("scale", "strength", "sigma"):
            if name in self.arrays:
                self.arrays[name] = abs(self.arrays[name]) + 0.5
        if "projection" in self.arrays:  # twice in a score, which is to stay as large as others
            self.arrays["projection"] = self.arrays["projection"] / 2
        if row is not None and row.ruled_out:
            self.arrays["bias"][self.rng.random(shapes["bias"]) < row.ruled_out] = -np.inf
        self.arrays = {name: self._rounded(array) for name, array in self.arrays.items()}
        self._eager_results: dict[torch.dtype, Any] = {}
        self.bias_row = row
        self.learned_bias = row is not None and row.learned
        self.upstream = self._rounded(self._numbers(self.output.shape))

    def _setup(self, features: int) -> SimpleNamespace:
        rng, n, m, first = self.rng, self.n, self.m, self.batch[:1]
        return SimpleNamespace(
            batch=self.batch, Q=n, K=m, E=features,
            lengths=rng.integers(0, m + 1, first),
            at_query=rng.integers(0, m + 2, (*first, n)),
            at_key=rng.integers(0, m, (*first, m)),
            query_ids=rng.integers(0, 3, (*first, n)),
            key_ids=rng.integers(0, 2, (*first, m)),
            plane=rng.random((n, m)) < 0.5,
            full=rng.random((*self.batch, n, m)) < 0.5,
        )  # fmt: skip

    def _numbers(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.asarray(self.rng.standard_normal(shape))

    def _rounded(self, array: np.ndarray) -> np.ndarray:
        return torch.as_tensor(array).to(self.dtype).double().numpy()

    # What the oracle says

    @cached_property
    def allowed(self) -> np.ndarray:
        """The mask's rule and the bias's −∞, pair by pair."""
        allowed = np.empty((*self.batch, self.n, self.m), bool)
        for *b, i, j in np.ndindex(*allowed.shape):
            allowed[(*b, i, j)] = self.mask_row.sees(self.setup, tuple(b), i, j)
        return allowed & (self.bias != -np.inf)

    @cached_property
    def bias(self) -> np.ndarray:
        values, places = self.arrays.get("bias", np.zeros((self.n, self.m))), self._bias_places
        if places is not None:
            return values[places[0]] * places[1]
        return np.broadcast_to(values, (*self.batch, self.n, self.m))

    @cached_property
    def _bias_places(self) -> tuple[tuple[np.ndarray, ...], np.ndarray] | None:
        """For a bias that is a table: where each pair's number is, and its factor."""
        if self.bias_row is None or self.bias_row.at is None:
            return None
        shape = (*self.batch, self.n, self.m)
        found = [self.bias_row.at(self.setup, tuple(b), i, j) for *b, i, j in np.ndindex(*shape)]
        columns = zip(*(place for place, _ in found), strict=True)
        factors = np.array([factor for _, factor in found], float).reshape(shape)
        return tuple(np.array(column).reshape(shape) for column in columns), factors

    def full(self, name: str, array: Any = None) -> Any:
        """An array, NumPy's or torch's, with all leading dimensions written out."""
        array = self.arrays[name] if array is None else array
        if name == "query":
            array = array[None] if self.layout.single else array
        elif self.groups > 1:
            repeat = torch.Tensor.repeat_interleave if torch.is_tensor(array) else np.repeat
            array = repeat(array, self.groups, -3)
        shape = (*self.batch, *array.shape[-2:])
        return array.expand(shape) if torch.is_tensor(array) else np.broadcast_to(array, shape)

    @cached_property
    def _oracle(self) -> tuple[np.ndarray, np.ndarray]:
        full = [self.full(name) for name in ("query", "key", "value")]
        return plain.attend(
            *full,
            score=lambda q, k, b, i, j: float(self.score.pair(q, k, self.arrays, b, i, j)),
            bias=self.bias,
            allowed=self.allowed,
            normalize=self.normalizer.plain,
        )

    @property
    def output(self) -> np.ndarray:
        return self._oracle[0][..., 0, :] if self.layout.single else self._oracle[0]

    @property
    def weights(self) -> np.ndarray:
        return self._oracle[1][..., 0, :] if self.layout.single else self._oracle[1]

    def eager_weights(self, dtype: torch.dtype) -> np.ndarray:
        """Weights of the usual torch code."""
        weights = _float64(self._eager(self.tensors(dtype)))
        return weights[..., 0, :] if self.layout.single else weights

    def eager(self, dtype: torch.dtype) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Output and gradients of the usual torch code, which holds every (Q, K) number."""
        if dtype not in self._eager_results:
            tensors = self.tensors(dtype, gradients=True)
            output = self._eager(tensors) @ self.full("value", tensors["value"])
            output = output[..., 0, :] if self.layout.single else output
            self._eager_results[dtype] = _float64(output), self.gradients_of(output, tensors)
        return self._eager_results[dtype]

    def _eager(self, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        query, key = (self.full(name, tensors[name]) for name in ("query", "key"))
        allowed = torch.as_tensor(self.allowed)
        sees = allowed.any(-1, keepdim=True)
        raw = self.score.eager(query, key, tensors)
        if "bias" in tensors:
            bias, places = tensors["bias"], self._bias_places
            if places is not None:
                bias = bias[places[0]] * torch.as_tensor(places[1]).to(bias.dtype)
            raw = raw + torch.where(bias == -torch.inf, 0.0, bias)
        raw = torch.where(allowed | ~sees, raw, -torch.inf)
        oracle, name = torch.as_tensor(self._oracle[1]).to(raw.dtype), self.case["normalizer"]
        if name == "softmax":
            weights = raw.softmax(-1)
        elif name == "sparsemax":  # the oracle's support; τ is then a mean over it
            inside = oracle > 0
            count = inside.sum(-1, keepdim=True).clamp(min=1)
            tau = (torch.where(inside, raw, 0.0).sum(-1, keepdim=True) - 1) / count
            weights = torch.where(inside, raw - tau, 0.0)
        elif name == "entmax15":  # likewise: Peters et al. 2019, Algorithm 2, with its support
            inside = oracle > 0
            half = torch.where(inside, raw / 2, 0.0)
            count = inside.sum(-1, keepdim=True).clamp(min=1)
            mean = half.sum(-1, keepdim=True) / count
            spread = torch.where(inside, (half - mean) ** 2, 0.0).sum(-1, keepdim=True)
            tau = mean - ((1 - spread).clamp(min=1e-6) / count).sqrt()
            weights = torch.where(inside, (half - tau) ** 2, 0.0)
        elif name == "hard":
            weights = oracle
        elif name == "sigmoid":
            count = allowed.sum(-1, keepdim=True).clamp(min=1).to(raw.dtype)
            weights = torch.sigmoid(raw - count.log())
        else:
            weights = torch.sigmoid(raw)
        return torch.where(allowed, weights, 0.0)

    def gradients_of(
        self, output: torch.Tensor, tensors: dict[str, torch.Tensor]
    ) -> dict[str, np.ndarray]:
        """Gradients of Σ output · upstream; a tensor that has no path to the output has none."""
        wanted = {n: t for n, t in tensors.items() if t.requires_grad}
        upstream = torch.as_tensor(self.upstream).to(output.dtype)
        got = torch.autograd.grad(output, list(wanted.values()), upstream, allow_unused=True)
        return {
            name: np.zeros(tensor.shape) if gradient is None else _float64(gradient)
            for (name, tensor), gradient in zip(wanted.items(), got, strict=True)
        }

    # What the library is asked

    def tensors(
        self, dtype: torch.dtype | None = None, *, gradients: bool = False
    ) -> dict[str, torch.Tensor]:
        """Fresh tensors of the case's dtype, or another."""
        return {
            name: torch.tensor(array)
            .to(dtype or self.dtype)
            .requires_grad_(gradients and (name != "bias" or self.learned_bias))
            for name, array in self.arrays.items()
        }

    def inputs(self, *, gradients: bool = False) -> dict[str, Any]:
        """Arrays of the kind that the case's engine takes."""
        tensors = self.tensors(gradients=gradients)
        if self.case["engine"] == "numpy":
            return {name: tensor.detach().numpy() for name, tensor in tensors.items()}
        return tensors

    def parts(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Keywords of the call that are the parts of the formula."""
        return {
            "score": self.score.ask(inputs),
            "bias": self.bias_row.ask(inputs["bias"], self.setup) if self.bias_row else None,
            "mask": self.mask_row.ask(self.setup),
            "normalizer": self.normalizer.ask,
            "enable_gqa": self.layout.enable_gqa,
        }

    @property
    def engine(self) -> str:
        name = self.case["engine"].removesuffix(" in blocks")
        return "auto" if name == "numpy" else name

    def attend(self, inputs: dict[str, Any], **changes: Any) -> Any:
        arrays = [inputs[name] for name in ("query", "key", "value")]
        return regard.attend(*arrays, **{**self.parts(inputs), "engine": self.engine, **changes})

    def ask_weights(self, inputs: dict[str, Any], **changes: Any) -> Any:
        return regard.weights(inputs["query"], inputs["key"], **{**self.parts(inputs), **changes})

    @property
    def value_is_wider(self) -> bool:
        """Whether the batch has sizes that only the values have; ``weights`` does not know them."""
        layout = self.layout
        return self.groups == 1 and np.broadcast_shapes(layout.query, layout.key) != self.batch

    # Which inputs may not matter

    def unseen_keys(self, name: str) -> np.ndarray:
        """Keys (or values) of an input that no query sees, in any row of the batch it serves."""
        return ~self._used(self.allowed.any(-2), getattr(self.layout, name))

    def blind_queries(self) -> np.ndarray:
        """Queries of the input that see nothing, in any row of the batch they serve."""
        blind = ~self._used(self.allowed.any(-1), self.layout.query, heads=False)
        return blind[..., 0] if self.layout.single else blind

    def _used(self, seen: np.ndarray, lead: tuple[int, ...], *, heads: bool = True) -> np.ndarray:
        if self.groups > 1 and heads:
            shape = (*self.batch[:-1], self.batch[-1] // self.groups, self.groups, seen.shape[-1])
            seen = seen.reshape(shape).any(-2)
        extra = tuple(range(seen.ndim - 1 - len(lead)))
        seen = seen.any(extra)
        for axis, size in enumerate(lead):
            if size == 1:
                seen = seen.any(axis, keepdims=True)
        return seen


def _float64(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().numpy()
