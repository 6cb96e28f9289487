"""A word by itself: its vector, what its characters make, and whether it stands in the question."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.errors import RangeError
from regard.grid import shape_text
from regard.nn.source import cleared
from regard.systems.reader_config import Config
from regard.systems.reader_text import Text

INITIAL = 1.0
"""Standard deviation of words' vectors before training, where none are given: with less, states say
little of the word itself, and like words do not find each other for hundreds of steps."""

SEED = 20161105
"""Of the vectors of unknown words: every reader of one size has the same."""

WIDTH = 5
"""Characters that the convolution reads at once, as in BiDAF."""


class Words(nn.Module):
    """x_t = [E w_t; max over the word of ReLU(W * its characters)].

    Source:  Seo et al. 2017 (arXiv:1611.01603), §2, layers 1 and 2; Kim 2014 (arXiv:1408.5882)
    Departs: an unknown word has one of ``buckets`` random vectors, not one for all; a character's
             window may reach over the ends of the word, where zeros stand, so that short words
             have windows too

    Args:
        config: what the reader is made of.
        words: how many known words there are; 0 is padding.
        buckets: how many vectors unknown words share.
        characters: how many characters there are; 0 is padding.
        vectors: ``(words, N)``, kept as they are; rows of NaN are learned. None: all are learned.

    Raises:
        RangeError: vectors of other sizes.
    """

    def __init__(
        self, config: Config, words: int, buckets: int, characters: int, vectors: Tensor | None
    ) -> None:
        super().__init__()
        self.matched = bool(config.matched)
        self.vectors = Vectors(config.embedding, words, buckets, vectors)
        sizes = (characters, config.characters, config.letters)
        self.letters = Letters(*sizes) if config.characters else None

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        lengths: Int[Tensor, " B"],
        letters: Int[Tensor, "B T W"],
        match: Bool[Tensor, "B T"] | None = None,
    ) -> Text:
        """The words of a passage, or, without ``match``, of a question."""
        words = self.vectors(tokens)
        if self.letters is not None:
            words = torch.cat([words, self.letters(letters)], -1)
        words = cleared(words, lengths)
        if not self.matched:
            return Text(words, lengths, None)
        told = torch.ones_like(words[..., :1]) if match is None else match[..., None]
        return Text(words, lengths, cleared(told.to(words.dtype), lengths))


class Vectors(nn.Module):
    """A vector for each word: learned, given and kept, or of an unknown word drawn once."""

    place: Tensor
    kept: Tensor

    def __init__(self, features: int, words: int, buckets: int, given: Tensor | None) -> None:
        super().__init__()
        if given is not None and given.shape != (words, features):
            raise RangeError(
                f"vectors are (words, model.embedding) = ({words}, {features}), and they are "
                f"{shape_text(tuple(given.shape))}"
            )
        if given is None:
            given = torch.full((words, features), torch.nan)
        fixed = ~given.isnan().any(-1)
        scale = float(given[fixed].std()) if fixed.sum() > 1 else INITIAL
        given, fixed = given.clone(), fixed.clone()
        given[:1], fixed[:1] = 0.0, True  # padding
        self.learned = nn.Parameter(torch.randn(int((~fixed).sum()), features) * scale)
        draw = torch.Generator().manual_seed(SEED)
        unknown = torch.randn(buckets, features, generator=draw) * scale
        self.register_buffer("kept", torch.cat([given[fixed].float(), unknown]))
        fixed = torch.cat([fixed, torch.ones(buckets, dtype=torch.bool)])
        # Learned ones count from 0 and kept ones down from −1.
        self.register_buffer("place", torch.where(fixed, -fixed.cumsum(0), (~fixed).cumsum(0) - 1))
        self.register_load_state_dict_pre_hook(_resized)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T N"]:
        places = self.place[tokens]
        kept = F.embedding((-1 - places).clamp(min=0), self.kept)
        if not len(self.learned):
            return kept
        learned = F.embedding(places.clamp(min=0), self.learned)
        return torch.where((places >= 0)[..., None], learned, kept)


def _resized(vectors: Vectors, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Make room for what is loaded: which vectors were given is known of the state alone."""
    for name in ("learned", "kept"):
        tensor, stored = getattr(vectors, name), state.get(prefix + name)
        if stored is not None and stored.shape[1:] == tensor.shape[1:]:
            tensor.data = tensor.new_empty(stored.shape)


class Letters(nn.Module):
    """max over the word of ReLU(W * characters + b); 0 for a word without characters."""

    def __init__(self, characters: int, features: int, out: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, features, padding_idx=0)
        self.convolution = nn.Conv1d(features, out, WIDTH, padding=WIDTH // 2)

    def forward(self, letters: Int[Tensor, "B T W"]) -> Float[Tensor, "B T N"]:
        distinct, number = _distinct(letters.flatten(0, 1), self.embedding.num_embeddings)
        windows = F.relu(self.convolution(self.embedding(distinct).mT))
        # ReLU leaves nothing below 0, so zeros hide the windows behind a word's end.
        found = windows.masked_fill((distinct == 0)[:, None], 0.0).amax(-1)
        return F.embedding(number, found).unflatten(0, letters.shape[:2])


def _distinct(rows: Int[Tensor, "N W"], count: int) -> tuple[Tensor, Tensor]:
    """The rows, each once, and where each of the N stands among them; numbers are below ``count``.

    A word comes often in a batch, and its convolution need be computed but once.
    """
    number = torch.zeros(len(rows), dtype=torch.long, device=rows.device)
    for column in rows.long().unbind(-1):
        number = torch.unique(number * count + column, return_inverse=True)[1]
    first = torch.zeros(int(number.max()) + 1 if len(rows) else 0, dtype=torch.long)
    first = first.to(rows.device)
    first[number] = torch.arange(len(rows), device=rows.device)
    return rows[first], number
