"""The data set ``prose``: the English of Python's own help, by topics."""

import platform
import re
from collections.abc import Iterable

import numpy as np

from regard.data.running_text import Passage, words_of
from regard.data.splits import Splits, hashes

SHARE = 0.1
"""Of the words, those of the validation part and of the test part, at most."""

SHORT = 5
"""Words of a paragraph that counts as a text of its own: shorter ones ("For example:") recur."""

_UNDERLINE = re.compile(r"[^\w\s]{3,}")


def prose(seed: int = 0) -> Splits[Passage]:
    """The 79 topics or so of ``pydoc_data.topics``, which every CPython has: about 65,000 words.

    A topic is a passage, a paragraph of it a line: its own lines are put together, each run of
    white space becomes one space, and the signs that underline headings are dropped. Topics are
    dealt out whole, in an order that the seed sets: one goes to the test part if it has room there,
    else to the validation part, else to the training part. Topics share paragraphs. Those of the
    held-out topics are left out of the training part, and those of the test part out of the
    validation part, unless they have fewer than 5 words; ``notes`` counts them.

    The text differs a little from one version of Python to another; ``notes`` names the version.
    """
    from pydoc_data.topics import topics  # pyright: ignore[reportMissingModuleSource]

    texts = {name: paragraphs(topics[name]) for name in sorted(topics)}
    train, valid, test = ({name: texts[name] for name in names} for names in _dealt(texts, seed))
    notes = [f"the topics of the help of Python {platform.python_version()}"]
    kept_valid = _without(valid, test.values(), "validation", notes)
    kept_train = _without(train, [*valid.values(), *test.values()], "training", notes)
    return Splits(kept_train, kept_valid, _passages(test), notes=tuple(notes))


def paragraphs(text: str) -> list[str]:
    """A topic's paragraphs, each as one line.

    >>> paragraphs("Truth\\n*****\\n\\nAny object\\ncan be   tested.\\n")
    ['Truth', 'Any object can be tested.']
    """
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        lines = (line.strip() for line in paragraph.split("\n"))
        joined = " ".join(line for line in lines if not _UNDERLINE.fullmatch(line))
        if joined.strip():
            found.append(" ".join(joined.split()))
    return found


def _dealt(texts: dict[str, list[str]], seed: int) -> tuple[list[str], list[str], list[str]]:
    """Names of the topics of each part, in the order of names."""
    names = list(texts)
    sizes = {name: sum(len(line.split()) for line in texts[name]) for name in names}
    room = SHARE * sum(sizes.values())
    parts: dict[str, list[str]] = {"test": [], "valid": [], "train": []}
    left = {"test": room, "valid": room, "train": np.inf}
    for place in np.argsort(hashes(names, seed), kind="stable").tolist():
        name = names[place]
        part = next(part for part in parts if sizes[name] <= left[part])
        parts[part].append(name)
        left[part] -= sizes[name]
    return sorted(parts["train"]), sorted(parts["valid"]), sorted(parts["test"])


def _without(
    part: dict[str, list[str]], held_out: Iterable[list[str]], name: str, notes: list[str]
) -> list[Passage]:
    """A part without the paragraphs that are held out, noted."""
    known = {line for lines in held_out for line in lines if len(line.split()) >= SHORT}
    kept = {topic: [line for line in lines if line not in known] for topic, lines in part.items()}
    before, after = _passages(part), _passages({t: lines for t, lines in kept.items() if lines})
    lost = sum(map(len, part.values())) - sum(map(len, kept.values()))
    if lost:
        notes.append(
            f"left out of the {name} part, {lost} paragraphs with "
            f"{words_of(before) - words_of(after):,} of {words_of(before):,} words: topics that "
            "are held out have them too"
        )
    return after


def _passages(topics: dict[str, list[str]]) -> list[Passage]:
    return [Passage("\n".join(lines)) for lines in topics.values()]
