"""What moves the digits of a training and stands in no parameter: the machine, the packages, the weights' bytes.

They are part of a run's key, so a run made under other circumstances is another run.
"""

import platform
from typing import Any

import torch

from scanbook.experiment import Arm
from scanbook.loaders.balance import BLENDED
from scanbook.models import device, weights
from scanbook.models.own import OWN
from scanbook.report.provenance import version


def of(arm: Arm, chosen: device.Chosen, processes: int) -> dict[str, Any]:
    """The circumstances of one arm's training, as plain values.

    chosen     where and how it trains
    processes  that share each batch: with two of them a run is the one that a single process makes of two parts
    """
    kind = torch.device(chosen.device).type
    on_cpu = {"threads": torch.get_num_threads(), "architecture": platform.machine(),
              "processor": f"{torch.backends.cpu.get_cpu_capability()} {device.instructions()}".strip()}  # fmt: skip
    return {
        "device": kind, "precision": chosen.precision, "channels_last": chosen.channels_last,
        "parts": max(arm.training.micro_batches, processes), **(on_cpu if kind == "cpu" else {}),
        "versions": versions(arm), "weights": weights.digest(arm.weights),
    }  # fmt: skip


def versions(arm: Arm) -> dict[str, str]:
    """The packages that decide what an arm's training computes -> their versions."""
    wanted = ["torch", "numpy", "pillow"]
    wanted += [] if arm.network in OWN else ["timm" if arm.network.startswith("timm:") else "torchvision"]
    wanted += ["imbalanced-learn", "scikit-learn"] if arm.training.balance in BLENDED else []
    wanted += ["scikit-image"] if arm.image.equalise == "clahe" else []
    return {package: version(package) for package in wanted}
