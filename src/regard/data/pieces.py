"""Pieces of words, learned from texts by sentencepiece."""

import io
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from regard.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

SPACE: Final = "▁"
"""How a piece writes the space before a word; one that stands in a text is read as a space."""

DEFAULT_SIZE: Final = 8_000
LARGEST_SAMPLE: Final = 300_000
"""How many texts pieces are learned from at most; of more, as many are drawn."""

_LONGEST = 1 << 20  # bytes; sentencepiece passes over longer texts without a word
_SEED = 0
_TOO_SMALL = re.compile(r"smaller than required_chars\. (\d+) vs (\d+)")


def learn(texts: Iterable[str], size: int | None, special: tuple[str, ...]) -> bytes:
    """Learn pieces from texts: the bytes of sentencepiece's model.

    The model is a unigram one. It knows every character of the texts that it is learned from,
    changes no letter, and takes runs of white space as one space. The same texts in the same order
    give the same model.

    Args:
        size: how many pieces to know at most, None: 8,000; small texts give fewer.
        special: padding, unknown, begin and end, numbers 0 to 3 of the model.

    Raises:
        DataError: there is nothing but white space in the texts, or they have more different
            characters than ``size``.
        MissingExtra: sentencepiece is not installed.

    Source: Kudo 2018, Subword Regularization, section 3; Kudo and Richardson 2018, SentencePiece.

    Cost: one pass. 140,000 sentences take 2 seconds, and 300,000 of 16 words 540 MB of memory.
    """
    package = _package()
    size = DEFAULT_SIZE if size is None else size
    pad, unknown, begin, end = special
    model = io.BytesIO()
    failures: list[BaseException] = []
    package.set_random_generator_seed(_SEED)
    try:
        package.SentencePieceTrainer.train(
            sentence_iterator=_until_failure(texts, failures),
            model_writer=model,
            model_type="unigram",
            vocab_size=size + len(special),
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_name="identity",
            input_sentence_size=LARGEST_SAMPLE,
            shuffle_input_sentence=True,
            max_sentence_length=_LONGEST,
            num_threads=1,  # sums of several threads would depend on their number
            minloglevel=2,
            **{"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3},
            **{"pad_piece": pad, "unk_piece": unknown, "bos_piece": begin, "eos_piece": end},
        )
    except RuntimeError as error:
        if failures:
            raise failures[0] from None
        if found := _TOO_SMALL.search(str(error)):
            least = int(found[2]) - len(special)
            raise DataError(
                f"data.vocabulary is {size}, and pieces of these texts need at least {least}: "
                "every character is one of them"
            ) from None
        if "sentences_.empty()" in str(error):
            raise DataError("no texts to learn pieces from: all are empty") from None
        raise
    if failures:
        raise failures[0]
    return model.getvalue()


def load(model: bytes) -> "SentencePieceProcessor":
    """The processor of a model's bytes.

    Raises:
        DataError: they are no model.
        MissingExtra: sentencepiece is not installed.
    """
    try:
        return _package().SentencePieceProcessor(model_proto=model)
    except RuntimeError:
        raise DataError("the stored pieces are no model of sentencepiece") from None


def names(processor: "SentencePieceProcessor") -> tuple[str, ...]:
    """Every piece, in the order of their numbers."""
    return tuple(processor.id_to_piece(number) for number in range(processor.vocab_size()))


def split(processor: "SentencePieceProcessor", text: str) -> list[str]:
    """A text's pieces; a run of characters never seen is one piece that has no number."""
    return processor.encode(_plain(text), out_type=str)


def surfaces(tokens: Iterable[str]) -> list[str]:
    """What each piece adds to the text; the space at the very beginning is left out.

    >>> surfaces(["▁Je", "▁t", "'", "aime"])
    ['Je', ' t', "'", 'aime']
    """
    texts = [token.replace(SPACE, " ") for token in tokens]
    return [texts[0].removeprefix(" "), *texts[1:]] if texts else []


def _until_failure(texts: Iterable[str], failures: list[BaseException]) -> Iterator[str]:
    """The texts; an error in reading them is kept, for sentencepiece would tell another."""
    try:
        yield from map(_plain, texts)
    except (Exception, KeyboardInterrupt) as error:
        failures.append(error)


def _plain(text: str) -> str:
    """White space as plain spaces, and what UTF-8 cannot say as question marks."""
    return " ".join(text.split()).encode("utf-8", "replace").decode("utf-8")


def _package() -> Any:
    try:
        import sentencepiece
    except ImportError as error:
        raise MissingExtra(
            "units of pieces need sentencepiece: pip install 'regard[text]'"
        ) from error
    return sentencepiece
