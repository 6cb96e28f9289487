"""Rows of files on disk: as many, in the same order and with the same numbers as in memory."""

import gzip
import io
import os
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from regard.data import files
from regard.data.parallel import Parallel
from regard.data.rows import Rows
from regard.errors import DataError

LINES = st.lists(st.text("aé日 \t\r", max_size=4), max_size=30)
"""Lines of one, two and three bytes a character; a carriage return at the end is taken off."""


def numbered(line: str, number: int) -> tuple[int, str]:
    if "bad" in line:
        raise DataError("expected good rows")
    return number, line


def joined(first: str, second: str) -> str:
    return f"{first}|{second}"


def write(path: Path, content: bytes | str) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@given(LINES, st.booleans(), st.booleans(), st.data())
def test_reads_what_stands_there(tmp_path_factory, lines, mark, ended, data):
    # The oracle: every line of the text, in memory.
    text = "\n".join(lines) + "\n" * (ended and bool(lines))
    expected = [
        (number, line.removesuffix("\r"))
        for number, line in enumerate(text.split("\n"), 1)
        if line.removesuffix("\r")
    ]
    path = tmp_path_factory.getbasetemp() / "any.txt"
    write(path, b"\xef\xbb\xbf" * mark + text.encode())
    if not expected:
        with pytest.raises(DataError, match="any.txt: the file is empty; expected rows of text"):
            Rows(str(path), numbered)
        return
    rows = Rows(str(path), numbered)
    assert list(rows) == [rows[i] for i in range(len(rows))] == expected
    chosen = data.draw(st.lists(st.integers(0, len(expected) - 1), max_size=9))
    view = rows.take(np.array(chosen, dtype=np.int64))
    assert list(view) == [view[i] for i in range(len(view))] == [expected[i] for i in chosen]
    assert list(rows[1::2]) == expected[1::2]
    assert list(rows[1:][::-1]) == expected[1:][::-1]
    assert [rows.line_number(i) for i in range(len(rows))] == [number for number, _ in expected]
    assert rows[-1] == expected[-1]
    with pytest.raises(IndexError, match=f"row {len(rows)} of"):
        rows[len(rows)]


def test_what_cannot_be_read_twice(tmp_path, monkeypatch):
    text = "﻿one\r\n\ntwo\n"
    expected = [(1, "one"), (3, "two")]
    monkeypatch.setenv("TMPDIR", str(tmp_path / "spool"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "spool").mkdir()
    packed = write(tmp_path / "rows.txt.gz", gzip.compress(text.encode()))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[text.encode()], daemon=True)
    writer.start()
    for path in (packed, "-", str(pipe)):
        rows = Rows(path, numbered)
        view = rows[::-1]
        del rows
        assert list(view) == expected[::-1]
        copy = pickle.loads(pickle.dumps(view))
        assert copy[0] == expected[1]
        assert len(list((tmp_path / "spool").iterdir())) == 1
        del view, copy
        assert not list((tmp_path / "spool").iterdir())
    writer.join()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bad.txt", "\ngood\nbad\n", "bad.txt:3: expected good rows"),
        ("latin.txt", b"a\ncaf\xe9\n", "latin.txt:2: not UTF-8: byte 0xe9 at place 4 of the line"),
        ("nul.txt", "a\nb\0c\n", "nul.txt:2: a NUL byte at place 2 of the line: expected text"),
        ("wide.txt", "a\n".encode("utf-16-le"), "wide.txt:1: a NUL byte at place 2"),
        ("wide.txt", "a\n".encode("utf-16"), "wide.txt:1: not UTF-8: byte 0xff at place 1"),
        ("fake.gz", "good\n", "fake.gz:1: not a whole gzip file"),
        ("bad.gz", gzip.compress(b"good\nbad\n", mtime=0), "bad.gz:2: expected good rows"),
    ],
)
def test_refuses_with_file_and_line(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message):
        Rows(write(tmp_path / name, content), numbered)


def test_a_gzip_that_was_cut(tmp_path):
    lines = os.urandom(40_000).hex("\n", 20).encode()
    path = write(tmp_path / "cut.gz", gzip.compress(lines)[:-5000])
    with pytest.raises(DataError, match=r"cut.gz:(\d+): not a whole gzip file") as caught:
        Rows(path, lambda line, number: line)
    assert 1000 < int(str(caught.value).split(":")[1]) < 2000  # of 2000


def test_missing_directory_no_permission(tmp_path):
    with pytest.raises(DataError, match="none.txt: No such file"):
        Rows(str(tmp_path / "none.txt"), numbered)
    with pytest.raises(DataError, match=f"{tmp_path}: Is a directory"):
        Rows(str(tmp_path), numbered)
    path = tmp_path / "mine.txt"
    path.write_text("a\n", encoding="utf-8")
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may read everything
    try:
        with pytest.raises(DataError, match="mine.txt: Permission denied"):
            Rows(str(path), numbered)
    finally:
        os.seteuid(user)


def test_long_lines(tmp_path, monkeypatch):
    long = "word " * 2_000_000
    path = write(tmp_path / "long.txt", f"a\n{long}\nb\n")
    rows = Rows(path, numbered)
    assert [rows[i] for i in range(3)] == list(rows) == [(1, "a"), (2, long), (3, "b")]
    monkeypatch.setattr(files, "LONGEST", 1 << 20)
    with pytest.raises(DataError, match="long.txt:2: a line of more than 1 MiB"):
        Rows(path, numbered)


def test_a_header(tmp_path):
    path = write(tmp_path / "headed.txt", "\nupper\na\nb\n")
    rows = Rows.headed(path, lambda header: lambda line, number: getattr(line, header)() * number)
    assert list(rows) == ["AAA", "BBBB"]
    assert rows[1] == "BBBB"
    only = write(tmp_path / "only.txt", "upper\n")
    with pytest.raises(DataError, match="only.txt: the file is empty; expected a header and rows"):
        Rows.headed(only, lambda header: numbered)


def test_threads_and_workers_read_at_once(tmp_path):
    path = write(tmp_path / "many.txt", "".join(f"{i}\n" for i in range(5000)))
    rows = Rows(path, numbered)
    expected = [(i + 1, str(i)) for i in range(5000)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(rows.__getitem__, range(5000))) == expected
    loader = DataLoader(rows, batch_size=50, num_workers=2, collate_fn=list)  # pyright: ignore
    assert [row for batch in loader for row in batch] == expected
    assert list(rows) == expected


def test_threads_read_at_once_where_there_is_no_pread(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "pread")  # as on Windows
    path = write(tmp_path / "many.txt", "".join(f"{i}\n" for i in range(5000)))
    rows = Rows(path, numbered)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(rows.__getitem__, range(5000))) == list(rows)


@pytest.mark.parametrize("content", ["a\nc\n", "a\nbb\nc\n", ""])
def test_a_file_that_changes_is_told(tmp_path, content):
    path = tmp_path / "file.txt"
    rows = Rows(write(path, "a\nb\n"), numbered)
    view, packed = rows[1:], pickle.dumps(rows)
    os.utime(path, ns=(1, 1))
    write(path, content)
    for read in (lambda: rows[1], lambda: list(view), lambda: pickle.loads(packed)):
        with pytest.raises(DataError, match="file.txt: the file has changed while it was in use"):
            read()


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path):
    path = tmp_path / "file.txt"
    reading = iter(Rows(write(path, "a\nb\n"), numbered))
    assert next(reading) == (1, "a")
    with path.open("a", encoding="utf-8") as file:
        file.write("c\n")
    with pytest.raises(DataError, match="file.txt: the file has changed while it was in use"):
        list(reading)


def test_parallel_files(tmp_path):
    left = write(tmp_path / "left.txt", "﻿a\r\n\nb\nc\td\n")
    right = write(tmp_path / "right.txt.gz", gzip.compress(b"1\n\n2\n3"))
    rows = Parallel(left, right, joined)
    assert list(rows) == [rows[i] for i in range(3)] == ["a|1", "b|2", "c\td|3"]
    assert list(rows.take([2, 0])) == list(rows[::-2]) == ["c\td|3", "a|1"]
    assert list(pickle.loads(pickle.dumps(rows))) == list(rows)


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (
            "a\nb\n",
            "1\n2\n3\n4\n",
            "right.txt:3: no line of .*left.txt .*left.txt has 2 lines, .*4$",
        ),
        ("a\nb\n", "1\n", "left.txt:2: no line of .*right.txt belongs to this one: .* has 2 .* 1$"),
        ("a\nb\n", "1\n \n", "right.txt:2: the line is empty, and that of .*left.txt is not"),
        ("a\n\n", "1\n2\n", "left.txt:2: the line is empty, and that of .*right.txt is not"),
        ("\n", " \n", "left.txt and .*right.txt: all lines are empty"),
        ("", "1\n", "left.txt: the file is empty; expected lines of text"),
    ],
)
def test_parallel_files_that_are_not(tmp_path, left, right, message):
    with pytest.raises(DataError, match=message):
        Parallel(write(tmp_path / "left.txt", left), write(tmp_path / "right.txt", right), joined)
