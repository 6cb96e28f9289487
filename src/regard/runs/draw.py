"""DRAW, as the command line and training know it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from regard.data import seen_files
from regard.data.seen import Seen, SeenConfig
from regard.data.seen_batch import SeenBatch, SeenEncoding
from regard.data.splits import Splits
from regard.runs.drawing import Options, TrainedDraw
from regard.runs.system import System
from regard.systems.draw import Config, Draw

EXAMPLES = """
examples:
  regard train draw                                digits somewhere on a canvas (built in)
  regard train draw --model.attention false --model.hidden 25
  regard train draw mnist --model.steps 16
  regard train draw shapes --data.size 32 --data.threshold 0.3    a folder of images
  regard predict runs/draw-digits --generate 5
  regard explain runs/draw-digits --samples 3 -o walks.html
"""


class DrawSystem(System):
    """Image to image."""

    name = "draw"
    about = "image to image: DRAW, which reads and writes through windows"
    data = SeenConfig
    model = Config
    search = Options
    builtin = tuple(seen_files.BUILTIN)
    takes = "built-in data, or folders of images, or image files"
    asks = "image files"
    piped = False
    shows = (
        "Step by step, the image with the window that reads and the canvas with the one that "
        "writes: a frame is the grid of filters, the thicker its line the wider each filter."
    )
    vocabulary = ("threshold",)
    source = "digits"
    measure = "pixels_right"
    loss = "nats an image"
    examples = EXAMPLES
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "digits": {
            "epochs": 8,
            "training.batch_size": 64,
            "training.learning_rate": 8e-3,
            "training.patience": 8,
        },
        "mnist": {
            "epochs": 20,
            "training.batch_size": 64,
            "training.learning_rate": 5e-3,
            "training.patience": 20,
        },
    }

    def splits(self, sources: Sequence[str], data: SeenConfig) -> Splits[Seen]:
        return seen_files.load(sources, data)

    def read(
        self, sources: Sequence[str], data: SeenConfig, encoding: SeenEncoding
    ) -> Sequence[Seen]:
        return seen_files.read(sources, data, encoding.height)

    def encoding(self, splits: Splits[Seen], data: SeenConfig, model: Config) -> SeenEncoding:
        return SeenEncoding.of(splits.train, data.threshold)

    def stored(self, content: dict[str, Any]) -> SeenEncoding:
        return SeenEncoding.from_json(content)

    def build(self, model: Config, encoding: SeenEncoding) -> Draw:
        return Draw(model, encoding.height, encoding.width, encoding.white)

    def judge(self, model: Draw, batch: SeenBatch) -> float:
        with torch.inference_mode():
            canvas = model(batch.images).canvas
        return float(((canvas > 0) == batch.images.bool()).float().mean())

    def trained(self, model: Draw, encoding: SeenEncoding) -> TrainedDraw:
        return TrainedDraw(model, encoding)


SYSTEM = DrawSystem()
