"""Weights made elsewhere: torchvision's ImageNet weights, or a file in WEIGHTS_DIR.

A state dict goes into the whole published network by name and shape, before
its classifier is replaced; what matched and what did not is said in words. A
file that fits less than half of the network is refused, because a network that
is called pre-trained and starts from noise looks like a result.
"""

import contextlib
import hashlib
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

SCRATCH = "no weights: trained from scratch"
ENDINGS = (".safetensors", ".pth", ".pt")
_PREFIXES = ("module.", "backbone.", "model.")
_OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")


class WeightsUnavailable(ValueError):
    """Weights that were asked for cannot be had here; the text names the ways out."""


def imagenet_state(name: str) -> tuple[dict[str, Tensor], str]:
    """Read torchvision's default ImageNet weights, from its cache in TORCH_HOME or over the network.

    name  a torchvision classifier, such as "resnet18"

    Returns the state dict and a name for reports ("ResNet18_Weights.IMAGENET1K_V1").
    Raises WeightsUnavailable where there is neither a cached file nor a network.
    """
    import torchvision.models

    weights = torchvision.models.get_model_weights(name).DEFAULT
    try:
        # torch.hub prints the cache's path, which names the user, into the page
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return dict(weights.get_state_dict(progress=False, check_hash=True)), str(weights)
    except (
        OSError,
        RuntimeError,
    ) as error:  # URLError and timeouts are OSErrors; a wrong hash is a RuntimeError
        cached = Path(weights.url).name
        raise WeightsUnavailable(
            f"weights 'imagenet' for {name!r} could not be fetched ({type(error).__name__}). Ways out: "
            f"connect to the internet once; or put {cached} into $TORCH_HOME/hub/checkpoints; or put a state dict "
            f"({' or '.join(ENDINGS)}) into WEIGHTS_DIR and name it as `weights`; or train from scratch with "
            f"weights: none"
        ) from error


def digest(weights: str, weights_dir: Path | None = None) -> str:
    """Sixteen hex digits over a weight file's bytes; the name itself for "none" and "imagenet", and where it is missing."""
    if weights in ("none", "imagenet"):
        return weights
    folder = weights_dir or (Path(os.environ["WEIGHTS_DIR"]) if os.environ.get("WEIGHTS_DIR") else None)
    try:
        with _find(weights, folder).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except WeightsUnavailable:
        return weights


def file_state(weights: str, weights_dir: Path | None) -> tuple[dict[str, Tensor], str]:
    """Read a state dict from a file.

    weights      a path, or a file's name inside `weights_dir` (its ending may be left out)
    weights_dir  the folder WEIGHTS_DIR points to, or None

    Returns the tensors, floating ones as float32, and the file's name.
    Raises WeightsUnavailable when there is no such file, ValueError when it holds no state dict.
    """
    path = _find(weights, weights_dir)
    if path.suffix == ".safetensors":
        import safetensors.torch

        state: Mapping = safetensors.torch.load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
        inner = [state[key] for key in ("state_dict", "model") if isinstance(state.get(key), dict)]
        state = inner[0] if inner else state
    tensors = {key: value for key, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError(f"{path.name}: holds no tensors by name; a state dict is needed")
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}, path.name


def load_matching(network: nn.Module, state: Mapping[str, Tensor], source: str) -> str:
    """Copy into `network`, in place, every entry of `state` that agrees in name and shape.

    network  the published network with its own classifier
    state    tensors by torchvision's names; a prefix shared by all ("module.", "backbone.") is
             taken off, names of old DenseNet files are brought up to date
    source   what to call the weights in the report

    Returns the report: matched, missing, unexpected and differently shaped entries, in words.
    Raises ValueError when less than half of the network's entries match.
    """
    state = _tidy(state)
    wanted = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    given = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    matched = [k for k in wanted if k in given and given[k].shape == wanted[k].shape]
    report = "; ".join(
        (
            f"{source}: {len(matched)} of {len(wanted)} entries matched",
            _words("missing", [k for k in wanted if k not in given]),
            _words("unexpected", [k for k in given if k not in wanted]),
            _words("other shape", [k for k in wanted if k in given and given[k].shape != wanted[k].shape]),
        )
    )
    if 2 * len(matched) < len(wanted):
        raise ValueError(
            f"{report}. Less than half match, so these are weights of another network; "
            f"name the network they were made for, or weights: none"
        )
    network.load_state_dict({k: given[k] for k in matched}, strict=False)
    return report


def _find(weights: str, weights_dir: Path | None) -> Path:
    folders = [Path()] if weights_dir is None else [Path(weights_dir), Path()]
    tried = [folder / f"{weights}{ending}" for folder in folders for ending in ("", *ENDINGS)]
    for path in tried:
        if path.is_file() and path.suffix in ENDINGS:
            return path
    where = "WEIGHTS_DIR is not set" if weights_dir is None else "it is not in WEIGHTS_DIR"
    held = sorted(p.name for p in folders[0].glob("*") if p.suffix in ENDINGS) if weights_dir else []
    raise WeightsUnavailable(
        f"no weights file {weights!r}: {where}"
        + (f", which holds {', '.join(held)}" if held else "")
        + f". Allowed are none, imagenet, or a {', '.join(ENDINGS)} file by name or path"
    )


def _tidy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    state = dict(state)
    if any(k.startswith("backbone.") for k in state):  # a network of ours: its head belongs to other classes
        state = {k: v for k, v in state.items() if k.startswith("backbone.")}
    for prefix in _PREFIXES:
        if state and all(k.startswith(prefix) for k in state):
            state = {k.removeprefix(prefix): v for k, v in state.items()}
    return {_OLD_DENSENET.sub(r"\1\2", k): v for k, v in state.items()}


def _words(what: str, keys: list[str], show: int = 4) -> str:
    if not keys:
        return f"{what}: none"
    more = f" and {len(keys) - show} more" if len(keys) > show else ""
    return f"{what}: {', '.join(keys[:show])}{more}"
