"""How many wrong labels do the suspects name, and how many of the suspects are wrong?

    python -m benchmarks.suspects [heart artery xray fetal lung] [--shares 0.02 0.05 0.10] [--root FOLDER]
    DATA_DIR=… python -m benchmarks.suspects --real            # also fetal's own 52 wrong labels, nothing flipped

In the phantoms every label is right, until a share of them is flipped here by a seed, whatever part the image lies in.
Then everything goes as on a page: five folds by patient, the small network of the arm `doubts` as the profile quick
trains it, every image predicted by a network that has not seen its patient, and `find_suspects`. The table has recall
and precision of all suspects, and of the first k, k being as many as are wrong (there the two are one number); and, to
know what to expect, how often the networks agree with the true label. Runs are kept under --root and taken up again.
"""

import argparse
import functools
from pathlib import Path

import numpy as np
import pandas as pd

from scanbook import params
from scanbook.dataset import Dataset
from scanbook.experiment import Experiment
from scanbook.making import make_runs
from scanbook.metrics.suspects import find_suspects, recall_and_precision
from scanbook.study import Study

REPOSITORY = Path(__file__).parent.parent
NAMES = ("heart", "artery", "xray", "fetal", "lung")
ARM = "doubts"


class Flipped(Dataset):
    """A set some of whose labels are wrong on purpose.

    share  of its usable images, drawn by `seed`; with several classes the wrong one is drawn too

    `true` holds image_id -> the label before.
    """

    def __init__(self, experiment: Experiment, root: Path, share: float, seed: int) -> None:
        self.share, self.seed = share, seed
        super().__init__(experiment, root)

    @functools.cached_property
    def _looked(self) -> tuple[pd.DataFrame, np.ndarray]:
        table, views = Dataset._looked.func(self)
        self.true = table.set_index("image_id")["label"]
        generator = np.random.default_rng([self.seed, round(1000 * self.share)])
        usable = np.flatnonzero(table["status"] == "used")
        rows = generator.choice(usable, round(self.share * len(usable)), replace=False)
        names = self.experiment.data.class_names
        wrong = [generator.choice([name for name in names if name != table["label"][row]]) for row in rows]
        labels = table["label"].copy()
        labels.iloc[rows] = wrong
        return table.assign(label=labels), views


def study_of(name: str, profile: str, root: Path) -> Study:
    """The arm `doubts` of the profile quick, alone; its images are those of `profile`."""
    file = REPOSITORY / "params" / f"{name}.yaml"
    quick = params.load(file, "quick", {"cap_per_class": None})
    alone = {"arms": {ARM: quick.arms[ARM]}, "split": quick.split, "comparisons": [], "tuning": None, "lesson": {}}
    return Study((quick if profile == "quick" else params.load(file, profile)).model_copy(update=alone), root, {})


def row_of(study: Study, data: Dataset, share: float | None) -> dict:
    """Train what is not yet trained, and count."""
    study.data = data
    study.forget()
    make_runs(study.runs, study.folder, data, study.machine_of, study.world, fresh=False)
    study.forget()
    told = study.test_predictions(ARM)
    used = data.used.set_index("image_id")
    given = used.loc[told["image_id"], "label"].to_numpy()
    true = (data.true if isinstance(data, Flipped) else pd.Series(data.corrected.to_numpy(), used.index))[
        told["image_id"]
    ]
    wrong = told["image_id"][given != true.to_numpy()].tolist()
    suspects = find_suspects(told, study.classes, given)
    every, first = (recall_and_precision(found, wrong) for found in (suspects, suspects.head(len(wrong))))
    answer = told[[f"logit_{name}" for name in study.classes]].to_numpy().argmax(1)
    return {
        "set": study.experiment.name, "flipped": "its own" if share is None else f"{share:.0%}", "images": len(told),
        "wrong": every["wrong"], "suspects": every["suspects"], "found": every["found"], "recall": every["recall"],
        "precision": every["precision"], "first k": first["recall"],
        "networks right": (np.asarray(study.classes)[answer] == true.to_numpy()).mean(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"sets; all of {', '.join(NAMES)} if none is named")
    parser.add_argument("--shares", nargs="+", type=float, default=[0.02, 0.05, 0.10])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", action="store_true", help="fetal's own wrong labels too; needs DATA_DIR/fetal")
    parser.add_argument("--root", type=Path, default=REPOSITORY / "runs" / "suspects")
    asked = parser.parse_args()
    rows = []
    for name in asked.names or NAMES:
        study = study_of(name, "sample", asked.root)
        for share in asked.shares:
            rows.append(row_of(study, Flipped(study.experiment, asked.root, share, asked.seed), share))
    if asked.real:
        study = study_of("fetal", "quick", asked.root)
        rows.append(row_of(study, study.data, None))
    table = pd.DataFrame(rows)
    print("\n" + table.to_string(index=False, na_rep="–", float_format=lambda value: f"{value:.2f}"))
    known = table[table["wrong"] > 0]
    print(f"all together: {known['found'].sum()} of {known['wrong'].sum()} wrong labels are suspects, "
          f"{known['found'].sum()} of {known['suspects'].sum()} suspects are wrong")  # fmt: skip


if __name__ == "__main__":
    main()
