"""Eight to forty small grey images, in the form that the training loop reads."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


class Batches:
    """Images (N, C, H, W) and labels (N,) in memory, in one fixed order an epoch."""

    def __init__(self, images: Tensor, labels: Tensor, batch: int = 8, shuffle: bool = False):
        self.images, self.labels, self.batch, self.shuffle = images, labels, batch, shuffle
        self.n_images = len(images)
        self.epochs_asked: list[int] = []

    def epoch(self, e: int, part: int = 0, parts: int = 1) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        self.epochs_asked.append(e)
        order = np.random.default_rng(e).permutation(self.n_images) if self.shuffle else range(self.n_images)
        for rows in torch.tensor(list(order)).split(self.batch):
            shares = rows.tensor_split(parts)
            yield self.images[shares[part]], self.labels[shares[part]], shares[part]


def squares(n_images: int, size: int = 32, n_classes: int = 2, channels: int = 1, seed: int = 0):
    """Noise with a bright square whose place along the diagonal is the class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n_images) % n_classes
    images = 0.5 * torch.rand((n_images, channels, size, size), generator=generator)
    side = size // (n_classes + 1)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:, label * side : (label + 1) * side, label * side : (label + 1) * side] += 0.5
    return images, labels


def toy_batches(n_images: int, batch: int = 8, shuffle: bool = False, **kind) -> Batches:
    return Batches(*squares(n_images, **kind), batch=batch, shuffle=shuffle)
