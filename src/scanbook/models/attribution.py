"""Where a network looks: Grad-CAM, for every family and with nothing left behind in the network.

Two habits of published networks spoil the usual hooks: VGG and DenseNet overwrite their maps in place (ReLU), and a
frozen network builds no gradient at all. Here the layer's output is taken out of the network's hands as a copy, the rest
is computed from that copy, and the gradient is asked of the copy alone; weights are passed in from outside, so neither a
flag nor a number of the network changes.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from scanbook.models.networks import Network

CELLS = 7
"""A map has at least so many cells a side where the network has such a layer; 7 is what the last layer of the published
networks has at 224 px. At 64 px their last layer has 2, which points at a quarter of the image and calls it a place."""

Weights = Mapping[str, Tensor]


class NoMap(ValueError):
    """This network has no layer that keeps the place of things; the text says which one."""


def grad_cam(
    network: Network,
    images: Tensor,
    classes: Sequence[int] | Tensor,
    *,
    cells: int = CELLS,
    weights: Weights | None = None,
    by_place: bool = False,
    batch: int = 32,
) -> Tensor:
    """Grad-CAM (Selvaraju et al. 2017): what in the last maps speaks for a class, by place.

    The channels of one layer are added up, each weighed by how much the class's score rises with it on the mean over the
    places, and what is below 0 is cut off. The score is the class's log-odds, not its logit alone: one number added to
    all logits changes no answer, and so may change no map.

    network  in whatever mode and layout; it is read in evaluation mode and left as it was
    images   float (N, C, H, W) in [0, 1]
    classes  int (N,), the class to be explained in each image
    cells    the layer is the last one whose map has at least so many cells a side; see `layer_of`
    weights  other weights and statistics to compute with, by their names in the state dict; None: the network's own
    by_place  weigh each place by its own slope in place of the channel's mean (HiResCAM, Draelos and Carin 2020). The two
             are the same map where pooling and one linear layer follow, and differ before that

    Returns float32 (N, h, w) on the CPU, at least 0, in units of log-odds; a map of zeros where nothing speaks for the
    class. Raises NoMap where the network has no such layer.
    """
    name = layer_of(network, images[:1], cells)
    wanted = torch.tensor(np.asarray(classes), dtype=torch.long)
    pieces = []
    was_training = network.training
    network.eval()
    try:
        for rows in torch.arange(len(images)).split(batch):
            activation, logits = _cut(network, name, images[rows], weights)
            own = wanted[rows].to(logits.device)[:, None]
            others = logits.scatter(1, own, float("-inf"))
            score = logits.gather(1, own)[:, 0] - others.logsumexp(1)
            (slope,) = torch.autograd.grad(score.sum(), activation)
            shares = slope if by_place else slope.mean((2, 3), keepdim=True)
            found = (shares * activation).sum(1).relu()
            pieces.append(found.detach().float().cpu())
    finally:
        network.train(was_training)
    return torch.cat(pieces)


def layer_of(network: Network, images: Tensor, cells: int = CELLS) -> str:
    """Name of the layer whose map is shown: the last on the network's main road with at least `cells` cells a side.

    The main road is what lies in a row: the backbone's children, and theirs where the child is a Sequential. Inside a
    residual block or a dense one a layer sees only part of what goes on, so blocks are taken whole.

    images  (N, C, H, W), one is enough

    Where no layer has so many cells the last with the most is taken. Raises NoMap where none has a square map.
    """
    sides: list[tuple[str, int]] = []

    def note(name: str) -> object:
        def hook(module: nn.Module, given: tuple, out: object) -> None:
            if isinstance(out, Tensor) and out.ndim == 4 and out.shape[-1] == out.shape[-2] > 1:
                sides.append((name, out.shape[-1]))

        return hook

    handles = [module.register_forward_hook(note(name)) for name, module in _road(network)]  # type: ignore[arg-type]
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            network(_placed(network, images[:1]))
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    if not sides:
        raise NoMap(f"{network.name} has no layer with a map of places, so Grad-CAM cannot say where it looks")
    enough = min(cells, max(side for _, side in sides))
    return [name for name, side in sides if side >= enough][-1]


def _road(network: Network) -> Iterator[tuple[str, nn.Module]]:
    waiting: list[tuple[str, nn.Module]] = [("backbone", network.backbone)]
    while waiting:
        name, module = waiting.pop(0)
        if name == "backbone" or isinstance(module, nn.Sequential):
            waiting += [(f"{name}.{inner}", child) for inner, child in module.named_children()]
        if name != "backbone":
            yield name, module


def _cut(network: Network, name: str, images: Tensor, weights: Weights | None) -> tuple[Tensor, Tensor]:
    """The layer's output as a leaf of its own, and the logits (B, K) computed from it."""
    kept: list[Tensor] = []

    def take(module: nn.Module, given: tuple, out: Tensor) -> Tensor:
        kept[:] = [out.detach().clone().requires_grad_()]
        return kept[0].clone()  # what follows may overwrite it

    own = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    state = {key: (weights or {}).get(key, value).detach() for key, value in own.items()}  # below the cut no graph
    handle = network.get_submodule(name).register_forward_hook(take)
    try:
        with torch.enable_grad():
            logits = functional_call(network, state, (_placed(network, images),))
    finally:
        handle.remove()
    return kept[0], logits


def _placed(network: Network, images: Tensor) -> Tensor:
    return images.to(device=network.mean.device, dtype=torch.float32)
