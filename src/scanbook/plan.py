"""From the experiment to the list of runs, each with everything that determines its numbers.

A run is one training: arm, split scheme, fold and seed. Its folder's name is readable, and ends in a hash of what
determines the result, so that a run is found again when nothing has changed and made again when something has.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from scanbook import sources
from scanbook.experiment import Arm, Experiment

NO_INFLUENCE = {"checkpoint_s", "threads", "precision", "micro_batches"}  # the last three: see `circumstances`


@dataclass(frozen=True)
class Run:
    """One training, and what determines it.

    opens_test  whether its network is scored on the test part; a point of a tuning grid never is
    """

    assignment: str
    profile: str
    arm: Arm
    scheme: str
    fold: int
    seed: int
    determined_by: dict[str, Any]
    opens_test: bool = True

    @property
    def key(self) -> str:
        """Eight hex digits over everything that determines the run."""
        text = json.dumps(self.determined_by, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def stem(self) -> str:
        """Which training of the experiment this is: arm-network-scheme-fFOLD-sSEED."""
        network = self.arm.network.replace(":", "_").replace("/", "_")
        return f"{self.arm.name}-{network}-{self.scheme}-f{self.fold}-s{self.seed}"

    @property
    def name(self) -> str:
        """The folder's name: its stem and its key."""
        return f"{self.stem}-{self.key}"


def plan_runs(
    experiment: Experiment,
    arms: Iterable[Arm],
    splits: dict[str, dict[int, str]],
    fingerprint: str,
    circumstances: Callable[[Arm], dict[str, Any]],
    *,
    chosen: dict[tuple[str, int], Arm] | None = None,
    opens_test: bool = True,
) -> list[Run]:
    """Every run of the arms, in their order.

    arms         of the experiment, or points of a grid
    splits       scheme -> {fold: hash of that fold's parts}
    fingerprint  of the manifest
    circumstances  of an arm's training: device class, precision, layout, threads, parts of a batch, versions, weights:
                 what moves the digits and stands in no parameter
    chosen       (arm, fold) -> the arm as tuning settled it for that fold
    opens_test   whether their networks are scored on the test part

    Returns one Run for each arm, fold and seed.
    """
    runs = []
    for planned in arms:
        for fold, parts in sorted(splits[planned.scheme].items()):
            arm = (chosen or {}).get((planned.name, fold), planned)
            plain = arm.model_dump(exclude={"name", "about", "seeds", "stands_for", "planted"})
            machine = circumstances(arm)
            plain["training"] = {k: v for k, v in plain["training"].items() if k not in NO_INFLUENCE}
            for seed in arm.seeds:
                determined_by = {
                    "arm": plain,
                    "classes": experiment.data.class_names,
                    "positive": experiment.data.positive,
                    "data": fingerprint,
                    "parts": parts,
                    "fold": fold,
                    "seed": seed,
                    "opens_test": opens_test,
                    "machine": machine,
                    "source": sources.of_run(arm.network),
                }
                runs.append(Run(experiment.name, experiment.profile, arm, arm.scheme, fold, seed, determined_by,
                                opens_test))  # fmt: skip
    return runs
