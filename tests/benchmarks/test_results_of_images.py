"""The parts of docs/results.md that see: config files that are what they say, and pages that are
what was measured."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.benchmarks.test_results import FOLDER, ROOT, module, put_on_the_path


@pytest.fixture(autouse=True)
def _on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from put_on_the_path(monkeypatch)


def config(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "configs" / f"{name}.yaml").read_text(encoding="utf-8"))


def options(content: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Options by their names on the command line."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        deeper = isinstance(value, dict)
        found |= options(value, f"{before}{key}.") if deeper else {f"{before}{key}": value}
    return found


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("captioner", "captioner-mean", {"model.attention", "model.doubly_stochastic"}),
        ("draw", "draw-without", {"model.attention", "model.hidden", "model.read", "model.write"}),
        (
            "draw-mnist",
            "draw-mnist-without",
            {"model.attention", "model.hidden", "model.read", "model.write"},
        ),
    ],
)
def test_what_is_compared_differs_in_its_attention_alone(one: str, other: str, differ: set) -> None:
    ours, theirs = options(config(one)), options(config(other))
    found = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    assert found <= differ
    assert "model.attention" in found


@pytest.mark.parametrize("data", ["digits", "mnist"])
def test_models_with_windows_and_without_have_nearly_as_many_parameters(data: str) -> None:
    from regard.data.seen_batch import SeenEncoding
    from regard.runs.system import named

    system, side = named("draw"), {"digits": 32, "mnist": 28}[data]
    of_mnist = "-mnist" if data == "mnist" else ""
    sizes, steps = [], []
    for arm in ("", "-without"):
        made = system.model(**config(f"draw{of_mnist}{arm}")["model"])
        model = system.build(made, SeenEncoding(side, side))
        sizes.append(sum(parameter.numel() for parameter in model.parameters()))
        steps.append(made.steps)
    assert max(sizes) / min(sizes) <= 1.1
    assert steps[0] == steps[1]


def test_a_run_that_begins_with_another_is_named_so_that_it_can_be_typed(tmp_path: Path) -> None:
    captioning, training = module("captioning"), module("training")
    order = captioning.order("hard", training.Bench(tmp_path))
    assert order.command == (
        "regard train captioner digits --init=runs/results/captions-soft "
        "--config=configs/captioner-hard.yaml"
    )


def test_shares_have_an_interval() -> None:
    found = module("spread").share(95, 100)
    assert [round(found[name], 3) for name in ("mean", "low", "high")] == [0.95, 0.888, 0.978]
    assert module("spread").share(0, 20)["low"] == 0.0


def test_the_page_of_captions() -> None:
    captioning, share = module("captioning"), module("spread").share

    def arm(right: int, pointing: int | None) -> dict[str, Any]:
        run = {"command": "regard train", "seconds": 90.0, "parameters": 1234, "steps": 5678}
        return {
            "exact": share(right, 100),
            "by digits": {"2": share(right, 100), "3": share(0, 100)},
            "pointing": None if pointing is None else share(pointing, 200),
            "chance": None if pointing is None else 0.098,
            "figures": ['<svg width="10" height="20"></svg>'] * 2,
            "run": run,
        }

    result = {
        "scenes": 100,
        "arms": {"soft": arm(96, 190), "hard": arm(70, 150), "mean": arm(5, None)},
    }
    page = captioning.page(json.loads(json.dumps(result)))
    assert "| soft attention | 96.0 (90.2 … 98.4) | 96.0 | 0.0 | 95.0 (" in page
    assert "| 9.8 | 1,234 | 1.5 | 5,678 |" in page
    assert "places | 5.0 (2.2 … 11.2) | 5.0 | 0.0 | – | – |" in page
    claims = captioning.claims(result)
    assert [round(claim["measured"], 1) for claim in claims] == [96.0, 5.0, 95.0, 75.0, 1.5]
    assert [claim["limit"] for claim in claims] == [95, 60, 90, 80, 15]
    assert [claim["at_least"] for claim in claims] == [True, False, True, True, False]
    assert set(captioning.drawings(result)) == {"captions_soft", "captions_hard", "captions_first"}


def test_the_pages_of_draw() -> None:
    drawing, training = module("drawing"), module("training")

    def run(bound: float, **scores: float) -> Any:
        scores = {"bound": bound, "reconstruction": bound - 20, "latent": 20.0, **scores}
        return training.Finished(Path("x"), "regard train draw", 200.0, 180.0, 1000, scores, {})

    windows = {
        "reads_on_it": 0.9,
        "reads_on_another": 0.5,
        "writes_on_it": 1,
        "writes_on_another": 0.4,
    }
    found = {
        "attention": [run(50.0, **windows), run(53.0, **windows)],
        "without": [run(80), run(81)],
    }
    for each in (one for runs in found.values() for one in runs):
        object.__setattr__(each, "path", FOLDER)
    arms = {
        arm: {
            "bound": module("spread").spread([one.scores["bound"] for one in runs]),
            "runs": [{**vars(one), "steps": 9} for one in runs],
        }
        for arm, runs in found.items()
    }
    gain = module("spread").gain([80.0, 81.0], [50.0, 53.0])
    wide = {**vars(run(70.0)), "steps": 7}
    drawn = {"imagined": "<svg/>", "walks": "<svg/>"}
    result = {"arms": arms, "wide": wide, "gain": gain, "widest": 3.0, **drawn}
    page = drawing.page(result)
    assert (
        "| windows to read and write | 51.50 (50.00, 53.00) | 31.5 | 20.0 | 90 | 50 | 100 | 40 |"
        in page
    )
    assert "| no attention | 80.50 (80.00, 81.00) | 60.5 | 20.0 | – | – | – | – |" in page
    assert "Windows gain **29.0** nats" in page
    assert "reaches 70.00 nats" in page
    gained, sizes, times = drawing.claims(result)
    assert (gained["measured"], gained["limit"], sizes["measured"]) == (29.0, 3.0, 1.0)
    assert (times["measured"], times["limit"]) == (1.0, 1.05)
    one = {
        arm: {**content, "bound": module("spread").spread([60.0])} for arm, content in arms.items()
    }
    page = drawing.mnist_page({"arms": one, **drawn})
    assert "| windows to read and write | 60.00 | 80.97 |" in page
    assert "| no attention | 60.00 | 87.40 |" in page
