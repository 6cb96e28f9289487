"""Several processes learn what one learns: real processes, by the command line."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import safetensors.torch
import torch

from tests.cli.conftest import SMALL, regard

# No dropout and no unknown tokens: what is drawn differs with the number of processes.
SURE = ["--model.dropout=0", "--model.unknown_rate=0", "--trainer.accelerator=cpu"]
TWO = ["--trainer.devices=2", "--trainer.strategy=ddp"]


def losses(folder, name="train_loss"):
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line[name] for line in lines if name in line]


@pytest.fixture(scope="module")
def alone(pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone") / "run"
    done = regard("train", "translator", pairs, "--run", folder, *SMALL, *SURE)
    assert done.returncode == 0, done.stderr
    return folder


def agree(folder, alone):
    # Every token of the global batch counts the same, wherever it is: the curves are one.
    torch.testing.assert_close(losses(folder), losses(alone), atol=1e-4, rtol=0)
    for name in ("valid_loss", "valid_exact_match"):
        torch.testing.assert_close(losses(folder, name), losses(alone, name), atol=1e-4, rtol=0)
    ours, theirs = (
        safetensors.torch.load_file(path / "model.safetensors") for path in (folder, alone)
    )
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=0)


def test_two_processes_stopped_and_resumed_learn_what_one_learns(pairs, alone, tmp_path):
    folder = tmp_path / "run"
    words = ["train", "translator", pairs, "--run", folder, *SMALL, *SURE, *TWO]
    process = subprocess.Popen(
        [sys.executable, "-m", "regard.cli", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 120
    metrics = folder / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_text().count("train_loss") > 3):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)  # to one of the two
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, errors
    assert 3 < len(losses(folder)) < len(losses(alone))
    done = regard("train", "translator", "--run", folder, "--resume")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("exact match") == 1, "one process speaks for both"
    agree(folder, alone)


def test_two_processes_started_by_torchrun(pairs, alone, tmp_path):
    folder = tmp_path / "run"
    words = ["train", "translator", pairs, "--run", folder, *SMALL, *SURE, *TWO]
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "--"]
    done = subprocess.run(
        [sys.executable, "-m", *torchrun, "regard.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("exact match") == 1
    agree(folder, alone)


def test_standard_input_is_for_one_process(pairs, tmp_path):
    words = ["train", "translator", "-", "--run", tmp_path / "run", *SMALL, *TWO]
    refused = regard(*words, stdin=pairs.read_text())
    assert refused.returncode == 2
    assert "standard input is read by one process" in refused.stderr
