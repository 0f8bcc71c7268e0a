"""From the experiment to the list of runs, each with everything that determines its numbers.

A run is one training: arm, split scheme, fold and seed. Its folder's name is readable, and ends in a hash of what
determines the result, so that a run is found again when nothing has changed and made again when something has.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanbook.experiment import Arm, Experiment

# Rooms whose source decides what a run computes; report and metrics come after predictions.csv and may change freely.
DECIDING = (
    "fitting.py", "loaders/augment.py", "loaders/balance.py", "loaders/batches.py", "loaders/prepare.py",
    "loaders/reading.py", "models/*.py",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One training, and what determines it."""

    assignment: str
    profile: str
    arm: Arm
    scheme: str
    fold: int
    seed: int
    determined_by: dict[str, Any]

    @property
    def key(self) -> str:
        """Eight hex digits over everything that determines the run."""
        text = json.dumps(self.determined_by, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def name(self) -> str:
        """The folder's name: arm-network-scheme-fFOLD-sSEED-HASH."""
        network = self.arm.network.replace(":", "_").replace("/", "_")
        return f"{self.arm.name}-{network}-{self.scheme}-f{self.fold}-s{self.seed}-{self.key}"


def plan_runs(
    experiment: Experiment, splits: dict[str, dict[int, str]], fingerprint: str, machine: dict[str, Any]
) -> list[Run]:
    """Every run of the experiment, arms in the order of the file.

    splits       scheme -> {fold: hash of that fold's parts}
    fingerprint  of the manifest
    machine      device class, precision, layout, threads, library versions: what moves the last digits

    Returns one Run for each arm, fold and seed.
    """
    source = source_hash()
    runs = []
    for arm in experiment.arms.values():
        for fold, parts in sorted(splits[arm.scheme].items()):
            for seed in arm.seeds:
                determined_by = {
                    "arm": arm.model_dump(exclude={"name", "about", "seeds", "stands_for"}),
                    "classes": experiment.data.class_names,
                    "positive": experiment.data.positive,
                    "data": fingerprint,
                    "parts": parts,
                    "fold": fold,
                    "seed": seed,
                    "machine": machine,
                    "source": source,
                }
                runs.append(Run(experiment.name, experiment.profile, arm, arm.scheme, fold, seed, determined_by))
    return runs


def source_hash(package: Path = Path(__file__).parent) -> str:
    """Sixteen hex digits over the source of the rooms that decide what a run computes."""
    digest = hashlib.sha256()
    for pattern in DECIDING:
        for file in sorted(package.glob(pattern)):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]
