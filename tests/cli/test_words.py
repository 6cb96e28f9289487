"""Words in any order mean the same."""

from pathlib import Path

import pytest

from regard.cli.words import for_training, for_use, without_source


def config_of_run(run, source):
    return Path(f"{run or source[0]}.yaml")


@pytest.mark.parametrize(
    ("written", "arranged"),
    [
        (
            "data.tsv --config c.yaml --model.hidden 3",
            "--config c.yaml --source data.tsv --model.hidden 3",
        ),
        ("--overwrite data.tsv --config=c.yaml", "--config c.yaml --source data.tsv --overwrite"),
        ("--model.hidden=3 -", "--source - --model.hidden=3"),
        ("--print_config", "--print_config"),
        ("x --resume", "--config x.yaml --source x --resume"),
        ("--resume --run=r", "--config r.yaml --resume --run r"),
        ("--run a --resume --config c", "--config a.yaml --config c --run a --resume"),
        ("a b --overwrite", "--source a b --overwrite"),
        ("--resume", "--config dates.yaml --resume"),
    ],
)
def test_for_training(written, arranged):
    assert for_training(written.split(), "dates", config_of_run) == arranged.split()


@pytest.mark.parametrize(
    ("written", "arranged"),
    [
        ("run --json text", "--json -- run text"),
        ("run -o page.html text --samples 3", "-o page.html --samples 3 -- run text"),
        ("run -- --json", "-- run --json"),
        ("--help", "--help"),
    ],
)
def test_for_use(written, arranged):
    assert for_use(written.split()) == arranged.split()


def test_a_text_may_begin_with_a_dash():
    assert for_use(["run", "-5 mai", "--json"]) == ["--json", "--", "run", "-5 mai"]


def test_flags_may_stand_alone():
    words = ["run", "--sample", "a text", "--beam", "5"]
    arranged = ["--sample=true", "--beam", "5", "--", "run", "a text"]
    assert for_use(words, {"--sample"}) == arranged
    assert for_use(["run", "--", "--sample"], {"--sample"}) == ["--", "run", "--sample"]


def test_sources_are_named_either_way():
    assert without_source(["--source", "a", "b", "--run", "r"]) == ["a", "b", "--run", "r"]
    assert without_source(["--source=a", "--", "--source"]) == ["a", "--", "--source"]
