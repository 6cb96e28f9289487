"""Files of pairs: what is read, and what is refused with file and line."""

import gzip

import pytest

from regard.data.pairs import Pair, read
from regard.errors import DataError


def write(path, content: bytes):
    path.write_bytes(content)
    return str(path)


def test_reads_what_people_have(tmp_path):
    text = "﻿a b\tc\r\n\nünï\t日本\n"
    plain = write(tmp_path / "pairs.tsv", text.encode())
    packed = write(tmp_path / "pairs.tsv.gz", gzip.compress(text.encode()))
    expected = [Pair("a b", "c"), Pair("ünï", "日本")]
    assert read(plain) == read(packed) == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.tsv", b"", "empty.tsv: the file is empty"),
        ("blank.tsv", b"\n\n", "blank.tsv: the file is empty"),
        ("one.tsv", b"a\tb\nonly\n", "one.tsv:2: .* has 1 column$"),
        ("three.tsv", b"a\tb\tc\n", "three.tsv:1: .* has 3 columns$"),
        ("half.tsv", b"a\t \n", "half.tsv:1: .* has an empty column$"),
        ("latin.tsv", b"a\tb\ncaf\xe9\tc\n", "latin.tsv:2: not UTF-8: byte 0xe9 at place 4"),
        ("fake.gz", b"a\tb\n", "fake.gz:1: not a whole gzip file"),
        ("cut.gz", gzip.compress(b"a\tb\n" * 9)[:-9], "cut.gz:.*: not a whole gzip file"),
    ],
)
def test_refuses_with_file_and_line(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message):
        read(write(tmp_path / name, content))


def test_missing_and_unreadable(tmp_path):
    with pytest.raises(DataError, match="none.tsv: No such file"):
        read(str(tmp_path / "none.tsv"))
    with pytest.raises(DataError, match="Is a directory"):
        read(str(tmp_path))
