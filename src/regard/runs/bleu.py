"""BLEU and chrF of translations, by sacrebleu, and how sure they are."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from regard.data.pairs import Pair
from regard.errors import MissingExtra, RangeError

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

RESAMPLES = 1_000
SHARE = 0.95


class Question(NamedTuple):
    """A text, and every way in which it may be translated: at least one."""

    source: str
    references: tuple[str, ...]


class Interval(NamedTuple):
    """A value and, around it, where 95% of the resamples' values lie."""

    value: float
    low: float
    high: float


def questions(pairs: Iterable[Pair]) -> list[Question]:
    """One question for each different source, in the order of the first; its targets, each once,
    are the references.

    >>> questions([Pair("Run!", "Cours !"), Pair("Go.", "Va !"), Pair("Run!", "Courez !")])
    [Question(source='Run!', references=('Cours !', 'Courez !')), \
Question(source='Go.', references=('Va !',))]
    """
    known: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for source, target in pairs:
        known[source][target] = None
    return [Question(source, tuple(targets)) for source, targets in known.items()]


def scored(hypotheses: Sequence[str], references: Sequence[tuple[str, ...]]) -> dict[str, float]:
    """``bleu`` and ``chrf`` of texts; without sacrebleu nothing, and a line of why on standard
    error: other scores are worth having without."""
    texts = Translated(tuple(hypotheses), tuple(references))
    try:
        return {"bleu": texts.bleu, "chrf": texts.chrf}
    except MissingExtra as missing:
        print(f"regard: no BLEU and chrF: {missing}", file=sys.stderr)
        return {}


@dataclass(frozen=True)
class Translated:
    """Translations beside their references; sentences may have different numbers of them.

    BLEU is sacrebleu's: corpus BLEU of up to four words, cased, of detokenised text, which it
    parts by itself ("13a"). chrF is that of up to six characters, β = 2. Both are in 0..100.

    Source:  Papineni et al. 2002 (BLEU); Popović 2015 (chrF); Post 2018, A Call for Clarity in
             Reporting BLEU Scores (sacrebleu)

    >>> found = Translated(("Cours vite, toi !",), (("Cours !", "Cours vite, toi !"),))
    >>> round(found.bleu, 1), round(found.chrf, 1)
    (100.0, 100.0)

    Raises:
        RangeError: there is nothing to score, or not a reference for each.
        MissingExtra: sacrebleu is not installed.
    """

    hypotheses: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if not self.hypotheses or len(self.hypotheses) != len(self.references):
            raise RangeError(
                "at least one translation and references for each are expected: there are "
                f"{len(self.hypotheses)} translations and {len(self.references)} rows of references"
            )
        if not all(self.references):
            row = next(i for i, references in enumerate(self.references) if not references)
            raise RangeError(f"translation {row + 1} has no reference: it cannot be scored")

    @cached_property
    def bleu(self) -> float:
        return self._scored("BLEU")[0]

    @cached_property
    def chrf(self) -> float:
        return self._scored("CHRF")[0]

    @cached_property
    def signatures(self) -> dict[str, str]:
        """How sacrebleu computed, in its own words: what makes two scores comparable."""
        return {"bleu": self._scored("BLEU")[1], "chrf": self._scored("CHRF")[1]}

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """What BLEU is a function of, a row a sentence: its n-grams that are right, n = 1..4, all
        its n-grams, its words, and those of the reference nearest in length. ``(N, 10)``."""
        # An effective order changes no count, and without it sacrebleu warns of single sentences.
        metric = _metric("BLEU", effective_order=True)
        rows = []
        for hypothesis, references in zip(self.hypotheses, self.references, strict=True):
            one = metric.sentence_score(hypothesis, list(references))
            rows.append([*one.counts, *one.totals, one.sys_len, one.ref_len])
        return np.asarray(rows, dtype=np.int64)

    def part(self, rows: Sequence[int]) -> "Translated":
        """Some of the sentences."""
        return Translated(
            tuple(self.hypotheses[i] for i in rows), tuple(self.references[i] for i in rows)
        )

    def interval(self, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
        """BLEU with a percentile interval of the bootstrap: sentences drawn with replacement.

        Source: Koehn 2004, Statistical Significance Tests for Machine Translation Evaluation
        """
        return _interval(self.bleu, _resampled(self.counts, resamples, seed))

    def gain(self, over: "Translated", *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
        """BLEU above that of other translations of the same texts, each resample drawn for both.

        Raises:
            RangeError: these are no translations of the same texts.
        """
        if self.references != over.references:
            raise RangeError("a difference of BLEU needs the same references on both sides")
        ours = _resampled(self.counts, resamples, seed)
        theirs = _resampled(over.counts, resamples, seed)
        return _interval(self.bleu - over.bleu, ours - theirs)

    def _scored(self, name: str) -> tuple[float, str]:
        metric = _metric(name)
        most = max(map(len, self.references))
        # sacrebleu takes a list a reference, not a list a sentence: None where a sentence has none.
        streams = [
            [row[i] if i < len(row) else None for row in self.references] for i in range(most)
        ]
        score = metric.corpus_score(list(self.hypotheses), streams)
        return float(score.score), str(metric.get_signature())


def by_length(
    systems: Mapping[str, Translated],
    lengths: Sequence[int],
    edges: Sequence[int],
    *,
    least: int = 1,
) -> dict[tuple[int, int], dict[str, Translated]]:
    """The translations of several systems in buckets by length of the source: from an edge to below
    the next one, both told as (first, last); those with fewer than ``least`` sentences are left
    out.

    >>> one = Translated(("a", "b", "c"), (("a",), ("b",), ("c",)))
    >>> found = by_length({"mine": one}, [1, 4, 9], [1, 5, 10])
    >>> {bucket: systems["mine"].hypotheses for bucket, systems in found.items()}
    {(1, 4): ('a', 'b'), (5, 9): ('c',)}
    """
    found = {}
    for low, high in pairwise(edges):
        rows = [i for i, length in enumerate(lengths) if low <= length < high]
        if len(rows) >= max(least, 1):
            found[low, high - 1] = {name: one.part(rows) for name, one in systems.items()}
    return found


def _resampled(counts: NDArray[np.int64], resamples: int, seed: int) -> NDArray[np.float64]:
    """BLEU of each of so many draws of as many sentences as there are."""
    if resamples < 1:
        raise RangeError(f"resamples is at least 1: {resamples}")
    random = np.random.default_rng(seed)
    sentences = len(counts)
    metric = _metric("BLEU")
    values = np.empty(resamples)
    for i in range(resamples):
        total = counts[random.integers(sentences, size=sentences)].sum(0).tolist()
        values[i] = _bleu(metric, total)
    return values


def _bleu(metric: "BLEU", total: list[int]) -> float:
    return metric.compute_bleu(
        correct=total[:4],
        total=total[4:8],
        sys_len=total[8],
        ref_len=total[9],
        smooth_method=metric.smooth_method,
        smooth_value=metric.smooth_value,
    ).score


def _interval(value: float, drawn: NDArray[np.float64]) -> Interval:
    outside = (1 - SHARE) / 2
    low, high = np.quantile(drawn, [outside, 1 - outside])
    return Interval(float(value), float(low), float(high))


def _metric(name: str, **options: Any) -> Any:
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise MissingExtra("BLEU needs sacrebleu: pip install 'regard[text]'") from error
    return BLEU(**options) if name == "BLEU" else CHRF()
