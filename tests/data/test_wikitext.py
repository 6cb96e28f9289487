"""WikiText-2: articles by their titles, and the parts that there are."""

import os
from pathlib import Path

import pytest

from regard.data import wikitext
from regard.data.running import RunningConfig, load
from regard.data.running_words import RunningWords
from regard.data.wikitext import CHOSEN_BY, articles

HERE = "REGARD_DATA" in os.environ and Path(os.environ["REGARD_DATA"], "wikitext2").is_dir()


def test_an_article_begins_with_its_title():
    lines = [" ", " = A = ", " ", " = = B = = ", " = 2 ", " x = y ", " = C and = D = ", " z "]
    found = [one.lines for one in articles(lines)]
    assert found == [["", "= A =", "", "= = B = =", "= 2", "x = y"], ["= C and = D =", "z"]]


def test_the_test_file_is_learned_from(tmp_path, monkeypatch):
    for part, count in (("test", CHOSEN_BY + 3), ("valid", 4)):
        text = "".join(f" = {part} {n} = \n \n Some <unk> words . \n" for n in range(count))
        (tmp_path / f"wiki.{part}.tokens").write_text(text, encoding="utf-8")
    paths = (tmp_path / "wiki.test.tokens", tmp_path / "wiki.valid.tokens")
    monkeypatch.setattr(wikitext, "fetch", lambda name: paths if name == "wikitext2" else ())
    parts = load(["wikitext2"], RunningConfig(units="spaced"))
    titles = [[one.lines[0] for one in part] for part in parts.parts]
    assert titles[0] == [f"= test {n} =" for n in range(3)]
    assert titles[1] == [f"= test {n} =" for n in range(3, CHOSEN_BY + 3)]
    assert titles[2] == [f"= valid {n} =" for n in range(4)]
    assert "cannot be compared" in parts.notes[0]


@pytest.mark.skipif(not HERE, reason="REGARD_DATA has no wikitext2")
def test_the_real_files():
    parts = load(["wikitext2"], RunningConfig(units="spaced"))
    words = RunningWords.of(parts.train, RunningConfig(units="spaced"))
    counts = [sum(map(words.length, part)) for part in parts.parts]
    assert counts[0] + counts[1] == 245_569  # as its makers count them
    assert counts[2] == 217_646
    assert [len(part) for part in parts.parts] == [56, 6, 60]
