"""The training loop: one network, one data set, one seed, run by Lightning.

In: a `Learner`, stores of examples and a `TrainConfig`. Out: the best and the last weights, the curves, and Lightning's
own state for resuming, all in the run's folder. No line here depends on which network is trained.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from highlightr.core.device import core_count
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.files import write_whole
from highlightr.core.progress import ProgressHook
from highlightr.core.tensors import write_tensors
from highlightr.core.torch_files import read_torch_file
from highlightr.evaluation import find_protocol
from highlightr.scorers.neural import load_weights
from highlightr.training.batches import EpochOrder, SampleStore, epoch_loader
from highlightr.training.config import TrainConfig
from highlightr.training.curves import curves_svg
from highlightr.training.learners import Batch, Learner
from highlightr.training.objectives import weighted_loss
from highlightr.training.predict import predict
from highlightr.training.trainer import LightningModule, devices, make_trainer, quiet

BEST, LAST, METRICS, CURVES = "best.safetensors", "last.safetensors", "metrics.csv", "curves.svg"
STATE = "last.ckpt"
"""Lightning's checkpoint of the last finished epoch; only for resuming."""

_SEED_STEP = 100_003
"""More than any run has epochs: no two seeds share the draws of an epoch."""

_RANK_STEP = 1_000_000_007

_MOST_WORKERS = 4
"""Processes that read examples beside a GPU."""


@dataclass(frozen=True)
class FitResult:
    """What one run came to."""

    best_epoch: int
    history: tuple[dict[str, float], ...]
    """One row per epoch: `epoch`, `loss`, its terms, and the validation's metrics."""


class _Loop(LightningModule):
    """One network in training, with the curves so far."""

    def __init__(
        self,
        learner: Learner,
        config: TrainConfig,
        train_store: SampleStore,
        validation_store: SampleStore | None,
        folder: Path,
    ) -> None:
        super().__init__()
        self.learner, self.config, self.folder = learner, config, folder
        # Scorers make networks in evaluation mode, and Lightning leaves modes as it finds them.
        self.network = learner.network.train()
        self.train_store, self.validation_store = train_store, validation_store
        self.history: list[dict[str, float]] = []
        self._sums: dict[str, Tensor] = {}
        self._measured: dict[str, float] = {}

    def train_dataloader(self) -> DataLoader[Any]:
        """The batches of the current epoch."""
        store = self.train_store
        lengths = [len(item.labels) for item in store.items]
        config, trainer = self.config, self.trainer
        where = (trainer.global_rank, trainer.world_size)
        order = EpochOrder(
            lengths,
            config.batch_size,
            config.seed,
            self.current_epoch,
            *where,
            drop_last=config.drop_last,
            kinds=store.kinds,
        )
        # Reading takes longer than a GPU's step; a CPU has no cores to spare for it.
        read_beside = trainer.strategy.root_device.type == "cuda" and not store.fits_memory
        workers = min(_MOST_WORKERS, core_count() // trainer.world_size) if read_beside else 0
        return epoch_loader(store, self.learner, self.config.augment, order, workers)

    def configure_optimizers(self) -> Any:
        """Adam or AdamW, and the schedule; see `Optimiser`."""
        chosen = self.config.optimiser
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[chosen.name]
        optimiser = kind(self.network.parameters(), lr=chosen.learning_rate, weight_decay=chosen.weight_decay)
        if chosen.schedule == "constant":
            return optimiser
        if chosen.schedule == "exponential":
            return [optimiser], [torch.optim.lr_scheduler.ExponentialLR(optimiser, chosen.decay)]
        steps = int(self.trainer.estimated_stepping_batches)
        # Lightning steps the schedule after the last batch too, and OneCycleLR refuses one step too many.
        # The way up takes a tenth, and in the shortest runs the two steps that it cannot do with less.
        up = max(0.1, 2 / (steps + 1))
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, chosen.learning_rate, steps + 1, pct_start=up)
        return [optimiser], [{"scheduler": cycle, "interval": "step"}]

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The weighted loss of one batch."""
        if batch_index == 0:
            # Dropout draws from torch's own generator: seeded here, an epoch does not depend on those before it. The
            # hook for an epoch's start would not do: Lightning leaves it out in the first epoch after a resume.
            torch.manual_seed(self.config.seed * _SEED_STEP + self.current_epoch + self.global_rank * _RANK_STEP)
        outcome = self.learner.run(batch)
        loss, terms = weighted_loss(self.config.objective, outcome, batch.labels, batch.mask)
        count = torch.ones((), device=loss.device)
        for name, value in {"loss": loss, **terms, "batches": count}.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(count)) + value.detach().float()
        return loss

    def val_dataloader(self) -> DataLoader[Any]:
        """One step: the whole part is judged at once, in the scorer's own batches and windows."""
        return DataLoader([0])  # type: ignore[arg-type]

    def validation_step(self, *_: Any) -> None:
        """Judge the weights, or their moving average, which Lightning puts in their place meanwhile, and keep them."""
        self._measured = {}
        if self.validation_store is not None:
            cases = predict(self.learner, self.validation_store)
            self._measured = find_protocol(self.config.protocol).measure(cases)
        if self.trainer.is_global_zero:
            rows = [*self.history, self._measured]
            for name in (LAST, BEST) if best_epoch(rows, self.config) == len(self.history) else (LAST,):
                write_tensors(self.folder / name, self.network.state_dict())

    def on_train_epoch_end(self) -> None:
        """Extend the curves, and stop where they say so."""
        sums = {name: float(value) for name, value in self._sums.items()}
        self._sums = {}
        losses = {name: value / sums["batches"] for name, value in sums.items() if name != "batches"}
        if not math.isfinite(losses["loss"]):
            raise ConfigError(
                f"{self.config.name}: the loss is {losses['loss']} in epoch {self.current_epoch}: "
                "set a smaller optimiser.learning_rate, or gradient_clip"
            )
        row = {"epoch": float(self.current_epoch), **losses, **self._measured}
        self.history.append(row)
        over = is_over(self.history, self.config)
        self.trainer.should_stop = self.trainer.strategy.reduce_boolean_decision(over, all=False)
        if self.trainer.is_global_zero:
            self._log_row(row)
            write_whole(self.folder / CURVES, curves_svg(self.history, self.config.name))

    def on_train_start(self) -> None:
        """The logger begins a new file, so a run that goes on gives it what it had."""
        for row in self.history:
            self._log_row(row)

    def _log_row(self, row: dict[str, float]) -> None:
        if self.logger is not None:
            self.logger.log_metrics(row, step=int(row["epoch"]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The curves so far go with the state."""
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """See `on_save_checkpoint`."""
        self.history = list(checkpoint["history"])


def best_epoch(history: Sequence[dict[str, float]], config: TrainConfig) -> int:
    """Index of the first epoch with the highest monitored metric; the last epoch without validation."""
    if not config.validates:
        return len(history) - 1
    values = [row[config.monitor] for row in history]
    return values.index(max(values))


def is_over(history: Sequence[dict[str, float]], config: TrainConfig) -> bool:
    """Whether a run with these curves is at its last epoch, or has been for `patience` epochs no better."""
    if not history or len(history) >= config.epochs:
        return len(history) >= config.epochs
    return config.patience > 0 and len(history) > best_epoch(history, config) + config.patience


def saved_history(state: Path) -> list[dict[str, float]]:
    """The curves of a run that was broken off, from its state; none without one.

    Raises:
        WeightsError: another program's file, or a damaged one.
    """
    if not state.is_file():
        return []
    try:
        return [{name: float(value) for name, value in row.items()} for row in read_torch_file(state)["history"]]
    except (WeightsError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"{state} is not a state that this program wrote; remove it to start again") from error


def fit(
    learner: Learner,
    config: TrainConfig,
    train: SampleStore,
    validation: SampleStore | None,
    folder: Path,
    device: str = "auto",
    progress: ProgressHook | None = None,
) -> FitResult:
    """Train until the last epoch, or until validation stops it; goes on where a killed run in `folder` stopped.

    Args:
        learner: what is trained; afterwards its network holds the last weights.
        config: the run; `config.seed` seeds everything that is drawn after the first weights.
        validation: examples to stop by; `None`: every epoch is run and the last is kept.
        folder: exists; gets the best and last weights, the curves as CSV and picture, and the state for resuming.
        device: `cuda` (every GPU there is), `cpu`, or `auto`: GPUs if there are any.
        progress: called with stage `train`, in epochs, unless several GPUs train together.

    Raises:
        ConfigError: a term or metric that this network or protocol does not have.
        WeightsError: a state in `folder` that is not plain data.
        OutputError: the folder cannot be written.
    """
    if config.drop_last and len(train) < config.batch_size:
        raise ConfigError(
            f"{config.name}: {len(train)} examples do not fill a batch of {config.batch_size}, and drop_last leaves "
            "them out: set drop_last: false or a smaller batch_size"
        )
    place, count = devices(device)
    if count > 1:
        for store in (train, validation):
            if store is not None:
                store.embed_queries()  # the other processes get the vectors, not the encoder
    done = saved_history(folder / STATE)
    if not is_over(done, config):
        with quiet():
            loop = _Loop(learner, config, train, validation, folder)
            trainer = make_trainer(config, folder, place, count, progress)
            trainer.fit(loop, ckpt_path=str(folder / STATE) if done else None, weights_only=True)
    # Read back from the folder: where several processes trained, this one has seen neither weights nor curves.
    load_weights(learner.network.cpu().eval(), folder / LAST, config.scorer.name)
    with (folder / METRICS).open(newline="", encoding="utf-8") as file:
        history = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return FitResult(best_epoch(history, config), tuple(history))
