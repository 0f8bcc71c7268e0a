"""What a network makes of an image before it decides: its penultimate features.

Two images that a network holds for alike lie close together there, whatever their pixels; so that is where one looks
for the training images that a mistake was modelled on.
"""

from typing import Any

import numpy as np
import torch

from scanbook.models.device import without_gradients
from scanbook.models.networks import Network


def features_of(network: Network, batches: Any, *, device: str = "cpu", n_rows: int) -> np.ndarray:
    """What goes into the last layer, for every image that `batches` yields, in float32 and evaluation mode.

    batches  anything whose .epoch(1) yields (images (B, C, H, W) in [0, 1], labels, rows (B,)), unaugmented
    n_rows   N, the length of the image array that the rows point into

    Returns float32 (N, F), a line for each row; NaN for rows that no batch held. The network keeps the mode it was in.
    """
    found: np.ndarray | None = None
    seen: list[torch.Tensor] = []
    handle = network.head[-1].register_forward_pre_hook(lambda module, given: seen.append(given[0].detach()))
    was_training = network.training
    network.to(device).eval()
    try:
        with without_gradients(device):
            for images, _, rows in batches.epoch(1):
                network(images.to(device).float())
                part = seen.pop().float().cpu().numpy()
                found = np.full((n_rows, part.shape[1]), np.nan, dtype=np.float32) if found is None else found
                found[np.asarray(rows.cpu())] = part
    finally:
        handle.remove()
        network.train(was_training)
    if found is None:
        raise ValueError("features_of: no image was given, so there are no features; give batches that hold one")
    return found
