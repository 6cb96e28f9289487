"""One interactive page of what was attended to: a file, or in a notebook.

    Page(title, [attended, …])      .save("page.html"), and a notebook shows it
    head_view(attention, tokens)    lines between tokens, a colour a head
    model_view(attention, tokens)   all layers and heads as small pictures

The two functions take what BertViz's functions of these names take.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regard.errors import KindError, RangeError, ShapeError, UnknownName
from regard.view import page
from regard.view.alignment import numbers
from regard.view.attended import Attended
from regard.view.characters import escape

HEIGHT = 760
"""CSS pixels of a page in a notebook."""


@dataclass(frozen=True, eq=False)
class Page:
    """Panels in one HTML page that needs no other file and no network.

    Attributes:
        title: of the page.
        panels: what is shown, from above.

    Raises:
        ShapeError: there is no panel.
    """

    title: str
    panels: Sequence[Attended]

    def __post_init__(self) -> None:
        if not self.panels:
            raise ShapeError("a page shows one panel at least, and there is none")

    def html(self) -> str:
        """The page as text."""
        body = "".join(map(page.panel, self.panels))
        return page.page(self.title, [page.Section("", body)])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page, wholly or not at all.

        Raises:
            UnknownName: a name that does not end in .html or .htm.
        """
        if Path(path).suffix.lower() not in (".html", ".htm"):
            raise UnknownName(f"{Path(path).name!r} must end in .html: the page is HTML")
        page.write(path, self.html())

    def _repr_html_(self) -> str:
        """The page for Jupyter, VS Code and Colab, in a frame that can reach nothing around it."""
        return (
            f'<iframe sandbox="allow-scripts allow-downloads" srcdoc="{escape(self.html())}" '
            f'title="{escape(self.title)}" style="width: 100%; height: {HEIGHT}px; border: 0" '
            'loading="lazy"></iframe>'
        )


def head_view(
    attention: Sequence[Any] | None = None,
    tokens: Sequence[str] | None = None,
    sentence_b_start: int | None = None,
    *,
    layer: int | None = None,
    heads: Sequence[int] | None = None,
    include_layers: Sequence[int] | None = None,
    **both: Any,
) -> Page:
    """Lines between the tokens that attend and those attended to, a colour a head.

    Args:
        attention: of each layer ``(1, H, Q, K)``, as models give it with ``output_attentions``.
        tokens: of the text; Q = K of them.
        sentence_b_start: where the second of two sentences begins: they then are panels of their
            own, each to each.
        layer: the layer that is shown first; None: the last.
        heads: the heads whose lines are shown first; None: all.
        include_layers: the layers that the page holds; None: all.
        both: of a model with encoder and decoder, instead of attention and tokens:
            ``encoder_attention``, ``decoder_attention``, ``cross_attention``, ``encoder_tokens``,
            ``decoder_tokens``.

    Raises:
        ShapeError: attention and tokens that do not fit, or none at all.
        KindError: an argument that there is not.
        RangeError: a layer or a head that there is not.

    >>> view = head_view((np.full((1, 2, 3, 3), 1 / 3),), ["a", "b", "c"])
    >>> view.panels[0].view, view.panels[0].shape
    ('lines', (1, 2, 3, 3))
    """
    given = _Given(attention, tokens, sentence_b_start, include_layers, both)
    return given.page("lines", layer, heads)


def model_view(
    attention: Sequence[Any] | None = None,
    tokens: Sequence[str] | None = None,
    sentence_b_start: int | None = None,
    *,
    include_layers: Sequence[int] | None = None,
    **both: Any,
) -> Page:
    """All layers and heads as small pictures, each of which opens; it takes what ``head_view``
    takes."""
    return _Given(attention, tokens, sentence_b_start, include_layers, both).page(
        "heads", None, None
    )


NAMES = ("encoder_attention", "decoder_attention", "cross_attention")
TOKENS = ("encoder_tokens", "decoder_tokens")


@dataclass(frozen=True, eq=False)
class _Given:
    attention: Sequence[Any] | None
    tokens: Sequence[str] | None
    second: int | None
    layers: Sequence[int] | None
    both: dict[str, Any]

    def page(self, view: str, layer: int | None, heads: Sequence[int] | None) -> Page:
        panels = [
            self._panel(name, weights, target, source, view, layer, heads)
            for name, weights, target, source in self._parts()
        ]
        return Page("Attention", panels)

    def _parts(self) -> list[tuple[str, Any, Sequence[str], Sequence[str]]]:
        unknown = set(self.both) - {*NAMES, *TOKENS}
        if unknown:
            raise KindError(f"there is no argument {', '.join(sorted(unknown))}")
        if self.attention is not None:
            if self.tokens is None:
                raise ShapeError("attention wants its tokens")
            return self._sentences(_stacked("attention", self.attention, self.layers), self.tokens)
        encoder, decoder = (self.both.get(name) for name in TOKENS)
        found = []
        for name, target, source in zip(
            NAMES, (encoder, decoder, decoder), (encoder, decoder, encoder), strict=True
        ):
            if self.both.get(name) is None:
                continue
            if target is None or source is None:
                raise ShapeError(f"{name} wants {' and '.join(TOKENS)}")
            weights = _stacked(name, self.both[name], self.layers)
            found.append((name.replace("_", " "), weights, target, source))
        if not found:
            raise ShapeError(f"give attention and tokens, or {', '.join(NAMES)} with their tokens")
        return found

    def _sentences(
        self, weights: Any, tokens: Sequence[str]
    ) -> list[tuple[str, Any, Sequence[str], Sequence[str]]]:
        if self.second is None:
            return [("", weights, tokens, tokens)]
        if not 0 < self.second < len(tokens):
            raise ShapeError(
                f"sentence_b_start is a place within {len(tokens)} tokens, and it is {self.second}"
            )
        parts = {"A": slice(None, self.second), "B": slice(self.second, None)}
        whole = [("all", weights, tokens, tokens)]
        return whole + [
            (f"sentence {a} → sentence {b}", weights[..., p, q], tokens[p], tokens[q])
            for a, p in parts.items()
            for b, q in parts.items()
        ]

    def _panel(
        self,
        title: str,
        weights: Any,
        target: Sequence[str],
        source: Sequence[str],
        view: str,
        layer: int | None,
        heads: Sequence[int] | None,
    ) -> Attended:
        names = [] if self.layers is None else [str(number) for number in self.layers]
        first = (
            "alignment" if view == "heads" and weights.shape[0] * weights.shape[1] == 1 else view
        )
        begin = layer
        if layer is not None and self.layers is not None:
            if layer not in self.layers:
                raise RangeError(f"layer {layer} is none of include_layers, {[*self.layers]}")
            begin = list(self.layers).index(layer)
        return Attended(
            tuple(source),
            tuple(target),
            weights,
            title=title,
            layers=names,
            view=first,
            first_layer=begin,
            first_heads=None if heads is None else tuple(heads),
        )


def _stacked(name: str, attention: Sequence[Any], layers: Sequence[int] | None) -> Any:
    """``(L, H, Q, K)`` of the layers that are held."""
    for layer in layers or ():
        if not 0 <= layer < len(attention):
            raise RangeError(f"{name} has {len(attention)} layers, from 0, and none is {layer}")
    chosen = attention if layers is None else [attention[layer] for layer in layers]
    rows = [numbers(each) for each in chosen]
    for number, each in enumerate(rows):
        if each.ndim not in (3, 4) or (each.ndim == 4 and each.shape[0] != 1):
            raise ShapeError(
                f"{name} is (1, H, Q, K) or (H, Q, K) of each layer; that of layer {number} is "
                f"{each.shape}: choose one row of the batch"
            )
    return np.stack([each[0] if each.ndim == 4 else each for each in rows])
