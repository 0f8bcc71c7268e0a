"""A small book: the six notebooks as they are, on a handful of phantoms, one epoch a training.

The tests of the whole line share one run of it; nothing is replaced but counts and sizes.
"""

import shutil
from pathlib import Path

from scanbook import params

REPOSITORY = Path(__file__).parents[1]
FIVE = ("heart", "artery", "xray", "fetal", "lung")
EPOCH = [{"train": "all", "epochs": 1, "rate": 0.001}]
TWO_STAGES = [{"train": "head", "epochs": 1, "rate": 0.001}, {"train": "all", "epochs": 1, "rate": 0.001}]


def copy_of_the_book(root: Path) -> Path:
    """Parameters and notebooks in an empty folder, which then is a repository's root."""
    for name in ("params", "notebooks"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return root


def shrunk(name: str, images: int = 30) -> dict:
    """Overrides that make one assignment small: images a class, one epoch for every arm; networks stay."""
    experiment = params.load(REPOSITORY / "params" / f"{name}.yaml", "sample")
    found = {"cap_per_class": images, "split.fractions": [0.4, 0.2, 0.4]}
    for arm in experiment.arms.values():
        stages = TWO_STAGES if len(arm.training.stages) > 1 else EPOCH
        found[f"arms.{arm.name}.training.stages"] = stages
    return found
