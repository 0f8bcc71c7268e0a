"""A small book: the six notebooks as they are, on a handful of phantoms, one epoch a training.

The tests of the whole line share one run of it; nothing is replaced but counts and sizes.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import nbformat
import yaml
from filelock import FileLock

from scanbook import params
from scanbook.phantoms import make_phantoms

REPOSITORY = Path(__file__).parents[1]
DRAWN = "SCANBOOK_TESTS_DRAWN"  # names the folder of the phantoms that all books share; conftest makes it
FIVE = ("heart", "artery", "xray", "fetal", "lung")
EPOCH = [{"train": "all", "epochs": 1, "rate": 0.001}]
TWO_STAGES = [{"train": "head", "epochs": 1, "rate": 0.001}, {"train": "all", "epochs": 1, "rate": 0.001}]


def share_phantoms(root: Path) -> None:
    """Give a book the phantoms of all books, which only read them; whoever comes first draws them.

    Outside of tests nobody names a folder for them, and a book draws its own.
    """
    if DRAWN not in os.environ:
        return
    drawn = Path(os.environ[DRAWN])
    with FileLock(drawn / "lock"):
        for name in FIVE:
            make_phantoms(name, drawn / "phantoms")
    (root / "data").mkdir(parents=True)
    (root / "data" / "phantoms").symlink_to(drawn / "phantoms")


def copy_of_the_book(root: Path) -> Path:
    """Parameters, notebooks and phantoms in an empty folder, which then is a repository's root."""
    for name in ("params", "notebooks"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    share_phantoms(root)
    return root


def shrunk(name: str, images: int = 30) -> dict:
    """Overrides that make one assignment small: images a class, one epoch for every arm; networks stay."""
    experiment = params.load(REPOSITORY / "params" / f"{name}.yaml", "sample")
    found = {"cap_per_class": images, "split.fractions": [0.4, 0.2, 0.4], "evidence.maps": 4, "evidence.strengths": 1}
    found |= (
        {"tuning.rates": [1e-3, 1e-4], "tuning.budget_epochs": 1, "tuning.max_images": 8} if experiment.tuning else {}
    )
    for arm in experiment.arms.values():
        stages = TWO_STAGES if len(arm.training.stages) > 1 else EPOCH
        found[f"arms.{arm.name}.training.stages"] = stages
    return found


def small_book(root: Path, cells: Sequence[str], names: Sequence[str] = FIVE, epochs: int = 6) -> Path:
    """Assignments with the smallest network under two deals, in notebooks of the given cells and no words."""
    for folder in ("params", "notebooks"):
        (root / folder).mkdir(parents=True)
    share_phantoms(root)
    for name in names:
        raw = yaml.safe_load((REPOSITORY / "params" / f"{name}.yaml").read_text(encoding="utf-8"))
        deals = {"random_split": "random", "resnet": raw["split"]["scheme"]}
        raw["arms"] = {arm: {"network": "small_cnn", "scheme": scheme} for arm, scheme in deals.items()}
        raw["comparisons"], raw["lesson"], raw["tuning"] = [], {}, {}
        raw["profiles"] = {"sample": {
            "weights": "none", "seeds": [0], "split.fractions": [0.4, 0.2, 0.4], "split.folds": 1, "cap_per_class": 24,
            "image.size": 48, "image.normalise": "training", "training.batch": 8, "training.threads": 1,
            "training.stages": [{"train": "all", "epochs": epochs, "rate": 1e-3}], "training.checkpoint_s": 0,
            "training.balance": "none",
        }}  # fmt: skip
        (root / "params" / f"{name}.yaml").write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
        parameters = nbformat.v4.new_code_cell(f'params = "params/{name}.yaml"\nprofile = "sample"\noverrides = {{}}')
        parameters.metadata["tags"] = ["parameters"]
        book = nbformat.v4.new_notebook(cells=[parameters, *map(nbformat.v4.new_code_cell, cells)])
        nbformat.write(book, root / "notebooks" / f"{name}.ipynb")
    return root
