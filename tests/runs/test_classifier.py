"""A trained classifier answers and is judged; its metrics equal plain loops."""

import json
import sys

import numpy as np
import pytest
import torch

from regard.data.labelled import Labelled, LabelsConfig
from regard.data.splits import Splits
from regard.errors import MissingExtra, RangeError
from regard.runs.classify import Options
from regard.runs.scores_of_classes import of_classes
from regard.runs.system import named
from regard.systems.classifier import Config
from regard.view import page

SYSTEM = named("classifier")
TEXTS = ["Good food.", "Bad, bad food!", "I'd say: good.", "Awful"]
EXAMPLES = [
    Labelled(text, label) for text, label in zip(TEXTS, ["yes", "no", "yes", "no"], strict=True)
]


def trained(**options):
    torch.manual_seed(0)
    data, model = LabelsConfig(), Config(**({"embedding": 4, "hidden": 4} | options))
    encoding = SYSTEM.encoding(Splits(EXAMPLES, EXAMPLES, EXAMPLES), data, model)
    return SYSTEM.trained(SYSTEM.build(model, encoding), encoding)


def by_hand(probabilities, truth, labels, bins):
    """Everything again, text by text."""
    given = [labels[max(range(len(labels)), key=row.__getitem__)] for row in probabilities]
    pairs = list(zip(truth, given, strict=True))
    scores, classes = {"accuracy": sum(t == g for t, g in pairs) / len(pairs)}, {}
    for name in sorted({*truth, *given}):
        hit = sum(t == g == name for t, g in pairs)
        answered, there = given.count(name), list(truth).count(name)
        precision, recall = (hit / n if n else 0.0 for n in (answered, there))
        both = precision + recall
        f1 = 2 * precision * recall / both if both else 0.0
        classes[name] = (precision, recall, f1, there)
    scores["macro_f1"] = sum(row[2] for row in classes.values()) / len(classes)
    losses, briers = [], []
    for row, label in zip(probabilities, truth, strict=True):
        columns = {*labels, label}
        p = dict(zip(labels, row, strict=True))
        briers.append(sum((p.get(c, 0.0) - (c == label)) ** 2 for c in columns))
        if label in labels:
            losses.append(-np.log(p[label]))
    best_two = [sorted(zip(row, labels, strict=True))[-2:] for row in probabilities]
    among = [t in (label for _, label in two) for t, two in zip(truth, best_two, strict=True)]
    scores["accuracy_top"] = np.mean(among)
    scores |= {"loss": np.mean(losses), "brier": np.mean(briers), "ece": 0.0}
    for number in range(bins):
        inside = [
            (max(row), t == g)
            for row, (t, g) in zip(probabilities, pairs, strict=True)
            if number / bins < max(row) <= (number + 1) / bins
        ]
        if inside:
            sure, right = (sum(column) / len(inside) for column in zip(*inside, strict=True))
            scores["ece"] += len(inside) / len(pairs) * abs(right - sure)
    return scores, classes


@pytest.mark.parametrize("seed", range(4))
def test_metrics_equal_plain_loops(seed):
    draw = np.random.default_rng(seed)
    labels = ["a", "b", "c", "never given"]
    probabilities = draw.dirichlet([1.0, 0.7, 0.5, 0.05], 60)
    truth = draw.choice(["a", "b", "c", "not learned"], 60, p=[0.4, 0.3, 0.2, 0.1]).tolist()
    found = of_classes(probabilities, truth, labels, top=2, bins=10)
    scores, classes = by_hand(probabilities.tolist(), truth, labels, 10)
    for name, value in scores.items():
        assert getattr(found, name) == pytest.approx(value), name
    assert {each.label: each[1:] for each in found.classes} == pytest.approx(
        {name: pytest.approx(row) for name, row in classes.items()}
    )
    assert found.unseen == truth.count("not learned")
    assert sum(each.count for each in found.bins) == found.count == 60
    assert sum(count for _, count in found.mistakes) == round(60 * (1 - found.accuracy))


def test_a_perfect_and_sure_model():
    found = of_classes(np.eye(3), ["a", "b", "c"], ["a", "b", "c"])
    assert (found.accuracy, found.macro_f1, found.loss, found.brier, found.ece) == (1, 1, 0, 0, 0)
    assert found.mistakes == ()


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(MissingExtra, match=r"regard\[text\]"):
        of_classes(np.eye(2), ["a", "b"], ["a", "b"])


def test_an_answer_has_label_probabilities_and_the_weight_of_every_token():
    answers = trained().predict([*TEXTS, ""], None)
    for text, answer in zip([*TEXTS, ""], answers, strict=True):
        found = json.loads(json.dumps(answer.as_json()))
        assert "".join(found["tokens"]) == text
        assert len(found["weights"]) == len(found["tokens"])
        assert sum(found["weights"]) == pytest.approx(1, abs=1e-4)
        assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert found["label"] == max(found["probabilities"], key=found["probabilities"].get)
        assert answer.line == f"{found['label']}\t{answer.probability:.4f}"
    assert trained().predict([], None) == []


def test_top_counts_in_every_command():
    model = trained()
    (answer,) = model.predict(TEXTS[:1], Options(top=5))
    assert sorted(answer.line.split("\t")[::2]) == ["no", "yes"]
    assert all(f"{label} (" in answer.title for label in ("no", "yes"))
    examples = [*EXAMPLES, Labelled("Meh", "perhaps")]
    scores = model.evaluate(examples, Options(top=2))
    assert scores["accuracy_top"] == 0.8
    assert ("true label among those named", "80.0%") in model.table(scores)
    assert "accuracy_top" not in model.evaluate(examples)


def test_company_changes_nothing():
    model = trained()
    together = model.predict(TEXTS, None)
    for text, among in zip(TEXTS, together, strict=True):
        (alone,) = model.predict([text], None)
        np.testing.assert_allclose(alone.weights, among.weights, rtol=1e-5, atol=1e-6)
        assert alone.probability == pytest.approx(among.probability, abs=1e-6)


def test_padding_that_is_read_and_tokens_that_are_not():
    (answer,) = trained(encoder="lstm", length=8, attend_padding=True).predict(["Good food."], None)
    assert answer.as_json()["padding"] == pytest.approx(1 - answer.weights.sum())
    assert answer.padding > 0.3
    assert "of the weight on padding" in answer.terminal()
    (cut,) = trained(length=2).predict(["Good food, I'd say"], None)
    assert cut.weights[:2].sum() == pytest.approx(1)
    assert not cut.weights[2:].any()


def test_scores_do_not_depend_on_batches(monkeypatch):
    model = trained()
    whole = model.evaluate(EXAMPLES * 3, None)
    monkeypatch.setattr("regard.runs.classify.TOKENS", 4)
    assert model.evaluate(EXAMPLES * 3, None) == pytest.approx(whole)
    answers = model.predict(TEXTS, None)
    right = [a.label == e.label for a, e in zip(answers, EXAMPLES, strict=True)]
    assert whole["accuracy"] == np.mean(right)
    batch = model.encoding.batch(EXAMPLES)
    assert SYSTEM.judge(model.model, batch) == pytest.approx(whole["accuracy"])
    assert whole["loss"] == pytest.approx(model.model.loss(batch).mean.item(), rel=1e-5)


def test_a_label_that_was_not_learned_counts_as_wrong_and_is_told():
    model = trained()
    examples = [*EXAMPLES, Labelled("Meh", "<b>perhaps</b>")]
    scores = model.evaluate(examples, None)
    assert scores["unseen"] == 1
    assert scores["recall/<b>perhaps</b>"] == 0
    assert dict(model.table(scores))["texts of labels not learned (wrong)"] == "1"
    assert SYSTEM.judge(model.model, model.encoding.batch(examples)) <= 0.8
    html = page.page("x", model.sections(examples, None))
    assert "&lt;b&gt;perhaps" in html
    assert "<b>perhaps" not in html
    for heading in ("Classes", "The most frequent mistakes", "Calibration"):
        assert f"<h2>{heading}</h2>" in html


def test_presets_are_options_that_there_are():
    for preset in SYSTEM.presets.values():
        for kind, part in (("data", LabelsConfig), ("model", Config)):
            of = {k.partition(".")[2]: v for k, v in preset.items() if k.startswith(f"{kind}.")}
            assert part(**of)


def test_options_refuse():
    with pytest.raises(RangeError, match="top is at least 1: 0"):
        Options(top=0)
