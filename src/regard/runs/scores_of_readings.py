"""How good answers to questions are: exact match and F1 as SQuAD counts them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from regard.data.questions import Asked, Question
from regard.errors import MissingExtra
from regard.runs.stream import batches
from regard.runs.system import Scores

TOKENS = 4096
"""Tokens of passages, padding counted, that are judged as one batch."""


class Answering(Protocol):
    """What is judged."""

    @property
    def model(self) -> Any: ...
    @property
    def encoding(self) -> Any: ...
    def answers(self, questions: Sequence[Asked], options: Any, /) -> Sequence[Any]: ...


def evaluate(trained: Answering, examples: Sequence[Question], options: Any) -> Scores:
    """Scores on examples: ``questions`` (how many), ``exact_match``, ``f1``, ``loss`` (nats a
    question), and of data with several kinds of questions ``exact_match/KIND`` of each; where it
    is known for what "it" stands, and one weight of it is the largest, ``references`` (how many),
    ``pointing`` (the share of those whose largest self-attention weight falls on what it stands
    for), and ``pointing_chance`` (the same if every other word were as likely).

    Source: Rajpurkar et al. 2016 (arXiv:1606.05250), §6.1, and its official script: small letters,
            without punctuation and articles, the best of all true answers

    Raises:
        MissingExtra: torchmetrics is not installed.
    """
    asked = [Asked(one.passage, one.question) for one in examples]
    found = [reply.answer for reply in trained.answers(asked, options)]
    exact, f1 = matches(found, [one.texts for one in examples])
    scores: Scores = {
        "questions": float(len(examples)),
        "exact_match": exact,
        "f1": f1,
        "loss": _loss(trained, examples),
    }
    pointed = pointing(trained, examples)
    if pointed is not None:
        scores |= {
            "references": float(pointed.count),
            "pointing": pointed.share,
            "pointing_chance": pointed.chance,
        }
    kinds: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(examples):
        kinds[one.kind].append(place)
    if len(kinds) > 1:
        for kind in sorted(kinds):
            some = [found[p] for p in kinds[kind]], [examples[p].texts for p in kinds[kind]]
            scores[f"exact_match/{kind}"] = matches(*some)[0]
    return scores


def matches(found: Sequence[str], true: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Exact match and F1 of answers, each beside the texts that are right: shares.

    >>> matches(["The cat!", "a big dog"], [["cat"], ["dog", "the dog"]])
    (0.5, 0.833...)
    """
    try:
        from torchmetrics.functional.text import squad
    except ImportError as error:
        raise MissingExtra("judging answers needs pip install 'regard[text]'") from error
    said = [{"prediction_text": text, "id": str(i)} for i, text in enumerate(found)]
    truth = [
        {"answers": {"answer_start": [0] * len(texts), "text": list(texts)}, "id": str(i)}
        for i, texts in enumerate(true)
    ]
    scores = squad(said, truth)  # pyright: ignore[reportArgumentType]
    # In double precision, from the single precision of the library.
    return round(float(scores["exact_match"]) / 100, 6), round(float(scores["f1"]) / 100, 6)


def is_exact(answer: str, example: Question) -> bool:
    """Whether an answer is one of the true ones."""
    return matches([answer], [example.texts])[0] == 1.0


@dataclass(frozen=True)
class Pointing:
    """Of how many words "it" it is known for what they stand, the share of them whose largest
    self-attention weight falls there, and the share if every other word were as likely."""

    count: int
    share: float
    chance: float


def pointing(trained: Answering, examples: Sequence[Question]) -> Pointing | None:
    """Where the words "it" look; None: of none is it known, or passages do not attend to
    themselves, or to all words alike. A passage that several questions are about counts once for
    each of them."""
    known = [one for one in examples if one.references]
    encoding, right, chances = trained.encoding, 0, []
    lengths = [len(encoding.tokens(one.passage)) for one in known]
    for places in batches(lengths, TOKENS):
        some = [known[place] for place in places]
        windows = encoding.asked([Asked(one.passage, one.question) for one in some])
        trained.model.eval()
        with torch.inference_mode():
            own = trained.model(windows.batch, looks=True).looks.own
        if own is None:
            return None
        rows, offsets = windows.rows.numpy(), windows.offsets.numpy()
        for number, one in enumerate(some):
            row = int(np.flatnonzero(rows == number)[0])
            count = int(windows.batch.passage_lengths[row])
            begins = {token[1]: place for place, token in enumerate(windows.tokens[number])}
            for pronoun, referent in one.references:
                if one.passage[slice(*pronoun)].lower() != "it":
                    continue
                here, there = (begins[x.start] - offsets[row] for x in (pronoun, referent))
                if max(here, there) < count:  # else another window has it
                    found = own[row, here, :count]
                    if int((found == found.max()).sum()) > 1:  # none is the largest
                        continue
                    right += int(found.argmax()) == there
                    chances.append(1 / (count - 1))
    if not chances:
        return None
    return Pointing(len(chances), right / len(chances), float(np.mean(chances)))


def _loss(trained: Answering, examples: Sequence[Question]) -> float:
    lengths = [trained.encoding.length(one) for one in examples]
    total = count = 0.0
    trained.model.eval()
    with torch.inference_mode():
        for places in batches(lengths, TOKENS):
            batch = trained.encoding.batch([examples[place] for place in places])
            loss = trained.model.loss(batch)
            total, count = total + float(loss.total), count + float(loss.count)
    return total / max(count, 1.0)


MEANING: dict[str, tuple[str, str]] = {
    "questions": ("questions evaluated", ",.0f"),
    "exact_match": ("exact match", ".1%"),
    "f1": ("F1 of words", ".1%"),
    "loss": ("loss (nats a question)", ".4f"),
    "references": ("words “it” of which is known what they stand for", ",.0f"),
    "pointing": ("largest self-attention weight of “it” falls there", ".1%"),
    "pointing_chance": ("the same by chance", ".1%"),
}
"""What each score is, and how it is written."""
