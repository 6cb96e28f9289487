"""What all parsers share: help whose examples keep their lines, and errors that teach."""

import re
from argparse import RawDescriptionHelpFormatter
from difflib import get_close_matches
from typing import Any, NoReturn

from jsonargparse import (
    ArgumentParser,
    DefaultHelpFormatter,
)


class Readable(RawDescriptionHelpFormatter, DefaultHelpFormatter):
    """Help whose examples keep their lines."""


class Parser(ArgumentParser):
    """A parser that names the nearest option where one is unknown."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        super().error(f"{message}{self._nearest(message)}", ex)

    def _nearest(self, message: str) -> str:
        found = re.search(r"[Uu]nrecognized arguments: (.*)", message)
        if found is None:
            return ""
        unknown = [word.partition("=")[0] for word in found[1].split() if word.startswith("-")]
        near = [hint for hint in map(self.nearest, unknown) if hint]
        return f" (did you mean {', '.join(near)}?)" if near else ""

    def nearest(self, word: str) -> str | None:
        """The option that a word may have been meant to be: one that it begins, or resembles."""
        begun = [name for name in self.known if name.startswith(word)]
        return next(iter(begun or get_close_matches(word, self.known, 1, 0.6)), None)

    @property
    def known(self) -> list[str]:
        """The options of this parser and of those below it."""
        names: list[str] = []
        for action in self._actions:
            names += action.option_strings
            below: Any = action.choices
            if isinstance(below, dict):
                for parser in below.values():
                    names += parser.known if isinstance(parser, Parser) else []
        return names
