"""A finished run, asked about images in memory: its network as it was kept, where and as it was trained."""

import numpy as np

from scanbook.fitting import EVALUATION_BATCH
from scanbook.loaders.batches import Batches
from scanbook.models import features, prediction
from scanbook.models.networks import Network
from scanbook.plan import Run
from scanbook.study import Study


def done(study: Study, run: Run) -> bool:
    """Whether a run is finished, so that it can be asked."""
    return study.run_folder(run).state()["state"] == "done"


def network_of(study: Study, run: Run) -> Network:
    """The network of a finished run with its best weights, in evaluation mode."""
    machine = study.machine_of(run.arm)
    network, _ = prediction.load_network(study.folder / run.name)
    return network.lay_out(machine.device, machine.channels_last)


def logits(study: Study, run: Run, network: Network, images: np.ndarray) -> np.ndarray:
    """float32 (N, K) of prepared images, uint8 (N, S, S, C)."""
    device = study.machine_of(run.arm).device
    return prediction.predict_logits(network, _batches(images, None, device), device=device, n_rows=len(images))


def last_features(
    study: Study, run: Run, network: Network, images: np.ndarray, rows: np.ndarray | None = None
) -> np.ndarray:
    """float32 (n, F): what goes into the last layer, for some rows (None: all) of prepared images, in their order."""
    device = study.machine_of(run.arm).device
    found = features.features_of(network, _batches(images, rows, device), device=device, n_rows=len(images))
    return found if rows is None else found[rows]


def _batches(images: np.ndarray, rows: np.ndarray | None, device: str) -> Batches:
    every = np.arange(len(images))
    return Batches(images, np.zeros_like(every), every if rows is None else rows, image_ids=[""] * len(images),
                   batch=EVALUATION_BATCH, device=device)  # fmt: skip
