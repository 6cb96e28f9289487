"""Labelled texts in their parts: duplicates together, nothing hidden."""

from json import dumps

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.data.labelled import LabelsConfig, wording
from regard.data.labels import BUILTIN, PRESETS, load, read
from regard.data.splits import fingerprint
from regard.errors import DataError, RangeError

TEXTS = [f"text {i}" for i in range(40)]


def tsv(folder, rows, name="a.tsv"):
    path = folder / name
    path.write_text("".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")
    return str(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["a b", "A b!", "ab", "c", "c.", "d"]), max_size=20))
def test_no_wording_stands_in_two_parts(tmp_path, more):
    rows = [(text, "xy"[i % 2]) for i, text in enumerate([*TEXTS, *more])]
    csv = tmp_path / "a.csv"
    csv.write_text("text,label\n" + "".join(f'"{a}",{b}\n' for a, b in rows), encoding="utf-8")
    parts = load([tsv(tmp_path, rows)], LabelsConfig())
    assert sorted(row for part in parts.parts for row in part) == sorted(rows)
    wordings = [{wording(row) for row in part} for part in parts.parts]
    assert sum(map(len, wordings)) == len(set().union(*wordings))
    assert fingerprint(load([str(csv)], LabelsConfig())) == fingerprint(parts)
    again = load([tsv(tmp_path, rows[::-1], "b.tsv")], LabelsConfig())
    assert [sorted(part) for part in again.parts] == [sorted(part) for part in parts.parts]


def test_limit_and_seed(tmp_path):
    path = tsv(tmp_path, [(text, "xy"[i % 2]) for i, text in enumerate(TEXTS)])
    whole, short = load([path], LabelsConfig()), load([path], LabelsConfig(limit=9))
    assert (len(whole.train), len(whole.valid), len(whole.test)) == (32, 4, 4)
    assert len(short.train) == 9
    assert set(short.train) <= set(whole.train)
    assert list(short.test) == list(whole.test)
    other = load([path], LabelsConfig(seed=1))
    assert set(other.test) != set(whole.test)
    assert whole.notes == ()
    assert sorted(read([path], LabelsConfig())) == sorted(
        row for part in whole.parts for row in part
    )


def test_a_test_file(tmp_path):
    path = tsv(tmp_path, [(text, "xy"[i % 2]) for i, text in enumerate(TEXTS)])
    tested = tsv(tmp_path, [("Text 3!", "y"), ("new", "x"), ("newer", "z")], "test.tsv")
    parts = load([path], LabelsConfig(test_file=tested))
    assert list(parts.test) == [("Text 3!", "y"), ("new", "x"), ("newer", "z")]
    assert len(parts.train) + len(parts.valid) == 39
    assert ("text 3", "y") not in [*parts.train, *parts.valid]
    assert parts.notes == (
        f"1 row stands in {tested} too: left out of training",
        f"{tested}:3: the label 'z' stands in no row to learn from: 1 row of the test part will "
        "count as wrong",
    )


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.jsonl"])
def test_a_label_that_cannot_be_learned_is_told_with_its_row(tmp_path, name):
    rows = [(text, "xy"[i % 2]) for i, text in enumerate(TEXTS)]
    parts = load([tsv(tmp_path, rows)], LabelsConfig())
    places = {part: rows.index(part[0]) for part in map(tuple, (parts.valid, parts.test))}
    for (first, *_), place in places.items():
        rows[place] = (first.text, "rare")
    content = {
        "a.tsv": "".join(f"{a}\t{b}\n" for a, b in rows),
        "a.csv": "text,label\n" + "".join(f"{a},{b}\n" for a, b in rows),
        "a.jsonl": "".join(dumps({"text": a, "label": b}) + "\n" for a, b in rows),
    }[name]
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    parts = load([str(path)], LabelsConfig())
    header = name == "a.csv"
    assert parts.notes == tuple(
        f"{path}:{place + 1 + header}: the label 'rare' stands in no row to learn from: 1 row of "
        f"the {part} part will count as wrong"
        for part, place in zip(("validation", "test"), places.values(), strict=True)
    )


def test_refuses(tmp_path):
    config = LabelsConfig()
    one = tsv(tmp_path, [(text, "x") for text in TEXTS])
    with pytest.raises(DataError, match=r"a file with one class: 'x' \(40 rows\): nothing to tell"):
        load([one], config)
    few = tsv(tmp_path, [("a", "x"), ("A", "x"), ("b", "y")])
    with pytest.raises(DataError, match="2 different .* cannot be split .* 3 are needed"):
        load([few], config)
    rows = [(text, "x") for text in TEXTS]
    tested = load([tsv(tmp_path, [*rows[1:], (TEXTS[0], "y")])], config).test
    hidden = [(text, "y" if (text, "x") == tested[0] else "x") for text in TEXTS]
    with pytest.raises(DataError, match=r"the training part has 'x' alone \(32 rows\)"):
        load([tsv(tmp_path, hidden)], config)
    with pytest.raises(DataError, match="no such file, .* languages, sentiment"):
        load([str(tmp_path / "sentimant")], config)
    with pytest.raises(DataError, match="expected one file .* and 2 are named"):
        load([one, one], config)
    with pytest.raises(DataError, match="test_file is for files, and languages is built in"):
        load(["languages"], LabelsConfig(test_file=one))
    with pytest.raises(RangeError, match="together below 1"):
        load([tsv(tmp_path, [*rows[1:], (TEXTS[0], "y")])], LabelsConfig(valid=0.5, test=0.5))


def test_presets_are_options():
    assert set(PRESETS) == set(BUILTIN)
    for options in PRESETS.values():
        LabelsConfig(**options)


def test_a_header_that_is_read_as_a_row_is_told(tmp_path):
    rows = [(text, "xy"[i % 2]) for i, text in enumerate(TEXTS)]
    path = tsv(tmp_path, [("said", "mood"), *rows])
    notes = load([path], LabelsConfig()).notes
    assert notes[0] == (
        f"{path}:1: the label 'mood' of the first row stands in no other: if this is a header, "
        "name its columns by data.text and data.label"
    )
    assert load([path], LabelsConfig(text="said", label="mood")).notes == ()
    rare = tsv(tmp_path, [(text, text) for text in TEXTS], "rare.tsv")
    assert not any("a header" in note for note in load([rare], LabelsConfig()).notes)


def test_many_labels_that_cannot_be_learned_are_counted(tmp_path):
    rows = [(text, "xy"[i % 2]) for i, text in enumerate(TEXTS)]
    tested = tsv(tmp_path, [(f"new {i // 2}", f"z{i // 2}") for i in range(18)], "test.tsv")
    notes = load([tsv(tmp_path, rows)], LabelsConfig(test_file=tested)).notes
    assert len(notes) == 6
    assert notes[-1] == f"{tested}: so do 4 more labels of the test part, in 8 rows"


@pytest.mark.parametrize("units", ["characters", "words", "pieces"])
def test_texts_that_are_cut_are_told(tmp_path, units):
    rows = [(text, "xy"[i % 2]) for i, text in enumerate(TEXTS)]
    long = "x" * 30 if units == "characters" else "x " * 30
    tested = tsv(tmp_path, [("a", "x"), (long, "y"), (long + "!", "y")], "test.tsv")
    config = LabelsConfig(test_file=tested, units=units, max_length=20)
    assert load([tsv(tmp_path, rows)], config).notes == (
        f"{tested}:2: 2 rows of the test part, this the first, with more than 20 tokens: what is "
        "behind is not read (data.max_length)",
    )
    assert LabelsConfig().max_length == 1000


def test_names_the_file_that_cannot_be_split(tmp_path):
    few = tsv(tmp_path, [("a", "x"), ("b", "y")])
    with pytest.raises(DataError, match=rf"^{few}: 2 different"):
        load([few], LabelsConfig())
    with pytest.raises(DataError, match=rf"^{few}: every row stands in {few} too: nothing"):
        load([few], LabelsConfig(test_file=few))
