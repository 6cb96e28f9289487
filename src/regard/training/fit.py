"""Training a system, from its options to its run folder."""

import logging
import math
import sys
import warnings
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, TQDMProgressBar
from torch import Tensor, nn
from torch.utils.data import DataLoader

from regard.data.splits import Splits
from regard.errors import KindError, RangeError, RegardError, RunError
from regard.runs.dealing import Deal, Dealt
from regard.runs.folder import Run
from regard.runs.system import Encoding, System
from regard.training.callbacks import JsonLines, KeepWeights, StopOnSignal
from regard.training.checkpoints import SaveOften, WholeFiles, save
from regard.training.options import Training
from regard.training.task import Task

AT_ONCE = 250
"""Examples of a validation batch, of all processes together."""


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
            # What is not learned, such as a baseline, may be new: hard attention begins with soft.
            fresh = dict(model.named_buffers())
            try:
                model.load_state_dict(fresh | self.weights)
            except RuntimeError as error:
                raise RunError(f"--init: these weights are of another model: {error}") from None
        return model


def rehearse(plan: Plan, encoding: Encoding) -> int:
    """Build what ``fit`` builds, and throw it away: so a bad option is told before anything is
    written. Returns the number of parameters.

    Raises:
        RangeError: an option that the model or the Trainer refuses.
        KindError: an option of training that means nothing to the system.
    """
    quieten()
    for name, why in plan.system.refused.items():
        if getattr(plan.training, name) != getattr(Training(), name):
            raise KindError(f"training.{name} {why}: leave it out")
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
    lines, keep = JsonLines(run), KeepWeights(run, always=plan.training.keep == "last")
    trainer = Trainer(
        **plan.trainer,
        logger=lines,
        default_root_dir=run.path,
        enable_checkpointing=False,  # of Lightning's own
        use_distributed_sampler=False,  # the system deals the batches out
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
    train, valid = (
        _loader(plan.system.batches(part, encoding, deal))
        for part, deal in (
            (splits.train, _deal(plan, trainer, learns=True)),
            (splits.valid, _deal(plan, trainer, learns=False)),
        )
    )
    trainer.fit(
        task,
        train,
        valid,
        ckpt_path=run.checkpoint if resume else None,
        weights_only=False if resume else None,
    )
    save(trainer, run.checkpoint)  # the callback's may be of some steps before
    stop.raise_if_asked()
    if math.isinf(keep.best):  # it ended before its first validation
        trainer.validate(task, valid, verbose=False)
    _tell_divergence(trainer, keep)
    return trainer.is_global_zero


def _tell_divergence(trainer: Trainer, keep: KeepWeights) -> None:
    """A loss that is no number any more ends a training: say so.

    Raises:
        RunError: it never was one.
    """
    if math.isinf(keep.best):
        raise RunError(
            f"{keep.run.path}: the loss on the validation part is no finite number after "
            f"{trainer.global_step:,} steps, and no weights are kept: try a smaller "
            "training.learning_rate"
        )
    last = trainer.callback_metrics.get("valid_loss", keep.best)
    if trainer.is_global_zero and not math.isfinite(last):
        print(
            "note: training ended when the loss was no finite number any more; the best weights "
            "before are kept",
            file=sys.stderr,
        )


def _steps_done(run: Run) -> int:
    try:
        # Written by this program into the user's own folder; weights alone would not resume.
        return torch.load(run.checkpoint, weights_only=False)["global_step"]
    except Exception as error:  # unpickling broken bytes can raise anything
        raise RunError(f"{run.checkpoint} is broken: {error}") from error


def _deal(plan: Plan, trainer: Trainer, *, learns: bool) -> Deal:
    training = plan.training
    return Deal(
        training.batch_size if learns else AT_ONCE,
        training.seed,
        learns,
        training.batch_tokens,
        trainer.world_size,
        trainer.global_rank,
    )


def _loader(dealt: Dealt) -> DataLoader[Any]:
    return DataLoader(
        dealt.examples,  # pyright: ignore[reportArgumentType]
        batch_sampler=dealt.batches,  # pyright: ignore[reportArgumentType]
        collate_fn=dealt.collate,
        # Of its own: else each pass over the data draws from the states that the model draws from,
        # and a training that goes on at the start of an epoch would make one pass more.
        generator=torch.Generator(),
    )


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
