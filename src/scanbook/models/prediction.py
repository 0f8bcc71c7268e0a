"""Logits for a table of images, from a network in hand or from a finished run's file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scanbook.models.device import without_gradients
from scanbook.models.networks import Network, build


def predict_logits(network: Network, batches: Any, *, device: str = "cpu", n_rows: int) -> np.ndarray:
    """Predict every image that `batches` yields, in float32 and evaluation mode.

    batches  anything whose .epoch(1) yields (images (B, C, H, W) in [0, 1], labels, rows (B,)), unaugmented
    n_rows   N, the length of the image array that the rows point into

    Returns float32 (N, K), a line for each row; NaN for rows that no batch held, so that an image
    nobody asked about cannot pass for a prediction. The network keeps the mode it was in.
    """
    logits = np.full((n_rows, network.settings["n_classes"]), np.nan, dtype=np.float32)
    was_training = network.training
    network.to(device).eval()
    try:
        with without_gradients(device):
            for images, _, rows in batches.epoch(1):
                logits[np.asarray(rows.cpu())] = network(images.to(device).float()).float().cpu().numpy()
    finally:
        network.train(was_training)
    return logits


def load_network(file: Path, *, device: str = "cpu") -> tuple[Network, list[str]]:
    """Build again the network whose best weights lie in `file`, as training left them there.

    file  best.safetensors, or the run's folder that holds it

    Returns the network in evaluation mode, and its classes in the order of its logits.
    Raises FileNotFoundError where there is no file, ValueError where it is not one of ours.
    """
    import safetensors
    import safetensors.torch

    file = Path(file) / "best.safetensors" if Path(file).is_dir() else Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"{file.parent.name}/{file.name} is not there; train this run first")
    with safetensors.safe_open(file, framework="pt") as stored:
        metadata = stored.metadata() or {}
    if "settings" not in metadata:
        raise ValueError(
            f"{file.name} holds weights but not how their network is built; it was not written by scanbook's training"
        )
    settings = json.loads(metadata["settings"])
    network = build(settings.pop("name"), settings.pop("n_classes"), **settings, seed=0)
    network.load_state_dict(safetensors.torch.load_file(file))
    return network.to(device).eval(), json.loads(metadata["classes"])


def save_network(
    network: Network, state: dict[str, torch.Tensor], file: Path, *, classes: list[str], epoch: int
) -> None:
    """Write weights so that `load_network` finds all it needs; the file appears whole or not at all.

    state  the network's state dict at the epoch to keep, on the CPU
    """
    import safetensors.torch

    metadata = {
        "network": network.name,
        "classes": json.dumps(classes),
        "epoch": str(epoch),
        "settings": json.dumps(network.settings),
    }
    unfinished = file.with_name(f"{file.name}.tmp")
    try:
        safetensors.torch.save_file({k: v.contiguous() for k, v in state.items()}, unfinished, metadata=metadata)
    except safetensors.SafetensorError as error:  # its own word for a disk that is full
        unfinished.unlink(missing_ok=True)
        raise OSError(f"{file.name} could not be written: {error}") from error
    unfinished.replace(file)
