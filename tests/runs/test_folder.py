"""A run folder is whole or not there, and never silently replaced."""

import json

import pytest
import torch

from regard.errors import RunError
from regard.runs.folder import FORMAT, Run

FILES = {
    "run.json": json.dumps({"format": FORMAT, "system": "translator"}),
    "config.yaml": "a: 1\n",
}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_create_open_and_overwrite(tmp_path):
    path = tmp_path / "deep" / "run"
    run = Run.create(path, FILES, overwrite=False)
    run.save_weights({"w": torch.ones(2)})
    assert Run.open(path).config == {"a": 1}
    assert torch.equal(Run.open(path).load_weights()["w"], torch.ones(2))
    with pytest.raises(RunError, match="is there already: --resume .* --overwrite"):
        Run.create(path, FILES, overwrite=False)
    Run.create(path, FILES, overwrite=True)
    assert names(path) == sorted(FILES)
    assert names(path.parent) == ["run"]


def test_what_is_no_run_is_not_overwritten(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(RunError, match="is no run"):
        Run.create(tmp_path, FILES, overwrite=True)
    assert names(tmp_path) == ["precious.txt"]


def test_a_failure_leaves_nothing_behind(tmp_path):
    path = tmp_path / "run"
    with pytest.raises(TypeError):
        Run.create(path, {**FILES, "broken": None}, overwrite=False)
    assert names(tmp_path) == []
    run = Run.create(path, FILES, overwrite=False)
    run.write("scores.json", "1")
    with pytest.raises(UnicodeEncodeError):
        run.write("scores.json", "\ud800")
    assert (path / "scores.json").read_text() == "1"
    assert names(path) == sorted([*FILES, "scores.json"])


def test_broken_runs_say_what_is_wrong(tmp_path):
    with pytest.raises(RunError, match="no such run folder"):
        Run.open(tmp_path / "none")
    with pytest.raises(RunError, match="has no run.json"):
        Run.open(tmp_path)
    run = Run.create(tmp_path / "run", FILES, overwrite=False)
    with pytest.raises(RunError, match="has no weights yet: .* --resume"):
        run.load_weights()
    run.write("model.safetensors", b"\0" * 9)
    with pytest.raises(RunError, match="model.safetensors is broken"):
        run.load_weights()
    run.write("run.json", "{")
    with pytest.raises(RunError, match="run.json is broken"):
        Run.open(run.path)
    run.write_json("run.json", {"format": 99})
    with pytest.raises(RunError, match="another version .format 99"):
        Run.open(run.path)


def test_metrics_are_json_even_where_they_are_no_numbers(tmp_path):
    run = Run.create(tmp_path / "run", FILES, overwrite=False)
    run.add_metrics({"step": 1, "loss": float("nan"), "other": float("inf")})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')  # a line that was cut
    assert run.metrics == [{"step": 1, "loss": None, "other": None}]


def test_what_cannot_be_written_is_named(tmp_path):
    run = Run.create(tmp_path / "run", FILES, overwrite=False)
    (run.path / "scores.json").mkdir()
    with pytest.raises(RunError, match=r"scores.json cannot be written \(Is a directory\)"):
        run.write("scores.json", "{}")
    assert names(run.path) == sorted([*FILES, "scores.json"])
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        Run.create(tmp_path / "file" / "run", FILES, overwrite=False)
