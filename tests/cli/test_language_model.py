"""The language model by the command line: files, stopping in the midst of a text, and answers."""

import json
import random

import pytest

from payloads import payloads
from regard.cli import main
from tests.cli.stopping import are_alike, stopped

pytestmark = pytest.mark.filterwarnings("ignore")

SMALL = [
    "--model.embedding=6",
    "--model.hidden=8",
    "--data.stretch=7",
    "--training.batch_size=4",
    "--training.learning_rate=0.02",
    "--trainer.max_epochs=2",
    "--trainer.log_every_n_steps=1",
    "--trainer.enable_progress_bar=false",
]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A text of 300 words in 60 lines, some of them blank."""
    draw, words = random.Random(0), ["alpha", "beta,", "gamma", "delta."]
    lines = [" ".join(draw.choices(words, k=5)) for _ in range(60)]
    lines[10:10] = ["", ""]
    file = tmp_path_factory.mktemp("data") / "book.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def train(*words):
    return main(["train", "language_model", *map(str, words)])


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (5, ["--trainer.val_check_interval=0.5"]),
        (16, ["--model.kind=lstmn", "--model.window=9"]),
        (4, ["--model.kind=lstm", "--trainer.accumulate_grad_batches=2"]),
    ],
    ids=["pointer", "second epoch", "amid a step"],
)
def test_what_goes_on_is_what_would_have_gone_on(book, tmp_path, step, words):
    whole, halted = tmp_path / "whole", tmp_path / "stopped"
    assert train(book, "--run", whole, *SMALL, *words) == 0
    taken = stopped(lambda: train(book, "--run", halted, *SMALL, *words), step)
    assert taken % 12 not in (0, 1)  # 12 steps an epoch: it stopped in the midst of one
    assert train("--run", halted, "--resume") == 0
    assert are_alike(halted, whole)


def test_a_run_answers(book, tmp_path, capsys):
    folder = tmp_path / "run"
    assert train(book, "--run", folder, *SMALL) == 0
    capsys.readouterr()
    assert main(["predict", str(folder), "alpha beta,", "--max_length", "3", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["continuation"].startswith("alpha beta,")
    assert len(answer["words"]) == len(answer["gates"]) <= 3
    assert main(["explain", str(folder), "alpha beta", "--samples", "1", "--json"]) == 0
    texts = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert texts[0]["words"] == ["¶", "alpha", "beta"]
    assert len(texts[1]["pointed"]) == len(texts[1]["words"])
    for name in ("page.html", "picture.svg"):
        assert main(["explain", str(folder), "alpha", "-o", str(tmp_path / name)]) == 0
        assert (tmp_path / name).stat().st_size > 1_000
    (panel,) = payloads((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert panel["source"] == panel["target"] == ["¶", " alpha"]
    capsys.readouterr()
    assert main(["evaluate", str(folder), str(book), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["words"] > 300 + 62  # words, ends of lines, commas and dots
    assert scores["perplexity"] < 12
    assert main(["evaluate", str(folder), str(book), "--beam", "3"]) == 2
    assert "options of the search are for texts that go on" in capsys.readouterr().err
    assert "Words by how often" in (folder / "report.html").read_text(encoding="utf-8")


def test_what_is_refused(book, tmp_path, capsys):
    for words, message in (
        (["--training.batch_tokens=100"], "batch_tokens is for texts of different lengths"),
        (["--model.kind=lstm", "--model.window=5"], "model.window is of model.kind=pointer"),
        (["--data.valid=0.5", "--data.test=0.6"], "together below 1"),
    ):
        assert train(book, "--run", tmp_path / "no", *SMALL, *words, "--overwrite") == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "no").exists()
