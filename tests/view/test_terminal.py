"""The heatmap for a terminal: exact lines, straight columns, nothing raw from the tokens."""

import io
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.view import Alignment, terminal
from regard.view.characters import columns

WEIGHTS = [[0.0, 0.1, 0.9], [1.0, 0.0, 0.0]]
TOKENS = st.lists(st.text(st.characters(exclude_characters="│"), max_size=4), max_size=9)


def left_of_the_note(line: str) -> str:
    return line[: line.rindex("│") + 1]


def test_a_small_example_is_exact():
    drawn = terminal.alignment(Alignment("5 日", "x\n", WEIGHTS, "A date"), width=80, color=False)
    assert drawn.split("\n") == [
        "A date",
        "  │5␣日│",
        "x │  ██│ 日  90%",
        "⏎ │█   │ 5  100%",
    ]


def test_words_stand_downwards_with_a_free_column():
    drawn = terminal.alignment(
        Alignment(["the", "a"], ["le"], [[0.5, np.nan]]), width=80, color=False
    )
    assert drawn.split("\n") == [
        "   │t   │",
        "   │h   │",
        "   │e a │",
        "le │▒▒??│ the  50%",
    ]


@settings(deadline=None)
@given(TOKENS, TOKENS, st.integers(1, 60))
def test_columns_are_straight_whatever_the_tokens_and_the_width(source, target, width):
    weights = np.eye(len(target), len(source))
    drawn = terminal.alignment(Alignment(source, target, weights), width=width, color=False)
    for band in drawn.split("\n\n"):
        lines = [left_of_the_note(line) for line in band.split("\n") if line]
        assert len({columns(line) for line in lines}) <= 1


def test_bands_fit_the_width_and_name_each_strongest_token_once():
    source = [chr(ord("a") + k) for k in range(26)]
    drawn = terminal.alignment(Alignment(source, source, np.eye(26)), width=22, color=False)
    assert max(map(columns, drawn.split("\n"))) == 22
    assert re.findall(r"([a-z]) 100%", drawn) == source
    assert drawn.count("\n\n") == 2


def test_right_to_left_lines_are_held_in_order():
    drawn = terminal.alignment(Alignment("אב", "5", [[1, 0]]), width=80, color=False)
    assert drawn.split("\n") == ["\u202d  │אב│\u202c", "\u202d5 │█ │ א 100%\u202c"]


def test_a_token_cannot_command_the_terminal():
    hostile = Alignment(["\x1b[2J", "\x9b2J"], ["\x07"], [[1, 0]], title="\x1b]0;x\x07")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", terminal.alignment(hostile, color=False))


@pytest.mark.parametrize(("name", "code"), [("truecolor", "48;2;253;231;37"), ("", "48;5;220")])
def test_color_is_a_background_that_ends_with_the_row(monkeypatch, name, code):
    monkeypatch.setenv("COLORTERM", name)
    drawn = terminal.alignment(Alignment("a", "x", [[1]]), width=80, color=True)
    assert drawn == f"  │a│\nx │\x1b[{code}m \x1b[0m│ a 100%"


def test_color_is_for_terminals_that_want_it(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    one = Alignment("a", "x", [[1]])
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert "\x1b" not in terminal.alignment(one)
    monkeypatch.setattr("sys.stdout", Terminal())
    assert "\x1b" in terminal.alignment(one)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in terminal.alignment(one)
