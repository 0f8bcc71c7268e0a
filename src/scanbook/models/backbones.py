"""Published networks cut in two: a backbone that gives features, and the classifier that is left over.

torchvision ends each family differently. Here every one is brought to the same
form, its own last norm and activation kept where they belong to the features:
global average pooling, then features (B, F), then our head.
"""

import difflib
import importlib.util
from pathlib import Path

import torch
import torchvision.models as published
from torch import Tensor, nn

from scanbook.models.weights import SCRATCH, WeightsUnavailable, file_state, imagenet_state, load_matching

FAMILIES = "resnet, resnext, wide_resnet, vgg, densenet, mobilenet, efficientnet, convnext, squeezenet, regnet …"
_CLASSIFIERS = ("fc", "classifier", "heads", "head")  # torchvision's names for the last part
_OWN_HEADS_OF_MAPS = (published.SqueezeNet,)


class DepthwiseConv(nn.Conv2d):
    """A convolution of each channel by itself that knows when bfloat16 would be slow.

    On CPUs, oneDNN has no fast bfloat16 kernel for its backward pass with a stride, or on a map
    smaller than the kernel: 10 to 60 times slower than float32 (MobileNetV2 trains 1.8 times as
    fast this way). The rest of the network keeps its precision.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """As nn.Conv2d; the result has the precision of `maps`."""
        slow = max(self.stride) > 1 or min(maps.shape[-2:]) < max(self.kernel_size)
        if not (slow and maps.device.type == "cpu" and torch.is_autocast_enabled("cpu")):
            return super().forward(maps)
        with torch.autocast("cpu", enabled=False):
            return super().forward(maps.float()).to(maps.dtype)


def torchvision_parts(
    name: str, *, weights: str, weights_dir: Path | None, head: str, image_size: int | None
) -> tuple[nn.Module, int, nn.Sequential | None, str]:
    """Build a torchvision classifier and take its classifier off.

    name         as in torchvision.models.list_models(module=torchvision.models)
    weights      none, imagenet, or a file (see `weights`)
    head         "pooled": F is what global average pooling leaves. For VGG and AlexNet this leaves out
                 their 4096-wide dense layers (nine tenths of their parameters) and for SqueezeNet its
                 last convolution. "own": the classifier stays as published, to be given a new last layer
    image_size   px; only vision transformers need it

    Returns backbone (B, 3, H, W) -> (B, F), F, the network's own classifier without its last linear
    layer (None for "pooled"), and the report on weights.
    Raises ValueError for an unknown name, WeightsUnavailable for weights not to be had.
    """
    if name not in (known := published.list_models(module=published)):
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f" (did you mean {' or '.join(near)}?)" if near else ""
        raise ValueError(f"network {name!r} is not known{hint}; torchvision's families: {FAMILIES}")
    if head == "pooled" and weights == "none" and name.startswith("vgg"):
        return _pooled_vgg_from_scratch(name), 512, None, SCRATCH
    found = _find_weights(name, weights, weights_dir)  # before a network is built for nothing
    model = published.get_model(name, weights=None, **_extra_arguments(name, image_size))
    report = load_matching(model, *found) if found else SCRATCH
    attribute = next(a for a in _CLASSIFIERS if hasattr(model, a))
    classifier = getattr(model, attribute)
    layers = list(classifier) if isinstance(classifier, nn.Sequential) else [classifier]
    if head == "own":
        if isinstance(model, _OWN_HEADS_OF_MAPS):
            raise ValueError(f"network {name!r} has no dense classifier of its own; use head 'pooled'")
        setattr(model, attribute, nn.Identity())
        return model, _first_linear(layers).in_features, nn.Sequential(*layers[:-1]), report
    n_features: int
    if isinstance(model, published.VGG | published.AlexNet):
        model.avgpool, model.classifier = nn.AdaptiveAvgPool2d(1), nn.Identity()
        n_features = [m for m in model.features.modules() if isinstance(m, nn.Conv2d)][-1].out_channels
    elif isinstance(model, published.SqueezeNet):
        model.classifier, n_features = nn.AdaptiveAvgPool2d(1), 512
    else:
        n_features = _first_linear([layers.pop()]).in_features
        if layers and isinstance(layers[-1], nn.Dropout):
            layers.pop()  # the dropout of our head takes its place
        setattr(model, attribute, nn.Sequential(*layers))
    return model, n_features, None, report


def timm_parts(name: str, *, weights: str, weights_dir: Path | None) -> tuple[nn.Module, int, str]:
    """Build a network of the timm package without its classifier.

    name  timm's name, without "timm:"

    Returns backbone (B, 3, H, W) -> (B, F), F, and the report on weights.
    Raises ValueError when timm is not installed or does not know the name.
    """
    if importlib.util.find_spec("timm") is None:
        raise ValueError(f"network 'timm:{name}' needs the package timm; install it with: pip install timm")
    import timm

    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name[:6]}*")[:5])
        raise ValueError(f"timm knows no network {name!r}" + (f"; it has {near} …" if near else ""))
    found = None if weights in ("none", "imagenet") else file_state(weights, weights_dir)
    try:
        model = timm.create_model(name, pretrained=weights == "imagenet", num_classes=0)
    except (OSError, RuntimeError) as error:  # no network; or timm lacks the package that fetches
        raise WeightsUnavailable(
            f"weights 'imagenet' for 'timm:{name}' could not be fetched ({type(error).__name__}); connect to "
            f"the internet once, name a file in WEIGHTS_DIR, or use weights: none"
        ) from error
    n_features = getattr(model, "head_hidden_size", model.num_features)  # some widen after their last block
    if found is not None:
        return model, n_features, load_matching(model, *found)
    return model, n_features, f"timm's own weights of {name}" if weights == "imagenet" else SCRATCH


def quicken_depthwise(model: nn.Module) -> None:
    """Replace, in place, every depthwise convolution by `DepthwiseConv`, under its own name and weights."""
    for parent in list(model.modules()):
        for name, conv in parent.named_children():
            if type(conv) is nn.Conv2d and conv.groups == conv.in_channels > 1:
                shape = (conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding)
                rest = (conv.dilation, conv.groups, conv.bias is not None, conv.padding_mode)
                quick = DepthwiseConv(*shape, *rest, device="meta")  # type: ignore[arg-type]
                quick.weight, quick.bias = conv.weight, conv.bias
                setattr(parent, name, quick)


def _find_weights(name: str, weights: str, weights_dir: Path | None) -> tuple[dict[str, Tensor], str] | None:
    if weights == "none":
        return None
    return imagenet_state(name) if weights == "imagenet" else file_state(weights, weights_dir)


def _extra_arguments(name: str, image_size: int | None) -> dict[str, object]:
    if name.startswith("vit_") and image_size is not None:
        return {"image_size": image_size}
    if name in ("googlenet", "inception_v3"):  # side classifiers would return two kinds of output
        return {"aux_logits": False, "init_weights": True}
    return {}


def _first_linear(layers: list[nn.Module]) -> nn.Linear:
    return next(layer for layer in layers if isinstance(layer, nn.Linear))


def _pooled_vgg_from_scratch(name: str) -> nn.Module:
    """VGG without ever allocating its dense layers: half a gigabyte and two seconds saved.

    The weights start as torchvision starts them (He et al. 2015, fan out).
    """
    with torch.device("meta"):
        model = published.get_model(name, weights=None, init_weights=False)
    model.avgpool, model.classifier = nn.AdaptiveAvgPool2d(1), nn.Identity()
    model.to_empty(device="cpu")
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            bias: Tensor | None = module.bias
            if bias is not None:
                nn.init.zeros_(bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    return model
