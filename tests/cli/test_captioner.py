"""The captioner by the command line: images of every kind, broken ones, and where it looks."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from payloads import payloads, weights_of
from tests.cli.conftest import regard
from tests.cli.test_going_on import start, steps_of, wait_for, weights

SMALL = [
    "--data.size=16",
    "--data.test=0.2",
    "--model.channels=[8,8,8]",
    "--model.hidden=16",
    "--model.embedding=8",
    "--model.doubly_stochastic=0.01",
    "--training.batch_size=4",
    "--training.learning_rate=0.03",
    "--trainer.max_epochs=4",
    "--trainer.log_every_n_steps=1",
]
SKIP = "--data.on_error=skip"
GRID = 4

MODES = ("RGB", "L", "RGBA", "P", "RGB", "CMYK")
ENDINGS = ("jpg", "png", "png", "png", "png", "jpg")

BROKEN = {
    "half.jpg": "a broken image, or not all of one",
    "empty.png": "an empty file (0 bytes)",
    "never.png": "no such file",
    "dot.png": "an image of 1 × 1 pixels: expected at least 8 to a side",
}


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Forty-eight dark and light images of several sizes, modes and formats, with a caption each;
    broken ones, each in a file of captions of its own, behind good ones; all of them in one."""
    folder, draw, rows = tmp_path_factory.mktemp("photos"), np.random.default_rng(0), []
    for number in range(48):
        shade = (40, 200)[number % 2]
        size = tuple(draw.integers(16, 60, 2).tolist())
        noise = draw.integers(-20, 21, (*size, 3))
        image = Image.fromarray((shade + noise).astype(np.uint8)).convert(MODES[number % 6])
        name = f"{number}.{ENDINGS[number % 6]}"
        image.save(folder / name)
        rows.append(f"{name}\tA {('Dark', 'Light')[number % 2]} thing.\n")
    whole = (folder / "0.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    for name in BROKEN:
        broken = "".join([*rows[:6], f"{name}\tNothing.\n", *rows[6:]])
        (folder / f"{name}.tsv").write_text(broken, encoding="utf-8")
    rows[6:6] = [f"{name}\tNothing.\n" for name in BROKEN]
    (folder / "captions.tsv").write_text("".join(rows), encoding="utf-8")
    (folder / "other.tsv").write_text("0.jpg\tA dark thing.\n1.png\tNever.\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def run(photos, tmp_path_factory):
    """The run folder of a captioner that left out what is broken, and what its command printed."""
    folder = tmp_path_factory.mktemp("runs") / "photos"
    done = regard("train", "captioner", photos / "captions.tsv", "--run", folder, *SMALL, SKIP)
    assert done.returncode == 0, done.stderr
    return folder, done


def several(*commands):
    """Commands one after another in one process, which imports what they need once; behind the
    output of each stands its exit status."""
    program = (
        "import sys; from regard.cli import main\n"
        f"for command in {[list(map(str, words)) for words in commands]!r}:\n"
        "    print('status', main(command), flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


def rows_of(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_left_out_is_told(run):
    folder, done = run
    page = (folder / "report.html").read_text(encoding="utf-8")
    for text in (done.stderr, page):
        assert "captions.tsv: left out, for they cannot be read: 4 images with 4 captions" in text
        for row, (name, why) in enumerate(BROKEN.items(), 7):
            assert f"captions.tsv:{row}: " in text
            assert name in text
            assert why in text
    lost = (folder / "left_out.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split(": ")[0].rpartition(":")[2] for line in lost] == ["7", "8", "9", "10"]
    assert "data:image/png;base64," in page
    assert page.count("<svg") == 2  # curves
    assert len(payloads(page)) + page.count("nothing to show") == 5
    config = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    assert (config["size"], config["channels"]) == (16, 3)
    assert "nothing" not in config["words"]["tokens"]


def test_evaluated_on_what_was_held_out_and_on_a_file(run, photos):
    folder, done = run
    (own,) = rows_of(regard("evaluate", folder, "--json"))
    assert own == json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    assert (own["captions"], own["images"]) == (10, 10)
    assert "pointing" not in own
    # Dark and light are told apart, and capitals are no mistakes of a model of small letters.
    assert own["exact_match"] > 0.7
    assert f"{own['exact_match']:.1%}" in done.stdout
    (other,) = rows_of(regard("evaluate", folder, photos / "other.tsv", "--json"))
    assert (other["captions"], other["images"]) == (2, 2)
    assert other["exact_match"] <= 0.5
    assert own == json.loads((folder / "scores.json").read_text(encoding="utf-8"))


def test_predicts_files_named_as_words_and_as_lines(run, photos, tmp_path):
    names = [str(photos / f"{i}.{ENDINGS[i % 6]}") for i in range(8)]
    rows = rows_of(regard("predict", run[0], "--json", *names))
    assert [row["image"] for row in rows] == names
    assert all(row["log_probability"] < 0 for row in rows)
    assert {row["caption"] for row in rows} <= {"a dark thing.", "a light thing."}
    assert len({row["caption"] for row in rows}) == 2
    lines, found = tmp_path / "names.txt", tmp_path / "captions.txt"
    lines.write_text("\n".join(names) + "\n", encoding="utf-8")
    done = regard("predict", run[0], "--input", lines, "--output", found)
    assert done.returncode == 0, done.stderr
    assert found.read_text(encoding="utf-8").splitlines() == [row["caption"] for row in rows]


def test_explains_as_page_as_pictures_and_as_numbers(run, photos, tmp_path):
    folder, names = run[0], [str(photos / "0.jpg"), str(photos / "1.png")]
    page, picture, drawing = (tmp_path / name for name in ("page.html", "one.png", "one.svg"))
    rows = rows_of(regard("explain", folder, *names, "--samples=1", "--json", "-o", page))
    assert [row["image"] for row in rows[:2]] == names
    for row in rows:
        grids = np.array(row["weights"])
        assert grids.shape == (len(row["words"]), GRID, GRID)
        np.testing.assert_allclose(grids.sum((1, 2)), 1, atol=1e-4)
        assert all(0 < share < 1 for place in row["looked_at"] for share in place)
    text = page.read_text(encoding="utf-8")
    written = [row for row in rows if row["words"]]
    for panel, row in zip(payloads(text), written, strict=True):
        assert panel["target"] == row["words"]
        grids = weights_of(panel).reshape(-1, GRID, GRID)
        np.testing.assert_allclose(grids, row["weights"], atol=1e-5)
        assert len(panel["images"]) == 1
    shown = several(*(["explain", folder, names[0], "-o", file] for file in (picture, drawing)))
    assert shown.stdout.count("status 0") == 2, shown.stderr
    assert shown.stdout.count(f"{names[0]} → ") == 2
    assert shown.stdout.count("┌") == 2 * len(rows[0]["words"])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert drawing.read_text(encoding="utf-8").startswith("<svg")


def test_what_is_broken_stops_before_anything_is_written(photos, tmp_path):
    to = ["--run", tmp_path / "runs" / "x", *SMALL]
    done = several(*(["train", "captioner", photos / f"{name}.tsv", *to] for name in BROKEN))
    assert done.stdout == "status 2\n" * 4
    for name, why in BROKEN.items():
        assert f"{name}.tsv:7: {photos / name}: {why}" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_broken_image_is_named_and_those_before_it_are_answered(run, photos, tmp_path):
    lines = tmp_path / "names.txt"
    lines.write_text(f"{photos / '0.jpg'}\n{photos / 'half.jpg'}\n", encoding="utf-8")
    broken = [photos / name for name in BROKEN]
    done = several(
        ["predict", run[0], "--input", lines],
        *(["predict", run[0], photos / "0.jpg", image] for image in broken),
        ["explain", run[0], broken[0], "-o", tmp_path / "page.html"],
    )
    answer, *rest = done.stdout.splitlines()
    assert answer.endswith(" thing.")
    assert rest == ["status 2"] * 6
    told = done.stderr.splitlines()
    named = [broken[0], *broken, broken[0]]
    reasons = [BROKEN[image.name] for image in named]
    assert len(told) == 6
    for line, image, why in zip(told, named, reasons, strict=True):
        # Of a file of names the line is told too.
        line = line.replace(f"regard: {lines}:2: ", "regard: ")
        assert line.startswith(f"regard: {image}: {why}")
    assert told[0].startswith(f"regard: {lines}:2: ")
    assert not (tmp_path / "page.html").exists()


def test_stopped_and_resumed_ends_as_if_never_stopped(run, photos, tmp_path):
    folder = tmp_path / "stopped"
    file = photos / "captions.tsv"
    process = start("train", "captioner", file, "--run", folder, *SMALL, SKIP)
    metrics = folder / "metrics.jsonl"
    wait_for(lambda: metrics.exists() and metrics.read_text().count("train_loss") > 3, process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in errors
    assert 3 <= steps_of(folder) < steps_of(run[0])
    resumed = regard("train", "captioner", "--run", folder, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    ours, theirs = weights(folder), weights(run[0])
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    steps = [json.loads(line) for line in metrics.read_text().splitlines()]
    done = [line["step"] for line in steps if "train_loss" in line]
    assert done == list(range(1, steps_of(run[0]) + 1))
    scores = [json.loads((path / "scores.json").read_text()) for path in (folder, run[0])]
    assert scores[0] == scores[1]


def test_hard_attention_begins_with_a_soft_run(run, photos, tmp_path):
    folder = tmp_path / "hard"
    words = [word for word in SMALL if "--model" not in word]
    done = regard(
        "train", "captioner", photos / "captions.tsv", "--run", folder, "--init", run[0], *words,
        SKIP, "--model.attention=hard", "--model.doubly_stochastic=null",
        "--training.learning_rate=1e-9",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    begun, ours = weights(run[0]), weights(folder)
    assert set(ours) - set(begun) == {"decoder.attention.baseline"}
    assert all(
        torch.allclose(ours[name], begun[name], atol=1e-5)
        for name in begun
        if "running" not in name and "batches" not in name
    )
    assert ours["decoder.attention.baseline"] < 0


COCO = Path(os.environ.get("REGARD_DATA", "-"), "coco_captions", "captions.json")


@pytest.mark.skipif(not COCO.exists(), reason="REGARD_DATA has no coco_captions")
def test_real_photographs(tmp_path):
    """Nothing is learned in three steps; all that is done with a run is done with photographs."""
    done = regard(
        "train", "captioner", COCO, "--run", tmp_path / "run", "--data.size=64",
        "--model.channels=[8,8,8,8]", "--model.hidden=16", "--trainer.max_steps=3",
        "--training.batch_size=16",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "570 examples to learn from (70 to validate, 70 to test)" in done.stderr
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert (scores["captions"], scores["images"]) == (70, 14)
    photo = min(COCO.parent.rglob("*.jpg"))
    found = regard(
        "explain", tmp_path / "run", photo, "--json", "--max_length=12", "-o", tmp_path / "x.svg"
    )
    (row,) = rows_of(found)
    assert row["image"] == str(photo)
    assert np.shape(row["weights"]) == (len(row["words"]), 8, 8)
    assert len(row["words"]) > 0
    assert (tmp_path / "x.svg").read_text().count("<image") == 1 + 2 * len(row["words"])
