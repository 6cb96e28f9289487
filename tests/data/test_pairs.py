"""Files of pairs: what is read, and what is refused with file and line."""

import gzip

import pytest

from regard.data.pairs import Pair, columns_of, read, read_parallel
from regard.errors import DataError, RangeError


def write(path, content: bytes):
    path.write_bytes(content)
    return str(path)


def test_reads_what_people_have(tmp_path):
    text = "﻿a b\tc\r\n\nünï\t日本\n"
    plain = write(tmp_path / "pairs.tsv", text.encode())
    packed = write(tmp_path / "pairs.tsv.gz", gzip.compress(text.encode()))
    expected = [Pair("a b", "c"), Pair("ünï", "日本")]
    assert list(read(plain)) == list(read(packed)) == expected
    assert list(read(plain, reverse=True)) == [Pair("c", "a b"), Pair("日本", "ünï")]


def test_other_columns(tmp_path):
    rows = b"Go.\tVa !\tCC-BY 2.0\nRun!\tCours !\tCC-BY 2.0\textra\n"
    path = write(tmp_path / "fra.txt", rows)
    assert list(read(path, "1,2")) == [Pair("Go.", "Va !"), Pair("Run!", "Cours !")]
    assert read(path, " 3, 1")[1] == Pair("CC-BY 2.0", "Run!")
    assert read(path, "2,1", reverse=True)[0] == Pair("Go.", "Va !")
    with pytest.raises(
        DataError, match="fra.txt:1: expected columns 1,4 .* the row has 3 columns$"
    ):
        read(path, "1,4")
    for columns in ("1", "1,2,3", "0,1", "a,b", "1,1", "", "-1,2"):
        with pytest.raises(RangeError, match=f"data.columns are two .*, not '{columns}'"):
            columns_of(columns)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.tsv", b"", "empty.tsv: the file is empty; expected rows of source<TAB>target"),
        ("blank.tsv", b"\n\r\n", "blank.tsv: the file is empty"),
        ("one.tsv", b"a\tb\nonly\n", "one.tsv:2: .* has 1 column$"),
        ("three.tsv", b"a\tb\tc\n", "three.tsv:1: .* has 3 columns .data.columns says which two"),
        ("tab.tsv", b"a\tb\n\n\r\nc\td\t\n", "tab.tsv:4: .* has 3 columns"),
        ("half.tsv", b"a\t \n", "half.tsv:1: .* has an empty column$"),
        ("latin.tsv", b"a\tb\ncaf\xe9\tc\n", "latin.tsv:2: not UTF-8: byte 0xe9 at place 4"),
        ("nul.tsv", b"a\tb\nc\td\0\n", "nul.tsv:2: a NUL byte at place 4 of the line"),
        ("fake.gz", b"a\tb\n", "fake.gz:1: not a whole gzip file"),
        ("cut.gz", gzip.compress(b"a\tb\n" * 9, mtime=0)[:-9], "cut.gz:.*: not a whole gzip file"),
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


def test_parallel_files(tmp_path):
    english = write(tmp_path / "en.txt", b"Go.\nTab\there\n")
    french = write(tmp_path / "fr.txt", "Va !\r\nÉtiquette ici\r\n".encode())
    expected = [Pair("Go.", "Va !"), Pair("Tab\there", "Étiquette ici")]
    assert list(read_parallel(english, french)) == expected
    assert list(read_parallel(french, english, reverse=True)) == expected
