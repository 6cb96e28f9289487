"""Sentences of reviews: read as their home has them, duplicates together."""

import os
from collections import Counter

import pytest

from regard.data import download
from regard.data.labelled import LabelsConfig, wording
from regard.data.labels import PRESETS, load
from regard.data.sentiment import sentences
from regard.errors import DataError

SENTIMENT = LabelsConfig(**PRESETS["sentiment"])


def test_lines_end_at_line_feeds_alone(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("Loved\x85 it. \t1\nOne\ttwo\u2028three!\t0\n  No.  \t0 \n".encode())
    assert list(sentences(path)) == [
        ("Loved\x85 it.", "positive"),
        ("One\ttwo\u2028three!", "negative"),
        ("No.", "negative"),
    ]


def test_refuses(tmp_path):
    path = tmp_path / "a.txt"
    for text, message in (
        ("a\t1\nb\t2\n", r"a\.txt:2: expected sentence<TAB>0 or 1"),
        ("a\t1\nb 1\n", r"a\.txt:2: expected sentence<TAB>0 or 1"),
        (" \t1\n", r"a\.txt:1: the text is empty"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            list(sentences(path))


def test_split_of_made_sentences(tmp_path, monkeypatch):
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("".join(f"Sentence {i}.\t{i % 2}\n" for i in range(50)))
    second.write_text("".join(f"sentence {i}!\t{i % 2}\n" for i in range(50)))
    monkeypatch.setattr(download, "fetch", lambda name: (first, second))
    parts = load(["sentiment"], SENTIMENT)
    assert [len(part) for part in parts.parts] == [70, 10, 20]
    wordings = [{wording(row) for row in part} for part in parts.parts]
    assert sum(map(len, wordings)) == len(set().union(*wordings)) == 50


@pytest.mark.skipif("REGARD_DATA" not in os.environ, reason="needs the data themselves")
def test_the_data_themselves():
    seeds = [load(["sentiment"], LabelsConfig(test=0.2, seed=seed)) for seed in range(2)]
    for parts in seeds:
        rows = [row for part in parts.parts for row in part]
        assert Counter(row.label for row in rows) == {"positive": 1000, "negative": 1000}
        wordings = [{wording(row) for row in part} for part in parts.parts]
        assert sum(map(len, wordings)) == len(set().union(*wordings)) == 1977
        assert len(wordings[2]) == round(0.2 * 1977)
    assert set(seeds[0].test) != set(seeds[1].test)
    text = "And the sound quality is great."
    assert (text, "positive") in {row for part in seeds[0].parts for row in part}
