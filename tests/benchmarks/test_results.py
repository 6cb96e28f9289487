"""The machinery of docs/results.md: trainings by the real command line, done once; a page that is
what its JSON says."""

import importlib
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regard.view.alignment import Alignment

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"
OWN = {"published", "pictures", *(path.stem for path in FOLDER.glob("*.py"))}


def put_on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While a test runs: what ``python benchmarks/published`` finds."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in OWN]:
        sys.modules.pop(name)


@pytest.fixture(autouse=True)
def _on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from put_on_the_path(monkeypatch)


def module(name: str) -> Any:
    return importlib.import_module(f"published.{name}")


def test_the_page_is_what_the_json_says() -> None:
    writing = module("writing")
    found = writing.stored(writing.RESULTS)
    why = "run: python benchmarks/published --page"
    assert writing.PAGE.read_text(encoding="utf-8") == writing.text(found), why
    assert not any(result["quick"] for result in found.values())
    drawings = writing.drawings(found)
    folder = writing.PAGE.with_suffix("")
    assert {path.stem for path in folder.glob("*.svg")} == set(drawings), why
    for name, drawing in drawings.items():
        assert (folder / f"{name}.svg").read_text(encoding="utf-8") == drawing, why


def test_every_part_that_is_not_measured_is_told_so(tmp_path: Path) -> None:
    writing, parts = module("writing"), module("parts").PARTS
    page = tmp_path / "page.md"
    writing.write(tmp_path, page)
    text = page.read_text(encoding="utf-8")
    for name, part in parts.items():
        assert f"## {part.title}\n\nNot measured yet: `make results PART={name}`." in text


def test_an_order_is_a_command_that_can_be_typed() -> None:
    options = {"model.pooling": "last", "data.limit": 1, "a": True, "b": None, "c": 1e-3}
    order = module("training").Order("name", "classifier", "sentiment", options)
    assert order.command == (
        "regard train classifier sentiment --model.pooling=last --data.limit=1 --a=true --b=null "
        "--c=0.001"
    )


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(30, "00:00:30:00"), (5, "00:00:05:00"), (90, "00:01:30:00"), (0.25, "00:00:00:15")],
)
def test_limits_of_time(minutes: float, text: str) -> None:
    training = module("training")
    assert training.Bench(Path()).max_time(minutes) == text
    assert training.Bench(Path(), quick=True).max_time(minutes) == "00:00:00:03"


def test_a_training_is_done_once(tmp_path: Path) -> None:
    """The real command line, on a file of made texts."""
    training = module("training")
    texts = "".join(f"good {i}\tyes\nbad {i}\tno\n" for i in range(40))
    (tmp_path / "texts.tsv").write_text(texts, encoding="utf-8")
    options = {"trainer.max_epochs": 1, "model.hidden": 4, "model.embedding": 4}
    source = str(tmp_path / "texts.tsv")
    order = training.Order("mine", "classifier", source, options)
    bench = training.Bench(tmp_path / "runs")
    assert bench.finished(order) is None

    # What a stopped training left is no finished run, whatever is in it.
    (bench.runs / "mine").mkdir(parents=True)
    (bench.runs / "mine" / "run.json").write_text("{}", encoding="utf-8")
    done = bench.train(order)
    assert 0 < done.training < done.seconds
    assert 0 <= done.scores["accuracy"] <= 1
    assert done.made["torch"]
    assert done.made["commit"] is None or len(done.made["commit"]) >= 7
    held = sum(tensor.numel() for tensor in _weights(done.path).values())
    assert done.parameters == held
    assert str(tmp_path / "runs") not in json.dumps(done.as_json())

    weights = done.path / "model.safetensors"
    before = weights.stat().st_mtime_ns
    assert bench.train(order) == done
    assert weights.stat().st_mtime_ns == before
    assert bench.spent == pytest.approx([done.seconds] * 2, abs=0.01)
    other = training.Order("mine", "classifier", source, {**options, "training.seed": 1})
    assert bench.finished(other) is None

    said, seconds = bench.predict(done, ["good 1", "bad 2", "good 3"])
    assert len(said) == 3
    assert seconds > 0


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    training = module("training")
    missing = training.Finished(tmp_path / "none", "", 1.0, 1.0, 1, {}, {})
    with pytest.raises(RuntimeError, match=r"ended with 2:\n.*none: no such run folder"):
        training.Bench(tmp_path).predict(missing, ["text"])


def _weights(path: Path) -> Any:
    import safetensors.torch

    return safetensors.torch.load_file(path / "model.safetensors")


def test_intervals_hold_the_mean_as_often_as_they_say() -> None:
    spread = module("spread").spread
    random = np.random.default_rng(0)
    found = [spread(random.normal(3, 2, size=4).tolist()) for _ in range(1000)]
    held = sum(one["low"] <= 3 <= one["high"] for one in found)
    assert 920 <= held <= 975
    assert spread([1.0])["low"] is None


def test_gains_are_paired() -> None:
    # Splits differ much, the difference hardly: only pairs show it.
    theirs = [0.5, 0.7, 0.9, 0.6]
    found = module("spread").gain([value + 0.02 for value in theirs], theirs)
    assert found["low"] == pytest.approx(0.02)
    assert found["high"] == pytest.approx(0.02)


class Made:
    """A bench whose runs are made of numbers, in the place of trainings that take minutes."""

    quick = False

    def __init__(self, folder: Path, answers: dict[str, list[str]] | None = None) -> None:
        self.folder, self.answers, self.orders = folder, answers or {}, []

    def seeds(self, count: int) -> range:
        return range(count)

    def max_time(self, minutes: float) -> str:
        return f"{minutes}"

    def train(self, order: Any) -> Any:
        self.orders.append(order)
        seed = order.options.get("data.seed", 0)
        accuracy = 0.6 + 0.01 * seed
        accuracy += 0.1 * (order.options.get("model.pooling") in ("fixed", "attention"))
        accuracy += 0.05 * (not order.options.get("model.attend_padding", True))
        path = self.folder / order.name
        path.mkdir()
        lines = [{"valid_accuracy": 0.1}, {"valid_accuracy": accuracy}, {"train_loss": 1}]
        (path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
        scores = {"accuracy": accuracy, "macro_f1": accuracy}
        return module("training").Finished(path, order.command, 5.0 + seed, 4.0, 123, scores, {})

    def predict(self, run: Any, texts: list[str], *options: str) -> tuple[list[str], float]:
        kind = "fixed" if "fixed-vector" in run.path.name else "attention"
        return [self.answers[kind][int(text.split()[-1])] for text in texts], 2.0


def test_the_tutorial_tells_attention_and_masking_apart(tmp_path: Path) -> None:
    classification = module("classification")
    bench = Made(tmp_path)
    result = classification.tutorial(bench)
    gains = {name: round(found["mean"], 6) for name, found in result["gains"].items()}
    assert gains == {
        "attention, padding read": 0.1,
        "attention, padding masked": 0.1,
        "masking, last state": 0.05,
        "masking, attention": 0.05,
    }
    assert len(bench.orders) == 40
    for order in bench.orders:
        assert order.options["data.seed"] == order.options["training.seed"]
        assert order.options["model.length"] == 32
    assert len({order.name for order in bench.orders}) == 40
    page = classification.tutorial_page(json.loads(json.dumps(result)))
    assert "| masking, last state | +5.0 (+5.0 … +5.0) | better |" in page
    assert "| attention, padding read | 74.5 (" in page
    assert "| 81.25 |" in page


def test_sentiment_is_beside_counted_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classification = module("classification")
    monkeypatch.setattr(classification, "tfidf", lambda run: (0.8, 0.1, 99))
    result = json.loads(json.dumps(classification.sentiment(Made(tmp_path))))
    accuracy, longest = classification.sentiment_claims(result)
    assert accuracy["measured"] == pytest.approx(100 * (0.7 + 0.045))
    assert longest["measured"] == 14.0
    page = classification.sentiment_page(result)
    assert "| TF-IDF + logistic regression | 80.0 (80.0 … 80.0) | -5.5 (" in page
    assert "regard train classifier sentiment --model.pooling=attention --data.seed=0" in page


def test_counted_words_learn_from_the_runs_own_training_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from regard.data.labelled import Labelled
    from regard.data.splits import Splits
    from regard.runs import folder, held_out

    train = [Labelled(f"{word} thing", label) for word, label in WORDS.items()] * 5
    parts = Splits(train, [], [Labelled("fine day", "yes"), Labelled("awful day", "yes")])
    monkeypatch.setattr(folder.Run, "open", lambda path: path)
    monkeypatch.setattr(held_out, "splits_of", lambda run: parts)
    run = module("training").Finished(tmp_path, "", 1.0, 1.0, 1, {}, {})
    accuracy, _, parameters = module("classification").tfidf(run)
    assert accuracy == 0.5
    assert parameters == 2 * len(WORDS) + 1 + 1  # words, pairs, "thing", intercept


WORDS = {"fine": "yes", "good": "yes", "awful": "no", "poor": "no"}


def test_translators_are_compared_sentence_by_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    translation = module("translation")
    bleu = importlib.import_module("regard.runs.bleu")
    right = [f"le petit chat numéro {i} dort sur la table" for i in range(80)]
    wrong = ["il ne dit rien du tout à personne"] * 40
    # The fixed vector fails on the long ones alone.
    short = [bleu.Question(f"it sleeps {i}", (right[i], "dors !")) for i in range(40)]
    long = [bleu.Question(f"{'very ' * 16}long {i}", (right[i],)) for i in range(40, 80)]
    monkeypatch.setattr(translation, "asked", lambda run, bench: {"test": short, "long": long})
    bench = Made(tmp_path, {"attention": right, "fixed": right[:40] + wrong})
    result = json.loads(json.dumps(translation.eng_fra(bench)))
    assert result["systems"]["attention"]["sets"]["test"]["bleu"]["value"] == pytest.approx(100)
    assert result["systems"]["attention"]["sentences_a_second"] == 40
    assert result["gains"]["test"]["value"] == 0
    assert result["gains"]["long"]["value"] > 80
    assert [(row["first"], row["last"]) for row in result["lengths"]] == [(1, 3), (18, 18)]
    short_gain, long_gain = (row["gain"] for row in result["lengths"])
    assert short_gain["value"] == 0
    assert long_gain["low"] > 80
    page = translation.eng_fra_page(result)
    assert "Attention gains **+0.0 (+0.0 … +0.0)** BLEU on the test set" in page
    assert "| 1–3 | 40 | 100.0 (100.0 … 100.0) |" in page
    assert "`nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|" in page
    assert "words of the source" in translation.eng_fra_drawings(result)["lengths"]
    (claim,) = translation.claims(result)
    assert (claim["measured"], claim["limit"]) == (pytest.approx(100), 36.0)
    # Both have the same sizes and time, and differ in attention alone.
    one, other = (order.options for order in bench.orders)
    assert {name for name in one if one[name] != other.get(name)} == {"model.attention"}


def test_variants_have_the_orders_that_are_asked_for(tmp_path: Path) -> None:
    translation, training = module("translation"), module("training")
    bench = training.Bench(tmp_path)
    commands = [translation.variant(name, bench).command for name in translation.VARIANTS]
    for words in (
        "--model.score=dot",
        "--model.score=general",
        "--model.score=concat",
        "--model.reach=local-m",
        "--model.reach=local-p",
        "--model.attention=transformer",
    ):
        assert sum(words in command for command in commands) == 1
    assert all("--trainer.max_time=00:00:05:00" in command for command in commands)


def test_the_page_of_alignments() -> None:
    looking = module("looking")
    weights = [[0.9, 0.1, 0.0, 0.0], [0.5, 0.1, 0.4, 0.0], [0, 1, 0, 0], [0, 0, 0, 1]]
    look = {"source": ["I", "love", "you", "."], "target": ["Je", "t'", "aime", "."]}
    pairs = looking.english_french()
    scores = looking.chance(pairs)._asdict()
    result = {
        "source": looking.SOURCE,
        "target": looking.TARGET,
        "looks": {
            "seed 0": {
                "learned": True,
                "forced": look | {"weights": weights},
                "own": look | {"weights": weights, "line": "Je t'aime."},
            }
        },
        "minutes": 5.0,
        "seeds": ["seed 0"],
        "runs": {"seed 0": {"command": "regard train"}},
        "pairs": len(pairs),
        "errors": {"seed 0": scores | {"new": 50, "right_new": math.pi / 10}},
        "guesses": {"chance": scores},
        "right": {"mean": 0.5, "low": None, "high": None},
        "over the guess": {"mean": 0.1, "low": None, "high": None},
    }
    page = looking.page(result)
    assert "| Je | I | 94 | 90 |" in page
    assert "| t' | you | 88 | 40 (I 50) |" in page
    assert "| aime | love | 95 | 100 |" in page
    assert "| `Je t'aime.` | `Je` at `I` 90, `t'` at `I` 50, `aime` at `love` 100, " in page
    assert "31.4 (50) |" in page
    assert looking.drawings(result)["alignment"].count("<svg") == 3
    assert looking.claims(result)[0]["measured"] >= 50


def test_weights_of_pieces_are_shown_between_words() -> None:
    looking = module("looking")
    read, written = ("I", "lov", "e", "you", "."), ("Je", "t", "'", "aime", ".")
    weights = np.array(
        [[1, 0, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0, 0.5, 0.3, 0.2, 0], [0, 0, 0, 0, 1]]
    )
    found = looking.in_words(Alignment(read, written, weights), "I love you.", "Je t'aime.")
    assert found["source"] == ["I", "love", "you", "."]
    assert found["target"] == ["Je", "t'", "aime", "."]
    assert found["weights"] == [[1, 0, 0, 0], [0, 0, 0.5, 0.5], [0, 0.8, 0.2, 0], [0, 0, 0, 1]]
