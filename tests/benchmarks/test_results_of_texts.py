"""The parts of docs/results.md that read on and that answer: config files that are what they say,
and pages that are what was measured."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.benchmarks.test_results import module, put_on_the_path
from tests.benchmarks.test_results_of_images import config, options


@pytest.fixture(autouse=True)
def _on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from put_on_the_path(monkeypatch)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("reader", "reader-mean", {"model.attention"}),
        ("reader-squad", "reader-squad-mean", {"model.attention"}),
        *(
            (
                f"language_model{of}",
                f"language_model{of}-lstm",
                {"model.kind", "model.hidden", "model.window"},
            )
            for of in ("", "-prose")
        ),
    ],
)
def test_what_is_compared_differs_in_its_attention_alone(one: str, other: str, differ: set) -> None:
    ours, theirs = options(config(one)), options(config(other))
    found = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    assert found
    assert found <= differ


@pytest.mark.parametrize("of", ["", "-prose"])
def test_with_the_pointer_and_without_there_are_as_many_parameters(of: str) -> None:
    from regard.systems.language_model import Config, LanguageModel

    for vocabulary in (4_000, 13_000):
        sizes = []
        for arm in ("", "-lstm"):
            model = LanguageModel(Config(**config(f"language_model{of}{arm}")["model"]), vocabulary)
            sizes.append(sum(parameter.numel() for parameter in model.parameters()))
        pointer, plain = sizes
        assert pointer <= plain <= 1.01 * pointer


@pytest.mark.parametrize("arm", ["documentqa", "bidaf", "fusionnet", "qanet", "mean"])
@pytest.mark.parametrize("data", ["world", "squad"])
def test_every_reader_is_ordered_by_its_config_file(data: str, arm: str, tmp_path: Path) -> None:
    from regard.systems.reader import Config

    quick = module("reading").order(data, arm, module("training").Bench(tmp_path, quick=True))
    changed = {n.split(".")[1]: x for n, x in quick.options.items() if n.startswith("model.")}
    order = module("reading").order(data, arm, module("training").Bench(tmp_path))
    name = str(order.options["config"]).removeprefix("configs/").removesuffix(".yaml")
    content = config(name)
    Config(**content["model"] | changed)
    assert (content["model"]["attention"], content["source"]) == (arm, [data])
    days, hours, minutes, seconds = map(int, content["trainer"]["max_time"].split(":"))
    assert (days, hours) == (0, 0)
    assert minutes + seconds / 60 < 14


def test_the_pages_of_readers() -> None:
    reading, share = module("reading"), module("spread").share

    def arm(right: int, f1: float, pointing: int | None = None) -> dict[str, Any]:
        run = {"command": "regard train", "seconds": 90.0, "parameters": 1234, "steps": 5678}
        found = {
            "exact": share(right, 100),
            "f1": f1,
            "kinds": {"it": 0.5, "role": 1.0},
            "run": run,
        }
        return (
            found
            if pointing is None
            else {**found, "pointing": share(pointing, 200), "chance": 0.012}
        )

    rights = {"documentqa": 97, "bidaf": 95, "fusionnet": 93, "qanet": 89, "mean": 41}
    result = {
        "questions": 100,
        "arms": {
            name: arm(right, 0.9 if name != "mean" else 0.3, None if name == "bidaf" else 20)
            for name, right in rights.items()
        },
        "looks": "<svg/>",
        "it": {"drawing": "<svg/>", "question": "Who?", "answer": "Ann"},
    }
    page = reading.page(json.loads(json.dumps(result)))
    assert "| DocumentQA | 97.0 (91.5 … 99.0) | 90.0 | 50.0 | 100.0 | 1,234 | 1.5 | 5,678 |" in page
    assert "| DocumentQA | 10.0 (6.6 … 14.9) | 1.2 |" in page
    assert page.count("| BiDAF |") == 1
    claims = reading.claims(result)
    assert [claim["measured"] for claim in claims] == [97, 95, 93, 89, 41, 1.5]
    assert [claim["limit"] for claim in claims] == [95, 90, 90, 90, 60, 15]
    assert [claim["at_least"] for claim in claims] == [True] * 4 + [False] * 2
    times, slowest = reading.squad_claims(result)
    assert (times["measured"], slowest["measured"]) == (pytest.approx(3.0), 1.5)
    assert "| QANet | 89.0 (" in reading.squad_page({**result, "passages": 7})


def test_the_page_of_language_models_says_which_words_gain_most() -> None:
    modelling, spread = module("modelling"), module("spread")

    def run(hidden: int) -> dict[str, Any]:
        return {"command": "regard train", "seconds": 60.0, "steps": 9, "parameters": hidden}

    def band(name: str, without: float, pointer: float) -> dict[str, Any]:
        nats = {"lstm": math.log(without), "pointer": math.log(pointer)}
        less = spread.gain([nats["lstm"]] * 2, [nats["pointer"]] * 2)
        return {"band": name, "words": 10, "nats": nats, "less": less, "gate": 0.5, "share": 0.25}

    ours, theirs = [90.0, 92.0], [100.0, 100.0]
    names = list(modelling.NAMES.values())
    result = {
        "words": 1000.0,
        "arms": {
            "pointer": {"perplexity": spread.spread(ours), "runs": [run(1010)] * 2},
            "lstm": {"perplexity": spread.spread(theirs), "runs": [run(1000)] * 2},
        },
        "less": spread.spread([0.1, 0.08]),
        "bands": [band(names[0], 5, 5), band(names[1], 900, 450), band(names[4], 10, 9)],
        "drawing": "<svg/>",
        "machine reader": {"perplexity": 77.0, "run": run(1005), "drawing": "<svg/>"},
    }
    page = modelling.prose_page(json.loads(json.dumps(result)))
    assert f"| {names[1]} | 10 | 900.0 | 450.0 | 50.0 | 50 | 25 |" in page
    assert "rare words gain most holds here: 50.0% of the rarest, 10.0% of the commonest" in page
    result["bands"][2] = band(names[4], 10, 4)
    assert "does not hold as it stands here" in modelling.wikitext2_page(result)
    lower, sizes, slowest = modelling.prose_claims(result)
    assert (lower["measured"], lower["limit"]) == (pytest.approx(9.0), 5.0)
    assert (sizes["measured"], slowest["measured"]) == (1.01, 1.0)


def test_a_drawing_is_one_element_in_pixels() -> None:
    document = (
        '<?xml version="1.0"?>\n<svg xmlns:a="b" width="30pt" height="15.6pt" c="d">\n</svg>\n'
    )
    element = module("modelling").element(document)
    assert element == '<svg xmlns:a="b" width="40" height="21" c="d">\n</svg>'
