"""The reader by the command line: files of questions, broken ones, windows, and where it looks."""

import json

import numpy as np
import pytest

from payloads import payloads, weights_of
from tests.cli.conftest import regard
from tests.cli.test_captioner import rows_of, several

SMALL = [
    "--model.embedding=8",
    "--model.hidden=6",
    "--model.characters=0",
    "--training.batch_size=16",
    "--training.learning_rate=0.01",
    "--trainer.max_epochs=2",
    "--trainer.log_every_n_steps=1",
    "--data.valid=0.2",
    "--data.test=0.2",
    "--data.min_count=1",
]

NAMES = ["Ann", "Bob", "Cleo", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim", "Leo"]
THINGS = ["cat", "dog", "hat", "cup", "key", "map"]


def rows():
    """A passage a name, of 12 tokens, with two questions each."""
    for place, name in enumerate(NAMES * 4):
        thing = THINGS[place % len(THINGS)]
        passage = f"On day {place} of the year {name} took a {thing}."
        yield {"passage": passage, "question": "Who took it?", "answer": name}
        yield {"passage": passage, "question": "What did they take?", "answer": thing}


def jsonl(path, content):
    path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    return path


BROKEN = [
    ({"passage": "A dog.", "question": "What?", "answer": "cat"}, "cat"),
    ({"passage": " ", "question": "What?", "answer": "cat"}, "passage"),
    ({"passage": "A dog.", "question": "", "answer": "dog"}, "question"),
    ({"passage": "A long way. " * 40, "question": "What?", "answer": "way"}, "160"),
]


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("questions")
    good = list(rows())
    bad = [row for row, _ in BROKEN]
    jsonl(folder / "good.jsonl", good)
    jsonl(folder / "some.jsonl", [*good[:3], *bad, *good[3:]])
    for number, row in enumerate(bad):
        jsonl(folder / f"bad{number}.jsonl", [*good[:3], row, *good[3:]])
    return folder


@pytest.fixture(scope="module")
def run(questions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "reader"
    options = ["--data.stride=null", "--data.max_length=20", "--data.on_error=skip"]
    done = regard("train", "reader", questions / "some.jsonl", "--run", folder, *SMALL, *options)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_what_is_left_out_is_told(run):
    folder, done = run
    page = (folder / "report.html").read_text(encoding="utf-8")
    lost = (folder / "left_out.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split(": ")[0].rpartition(":")[2] for line in lost] == ["4", "5", "6", "7"]
    for (_, why), line in zip(BROKEN, lost, strict=True):
        assert why in line
    for text in (done.stderr, page):
        assert "left out, for they cannot be read: 4" in text
    assert "exact match" in done.stdout


def test_what_is_broken_ends_a_training_before_it_begins(questions, tmp_path):
    train, short = ["train", "reader"], ["--data.stride=null", "--data.max_length=20"]
    done = several(
        *(
            [*train, questions / f"bad{number}.jsonl", "--run", tmp_path / "run", *short]
            for number in range(len(BROKEN))
        )
    )
    assert done.stdout.split("\n")[:-1] == ["status 2"] * len(BROKEN)
    told = [line for line in done.stderr.splitlines() if line.startswith("regard: ")]
    for number, ((_, why), line) in enumerate(zip(BROKEN, told, strict=True)):
        assert f"bad{number}.jsonl:4: " in line
        assert why in line
    assert not (tmp_path / "run").exists()


def test_questions_about_a_file_and_questions_with_their_passages(run, tmp_path):
    folder, _ = run
    passage = tmp_path / "story.txt"
    passage.write_text("On day 7 of the year\nAnn took a cat.\n", encoding="utf-8")
    about = regard("predict", folder, "--passage", passage, "--json", "Who took it?")
    (said,) = rows_of(about)
    text = passage.read_text(encoding="utf-8").removesuffix("\n")
    assert said["answer"] == text[said["start"] : said["end"]]
    lines = "On day 7 of the year Ann took a cat.\tWho took it?\n"
    both = regard("predict", folder, "--n_best", "3", stdin=lines)
    ranks = [line.split("\t") for line in both.stdout.splitlines()]
    assert [rank for rank, *_ in ranks] == ["1", "2", "3"]
    assert [float(p) for _, p, _ in ranks] == sorted((float(p) for _, p, _ in ranks), reverse=True)


def test_what_cannot_be_asked_is_refused(run, tmp_path):
    folder, _ = run
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    done = several(
        ["predict", folder, "Who?"],
        ["predict", folder, "A cat.\t"],
        ["predict", folder, "--passage", tmp_path / "empty.txt", "Who?"],
        ["predict", folder, "--passage", tmp_path / "never.txt", "Who?"],
        ["predict", folder, f"{'A long way. ' * 40}\tWhat?"],
        ["evaluate", folder, "--passage", tmp_path / "empty.txt"],
    )
    assert done.stdout.split() == ["status", "2"] * 6
    told = [line for line in done.stderr.splitlines() if line.startswith("regard: ")]
    reasons = [
        "PASSAGE<TAB>QUESTION",
        "question is empty",
        "passage is empty",
        "never.txt",
        "160",
        "passage is for what is asked",
    ]
    for line, why in zip(told, reasons, strict=True):
        assert why in line


def test_it_shows_what_looked_at_what(run, questions, tmp_path):
    folder, _ = run
    asked = "On day 7 of the year Ann took a <b>cat</b>.\tWho took it?"
    done = several(
        ["explain", folder, asked, "-o", tmp_path / "page.html"],
        ["explain", folder, asked, "-o", tmp_path / "picture.png"],
        ["explain", folder, asked, "--json"],
        ["explain", folder, "--samples", "1"],
    )
    assert done.stdout.count("status 0") == 4
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<b>cat" not in page
    matrix = next(panel for panel in payloads(page) if "".join(panel["source"]).startswith("Who"))
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    told = next(line for line in done.stdout.splitlines() if line.startswith("{"))
    weights = json.loads(told)
    assert len(weights["weights"]) == len(weights["passage"])
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in weights["weights"])
    assert weights_of(matrix)[0, 0] == pytest.approx(np.array(weights["weights"]), abs=1e-5)
    assert "who looks at the words of the question" in done.stdout


def test_it_is_judged_on_a_file(run, questions):
    folder, _ = run
    done = regard("evaluate", folder, questions / "good.jsonl", "--json")
    (scores,) = rows_of(done)
    assert scores["questions"] == 96
    assert 0 <= scores["exact_match"] <= scores["f1"] <= 1
