"""The value that the page shows: what was attended to, by every layer and head.

Attended(source, target, weights)              weights (Q, K), (H, Q, K) or (L, H, Q, K)
Attended(source, target, top, indices=keys)    the k largest of each query, and their keys
seen.payload()                                 the same as JSON, quantised and compressed
"""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8
from numpy.typing import NDArray

from regard.errors import KindError, RangeError, ShapeError, UnknownName
from regard.view.alignment import Alignment, numbers, tokens_of
from regard.view.png import data_uri

VIEWS = ("alignment", "lines", "heads", "text", "image", "histogram")
"""What may be shown first."""

LEVELS = 65535
"""Steps of a quantised weight: the error is at most the span of the weights / 131,070."""

SUMS = 1e-3
"""How far from 1 the weights of a query may sum up before a note tells it."""

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Attended:
    """Who attended to what: queries (``target``) over keys (``source``), by layers and heads.

    Weights are taken as they are and never rescaled; where they do not sum to one, ``notes`` say
    so. Anything that ``numpy.asarray`` takes is taken, and tensors on any device.

    Attributes:
        source: the K tokens attended to; a string counts as its characters.
        target: the Q tokens that attend.
        weights: ``(Q, K)``, ``(H, Q, K)`` or ``(L, H, Q, K)``; with ``indices`` the last axis is
            the k largest of each query. Kept as ``(L, H, Q, K or k)``, float32.
        indices: of the largest weights, which key each belongs to; −1 where there is none.
        title: what is shown, in a line.
        about: what the weights are, in a sentence.
        layers: names of the layers; none given: their numbers.
        heads: names of the heads; none given: their numbers.
        joins: whether the tokens, joined, are the text; else a space is set between two.
        images: pixels ``(H, W, C)``, 0 … 255, under the weights: one, or one for each query.
        grid: rows and columns of the places of the images; the keys are these, row by row.
        view: what is shown first, one of ``VIEWS``.
        first_layer: the layer that is shown first; None: the last.
        first_heads: the heads whose lines are shown first; None: all.

    Raises:
        ShapeError: sizes that do not fit together, or nothing to show.
        RangeError: NaN or an infinite weight: which.
        KindError: tokens that are not strings, weights that are not real numbers, indices that are
            not whole ones, pixels that are not bytes.
        UnknownName: a view that there is not.

    >>> Attended("un", "1", [[0.9, 0.1]]).shape
    (1, 1, 1, 2)
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: NDArray[np.floating[Any]]
    indices: Int[np.ndarray, "L H Q k"] | None = None
    title: str = ""
    about: str = ""
    layers: Sequence[str] = ()
    heads: Sequence[str] = ()
    joins: bool = False
    images: Sequence[UInt8[np.ndarray, "H W C"]] = ()
    grid: tuple[int, int] | None = None
    view: str = "alignment"
    first_layer: int | None = None
    first_heads: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        # A frozen dataclass offers no other way to keep the normal form of what was given.
        def keep(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        keep("source", tokens_of("source", self.source))
        keep("target", tokens_of("target", self.target))
        keep("weights", _of_four("weights", numbers(self.weights).astype(np.float32)))
        if self.indices is not None:
            whole = numbers(self.indices)
            if (whole != np.rint(whole)).any():
                raise KindError("indices are whole numbers, the places of keys")
            keep("indices", _of_four("indices", whole.astype(np.int64)))
        self._check()
        for name, count in (("layers", self.shape[0]), ("heads", self.shape[1])):
            given = getattr(self, name)
            keep(name, tokens_of(name, given) or tuple(map(str, range(count))))
            if len(getattr(self, name)) != count:
                raise ShapeError(f"{name} are {count} names; given {len(getattr(self, name))}")
        keep("images", tuple(self.images))
        if self.images and (
            self.grid is None
            or self.grid[0] * self.grid[1] != self.shape[3]
            or len(self.images) not in (1, self.shape[2])
        ):
            raise ShapeError(
                f"images, one or one for each of {self.shape[2]} queries, are of a grid of "
                f"{self.shape[3]} places; given {len(self.images)} and the grid {self.grid}"
            )
        for image in self.images:
            if image.dtype != np.uint8:
                raise KindError(f"an image's pixels are bytes, 0 … 255, not {image.dtype}")
            if image.ndim != 3 or image.shape[:2] != self.images[0].shape[:2]:
                raise ShapeError(f"images are (H, W, C), all of one size; given {image.shape}")
        if self.first_layer is not None and not 0 <= self.first_layer < self.shape[0]:
            raise RangeError(f"layer {self.first_layer} is asked for, of {self.shape[0]}, from 0")
        if (
            self.first_heads
            and not 0 <= min(self.first_heads) <= max(self.first_heads) < self.shape[1]
        ):
            raise RangeError(f"heads {self.first_heads} are asked for, of {self.shape[1]}, from 0")
        if self.view not in VIEWS or (self.view == "image" and not self.images):
            raise UnknownName(f"view is one of {', '.join(VIEWS)} (image with images): {self.view}")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Layers, heads, queries and keys."""
        layers, heads, queries, _ = self.weights.shape
        return layers, heads, queries, len(self.source)

    @property
    def notes(self) -> list[str]:
        """What must be known of these weights: whether they sum to one, whether some are cut."""
        found = []
        sums = self.weights.sum(-1, dtype=np.float64)
        sums = sums[(self.weights != 0).any(-1)]  # a query that may see nothing has no weights
        if self.indices is not None:
            found.append(
                f"Of each query the {self.weights.shape[-1]} largest weights are shown, of "
                f"{len(self.source):,}: {sums.mean() if sums.size else 0:.1%} of the weight."
            )
            off = sums[sums > 1 + SUMS]
        else:
            off = sums[np.abs(sums - 1) > SUMS]
        if off.size:
            found.append(
                f"The weights of {off.size:,} of {sums.size:,} rows do not sum to 1 (they sum to "
                f"{off.min():.3g} … {off.max():.3g}); they are shown as they are."
            )
        if self.weights.min() < 0:
            found.append(f"Some weights are negative, down to {self.weights.min():.3g}.")
        return found

    def alignment(self, layer: int = 0, head: int | None = None) -> Alignment:
        """One layer's weights for the terminal, a drawing or a picture: of a head, or the mean of
        all.

        Raises:
            RangeError: a layer or a head that there is not.
        """
        layers, heads, queries, keys = self.shape
        if not -layers <= layer < layers or not (head is None or -heads <= head < heads):
            raise RangeError(f"there are {layers} layers and {heads} heads, from 0")
        chosen = slice(None) if head is None else slice(head % heads, head % heads + 1)
        rows = self.weights[layer, chosen]
        if self.indices is not None:
            whole = np.zeros((len(rows), queries, keys + 1), np.float32)
            np.put_along_axis(whole, self.indices[layer, chosen] % (keys + 1), rows, -1)
            rows = whole[..., :keys]
        return Alignment(self.source, self.target, rows.mean(0), self.title)

    def payload(self) -> dict[str, Any]:
        """What the page reads, as JSON can hold it.

        ``weights`` are whole numbers of 16 bits, to be multiplied with ``scale`` and added to
        ``low``; ``indices`` are of 16 or 32 bits (``index_bytes``), K where there is no key. Both
        are little-endian, all first bytes before all second ones …, zlib-deflated, in base64.
        """
        low, high = min(0.0, float(self.weights.min())), max(0.0, float(self.weights.max()))
        scale = (high - low) / LEVELS or 1.0
        steps = np.rint((self.weights.astype(np.float64) - low) / scale).astype(np.uint16)
        found = {
            "format": FORMAT,
            "title": self.title,
            "about": self.about,
            "view": self.view,
            "layer": self.shape[0] - 1 if self.first_layer is None else self.first_layer,
            "shown": self.first_heads,
            "source": self.source,
            "target": self.target,
            "same": self.source == self.target,
            "joins": self.joins,
            "layers": self.layers,
            "heads": self.heads,
            "notes": self.notes,
            "shape": self.shape,
            "top": None if self.indices is None else self.weights.shape[-1],
            "low": low,
            "scale": scale,
            "weights": _packed(steps),
        }
        if self.indices is not None:
            # Beyond the last key stands what there is not.
            count = len(self.source)
            kind = np.uint16 if count <= LEVELS else np.uint32
            found["indices"] = _packed(np.where(self.indices < 0, count, self.indices).astype(kind))
            found["index_bytes"] = kind().itemsize
        if self.images:
            assert self.grid is not None
            found["images"] = [data_uri(image) for image in self.images]
            found["grid"] = self.grid
            found["size"] = self.images[0].shape[:2]
        return found

    def _check(self) -> None:
        rows, (_, _, queries, width) = self.weights, self.weights.shape
        if self.indices is not None and self.indices.shape != rows.shape:
            raise ShapeError(
                f"indices are those of the weights {rows.shape}; given {self.indices.shape}"
            )
        if not rows.size or not self.source:
            raise ShapeError(
                f"there is nothing to show: {len(self.target)} target tokens, {len(self.source)} "
                f"source tokens, weights {rows.shape}"
            )
        for name, tokens, count in (
            ("target", self.target, queries),
            *((("source", self.source, width),) if self.indices is None else ()),
        ):
            if len(tokens) != count:
                raise ShapeError(
                    f"weights {rows.shape} have {count} {_AXES[name]}, and there are "
                    f"{len(tokens)} {name} tokens"
                )
        if self.indices is not None and not (
            self.indices.min() >= -1 and self.indices.max() < len(self.source)
        ):
            raise RangeError(
                f"indices are keys from 0 to {len(self.source) - 1}, or −1 for none; given "
                f"{self.indices.min()} … {self.indices.max()}"
            )
        wrong = np.argwhere(~np.isfinite(rows))
        if len(wrong):
            layer, head, query, key = wrong[0].tolist()
            raise RangeError(
                f"{len(wrong):,} weights are no finite numbers; the first, "
                f"{rows[layer, head, query, key]}, is that of layer {layer}, head {head}, query "
                f"{query}, key {key}"
            )


_AXES = {"target": "rows", "source": "columns"}


def _of_four(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if not 2 <= array.ndim <= 4:
        raise ShapeError(f"{name} are (Q, K), (H, Q, K) or (L, H, Q, K); given {array.shape}")
    found = array.reshape((1,) * (4 - array.ndim) + array.shape)
    found.setflags(write=False)
    return found


def _packed(array: NDArray[Any]) -> str:
    """Little-endian, byte by byte: all first bytes, all second bytes …, which packs better."""
    size = array.dtype.itemsize
    planes = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).view(np.uint8)
    raw = np.ascontiguousarray(planes.reshape(-1, size).T).tobytes()
    return base64.b64encode(zlib.compress(raw, 6)).decode("ascii")
