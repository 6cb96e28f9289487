"""Training by the command line: what a run holds, stopping, going on, refusing."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import safetensors.torch
import torch
import yaml

from tests.cli.conftest import SMALL, regard


def test_a_run_holds_everything(trained, pairs):
    folder, done = trained
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.yaml",
        "last.ckpt",
        "metrics.jsonl",
        "model.safetensors",
        "report.html",
        "run.json",
        "scores.json",
        "vocabulary.json",
    ]
    assert "exact match" in done.stdout
    assert "report.html" in done.stdout
    assert "Epoch 1: 100%" in done.stdout
    assert "deprecated" not in done.stderr
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["source"] == [str(pairs)]
    assert config["model"]["hidden"] == 24
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    losses = [line["train_loss"] for line in lines if "train_loss" in line]
    assert losses[-1] < 0.7 * losses[0]
    assert {line["epoch"] for line in lines if "valid_loss" in line} == {0, 1}


def test_config_is_taken_again_and_options_win_over_it(trained, tmp_path):
    folder, _ = trained
    words = ["train", "translator", "--model.hidden=25", "--config", folder / "config.yaml"]
    printed = regard(*words, "--print_config")
    assert printed.returncode == 0, printed.stderr
    again = yaml.safe_load(printed.stdout)
    stored = yaml.safe_load((folder / "config.yaml").read_text())
    assert again["model"]["hidden"] == 25
    assert again["training"] == stored["training"]
    assert again["source"] == stored["source"]


def test_a_run_is_not_overwritten_unasked(trained, pairs):
    folder, _ = trained
    before = (folder / "model.safetensors").read_bytes()
    refused = regard("train", "translator", pairs, "--run", folder, *SMALL)
    assert refused.returncode == 2
    assert "is there already: --resume goes on with it, --overwrite replaces it" in refused.stderr
    both = regard("train", "translator", "--run", folder, "--resume", "--overwrite")
    assert both.returncode == 2
    assert "choose one" in both.stderr
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopped_and_resumed_ends_as_if_never_stopped(trained, pairs, tmp_path, stop):
    folder = tmp_path / "stopped"
    words = ["train", "translator", str(pairs), "--run", str(folder), *SMALL]
    process = subprocess.Popen(
        [sys.executable, "-m", "regard.cli", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    metrics = folder / "metrics.jsonl"
    deadline = time.monotonic() + 60
    # In the midst of an epoch: some steps are logged, and many are to come.
    while not (metrics.exists() and metrics.read_text().count("train_loss") > 3):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(stop)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + stop
    assert f"stopped by {stop.name}" in errors
    assert "--resume" in errors
    stopped = torch.load(folder / "last.ckpt", weights_only=False)["global_step"]
    whole = torch.load(trained[0] / "last.ckpt", weights_only=False)["global_step"]
    assert 3 <= stopped < whole

    changed = regard("train", "translator", "--run", folder, "--resume", "--model.hidden=25")
    assert changed.returncode == 2
    assert "model has changed" in changed.stderr
    resumed = regard("train", "translator", "--run", folder, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    ours, theirs = (
        safetensors.torch.load_file(path / "model.safetensors") for path in (folder, trained[0])
    )
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    steps = [
        line["step"]
        for line in map(json.loads, metrics.read_text().splitlines())
        if "train_loss" in line
    ]
    assert steps == list(range(1, whole + 1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file, and no built-in data are called so"),
        (b"", "the file is empty"),
        (b"a\tb\nb\tc\nonly\nc\td\n", "pairs.tsv:3: expected source<TAB>target"),
        (b"a\tb\n\xff\tc\n", "pairs.tsv:2: not UTF-8"),
        (b"a\tb\n", "cannot be split"),
    ],
)
def test_bad_data_leave_nothing(tmp_path, content, message):
    file = tmp_path / "pairs.tsv"
    if content is not None:
        file.write_bytes(content)
    refused = regard("train", "translator", file, "--run", tmp_path / "runs" / "x", *SMALL)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "runs").exists()


def test_standard_input_and_words(tmp_path):
    rows = "".join(f"w{i} w{i + 1}\tW{i} W{i + 1}\n" for i in range(40))
    folder = tmp_path / "run"
    words = ["--data.units=words", "--trainer.max_epochs=1", "--model.attention=luong"]
    done = regard("train", "translator", "-", "--run", folder, *SMALL, *words, stdin=rows)
    assert done.returncode == 0, done.stderr
    answer = regard("predict", folder, "w1 w2 never")
    assert answer.returncode == 0
    assert all(word.startswith("W") or word == "<unk>" for word in answer.stdout.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model.hiden=3"], "--model.hiden=3 (did you mean --model.hidden?)"),
        (["--trainer.max_epoch", "3"], "did you mean --trainer.max_epochs?"),
        (["--model.attention=luog"], "luog"),
        (["--data.units=bytes"], "bytes"),
        (["--over"], "--over"),
        (["--trainer.max_ep=3"], "did you mean --trainer.max_epochs?"),
    ],
)
def test_unknown_options_are_refused(tmp_path, words, message):
    refused = regard("train", "translator", "dates", "--run", tmp_path / "x", *words)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--training.batch_size=0", "training.batch_size is at least 1: 0"),
        ("--model.dropout=2", "model.dropout is a probability below 1: 2.0"),
        ("--model.hidden=0", "model.hidden is at least 1: 0"),
        ("--trainer.accelerator=foo", "an option is refused"),
        ("--trainer.max_epochs=0", "train nothing"),
        ("--data.vocabulary=0", "data.vocabulary is at least 1"),
    ],
)
def test_a_bad_option_costs_no_run(trained, pairs, option, message):
    folder, _ = trained
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    refused = regard("train", "translator", pairs, "--run", folder, "--overwrite", *SMALL, option)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_stopped_before_the_first_step_is_resumed_from_there(pairs, tmp_path):
    folder = tmp_path / "early"
    process = subprocess.Popen(
        [sys.executable, "-m", "regard.cli", "train", "translator", pairs, "--run", folder, *SMALL],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not folder.exists():
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    resumed = regard("train", "translator", "--run", folder, "--resume")
    assert resumed.returncode == 0, resumed.stderr


@pytest.mark.parametrize("end", ["--trainer.max_steps=3", "--trainer.max_time=00:00:00:01"])
def test_a_training_that_ends_before_its_first_validation_is_a_run(pairs, tmp_path, end):
    words = [word for word in SMALL if "max_epochs" not in word]
    done = regard("train", "translator", pairs, "--run", tmp_path / "run", *words, end)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert "exact match" in done.stdout
