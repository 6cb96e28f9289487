"""``regard train SYSTEM [DATA]``: from options to a run folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import (
    ActionConfigFile,  # pyright: ignore[reportPrivateImportUsage]
    Namespace,
)

from regard.cli import words
from regard.cli.parser import Parser, Readable
from regard.errors import MissingExtra, RunError, UnknownName
from regard.runs.folder import Run
from regard.runs.system import SYSTEMS, System, named

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


def train_parser(parser: Parser, argv: list[str]) -> list[str]:
    """Build the parser of the system that is called; the words for it."""
    try:
        from lightning.pytorch import Trainer
    except ImportError as error:
        raise MissingExtra("training needs pip install 'regard[train]'") from error
    from regard.training.options import Training

    called = argv[0] if argv and argv[0] in SYSTEMS else None
    systems = parser.add_subcommands(dest="system")
    arranged = argv
    for name, about in SYSTEMS.items():
        own = Parser(formatter_class=Readable, allow_abbrev=False)
        systems.add_subcommand(name, own, help=about)
        if name != called:
            continue
        system = named(name)
        own.description = (
            f"Train the system {name}: {about}. Unless --trainer says otherwise, built-in data are "
            "read as often as suits them, and files 20 times or until the validation loss no "
            "longer falls."
        )
        own.usage = f"regard train {name} [DATA...] [--run RUN] [options]"
        own.epilog = system.examples
        _add_options(own, system)
        own.add_class_arguments(system.data, "data")
        own.add_class_arguments(system.model, "model")
        own.add_class_arguments(Training, "training")
        own.add_class_arguments(Trainer, "trainer", skip=set(NOT_TO_CHOOSE), instantiate=False)
        own.set_defaults({f"trainer.{key}": value for key, value in TRAINER_DEFAULTS.items()})
        arranged = [name, *_arranged(own, system, argv[1:])]
    return arranged


def _add_options(own: Parser, system: System) -> None:
    own.add_argument("--config", action=ActionConfigFile, help="a YAML file of options")
    own.add_argument(
        "--source",
        nargs="+",
        type=str,
        default=[system.source],
        metavar="DATA",
        help=f"{system.takes} (built in: {', '.join(system.builtin)}"
        f"{'; - is standard input' if system.piped else ''}); DATA alone, without --source, does "
        "too",
    )
    own.add_argument(
        "--run", type=str | None, help=f"the run folder; null: runs/{system.name}-DATA"
    )
    own.add_argument("--overwrite", action="store_true", help="replace a run that is there")
    own.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    own.add_argument(
        "--init",
        type=str | None,
        metavar="RUN",
        help="begin with the weights, the vocabularies and the model of another run, on other data",
    )


def _arranged(own: Parser, system: System, argv: list[str]) -> list[str]:
    """The words as the parser needs them; presets of built-in data, and the model of ``--init``,
    become defaults."""
    argv = words.without_source(argv)
    data = words.parted(argv)[1]
    named_in = [_source_of_config(own, Path(path)) for path in words.values_of("--config", argv)]
    data = next(filter(None, [data, *reversed(named_in)]), [])
    if len(data) < 2:
        preset = system.presets.get(data[0] if data else system.source, {})
        own.set_defaults({key: value for key, value in preset.items() if "." in key})
    init = words.value_of("--init", argv)
    if init is not None:
        config = _begun(system, init).config
        own.set_defaults({f"model.{key}": value for key, value in config["model"].items()})
        kept = {key: config["data"][key] for key in system.vocabulary if key in config["data"]}
        own.set_defaults({f"data.{key}": value for key, value in kept.items()})

    def config_of_run(run: str | None, source: list[str]) -> Path:
        return Run.open(Path(run or _default_run(system, source))).path / "config.yaml"

    return words.for_training(argv, system.source, config_of_run)


def _source_of_config(own: Parser, path: Path) -> list[str]:
    """The data that a config file names, if any.

    Raises:
        UnknownName: it has an option that there is not.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return []  # the parser will say what is wrong with it
    if not isinstance(content, dict):
        return []
    for name in _names(content, own.known):
        if f"--{name}" not in own.known:
            near = own.nearest(f"--{name}")
            hint = f" (did you mean {near.removeprefix('--')}?)" if near else ""
            raise UnknownName(f"{path}: there is no option {name}{hint}")
    source = content.get("source")
    return source if isinstance(source, list) else []


def _names(content: dict[Any, Any], known: list[str], before: str = "") -> Iterator[str]:
    """Of the options in a config file, groups resolved."""
    for key, value in content.items():
        name = f"{before}{key}"
        if isinstance(value, dict) and any(option.startswith(f"--{name}.") for option in known):
            yield from _names(value, known, f"{name}.")
        else:
            yield name


def _begun(system: System, init: str) -> Run:
    """The run to begin with.

    Raises:
        RunError: there is none, or it is of another system.
    """
    run = Run.open(Path(init))
    if run.about.get("system") != system.name:
        raise RunError(
            f"--init: {run.path} is a run of {run.about.get('system')}, and this is to be one of "
            f"{system.name}"
        )
    return run


def _default_run(system: System, sources: list[str]) -> str:
    first = "stdin" if sources[0] == "-" else Path(sources[0]).name.split(".")[0]
    return f"runs/{system.name}-{first}"


def train(chosen: Namespace) -> int:
    """Train what the options say; returns an exit status."""
    from regard.training.start import Order, start

    system = named(chosen.system)
    options: Any = chosen[chosen.system].clone()
    options.pop("config", None)
    path, overwrite, resume, init = (
        options.pop(name) for name in ("run", "overwrite", "resume", "init")
    )
    folder = Path(path or _default_run(system, options.source))
    for one, other in (("--resume", "--overwrite"), ("--resume", "--init")):
        given = {"--resume": resume, "--overwrite": overwrite, "--init": init}
        if given[one] and given[other]:
            raise RunError(f"{one} goes on with a run and {other} begins anew: choose one")
    begun = None if init is None else _begun(system, init)
    if begun is not None and begun.path.resolve() == folder.resolve():
        raise RunError(
            f"--init: {folder} would be replaced by what begins with it: give --run another folder"
        )
    order = Order(chosen.system, options.as_dict(), begun)
    return start(order, folder, overwrite=overwrite, resumed=Run.open(folder) if resume else None)
