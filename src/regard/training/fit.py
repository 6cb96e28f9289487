"""Training a translator, from its options to its run folder."""

import logging
import math
import warnings
from functools import partial
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from torch.utils.data import DataLoader

from regard.data.batching import Batch, Encoding, LengthBatches
from regard.data.pairs import Pair, Splits
from regard.data.vocabulary import split
from regard.errors import RangeError, RegardError, RunError
from regard.runs.evaluate import token_match
from regard.runs.folder import Run
from regard.systems.translator import Config, Translator
from regard.training.callbacks import JsonLines, KeepBest, StopOnSignal
from regard.training.options import Training
from regard.training.task import Task


class Plan(NamedTuple):
    """What a training needs: a model's config, how to train it, and the Trainer's own options."""

    model: Config
    training: Training
    trainer: dict[str, Any]


def rehearse(plan: Plan, encoding: Encoding) -> None:
    """Build what ``fit`` builds, and throw it away: so a bad option is told before anything is
    written.

    Raises:
        RangeError: an option that the model or the Trainer refuses.
    """
    _quieten()
    if plan.trainer.get("max_epochs") == 0 or plan.trainer.get("max_steps") == 0:
        raise RangeError("trainer.max_epochs and trainer.max_steps of 0 train nothing")
    try:
        Translator(plan.model, len(encoding.source), len(encoding.target))
        Trainer(**plan.trainer, logger=False, enable_checkpointing=False)
    except RegardError:
        raise
    except Exception as error:  # whatever a library says of an option, it is the option's fault
        raise RangeError(f"an option is refused: {error}") from error


def fit(
    run: Run,
    plan: Plan,
    splits: Splits,
    encoding: Encoding,
    stop: StopOnSignal,
    *,
    resume: bool,
) -> None:
    """Train a translator; its best weights so far are in the run at any time.

    Raises:
        Interrupted: a signal came; the checkpoint is written, and ``resume`` goes on from it.
        RunError: the checkpoint to resume from is broken.
    """
    _quieten()
    seed_everything(plan.training.seed, verbose=False)
    system = Translator(plan.model, len(encoding.source), len(encoding.target))
    lines, keep = JsonLines(run), KeepBest(run)
    trainer = Trainer(
        **plan.trainer,
        logger=lines,
        default_root_dir=run.path,
        callbacks=[
            *([] if plan.trainer.get("enable_progress_bar") is False else [TQDMProgressBar(5)]),
            stop,
            keep,
            # Not strict: a training of a few steps may end before its first validation.
            EarlyStopping("valid_loss", patience=plan.training.patience, strict=False),
            ModelCheckpoint(run.path, filename="last", save_top_k=1, enable_version_counter=False),
        ],
    )
    lines.trainer = trainer
    lines.forget_after(_steps_done(run) if resume else -1)
    task = Task(system, plan.training, token_match, run.checkpoint)
    valid = _loader(splits.valid, encoding, None)
    trainer.fit(
        task,
        _loader(splits.train, encoding, plan.training),
        valid,
        ckpt_path=run.checkpoint if resume else None,
        weights_only=False if resume else None,
    )
    trainer.save_checkpoint(run.checkpoint)  # the callback's is that of the last validation
    stop.raise_if_asked()
    if math.isinf(keep.best):  # it ended before its first validation
        trainer.validate(task, valid, verbose=False)


def _steps_done(run: Run) -> int:
    try:
        # Written by this program into the user's own folder; weights alone would not resume.
        return torch.load(run.checkpoint, weights_only=False)["global_step"]
    except Exception as error:  # unpickling broken bytes can raise anything
        raise RunError(f"{run.checkpoint} is broken: {error}") from error


def _loader(pairs: list[Pair], encoding: Encoding, training: Training | None) -> DataLoader[Any]:
    collate: Any = partial(_batch, encoding)
    if training is None:
        return DataLoader(pairs, batch_size=250, collate_fn=collate)  # pyright: ignore[reportArgumentType]
    lengths = [len(split(pair.source, encoding.source.units)) for pair in pairs]
    batches = LengthBatches(lengths, training.batch_size, training.seed)
    return DataLoader(pairs, batch_sampler=batches, collate_fn=collate)  # pyright: ignore[reportArgumentType]


def _batch(encoding: Encoding, pairs: list[Pair]) -> Batch:
    return encoding.batch(pairs)


def _quieten() -> None:
    """Lightning's advice on hardware and loaders is for its own users, not for ours."""
    for name in ("lightning", "lightning.pytorch", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        ".*number of training batches.*",
        ".*does not have many workers.*",
        ".*Checkpoint directory.*exists.*",
        ".*LeafSpec.*",
    ):
        warnings.filterwarnings("ignore", message)
