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

from scanbook.models.device import Chosen, choose
from scanbook.models.epochs import LOSSES, NotANumber, evaluate, train_epoch
from scanbook.models.logs import open_log
from scanbook.models.networks import Network, parameter_counts, set_trainable
from scanbook.models.prediction import save_network
from scanbook.models.schedules import OPTIMISERS, check_schedule, epochs_without_fall, make_optimiser, rate_at

__all__ = ["FitResult", "NotANumber", "fit"]

SAVE_EVERY = 60  # seconds; each improvement of a short training would cost it a hundredth of its time
COLUMNS = (
    *("epoch", "stage", "rate", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_precision"),
    *("val_recall", "train_precision", "train_recall", "seconds", "images_per_second", "best"),
)


@dataclass(frozen=True)
class FitResult:
    """What a training leaves: the table of epochs, and the evaluation at the end of each stage.

    `stages` holds a dict a stage: stage, train, epochs (run), best_epoch (lowest validation loss within the
    stage, counted from the start of training), val_loss and val_accuracy after its last epoch, trainable.
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
) -> FitResult:
    """Train `network` in place and leave the best epoch's weights in it.

    train, val      .n_images, and .epoch(e) -> (images (B, C, H, W) in [0, 1], labels (B,), rows (B,)); e is the
                    history's epoch, from 1
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
    folder          gets history.csv (after each epoch), best.safetensors (after each stage, and once a minute
                    within it), and tensorboard/<timestamp>/
    on_epoch        called after each epoch with its row of history and "epochs_planned"
    positive        class whose precision and recall are counted in a binary task; else the mean over classes

    Raises ValueError for what is not allowed, NotANumber when the loss is not finite.
    """
    torch.manual_seed(seed)
    _check(network, classes, stages, optimiser, schedule, loss, class_weights, positive)
    started = time.perf_counter()
    chosen = choose(device, precision, channels_last)
    network.lay_out(chosen.device, chosen.channels_last)
    weights = None if class_weights is None else torch.tensor([float(w) for w in class_weights], device=chosen.device)
    positive_column = list(classes).index(positive) if positive and len(classes) == 2 else None
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    log = open_log(folder / "tensorboard") if tensorboard else None
    saved = started
    rows: list[dict] = []
    stage_ends: list[dict] = []
    best: dict = {}  # its row of history
    best_state: dict[str, torch.Tensor] = {}
    for number, stage in enumerate(stages, 1):
        plan = {"optimiser": optimiser, "schedule": schedule, "early_stopping": early_stopping, **stage}
        set_trainable(network, plan["train"])
        steps = make_optimiser(plan["optimiser"], network.parameters(), plan["rate"], momentum, weight_decay)
        val_losses: list[float] = []
        for epoch_of_stage in range(plan["epochs"]):
            epoch, epoch_started = len(rows) + 1, time.perf_counter()
            rate = rate_at(plan["schedule"], plan["rate"], epoch_of_stage, plan["epochs"], val_losses)
            for group in steps.param_groups:
                group["lr"] = rate
            try:
                trained = train_epoch(
                    network, train, steps, epoch=epoch, loss=loss, class_weights=weights, chosen=chosen
                ).summary(positive_column)
                train_seconds = time.perf_counter() - epoch_started
                valued = evaluate(network, val, epoch=epoch, loss=loss, chosen=chosen).summary(positive_column)
            except NotANumber as error:
                raise NotANumber(
                    f"{network.name}, stage {number}, epoch {epoch}: {error}. Lower the stage's rate (a tenth of "
                    f"{plan['rate']:g} is a start), train with precision float32, or look for images without contrast"
                ) from error
            row = {"epoch": epoch, "stage": number, "rate": rate}
            row |= {f"train_{key}": value for key, value in trained.items()}
            row |= {f"val_{key}": value for key, value in valued.items()}
            row["seconds"] = time.perf_counter() - epoch_started
            row["images_per_second"] = train.n_images / train_seconds
            row["best"] = 0
            rows.append(row)
            val_losses.append(row["val_loss"])
            if not best or row["val_loss"] < best["val_loss"]:
                best = row
                best_state = {k: v.detach().to("cpu", copy=True) for k, v in network.state_dict().items()}
                if time.perf_counter() - saved > SAVE_EVERY:
                    saved = _save(network, best_state, best, classes, folder)
            history = _write_history(rows, best, folder / "history.csv")
            if log is not None:
                log.scalars(epoch, {_tag(key): row[key] for key in COLUMNS[2:-1]})
            patience = plan["early_stopping"]
            stops = patience is not None and epochs_without_fall(val_losses) >= patience
            if on_epoch is not None:
                left = 0 if stops else plan["epochs"] - epoch_of_stage - 1
                later = sum(s["epochs"] for s in stages[number:])
                on_epoch({**row, "best": int(best is row), "epochs_planned": epoch + left + later})
            if stops:
                break
        saved = _save(network, best_state, best, classes, folder)
        stage_ends.append(_stage_end(number, plan, rows, parameter_counts(network)["trainable"]))
    if log is not None:
        log.close()
    network.load_state_dict(best_state)
    network.eval()
    return FitResult(
        history=history,
        best_epoch=best["epoch"],
        best_val_loss=best["val_loss"],
        seconds=time.perf_counter() - started,
        stages=stage_ends,
        chosen=chosen,
    )


def _save(network: Network, state: dict, best: dict, classes: Sequence[str], folder: Path) -> float:
    save_network(network, state, folder / "best.safetensors", classes=list(classes), epoch=best["epoch"])
    return time.perf_counter()


def _write_history(rows: list[dict], best: dict, file: Path) -> pd.DataFrame:
    history = pd.DataFrame(rows, columns=list(COLUMNS))
    history["best"] = (history["epoch"] == best["epoch"]).astype(int)
    unfinished = file.with_name(f"{file.name}.tmp")
    history.to_csv(unfinished, index=False)
    os.replace(unfinished, file)
    return history


def _tag(column: str) -> str:
    part, _, name = column.partition("_")  # "val_loss" is drawn beside "train_loss"
    return f"{name}/{part}" if part in ("train", "val") else column


def _stage_end(number: int, plan: Mapping, rows: list[dict], trainable: int) -> dict:
    own = [row for row in rows if row["stage"] == number]
    return {
        "stage": number,
        "train": plan["train"],
        "epochs": len(own),
        "best_epoch": min(own, key=lambda row: row["val_loss"])["epoch"],
        "val_loss": own[-1]["val_loss"],
        "val_accuracy": own[-1]["val_accuracy"],
        "trainable": trainable,
    }


def _check(
    network: Network,
    classes: Sequence[str],
    stages: Sequence[Mapping],
    optimiser: str,
    schedule: Mapping,
    loss: str,
    class_weights: Sequence[float] | None,
    positive: str | None,
) -> None:
    """Refuse before the first image what would fail, or pass for something else, hours later."""
    n_classes = network.settings["n_classes"]
    if len(classes) != n_classes:
        raise ValueError(f"{network.name} has {n_classes} outputs for {len(classes)} classes: {', '.join(classes)}")
    if positive is not None and positive not in classes:
        raise ValueError(f"positive class {positive!r} is none of {', '.join(classes)}")
    if loss not in LOSSES:
        raise ValueError(f"loss {loss!r} is not known; allowed are {' and '.join(LOSSES)}")
    if class_weights is not None and len(class_weights) != n_classes:
        raise ValueError(f"{len(class_weights)} class weights for {n_classes} classes")
    if not stages:
        raise ValueError("no stages; at least one {train, epochs, rate} is needed")
    for number, stage in enumerate(stages, 1):
        missing = {"train", "epochs", "rate"} - stage.keys()
        if missing or stage["epochs"] < 1 or stage["rate"] <= 0:
            raise ValueError(f"stage {number} is {dict(stage)}; it needs train, epochs from 1 and a rate above 0")
        check_schedule(stage.get("schedule", schedule))
        if stage.get("optimiser", optimiser) not in OPTIMISERS:
            raise ValueError(f"stage {number}: optimiser is none of {', '.join(OPTIMISERS)}")
        set_trainable(network, stage["train"])  # refuses a module that is not there
