"""Training a system, from its options to its run folder."""

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, TQDMProgressBar
from torch import Tensor, nn
from torch.utils.data import DataLoader

from regard.data.batching import LengthBatches
from regard.data.splits import Splits
from regard.errors import RangeError, RegardError, RunError
from regard.runs.folder import Run
from regard.runs.system import Encoding, System
from regard.training.callbacks import JsonLines, KeepBest, StopOnSignal
from regard.training.checkpoints import SaveOften, WholeFiles, save
from regard.training.options import Training
from regard.training.task import Task

AT_ONCE = 250
"""Examples of a validation batch."""


class Plan(NamedTuple):
    """What a training needs: a system, its model's config, how to train it, the Trainer's own
    options, and the weights to begin with, if not fresh ones."""

    system: System
    model: Any
    training: Training
    trainer: dict[str, Any]
    weights: dict[str, Tensor] | None = None

    def build(self, encoding: Encoding) -> nn.Module:
        """The model before the first step.

        Raises:
            RunError: the weights to begin with are those of another model.
        """
        model = self.system.build(self.model, encoding)
        if self.weights is not None:
            try:
                model.load_state_dict(self.weights)
            except RuntimeError as error:
                raise RunError(f"--init: these weights are of another model: {error}") from None
        return model


def rehearse(plan: Plan, encoding: Encoding) -> int:
    """Build what ``fit`` builds, and throw it away: so a bad option is told before anything is
    written. Returns the number of parameters.

    Raises:
        RangeError: an option that the model or the Trainer refuses.
    """
    quieten()
    if plan.trainer.get("max_epochs") == 0 or plan.trainer.get("max_steps") == 0:
        raise RangeError("trainer.max_epochs and trainer.max_steps of 0 train nothing")
    try:
        model = plan.build(encoding)
        Trainer(**plan.trainer, logger=False, enable_checkpointing=False)
    except RegardError:
        raise
    except Exception as error:  # whatever a library says of an option, it is the option's fault
        raise RangeError(f"an option is refused: {error}") from error
    return sum(parameter.numel() for parameter in model.parameters())


def fit(
    run: Run,
    plan: Plan,
    splits: Splits[Any],
    encoding: Encoding,
    stop: StopOnSignal,
    *,
    resume: bool,
) -> bool:
    """Train a system; its best weights so far are in the run at any time.

    Returns:
        Whether this is the process that speaks for all of them.

    Raises:
        Interrupted: a signal came; the checkpoint is written, and ``resume`` goes on from it.
        RunError: the checkpoint to resume from is broken, or one cannot be written.
    """
    quieten()
    seed_everything(plan.training.seed, verbose=False)
    system = plan.build(encoding)
    lines, keep = JsonLines(run), KeepBest(run)
    trainer = Trainer(
        **plan.trainer,
        logger=lines,
        default_root_dir=run.path,
        enable_checkpointing=False,  # of Lightning's own
        use_distributed_sampler=False,  # LengthBatches deals the batches out
        plugins=[WholeFiles()],
        callbacks=[
            *([] if plan.trainer.get("enable_progress_bar") is False else [TQDMProgressBar(5)]),
            stop,
            keep,
            # Not strict: a training of a few steps may end before its first validation.
            EarlyStopping("valid_loss", patience=plan.training.patience, strict=False),
            SaveOften(plan.training.checkpoint_steps),
        ],
    )
    lines.trainer = trainer
    if trainer.is_global_zero:
        lines.forget_after(_steps_done(run) if resume else -1)
    task = Task(system, plan.training, plan.system.judge, run.checkpoint, plan.system.measure)
    shards = (trainer.world_size, trainer.global_rank)
    valid = _loader(splits.valid, encoding, None, shards)
    trainer.fit(
        task,
        _loader(splits.train, encoding, plan.training, shards),
        valid,
        ckpt_path=run.checkpoint if resume else None,
        weights_only=False if resume else None,
    )
    save(trainer, run.checkpoint)  # the callback's may be of some steps before
    stop.raise_if_asked()
    if math.isinf(keep.best):  # it ended before its first validation
        trainer.validate(task, valid, verbose=False)
    return trainer.is_global_zero


def _steps_done(run: Run) -> int:
    try:
        # Written by this program into the user's own folder; weights alone would not resume.
        return torch.load(run.checkpoint, weights_only=False)["global_step"]
    except Exception as error:  # unpickling broken bytes can raise anything
        raise RunError(f"{run.checkpoint} is broken: {error}") from error


def _loader(
    examples: Sequence[Any],
    encoding: Encoding,
    training: Training | None,
    shards: tuple[int, int],
) -> DataLoader[Any]:
    """Training batches, or, without ``training``, the validation part in its order."""
    if training is None:
        sampler: Any = _InOrder(len(examples), *shards)
    else:
        sampler = LengthBatches(
            _lengths(examples, encoding),
            training.batch_size,
            training.seed,
            tokens=training.batch_tokens,
            shards=shards[0],
            shard=shards[1],
        )
    return DataLoader(
        examples,  # pyright: ignore[reportArgumentType]
        batch_sampler=sampler,
        collate_fn=encoding.batch,
        # Of its own: else each pass over the data draws from the states that the model draws from,
        # and a training that goes on at the start of an epoch would make one pass more.
        generator=torch.Generator(),
    )


def _lengths(examples: Sequence[Any], encoding: Encoding) -> np.ndarray:
    """Tokens of each example, on each of its sides: 4 bytes a number, while they are made too."""
    sides = np.size(encoding.length(examples[0]))
    found = map(encoding.length, examples)
    return np.fromiter(found, np.dtype((np.int32, (sides,)) if sides > 1 else np.int32), len(examples))


class _InOrder:
    """Places 0 … count − 1 in batches; of several processes, each has every so-manieth place."""

    def __init__(self, count: int, shards: int, shard: int) -> None:
        if count < shards:
            raise RangeError(f"{count} examples to validate on are too few for {shards} processes")
        self.places = range(shard, count, shards)

    def __len__(self) -> int:
        return -(-len(self.places) // AT_ONCE)

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, len(self.places), AT_ONCE):
            yield list(self.places[start : start + AT_ONCE])


RANKS = ("lightning.fabric.utilities.rank_zero", "lightning.pytorch.utilities.rank_zero")
"""Loggers that say what each process is."""


def quieten() -> None:
    """Lightning's advice on hardware and loaders is for its own users, not for ours."""
    for name in ("lightning", "lightning.fabric", "lightning.pytorch", *RANKS):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        ".*number of training batches.*",
        ".*does not have many workers.*",
        ".*Checkpoint directory.*exists.*",
        ".*LeafSpec.*",
        ".*sync_dist=True.*",  # the task has summed over the processes by itself
    ):
        warnings.filterwarnings("ignore", message)
