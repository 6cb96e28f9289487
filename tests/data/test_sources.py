"""From names and options to parts: built-in sets and files of every form."""

import hashlib

import pytest

from regard.data.dates import dates
from regard.data.pairs import Pair
from regard.data.rows import Rows
from regard.data.sources import PairsConfig, fingerprint, load, units_of
from regard.errors import DataError, RangeError


def write(path, pairs) -> str:
    path.write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    return str(path)


NUMBERS = [Pair(f"source {i}", f"target {i}") for i in range(50)]


def test_a_file_and_its_limit(tmp_path):
    file = write(tmp_path / "pairs.tsv", NUMBERS)
    whole, short = (load([file], PairsConfig(limit=limit)) for limit in (None, 7))
    assert [len(part) for part in whole.parts] == [40, 5, 5]
    assert all(isinstance(part, Rows) for part in whole.parts)
    assert sorted([*whole.train, *whole.valid, *whole.test]) == sorted(NUMBERS)
    assert len(short.train) == 7
    assert set(short.train) < set(whole.train)
    assert (list(short.valid), list(short.test)) == (list(whole.valid), list(whole.test))
    assert fingerprint(whole) == fingerprint(load(file, PairsConfig()))
    assert fingerprint(whole) != fingerprint(short)
    assert (whole.others, whole.notes) == ({}, ())


def test_two_files_are_one_of_two_columns(tmp_path):
    both = write(tmp_path / "pairs.tsv", NUMBERS)
    sides = []
    for name, side in zip(("en.txt", "fr.txt"), zip(*NUMBERS, strict=True), strict=True):
        (tmp_path / name).write_text("\n".join(side), encoding="utf-8")
        sides.append(str(tmp_path / name))
    assert fingerprint(load(sides, PairsConfig())) == fingerprint(load([both], PairsConfig()))
    other = load(sides[::-1], PairsConfig())
    assert fingerprint(other) == fingerprint(load([both], PairsConfig(reverse=True)))
    assert other.train[0].source.startswith("target")


def test_files_for_the_evaluation(tmp_path):
    file = write(tmp_path / "pairs.tsv", NUMBERS)
    tested = write(tmp_path / "test.tsv", [NUMBERS[3], Pair("new", "x")])
    chosen = write(tmp_path / "valid.tsv", [NUMBERS[3], NUMBERS[4], Pair("newer", "y")])
    parts = load([file], PairsConfig(valid_file=chosen, test_file=tested))
    assert list(parts.test) == [NUMBERS[3], Pair("new", "x")]
    assert list(parts.valid) == [NUMBERS[4], Pair("newer", "y")]
    assert list(parts.train) == [pair for pair in NUMBERS if pair not in NUMBERS[3:5]]
    assert parts.notes == (
        "left out of the validation part, 1 of 3 pairs: their sources are in the test part",
        "left out of the training part, 2 of 50 pairs: their sources are held out",
    )
    alone = load([file], PairsConfig(test_file=tested, valid=0.5))
    assert len(alone.valid) in (24, 25)
    assert len(alone.train) + len(alone.valid) == 49
    for name, side in zip(("en.txt", "fr.txt"), ("new\n", "x\n"), strict=True):
        (tmp_path / name).write_text(side, encoding="utf-8")
    two = load([file], PairsConfig(test_file=f"{tmp_path / 'en.txt'},{tmp_path / 'fr.txt'}"))
    assert list(two.test) == [Pair("new", "x")]
    few = write(tmp_path / "few.tsv", NUMBERS[:5])
    with pytest.raises(DataError, match="of the training part, which loses 5 of 5 pairs: their"):
        load([few], PairsConfig(valid_file=few, test_file=tested))


def test_long_pairs_are_left_out_and_counted(tmp_path):
    long = [Pair(f"long {i} " + "word " * 9, "x") for i in range(30)]
    late = [Pair(f"late {i}", "word " * 12 + "x") for i in range(30)]
    # 11 words, and more characters than the limit
    fits = [Pair(f"fits {i} " + "word " * 9 + "!", "x") for i in range(30)]
    file = write(tmp_path / "pairs.tsv", [*long, *late, *fits, *NUMBERS])
    whole = load([file], PairsConfig(valid=0.3, test=0.3, max_length=None))
    parts = load([file], PairsConfig(valid=0.3, test=0.3, max_length=12))
    assert list(parts.test) == list(whole.test)
    for part, all_of_it in zip(parts.parts[:2], whole.parts[:2], strict=True):
        assert list(part) == [pair for pair in all_of_it if "late" not in pair.source]
    counts = [
        f"{sum('late' in pair.source for pair in part)} of {len(part)}" for part in whole.parts
    ]
    assert parts.notes == (
        f"left out of the training part, {counts[0]} pairs: they have more than 12 tokens",
        f"left out of the validation part, {counts[1]} pairs: they have more than 12 tokens",
    )
    write(tmp_path / "pairs.tsv", [*NUMBERS, *(Pair(f"between {i:05}", "x") for i in range(50))])
    letters = load([file], PairsConfig(max_length=12, units="characters"))
    assert all(len(text) <= 12 for pair in letters.train for text in pair)
    with pytest.raises(DataError, match="nothing is left of the training part"):
        load([file], PairsConfig(max_length=1, units="characters"))


def test_dates_are_what_they_were():
    made = load("dates", PairsConfig(limit=300))
    assert made == dates(0, train=300)
    digest = hashlib.sha256()
    for part in made.parts:
        digest.update("".join(f"{a}\t{b}\n" for a, b in part).encode() + b"\f")
    assert fingerprint(made) == digest.hexdigest()
    turned = load(["dates"], PairsConfig(limit=300, reverse=True))
    assert turned.test[0] == Pair(made.test[0].target, made.test[0].source)


def test_units_that_suit_the_data():
    assert units_of(["dates"], PairsConfig()) == "characters"
    assert units_of(["eng-fra"], PairsConfig()) == units_of(["a", "b"], PairsConfig()) == "words"
    assert units_of(["dates"], PairsConfig(units="pieces")) == "pieces"


def test_refuses(tmp_path):
    file = write(tmp_path / "pairs.tsv", NUMBERS)
    with pytest.raises(DataError, match="no such file, and no built-in data .*dates, eng-fra"):
        load(str(tmp_path / "datse"), PairsConfig())
    for names, config, message in (
        (["dates"], PairsConfig(limit=0), "data.limit is at least 1, or null: 0"),
        ([file], PairsConfig(max_length=0), "data.max_length is at least 1, or null: 0"),
        (["dates"], PairsConfig(columns="1,2"), "data.columns is for files, and dates is"),
        (["dates"], PairsConfig(test_file=file), "data.test_file is for files"),
        (["dates"], PairsConfig(valid=0.1), "no data.valid"),
        ([file, file], PairsConfig(columns="1,2"), "data.columns is for one file"),
        ([file], PairsConfig(columns="1;2"), "data.columns are two numbers"),
        ([file], PairsConfig(test=0.1, test_file=file), "data.test is a share .* names another"),
    ):
        with pytest.raises(RangeError, match=message):
            load(names, config)
    for count in (0, 3):
        with pytest.raises(DataError, match=f"a file of sources and one of targets: got {count}"):
            load([file] * count, PairsConfig())
    with pytest.raises(DataError, match="expected a file, or two with a comma between, not a,b,c"):
        load([file], PairsConfig(test_file="a,b,c"))


def test_a_text_that_no_search_could_answer_is_left_out_of_the_test_part(tmp_path):
    file = write(tmp_path / "pairs.tsv", NUMBERS)
    damaged = ("x", "long " * 30_000)
    tested = write(tmp_path / "test.tsv", [damaged, ("new", "long " * 2_000)])
    found = load([file], PairsConfig(test_file=tested, max_length=100))
    assert [pair.source for pair in found.test] == ["new"]
    assert found.notes[-1] == (
        "left out of the test part, 1 of 2 pairs: they have more than 100,000 characters"
    )
