"""Files of labelled texts: every format gives the same rows, and bad rows are named."""

import csv
import gzip
import io
import json
import pickle
import re
import sys
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.data.labelled import Labelled, LabelsConfig, wording
from regard.data.labelled_files import read
from regard.errors import DataError, RangeError

WORDS = st.text("ab ,\"'é日;", min_size=1, max_size=12).filter(str.strip)
ROWS = st.lists(st.tuples(WORDS, st.sampled_from(["x", "y y", "1"])), min_size=1, max_size=20)
CONFIG = LabelsConfig()
REUSE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(folder, name, text, *, newline="\n"):
    path = folder / name
    path.write_bytes(text.replace("\n", newline).encode("utf-8"))
    return str(path)


def refusal(path, config=CONFIG):
    with pytest.raises(DataError) as caught:
        read(path, config)
    return str(caught.value).replace(path, "FILE")


@REUSE
@given(ROWS)
def test_every_format_gives_the_same_rows(tmp_path, rows):
    expected = [Labelled(text.strip(), label) for text, label in rows]
    table = io.StringIO()
    csv.writer(table).writerows([("id", "label", "text"), *((7, b, a) for a, b in rows)])
    tsv = "".join(f"{text}\t{label}\n" for text, label in rows)
    objects = "".join(json.dumps({"text": a, "label": b, "z": [1]}) + "\n" for a, b in rows)
    packed = tmp_path / "rows.tsv.gz"
    packed.write_bytes(gzip.compress(tsv.encode()))
    for path in (
        written(tmp_path, "rows.csv", table.getvalue()),
        written(tmp_path, "rows.tsv", tsv),
        written(tmp_path, "windows.tsv", "\ufeff" + tsv, newline="\r\n"),
        written(tmp_path, "rows.jsonl", objects),
        written(tmp_path, "rows.json", objects, newline="\r\n"),
        str(packed),
    ):
        found = read(path, CONFIG)
        assert list(found) == expected
        assert found[len(found) - 1] == expected[-1]
        assert list(found.take(np.array([0]))) == expected[:1]


def test_columns_by_name_and_by_number(tmp_path):
    headed = written(tmp_path, "h.tsv", "id\tsaid\tmood\n1\tfine\tgood\n2\tbad\tpoor\n")
    expected = [("fine", "good"), ("bad", "poor")]
    assert list(read(headed, LabelsConfig(text="said", label="mood"))) == expected
    bare = written(tmp_path, "n.tsv", "good\t1\tfine\npoor\t2\tbad\n")
    assert list(read(bare, LabelsConfig(text="3", label="1"))) == expected
    comma = written(tmp_path, "n.csv", 'good,"fine"\npoor,bad\n')
    assert list(read(comma, LabelsConfig(label="1"))) == expected
    keys = written(tmp_path, "k.jsonl", '{"1": "fine", "2": "good"}\n{"1": "bad", "2": "poor"}\n')
    assert list(read(keys, LabelsConfig(text="1", label="2"))) == expected


def test_labels_that_are_no_texts(tmp_path):
    rows = "".join(f'{{"text": "a", "label": {label}}}\n' for label in ("0", "1.5", "true"))
    assert [row.label for row in read(written(tmp_path, "a.jsonl", rows), CONFIG)] == [
        "0",
        "1.5",
        "true",
    ]


def test_quoted_line_breaks_and_the_lines_of_rows(tmp_path):
    text = '"text","label"\r\n"one\r\ntwo, ""three""",x\r\n\r\nfour,y\r\n'
    table = read(written(tmp_path, "a.csv", text), CONFIG)
    assert list(table) == [('one\ntwo, "three"', "x"), ("four", "y")]
    assert [table.line_number(i) for i in range(2)] == [2, 5]
    assert table.take(np.array([1])).line_number(0) == 5
    assert list(table[1:]) == [("four", "y")]


def test_a_long_field_and_a_limit_that_is_others(tmp_path, request):
    request.addfinalizer(partial(csv.field_size_limit, csv.field_size_limit()))
    csv.field_size_limit(1_000)
    table = read(written(tmp_path, "a.csv", "text,label\n" + "ab " * 3_500_000 + ",x\n"), CONFIG)
    assert len(table[0].text) == 10_499_999
    assert csv.field_size_limit() == 1_000


def test_standard_input_is_tsv(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\tx\nb\ty\n")))
    assert list(read("-", CONFIG)) == [("a", "x"), ("b", "y")]


def test_rows_go_to_other_processes(tmp_path):
    for text, config in (
        ("a\tx\n", CONFIG),
        ("text\tlabel\na\tx\n", LabelsConfig(text="text", label="label")),
        ("a\tx\n", LabelsConfig(text="1", label="2")),
    ):
        rows = read(written(tmp_path, "a.tsv", text), config)
        assert list(pickle.loads(pickle.dumps(rows))) == [("a", "x")]


NAMED = LabelsConfig(text="said", label="mood")
NUMBERED = LabelsConfig(text="1", label="3")


@pytest.mark.parametrize(
    ("name", "text", "config", "message"),
    [
        ("a.tsv", "a\tx\na b\n", CONFIG, "FILE:2: expected text<TAB>label, and the row has 1 col"),
        ("a.tsv", "a\tx\nb\ty\tz\n", CONFIG, "FILE:2: expected text<TAB>label, .* has 3 columns"),
        ("a.tsv", "a\tx\n \ty\n", CONFIG, "FILE:2: the text is empty"),
        ("a.tsv", "a\tx\nb\t \n", CONFIG, "FILE:2: the label is empty"),
        ("a.tsv", "said\tlabel\na\tx\n", CONFIG, "FILE:1: .* header: set data.text to said and"),
        ("a.tsv", "", CONFIG, "FILE: the file is empty; expected rows of text<TAB>label"),
        ("a.tsv", "a\tx\n\0\ty\n", CONFIG, "FILE:2: a NUL byte at place 1"),
        (
            "a.tsv",
            "sayd\tmood\n",
            NAMED,
            "FILE:1: no column is called 'said' .*mean 'sayd'.*: sayd",
        ),
        ("a.tsv", "said\tsaid\tmood\n", NAMED, "FILE:1: 2 columns are called 'said'"),
        ("a.tsv", "said\tmood\na\tx\n\nb\ty\tz\n", NAMED, "FILE:4: the header has 2 .* row has 3"),
        ("a.tsv", "said\tmood\n", NAMED, "FILE: the file is empty; expected a header and rows"),
        ("a.tsv", "a\tb\n", NUMBERED, "FILE:1: there is no column 3: the row has 2 columns"),
        ("a.tsv", "a\tb\tx\na\tb\tx\tx\n", NUMBERED, "FILE:2: the first row has 3 .* row has 4"),
        ("a.tsv", "a\tx\n", LabelsConfig(text="0"), "data.text is 0, and columns are counted from"),
        ("a.csv", "text,mood\na,x\n", CONFIG, "FILE:1: no column is called 'label' .*text, mood"),
        ("a.csv", 'text,label\n"a\nb",x\nc,y,z\n', CONFIG, "FILE:4: the header has 2 .* row has 3"),
        ("a.csv", 'text,label\n"a\nb",x\nc\n', CONFIG, "FILE:4: the header has 2 .* row has 1"),
        ("a.csv", 'text,label\n"",x\n', CONFIG, "FILE:2: the text is empty"),
        ("a.csv", 'text,label\nb,x\n"a,x\n\n', CONFIG, "FILE:3: no CSV: unexpected end of data"),
        ("a.csv", "text,label\n", CONFIG, "FILE: the file is empty; expected a header and rows"),
        (
            "a.jsonl",
            '{"text": "a"}\n',
            CONFIG,
            "FILE:1: no key is called 'label' .* there are text",
        ),
        ("a.jsonl", '\n{"text": 1, "label": 1}\n', CONFIG, "FILE:2: the text is a number, 1, and"),
        ("a.jsonl", '{"text": "a", "label": null}\n', CONFIG, "FILE:1: the label is null, and"),
        ("a.jsonl", '{"text": "a",\n', CONFIG, "FILE:1: no JSON: .* at place 14 .*line"),
        (
            "a.json",
            '[{"text": "a"}]\n',
            CONFIG,
            "FILE:1: expected a JSON object in every line, .* has a list",
        ),
        ("a.jsonl", '{"text": "\\ud800", "label": 1}', CONFIG, "FILE:1: the text has half a char"),
        ("a.jsonl", '{"text": "a\\u0000b", "label": 1}', CONFIG, "FILE:1: the text has a NUL"),
        ("a.jsonl", f'{{"label": {"1" * 5000}}}', CONFIG, "FILE:1: JSON that cannot be read"),
        ("a.jsonl", "[" * 100_000, CONFIG, "FILE:1: JSON that cannot be read"),
        *(
            (name, text, LabelsConfig(text="label"), ".*the same column: label")
            for name, text in (("a.csv", "text,label\na,b\n"), ("a.jsonl", '{"label": "b"}'))
        ),
        ("a.doc", "a\tx\n", CONFIG, "FILE: the name of the file does not say its format"),
    ],
)
def test_refuses_by_file_and_row(tmp_path, name, text, config, message):
    said = refusal(written(tmp_path, name, text), config)
    assert re.match(message, said), said


def test_refuses_what_is_no_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label\na,x\nb\xff,y\n")
    assert refusal(str(path)).startswith("FILE:3: not UTF-8: byte 0xff at place 2")


@pytest.mark.parametrize("name", ["limit", "vocabulary", "min_count", "max_length"])
def test_refuses_options(name):
    with pytest.raises(RangeError, match=f"data.{name} is at least 1.*: 0"):
        LabelsConfig(**{name: 0})
    with pytest.raises(RangeError, match="the same column: said"):
        LabelsConfig(text="said", label="said")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Works great!.", "works  GREAT", True),
        ("Don't buy", "don't buy!!", True),
        ("Straße", "STRASSE", True),
        ("works great", "great works", False),
        (":-)", ":-(", False),
        ("मराठी", "मरठ", False),
        ("3.14", "3 14", False),
    ],
)
def test_wording(one, other, same):
    assert (wording(Labelled(one, "x")) == wording(Labelled(other, "y"))) is same


def test_vocabulary_of_the_options():
    examples = [Labelled("A a b.", "x")]
    vocabulary = LabelsConfig(lower_case=True, min_count=2).vocabulary_of(examples)
    assert vocabulary.tokens[4:] == ("a",)
    assert len(LabelsConfig(units="characters", vocabulary=3).vocabulary_of(examples)) == 7
