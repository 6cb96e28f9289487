"""The command line: ``regard train | evaluate | predict | explain | serve``.

A command's parser is built when that command is called: only ``train`` imports Lightning, and
``predict`` starts answering as soon as torch is there.

parser.py   what all parsers share: help, and the nearest name of an unknown option
words.py    the words of a command line, in the order that the parsers need
train.py    ``train``
use.py      ``evaluate``, ``predict``, ``explain``
serve.py    ``serve``
"""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from regard.errors import MissingExtra, RegardError


class Command(NamedTuple):
    """What a command does, and the module that has its ``parser(parser, words)`` and ``run``."""

    about: str
    module: str
    name: str


COMMANDS: dict[str, Command] = {
    "train": Command(
        "train a system on built-in data or on files, into a run folder", "train", "train"
    ),
    "evaluate": Command("score a run on examples that it has not learned from", "use", "evaluate"),
    "predict": Command("answer texts, or images, with a run", "use", "predict"),
    "explain": Command(
        "show what a run attends to, in the terminal, as a page or a picture", "use", "explain"
    ),
    "serve": Command(
        "answer in a web page, and as a JSON API, with one or several runs", "serve", "serve"
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, or 2 for input that cannot be used, or 128 and
    the signal's number where one came."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(argv)
    except RegardError as error:
        print(f"regard: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has gone; what Python would still flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"regard: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        return 2


def _run(argv: list[str]) -> int:
    from regard import __version__

    try:
        from regard.cli.parser import Parser, Readable
    except ImportError as error:
        raise MissingExtra("the command line needs pip install 'regard[train]'") from error
    called = next((word for word in argv if word in COMMANDS), None)
    parser = Parser(
        prog="regard",
        description="Train, use and look into systems built on attention.",
        epilog="regard COMMAND --help says more; regard train SYSTEM --help lists every option.",
        version=__version__,
        formatter_class=Readable,
        allow_abbrev=False,
    )
    commands = parser.add_subcommands(dest="command")
    words, action = argv, None
    for name, command in COMMANDS.items():
        own = Parser(
            description=f"{command.about[0].upper()}{command.about[1:]}.", allow_abbrev=False
        )
        commands.add_subcommand(name, own, help=command.about)
        if name == called:
            module = import_module(f"regard.cli.{command.module}")
            behind = argv[argv.index(name) + 1 :]
            build: Callable[[Any, list[str]], list[str]] = getattr(module, f"{name}_parser")
            words = [*argv[: argv.index(name) + 1], *build(own, behind)]
            action = getattr(module, name)
    options = parser.parse_args(words)
    assert action is not None
    return action(options[options.command])
