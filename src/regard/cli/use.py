"""``regard evaluate | predict | explain RUN``: what a trained run says, and what it looks at."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from jsonargparse import Namespace

from regard.cli import words
from regard.cli.parser import Parser
from regard.errors import DataError, RangeError, RegardError, RunError
from regard.runs.folder import Run
from regard.runs.held_out import held_out, judge, load, stored_encoding, system_of
from regard.runs.stream import streamed
from regard.runs.system import Answer, System, Trained

PAGES = (".html", ".htm")

POOL = 4096
"""Texts that are sorted by length together."""


def evaluate_parser(parser: Parser, argv: list[str]) -> list[str]:
    """The words of ``evaluate``, for the parser that this builds."""
    arranged, _ = _add_run(parser, argv)
    parser.add_argument(
        "source",
        nargs="*",
        type=str,
        default=[],
        metavar="DATA",
        help="files, or - for standard input; without any: the part of the run's own data that "
        "was held out, and the run's report is written anew",
    )
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    return arranged


def evaluate(options: Namespace) -> int:
    """Score a run."""
    path = Path(options.run)
    run = Run.open(path)
    system = system_of(run)
    search = _search(options)
    if options.source:
        trained = load(path)
        data = system.data(**run.config["data"])
        examples = system.read(options.source, data, stored_encoding(run))
        for note in getattr(examples, "notes", ()):  # of data that may have something to tell
            print(f"note: {note}", file=sys.stderr)
        scores = trained.evaluate(examples, search)
        rows = trained.table(scores)
    else:
        scores, rows = judge(path, search=search)
    if options.json:
        print(_json(scores))
        return 0
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value:>10}")
    return 0


def predict_parser(parser: Parser, argv: list[str]) -> list[str]:
    """The words of ``predict``, for the parser that this builds."""
    arranged, system = _add_run(parser, argv)
    _add_texts(parser, system, ": lines of --input or of standard input")
    parser.add_argument(
        "--input",
        type=str | None,
        help="a file with what is asked, a line each (- is standard input)",
    )
    parser.add_argument("--output", type=str | None, help="a file for the answers, one a line")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each answer")
    return arranged


def predict(options: Namespace) -> int:
    """Answer texts, in their order, as they come."""
    trained = load(Path(options.run))
    search = _search(options)
    if options.texts and options.input is not None:
        raise RangeError("what is asked is given as words or in --input FILE, not both")
    _check_distinct(options.input, options.output)
    with _output(options.output) as file:
        long = options.output is not None
        asked = _asked(trained, options.texts, options.input, search)
        for answer in _answers(trained, asked, search, progress=long):
            # At once: somebody may be waiting for it at the other end of a pipe.
            print(_json(answer.as_json()) if options.json else answer.line, file=file, flush=True)
    return 0


def explain_parser(parser: Parser, argv: list[str]) -> list[str]:
    """The words of ``explain``, for the parser that this builds."""
    arranged, system = _add_run(parser, argv)
    _add_texts(parser, system, ", and without --samples: lines of standard input")
    parser.add_argument(
        "--samples", type=int, default=0, help="how many held-out examples of the run's data to add"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=str | None,
        help="write a file: .html for a page of all, .png, .svg or .pdf for a picture of one",
    )
    parser.add_argument("--json", action="store_true", help="print the weights as JSON")
    return arranged


def explain(options: Namespace) -> int:
    """Show what a run attends to."""
    path = Path(options.run)
    trained, search = load(path), _search(options)
    samples = options.samples
    if samples < 0:
        raise RangeError(f"--samples is at least 0: {samples}")
    if options.output is not None:
        _check_output(Path(options.output), len(options.texts) + samples)
    asked = _asked(trained, options.texts, None, search, also=samples > 0)
    if samples:
        system, examples = system_of(Run.open(path)), held_out(path)
        some = (examples[place] for place in range(min(samples, len(examples))))
        asked = Asked([*asked.questions, *map(system.question, some)], typed=False)
    found = list(_answers(trained, asked, search))
    if options.output is not None:
        _write(found, system_of(Run.open(path)), Path(options.output))
    for answer in found:
        if options.json:
            print(_json(answer.weights_as_json()))
        else:
            print(f"\n{answer.title}\n\n{answer.terminal()}")
    return 0


def _add_texts(parser: Parser, system: System | None, without: str) -> None:
    asks = "texts" if system is None else system.asks
    parser.add_argument(
        "texts",
        nargs="*",
        type=str,
        default=[],
        metavar="TEXT",
        help=f"{asks}; without any{without}",
    )


def _add_run(parser: Parser, argv: Sequence[str]) -> tuple[list[str], System | None]:
    """Add the run, and the options of the search that its system knows; the words arranged, and the
    system."""
    parser.add_argument("run", type=str, metavar="RUN", help="a run folder")
    _, rest = words.parted(argv)
    try:
        system = system_of(Run.open(Path(rest[0]))) if rest else None
    except RegardError:
        system = None  # the command itself will say what is wrong with the run
    search = None if system is None else system.search
    if search is not None and fields(search):
        parser.add_class_arguments(search, as_group=True)
    flags = () if search is None else (f for f in fields(search) if f.default is False)
    return words.for_use(argv, {f"--{flag.name}" for flag in flags}), system


def _search(options: Namespace) -> Any:
    kind = system_of(Run.open(Path(options.run))).search
    names = (field.name for field in fields(kind))
    return kind(**{name: options[name] for name in names if name in options})


class Asked(NamedTuple):
    """Questions, and whether a person types them."""

    questions: Iterable[Any]
    typed: bool


def _asked(
    trained: Trained, texts: Sequence[str], file: str | None, search: Any, *, also: bool = False
) -> Asked:
    """What is asked: by words, by a file's lines, by the options themselves, or by the lines of
    standard input (unless something is asked ``also``)."""
    own = trained.own_questions(search)
    if texts or own or (also and file is None):
        return Asked([*(trained.question_of(text, search) for text in texts), *own], typed=False)
    typed = file in (None, "-") and sys.stdin.isatty()
    return Asked(_lines(file or "-", trained, search), typed)


def _answers(
    trained: Trained, asked: Asked, search: Any, *, progress: bool = False
) -> Iterator[Answer]:
    """Answers in the order of the questions: one by one where a person types them."""
    return streamed(
        asked.questions,
        lambda some: trained.predict(some, search),
        length=trained.length,
        pool=1 if asked.typed else POOL,
        progress=progress,
    )


def _lines(file: str, trained: Trained, search: Any) -> Iterator[Any]:
    """What the lines of a file ask, none longer than can be answered."""
    from regard.data.files import lines, name

    longest = trained.longest
    for number, text in lines(file):
        if longest is not None and len(text) > longest:
            raise DataError(
                f"{name(file)}:{number}: a text of {len(text):,} characters; at most {longest:,} "
                "are answered"
            )
        try:
            yield trained.question_of(text, search)
        except DataError as error:
            raise DataError(f"{name(file)}:{number}: {error}") from None


def _check_distinct(source: str | None, target: str | None) -> None:
    """Answers may not be written over the texts that are still to be read."""
    if source in (None, "-") or target is None or not Path(target).exists():
        return
    if Path(source).exists() and Path(source).samefile(target):
        raise RangeError(f"--input and --output are the same file: {target}")


@contextmanager
def _output(path: str | None) -> Iterator[TextIO]:
    """Where answers go: a file takes its name when all are there; what there is of them before,
    and after an error, is in NAME.part."""
    if path is None:
        yield sys.stdout
        return
    part = Path(f"{path}.part")
    with part.open("w", encoding="utf-8") as file:
        yield file
    part.replace(path)


def _check_output(output: Path, count: int) -> None:
    if not output.parent.is_dir():
        raise RunError(f"{output.parent}: no such folder to write {output.name} to")
    if output.suffix not in PAGES and count > 1:
        raise RangeError(f"a picture shows one answer, and there are {count}: write a .html page")


def _write(found: list[Answer], system: System, output: Path) -> None:
    from regard.runs.report import explanation
    from regard.view import page

    if output.suffix in PAGES:
        page.write(output, explanation(found, system))
    else:
        _check_output(output, len(found))
        found[0].save(output)
    print(f"written: {output}", file=sys.stderr)


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False)
