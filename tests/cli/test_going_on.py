"""Killed, full, cut short: what a training leaves behind, and how it goes on."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest
import safetensors.torch
import torch

from regard.cli import main
from regard.training import start as begin
from tests.cli.conftest import SMALL, regard

OFTEN = "--training.checkpoint_steps=3"


def start(*words, limit=None):
    """``regard WORDS``, going on beside us; ``limit`` is the largest file that it may write."""

    def narrow():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-m", "regard.cli", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=narrow,
        env={**os.environ, "NO_COLOR": "1"},
    )


def wait_for(condition, process):
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.002)


def steps_of(folder):
    return torch.load(folder / "last.ckpt", weights_only=False)["global_step"]


def weights(folder):
    return safetensors.torch.load_file(folder / "model.safetensors")


@pytest.mark.parametrize("steps", [5, 18], ids=["in the first epoch", "in the second"])
def test_killed_and_resumed_ends_as_if_never_killed(trained, pairs, tmp_path, steps):
    folder = tmp_path / "killed"
    process = start("train", "translator", pairs, "--run", folder, *SMALL, OFTEN)
    metrics = folder / "metrics.jsonl"

    def far_enough():
        here = metrics.exists() and (folder / "last.ckpt").exists()
        return here and metrics.read_text().count("train_loss") >= steps

    wait_for(far_enough, process)
    process.kill()
    process.communicate(timeout=60)
    assert 0 < steps_of(folder) < steps_of(trained[0])
    resumed = regard("train", "translator", "--run", folder, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    ours, theirs = weights(folder), weights(trained[0])
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    lines = map(json.loads, metrics.read_text().splitlines())
    done = [line["step"] for line in lines if "train_loss" in line]
    assert done == list(range(1, steps_of(trained[0]) + 1))


def test_a_full_disk_leaves_the_last_good_checkpoint(pairs, tmp_path):
    folder = tmp_path / "run"
    done = regard("train", "translator", pairs, "--run", folder, *SMALL)
    assert done.returncode == 0, done.stderr
    before = (folder / "last.ckpt").read_bytes()
    # The system refuses to write on, as it does where a disk is full; weights are a third of this.
    process = start(
        "train", "translator", "--run", folder, "--resume", "--trainer.max_epochs=4",
        limit=len(before) // 2,
    )  # fmt: skip
    _, errors = process.communicate(timeout=90)
    assert process.returncode == 2
    assert "the last good checkpoint is still there" in errors
    assert "File too large" in errors
    assert "Traceback" not in errors
    assert (folder / "last.ckpt").read_bytes() == before
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    resumed = regard("train", "translator", "--run", folder, "--resume", "--trainer.max_epochs=3")
    assert resumed.returncode == 0, resumed.stderr


def test_interrupted_in_the_evaluation_the_weights_stay(pairs, tmp_path):
    folder = tmp_path / "run"
    many = tmp_path / "many.tsv"
    many.write_text("".join(f"{i} {i + 1} {i + 2} {i + 3}\t{i}\n" for i in range(18_000)))
    words = [word for word in SMALL if "max_epochs" not in word]
    process = start(
        "train", "translator", many, "--run", folder, *words, "--trainer.max_steps=2",
        "--data.test=0.9", "--data.valid=0.01",
    )  # fmt: skip
    wait_for((folder / "model.safetensors").exists, process)
    seconds = json.loads((folder / "run.json").read_text()).get("seconds")
    while seconds is None:  # the training's own last act
        seconds = json.loads((folder / "run.json").read_text()).get("seconds")
        assert process.poll() is None
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the training is done and kept" in errors
    assert not (folder / "scores.json").exists()
    assert regard("predict", folder, "1 2 3 4").returncode == 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_between_training_and_evaluation(sent, pairs, tmp_path, monkeypatch, capsys):
    def interrupted(run, seconds):
        note(run, seconds)
        os.kill(os.getpid(), sent)

    note = begin._note_time
    monkeypatch.setattr(begin, "_note_time", interrupted)
    folder = tmp_path / "run"
    words = [str(word) for word in ("train", "translator", pairs, "--run", folder, *SMALL)]
    assert main([*words, "--trainer.max_steps=2"]) == 128 + sent
    assert "the training is done and kept" in capsys.readouterr().err
    assert (folder / "model.safetensors").exists()
    assert not (folder / "scores.json").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--trainer.precision=bf16-mixed"],
        ["--trainer.accumulate_grad_batches=3"],
        ["--training.batch_tokens=64", "--training.schedule=inverse_sqrt"],
    ],
    ids=["bf16", "accumulated", "tokens"],
)
def test_ways_to_train(pairs, tmp_path, words):
    done = regard("train", "translator", pairs, "--run", tmp_path / "run", *SMALL, *words)
    assert done.returncode == 0, done.stderr
    lines = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
    losses = [line["train_loss"] for line in lines if "train_loss" in line]
    assert losses[-1] < 0.9 * losses[0]


def test_begun_with_the_weights_of_another_run(trained, pairs, tmp_path):
    folder, other = tmp_path / "run", tmp_path / "other.tsv"
    other.write_text("".join(f"{'abcdef'[i % 6]}{'fedcba'[i % 5]}\tx{i}\n" for i in range(200)))
    words = [word for word in SMALL if "hidden" not in word and "embedding" not in word]
    fresh = ["--training.learning_rate=1e-9"]
    begin = ["--run", folder, "--init", trained[0]]
    done = regard("train", "translator", other, *begin, *words, *fresh)
    assert done.returncode == 0, done.stderr
    begun = weights(trained[0])
    assert all(torch.allclose(weights(folder)[name], begun[name], atol=1e-5) for name in begun)
    vocabulary = (folder / "vocabulary.json").read_text()
    assert vocabulary == (trained[0] / "vocabulary.json").read_text()
    refused = regard(
        "train", "translator", other, "--run", tmp_path / "no", "--init", trained[0], *SMALL,
        "--model.hidden=25",
    )  # fmt: skip
    assert refused.returncode == 2
    assert "these weights are of another model" in refused.stderr
    assert not (tmp_path / "no").exists()
