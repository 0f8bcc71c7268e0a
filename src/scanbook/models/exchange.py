"""A network as an ONNX file, which runs without torch, and the proof that it answers as the original does.

torch's older exporter writes it: it needs no package besides onnx, is done in seconds where the newer one takes up to
two minutes, and traces these networks, whose shape depends on nothing but the number of images, without loss.
"""

import importlib.util
import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from scanbook.models.networks import Network

OPSET = 17
NEEDED = ("onnx", "onnxruntime")


class WithProbabilities(nn.Module):
    """A network that also gives its probabilities, so that whoever runs the file needs no arithmetic of their own."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and probabilities (B, K) of images, float32 (B, C, S, S) in [0, 1]."""
        logits = self.network(images)
        return logits, torch.softmax(logits, dim=1)


def require_packages() -> None:
    """Raise ValueError, with the command that installs them, where the packages of the extra are missing."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise ValueError(f"ONNX needs the package {' and '.join(missing)}; install: pip install 'scanbook[onnx]'")


def write_onnx(network: Network, file: Path, *, size: int, about: Mapping[str, Any]) -> None:
    """Write a network as ONNX: input `images`, outputs `logits` and `probabilities`, any number of images at a time.

    network  on the CPU; its normalisation is part of the file
    size     px, the side of the images it was trained on
    about    what a user must know, kept as metadata of the file; what is no text is written as JSON

    Raises ValueError where the extra's packages are missing.
    """
    require_packages()
    import onnx

    was_training, layout = network.training, network.channels_last
    model = WithProbabilities(network.lay_out("cpu", False).eval()).eval()
    example = torch.zeros(2, network.settings["channels"], size, size)
    names = ["images", "logits", "probabilities"]
    try:
        with (
            warnings.catch_warnings()
        ):  # that it is the older one, and that shapes, which are fixed, are taken as fixed
            warnings.simplefilter("ignore")
            torch.onnx.export(model, (example,), str(file), dynamo=False, opset_version=OPSET, input_names=names[:1],
                              output_names=names[1:], dynamic_axes={name: {0: "batch"} for name in names})  # fmt: skip
    finally:
        network.lay_out("cpu", layout).train(was_training)
    written = onnx.load(str(file))
    for key, value in about.items():
        entry = written.metadata_props.add()
        entry.key, entry.value = key, value if isinstance(value, str) else json.dumps(value)
    onnx.checker.check_model(written)
    onnx.save(written, str(file))


def largest_difference(network: Network, file: Path, batches: Iterable[Tensor]) -> tuple[float, int]:
    """How far the file's probabilities are from the network's, at most, over some images.

    batches  float32 (B, C, S, S) in [0, 1], on the CPU

    Returns the largest absolute difference of any probability, and of how many images.
    """
    require_packages()
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
    worst, n = 0.0, 0
    with torch.inference_mode():
        for images in batches:
            (found,) = session.run(["probabilities"], {"images": images.numpy()})
            gap = np.abs(found - torch.softmax(network(images), dim=1).numpy())
            worst, n = max(worst, float(gap.max()) if np.isfinite(gap).all() else float("inf")), n + len(images)
    return worst, n
