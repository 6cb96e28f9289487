"""Stopped where a state is most easily lost, and gone on with, at exact steps: in this process."""

import functools

import pytest
import safetensors.torch
import torch

from regard.cli import main
from regard.errors import RunError
from regard.training import start
from regard.training.options import Training
from regard.training.task import Task
from tests.cli.conftest import SMALL
from tests.cli.stopping import are_alike, numbers, stopped

pytestmark = pytest.mark.filterwarnings("ignore")

SHORT = [*SMALL, "--trainer.enable_progress_bar=false", "--data.limit=200", "--model.hidden=8"]
"""Of which an epoch has seven steps."""


def train(*words):
    return main(["train", "translator", *map(str, words)])


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (7, []),
        (8, ["--trainer.accumulate_grad_batches=3"]),
        (4, ["--trainer.log_every_n_steps=2"]),
        (6, ["--trainer.limit_train_batches=6"]),
        (10, ["--model.alignment=hard", "--trainer.precision=bf16-mixed"]),
        (7, ["--model.teacher_forcing=0.3", "--trainer.val_check_interval=0.5"]),
    ],
    ids=["between epochs", "amid a step", "sparse metrics", "cut epochs", "hard", "scheduled"],
)
def test_what_goes_on_is_what_would_have_gone_on(pairs, tmp_path, step, words):
    whole, halted = tmp_path / "whole", tmp_path / "stopped"
    assert train(pairs, "--run", whole, *SHORT, *words) == 0
    stopped(lambda: train(pairs, "--run", halted, *SHORT, *words), step)
    assert train("--run", halted, "--resume") == 0
    assert are_alike(halted, whole)


def test_begun_with_a_run_and_stopped_before_the_first_checkpoint(pairs, tmp_path, monkeypatch):
    begun, folder = tmp_path / "begun", tmp_path / "run"
    short = ["--trainer.max_steps=2", "--trainer.max_epochs=1"]
    assert train(pairs, "--run", begun, *SHORT, *short) == 0

    def lost(*_, **__):
        raise RunError("the lights went out")

    monkeypatch.setattr(start, "fit", lost)
    slow = [*short, "--training.learning_rate=1e-9"]
    assert train(pairs, "--run", folder, "--init", begun, *SHORT, *slow) == 2
    monkeypatch.undo()
    assert train("--run", folder, "--resume") == 0
    ours, theirs = (
        safetensors.torch.load_file(path / "model.safetensors") for path in (folder, begun)
    )
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-5) for name in theirs)


def test_what_init_cannot_be(trained, pairs, tmp_path, capsys):
    folder, _ = trained
    for words, message in (
        (["translator", pairs, "--run", folder, "--overwrite"], "would be replaced by what begins"),
        (["translator", pairs, "--data.units=words"], "where data.units is characters: it cannot"),
        (["classifier", pairs], "is a run of translator, and this is to be one of classifier"),
    ):
        run = [] if "--run" in words else ["--run", tmp_path / "no"]
        assert main(["train", *map(str, [*words, *run, "--init", folder])]) == 2
        assert message in capsys.readouterr().err
    assert (folder / "model.safetensors").exists()
    assert not (tmp_path / "no").exists()


def test_a_config_file_names_the_data_and_its_options(pairs, tmp_path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text(f"source: [{pairs}]\nmodel: {{hiden: 3}}\n")
    assert train("--config", config, "--run", tmp_path / "no") == 2
    assert "no option model.hiden (did you mean model.hidden?)" in capsys.readouterr().err
    config.write_text(f"source: [{pairs}]\ntrainer: {{max_steps: 1}}\n")
    with pytest.raises(SystemExit) as end:
        train("--config", config, "--print_config")
    assert end.value.code == 0
    assert "units: null" in capsys.readouterr().out  # not the characters of the built-in dates


def test_a_loss_that_is_no_number_is_told(pairs, tmp_path, monkeypatch, capsys):
    learn = Task.validation_step

    @functools.wraps(learn)
    def lost(self, batch):
        learn(self, batch)
        self._sums[0] = torch.nan

    monkeypatch.setattr(Task, "validation_step", lost)
    folder = tmp_path / "run"
    assert train(pairs, "--run", folder, *SHORT) == 2
    assert "no finite number after 7 steps" in capsys.readouterr().err
    assert numbers(folder)[-1]["valid_loss"] is None


def test_answers_do_not_replace_the_texts(trained, tmp_path, capsys):
    file = tmp_path / "texts.txt"
    file.write_text("abc\n")
    words = ["predict", trained[0], "--input", file, "--output", tmp_path / "." / "texts.txt"]
    assert main(list(map(str, words))) == 2
    assert "are the same file" in capsys.readouterr().err
    assert file.read_text() == "abc\n"


def test_a_root_of_the_steps_needs_a_warm_up():
    with pytest.raises(ValueError, match="training.warm_up is above 0"):
        Training(schedule="inverse_sqrt", warm_up=0.0)


def test_the_best_or_the_last_weights_are_kept(pairs, tmp_path):
    # So high a rate does worse in the end than in the beginning.
    words = [
        "--training.learning_rate=0.3",
        "--training.schedule=constant",
        "--training.patience=9",
    ]
    kept = {}
    for keep in ("best", "last"):
        folder = tmp_path / keep
        assert train(pairs, "--run", folder, *SHORT, *words, f"--training.keep={keep}") == 0
        state = torch.load(folder / "last.ckpt", weights_only=False)["state_dict"]
        weights = safetensors.torch.load_file(folder / "model.safetensors")
        kept[keep] = all(torch.equal(state[f"system.{name}"], weights[name]) for name in weights)
        losses = [line["valid_loss"] for line in numbers(folder) if "valid_loss" in line]
        assert losses[-1] > min(losses)
    assert kept == {"best": False, "last": True}
