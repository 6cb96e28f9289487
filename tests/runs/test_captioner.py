"""A trained captioner answers and is judged; its pointing equals plain loops."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from regard.data import images
from regard.data.captioned import Captioned, CaptionsConfig
from regard.data.captioned_batch import CaptionEncoding
from regard.data.pairs import Pair
from regard.data.picture import Picture
from regard.data.splits import Splits, fingerprint
from regard.data.vocabulary import END
from regard.errors import DataError, RunError, ShapeError
from regard.runs import shown
from regard.runs.caption import TrainedCaptioner
from regard.runs.decode import Search
from regard.runs.scores_of_captions import MEANING, caption_match, questions
from regard.runs.system import named
from regard.systems.captioner import Config
from regard.training.fit import Plan
from regard.training.options import Training
from regard.view import page

SYSTEM = named("captioner")
DATA = CaptionsConfig(train=8)
SMALL = {"channels": (4, 8, 8), "embedding": 6, "hidden": 8}
SCORES = ["captions", "images", "loss", "exact_match", "bleu", "chrf"]
SHORT = Search(max_length=7)


@pytest.fixture(scope="module")
def parts():
    """Eight scenes to learn from, and of the others twelve."""
    found = SYSTEM.splits(["digits"], DATA)
    return found._replace(valid=found.valid[:12], test=found.test[:12])


def trained(parts, data=DATA, **options):
    """Not trained at all, but spread so far that words, places and lengths differ; some captions
    have no word."""
    torch.manual_seed(1)
    model = Config(**(SMALL | options))
    encoding = SYSTEM.encoding(parts, data, model)
    made = SYSTEM.build(model, encoding)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.requires_grad:
                parameter.mul_(4)
        made.output.bias[END] += 10
    return SYSTEM.trained(made, encoding)


def pictures(parts):
    return [example.image for example in parts.test]


def plain(name, key, caption="A dog."):
    return Captioned(Picture(name, key, lambda: np.zeros((8, 8, 1), np.uint8)), caption)


def test_an_answer_has_words_and_where_each_looked(parts):
    model = trained(parts)
    found = model.predict(pictures(parts), SHORT)
    assert len({answer.caption for answer in found}) > 2
    assert {0, 7} <= {len(answer.texts[0].words) for answer in found}
    for example, answer in zip(parts.test, found, strict=True):
        assert answer.line == answer.caption
        assert answer.title == f"{example.image.name} → {answer.caption}"
        told = json.loads(json.dumps(answer.as_json()))
        assert (told["image"], told["caption"]) == (example.image.name, answer.caption)
        assert told["log_probability"] <= 0
        row = json.loads(json.dumps(answer.weights_as_json()))
        assert " ".join(row["words"]) == answer.caption
        weights = np.reshape(row["weights"], (-1, 16, 16))
        assert weights.shape == (len(row["words"]), 16, 16)
        np.testing.assert_allclose(weights.sum((1, 2)), 1, atol=1e-3)
        for grid, (down, right) in zip(weights, row["looked_at"], strict=True):
            # Rounded weights may be equal where the model's were not.
            assert grid[int(down * 16), int(right * 16)] == grid.max()
        if not row["words"]:
            assert "nothing to show" in shown.html(answer)
            continue
        (panel,) = answer.looked()
        np.testing.assert_allclose(panel.weights[0, 0], weights.reshape(-1, 256), atol=1e-5)
        assert np.array_equal(panel.images[0], example.image.pixels)
        assert answer.terminal().count("┌") == len(row["words"])
    assert model.predict([], None) == []


def test_company_changes_nothing(parts):
    model, asked = trained(parts), pictures(parts)
    together = model.predict(asked, SHORT)
    for picture, among in zip(asked, together, strict=True):
        (alone,) = model.predict([picture], SHORT)
        assert alone.caption == among.caption
        (one,), (other,) = alone.texts, among.texts
        np.testing.assert_allclose(one.weights, other.weights, rtol=1e-4, atol=1e-6)
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4)


def test_a_caption_that_does_not_end_is_cut(parts):
    """After twice the words of the longest caption learned from and 20, unless told otherwise."""
    model = trained(parts)
    longest = max(len(example.caption.split()) for example in parts.train)
    assert max(len(example.caption.split()) for example in parts.test) != longest
    words = {len(answer.texts[0].words) for answer in model.predict(pictures(parts))}
    assert max(words) == 2 * longest + 20
    assert len(words) > 1


def test_ways_to_search(parts):
    model, asked = trained(parts), pictures(parts)[:3]
    beam = model.predict(asked, Search(beam=4, n_best=3, max_length=5))
    for answer in beam:
        best = [told.log_probability for told in answer.texts]
        assert best == sorted(best, reverse=True)
        assert len({told.caption for told in answer.texts}) == 3
        lines = [line.split("\t") for line in answer.line.split("\n")]
        assert [line[0] for line in lines] == ["1", "2", "3"]
        assert [line[2] for line in lines] == [told.caption for told in answer.texts]
        told = answer.as_json()
        assert [one["caption"] for one in told["n_best"]] == [told.caption for told in answer.texts]
        assert told["caption"] == answer.texts[0].caption
    # Beams that have room for every first word find what greedy search found, or better.
    (greedy, *_), (wide, *_) = (
        model.predict(asked, options)
        for options in (Search(max_length=2), Search(beam=40, n_best=2, max_length=2))
    )
    assert wide.texts[0].log_probability >= greedy.texts[0].log_probability - 1e-6
    drawn = Search(sample=True, n_best=8, max_length=5, seed=1, temperature=20.0)
    once, again = (model.predict(asked, drawn) for _ in range(2))
    assert [one.line for one in once] == [one.line for one in again]
    assert len({told.caption for told in once[0].texts}) > 3
    assert once[0].texts[0].weights.shape[1:] == (16, 16)


def test_evaluation(parts):
    model = trained(parts)
    scores = model.evaluate(parts.test, SHORT)
    assert list(scores) == [*SCORES, "pointing", "pointing_chance"]
    assert (scores["captions"], scores["images"]) == (12, 12)
    batch = model.encoding.batch(parts.test)
    assert scores["loss"] == pytest.approx(model.model.loss(batch).mean.item(), rel=1e-5)
    table = model.table(scores)
    assert [name for name, _ in table] == [text for text, _ in MEANING.values()]
    assert table[0][1] == "12"


def test_batches_do_not_matter(parts, monkeypatch):
    model = trained(parts)
    whole = model.evaluate(parts.test, SHORT)
    monkeypatch.setattr("regard.runs.scores_of_captions.AT_ONCE", 5)
    assert model.evaluate(parts.test, SHORT) == pytest.approx(whole, rel=1e-5)


def test_captions_that_are_right(parts):
    """Against what the model itself says, some captions are references and some are not."""
    model = trained(parts)
    found = model.predict(pictures(parts), SHORT)
    examples = []
    for number, (example, answer) in enumerate(zip(parts.test, found, strict=True)):
        examples.append(Captioned(example.image, example.caption))
        if number % 3 == 0:
            examples.append(Captioned(example.image, answer.caption))
    scores = model.evaluate(examples, SHORT)
    assert (scores["captions"], scores["images"]) == (16, 12)
    assert scores["exact_match"] == pytest.approx(4 / 12)
    html = page.page("x", model.sections(examples, SHORT))
    assert "of the first 12 images" in html
    told = [answer.name for answer in found if f">{answer.name}</th>" in html]
    assert told == [answer.name for number, answer in enumerate(found) if number % 3]
    own = [example for example in examples if "scene 3" in example.image.name][1:]
    assert model.sections(own, SHORT) == []


def test_small_letters_are_judged_as_such(parts):
    """A vocabulary of small letters cannot write others: they are no mistakes."""
    model = trained(parts)
    found = model.predict(pictures(parts), SHORT)
    large = [
        Captioned(image, answer.caption.upper())
        for image, answer in zip(pictures(parts), found, strict=True)
    ]
    scores = model.evaluate(large, SHORT)
    assert scores["exact_match"] == 1
    assert scores["bleu"] == pytest.approx(100)
    assert model.sections(large, SHORT) == []
    cased = trained(parts, CaptionsConfig(train=8, lower_case=False))
    wordless = sum(not answer.caption for answer in found)
    assert cased.evaluate(large, SHORT)["exact_match"] == wordless / 12


def test_the_share_of_true_captions_of_a_batch(parts):
    model = trained(parts)
    limit = max(map(model.encoding.length, parts.valid))
    found = model.predict([one.image for one in parts.valid], Search(max_length=limit))
    own = [
        Captioned(one.image, answer.caption) for one, answer in zip(parts.valid, found, strict=True)
    ]
    # What has not come to an end by then is no caption.
    right = [
        number % 2 == 0 and model.encoding.length(one) <= limit for number, one in enumerate(own)
    ]
    assert 0 < sum(right) < 6
    truth = [own[i] if right[i] else parts.valid[i] for i in range(12)]
    batch = model.encoding.batch(truth)
    assert caption_match(model.model, batch) == pytest.approx(sum(right) / 12)
    assert SYSTEM.judge(model.model, batch) == caption_match(model.model, batch)


def game(align, examples):
    """The pointing game, word by word and place by place."""
    hits, chances = [], []
    for example in examples:
        words, boxes, weights = example.caption.split(), example.boxes, align(example)
        assert weights.shape == (len(words), 16, 16)
        for t in range(len(words)):
            if boxes[t] is None or (t + 1 < len(words) and boxes[t + 1] == boxes[t]):
                continue
            assert words[t] not in ("small", "large", "a")
            best = max((weights[t, r, c], -r, -c) for r in range(16) for c in range(16))
            inside = set()
            for r in range(16):
                for c in range(16):
                    y, x = 4 * r + 2, 4 * c + 2  # a place is 4 × 4 pixels of the 64
                    if boxes[t].top <= y < boxes[t].bottom and boxes[t].left <= x < boxes[t].right:
                        inside.add((r, c))
            hits.append((-best[1], -best[2]) in inside)
            chances.append(len(inside) / 256)
    return {"pointing": np.mean(hits), "pointing_chance": np.mean(chances)}


@pytest.mark.parametrize("attention", ["soft", "hard"])
def test_pointing_equals_plain_loops(parts, attention):
    model = trained(parts, attention=attention)

    def align(example):
        (rows,) = model.model.align(model.encoding.batch([example])).numpy()
        return rows[:-1].reshape(-1, 16, 16)  # END looks too

    for example, found in zip(parts.test, model.align(parts.test), strict=True):
        np.testing.assert_allclose(found, align(example), rtol=1e-4, atol=1e-6)
        if attention == "soft":
            assert np.abs(found[0] - found[1]).max() > 1e-3
    scores = model.evaluate(parts.test, SHORT)
    truth = game(align, parts.test)
    assert 0.02 < truth["pointing_chance"] < 0.3
    assert {name: scores[name] for name in truth} == pytest.approx(truth)


class Told(TrainedCaptioner):
    """Says of each word where it looks: at one place, in the box or anywhere, by its letters."""

    def one(self, example):
        grids = np.full((len(example.boxes), 16, 16), 1e-3, np.float32)
        for grid, box, word in zip(grids, example.boxes, example.caption.split(), strict=True):
            if box is not None and word in ("small", "two", "three", "nine"):
                grid[(box.top + box.bottom) // 8, (box.left + box.right) // 8] = 1
            else:
                grid[3 * len(word), 2] = 1
        return grids

    def align(self, examples):
        return [self.one(example) for example in examples]


def test_pointing_asks_the_words_that_name(parts):
    model = trained(parts)
    told = Told(model.model, model.encoding)
    scores, truth = told.evaluate(parts.test, SHORT), game(told.one, parts.test)
    assert 0.2 < truth["pointing"] < 0.8
    assert {name: scores[name] for name in truth} == pytest.approx(truth)


def test_no_pointing_where_nothing_can_be_told(parts):
    assert list(trained(parts, attention="mean").evaluate(parts.test, SHORT)) == SCORES
    bare = [example._replace(boxes=()) for example in parts.test]
    assert list(trained(parts).evaluate(bare, SHORT)) == SCORES


def test_captions_of_equal_images_are_one_question():
    one, other = "1", "2"
    examples = [
        plain("first", one, "A dog."),
        plain("second", other, "A cat."),
        plain("again", one, "The dog."),
        plain("again", one, "A dog."),
        plain("again", one, "a dog."),
    ]
    asked = questions(examples)
    assert [question.image.name for question in asked] == ["first", "second"]
    assert asked[0].references == ("A dog.", "The dog.", "a dog.")
    assert asked[1].references == ("A cat.",)
    assert questions(examples, lower_case=True)[0].references == ("a dog.", "the dog.")


def test_a_question_is_a_file(parts, tmp_path):
    model = trained(parts)
    file = tmp_path / "photo.jpg"
    Image.new("RGB", (90, 70), (250, 10, 10)).save(file)
    asked = model.question_of(str(file))
    assert asked.name == str(file)
    assert asked.pixels.shape == (64, 64, 1)
    assert asked.key == images.key(asked.pixels)
    (answer,) = model.predict([asked], SHORT)
    assert answer.title.startswith(f"{file} → ")
    file.write_bytes(file.read_bytes()[:400])
    with pytest.raises(DataError, match=r"photo\.jpg: a broken image"):
        model.question_of(str(file))
    for name in ("", "none.png", str(tmp_path)):
        with pytest.raises(DataError, match="no name|no such file|a folder"):
            model.question_of(name)
    with pytest.raises(ShapeError, match=r"first: this model reads .* \(64, 64, 1\), and this is"):
        model.predict([plain("first", "1").image], SHORT)


def test_the_encoding_is_stored(parts):
    encoding = SYSTEM.encoding(parts, DATA, Config(**SMALL))
    assert (encoding.size, encoding.channels) == (64, 1)
    stored = json.loads(json.dumps(encoding.to_json()))
    assert SYSTEM.stored(stored) == encoding
    for broken in (
        {},
        [],
        stored | {"words": {}},
        stored | {"size": None},
        {name: stored[name] for name in ("words", "size", "longest")},
    ):
        with pytest.raises(DataError):
            CaptionEncoding.from_json(broken)


def test_the_fingerprint_tells_images_from_one_another():
    def of(*examples):
        return fingerprint(Splits(list(examples), [], []))

    same = of(plain("a", "1"), plain("b", "2"))
    assert same == of(plain("another name", "1"), plain("b", "2"))
    assert same != of(plain("a", "1"), plain("b", "3"))
    assert same != of(plain("a", "1"), plain("b", "2", "A cat."))
    assert same != of(plain("b", "2"), plain("a", "1"))


def plan(weights, **options):
    return Plan(SYSTEM, Config(**(SMALL | options)), Training(), {}, weights)


def test_hard_attention_begins_with_the_weights_of_soft(parts):
    soft = trained(parts)
    weights = {name: tensor.clone() for name, tensor in soft.model.state_dict().items()}
    hard = plan(weights, attention="hard").build(soft.encoding)
    ours = hard.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in weights.items())
    assert set(ours) - set(weights) == {"decoder.attention.baseline"}
    # Before it learns on, it looks first where soft attention looked most, and nowhere else.
    batch = soft.encoding.batch(parts.test)
    rows, smooth = (model.eval().align(batch)[:, 0] for model in (hard, soft.model))
    assert torch.equal(rows.argmax(-1), smooth.argmax(-1))
    assert torch.equal(rows.sort(-1).values[:, -2:], torch.tensor([[0.0, 1.0]]).expand(12, 2))


@pytest.mark.parametrize("case", ["larger", "another system", "a tensor less"])
def test_weights_of_another_model_are_refused(parts, case):
    soft = trained(parts)
    weights, options = dict(soft.model.state_dict()), {"attention": "hard"}
    if case == "larger":
        options["hidden"] = 9
    elif case == "another system":
        translator = named("translator")
        data, model = translator.data(), translator.model(embedding=6, hidden=8)
        rows = [Pair("a b", "c"), Pair("b", "c d")]
        encoding = translator.encoding(Splits(rows, rows, rows), data, model)
        weights = translator.build(model, encoding).state_dict()
    else:
        del weights["output.weight"]
    with pytest.raises(RunError, match="--init: these weights are of another model"):
        plan(weights, **options).build(soft.encoding)


def test_presets_are_options_that_there_are():
    for preset in SYSTEM.presets.values():
        for kind, part in (("data", CaptionsConfig), ("model", Config), ("training", Training)):
            of = {k.partition(".")[2]: v for k, v in preset.items() if k.startswith(f"{kind}.")}
            assert part(**of)
