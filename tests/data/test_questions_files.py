"""Files of questions: every format gives the same questions, and what is broken is named."""

import gzip
import io
import json
import re
import sys
from pathlib import Path

import pytest

from regard.data.problems import HINT
from regard.data.questions import Question, QuestionsConfig, Span
from regard.data.questions_files import load, read
from regard.errors import DataError, RangeError

ARTICLES = 12
ASKED = [
    (f"A{i} is {j} and red.", f"What is A{i}?", str(j)) for i in range(ARTICLES) for j in (7, 8)
]
EXPECTED = [(p, q, (a,), (Span(p.index(a, 4), p.index(a, 4) + 1),)) for p, q, a in ASKED]
SKIP = QuestionsConfig(on_error="skip")


def squad(asked, version: str | None = "1.1"):
    articles = []
    for number, (passage, question, answer) in enumerate(asked):
        answers = [{"text": answer, "answer_start": passage.index(answer, 4)}]
        entry = {"id": f"q{number}", "question": question, "answers": answers}
        title = passage.split()[0]
        if not articles or articles[-1]["title"] != title:
            articles.append({"title": title, "paragraphs": []})
        articles[-1]["paragraphs"].append({"context": passage, "qas": [entry]})
    return {"version": version, "data": articles}


def json_lines(objects):
    return "".join(json.dumps(one) + "\n" for one in objects)


def started(asked):
    return [{"passage": p, "question": q, "answer": a, "start": p.index(a, 4)} for p, q, a in asked]


FORMS = {
    "a.json": json.dumps(squad(ASKED)),
    "spread.json": "\ufeff" + json.dumps(squad(ASKED), indent=1).replace("\n", "\r\n"),
    "a.jsonl": json_lines(started(ASKED)),
    "list.ndjson": json_lines(
        {"passage": p, "question": f" {q}\n", "answers": [a], "start": [p.index(a, 4)], "more": 1}
        for p, q, a in ASKED
    ),
    "a.tsv": "".join("\t".join(one) + "\n" for one in ASKED),
    "header.tab": "Passage\tquestion\tAnswer\n"
    + "".join(f"{p}\t {q} \t {a} \n\n" for p, q, a in ASKED),
}


def written(folder, name, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return str(folder / name)


def told(questions):
    return [(one.passage, one.question, one.texts, one.answers) for one in questions]


@pytest.mark.parametrize("name", FORMS)
def test_every_format_gives_the_same_questions(tmp_path, name, monkeypatch):
    path = written(tmp_path, name, FORMS[name])
    packed = Path(f"{path}.gz")
    packed.write_bytes(gzip.compress(Path(path).read_bytes()))
    # Of 7 and 8, the first 7 of "A7 is 7" is not the answer that has a start.
    expected = EXPECTED
    if name in ("a.tsv", "header.tab"):
        expected = [(p, q, (a,), (Span(p.index(a), p.index(a) + 1),)) for p, q, a in ASKED]
    for file in (path, str(packed)):
        rows = read([file], QuestionsConfig())
        assert told(rows) == expected
        assert rows.notes == rows.left_out == ()
    assert told(rows[3:1:-1]) == [expected[3], expected[2]]
    if name == "a.tsv":
        text = Path(path).read_bytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        assert told(read(["-"], QuestionsConfig())) == expected


def test_several_answers_and_names(tmp_path):
    content = squad([("A1 is 7 and 7 .", "What is A1?", "7")])
    entry = content["data"][0]["paragraphs"][0]["qas"][0]
    entry["answers"] += [{"text": " 7 ", "answer_start": 11}, {"text": "7 and", "answer_start": 6}]
    (one,) = read([written(tmp_path, "a.json", content)], QuestionsConfig())
    assert one == Question(
        "A1 is 7 and 7 .", "What is A1?", (Span(6, 7), Span(12, 13), Span(6, 11)), name="q0"
    )
    lines = [
        {"passage": "  a bc", "question": "b?", "answers": ["bc", "a "], "id": 5},
        {"passage": "a b a", "question": "b?", "answers": ["a", "a"], "start": [4, None]},
    ]
    rows = read([written(tmp_path, "a.jsonl", json_lines(lines))], QuestionsConfig())
    assert rows[0] == Question("  a bc", "b?", (Span(4, 6), Span(2, 3)), name="5")
    assert rows[1].answers == (Span(4, 5), Span(0, 1))


GOOD = {"passage": "Ann has a cat.", "question": "Who?", "answer": "Ann"}
BAD_LINES = [
    ({**GOOD, "answer": "dog"}, ":2: the answer 'dog' does not stand in the passage"),
    ({**GOOD, "start": 4}, ":2: the answer 'Ann' should stand at character 4, and 'has' stands"),
    (
        {**GOOD, "start": 14},
        ":2: the answer 'Ann' should stand at character 14, and the passage en",
    ),
    ({**GOOD, "start": -14}, ":2: the answer 'Ann' should stand at character -14, and the passage"),
    ({**GOOD, "answer": " "}, ":2: an answer is empty"),
    ({**GOOD, "answer": None}, ":2: expected a text as answer, and it is none"),
    ({**GOOD, "answers": []}, ":2: no answer"),
    ({**GOOD, "answers": "Ann"}, ':2: expected a list of texts as answers, and it is "Ann"'),
    ({**GOOD, "answers": ["Ann", 3]}, r':2: expected a list of texts as answers, .* \["Ann", 3\]'),
    ({**GOOD, "answers": ["Ann"], "start": 0}, ":2: expected a list of as many numbers as answers"),
    ({**GOOD, "answers": ["a", "A"], "start": [0]}, ":2: expected a list of as many .* is .0"),
    ({**GOOD, "start": "0"}, ':2: expected a number as start, and it is "0"'),
    ({**GOOD, "start": True}, ":2: expected a number as start, and it is true"),
    ({**GOOD, "passage": " \n"}, ":2: the passage is empty"),
    ({**GOOD, "question": "\t"}, ":2: the question is empty"),
    ({**GOOD, "question": "a\0"}, ":2: the question has a NUL character"),
    ({**GOOD, "passage": "Ann \ud800"}, ":2: the passage has half a character"),
    ({**GOOD, "question": 5}, ":2: expected texts as passage and question"),
    ({"passage": "a", "answer": "a"}, ":2: expected an object with passage, question and answer"),
    ([1], r":2: expected an object with passage, question and answer, and it is \[1\]"),
]


@pytest.mark.parametrize(("bad", "message"), BAD_LINES)
def test_a_line_that_cannot_be_read(tmp_path, bad, message):
    path = written(tmp_path, "a.jsonl", json_lines([*started(ASKED[:1]), bad, *started(ASKED[1:])]))
    expect(path, message, "question")


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("a.tsv", "one\n", ":2: expected passage<TAB>question<TAB>answer, and the row has no tab"),
        ("a.tsv", "one\ttwo\n", ":2: expected passage<TAB>question<TAB>answer, .* has 2 columns"),
        ("a.tsv", "a\tb\t\n", ":2: an answer is empty"),
        ("a.tsv", "a\tb\ta\0\n", ":2: a NUL byte at place 6"),
        ("a.jsonl", '{"passage": 1,\n', ":2: no JSON: .* at place 15 .expected an object in every"),
        ("a.jsonl", "[" * 100_000 + "\n", ":2: JSON that cannot be read: nested too deep"),
    ],
)
def test_a_row_that_cannot_be_read(tmp_path, name, row, message):
    lines = FORMS[name].splitlines(keepends=True)
    expect(written(tmp_path, name, "".join([lines[0], row, *lines[1:]])), message, "question")


def expect(path, message, what, left=2 * ARTICLES):
    """Reading the file stops with the message, or leaves one out and says so."""
    with pytest.raises(DataError) as caught:
        read([path], QuestionsConfig())
    assert re.match(re.escape(path) + message, str(caught.value)), caught.value
    reason = str(caught.value).removesuffix(HINT)
    parts = load([path], SKIP)
    assert sum(map(len, parts.parts)) == left
    notes = (f"{path}: left out, for they cannot be read: 1 {what}", f"left out: {reason}")
    assert parts.notes == read([path], SKIP).notes == notes
    assert parts.left_out == (reason,)


def change(content, *keys, value):
    for key in keys[:-1]:
        content = content[key]
    if value is None:
        del content[keys[-1]]
    else:
        content[keys[-1]] = value


FIRST = ("data", 2, "paragraphs", 1)
PLACE = ': article 3 "A2", paragraph 2'


@pytest.mark.parametrize(
    ("keys", "value", "message", "what"),
    [
        (("qas", 0, "question"), " ", ', question id "q5": the question is empty', "question"),
        (("qas", 0, "answers"), [], ', question id "q5": no answer', "question"),
        (("qas", 0, "answers", 0, "answer_start"), 7, "should stand at .* '.' s", "question"),
        (("qas", 0, "answers", 0, "text"), None, 'id "q5": expected answers with', "question"),
        (("qas", 0, "answers", 0, "answer_start"), True, "expected answers with", "question"),
        (("qas", 0, "id"), None, ", question 1: expected an id, a question", "question"),
        (("context",), "", ', question id "q5": the passage is empty', "question"),
        (("qas",), None, ": expected an object with a context and qas", "paragraph"),
    ],
)
def test_a_question_of_squad_that_cannot_be_read(tmp_path, keys, value, message, what):
    content = squad(ASKED)
    change(content, *FIRST, *keys, value=value)
    path = written(tmp_path, "a.json", content)
    expect(path, re.escape(PLACE) + ".*" + message, what, len(ASKED) - 1)


def test_half_a_character_in_a_title_can_be_told(tmp_path):
    content = squad(ASKED)
    change(content, "data", 2, "title", value="T\ud83d")
    change(content, *FIRST, "qas", 0, "question", value="")
    parts = load([written(tmp_path, "a.json", content)], SKIP)
    assert r'article 3 "T\ud83d", paragraph 2' in parts.left_out[0]
    assert "\n".join(parts.left_out).encode("utf-8")


def test_an_article_that_cannot_be_read(tmp_path):
    content = squad(ASKED)
    change(content, "data", 2, "title", value=None)
    path = written(tmp_path, "a.json", content)
    expect(path, ": article 3: expected an object with a title", "article", len(ASKED) - 2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.json",
            squad(ASKED, "v2.0"),
            ': expected "version": "1.1" of SQuAD, .* "v2.0": version 2',
        ),
        ("a.json", squad(ASKED, 1.1), ': expected "version": "1.1" of SQuAD, .* says 1.1$'),
        ("a.json", squad(ASKED, None), ': expected "version": "1.1" of SQuAD, .* file has none'),
        ("a.json", [GOOD], ": expected SQuAD v1.1, an object with"),
        ("a.json", '{"version": "1.1",\n "data": [}', ":2: no JSON: .* at place 11"),
        ("a.json", "[" * 100_000, ": JSON that cannot be read"),
        ("a.json", squad([]), ": the file is empty; expected questions, their passages and their"),
        ("a.tsv", "", ": the file is empty"),
        (
            "a.csv",
            "a,b,c",
            ": the name of the file does not say its format: expected one that ends",
        ),
        (
            "a.tsv",
            "x\n" * 9,
            ": nothing in it can be read; first, .*:1: expected passage<TAB>quest",
        ),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, name, content, message):
    path = written(tmp_path, name, content)
    for config in (QuestionsConfig(), SKIP):
        with pytest.raises(DataError) as caught:
            read([path], config)
    assert re.match(re.escape(path) + message, str(caught.value)), caught.value


def test_what_is_no_text(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"data":\n"\xff"}')
    with pytest.raises(DataError, match=r"a.json:2: not UTF-8: byte 0xff at place 2"):
        read([str(tmp_path / "a.json")], QuestionsConfig())
    (tmp_path / "b.json").write_bytes(b'\xef\xbb\xbf{"data":"\xff"}')
    with pytest.raises(DataError, match=r"b.json:1: not UTF-8: byte 0xff at place 10"):
        read([str(tmp_path / "b.json")], QuestionsConfig())
    with pytest.raises(DataError, match=r": Is a directory"):
        read([str(tmp_path)], QuestionsConfig())
    with pytest.raises(DataError, match=r"none.json: no such file, .*built in: world, squad"):
        read([str(tmp_path / "none.json")], QuestionsConfig())


def test_a_passage_that_is_too_long(tmp_path):
    asked = [("Short is 5 .", "What?", "5"), ("Long is 5 , and 6 .", "What?", "5")]
    path = written(tmp_path, "a.tsv", "".join("\t".join(one) + "\n" for one in asked))
    with pytest.raises(DataError, match=r"a.tsv:2: a passage of 7 tokens, and 4 are read at once"):
        read([path], QuestionsConfig(max_length=4, stride=None))
    rows = read([path], QuestionsConfig(max_length=4, stride=None, on_error="skip"))
    assert [one.passage for one in rows] == ["Short is 5 ."]
    assert len(rows.left_out) == 1
    assert len(read([path], QuestionsConfig(max_length=4, stride=2))) == 2


def passages(part):
    return {one.passage for one in part}


def articles(part):
    return {one.passage.split()[0] for one in part}


def test_parts_by_article(tmp_path):
    path = written(tmp_path, "a.json", squad(ASKED))
    config = QuestionsConfig(valid=0.25, test=0.5)
    parts = load([path], config)
    groups = [articles(part) for part in parts.parts]
    assert [len(group) for group in groups] == [3, 3, 6]
    assert sum(map(len, groups)) == len(set.union(*groups))
    turned = load([written(tmp_path, "b.json", squad(ASKED[::-1]))], config)
    assert [articles(part) for part in turned.parts] == groups
    other = load([path], QuestionsConfig(valid=0.25, test=0.5, seed=1))
    assert articles(other.test) != groups[2]
    few = load([path], QuestionsConfig(valid=0.25, test=0.5, limit=2))
    assert len(few.train) == 2
    assert passages(few.train) < passages(parts.train)


def test_parts_by_passage_where_there_are_few_articles(tmp_path):
    twice = [(p, q + extra, a) for p, q, a in ASKED for extra in ("", "?")]
    for name, content in (
        ("a.tsv", "".join("\t".join(one) + "\n" for one in twice)),
        ("a.json", squad([("One " + p, q, a) for p, q, a in twice])),
    ):
        parts = load([written(tmp_path, name, content)], QuestionsConfig())
        assert [len(part) for part in parts.parts] == [40, 4, 4]
        groups = [passages(part) for part in parts.parts]
        assert sum(map(len, groups)) == len(set.union(*groups)) == len(ASKED)
    with pytest.raises(DataError, match=r"b.tsv: 2 different passages cannot be split into train"):
        load([written(tmp_path, "b.tsv", "\n".join(FORMS["a.tsv"].splitlines()[:2]))], SKIP)
    with pytest.raises(RangeError, match=r"data.valid and data.test are shares"):
        load([written(tmp_path, "a.tsv", FORMS["a.tsv"])], QuestionsConfig(valid=0.6, test=0.6))


def test_one_passage_in_two_articles_is_in_one_part(tmp_path):
    shared = {"context": "Zed is 5 .", "qas": []}
    shared["qas"] = [{"id": 1, "question": "?", "answers": [{"text": "5", "answer_start": 7}]}]
    content = squad(ASKED)
    for article in content["data"]:
        article["paragraphs"].append(shared)
    path = written(tmp_path, "a.json", content)
    for seed in range(8):
        parts = load([path], QuestionsConfig(valid=0.3, test=0.3, seed=seed))
        assert sum("Zed is 5 ." in passages(part) for part in parts.parts) == 1


def test_files_for_parts(tmp_path):
    path = written(tmp_path, "a.jsonl", json_lines(started(ASKED)))
    test = written(tmp_path, "test.jsonl", json_lines([*started(ASKED[:4]), GOOD]))
    valid = written(tmp_path, "valid.json", squad(ASKED[2:7]))
    parts = load([path], QuestionsConfig(test_file=test, valid=0.1))
    assert [len(part) for part in parts.parts] == [18, 2, 5]
    assert parts.notes == (
        f"{path}: questions left out, for their passages stand in {test} too: 4",
    )
    assert not passages(parts.test) & (passages(parts.train) | passages(parts.valid))
    parts = load([path], QuestionsConfig(test_file=test, valid_file=valid))
    assert [len(part) for part in parts.parts] == [17, 3, 5]
    assert len(parts.notes) == 3
    groups = [passages(part) for part in parts.parts]
    assert sum(map(len, groups)) == len(set.union(*groups))
    with pytest.raises(DataError, match=r"valid.json: all of its passages stand in .*a.jsonl too"):
        load([valid], QuestionsConfig(test_file=path))


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("world", {"limit": 5}, "data.limit says nothing of world"),
        ("world", {"on_error": "skip"}, "data.on_error is for files"),
        ("squad", {"train": 5}, "data.train says nothing of squad"),
        ("squad", {"test_file": "a"}, "data.test_file says nothing of squad"),
        ("none.json", {"train": 5}, "data.train is a number of stories of world: of a file, set"),
    ],
)
def test_options_of_other_data(source, options, message):
    with pytest.raises(DataError, match=message):
        load([source], QuestionsConfig(**options))


def test_sources(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        DataError, match="expected one file of questions or one of world, squad, an"
    ):
        load(["world", "squad"], QuestionsConfig())
    with pytest.raises(DataError, match="world is built in: it is judged on its own test part"):
        read(["world"], QuestionsConfig())
    assert len(load(["world"], QuestionsConfig(train=3)).train) == 3
