"""Measure precision × memory layout for each network and size: what "auto" should choose.

    python layouts.py JOB.json RESULT.json

The bare step only, on made-up pixels: layout and precision touch nothing else.
"""

import sys
import time

import job
import torch
import torch.nn.functional as F

from scanbook.models.device import choose, give_back_memory
from scanbook.models.networks import build, set_trainable
from scanbook.models.schedules import make_optimiser

CHOICES = [(precision, last) for precision in ("float32", "bfloat16") for last in (False, True)]
ENOUGH = 1.5  # seconds of steps in one round; a small network makes many


def measure(todo: dict) -> dict:
    """Images/s, a list over rounds, for each network, size, precision and layout."""
    torch.set_num_threads(todo["threads"])
    cells = []
    for size in todo["sizes"]:
        for name in todo["networks"]:
            steppers = {choice: Stepper(name, size, todo, *choice) for choice in CHOICES}
            rates: dict[tuple, list[float]] = {choice: [] for choice in CHOICES}
            for number in range(todo["rounds"]):
                order = CHOICES if number % 2 == 0 else CHOICES[::-1]
                for choice in order:
                    rates[choice].append(steppers[choice].rate())
            cells += [
                {"network": name, "size": size, "precision": p, "channels_last": last, "rates": rates[p, last]}
                for p, last in CHOICES
            ]
            del steppers
            give_back_memory()
    return {"cells": cells, "batch": todo["batch"], "versions": job.versions("torch", "torchvision")}


class Stepper:
    """A network in one precision and layout, warmed up, and its bare step."""

    def __init__(self, name: str, size: int, todo: dict, precision: str, channels_last: bool) -> None:
        self.batch = todo["batch"]
        self.chosen = choose("cpu", precision, channels_last)
        self.network = build(name, 2, channels=1, image_size=size, seed=0)
        self.network.lay_out("cpu", channels_last)
        set_trainable(self.network, "all")
        self.network.train()
        self.optimiser = make_optimiser("adam", self.network.parameters(), 1e-3, 0.9, 0.0)
        self.images = torch.rand(self.batch, 1, size, size, generator=torch.Generator().manual_seed(0))
        self.labels = torch.arange(self.batch) % 2
        self.step()
        started = time.perf_counter()
        self.step()
        self.n_steps = max(1, round(ENOUGH / (time.perf_counter() - started)))

    def step(self) -> None:
        """Forward, backward, optimiser."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.chosen.precision == "bfloat16"):
            logits = self.network(self.images)
        self.optimiser.zero_grad()
        F.cross_entropy(logits.float(), self.labels).backward()
        self.optimiser.step()

    def rate(self) -> float:
        """Images/s over about ENOUGH seconds."""
        started = time.perf_counter()
        for _ in range(self.n_steps):
            self.step()
        return self.n_steps * self.batch / (time.perf_counter() - started)


if __name__ == "__main__":
    job.run(measure, sys.argv)
