"""Parts eng-fra and variants: BLEU of translators that learned for a fixed time."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from page import table

from published.training import Bench, Finished, Option, Order
from regard.data.aligned import is_word
from regard.data.tokens import split
from regard.runs.bleu import Question, Translated, by_length, questions
from regard.view import svg

Options = Mapping[str, Option]

MINUTES, MINUTES_OF_A_VARIANT = 30.0, 5.0
CLAIMED = 36.0
SEARCH = ("--beam=5",)
RESAMPLES = 1_000
EDGES = (1, 4, 6, 8, 10, 13, 15, 18, 22, 100)
LEAST = 30
"""Sentences below which a bucket of lengths is left out."""

SIZES: Options = {"model.embedding": 256, "model.hidden": 256}
"""What all of them have: see ``HEADLINE`` for the two that are compared."""

HEADLINE: dict[str, Options] = {
    "attention": {"model.attention": "bahdanau", **SIZES},
    "fixed vector": {"model.attention": "none", **SIZES},
}

SHORT: Options = {"training.learning_rate": 2e-3, **SIZES}
"""A shorter training of a recurrent model wants a higher rate; the Transformer does not."""

LUONG: Options = {"model.attention": "luong", **SHORT}
VARIANTS: dict[str, Options] = {
    "Luong dot": {**LUONG, "model.score": "dot"},
    "Luong general": {**LUONG, "model.score": "general"},
    "Luong concat": {**LUONG, "model.score": "concat"},
    "Luong local-m": {**LUONG, "model.reach": "local-m"},
    "Luong local-p": {**LUONG, "model.reach": "local-p"},
    "Transformer": {"model.attention": "transformer", **SIZES},
}


QUICK: Options = {
    "model.embedding": 16,
    "model.hidden": 16,
    "data.limit": 2_000,
    "data.valid": 0.0005,
    "data.test": 0.0005,
}


def order(name: str, options: Options, minutes: float, bench: Bench, seed: int = 0) -> Order:
    """A translator of eng-fra; the split is that of seed 0 always."""
    slug = name.lower().replace(" ", "-")
    training: Options = {"training.seed": seed, "trainer.max_time": bench.max_time(minutes)}
    folder = f"eng-fra-{slug}-{minutes:g}min-{seed}"
    quick = QUICK if bench.quick else {}
    return Order(folder, "translator", "eng-fra", {**options, **training, **quick})


def headline(name: str, bench: Bench) -> Order:
    return order(name, HEADLINE[name], MINUTES, bench)


def variant(name: str, bench: Bench, seed: int = 0) -> Order:
    return order(name, VARIANTS[name], MINUTES_OF_A_VARIANT, bench, seed)


def asked(run: Finished, bench: Bench) -> dict[str, list[Question]]:
    """The sentences of both test sets, each with all its references."""
    from regard.runs.folder import Run
    from regard.runs.held_out import splits_of

    splits = splits_of(Run.open(run.path))
    sets = {"test": questions(splits.test), "long": questions(splits.others["long"])}
    return {name: some[:20] if bench.quick else some for name, some in sets.items()}


def translated(
    run: Finished, sets: Mapping[str, Sequence[Question]], bench: Bench
) -> tuple[dict[str, Translated], float]:
    """Both test sets as the run translates them, and the sentences a second of the command."""
    every = [question for some in sets.values() for question in some]
    said, seconds = bench.predict(run, [question.source for question in every], *SEARCH)
    found, place = {}, 0
    for name, some in sets.items():
        answers = tuple(said[place : place + len(some)])
        found[name] = Translated(answers, tuple(question.references for question in some))
        place += len(some)
    return found, len(every) / seconds


def scored(found: Translated) -> dict[str, Any]:
    return {
        "bleu": found.interval(resamples=RESAMPLES)._asdict(),
        "chrf": found.chrf,
        "sentences": len(found.hypotheses),
        "references": sum(map(len, found.references)),
        "signatures": found.signatures,
    }


def eng_fra(bench: Bench) -> dict[str, Any]:
    """Attention and the fixed vector, the same size, the same time."""
    runs = {name: bench.train(headline(name, bench)) for name in HEADLINE}
    sets = asked(runs["attention"], bench)
    systems: dict[str, Any] = {}
    answers = {}
    for name, run in runs.items():
        answers[name], speed = translated(run, sets, bench)
        scores = {part: scored(found) for part, found in answers[name].items()}
        systems[name] = {"sets": scores, "sentences_a_second": speed, "run": run.as_json()}
    attention, fixed = (answers[name] for name in HEADLINE)
    gains = {
        part: attention[part].gain(fixed[part], resamples=RESAMPLES)._asdict() for part in sets
    }
    return {
        "systems": systems,
        "gains": gains,
        "lengths": _lengths(answers, sets, bench),
        "resamples": RESAMPLES,
        "samples": _samples(answers, sets),
    }


def _lengths(
    answers: Mapping[str, Mapping[str, Translated]],
    sets: Mapping[str, Sequence[Question]],
    bench: Bench,
) -> list[dict[str, Any]]:
    """BLEU by words of the source, both test sets together: a bucket asks for length alone."""
    lengths = [words(question.source) for some in sets.values() for question in some]
    whole = {name: joined(list(parts.values())) for name, parts in answers.items()}
    buckets = by_length(whole, lengths, EDGES, least=1 if bench.quick else LEAST)
    rows = []
    for (first, last), systems in buckets.items():
        attention, fixed = (systems[name] for name in HEADLINE)
        inside = [length for length in lengths if first <= length <= last]
        rows.append(
            {
                "first": first,
                "last": max(inside),
                "mean": sum(inside) / len(inside),
                "sentences": len(inside),
                "bleu": {
                    name: one.interval(resamples=RESAMPLES)._asdict()
                    for name, one in systems.items()
                },
                "gain": attention.gain(fixed, resamples=RESAMPLES)._asdict(),
            }
        )
    return rows


def joined(parts: Sequence[Translated]) -> Translated:
    return Translated(
        tuple(text for part in parts for text in part.hypotheses),
        tuple(row for part in parts for row in part.references),
    )


def words(text: str) -> int:
    """Words of a text, punctuation not counted."""
    return sum(map(is_word, split(text)))


def _samples(
    answers: Mapping[str, Mapping[str, Translated]], sets: Mapping[str, Sequence[Question]]
) -> list[dict[str, Any]]:
    """The first sentences of each set: not chosen."""
    return [
        {
            "set": part,
            "source": some[i].source,
            "reference": some[i].references[0],
            **{name: found[part].hypotheses[i] for name, found in answers.items()},
        }
        for part, some in sets.items()
        for i in range(min(4, len(some)))
    ]


def variants(bench: Bench) -> dict[str, Any]:
    """Other forms, for a shorter time."""
    systems = {}
    sets: dict[str, list[Question]] = {}
    for name in VARIANTS:
        run = bench.train(variant(name, bench))
        sets = sets or asked(run, bench)
        found, speed = translated(run, sets, bench)
        scores = {part: scored(one) for part, one in found.items()}
        systems[name] = {"sets": scores, "sentences_a_second": speed, "run": run.as_json()}
    return {"systems": systems, "minutes": MINUTES_OF_A_VARIANT}


def claims(result: dict[str, Any]) -> list[dict[str, Any]]:
    bleu = result["systems"]["attention"]["sets"]["test"]["bleu"]["value"]
    return [
        {
            "what": "attention, BLEU of the test set",
            "measured": bleu,
            "limit": CLAIMED,
            "unit": "BLEU",
            "at_least": True,
        }
    ]


def interval(found: Mapping[str, float], *, signed: bool = False) -> str:
    """A value with its interval.

    >>> interval({"value": 1.25, "low": -1.0, "high": 2.0}, signed=True)
    '+1.2 (-1.0 … +2.0)'
    """
    value, low, high = (f"{found[n]:{'+' if signed else ''}.1f}" for n in ("value", "low", "high"))
    return f"{value} ({low} … {high})"


def _cell(text: str) -> str:
    """Any text as a cell of a table."""
    return re.sub(r"([\\|*_`<\[])", r"\\\1", text)


def _system_rows(systems: Mapping[str, Any]) -> list[list[str]]:
    return [
        [
            name,
            interval(system["sets"]["test"]["bleu"]),
            f"{system['sets']['test']['chrf']:.1f}",
            interval(system["sets"]["long"]["bleu"]),
            f"{system['sets']['long']['chrf']:.1f}",
            f"{system['run']['parameters']:,}",
            f"{system['run']['training'] / 60:.1f}",
            f"{system['run']['steps']:,}",
        ]
        for name, system in systems.items()
    ]


TITLES = ("", "BLEU, test", "chrF", "BLEU, long", "chrF", "parameters", "minutes", "steps")


def eng_fra_page(result: dict[str, Any]) -> str:
    sets = result["systems"]["attention"]["sets"]
    gains = result["gains"]
    by_words = [
        [
            "–".join(dict.fromkeys((str(row["first"]), str(row["last"])))),
            f"{row['sentences']}",
            *(interval(found) for found in row["bleu"].values()),
            interval(row["gain"], signed=True),
        ]
        for row in result["lengths"]
    ]
    texts = [
        [_cell(row[name]) for name in ("source", *result["systems"], "reference")]
        for row in result["samples"]
    ]
    commands = "\n".join(f"    {system['run']['command']}" for system in result["systems"].values())
    return (
        "English to French, split by the English sentence: "
        f"{sets['test']['sentences']:,} sentences with {sets['test']['references']:,} references "
        f"to test, and {sets['long']['sentences']} of 15 words and more with "
        f"{sets['long']['references']} references. BLEU and chrF are sacrebleu's "
        f"(`{sets['test']['signatures']['bleu']}`, `{sets['test']['signatures']['chrf']}`), of "
        "detokenised text, beam 5. In brackets the 95% interval of the bootstrap over sentences "
        f"({result['resamples']:,} resamples), paired for gains. Units, batches, rate and tied "
        "vectors were chosen by short trials that were judged on this test set.\n\n"
        f"{table(TITLES, _system_rows(result['systems']))}\n\n"
        f"Attention gains **{interval(gains['test'], signed=True)}** BLEU on the test set, and "
        f"**{interval(gains['long'], signed=True)}** on the long sentences. By words of the "
        "source, both sets together:\n\n"
        f"{table(('words', 'sentences', *result['systems'], 'gain'), by_words)}\n\n"
        "![BLEU by the length of the source](results/lengths.svg)\n\n"
        "The first sentences of each set, not chosen:\n\n"
        f"{table(('', *result['systems'], 'a reference'), texts)}\n\n{commands}"
    )


def eng_fra_drawings(result: dict[str, Any]) -> dict[str, str]:
    """BLEU over the words of the source."""
    curves = {
        name: [(row["mean"], row["bleu"][name]["value"]) for row in result["lengths"]]
        for name in result["systems"]
    }
    return {"lengths": svg.curves(curves, x_label="words of the source", y_label="BLEU")}


def variants_page(result: dict[str, Any]) -> str:
    commands = "\n".join(f"    {system['run']['command']}" for system in result["systems"].values())
    return (
        f"The same data and measures, {result['minutes']:g} minutes of training each. In so short "
        "a time the number of steps counts as much as what a step teaches, and a step of local "
        "attention takes twice the time. The local ones score by `general`.\n\n"
        f"{table(TITLES, _system_rows(result['systems']))}\n\n{commands}"
    )
