"""Train a network: one visible loop over stages and epochs.

The epoch with the lowest validation loss is kept as a copy and restored at the
end; the test part is never seen here.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from scanbook.models import checkpoints
from scanbook.models.checkpoints import Standing
from scanbook.models.checks import check, check_parts
from scanbook.models.device import Chosen, choose
from scanbook.models.epochs import evaluate, train_epoch
from scanbook.models.failures import NotANumber
from scanbook.models.logs import open_log
from scanbook.models.networks import Network, parameter_counts, set_trainable
from scanbook.models.parallel import ALONE, World
from scanbook.models.prediction import save_network
from scanbook.models.schedules import epochs_without_fall, make_optimiser, rate_at

COLUMNS = (
    *("epoch", "stage", "rate", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_precision"),
    *("val_recall", "train_precision", "train_recall", "seconds", "images_per_second", "best"),
)


@dataclass(frozen=True)
class FitResult:
    """What a training leaves: the table of epochs, and the evaluation at the end of each stage.

    `stages` holds a dict a stage: stage, train, epochs (run), best_epoch (lowest validation loss within the
    stage, counted from the start of training), val_loss and val_accuracy after its last epoch; and what its
    optimiser really was: its class, rate of the first epoch, momentum, weight_decay, loss, trainable
    (parameters), frozen (tensors), first_trained (name of the first tensor that learns).
    """

    history: pd.DataFrame
    best_epoch: int
    best_val_loss: float
    seconds: float
    stages: list[dict]
    chosen: Chosen


def fit(
    network: Network,
    train: Any,
    val: Any,
    *,
    classes: Sequence[str],
    stages: Sequence[Mapping],
    optimiser: str,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    loss: str = "cross_entropy",
    schedule: Mapping,
    early_stopping: int | None = None,
    class_weights: Sequence[float] | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    channels_last: bool | str = "auto",
    folder: Path,
    on_epoch: Callable[[dict], None] | None = None,
    positive: str | None = None,
    tensorboard: bool = True,
    resume: bool = False,
    save_every: float = 60.0,
    micro_batches: int = 1,
    world: World = ALONE,
) -> FitResult:
    """Train `network` in place and leave the best epoch's weights in it.

    train, val      .n_images, and .epoch(e, part, parts) -> (images (B, C, H, W) in [0, 1], labels (B,), rows (B,)),
                    that part of each batch of the history's epoch e, from 1; see `loaders.batches`
    stages          [{"train": "head" | "all" | "from:features.14", "epochs": 10, "rate": 1e-3}, …]; a stage may
                    bring its own optimiser, schedule and early_stopping. Each has a fresh optimiser and goes on
                    from the weights that the stage before ended with
    optimiser       adam, adamw, sgd or rmsprop
    momentum        of sgd and rmsprop
    weight_decay    L2 (decoupled in adamw)
    loss            cross_entropy or bce
    schedule        see `schedules.rate_at`; counts from the start of each stage
    early_stopping  ends a stage after so many epochs in a row without a lower validation loss; None never
    class_weights   (K,) in the training loss only; None is 1 for all
    seed            of dropout and all else that torch draws. Same seed, batches, threads: same weights, bit for bit
    device, precision, channels_last   see `device.choose`
    folder          gets history.csv (after each epoch), tensorboard/<timestamp>/, last.ckpt (see save_every; the caller
                    takes it away when nothing more can be cut) and, at the end, best.safetensors
    on_epoch        called after each epoch with its row of history and "epochs_planned"
    positive        class whose precision and recall are counted in a binary task; else the mean over classes
    resume          go on from the folder's last.ckpt where there is one, as if the training had never been cut;
                    see `checkpoints`
    save_every      seconds between two last.ckpt, written at the end of an epoch: what a cut costs at most, beside
                    the epoch it fell into. Half a gigabyte for a ResNet-50 with Adam, so not after each short epoch
    micro_batches   parts that each batch is passed in, for less memory; see `parallel`
    world           the processes that train together; the first one alone writes

    Raises ValueError for what is not allowed, NotANumber when the loss is not finite.
    """
    torch.manual_seed(seed)
    check(network, classes, stages, optimiser, schedule, loss, class_weights, positive)
    check_parts(micro_batches, world)
    chosen = choose(device, precision, channels_last)
    network.lay_out(chosen.device, chosen.channels_last)
    weights = None if class_weights is None else torch.tensor([float(w) for w in class_weights], device=chosen.device)
    positive_column = list(classes).index(positive) if positive and len(classes) == 2 else None
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    cut = folder / checkpoints.FILE
    standing, optimiser_state = checkpoints.load(cut, network) if resume else (Standing(), None)
    started = time.perf_counter() - standing.seconds
    log = open_log(folder / "tensorboard") if tensorboard and world.leads else None
    saved = time.perf_counter()
    rows = standing.rows
    for number, stage in enumerate(stages, 1):
        if number <= len(standing.stage_ends):
            continue
        plan = {"optimiser": optimiser, "schedule": schedule, "early_stopping": early_stopping, **stage}
        set_trainable(network, plan["train"])
        steps = make_optimiser(plan["optimiser"], network.parameters(), plan["rate"], momentum, weight_decay)
        val_losses = [row["val_loss"] for row in standing.of_stage(number)]
        if val_losses and optimiser_state is not None:  # the stage that was cut
            steps.load_state_dict(optimiser_state)
        while len(val_losses) < plan["epochs"] and not _stops(plan, val_losses):
            epoch, epoch_started = len(rows) + 1, time.perf_counter()
            rate = rate_at(plan["schedule"], plan["rate"], len(val_losses), plan["epochs"], val_losses)
            for group in steps.param_groups:
                group["lr"] = rate
            try:
                trained = train_epoch(
                    network, train, steps, epoch=epoch, loss=loss, class_weights=weights, chosen=chosen,
                    micro_batches=micro_batches, world=world,
                ).summary(positive_column)  # fmt: skip
                train_seconds = time.perf_counter() - epoch_started
                valued = evaluate(network, val, epoch=epoch, loss=loss, chosen=chosen, world=world)
            except NotANumber as error:
                raise NotANumber(
                    f"{network.name}, stage {number}, epoch {epoch}: {error}. Lower the stage's rate (a tenth of "
                    f"{plan['rate']:g} is a start), train with precision float32, or look for images without contrast"
                ) from error
            row = {"epoch": epoch, "stage": number, "rate": rate}
            row |= {f"train_{key}": value for key, value in trained.items()}
            row |= {f"val_{key}": value for key, value in valued.summary(positive_column).items()}
            row["seconds"] = time.perf_counter() - epoch_started
            row["images_per_second"] = train.n_images / train_seconds
            row["best"] = 0
            rows.append(row)
            val_losses.append(row["val_loss"])
            if not standing.best or row["val_loss"] < standing.best["val_loss"]:
                standing.best = row
                standing.best_state = {k: v.detach().to("cpu", copy=True) for k, v in network.state_dict().items()}
            if world.leads:
                _write_history(rows, standing.best, folder / "history.csv")
                if log is not None:
                    log.scalars(epoch, {_tag(key): row[key] for key in COLUMNS[2:-1]})
                if time.perf_counter() - saved >= save_every:
                    standing.seconds = time.perf_counter() - started
                    checkpoints.save(standing, network, steps, cut)
                    saved = time.perf_counter()
            if on_epoch is not None:
                left = 0 if _stops(plan, val_losses) else plan["epochs"] - len(val_losses)
                later = sum(s["epochs"] for s in stages[number:])
                best = int(standing.best is row)
                on_epoch({**row, "best": best, "epochs_planned": epoch + left + later})
        standing.stage_ends.append(_stage_end(number, plan, standing.of_stage(number), network, steps, loss))
    if log is not None:
        log.close()
    if world.leads:
        best_file = folder / "best.safetensors"
        save_network(network, standing.best_state, best_file, classes=list(classes), epoch=standing.best["epoch"])
    network.load_state_dict(standing.best_state)
    network.eval()
    return FitResult(
        history=_history(rows, standing.best),
        best_epoch=standing.best["epoch"],
        best_val_loss=standing.best["val_loss"],
        seconds=time.perf_counter() - started,
        stages=standing.stage_ends,
        chosen=chosen,
    )


def _stops(plan: Mapping, val_losses: list[float]) -> bool:
    """Whether early stopping ends the stage here."""
    patience = plan["early_stopping"]
    return patience is not None and epochs_without_fall(val_losses) >= patience


def _history(rows: list[dict], best: dict) -> pd.DataFrame:
    history = pd.DataFrame(rows, columns=list(COLUMNS))
    return history.assign(best=(history["epoch"] == best["epoch"]).astype(int))


def _write_history(rows: list[dict], best: dict, file: Path) -> None:
    unfinished = file.with_name(f"{file.name}.tmp")
    _history(rows, best).to_csv(unfinished, index=False)
    os.replace(unfinished, file)


def _tag(column: str) -> str:
    part, _, name = column.partition("_")  # "val_loss" is drawn beside "train_loss"
    return f"{name}/{part}" if part in ("train", "val") else column


def _stage_end(
    number: int, plan: Mapping, own: list[dict], network: Network, steps: torch.optim.Optimizer, loss: str
) -> dict:
    """What a stage did, read from the objects that did it and not from what was asked of them."""
    group = steps.param_groups[0]
    learning = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    return {
        "stage": number,
        "train": plan["train"],
        "epochs": len(own),
        "best_epoch": min(own, key=lambda row: row["val_loss"])["epoch"],
        "val_loss": own[-1]["val_loss"],
        "val_accuracy": own[-1]["val_accuracy"],
        "loss": loss,
        "optimiser": type(steps).__name__,
        "rate": own[0]["rate"],
        "momentum": group.get("momentum"),
        "weight_decay": group["weight_decay"],
        "trainable": parameter_counts(network)["trainable"],
        "frozen": sum(not parameter.requires_grad for parameter in network.parameters()),
        "first_trained": learning[0],
    }
