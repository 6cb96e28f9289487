"""The command line: ``regard train | evaluate | predict | explain``.

A command's parser is built when that command is called: only ``train`` imports Lightning, and
``predict`` starts answering as soon as torch is there.
"""

import json
import os
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from regard import words
from regard.errors import MissingExtra, RegardError, RunError

try:
    from jsonargparse import (
        ActionConfigFile,  # pyright: ignore[reportPrivateImportUsage]
        ArgumentParser,
        DefaultHelpFormatter,
        Namespace,
    )
except ImportError as error:
    raise MissingExtra("the command line needs pip install 'regard[train]'") from error

COMMANDS: dict[str, str] = {
    "train": "train a system on built-in data or on a file, into a run folder",
    "evaluate": "score a run on texts that it has not learned from",
    "predict": "answer texts with a run",
    "explain": "show what a run attends to, in the terminal or as a page",
}

SYSTEMS: dict[str, str] = {
    "translator": "text to text: RNNsearch (Bahdanau) and Luong's translator",
}


class Readable(RawDescriptionHelpFormatter, DefaultHelpFormatter):
    """Help whose examples keep their lines."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, or 2 for input that cannot be used, or 128 and
    the signal's number where one came."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(argv)
    except RegardError as error:
        print(f"regard: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has gone; what Python would still flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"regard: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        return 2


def _run(argv: list[str]) -> int:
    from regard import __version__

    command = next((word for word in argv if word in COMMANDS), None)
    parser = ArgumentParser(
        prog="regard",
        description="Train, use and look into systems built on attention.",
        version=__version__,
        formatter_class=Readable,
        allow_abbrev=False,
    )
    commands = parser.add_subcommands(dest="command")
    for name, about in COMMANDS.items():
        own = ArgumentParser(description=f"{about[0].upper()}{about[1:]}.", allow_abbrev=False)
        commands.add_subcommand(name, own, help=about)
        if name == command:
            PARSERS[name](own)
    options = parser.parse_args(_arranged(argv, command))
    return ACTIONS[options.command](options[options.command])


def _arranged(argv: list[str], command: str | None) -> list[str]:
    if command is None or argv[0] != command:
        return argv
    if command != "train":
        return [command, *words.for_use(argv[1:])]
    if len(argv) < 2 or argv[1] not in SYSTEMS:
        return argv
    system = argv[1]

    def config_of_run(run: str | None, source: str) -> Path:
        from regard.runs.folder import Run

        return Run.open(Path(run or _default_run(system, source))).path / "config.yaml"

    return [*argv[:2], *words.for_training(argv[2:], config_of_run)]


def _default_run(system: str, source: str) -> str:
    return f"runs/{system}-{'stdin' if source == '-' else Path(source).name.split('.')[0]}"


def _train_parser(parser: ArgumentParser) -> None:
    try:
        from lightning.pytorch import Trainer
    except ImportError as error:
        raise MissingExtra("training needs pip install 'regard[train]'") from error
    from regard.data.sources import BUILTIN, PairsConfig
    from regard.systems.translator import Config
    from regard.training.options import Training

    systems = parser.add_subcommands(dest="system")
    own = ArgumentParser(
        description="Train a translator: an encoder of the source, and a decoder that attends "
        "to it while it writes the target. Unless --trainer says otherwise, it reads the built-in "
        "dates once, and a file 20 times or until the validation loss no longer falls.",
        usage="regard train translator [DATA] [--run RUN] [options]",
        epilog=EXAMPLES,
        allow_abbrev=False,
    )
    systems.add_subcommand("translator", own, help=SYSTEMS["translator"])
    own.add_argument("--config", action=ActionConfigFile, help="a YAML file of options")
    own.add_argument(
        "--source",
        type=str,
        default="dates",
        metavar="DATA",
        help=f"built-in data ({', '.join(BUILTIN)}), a file of two tab-separated columns "
        "(UTF-8, .gz too), or - for standard input; DATA alone, without --source, does too",
    )
    own.add_argument("--run", type=str | None, help="the run folder; null: runs/translator-DATA")
    own.add_argument("--overwrite", action="store_true", help="replace a run that is there")
    own.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    own.add_class_arguments(PairsConfig, "data")
    own.add_class_arguments(Config, "model")
    own.add_class_arguments(Training, "training")
    own.add_class_arguments(Trainer, "trainer", skip=set(NOT_TO_CHOOSE), instantiate=False)
    own.set_defaults({f"trainer.{name}": value for name, value in TRAINER_DEFAULTS.items()})


EXAMPLES = """
examples:
  regard train translator                          learn the built-in dates
  regard train translator pairs.tsv --data.units words --model.hidden 256
  regard train translator pairs.tsv.gz --model.attention luong --model.score dot
  regard train translator --config run/config.yaml --run runs/again
  regard train translator --run runs/again --resume
"""

# What of the Trainer the run folder decides, or no system uses.
NOT_TO_CHOOSE: tuple[str | int, ...] = (
    "logger",
    "callbacks",
    "default_root_dir",
    "enable_checkpointing",
    "enable_autolog_hparams",
    "model_registry",
    "profiler",
    "plugins",
    "fast_dev_run",
    "barebones",
    "overfit_batches",
    "limit_test_batches",
    "limit_predict_batches",
    "reload_dataloaders_every_n_epochs",
    "use_distributed_sampler",
)

TRAINER_DEFAULTS = {
    "gradient_clip_val": 1.0,
    "log_every_n_steps": 10,
    "num_sanity_val_steps": 0,
    "enable_model_summary": False,
}


def _train(chosen: Namespace) -> int:
    from regard.runs.folder import Run
    from regard.training.start import Order, start

    options = chosen[chosen.system].clone()
    options.pop("config", None)
    path, overwrite, resume = (options.pop(name) for name in ("run", "overwrite", "resume"))
    order = Order(chosen.system, options.as_dict())
    folder = Path(path or _default_run(chosen.system, options.source))
    if resume and overwrite:
        raise RunError("--resume goes on with a run and --overwrite replaces it: choose one")
    return start(order, folder, overwrite=overwrite, resumed=Run.open(folder) if resume else None)


def _run_argument(parser: ArgumentParser) -> None:
    parser.add_argument("run", type=str, metavar="RUN", help="a run folder")


def _evaluate_parser(parser: ArgumentParser) -> None:
    _run_argument(parser)
    parser.add_argument(
        "source",
        nargs="?",
        type=str | None,
        metavar="DATA",
        help="a file of pairs, or - for standard input; without it: the part of the run's own "
        "data that was held out, and the run's report is written anew",
    )
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")


def _evaluate(options: Namespace) -> int:
    from regard.data.pairs import read
    from regard.runs.evaluate import evaluate
    from regard.runs.held_out import judge
    from regard.runs.translate import load

    path = Path(options.run)
    if options.source is None:
        scores = judge(path)
    else:
        scores = evaluate(load(path), read(options.source), "")
    _print_scores(scores, as_json=options.json)
    return 0


def _predict_parser(parser: ArgumentParser) -> None:
    _run_argument(parser)
    parser.add_argument(
        "texts",
        nargs="*",
        type=str,
        default=[],
        metavar="TEXT",
        help="texts; without any: lines of standard input",
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each text")


def _predict(options: Namespace) -> int:
    from regard.runs.translate import load

    trained = load(Path(options.run))
    for texts in _chunks(options.texts):
        for found in trained.translate(texts):
            line = found.target
            if options.json:
                line = _json(
                    source=found.source,
                    target=found.target,
                    log_probability=round(found.log_probability, 6),
                )
            print(line, flush=sys.stdin.isatty())
        sys.stdout.flush()
    return 0


def _explain_parser(parser: ArgumentParser) -> None:
    _run_argument(parser)
    parser.add_argument(
        "texts",
        nargs="*",
        type=str,
        default=[],
        metavar="TEXT",
        help="texts; without any, and without --samples: lines of standard input",
    )
    parser.add_argument(
        "--samples", type=int, default=0, help="how many held-out texts of the run's data to add"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=str | None,
        help="write a file: .html for a page of all texts, .png, .svg or .pdf for a picture of one",
    )
    parser.add_argument("--json", action="store_true", help="print tokens and weights as JSON")


def _explain(options: Namespace) -> int:
    from regard.runs.held_out import held_out
    from regard.runs.translate import load
    from regard.view import terminal

    path = Path(options.run)
    trained = load(path)
    if options.output is not None:
        _check_output(Path(options.output), len(options.texts) + max(options.samples, 0))
    pairs = held_out(path)[: options.samples] if options.samples > 0 else []
    texts = [*options.texts, *(pair.source for pair in pairs)]
    if not texts and options.samples <= 0:
        texts = [text for chunk in _chunks([]) for text in chunk]
    found = trained.translate(texts)
    if options.output is not None:
        _write_explanation(found, Path(options.output))
    for one in found:
        if options.json:
            print(
                _json(
                    source=one.alignment.source,
                    target=one.alignment.target,
                    weights=one.alignment.weights.round(6).tolist(),
                )
            )
        else:
            print(f"\n{one.source} → {one.target}\n\n{terminal.alignment(one.alignment)}")
    return 0


def _check_output(output: Path, count: int) -> None:
    from regard.errors import RangeError

    if not output.parent.is_dir():
        raise RunError(f"{output.parent}: no such folder to write {output.name} to")
    if output.suffix not in PAGES and count > 1:
        raise RangeError(f"a picture shows one text, and there are {count}: write a .html page")


PAGES = (".html", ".htm")


def _write_explanation(found: list[Any], output: Path) -> None:
    from regard.runs.report import explanation
    from regard.view import page, picture

    if output.suffix in PAGES:
        page.write(output, explanation(found))
    else:
        _check_output(output, len(found))
        picture.save(found[0].alignment, output)
    print(f"written: {output}", file=sys.stderr)


def _chunks(texts: list[str], size: int = 256) -> Iterator[list[str]]:
    """The texts given, or else lines of standard input: one by one where a person types them."""
    from regard.data.pairs import lines

    if texts:
        yield texts
        return
    numbered = lines("-")
    count = 1 if sys.stdin.isatty() else size
    while chunk := [text for _, text in islice(numbered, count)]:
        yield chunk


def _print_scores(scores: dict[str, float], *, as_json: bool) -> None:
    from regard.runs.evaluate import table

    if as_json:
        print(_json(**scores))
        return
    rows = table(scores)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value:>10}")


def _json(**content: Any) -> str:
    return json.dumps(content, ensure_ascii=False)


PARSERS: dict[str, Callable[[ArgumentParser], None]] = {
    "train": _train_parser,
    "evaluate": _evaluate_parser,
    "predict": _predict_parser,
    "explain": _explain_parser,
}

ACTIONS: dict[str, Callable[[Namespace], int]] = {
    "train": _train,
    "evaluate": _evaluate,
    "predict": _predict,
    "explain": _explain,
}

if __name__ == "__main__":
    sys.exit(main())
