"""Running text: Python's own help, files in contiguous parts, and words that come back."""

import gzip

import pytest

from regard.data.prose import SHORT, prose
from regard.data.running import RunningConfig, load, read
from regard.data.running_text import Passage
from regard.data.running_words import RunningWords
from regard.data.vocabulary import END, UNKNOWN
from regard.errors import DataError, KindError, RangeError


@pytest.mark.parametrize("seed", [0, 1])
def test_no_paragraph_is_held_out_and_learned_from(seed):
    from pydoc_data.topics import topics

    parts = prose(seed)
    train, valid, test = (
        {line for one in part for line in one.lines if len(line.split()) >= SHORT}
        for part in parts.parts
    )
    assert not train & valid
    assert not train & test
    assert not valid & test
    words = [sum(len(one.text.split()) for one in part) for part in parts.parts]
    assert 0.06 < words[2] / sum(words) < 0.14
    assert 0.06 < words[1] / sum(words) < 0.14
    # What is said to be left out, and nothing else, is missing.
    everything = [line for text in topics.values() for line in _paragraphs(text)]
    kept = sum(len(one.lines) for part in parts.parts for one in part)
    lost = sum(int(n.split(", ")[1].split()[0]) for n in parts.notes if n.startswith("left out"))
    assert len(everything) - kept == lost > 0
    assert "of Python 3." in parts.notes[0]


def test_another_seed_holds_out_other_topics():
    assert prose(0) == prose(0)
    assert prose(0).test != prose(1).test


def _paragraphs(text):
    blocks = "\n".join(line.strip() for line in text.split("\n")).split("\n\n")
    return [b for b in blocks if any(line and len(set(line)) > 1 for line in b.split("\n"))]


def test_a_file_is_cut_by_its_lines(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("".join(f"line {n}\n\n" for n in range(10)), encoding="utf-8")
    parts = load([str(file)], RunningConfig(valid=0.2))
    assert [len(part) for part in parts.parts] == [7, 2, 1]
    together = [one for part in parts.parts for one in part]
    assert together == [Passage(f"line {n}\n") for n in range(10)]
    packed = tmp_path / "b.txt.gz"
    packed.write_bytes(gzip.compress(b"Ending words.\n"))
    other = load([str(file)], RunningConfig(test_file=str(packed)))
    assert [len(part) for part in other.parts] == [9, 1, 1]
    assert other.test == [Passage("Ending words.")]
    assert read([str(file), str(packed)])[-1] == other.test[0]
    with pytest.raises(DataError, match="1 lines with words cannot be split into 3 parts"):
        load([str(packed)], RunningConfig())


def test_what_is_refused(tmp_path):
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n\n", encoding="utf-8")
    with pytest.raises(DataError, match="there are no words in it"):
        load([str(empty)], RunningConfig())
    with pytest.raises(DataError, match="no such file, and no built-in data"):
        load(["none.txt"], RunningConfig())
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"good\n\xff\n")
    with pytest.raises(DataError, match="bad.txt:2: not UTF-8"):
        load([str(bad)], RunningConfig())
    with pytest.raises(KindError, match="data.valid is for files, and prose"):
        load(["prose"], RunningConfig(valid=0.2))
    with pytest.raises(KindError, match="data.seed is of prose"):
        load([str(bad)], RunningConfig(seed=1))
    with pytest.raises(DataError, match="goes with no other data"):
        load(["prose", str(bad)], RunningConfig())
    with pytest.raises(RangeError, match="names another"):
        RunningConfig(valid=0.1, valid_file="x")
    with pytest.raises(RangeError, match="stretch"):
        RunningConfig(stretch=0)


def test_words_are_numbered_by_the_training_part_and_come_back():
    train = [Passage("to be or not to be\n"), Passage("a <unk> is a </s> or")]
    words = RunningWords.of(train, RunningConfig(units="spaced", min_count=2))
    assert words.words[4:] == ("a", "be", "or", "to")
    assert words.counts == (0, 4, 0, 3, 2, 2, 2, 2)  # the unknown: not, <unk>, is, </s>
    assert words.encode("be\n\nnot </s>").tolist() == [5, END, END, UNKNOWN, UNKNOWN, END]
    assert len(words.text(train)) == sum(map(words.length, train)) == sum(words.counts)
    assert RunningWords.from_json(words.to_json()) == words
    with pytest.raises(DataError, match="counts"):
        RunningWords.from_json(words.to_json() | {"counts": [1]})
    batch = words.batch([Passage("be"), Passage("to be")])
    assert batch.words.tolist() == [[END, 5, 0], [END, 7, 5]]
    assert batch.truth.tolist() == [5, END, 7, 5, END]
    assert batch.places.tolist() == [0, 1, 3, 4, 5]
