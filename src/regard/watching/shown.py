"""All layers of a model in one page: those of one kind, such as a decoder's to its encoder, make a
panel."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from regard.errors import ShapeError
from regard.view.alignment import tokens_of
from regard.view.attended import Attended
from regard.view.views import Page
from regard.watching.layer import Layer, rows

MOST = 4_000_000
"""Weights that a panel holds; of more the largest of each query are shown."""

LARGEST = 16
"""How many of each query, then."""

FEW = 100
"""Tokens of a side whose lines are shown first."""

CROSS = re.compile(r"cross|enc_?dec|encoder_attn|multihead_attn|memory", re.IGNORECASE)
"""In the name of a module that attends from a decoder to an encoder."""


def page(
    layers: Sequence[Layer],
    target: Sequence[str],
    source: Sequence[str] | None,
    batch: int,
    top: int | None,
    title: str,
) -> Page:
    """As ``Watch.page``."""
    target = tokens_of("target", target)
    source = None if source is None else tokens_of("source", source)
    panels = [
        panel(some, *_tokens(kind, some[0], target, source), batch=batch, top=top, title=kind)
        for kind, some in kinds(layers)
    ]
    return Page(title or "What was attended to", panels)


def kinds(layers: Sequence[Layer]) -> Iterator[tuple[str, list[Layer]]]:
    """Layers whose names differ in numbers alone, and whose shapes are one."""
    kinds: dict[tuple[object, ...], list[Layer]] = {}
    for layer in layers:
        kind = re.sub(r"\d+", "*", layer.name)
        kinds.setdefault((kind, *layer.shape), []).append(layer)
    for (kind, *_), some in kinds.items():
        yield str(kind), some


def _tokens(
    kind: str, layer: Layer, target: tuple[str, ...], source: tuple[str, ...] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tokens of the queries and of the keys: those of a text whose number fits.

    Raises:
        ShapeError: none fits.
    """
    _, _, queries, keys = layer.shape
    if source is None:
        pairs = [(target, target)]
    elif CROSS.search(kind):
        pairs = [(target, source)]
    else:
        # Of an encoder, of a decoder; where both fit, the module's name decides.
        pairs = [(source, source), (target, target), (target, source)]
        pairs[:2] = pairs[1::-1] if "decoder" in kind else pairs[:2]
    for pair in pairs:
        if (len(pair[0]), len(pair[1])) == (queries, keys):
            return pair
    given = f"{len(target)} target tokens" + ("" if source is None else f", {len(source)} source")
    raise ShapeError(
        f"{layer.name} attends from {queries} tokens to {keys}, and there are {given}: give the "
        "tokens of what the model read, special ones and padding too; layers='PATTERN' shows some "
        "layers alone"
    )


def panel(
    layers: Sequence[Layer],
    target: Sequence[str],
    source: Sequence[str],
    *,
    batch: int = 0,
    top: int | None = None,
    title: str = "",
) -> Attended:
    """Layers of one shape as what a page shows, with the tokens of their queries and keys.

    Args:
        top: as in ``Watch.page``.

    Raises:
        ShapeError: tokens that do not fit.
    """
    size, heads, queries, keys = layers[0].shape
    one, indices = rows(batch, size), None
    if top is None and len(layers) * heads * queries * keys > MOST:
        top = min(LARGEST, keys)
    if top is None:
        weights = np.stack([_plain(layer.weights(batch=one)) for layer in layers])
    else:
        found = [layer.top(min(top, keys), batch=one) for layer in layers]
        weights = np.stack([_plain(each.weights) for each in found])
        indices = np.stack([_plain(each.indices) for each in found])
    return Attended(
        tuple(source),
        tuple(target),
        weights,
        indices=indices,
        title=title,
        about=f"{len(layers)} layers of {heads} heads: how much each token (a query) looks at each "
        "token (a key).",
        layers=[layer.name for layer in layers],
        view="lines" if queries <= FEW and keys <= FEW and indices is None else "alignment",
    )


def _plain(x: Any) -> np.ndarray:
    return x[0].cpu().numpy()
