"""A finished run, asked about images in memory: its network as it was kept, where and as it was trained."""

from typing import TYPE_CHECKING

import numpy as np

from scanbook.fitting import EVALUATION_BATCH
from scanbook.loaders.batches import Batches
from scanbook.models import features, prediction
from scanbook.models.networks import Network
from scanbook.plan import Run

if TYPE_CHECKING:
    from scanbook.study import Study

KEPT = 2  # networks in memory: one, and its like on shuffled labels; another is read again in a fifth of a second


def network_of(study: "Study", run: Run) -> Network:
    """The network of a finished run with its best weights, in evaluation mode; the last few asked are kept in memory."""
    kept = study.evidence.ask(_kept)
    if run.name not in kept:
        while len(kept) >= KEPT:
            kept.pop(next(iter(kept)))
        machine = study.machine_of(run.arm)
        network, _ = prediction.load_network(study.folder / run.name, device=machine.device)
        kept[run.name] = network.lay_out(machine.device, machine.channels_last)
    return kept[run.name]


def _kept(study: "Study") -> dict[str, Network]:
    """Networks by the name of their run; forgotten with all else that was read from finished runs."""
    return {}


def logits(study: "Study", run: Run, network: Network, images: np.ndarray) -> np.ndarray:
    """float32 (N, K) of prepared images, uint8 (N, S, S, C)."""
    device = study.machine_of(run.arm).device
    return prediction.predict_logits(network, _batches(images, None, device), device=device, n_rows=len(images))


def last_features(study: "Study", run: Run, images: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """float32 (N, F): what goes into the last layer, for some rows (None: all) of prepared images; NaN for the others."""
    device = study.machine_of(run.arm).device
    network = network_of(study, run)
    return features.features_of(network, _batches(images, rows, device), device=device, n_rows=len(images))


def _batches(images: np.ndarray, rows: np.ndarray | None, device: str) -> Batches:
    every = np.arange(len(images))
    return Batches(images, np.zeros_like(every), every if rows is None else rows, image_ids=[""] * len(images),
                   batch=EVALUATION_BATCH, device=device)  # fmt: skip
