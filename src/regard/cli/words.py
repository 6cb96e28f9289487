"""The words of a command line, in the order that the parser needs.

People write ``predict RUN --json TEXT`` and ``train translator DATA --config FILE``. argparse wants
what has no dashes together, and lets the later of two settings win; so options go first, and a
config file before the options that change it.
"""

import re
from collections.abc import Callable, Sequence, Set
from pathlib import Path

OPTION = re.compile(r"--?[A-Za-z]\S*$|--?[A-Za-z][\w.-]*=")
"""What is an option; other words with a dash, such as "-5 mai", are texts."""

FLAGS = frozenset({"-h", "--help", "--version", "--json", "--overwrite", "--resume"})
"""Options that take no value; every other takes the next word, unless it has ``=`` in it."""

READ_HERE = ("--config", "--run", "--init")
"""Options that this module has to read."""


def parted(words: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    """Options, each with its value, and the rest; behind ``--`` everything is the rest.

    >>> parted(["run", "--json", "-o", "page.html", "a text"])
    ([['--json'], ['-o', 'page.html']], ['run', 'a text'])
    """
    options, rest = [], []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--":
            rest += queue
            break
        if not OPTION.match(word):
            rest.append(word)
            continue
        alone = word in FLAGS or "=" in word or word == "--print_config" or not queue
        options.append([word] if alone else [word, queue.pop(0)])
    return options, rest


def for_use(words: Sequence[str], flags: Set[str] = frozenset()) -> list[str]:
    """The words of ``predict``, ``evaluate`` and ``explain``: options, then run and texts.

    ``flags`` are options that may stand alone, though the parser wants them to be told true.

    >>> for_use(["run", "--json", "-o", "page.html", "a text"])
    ['--json', '-o', 'page.html', '--', 'run', 'a text']
    """
    end = words.index("--") if "--" in words else len(words)
    told = [f"{word}=true" if word in flags else word for word in words[:end]]
    options, rest = parted([*told, *words[end:]])
    return [*_flat(options), "--", *rest] if rest else _flat(options)


def for_training(
    words: Sequence[str], default: str, config_of_run: Callable[[str | None, list[str]], Path]
) -> list[str]:
    """The words of ``train SYSTEM``: the data as ``--source``, config files before all else.

    With ``--resume`` the run's own config comes first of all; ``config_of_run(run, sources)`` tells
    where it is. ``default`` are the data of a command that names none.
    """
    options, rest = parted(words)
    options = [_split(word) for word in options]
    configs = [option for option in options if option[0] == "--config"]
    others = [option for option in options if option[0] != "--config"]
    if ["--resume"] in others:
        run = value_of("--run", words)
        configs.insert(0, ["--config", str(config_of_run(run, rest or [default]))])
    data = [["--source", *rest]] if rest else []
    return _flat([*configs, *data, *others])


def values_of(name: str, words: Sequence[str]) -> list[str]:
    """What the options of this name are given.

    >>> values_of("--run", ["data.tsv", "--run=one", "--run", "two"])
    ['one', 'two']
    """
    options = [_split(option) for option in parted(words)[0]]
    return [option[1] for option in options if option[0] == name and len(option) > 1]


def value_of(name: str, words: Sequence[str]) -> str | None:
    """What the last option of this name is given."""
    return next(reversed(values_of(name, words)), None)


def without_source(words: Sequence[str]) -> list[str]:
    """``--source A B`` as ``A B``, which means the same.

    >>> without_source(["--source", "a.en", "a.fr", "--run", "x"])
    ['a.en', 'a.fr', '--run', 'x']
    """
    end = words.index("--") if "--" in words else len(words)
    named = [word.removeprefix("--source=") for word in words[:end] if word != "--source"]
    return [*named, *words[end:]]


def _split(option: list[str]) -> list[str]:
    """``--run=x`` as ``--run x``: only where this module has to read it."""
    name, equals, value = option[0].partition("=")
    return [name, value] if equals and name in READ_HERE else option


def _flat(options: list[list[str]]) -> list[str]:
    return [word for option in options for word in option]
