"""Measure fastai: its quick start, and its tuned form. Run by fastai's own environment.

    python with_fastai.py JOB.json RESULT.json

quick    as docs.fast.ai/quick_start writes it, from scratch (pretrained=False, and so fit in place of fine_tune), with
         the augmentation that all parties share
tuned    what docs.fast.ai offers for speed: images made smaller beforehand (resize_images), to_channelslast with
         mixed precision in bfloat16
patched  the same with three lines of ours: fastai's MixedPrecision opens autocast for CUDA whatever the device is,
         which does nothing on a CPU; here it is opened for the CPU. No page of fastai's tells one to, but who reads
         its source can
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import job
import torch
import torchvision.models
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.fp16 import AMPMode, MixedPrecision
from fastai.vision.all import (
    Callback,
    CancelFitException,
    ImageDataLoaders,
    Learner,
    Resize,
    aug_transforms,
    create_vision_model,
    error_rate,
    get_image_files,
    parent_label,
    vision_learner,
)
from fastai.vision.utils import resize_images

SMALLER = 400  # px, the longer side of the images made beforehand: above 224 / 0.75, so that nothing is enlarged
AHEAD = 8  # batches that the workers may have decoded ahead


class BFloat16OnCPU(MixedPrecision):
    """MixedPrecision with autocast opened for the device that is there."""

    def __init__(self) -> None:
        super().__init__(AMPMode.BF16)

    def before_fit(self) -> None:
        super().before_fit()
        self.autocast = torch.autocast("cpu", torch.bfloat16)


class Clock(Callback):
    """Notes when each training step has ended, and ends the training after the last that counts."""

    order = 100

    def __init__(self, steps: int) -> None:
        self.steps, self.ticks = steps, []

    def after_batch(self) -> None:
        if self.training:
            self.ticks.append(time.perf_counter())
            if len(self.ticks) == self.steps:
                raise CancelFitException


def measure(todo: dict) -> dict:
    """Seconds of each step after the warm ones, for each network."""
    torch.set_num_threads(todo["threads"])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(todo["photos"])
        if todo["form"] != "quick":
            resize_images(folder, max_size=SMALLER, dest=Path(scratch), recurse=True)
            folder = Path(scratch)
        cells = {name: one(name, folder, todo) for name in todo["networks"]}
    return {"cells": cells, "versions": job.versions("fastai", "torch", "torchvision")}


def one(name: str, folder: Path, todo: dict) -> dict:
    """One network."""
    steps = todo["warm"] + todo["steps"][name]
    files = get_image_files(folder)
    # the list is repeated so that the workers have something to decode until the last step that counts
    wanted = (steps + AHEAD + 1) * todo["batch"]
    files = files * (wanted // len(files) + 1)
    loaders = ImageDataLoaders.from_path_func(
        folder, files, parent_label, valid_pct=0.05, seed=42, bs=todo["batch"], item_tfms=Resize(todo["size"]),
        batch_tfms=aug_transforms(max_rotate=10, max_zoom=1.1, max_lighting=0, max_warp=0),
        num_workers=todo["threads"],
    )  # fmt: skip
    architecture = getattr(torchvision.models, name)
    if name == "mobilenet_v2":  # vision_learner looks for a pooling module to cut at; this has none, and `cut` is lost
        learner = Learner(loaders, create_vision_model(architecture, 2, pretrained=False, cut=-1), metrics=error_rate)
    else:
        learner = vision_learner(loaders, architecture, pretrained=False, metrics=error_rate)
    if todo["form"] == "tuned":
        learner.to_channelslast(amp_mode=AMPMode.BF16)
    elif todo["form"] == "patched":
        learner.add_cbs([ChannelsLast(), BFloat16OnCPU()])
    clock = Clock(steps)
    learner.add_cb(clock)
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(1, 1e-3)
    times = [b - a for a, b in zip(clock.ticks, clock.ticks[1:], strict=False)]
    return {
        "images": todo["batch"],
        "seconds": times[todo["warm"] - 1 :],
        "parameters": sum(p.numel() for p in learner.model.parameters()),
    }


if __name__ == "__main__":
    job.run(measure, sys.argv)
