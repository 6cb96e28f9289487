"""Using a run: predict, evaluate, explain."""

import json
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest

from payloads import payloads, weights_of
from tests.cli.conftest import regard


def test_predict_arguments_and_lines_agree(trained):
    folder, _ = trained
    texts = ["abc", "fed", "☃", ""]
    by_argument = regard("predict", folder, *texts)
    by_line = regard("predict", folder, stdin="\n".join(texts) + "\n")
    assert by_argument.stdout == by_line.stdout
    assert by_argument.stdout.count("\n") == 4
    as_json = regard("predict", folder, "--json", *texts)
    rows = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [row["source"] for row in rows] == texts
    assert [row["target"] for row in rows] == by_argument.stdout.splitlines()
    assert all(row["log_probability"] <= 0 for row in rows)
    # Alone, a text is summed in another order than in a batch: float32's last digits may differ.
    alone = json.loads(regard("predict", folder, "abc", "--json").stdout)
    assert alone == rows[0] | {
        "log_probability": pytest.approx(rows[0]["log_probability"], rel=1e-5)
    }


def test_predict_starts_without_lightning_in_under_four_seconds(trained):
    folder, _ = trained
    started = min(_time_of(folder) for _ in range(2))
    assert started < 4
    program = (
        "import sys; from regard.cli import main; "
        f"main(['predict', {str(folder)!r}, 'abc']); "
        "print(*(name for name in ('lightning', 'babel', 'matplotlib') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[1] == "", done.stderr


def _time_of(folder):
    # Processor time, which on an idle machine is all the time there is: other tests run beside.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert regard("predict", folder, "abc").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_predict_keeps_the_order_of_a_file_of_many(trained, tmp_path):
    folder, _ = trained
    texts = ["abcdef"[: i % 6 + 1] * (i % 4 + 1) for i in range(300)]
    file, found = tmp_path / "texts.txt", tmp_path / "answers.txt"
    file.write_text("\n".join(texts) + "\n")
    done = regard("predict", folder, "--input", file, "--output", found, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    rows = [json.loads(line) for line in found.read_text().splitlines()]
    assert [row["source"] for row in rows] == texts
    both = regard("predict", folder, "abc", "--input", file)
    assert both.returncode == 2
    assert "not both" in both.stderr


def test_a_line_of_ten_megabytes_is_named(trained, tmp_path):
    folder, _ = trained
    file = tmp_path / "texts.txt"
    file.write_text("abc\n" + "ab " * 3_500_000 + "\n")
    refused = regard("predict", folder, "--input", file)
    assert refused.returncode == 2
    assert "texts.txt:2: a text of 10,500,000 characters; at most 100,000" in refused.stderr
    assert "Traceback" not in refused.stderr
    answers = tmp_path / "answers.txt"
    answers.write_text("of before")
    assert regard("predict", folder, "--input", file, "--output", answers).returncode == 2
    assert answers.read_text() == "of before"
    assert (tmp_path / "answers.txt.part").read_text().count("\n") == 1
    file.write_text("abc\tcba\n" + "ab " * 3_500_000 + "\tc\n")
    judged = regard("evaluate", folder, file)
    assert judged.returncode == 2
    assert "pair 2 has a text of 10,500,000 characters" in judged.stderr


def test_beams_and_samples(trained):
    folder, _ = trained
    greedy, beam = (
        json.loads(regard("predict", folder, "abcd", "--json", *words).stdout)
        for words in ([], ["--beam", 4, "--n_best", 3])
    )
    best = [row["log_probability"] for row in beam["n_best"]]
    assert best == sorted(best, reverse=True)
    assert len({row["target"] for row in beam["n_best"]}) == 3
    assert best[0] >= greedy["log_probability"] - 1e-5
    drawn = regard("predict", folder, "--sample", "abcd", "--n_best=20", "--temperature=3")
    assert drawn.returncode == 0, drawn.stderr
    assert len({line.split("\t")[2] for line in drawn.stdout.splitlines()}) > 5
    refused = regard("predict", folder, "abcd", "--beams", 4)
    assert refused.returncode == 2
    assert "did you mean --beam?" in refused.stderr


def test_evaluate_held_out_and_a_file(trained, pairs, tmp_path):
    folder, done = trained
    own = json.loads(regard("evaluate", folder, "--json").stdout)
    assert own == json.loads((folder / "scores.json").read_text())
    assert f"{own['exact_match']:.1%}" in done.stdout
    file = tmp_path / "two.tsv"
    file.write_text("abc\tcba\nabc\tnever\n")
    assert json.loads(regard("evaluate", folder, file, "--json").stdout)["exact_match"] <= 0.5
    assert json.loads((folder / "scores.json").read_text()) == own


def test_evaluate_notices_that_the_data_changed(trained, pairs):
    folder, _ = trained
    content = pairs.read_bytes()
    try:
        pairs.write_bytes(content + b"new\twen\n")
        refused = regard("evaluate", folder)
    finally:
        pairs.write_bytes(content)
    assert refused.returncode == 2
    assert "has changed since" in refused.stderr


def test_explain_in_the_terminal_as_page_as_picture_and_as_numbers(trained, tmp_path):
    folder, _ = trained
    page, picture = tmp_path / "page.html", tmp_path / "picture.png"
    shown = regard("explain", folder, "abc", "--samples", "1", "-o", page)
    assert shown.returncode == 0, shown.stderr
    assert "abc → " in shown.stdout
    assert "│abc│" in shown.stdout
    panels = payloads(page.read_text(encoding="utf-8"))
    assert panels[0]["source"] == ["a", "b", "c"]
    assert regard("explain", folder, "abc", "-o", picture).returncode == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    row = json.loads(regard("explain", folder, "abc", "--json").stdout)
    assert row["source"] == ["a", "b", "c"]
    assert all(sum(weights) == pytest.approx(1, abs=1e-4) for weights in row["weights"])
    assert weights_of(panels[0])[0, 0] == pytest.approx(np.array(row["weights"]), abs=1e-5)
    two = regard("explain", folder, "abc", "abd", "-o", picture)
    assert two.returncode == 2
    assert "a picture shows one answer" in two.stderr


def test_refusals(tmp_path):
    for command in ("predict", "evaluate", "explain"):
        refused = regard(command, tmp_path / "none", "x")
        assert refused.returncode == 2
        assert "no such run folder" in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.yaml", None, "it has no config.yaml"),
        ("config.yaml", "[", "config.yaml is broken"),
        ("vocabulary.json", "{}", "vocabulary.json is broken"),
        ("run.json", "[]", "run.json is broken"),
    ],
)
def test_a_broken_run_is_named(trained, tmp_path, name, content, message):
    folder = shutil.copytree(trained[0], tmp_path / "run")
    (folder / name).unlink() if content is None else (folder / name).write_text(content)
    refused = regard("predict", folder, "abc")
    assert refused.returncode == 2
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr


def test_files_in_the_way(trained, tmp_path):
    folder, _ = trained
    nowhere = regard("explain", folder, "abc", "-o", tmp_path / "none" / "page.html")
    assert nowhere.returncode == 2
    assert "no such folder to write page.html to" in nowhere.stderr
    assert nowhere.stdout == ""
    (tmp_path / "file").write_text("")
    refused = regard("train", "translator", "--run", tmp_path / "file" / "run", "--data.limit=50")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


def test_help_teaches():
    assert {"train", "evaluate", "predict", "explain"} <= set(regard("--help").stdout.split())
    text = regard("train", "translator", "--help").stdout
    for phrase in ("whose decoder", "--trainer.max_epochs", "examples:\n  regard train translator"):
        assert phrase in text
