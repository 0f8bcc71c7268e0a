"""Questions that a map of where a network looks must survive before it is shown as evidence.

A map can look right and say nothing about the network: an edge detector's picture is convincing too. So the network is
spoilt on purpose and its map has to change (Adebayo et al. 2018), what the map marks is taken out of the image and the
answer has to suffer (Petsiuk et al. 2018), and maps that know no network at all, edges and a blob in the middle, stand
beside it. Here are the maps; how alike they are, and what is alike enough, is for `metrics.maps` to say.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from scanbook.models import networks
from scanbook.models.attribution import CELLS, Weights, grad_cam
from scanbook.models.networks import Network

Explain = Callable[..., Tensor]
"""(network, images, classes, *, weights) -> maps (N, h, w), as `attribution.grad_cam`."""

SHARES = (0.1, 0.3)  # of the cells that are taken out, the second after the first
BLOB = 0.25  # deviation of the blob, as a part of the image's side


def cascade(
    network: Network, images: Tensor, classes: Sequence[int], *, seed: int, steps: int = 4, explain: Explain = grad_cam
) -> dict[str, np.ndarray]:
    """Maps of the same network with more and more of its weights drawn anew, from the last layer downwards.

    The fresh weights are those of a network that was never trained, batch-norm statistics included; layers go in the
    order in which they were defined, the last first, until none of what was learned is left.

    classes  int (N,), the classes explained; they stay those of the trained network
    seed     of the fresh weights
    steps    how many of these networks, in geometric steps over the layers; the first has a new head only, the last
             nothing old

    Returns the part drawn anew, in words ("last layer", "1 of 3 layers" …, "all layers"), with its maps (N, h, w).
    """
    settings = {key: value for key, value in network.settings.items() if key != "n_classes"}
    fresh = networks.build(**settings, n_classes=network.settings["n_classes"], seed=seed).state_dict()
    layers = list(dict.fromkeys(key.rpartition(".")[0] for key in fresh if key not in ("mean", "std")))[::-1]
    cuts = np.unique(np.rint(np.geomspace(1, len(layers), max(2, min(steps, len(layers))))).astype(int))
    found = {}
    for cut in cuts:
        anew = set(layers[:cut])
        drawn = {key: value.to(network.mean.device) for key, value in fresh.items() if key.rpartition(".")[0] in anew}
        words = "last layer" if cut == 1 else "all layers" if cut == len(layers) else f"{cut} of {len(layers)} layers"
        found[words] = explain(network, images, classes, weights=drawn).numpy()
    return found


def edge_map(
    network: Network | None, images: Tensor, classes: Sequence[int] | None = None, *, cells: int = CELLS + 1,
    weights: Weights | None = None,
) -> Tensor:  # fmt: skip
    """What an edge detector shows, whatever the network: the size of the grey level's slope (Sobel), a mean a cell.

    It can be asked like a map of a network, and so be put to the same questions: there it has to fail.

    Returns float32 (N, cells, cells), at least 0.
    """
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
    grey = functional.pad(images.float().mean(1, keepdim=True).cpu(), (1, 1, 1, 1), mode="replicate")
    slopes = functional.conv2d(grey, torch.stack([across, across.T])[:, None])
    return functional.adaptive_avg_pool2d(slopes.square().sum(1).sqrt(), cells)


def blob_map(n_images: int, cells: int) -> Tensor:
    """What someone would mark who had seen no image: a round blob in the middle, float32 (n_images, cells, cells)."""
    place = (torch.arange(cells) + 0.5) / cells - 0.5
    bell = torch.exp(-(place**2) / (2 * BLOB**2))
    return (bell[:, None] * bell).expand(n_images, -1, -1)


def deletion(
    network: Network, images: Tensor, classes: Sequence[int], maps: np.ndarray, *, seed: int, batch: int = 64
) -> np.ndarray:
    """How probable the class stays while cells are taken out: in the order of the map, and in a random order.

    A cell taken out becomes the image's mean grey. Taken out are `SHARES` of the cells, one share after the other; the
    probability is averaged over them (the area under the deletion curve of Petsiuk et al. 2018).

    maps  (N, h, w), not negative; cells of equal value go in a random order
    seed  of the random orders, one for each image

    Returns float64 (N, 2): with the map's order, with the random one.
    """
    n, h, w = maps.shape
    rng = np.random.default_rng(seed)
    chance = rng.permuted(np.tile(np.arange(h * w), (n, 1)), axis=1)
    ties = rng.permuted(np.tile(np.arange(h * w), (n, 1)), axis=1)
    ranks = np.stack([np.lexsort((ties, -maps.reshape(n, -1)), axis=1).argsort(1), chance], 1)  # (N, 2, cells)
    found = np.zeros((n, 2, len(SHARES)))
    own = torch.tensor(np.asarray(classes), dtype=torch.long)
    grey = images.float().mean((2, 3), keepdim=True)
    was_training = network.training
    network.eval()
    try:
        for order in range(2):
            for k, share in enumerate(SHARES):
                gone = torch.from_numpy(ranks[:, order] < round(share * h * w)).view(n, 1, h, w).float()
                gone = functional.interpolate(gone, images.shape[-2:], mode="nearest")
                for rows in torch.arange(n).split(batch):
                    part = torch.where(gone[rows] > 0, grey[rows], images[rows].float()).to(network.mean.device)
                    with torch.no_grad():
                        probs = network(part).double().softmax(1).cpu()
                    found[rows.numpy(), order, k] = probs.gather(1, own[rows][:, None])[:, 0].numpy()
    finally:
        network.train(was_training)
    return found.mean(2)
