"""``regard.watch``: what every attention of a model attends to."""

import threading
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from types import TracebackType
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.errors import RangeError, UnknownName, WatchError
from regard.watching import callers, patches
from regard.watching.kept import Keeping
from regard.watching.layer import Call, Layer, Rows
from regard.watching.room import DROPPED, Room
from regard.watching.telling import Make

if TYPE_CHECKING:
    from regard.view.views import Page


class Watch:
    """What the attentions of a model attended to while it was watched; made by ``regard.watch``.

    ``watch[3]`` and ``watch["encoder.layers.3.self_attn"]`` are a layer; ``print(watch)`` lists all
    of them.

    Attributes:
        layers: one for each module that attended, in the order of their first calls.
        dropped: calls whose tensors had to go, since ``memory`` would not hold them.
        passed_over: attentions of which nothing can be told, why, and how often.
    """

    def __init__(
        self, model: nn.Module, *, keeping: Keeping, memory: int | None, only: str
    ) -> None:
        self._seen: dict[str, Layer] = {}
        self.passed_over: Counter[str] = Counter()
        self._model, self._keeping, self._only = model, keeping, only
        self._room = Room(memory)
        self._names: dict[int, str] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "Watch":
        if self._names:
            raise WatchError("this model is being watched already")
        modules = list(self._model.named_modules())
        # The model itself has no name among its modules: its class stands for it.
        self._names = {id(module): name or type(module).__name__ for name, module in modules}
        patches.begin(self, {kind for _, module in modules for kind in type(module).__mro__})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        patches.end(self)
        self._names = {}
        self._keeping.copies.clear()

    @property
    def layers(self) -> list[Layer]:
        return list(self._seen.values())

    @property
    def dropped(self) -> list[Call]:
        return [call for layer in self.layers for call in layer.calls if call.source is None]

    def __len__(self) -> int:
        return len(self._seen)

    def __getitem__(self, which: int | str) -> Layer:
        """A layer, by its number or its module's name.

        Raises:
            UnknownName, RangeError: there is none; the message lists those that there are.
        """
        if isinstance(which, str):
            if which in self._seen:
                return self._seen[which]
            known = ", ".join(self._seen)
            raise UnknownName(f"no attention of {which!r} was seen; {known or self._nothing}")
        if not -len(self) <= which < len(self):
            raise RangeError(
                f"layer {which} is asked for, and {len(self)} were seen"
                + ("" if self._seen else f": {self._nothing}")
            )
        return self.layers[which]

    def clear(self) -> None:
        """Forget all calls, so that what comes next stands alone."""
        with self._lock:
            self._seen, self.passed_over, self._room = {}, Counter(), Room(self._room.most)

    def rollout(
        self,
        layers: Sequence[int | str] | str | None = None,
        *,
        queries: slice = slice(None),
        batch: Rows = slice(None),
    ) -> Float[Tensor, "B Q K"]:
        """Attention rollout: what reaches each token of the last layer from those of the first.

            Ã_l = ½ (mean over heads of A_l + I), its rows made to sum to one;  R = Ã_L ⋯ Ã_2 Ã_1

        Args:
            layers: their numbers or names, first to last, or a pattern of names ("encoder.*");
                None: all, which must be self-attentions over the same tokens.
            queries: which rows; others are not computed.
            batch: which rows of the batch.

        Raises:
            ShapeError: layers that do not attend from the same tokens to the same tokens.

        Source:  Abnar and Zuidema 2020 (arXiv:2005.00928), §3
        Cost:    O(L·Q'·K²) time; memory O(B·Q'·K) and a block of weights
        """
        from regard.watching.rollout import rollout

        return rollout(self._chosen(layers), queries, batch)

    def page(
        self,
        target: Sequence[str],
        source: Sequence[str] | None = None,
        *,
        layers: Sequence[int | str] | str | None = None,
        batch: int = 0,
        top: int | None = None,
        title: str = "",
    ) -> "Page":
        """All layers in one interactive page: ``.save("page.html")``; a notebook shows it.

        Args:
            target: the tokens that attend; of an encoder, and of a decoder alone, all there is.
            source: the tokens of the encoder, where there is a decoder too.
            layers: as in ``rollout``.
            batch: which row of the batch.
            top: keep only the k largest weights of each query; None: all where they are few enough
                for a page, else 16.
            title: of the page.

        Raises:
            ShapeError: tokens whose number fits no layer; or weights without end or number.
            WatchError: nothing was seen, or it was dropped.
        """
        from regard.watching.shown import page

        return page(self._chosen(layers), target, source, batch, top, title)

    def __repr__(self) -> str:
        if not self.layers:
            return f"Watch: {self._nothing}"
        wide = max(len(layer.name) for layer in self.layers)
        lines = [f"{len(self.layers)} layers that attended (batch, heads, queries, keys):"]
        for number, layer in enumerate(self.layers):
            shapes = Counter(str(call.shape) for call in layer.calls)
            told = ", ".join(f"{n} × {s}" if n > 1 else s for s, n in list(shapes.items())[:3])
            more = f", and {len(shapes) - 3} shapes more" if len(shapes) > 3 else ""
            lines.append(f"{number:4}  {layer.name:<{wide}}  {told}{more}")
        kept = f"kept: {self._room.used / 2**20:,.1f} MiB"
        if self.dropped:
            kept += f"; of {len(self.dropped)} calls the tensors were dropped: {DROPPED}"
        lines.append(kept)
        lines += [f"not watched: {why} ({n} times)" for why, n in self.passed_over.items()]
        return "\n".join(lines)

    def told(self, make: Make, module: nn.Module | None) -> None:
        """Keep what a call attended with, if it is one of this model (``telling.Watcher``)."""
        if module is None:
            module = callers.module_calling(self._names)
        name = None if module is None else self._names.get(id(module))
        # Checkpointing calls again in the backward pass.
        again = torch._C._current_graph_task_id() != -1
        if name is None or again or (self._only != "*" and not fnmatchcase(name, self._only)):
            return
        source = make(self._keeping)
        with self._lock:
            if isinstance(source, str):
                self.passed_over[f"{name}: {source}"] += 1
                return
            call = Call(name, source.shape, source)
            if name not in self._seen:
                self._seen[name] = Layer(name)
            self._seen[name].calls.append(call)
            self._room.enter(call)

    def _chosen(self, which: Sequence[int | str] | str | None) -> list[Layer]:
        if which is None:
            found = list(self.layers)
        elif isinstance(which, str):
            found = [layer for layer in self.layers if fnmatchcase(layer.name, which)]
        else:
            found = [self[one] for one in which]
        if not found:
            raise WatchError(f"no layers to show: {which or self._nothing}")
        return found

    @property
    def _nothing(self) -> str:
        """Why there is nothing."""
        if self.passed_over:
            return "nothing that can be told: " + "; ".join(self.passed_over)
        return (
            "nothing was seen. Attention is seen that calls torch's functions, transformers' or "
            "regard's, while the model runs in the with block; a softmax written out by hand is not"
        )
