"""The captioner, as the command line and training know it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from regard.data import captions
from regard.data.captioned import Captioned, CaptionsConfig
from regard.data.captioned_batch import CaptionBatch, CaptionEncoding
from regard.data.splits import Splits
from regard.runs.caption import TrainedCaptioner
from regard.runs.decode import Search
from regard.runs.scores_of_captions import caption_match
from regard.runs.system import System
from regard.systems.captioner import Captioner, Config

EXAMPLES = """
examples:
  regard train captioner                           scenes of handwritten digits (built in)
  regard train captioner captions.tsv --data.images photos
  regard train captioner captions.json --data.size 128 --data.min_count 5
  regard train captioner captions.tsv --model.encoder mypackage.vision:Backbone
  regard train captioner --init runs/captioner-digits --run runs/hard --model.attention hard
  regard train captioner --config run/config.yaml --run runs/again
"""


class CaptionerSystem(System):
    """Image to text."""

    name = "captioner"
    about = "image to text: Show, Attend and Tell, with soft and hard attention"
    data = CaptionsConfig
    model = Config
    search = Search
    builtin = tuple(captions.BUILTIN)
    takes = "built-in data, or a file of images' names and captions (TSV, JSON or JSON Lines)"
    asks = "image files"
    shows = (
        "Over each image the weights with which a word was written: the brighter, the more weight; "
        "the place of the largest is framed."
    )
    folders = ("images",)
    vocabulary = ("vocabulary", "min_count", "lower_case")
    source = "digits"
    measure = "exact_match"
    loss = "nats a word"
    examples = EXAMPLES
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "digits": {
            "epochs": 10,
            "training.batch_size": 64,
            "training.learning_rate": 2e-3,
            # A slow beginning learns to see a digit a word too soon, and to remember it.
            "training.warm_up": 0.02,
            "model.channels": (24, 48, 96, 128),
            "model.hidden": 192,
            "model.warp": 0.08,
        },
    }

    def splits(self, sources: Sequence[str], data: CaptionsConfig) -> Splits[Captioned]:
        return captions.load(sources, data)

    def read(
        self, sources: Sequence[str], data: CaptionsConfig, encoding: CaptionEncoding
    ) -> Sequence[Captioned]:
        # As the model reads images, whatever its own data were brought to.
        asked = replace(data, size=encoding.size, color=encoding.channels == 3)
        return captions.read(sources, asked)

    def encoding(
        self, splits: Splits[Captioned], data: CaptionsConfig, model: Config
    ) -> CaptionEncoding:
        return CaptionEncoding.of(splits.train, data.vocabulary_of(splits.train))

    def stored(self, content: dict[str, Any]) -> CaptionEncoding:
        return CaptionEncoding.from_json(content)

    def build(self, model: Config, encoding: CaptionEncoding) -> Captioner:
        return Captioner(model, encoding.size, encoding.channels, len(encoding.words))

    def judge(self, model: Captioner, batch: CaptionBatch) -> float:
        return caption_match(model, batch)

    def trained(self, model: Captioner, encoding: CaptionEncoding) -> TrainedCaptioner:
        return TrainedCaptioner(model, encoding)


SYSTEM = CaptionerSystem()
