"""The words for networks and measures, once: what a table calls resnet18 the page calls ResNet-18."""

import json
import re
import shlex
from typing import Any

from scanbook.metrics.verdicts import METRIC_NAMES

PAIR = ("resnet", "vgg")  # the arms that every page compares first
MAIN = (*PAIR, "source")  # and the source's own network beside them

OWN = {"small_cnn": "small CNN", "separable_cnn": "separable CNN"}
FAMILIES = {"resnet": "ResNet", "vgg": "VGG", "densenet": "DenseNet", "mobilenet_v2": "MobileNetV2",
            "squeezenet": "SqueezeNet", "efficientnet": "EfficientNet", "convnext": "ConvNeXt"}  # fmt: skip


def pretty(network: str) -> str:
    """The network's name as the field writes it: vgg16_bn -> VGG-16-BN."""
    if network in OWN:
        return OWN[network]
    name = network.removeprefix("timm:")
    for start, family in FAMILIES.items():
        if name == start:
            return family
        if name.startswith(start):
            rest = re.sub(r"_bn$", "-BN", name.removeprefix(start)).strip("_").replace("_", "-")
            return f"{family}-{rest}"
    return name


def stand_in(network: str) -> str:
    """Says of a light sibling which network it runs in place of."""
    return f"standing for {pretty(network)}"


def metric(name: str) -> str:
    """The measure's name in prose; recall_benign -> recall of benign."""
    return METRIC_NAMES.get(name) or name.replace("recall_", "recall of ")


def one(unit: str) -> str:
    """The singular of a unit of grouping: patients -> patient."""
    return unit.removesuffix("s")


def command(name: str, profile: str, overrides: dict[str, Any]) -> str:
    """What makes a page again, in a terminal."""
    sets = "".join(f" --set {shlex.quote(f'{key}={json.dumps(value)}')}" for key, value in overrides.items())
    return f"scanbook report {name} --profile {profile}{sets}" if sets else f"make report-{name} PROFILE={profile}"
