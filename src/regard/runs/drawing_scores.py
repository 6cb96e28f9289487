"""How well DRAW draws, and how often its windows stand where there is something to see."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from regard.data.picture import Box
from regard.data.seen import Seen
from regard.data.seen_batch import SeenEncoding
from regard.runs.system import Meaning, Scores
from regard.systems.draw import Places, Walk


class Found(NamedTuple):
    """What was found of a batch of images: nats of the reconstruction and of the latent numbers,
    each the mean over the draws of z, and the steps of the first draw."""

    reconstruction: Float[Tensor, " B"]
    latent: Float[Tensor, " B"]
    walk: Walk


MEANING: Final[Meaning] = {
    "images": ("images evaluated", ",.0f"),
    "bound": ("bound of −log p (nats an image)", ".2f"),
    "reconstruction": ("of these for the reconstruction", ".2f"),
    "latent": ("and for the latent numbers", ".2f"),
    "pixels_right": ("pixels on the right side of ½", ".2%"),
    "reads_on_it": ("reads with the window on the thing", ".1%"),
    "reads_on_another": ("by chance (another image's thing)", ".1%"),
    "writes_on_it": ("writes with the window on the thing", ".1%"),
    "writes_on_another": ("by chance (another image's thing)", ".1%"),
}


def scores(found: Iterable[tuple[Sequence[Seen], Found]], encoding: SeenEncoding) -> Scores:
    """The mean over all images: see ``TrainedDraw.evaluate``."""
    sums: dict[str, float] = {}
    known = 0
    for examples, part in found:
        images = encoding.batch(examples).images.bool()
        added = {
            "images": float(len(examples)),
            "bound": float((part.reconstruction + part.latent).sum()),
            "reconstruction": float(part.reconstruction.sum()),
            "latent": float(part.latent.sum()),
            "pixels_right": float(((part.walk.canvas > 0) == images).double().mean((1, 2)).sum()),
        }
        boxes = [example.boxes for example in examples]
        if all(boxes) and len(boxes) > 1:
            known += len(boxes)
            others = [*boxes[1:], boxes[0]]
            for name, places in (("reads", part.walk.reads), ("writes", part.walk.writes)):
                if places is not None:
                    added[f"{name}_on_it"] = float(on(places, boxes).mean(0).sum())
                    added[f"{name}_on_another"] = float(on(places, others).mean(0).sum())
        for name, value in added.items():
            sums[name] = sums.get(name, 0.0) + value
    count = sums["images"]
    # A last batch of one image has no other to be held against.
    means = {name: value / (known if "_on_" in name else count) for name, value in sums.items()}
    return means | {"images": count}


def on(places: Places, boxes: Sequence[Sequence[Box]]) -> Bool[np.ndarray, "T B"]:
    """Whether the middle of a window is in a box of its image."""
    x, y = places.x.double().numpy() - 0.5, places.y.double().numpy() - 0.5
    inside = np.zeros(x.shape, bool)
    for row, some in enumerate(boxes):
        for top, left, bottom, right in some:
            down = (y[:, row] >= top) & (y[:, row] < bottom)
            inside[:, row] |= down & (x[:, row] >= left) & (x[:, row] < right)
    return inside
