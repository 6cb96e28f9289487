"""The one Lightning task for all systems: a loss, an optimizer, a schedule."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader

from regard.runs.dealing import Batches
from regard.training import randomness
from regard.training.options import Training
from regard.training.progress import Progress, factor


class Task(LightningModule):
    """Trains anything with ``loss(batch) -> Loss``.

    What is minimised is the mean over the tokens (or examples) of the whole batch, wherever its
    parts are: with several processes too, each of which has a part of every batch.

    Args:
        system: the model. If it has a number ``progress``, it is told the share of the training
            that is done. If it has a ``carried``, what one step leaves for the next, that goes into
            checkpoints.
        options: how it is trained.
        judge: what else to measure of a validation batch, a mean over its rows; larger is better.
        checkpoint: where the state goes.
        measure: what ``judge`` measures.
    """

    def __init__(
        self,
        system: nn.Module,
        options: Training,
        judge: Callable[[Any, Any], float],
        checkpoint: Path,
        measure: str,
    ) -> None:
        super().__init__()
        self.system, self.options, self.judge, self.measure = system, options, judge, measure
        self.checkpoint = checkpoint

    def training_step(self, batch: Any) -> Tensor:
        if hasattr(self.system, "progress"):
            self.system.progress = self._progress.after(self.global_step)  # pyright: ignore[reportArgumentType]
        total, count = self.system.loss(batch)  # pyright: ignore[reportCallIssue]
        every = self._summed(torch.stack([total.detach(), count.to(total.dtype)]))
        self.log("train_loss", every[0] / every[1].clamp(min=1), prog_bar=True)
        # The processes' gradients are averaged, and what is wanted is their sum.
        return total * self.trainer.world_size / every[1].clamp(min=1)

    def on_validation_epoch_start(self) -> None:
        self._sums = torch.zeros(4, dtype=torch.float64)

    def validation_step(self, batch: Any) -> None:
        total, count = self.system.loss(batch)  # pyright: ignore[reportCallIssue]
        rows = len(batch[0])
        measured = self.judge(self.system, batch) * rows
        self._sums += torch.tensor([float(total), float(count), measured, rows])

    def on_validation_epoch_end(self) -> None:
        total, count, measured, rows = self._summed(self._sums.to(self.device)).tolist()
        self.log("valid_loss", total / max(count, 1), prog_bar=True)
        self.log(f"valid_{self.measure}", measured / max(rows, 1), prog_bar=True)

    def configure_optimizers(self) -> Any:
        training = self.options
        optimizer = torch.optim.AdamW(
            self.parameters(),
            training.learning_rate,
            weight_decay=training.weight_decay,
            fused=self._scaler is None,
        )
        self._progress = Progress(self.trainer)
        least = 1 / self._progress.steps

        def at(step: int) -> float:
            return factor(training, self._progress.after(step), least)

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, at)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        if self._scaler is None and gradient_clip_val and gradient_clip_algorithm in (None, "norm"):
            # Lightning refuses to clip for fused optimizers in bfloat16, as it must in float16,
            # where gradients are still scaled.
            nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)
            return
        super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)

    @property
    def _scaler(self) -> Any:
        """What scales gradients in float16; None in other precisions."""
        return getattr(self.trainer.precision_plugin, "scaler", None)

    def on_train_epoch_start(self) -> None:
        self._batches().epoch = self.current_epoch

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # Lightning keeps neither the random states nor the place in the data: without them a
        # resumed training would be another one.
        progress: Any = self.trainer.fit_loop.epoch_loop.batch_progress.current
        whole = progress.processed >= self.trainer.num_training_batches
        checkpoint["regard"] = {
            "epoch": self.current_epoch + whole,
            "skip": 0 if whole else progress.processed,
            "random": self._of_all(randomness.state()),
            "carried": self._of_all(getattr(self.system, "carried", None)),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._resumed = checkpoint["regard"]

    def on_train_start(self) -> None:
        resumed = self.__dict__.pop("_resumed", None)
        if resumed is not None:
            batches = self._batches()
            batches.epoch, batches.skip = resumed["epoch"], resumed["skip"]
            states = resumed["random"]
            # With another number of processes it is another training anyway.
            randomness.restore(states[self.global_rank % len(states)])
            carried = resumed.get("carried", [None])
            if hasattr(self.system, "carried"):
                self.system.carried = carried[self.global_rank % len(carried)]
            self._went_on = True
        elif self.global_rank:
            # All processes were seeded alike, for the same first weights; from here on each drops
            # other features, as one process would of other rows.
            torch.manual_seed(self.options.seed + 1_000_003 * self.global_rank)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        if self.__dict__.pop("_went_on", False):
            # Lightning counts a step more when it goes on, and would log at other steps.
            self.trainer.fit_loop.epoch_loop._batches_that_stepped = self.global_step

    def _summed(self, numbers: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.trainer.world_size > 1:
            torch.distributed.all_reduce(numbers)
        return numbers

    def _of_all(self, own: Any) -> list[Any]:
        """What every process has, in their order."""
        everyone = [own] * self.trainer.world_size
        if self.trainer.world_size > 1:
            torch.distributed.all_gather_object(everyone, own)
        return everyone

    def _batches(self) -> Batches:
        loader = self.trainer.train_dataloader
        assert isinstance(loader, DataLoader)
        batches: Any = loader.batch_sampler
        return batches
