"""The words of a command line, in the order that the parser needs.

People write ``predict RUN --json TEXT`` and ``train translator DATA --config FILE``. argparse wants
what has no dashes together, and lets the later of two settings win; so options go first, and a
config file before the options that change it.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

OPTION = re.compile(r"--?[A-Za-z]\S*$|--?[A-Za-z][\w.-]*=")
"""What is an option; other words with a dash, such as "-5 mai", are texts."""

FLAGS = frozenset({"-h", "--help", "--version", "--json", "--overwrite", "--resume"})
"""Options that take no value; every other takes the next word, unless it has ``=`` in it."""


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


def for_use(words: Sequence[str]) -> list[str]:
    """The words of ``predict``, ``evaluate`` and ``explain``: options, then run and texts.

    >>> for_use(["run", "--json", "-o", "page.html", "a text"])
    ['--json', '-o', 'page.html', '--', 'run', 'a text']
    """
    options, rest = parted(words)
    return [*_flat(options), "--", *rest] if rest else _flat(options)


def for_training(
    words: Sequence[str], config_of_run: Callable[[str | None, str], Path]
) -> list[str]:
    """The words of ``train SYSTEM``: the data as ``--source``, config files before all else.

    With ``--resume`` the run's own config comes first of all; ``config_of_run(run, source)`` tells
    where it is.
    """
    options, rest = parted(words)
    options = [option for word in options for option in [_split(word)]]
    source = rest[0] if rest else "dates"
    configs = [option for option in options if option[0] == "--config"]
    others = [option for option in options if option[0] != "--config"]
    if ["--resume"] in others:
        run = next((option[1] for option in reversed(others) if option[0] == "--run"), None)
        configs.insert(0, ["--config", str(config_of_run(run, source))])
    data = [["--source", rest[0]]] if rest else []
    return [*_flat([*configs, *data, *others]), *rest[1:]]


def _split(option: list[str]) -> list[str]:
    """``--run=x`` as ``--run x``: only where this module has to read it."""
    name, equals, value = option[0].partition("=")
    return [name, value] if equals and name in ("--config", "--run") else option


def _flat(options: list[list[str]]) -> list[str]:
    return [word for option in options for word in option]
