"""One call of ``attend``: its arguments, checked once, for every engine."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import array_api_compat
import torch

from regard import normalizers, scores
from regard.biases import Bias
from regard.errors import KindError, RangeError, ShapeError
from regard.grid import TORCH, Grid, namespace, shape_text
from regard.masks import Mask
from regard.normalizers import Normalizer
from regard.scores import AnyScore, Score


@dataclass(frozen=True)
class Parts:
    """The parts of the formula, resolved from names."""

    score: AnyScore
    bias: Bias | None
    mask: Mask | None
    normalizer: Normalizer

    @staticmethod
    def of(score: Any, bias: Any, mask: Any, normalizer: Any) -> "Parts":
        """Parts from what a user gave.

        Raises:
            UnknownName: a name that stands for nothing.
            KindError: a part of the wrong kind, such as a bare array for a mask.
        """
        names = type(score) is type(normalizer) is str and mask is None and bias is None
        if names and not torch.compiler.is_compiling():  # which warns of caches
            return _named(score, normalizer)
        if mask is not None and not isinstance(mask, Mask):
            raise KindError(
                f"mask is a mask of regard.masks, not {_kind(mask)}: write masks.dense(allowed) "
                "for booleans (True = may attend), masks.padding(lengths) for lengths"
            )
        if bias is not None and not isinstance(bias, Bias):
            raise KindError(
                f"bias is a bias of regard.biases, not {_kind(bias)}: write biases.dense(values)"
            )
        return Parts(scores.named(score), bias, mask, normalizers.named(normalizer))


@cache
def _named(score: str, normalizer: str) -> Parts:
    return Parts(scores.named(score), None, None, normalizers.named(normalizer))


@dataclass(eq=False)  # never changed once made; frozen would cost a microsecond
class Call:
    """Arrays of at least two dimensions, the parts, and what follows from their shapes.

    ``batch`` holds the leading dimensions of the scores, as the user sees them: broadcast, with
    the heads of the queries. ``groups`` is how many heads of queries share a head of keys (1
    unless ``enable_gqa``). ``value`` is None where weights alone are asked for.
    """

    query: Any
    key: Any
    value: Any
    parts: Parts
    dropout_p: float
    groups: int
    batch: tuple[int, ...]
    single: bool
    xp: Any
    # cached_property would do, but for the lock that it has up to Python 3.11: torch.compile knows
    # none.
    _grid: Grid | None = field(default=None, init=False, repr=False)
    _corner: tuple[Any, Any] | None = field(default=None, init=False, repr=False)

    @staticmethod
    def of(
        query: Any,
        key: Any,
        value: Any,
        parts: Parts,
        *,
        dropout_p: float = 0.0,
        enable_gqa: bool = False,
    ) -> "Call":
        """A call, or the reason why it makes none.

        Raises:
            ShapeError: shapes that do not fit; the message has the pattern and the shapes.
            KindError: arrays of different libraries, or not of floating-point numbers.
            RangeError: a dropout probability outside [0, 1].
        """
        if not isinstance(dropout_p, int | float):
            raise KindError(f"dropout_p is a probability, not {dropout_p!r}")
        if dropout_p and not 0.0 <= dropout_p <= 1.0:
            raise RangeError(f"dropout_p is a probability, 0 ≤ p ≤ 1, and it is {dropout_p}")
        query, key, value, xp = _of_one_kind(query, key, value)
        single = query.ndim == 1
        if single:
            query = query[None, :]
        shapes = query.shape, key.shape, (key if value is None else value).shape
        if min(map(len, shapes)) < 2 or shapes[1][-2] != shapes[2][-2]:
            raise ShapeError(_shapes("shapes do not fit", query, key, value))
        groups, batch = 1, shapes[0][:-2]
        if enable_gqa:
            groups = _groups(query, key, value)
        if enable_gqa or not batch == shapes[1][:-2] == shapes[2][:-2]:
            batch = _batch(query, key, value, heads=enable_gqa)
        if isinstance(parts.score, Score):
            parts.score.check(query, key, batch)
        call = Call(query, key, value, parts, dropout_p, groups, batch, single, xp)
        if (parts.mask is not None and parts.mask.sized) or parts.bias is not None:
            _ = call.corner  # a wrong size is told now, not in the midst of a block
        return call

    @property
    def n_queries(self) -> int:
        return self.query.shape[-2]

    @property
    def n_keys(self) -> int:
        return self.key.shape[-2]

    @property
    def grid(self) -> Grid:
        """The whole plane of scores."""
        if self._grid is None:
            n, m = self.n_queries, self.n_keys
            device = self.query.device if self.is_torch else array_api_compat.device(self.query)
            dtype = self.query.dtype
            self._grid = Grid(self.batch, n, m, range(n), range(m), self.xp, device, dtype)
        return self._grid

    @property
    def corner(self) -> tuple[Any, Any]:
        """What mask and bias say of the first pair (None: there is none): an example of a tile."""
        if self._corner is None:
            self._corner = self._first_pair()
        return self._corner

    def _first_pair(self) -> tuple[Any, Any]:
        mask, bias = self.parts.mask, self.parts.bias
        if mask is None and bias is None:
            return None, None
        first = self.grid.at(range(min(1, self.n_queries)), range(min(1, self.n_keys)))
        allowed = None if mask is None else mask.tile(first)
        return allowed, None if bias is None else bias.tile(first)

    @property
    def is_torch(self) -> bool:
        return self.xp is TORCH

    def per_query_head(self, array: Any) -> Any:
        """Key or value with its heads repeated for the queries that share them."""
        if self.groups == 1:
            return array
        *lead, heads, length, features = array.shape
        shape = (*lead, heads, self.groups, length, features)
        spread = self.xp.broadcast_to(array[..., None, :, :], shape)
        return self.xp.reshape(spread, (*lead, heads * self.groups, length, features))

    @property
    def draws(self) -> bool:
        """Whether the weights may be drawn at random; functions of the user's cannot be asked."""
        score, normalizer = self.parts.score, self.parts.normalizer
        return not isinstance(score, Score) or score.draws or normalizers.draws(normalizer)

    @property
    def wants_gradients(self) -> bool:
        """Whether autograd records; a function's closures cannot be asked, so: whether it is on."""
        return self.is_torch and torch.is_grad_enabled()


def autocasts(kind: str) -> bool:
    """Whether autocast is on for a kind of device; there are some that it does not know."""
    return kind != "meta" and torch.is_autocast_enabled(kind)


def under_grad() -> bool:
    """Whether ``torch.func.grad``, or a relative of it (vjp, jacrev, hessian, jvp), is at work."""
    if torch.compiler.is_compiling() or not torch._C._are_functorch_transforms_active():
        return False
    functorch: Any = torch._C._functorch  # pyright: ignore[reportAttributeAccessIssue]
    levels = functorch.get_interpreter_stack() or []
    return any(level.key() != functorch.TransformType.Vmap for level in levels)


def _of_one_kind(query: Any, key: Any, value: Any) -> tuple[Any, Any, Any, Any]:
    if type(query) is type(key) is type(value) is torch.Tensor and (
        query.dtype == key.dtype == value.dtype
        and query.is_floating_point()
        and not autocasts(query.device.type)
    ):
        return query, key, value, TORCH
    given = {"query": query, "key": key} | ({} if value is None else {"value": value})
    for name, array in given.items():
        if not (isinstance(array, torch.Tensor) or array_api_compat.is_array_api_obj(array)):
            raise KindError(f"{name} is {_kind(array)}; give a torch tensor or a NumPy array")
    try:
        xp = namespace(*given.values())
    except TypeError:
        kinds = ", ".join(f"{name} is {_kind(array)}" for name, array in given.items())
        raise KindError(f"query, key and value are of one library: {kinds}") from None
    for name, array in given.items():
        if not xp.isdtype(array.dtype, "real floating"):
            raise KindError(f"{name} holds {array.dtype}; attention wants floating-point numbers")
    dtype = _common_dtype(xp, list(given.values()))
    cast = [xp.astype(array, dtype, copy=False) for array in given.values()]
    return cast[0], cast[1], cast[2] if value is not None else None, xp


def _common_dtype(xp: Any, arrays: list[Any]) -> Any:
    first = arrays[0]
    if isinstance(first, torch.Tensor):
        kind = first.device.type
        dtypes = {array.dtype for array in arrays}
        if autocasts(kind) and torch.float64 not in dtypes:
            return torch.get_autocast_dtype(kind)
        if len(dtypes) == 1:
            return first.dtype
    return xp.result_type(*arrays)


def _groups(query: Any, key: Any, value: Any) -> int:
    few = [array for array in (query, key, value) if array is not None and array.ndim < 3]
    heads, shared = query.shape[-3] if not few else 0, key.shape[-3] if not few else 0
    if few or (value is not None and value.shape[-3] != shared) or not shared or heads % shared:
        raise ShapeError(
            _shapes(
                "enable_gqa wants heads in the third dimension from the right, and the heads of "
                "the queries a multiple of those of key and value",
                query,
                key,
                value,
            )
        )
    return heads // shared


def _batch(query: Any, key: Any, value: Any, *, heads: bool) -> tuple[int, ...]:
    drop = 3 if heads else 2
    leads = [tuple(array.shape[:-drop]) for array in (query, key, value) if array is not None]
    batch = []
    for sizes in zip(*(_padded(lead, max(map(len, leads))) for lead in leads), strict=True):
        distinct = set(sizes) - {1}
        if len(distinct) > 1:
            raise ShapeError(_shapes("leading dimensions do not broadcast", query, key, value))
        batch.append(distinct.pop() if distinct else 1)
    return (*batch, *([query.shape[-3]] if heads else []))


def _padded(lead: tuple[int, ...], length: int) -> tuple[int, ...]:
    return (1,) * (length - len(lead)) + lead


def _shapes(problem: str, query: Any, key: Any, value: Any) -> str:
    came = f"query {shape_text(tuple(query.shape))}, key {shape_text(tuple(key.shape))}"
    if value is not None:
        came += f", value {shape_text(tuple(value.shape))}"
    return f"{problem}: expected query (…, Q, E), key (…, K, F), value (…, K, V), and got {came}"


def _kind(thing: object) -> str:
    kind = type(thing)
    return f"a {kind.__module__.split('.')[0]}.{kind.__name__}"
