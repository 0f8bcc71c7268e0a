"""A network by its name, with one contract for all: images in, logits out.

Normalisation lies inside, after augmentation and before the backbone, so that
training and prediction cannot differ in it.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from scanbook.models.own import DEFAULT_SIZE, OWN
from scanbook.models.weights import SCRATCH, file_state, load_matching

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HEADS = ("pooled", "own")


class Network(nn.Module):
    """Normalisation, backbone and head.

    Attributes: `name`; `backbone` (B, 3 or C, H, W) -> (B, F); `head` (B, F) -> (B, K);
    `report`, what happened to the weights, in words; `settings`, the plain values that
    build the same network again; `channels_last`, the layout the backbone is given.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        backbone: nn.Module,
        head: nn.Sequential,
        *,
        n_inputs: int,
        settings: dict,
        report: str,
    ) -> None:
        super().__init__()
        self.name, self.settings, self.report = name, settings, report
        self.n_inputs = n_inputs
        self.channels_last = False
        self.register_buffer("mean", torch.tensor(settings["mean"], dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(settings["std"], dtype=torch.float32).view(1, -1, 1, 1))
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K) of images, float (B, C, H, W) in [0, 1]; grey is repeated where three are needed."""
        if images.ndim != 4 or images.shape[1] != self.settings["channels"]:
            raise ValueError(f"{self.name} takes (B, {self.settings['channels']}, H, W) and got {tuple(images.shape)}")
        x = (images - self.mean) / self.std
        if x.shape[1] < self.n_inputs:
            x = x.expand(-1, self.n_inputs, -1, -1)
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        return self.head(self.backbone(x))

    def train(self, mode: bool = True) -> "Network":
        """Training or evaluation mode; a frozen batch norm keeps its statistics in both."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm) and module.affine and not module.weight.requires_grad:
                module.eval()
        return self

    def lay_out(self, device: str | torch.device, channels_last: bool) -> "Network":
        """Move to a device, and to (N, H, W, C) in memory if asked, which changes nothing but rounding."""
        self.channels_last = channels_last
        layout = torch.channels_last if channels_last else torch.contiguous_format
        return self.to(device).to(memory_format=layout)


def build(
    name: str,
    n_classes: int,
    *,
    weights: str = "none",
    weights_dir: Path | None = None,
    dropout: float = 0.0,
    channels: int = 3,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    class_prior: Sequence[float] | None = None,
    head: str = "pooled",
    image_size: int | None = None,
    seed: int | None = None,
) -> Network:
    """Build a classifier: backbone -> global average pooling -> dropout -> linear.

    name         a torchvision classifier, "timm:NAME", "separable_cnn" or "small_cnn"
    n_classes    K, at least 2
    weights      "none", "imagenet", or a state dict's file name or path (looked for in weights_dir first)
    dropout      probability before the last layer. With head "own" it replaces the published one where
                 above 0; the small networks keep those of their sources besides
    channels     of the images: 1 (grey) or 3
    mean, std    of the training images or ImageNet's, in [0, 1] units; 1 or 3 numbers
    class_prior  share of each class (K,); the last bias starts as its logarithm, so that the untrained
                 network answers with the prior instead of with 1/K
    head         "pooled", or "own": the published classifier with only its last layer replaced. For VGG,
                 "pooled" leaves out the dense layers of 4096, nine tenths of its parameters
    image_size   px; the small networks (default 64) and vision transformers are made for one size
    seed         of the starting weights; None draws from torch's global state

    Raises ValueError for what is not allowed, WeightsUnavailable for weights not to be had.
    """
    _check(n_classes, dropout, channels, mean, std, class_prior, head)
    settings = {
        "name": name, "n_classes": n_classes, "channels": channels, "mean": [float(m) for m in mean],
        "std": [float(s) for s in std], "dropout": dropout, "head": head, "image_size": image_size,
    }  # fmt: skip
    backbone: nn.Module
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        n_inputs = max(channels, len(mean)) if name in OWN else 3
        own_head = None
        if name in OWN:
            backbone, n_features = OWN[name](n_inputs, image_size or DEFAULT_SIZE)
            report = _own_weights(backbone, name, weights, weights_dir)
        else:
            from scanbook.models import backbones  # imports torchvision, which the small networks do without

            if name.startswith("timm:"):
                backbone, n_features, report = backbones.timm_parts(
                    name.removeprefix("timm:"), weights=weights, weights_dir=weights_dir
                )
            else:
                backbone, n_features, own_head, report = backbones.torchvision_parts(
                    name, weights=weights, weights_dir=weights_dir, head=head, image_size=image_size
                )
            backbones.quicken_depthwise(backbone)
        layers = _head(own_head, n_features, n_classes, dropout)
    last = layers[-1]
    if class_prior is not None and isinstance(last, nn.Linear):
        with torch.no_grad():
            last.bias.copy_(torch.tensor([math.log(p) for p in class_prior]))
    return Network(name, backbone, layers, n_inputs=n_inputs, settings=settings, report=report)


def set_trainable(network: Network, what: str) -> None:
    """Choose which parameters learn; all others are frozen, batch-norm statistics included.

    what  "head"; "all"; or "from:PREFIX", the head and everything in the backbone from the module PREFIX
          on, in order of definition ("from:layer4", "from:features.14")

    Raises ValueError when the backbone has no such module.
    """
    names = [name for name, _ in network.backbone.named_modules()][1:]
    prefix = what.removeprefix("from:")
    if what not in ("head", "all") and not (what.startswith("from:") and prefix in names):
        near = [n for n in names if n.count(".") < 2]
        raise ValueError(
            f"cannot train {what!r} of {network.name}; allowed are head, all, or from: and one of "
            f"{', '.join(near[:40])}{' …' if len(near) > 40 else ''}"
        )
    learns = what == "all"
    for name, module in network.backbone.named_modules():  # in order of definition, parents first
        learns = learns or (name == prefix and what.startswith("from:"))
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(learns)
    network.head.requires_grad_(True)
    network.train(network.training)  # lets frozen norms rest at once


def parameter_counts(network: nn.Module) -> dict[str, int]:
    """How many numbers a network learns: {"total": …, "trainable": …} at its present stage."""
    sizes = [(p.numel(), p.requires_grad) for p in network.parameters()]
    return {"total": sum(n for n, _ in sizes), "trainable": sum(n for n, learns in sizes if learns)}


def _head(own: nn.Sequential | None, n_features: int, n_classes: int, dropout: float) -> nn.Sequential:
    if own is None:
        return nn.Sequential(nn.Dropout(dropout), nn.Linear(n_features, n_classes))
    widths = [layer.out_features for layer in own if isinstance(layer, nn.Linear)]
    for layer in own:
        if isinstance(layer, nn.Dropout) and dropout > 0:
            layer.p = dropout
    return nn.Sequential(*own, nn.Linear(widths[-1] if widths else n_features, n_classes))


def _own_weights(backbone: nn.Module, name: str, weights: str, weights_dir: Path | None) -> str:
    if weights == "none":
        return SCRATCH
    if weights == "imagenet":
        raise ValueError(f"there are no ImageNet weights of {name!r}; use weights: none, or a file of an earlier run")
    return load_matching(backbone, *file_state(weights, weights_dir))


def _check(
    n_classes: int,
    dropout: float,
    channels: int,
    mean: Sequence[float],
    std: Sequence[float],
    prior: Sequence[float] | None,
    head: str,
) -> None:
    if n_classes < 2:
        raise ValueError(f"n_classes is {n_classes}; a classifier needs at least 2")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}; allowed is 0 up to, but not including, 1")
    if channels not in (1, 3):
        raise ValueError(f"channels is {channels}; allowed are 1 (grey) and 3 (colour)")
    if len(mean) not in (1, 3) or len(mean) != len(std):
        raise ValueError(f"mean and std have {len(mean)} and {len(std)} numbers; allowed are 1 or 3, the same of both")
    if min(std) <= 0:
        raise ValueError(f"std is {list(std)}; images that do not vary cannot be normalised")
    if prior is not None and (len(prior) != n_classes or min(prior) <= 0):
        raise ValueError(f"class_prior is {list(prior)}; {n_classes} shares above 0 are needed")
    if head not in HEADS:
        raise ValueError(f"head is {head!r}; allowed are {' and '.join(HEADS)}")
