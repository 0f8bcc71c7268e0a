"""Measure ours: an epoch as it really runs, the same steps without the loader, and the bare step.

    python ours.py JOB.json RESULT.json

Every form calls the package: `Batches` over the cache and `train_epoch` are what `models.training.fit` calls. The
three forms take turns within a process, so that a busy moment of the machine meets all of them.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import job
import torch
import torch.nn.functional as F

from scanbook.loaders.augment import AugmentSpec, apply, draw, image_keys
from scanbook.loaders.batches import Batches
from scanbook.loaders.cache import cached_images
from scanbook.loaders.manifest import build_manifest
from scanbook.models.device import choose, give_back_memory
from scanbook.models.epochs import train_epoch
from scanbook.models.networks import Network, build, set_trainable
from scanbook.models.schedules import make_optimiser
from scanbook.models.training import fit

AUGMENT = AugmentSpec(flip_horizontal=0.5, rotate_deg=10, zoom=0.1, crop=0.1)
CLASSES = ["clear", "lesion"]
RATE = 1e-3


class Bench:
    """One network, its optimiser, the cached images and one batch that stays in memory."""

    def __init__(self, name: str, images: object, labels: object, image_ids: list[str], todo: dict) -> None:
        self.steps, batch = todo["steps"][name], todo["batch"]
        self.chosen = choose("cpu", todo.get("precision", "auto"), todo.get("channels_last", "auto"))
        self.network: Network = build(name, 2, channels=images.shape[3], image_size=images.shape[1], seed=0)
        self.network.lay_out(self.chosen.device, self.chosen.channels_last)
        set_trainable(self.network, "all")
        self.optimiser = make_optimiser("adam", self.network.parameters(), RATE, 0.9, 0.0)
        rows = [i % len(images) for i in range(self.steps * batch)]
        self.batches = Batches(
            images, labels, rows, image_ids=image_ids, batch=batch, augment=AUGMENT, seed=0, shuffle=True
        )
        self.keys = image_keys(image_ids[:batch])
        pixels = torch.from_numpy(images[:batch].copy()).permute(0, 3, 1, 2)
        self.resident = pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(255)
        self.labels = torch.from_numpy(labels[:batch].copy())
        self.turn = 0

    def warm_up(self) -> None:
        """A step, in which oneDNN chooses its kernels, and an epoch, after which the memory has settled."""
        self.network.train()
        self._step(self.resident)
        self.epoch()

    def epoch(self) -> None:
        """An epoch through the package's own loader and loop."""
        self.turn += 1
        train_epoch(
            self.network, self.batches, self.optimiser, epoch=self.turn, loss="cross_entropy", class_weights=None,
            chosen=self.chosen,
        ).summary(None)  # fmt: skip

    def bare(self) -> None:
        """As many steps on one resident batch: forward, backward, optimiser, and nothing else."""
        self.network.train()
        for _ in range(self.steps):
            self._step(self.resident)

    def augmented(self) -> None:
        """The same with new draws of the resident batch in each step."""
        self.network.train()
        for _ in range(self.steps):
            self.turn += 1
            self._step(apply(self.resident, draw(AUGMENT, 0, self.turn, self.keys)))

    def _step(self, images: torch.Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.chosen.precision == "bfloat16"):
            logits = self.network(images)
        loss = F.cross_entropy(logits.float(), self.labels)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()


def measure(todo: dict) -> dict:
    """Seconds of each form, a list over rounds, for each network; and what the package chose."""
    torch.set_num_threads(todo["threads"])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(todo["photos"])
        manifest, _ = build_manifest(folder, layout="class_folders", classes={c: c for c in CLASSES}, group="")
        used = manifest[manifest["status"] == "used"]
        images = cached_images(
            manifest, folder, Path(scratch), size=todo["size"], fit="pad", colour=todo["colour"], equalise="none"
        )
        labels = used["label"].map(CLASSES.index).to_numpy("int64")
        cells = {}
        for name in todo["networks"]:
            bench = Bench(name, images, labels, list(used["image_id"]), todo)
            forms = {form: getattr(bench, form) for form in todo["forms"][name]}
            bench.warm_up()
            cells[name] = {
                "images": bench.steps * todo["batch"],
                "seconds": take_turns(forms, todo["rounds"], first=todo["first"]),
                "parameters": sum(p.numel() for p in bench.network.parameters()),
                "chosen": f"{bench.chosen.precision}, channels {'last' if bench.chosen.channels_last else 'first'}",
            }
            if todo.get("fit"):
                cells[name]["fit"] = fit_rate(bench, Path(scratch) / name)
            del bench, forms
            give_back_memory()
    return {"cells": cells, "versions": job.versions("torch", "torchvision", "numpy")}


def take_turns(
    forms: dict[str, Callable[[], None]], rounds: int, *, warm: int = 0, first: int = 0
) -> dict[str, list[float]]:
    """Seconds of each form in each round.

    forms   name -> what to do
    rounds  how often each is timed; who comes first moves on from round to round
    warm    rounds before the first that counts
    first   who comes first in the first round, counted from 0
    """
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    names = list(forms)
    for number in range(-warm, rounds):
        shift = (first + number) % len(names)
        for name in names[shift:] + names[:shift]:
            started = time.perf_counter()
            forms[name]()
            if number >= 0:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def fit_rate(bench: Bench, folder: Path) -> float:
    """Images/s as `fit` itself reports them, the median of its epochs after the first."""
    val = Batches(
        bench.batches.images, bench.batches.labels, [0, 1], image_ids=[str(i) for i in range(len(bench.batches.labels))],
        batch=2,
    )  # fmt: skip
    result = fit(
        bench.network, bench.batches, val, classes=CLASSES, stages=[{"train": "all", "epochs": 3, "rate": RATE}],
        optimiser="adam", schedule={"name": "constant"}, folder=folder, tensorboard=False, device="cpu",
    )  # fmt: skip
    return float(result.history["images_per_second"].iloc[1:].median())


if __name__ == "__main__":
    job.run(measure, sys.argv)
