"""A trained reader answers: alone and in company, in windows, and as SQuAD's script counts."""

import json
import re
import string
from collections import Counter

import pytest
import torch

from regard.data.questions import Asked, Question, QuestionsConfig, Reference, Span
from regard.data.questions_batch import ReaderEncoding
from regard.errors import DataError, KindError, RangeError
from regard.runs.read import Options
from regard.runs.scores_of_readings import MEANING, matches, pointing
from regard.runs.system import named
from regard.systems.reader import Answered, Config, Looks

SYSTEM = named("reader")
DATA = QuestionsConfig(train=40, min_count=3, max_length=100)
PARTS = SYSTEM.splits(["world"], DATA)
STORIES = [one for one in PARTS.test[:12] if one.references]


def trained(attention="documentqa", **options):
    """Not trained at all, but spread so far that answers differ."""
    torch.manual_seed(1)
    small = {"embedding": 6, "hidden": 4, "characters": 3, "character_features": 4}
    config = Config(attention, **small)
    encoding = ReaderEncoding.of(PARTS.train, DATA)
    for name, value in options.items():
        object.__setattr__(encoding, name, value)
    model = SYSTEM.build(config, encoding)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return SYSTEM.trained(model, encoding)


@pytest.mark.parametrize("attention", ["documentqa", "qanet", "fusionnet", "bidaf"])
def test_answers_do_not_depend_on_company(attention):
    run, asked = trained(attention), [SYSTEM.question(one) for one in PARTS.test[:4]]
    together = run.predict(asked, Options(n_best=2))
    for question, reply in zip(asked, together, strict=True):
        (alone,) = run.predict([question], Options(n_best=2))
        assert [one[:3] for one in alone.told] == [one[:3] for one in reply.told]
        for one, other in zip(alone.told, reply.told, strict=True):
            assert one.probability == pytest.approx(other.probability, rel=1e-3)
            assert question.passage[one.start : one.end] == one.text
        assert alone.view.weights == pytest.approx(reply.view.weights, abs=1e-4)
        assert json.loads(json.dumps(reply.as_json() | reply.weights_as_json()))
    (short,) = run.predict([Asked("Ann", "Who?")], Options(n_best=2))
    assert short.line.startswith("1\t")
    assert len(short.as_json()["n_best"]) == 1
    assert run.predict([]) == []
    assert [one.answer for one in run.answers(asked, Options())] == [r.answer for r in together]


def test_windows_compete_for_the_answer():
    assert (trained().encoding.stride, DATA.stride) == (100, 128)  # nothing stands between two
    run = trained(max_length=20, stride=8)
    passage = PARTS.test[0].passage
    asked = Asked(passage, "Who was it?")
    (reply,) = run.predict([asked], Options(longest=3))
    windows = run.encoding.asked([asked])
    assert len(windows.rows) == len(run.encoding.offsets(len(run.encoding.tokens(passage)))) > 3
    with torch.inference_mode():
        found = run.model(windows.batch)
    sums = Counter()
    for row, offset in enumerate(windows.offsets.tolist()):
        for i in range(int(windows.batch.passage_lengths[row])):
            for j in range(i, min(i + 3, int(windows.batch.passage_lengths[row]))):
                score = (found.starts[row, i] + found.ends[row, j]).double().exp()
                sums[i + offset, j + offset] += float(score)
    (start, end), most = sums.most_common(1)[0]
    tokens = run.encoding.tokens(passage)
    assert reply.told[0][1:3] == (tokens[start][1], tokens[end][2])
    assert reply.told[0].probability == pytest.approx(most / sum(sums.values()), rel=1e-4)
    first, last = reply.view.answer
    assert (first + reply.first, last + reply.first) == (start, end)
    assert reply.view.marked[first].strip().startswith("[")


def test_what_is_asked(tmp_path):
    run, file = trained(stride=None), tmp_path / "story.txt"
    file.write_text("Ann has\na cat.\n", encoding="utf-8")
    assert run.question_of("Ann.\tWho?") == Asked("Ann.", "Who?")
    assert run.question_of(" Who?", Options(passage=str(file))) == Asked("Ann has\na cat.", "Who?")
    for text, message in (
        ("Who?", "PASSAGE<TAB>QUESTION"),
        ("Ann.\t ", "question is empty"),
        ("\tWho?", "passage is empty"),
        ("word " * 101 + "\tWho?", "101"),
    ):
        with pytest.raises(DataError, match=message):
            run.question_of(text)
    with pytest.raises(KindError, match="passage"):
        run.evaluate(PARTS.test[:2], Options(passage=str(file)))
    with pytest.raises(RangeError, match="n_best"):
        Options(n_best=0)


def normalised(text):
    """SQuAD's own script, written anew from its description."""
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def f1(found, true):
    one, other = normalised(found), normalised(true)
    same = sum((Counter(one) & Counter(other)).values())
    return 2 * same / (len(one) + len(other)) if same else 0.0


@pytest.mark.parametrize(
    ("found", "true"),
    [
        ("The Cat!", ["cat"]),
        ("a theatre", ["theatre", "the theatre"]),
        ("the big cat", ["cat", "a big dog"]),
        ("1,000 men", ["1000 men"]),
        ("cat cat", ["cat"]),
        ("dog", ["cat"]),
        ("Anna's hat", ["Annas hat"]),
    ],
)
def test_answers_are_counted_as_squad_does(found, true):
    exact = float(any(normalised(found) == normalised(one) for one in true))
    best = max(f1(found, one) for one in true)
    assert matches([found], [true]) == pytest.approx((exact, best), abs=1e-5)


def test_scores_say_what_was_answered():
    run, some = trained(), PARTS.test[:30]
    scores = run.evaluate(some)
    assert scores["questions"] == 30
    kinds = {one.kind for one in some}
    assert {n for n in scores if "/" in n} == {f"exact_match/{kind}" for kind in kinds}
    whole = sum(scores[f"exact_match/{k}"] * sum(o.kind == k for o in some) for k in kinds) / 30
    assert scores["exact_match"] == pytest.approx(whole, abs=1e-4)
    rows = dict(run.table(scores))
    assert rows["questions evaluated"] == "30"
    assert set(scores) - {n for n in scores if "/" in n} <= set(MEANING)
    assert run.sections(some)[0].heading.startswith("Wrong answers")


class Pointing:
    """A model whose words all look at one place, of a passage of five."""

    def __init__(self, place):
        self.place = place

    def eval(self):
        return self

    def __call__(self, batch, *, looks):
        count = batch.passage.shape[1]
        own = torch.zeros(len(batch.passage), count, count)
        own[:, :, self.place] = 1.0
        logits = torch.zeros(batch.passage.shape)
        return Answered(logits, logits, Looks(own[:, :, :1], None, own))


@pytest.mark.parametrize(("place", "share"), [(1, 0.5), (3, 0.5), (2, 0.0)])
def test_where_it_looks_is_counted(place, share):
    #          The    cat   saw    dogs    it
    passage = "The cat saw dogs it"
    it, cat, dogs = Span(17, 19), Span(4, 7), Span(12, 16)
    examples = [
        Question(
            passage, "Who?", (cat,), references=(Reference(it, referent), Reference(cat, dogs))
        )
        for referent in (cat, dogs)
    ]
    run = trained()
    found = pointing(
        type("Run", (), {"model": Pointing(place), "encoding": run.encoding})(), examples
    )
    assert found is not None
    assert (found.count, found.share, found.chance) == (2, share, 0.25)
    assert pointing(run, [examples[0]._replace(references=())]) is None
    assert pointing(trained("bidaf"), STORIES) is None
