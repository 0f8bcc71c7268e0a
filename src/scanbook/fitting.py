"""One run, from its plan to predictions.csv: where loaders and models meet to train.

    rows of each part → batches → network → best weights → logits of the validation and test parts

The test part is predicted once, after the validation part has chosen the epoch.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from scanbook import openings
from scanbook.dataset import Dataset
from scanbook.loaders.augment import AugmentSpec
from scanbook.loaders.balance import at_most, initial_bias, training_part
from scanbook.loaders.batches import Batches, training_statistics
from scanbook.models import checkpoints, networks, prediction, training
from scanbook.models.device import Chosen
from scanbook.models.parallel import ALONE, World
from scanbook.plan import Run

EVALUATION_BATCH = 32  # in float32 the widest layers of a larger one, not training, would set the peak of memory


def perform(
    run: Run,
    dataset: Dataset,
    folder: Path,
    machine: Chosen,
    on_epoch: Callable[[dict], None] | None = None,
    weights_dir: Path | None = None,
    world: World = ALONE,
) -> dict[str, Any]:
    """Train one network and predict with it.

    run          what to train; everything in `run.determined_by` and nothing else decides the result
    dataset      images, labels and parts
    folder       empty, or with the last.ckpt of the same run, which then goes on; receives params.yaml, history.csv,
                 best.safetensors, predictions.csv, tensorboard/
    on_epoch     called after each epoch with its row of the history
    world        the processes that train together; the first one alone writes

    Returns what the run cost and chose: seconds, images_per_second, parameters, best_epoch, stages …
    Raises models.failures.NotANumber when the loss is no longer a number.
    """
    arm, spec = run.arm, run.arm.training
    images = dataset.images(arm.image)
    rows = {"train": training_rows(run, dataset)}
    rows |= {part: dataset.rows(run.scheme, run.fold, part) for part in ("val", "test")}
    labels, classes = learned_labels(run, dataset), dataset.experiment.data.class_names
    if world.leads:
        (folder / "params.yaml").write_text(yaml.safe_dump(run.determined_by, sort_keys=False), encoding="utf-8")

    mean, std = {
        "training": lambda: training_statistics(images, rows["train"]),
        "imagenet": lambda: (networks.IMAGENET_MEAN, networks.IMAGENET_STD),
        "none": lambda: ([0.0], [1.0]),
    }[arm.image.normalise]()
    prior = np.exp(initial_bias(labels[rows["train"]], len(classes))) if spec.initial_bias else None
    blueprint = {
        "name": arm.network, "n_classes": len(classes), "dropout": spec.dropout, "channels": images.shape[-1],
        "mean": [float(v) for v in mean], "std": [float(v) for v in std], "head": spec.head,
        "image_size": arm.image.size,
    }  # fmt: skip
    network = networks.build(
        **blueprint, weights=arm.weights, weights_dir=weights_dir, class_prior=prior, seed=run.seed
    )
    image_ids = list(dataset.used["image_id"])

    part = training_part(
        images, labels, image_ids, rows["train"], len(classes), balance=spec.balance,
        n_sets=1 + len(spec.resample.sets), neighbours=spec.resample.neighbours, seed=run.seed,
    )  # fmt: skip
    weights = None if part.weights is None else [float(weight) for weight in part.weights]
    train = Batches(
        part.images, part.labels, part.rows, image_ids=part.image_ids, batch=spec.batch, seed=run.seed, shuffle=True,
        augment=[AugmentSpec(**one.model_dump()) for one in (arm.augment, *spec.resample.sets)], looks=part.looks,
        evenly=part.evenly, device=str(machine.device),
    )  # fmt: skip

    def unchanged(name: str) -> Batches:
        return Batches(
            images, labels, rows[name], image_ids=image_ids, batch=EVALUATION_BATCH, device=str(machine.device)
        )

    result = training.fit(
        network, train, unchanged("val"), classes=classes,
        stages=[stage.model_dump(exclude_none=True) for stage in spec.stages], optimiser=spec.optimiser,
        momentum=spec.momentum, weight_decay=spec.weight_decay, loss=spec.loss, schedule=spec.schedule.model_dump(),
        early_stopping=spec.early_stopping, seed=run.seed, device=machine.device, precision=machine.precision,
        class_weights=weights,
        folder=folder, on_epoch=on_epoch, positive=dataset.experiment.data.positive, tensorboard=True,
        resume=True, save_every=spec.checkpoint_s, micro_batches=spec.micro_batches, world=world,
    )  # fmt: skip
    if world.leads:
        if run.opens_test:  # before it is opened: a look that was cut is one all the same
            openings.note(folder.parent, profile=run.profile, data=dataset.fingerprint, scheme=run.scheme, run=run.name)
        _write_predictions(run, dataset, network, unchanged, machine, folder)
        (folder / checkpoints.FILE).unlink(missing_ok=True)
    counts = networks.parameter_counts(network)
    return {
        "seconds": round(result.seconds, 2),
        "images_per_second": round(float(result.history["images_per_second"].median()), 1),
        "epochs": len(result.history),
        "best_epoch": int(result.best_epoch),
        "best_val_loss": float(result.best_val_loss),
        "stages": result.stages,
        "parameters": int(counts["total"]),
        "megabytes": round((folder / "best.safetensors").stat().st_size / 1e6, 1) if world.leads else 0.0,
        "weights": network.report,
        "n_train": len(rows["train"]),
        "train_of_class": np.bincount(labels[rows["train"]], minlength=len(classes)).tolist(),
        "n_val": len(rows["val"]),
        "n_test": len(rows["test"]),
        "shown": {**train.facts(), "synthetic": part.n_synthetic},
        "neighbours": {classes[k]: n for k, n in part.neighbours.items()},
        "class_weights": weights,
        "class_prior": None if prior is None else [float(p) for p in prior],
    }


def training_rows(run: Run, dataset: Dataset) -> np.ndarray:
    """int (n,): the rows of the image array that a run learns from, before anything balances them."""
    rows, most = dataset.rows(run.scheme, run.fold, "train"), run.arm.training.max_images
    return rows if most is None else at_most(rows, dataset.used["group"].to_numpy(), most, run.seed)


def learned_labels(run: Run, dataset: Dataset) -> np.ndarray:
    """int64 (N,): the labels that a run learns from and is validated on."""
    seen = np.concatenate([dataset.rows(run.scheme, run.fold, part) for part in ("train", "val")])
    return dataset.labels_for(run.arm.training.labels, seen, run.seed)


def _write_predictions(
    run: Run, dataset: Dataset, network: networks.Network, unchanged: Callable, machine: Chosen, folder: Path
) -> None:
    classes, tables = dataset.experiment.data.class_names, []
    for part in ("val", "test") if run.opens_test else ("val",):
        rows = dataset.rows(run.scheme, run.fold, part)
        logits = prediction.predict_logits(network, unchanged(part), device=machine.device, n_rows=len(dataset.used))
        table = dataset.used.loc[rows, ["image_id", "group"]].assign(
            split=part, scheme=run.scheme, fold=run.fold, arm=run.arm.name, network=run.arm.network, seed=run.seed,
            variant="", label=dataset.corrected.loc[rows],
        )  # fmt: skip
        tables.append(table.assign(**{f"logit_{name}": logits[rows, k] for k, name in enumerate(classes)}))
    pd.concat(tables).to_csv(folder / "predictions.csv", index=False, float_format="%.7g")
