"""From images to grids of annotations: convolutions, or a module of the user's."""

import importlib
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.errors import KindError, RangeError
from regard.grid import shape_text
from regard.systems.captioner_config import BUILT_IN, Config


class Grid(NamedTuple):
    """Rows, columns and features of what an encoder makes of an image."""

    rows: int
    columns: int
    features: int

    @property
    def places(self) -> int:
        return self.rows * self.columns


class Convolutions(nn.Sequential):
    """Layers of 3×3 convolutions, each with batch normalisation and ReLU; the first n halve the
    image, by the largest of 2×2, before what is left is normalised.

    Of an image of S × S pixels the grid has S/2ⁿ × S/2ⁿ places.

    Source:  Simonyan and Zisserman 2015 (arXiv:1409.1556), whose features the paper takes; Ioffe
             and Szegedy 2015 (arXiv:1502.03167)

    Args:
        channels: of the image.
        features: of each layer.
        halvings: n.

    >>> Convolutions(1, (4, 8), 1)(torch.zeros(2, 1, 16, 16)).shape
    torch.Size([2, 8, 8, 8])
    """

    def __init__(self, channels: int, features: tuple[int, ...], halvings: int) -> None:
        layers: list[nn.Module] = []
        for number, size in enumerate(features):
            layers.append(nn.Conv2d(channels, size, 3, padding=1, bias=False))
            if number < halvings:
                # Before the rest, which is then of a quarter of the pixels: half the time on a CPU.
                layers.append(nn.MaxPool2d(2))
            layers += [nn.BatchNorm2d(size), nn.ReLU(inplace=True)]
            channels = size
        super().__init__(*layers)
        # Channels beside one another: a third less time for the pooling and the convolutions.
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, images: Float[Tensor, "B C S S"]) -> Float[Tensor, "B F R R"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The grid of features."""
        return super().forward(images.contiguous(memory_format=torch.channels_last))


def encoder_of(config: Config, channels: int, size: int) -> nn.Module:
    """The encoder that a config names, for images of so many channels and pixels a side.

    Raises:
        KindError: the user's cannot be imported, or is no module.
        RangeError: images that are too small for so many halvings.
    """
    if config.encoder == BUILT_IN:
        if size >> config.halved < 1:
            raise RangeError(
                f"an image of {size} pixels a side cannot be halved {config.halved} times: lower "
                "model.halvings, or give images more pixels (data.size)"
            )
        return Convolutions(channels, config.channels, config.halved)
    module, _, name = config.encoder.partition(":")
    try:
        made = getattr(importlib.import_module(module), name)()
    except Exception as error:  # a user's module may raise anything
        raise KindError(f"model.encoder={config.encoder} cannot be made: {error!r}") from error
    if not isinstance(made, nn.Module):
        raise KindError(
            f"model.encoder={config.encoder} gives a torch.nn.Module, not {type(made).__name__}"
        )
    return made


@torch.no_grad()
def grid_of(encoder: nn.Module, channels: int, size: int) -> Grid:
    """What an encoder makes of images of this size: it is asked, with an image of zeros.

    Raises:
        KindError: no grid of features comes, or the image is refused.
    """
    training = encoder.training
    try:
        made = encoder.eval()(torch.zeros(1, channels, size, size))
    except Exception as error:  # a user's module may raise anything
        raise KindError(
            f"the encoder refuses images (1, {channels}, {size}, {size}): {error}"
        ) from error
    finally:
        encoder.train(training)
    if not isinstance(made, Tensor) or made.ndim != 4 or len(made) != 1:
        came = shape_text(tuple(made.shape)) if isinstance(made, Tensor) else type(made).__name__
        raise KindError(
            f"an encoder makes a grid (B, features, rows, columns) of images (1, {channels}, "
            f"{size}, {size}), and this one made {came}"
        )
    _, features, rows, columns = made.shape
    return Grid(rows, columns, features)


def warped(images: Float[Tensor, "B C S S"], most: float) -> Float[Tensor, "B C S S"]:
    """Images, each turned by an angle (radians), sheared and stretched, all drawn evenly from
    −``most`` to ``most``; what comes in from outside is black."""
    angle, shear, wide, high = (
        (2 * torch.rand(4, len(images), device=images.device) - 1) * most
    ).to(images.dtype)
    cos, sin, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = [
        torch.stack([cos * (1 + wide), shear - sin, none], -1),
        torch.stack([sin, cos * (1 + high), none], -1),
    ]
    places = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, places, align_corners=False)


def annotations_of(grid: Float[Tensor, "B F R C"]) -> Float[Tensor, "B K F"]:
    """A grid's features, place by place, row after row."""
    return grid.flatten(2).mT
