"""A reader: a passage and a question in, the first and the last word of the answer out."""

import torch.nn.functional as F
from torch import Tensor, nn

from regard.data.questions_batch import QuestionBatch
from regard.systems.loss import Loss
from regard.systems.reader_bidaf import Bidaf
from regard.systems.reader_config import Config
from regard.systems.reader_documentqa import DocumentQA
from regard.systems.reader_fusionnet import FusionNet
from regard.systems.reader_qanet import QANet
from regard.systems.reader_text import Answered, Looks
from regard.systems.reader_words import Words

__all__ = ["Answered", "Config", "Looks", "Reader"]

Body = Bidaf | DocumentQA | FusionNet | QANet


class Reader(nn.Module):
    """Words of a passage and of a question → where the answer is in the passage.

        x = words, each alone (``systems.reader_words``)
        p_start, p_end = softmax over the passage of what the attention makes of x
        loss = −log p_start(first word of the answer) − log p_end(its last word)

    Source:  that of the attention: ``reader_bidaf``, ``reader_documentqa``, ``reader_fusionnet``,
             ``reader_qanet``
    Departs: all read words by the same vectors and characters, and drop features alike, so that
             they differ in what is between words alone; unknown words have random vectors of their
             own (Dhingra et al. 2017, arXiv:1703.00993)
    Cost:    that of the attention

    Args:
        config: what it is made of.
        words: how many known words there are; 0 is padding.
        buckets: how many vectors unknown words share, which are not trained.
        characters: how many characters there are; 0 is padding.
        vectors: of the known words, ``(words, config.embedding)``; they are kept as they are, but
            rows of NaN are learned. None: all are learned.

    Raises:
        RangeError: vectors of other sizes.
    """

    def __init__(
        self,
        config: Config,
        words: int,
        buckets: int,
        characters: int,
        vectors: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.words = Words(config, words, buckets, characters, vectors)
        self.body = _body(config)

    def forward(self, batch: QuestionBatch, *, looks: bool = False) -> Answered:
        """Logits of first and last words, and what looked at what if asked."""
        passage = self.words(
            batch.passage, batch.passage_lengths, batch.passage_characters, batch.shared
        )
        question = self.words(batch.question, batch.question_lengths, batch.question_characters)
        return self.body(passage, question, looks)

    def loss(self, batch: QuestionBatch) -> Loss:
        """Nats a question; questions whose answer is not in the passage are not counted."""
        found = self(batch)
        known = batch.starts >= 0
        total = sum(
            F.cross_entropy(logits[known], places[known], reduction="sum")
            for logits, places in ((found.starts, batch.starts), (found.ends, batch.ends))
        )
        assert isinstance(total, Tensor)
        return Loss(total, known.sum().to(total.dtype))


def _body(config: Config) -> Body:
    match config.attention:
        case "bidaf":
            return Bidaf(config)
        case "fusionnet":
            return FusionNet(config)
        case "qanet":
            return QANet(config)
        case "documentqa" | "mean":
            return DocumentQA(config)
