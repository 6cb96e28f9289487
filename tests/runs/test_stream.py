"""A stream is answered in its order, in small batches, while it is still being written."""

import io
import itertools
import os
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.errors import DataError
from regard.runs.stream import batches, streamed


@given(
    texts=st.lists(st.text("ab", max_size=9), max_size=40),
    pool=st.integers(1, 12),
    tokens=st.integers(1, 30),
)
@settings(max_examples=60, deadline=None)
def test_answers_come_in_the_order_of_the_texts(texts, pool, tokens):
    asked: list[list[str]] = []

    def answer(batch):
        asked.append(batch)
        return [(text, len(asked)) for text in batch]

    found = list(streamed(texts, answer, pool=pool, tokens=tokens))
    assert [text for text, _ in found] == texts
    for batch in asked:
        assert len(batch) <= pool
        assert len(batch) == 1 or len(batch) * max(map(len, batch)) <= tokens


@given(lengths=st.lists(st.integers(0, 20), max_size=30), tokens=st.integers(1, 60))
def test_batches_hold_every_place_once_and_no_fewer_than_they_could(lengths, tokens):
    cut = list(batches(lengths, tokens))
    assert sorted(place for batch in cut for place in batch) == list(range(len(lengths)))
    for batch, after in itertools.pairwise(cut):
        assert (len(batch) + 1) * max(1, lengths[batch[0]]) > tokens
        assert lengths[batch[-1]] >= lengths[after[0]]


def test_no_more_is_read_than_two_pools_hold():
    read, furthest = 0, 0

    def texts():
        nonlocal read
        for number in range(500):
            read += 1
            yield str(number)

    for place, _ in enumerate(streamed(texts(), lambda batch: batch, pool=10)):
        furthest = max(furthest, read - place)
    assert furthest <= 2 * 10 + 2


def test_a_pipe_is_answered_while_it_is_open():
    ours, theirs = os.pipe()
    with os.fdopen(ours) as file, os.fdopen(theirs, "w") as pipe:
        answers = streamed(file, lambda batch: [line.strip().upper() for line in batch])
        for text in ("one", "two"):
            print(text, file=pipe, flush=True)
            assert next(answers) == text.upper()
        pipe.close()
        assert list(answers) == []


def test_what_comes_before_a_bad_line_is_answered():
    def lines():
        yield from ("a", "b")
        raise DataError("x.txt:3: not UTF-8")

    found = []
    with pytest.raises(DataError, match="x.txt:3"):
        found.extend(streamed(lines(), lambda batch: batch))
    assert found == ["a", "b"]


def test_who_stops_listening_stops_the_reading():
    before = set(threading.enumerate())
    answers = streamed((str(n) for n in range(10**9)), lambda batch: batch, pool=5)
    assert next(answers) == "0"
    readers = set(threading.enumerate()) - before
    assert readers
    answers.close()
    for reader in readers:
        reader.join(5)
        assert not reader.is_alive()


def test_an_answer_too_few_is_an_error_and_not_a_shift():
    with pytest.raises(ValueError, match="shorter"):
        list(streamed(["a", "b"], lambda batch: batch[:1]))


def test_progress_is_counted_on_a_terminal_alone(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for terminal, asked, told in ((Terminal(), True, True), (Terminal(), False, False)):
        monkeypatch.setattr(sys, "stderr", terminal)
        assert list(streamed(["a"], lambda batch: batch, progress=asked)) == ["a"]
        assert ("answers" in terminal.getvalue()) is told
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    list(streamed(["a"], lambda batch: batch, progress=True))
    assert sys.stderr.getvalue() == ""
