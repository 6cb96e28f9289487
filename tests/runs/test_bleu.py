"""BLEU: sacrebleu's own, with ragged references; the bootstrap against a loop over sacrebleu."""

import math
import sys
from collections import Counter

import numpy as np
import pytest

from regard.data.pairs import Pair
from regard.errors import MissingExtra, RangeError
from regard.runs.bleu import Question, Translated, by_length, questions

GIVEN = (
    ("le chat dort sur le lit .", ("le chat dort sous le lit .", "le chat dort .")),
    ("il pleut encore une fois ici .", ("il pleut encore ici .",)),
    ("nous avons mangé la grande pomme rouge .", ("nous avons mangé une pomme rouge .",) * 3),
    ("je ne sais pas où tu es .", ("je ne sais pas où tu es .",)),
    ("bonjour", ("salut à tous les amis",)),
)
SOME = Translated(tuple(h for h, _ in GIVEN), tuple(r for _, r in GIVEN))
WORSE = Translated(("lit chat dort le sur .", *SOME.hypotheses[1:]), SOME.references)


def by_hand(translated: Translated) -> float:
    """Papineni et al. 2002, formula by formula, on texts whose words stand apart already."""
    right, every = [0] * 4, [0] * 4
    length = reference_length = 0
    for hypothesis, references in zip(translated.hypotheses, translated.references, strict=True):
        words = hypothesis.split()
        others = [reference.split() for reference in references]
        length += len(words)
        reference_length += min((abs(len(one) - len(words)), len(one)) for one in others)[1]
        for n in range(1, 5):
            grams = Counter(zip(*(words[i:] for i in range(n)), strict=False))
            most: Counter[tuple[str, ...]] = Counter()
            for one in others:
                most |= Counter(zip(*(one[i:] for i in range(n)), strict=False))
            right[n - 1] += sum((grams & most).values())
            every[n - 1] += sum(grams.values())
    brevity = min(1.0, math.exp(1 - reference_length / length))
    logs = [math.log(a / b) for a, b in zip(right, every, strict=True)]
    return 100 * brevity * math.exp(sum(logs) / 4)


@pytest.mark.parametrize("translated", [SOME, WORSE])
def test_bleu_is_that_of_the_paper(translated: Translated) -> None:
    assert translated.bleu == pytest.approx(by_hand(translated))


def test_case_and_punctuation_count() -> None:
    reference = (("Il est là, je crois.",),)
    assert Translated(("Il est là, je crois.",), reference).bleu == pytest.approx(100)
    assert Translated(("il est là, je crois.",), reference).bleu < 90
    assert "tok:13a" in SOME.signatures["bleu"]
    assert "case:mixed" in SOME.signatures["bleu"]
    assert SOME.signatures["chrf"].startswith("nrefs:var")


def test_more_references_never_lower_the_matches() -> None:
    first = Translated(SOME.hypotheses, tuple(row[:1] for row in SOME.references))
    assert (SOME.counts[:, :4] >= first.counts[:, :4]).all()
    assert SOME.chrf >= first.chrf > 0


def test_counts_of_sentences_add_up_to_bleu() -> None:
    whole, part = SOME.counts.sum(0), SOME.part([0, 3]).counts
    np.testing.assert_array_equal(part, SOME.counts[[0, 3]])
    precisions = np.log(whole[:4] / whole[4:8]).mean()
    brevity = min(1.0, math.exp(1 - whole[9] / whole[8]))
    assert 100 * brevity * math.exp(precisions) == pytest.approx(SOME.bleu)


def test_the_bootstrap_is_a_loop_over_drawn_sentences() -> None:
    found = SOME.interval(resamples=40, seed=3)
    random = np.random.default_rng(3)
    drawn = [SOME.part(random.integers(5, size=5).tolist()).bleu for _ in range(40)]
    assert found.value == SOME.bleu
    assert found[1:] == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))
    assert SOME.interval(resamples=40, seed=3) == found
    assert SOME.interval(resamples=40, seed=4) != found


def test_a_difference_is_paired() -> None:
    assert SOME.gain(SOME, resamples=50)[1:] == (0.0, 0.0)
    gain = SOME.gain(WORSE, resamples=200)
    assert gain.value == pytest.approx(SOME.bleu - WORSE.bleu)
    assert gain.low <= gain.value <= gain.high
    # Draws in which sentence 1 is missing are the same for both; unpaired ones would not be.
    assert gain.low == pytest.approx(0.0, abs=1e-9)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    pool = [*range(5)] * 60
    held = 0
    for trial in range(30):
        rows = random.choice(pool, size=100).tolist()
        found = SOME.part(rows).interval(resamples=200, seed=trial)
        held += found.low <= SOME.part(pool).bleu <= found.high
    assert held >= 24  # of 30; 95% would be 28.5


def test_buckets_by_length() -> None:
    found = by_length({"a": SOME, "b": WORSE}, [3, 9, 9, 20, 5], [1, 6, 12, 30], least=2)
    assert list(found) == [(1, 5), (6, 11)]
    assert found[1, 5]["a"].hypotheses == (SOME.hypotheses[0], SOME.hypotheses[4])
    assert found[6, 11]["b"].references == SOME.references[1:3]


def test_questions_gather_all_references() -> None:
    pairs = [Pair("a", "1"), Pair("b", "2"), Pair("a", "3"), Pair("a", "1")]
    assert questions(pairs) == [Question("a", ("1", "3")), Question("b", ("2",))]


def test_what_cannot_be_scored_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RangeError, match="0 translations"):
        Translated((), ())
    with pytest.raises(RangeError, match="2 translations and 1 rows"):
        Translated(("a", "b"), (("a",),))
    with pytest.raises(RangeError, match="translation 2 has no reference"):
        Translated(("a", "b"), (("a",), ()))
    with pytest.raises(RangeError, match="same references"):
        SOME.gain(SOME.part([0, 1, 2, 3]))
    with pytest.raises(RangeError, match="resamples"):
        SOME.interval(resamples=0)
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    with pytest.raises(MissingExtra, match="sacrebleu"):
        _ = Translated(("a",), (("a",),)).bleu
