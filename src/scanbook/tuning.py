"""Fair tuning: the same small grid for each network, searched before the test part is opened.

A network at a rate that suits another is a straw man, so where the parameter file asks for it each named arm is trained at
every point of one grid, on the training part of each fold, and the point with the lowest validation loss is taken.
The runs of the grid never see the test part. With several folds each fold chooses for itself.
"""

import itertools
from typing import Any

import pandas as pd

from scanbook.experiment import Arm, Experiment

AXES = ("rate", "batch", "epochs")  # of the last stage, of all stages, of the last stage


def grid(experiment: Experiment) -> list[dict[str, Any]]:
    """The points, in the order of the parameter file: a dict of rate, batch, epochs with the axes that are searched."""
    spec = experiment.tuning
    if spec is None:
        return []
    axes: dict[str, list[Any]] = {"rate": spec.rates, "batch": spec.batches, "epochs": spec.epochs}
    searched = {name: values for name, values in axes.items() if values}
    return [dict(zip(searched, point, strict=True)) for point in itertools.product(*searched.values())]


def candidates(experiment: Experiment) -> dict[str, tuple[str, dict[str, Any], Arm]]:
    """Name of a candidate -> (arm it stands for, its point, the arm as it is trained there).

    Only the arm's first seed is searched. `budget_epochs` of the parameter file shortens the last stage where
    epochs are not an axis, `max_images` the training part.
    """
    found: dict[str, tuple[str, dict[str, Any], Arm]] = {}
    if (spec := experiment.tuning) is None:
        return found
    short = {"epochs": spec.budget_epochs} if spec.budget_epochs else {}
    for name in spec.arms:
        arm = experiment.arms[name]
        for point in grid(experiment):
            words = "-".join(f"{axis}{value:g}" for axis, value in point.items())
            trained = at(arm, {**short, **point})
            if spec.max_images is not None:
                fewer = trained.training.model_copy(update={"max_images": spec.max_images})
                trained = trained.model_copy(update={"training": fewer})
            found[f"{name}@{words}"] = (name, point, trained.model_copy(update={"name": f"{name}@{words}",
                                                                               "seeds": arm.seeds[:1]}))  # fmt: skip
    return found


def at(arm: Arm, point: dict[str, Any]) -> Arm:
    """The arm as it is trained at one point of the grid."""
    *before, last = arm.training.stages
    last = last.model_copy(update={axis: point[axis] for axis in ("rate", "epochs") if axis in point})
    changes = {"stages": [*before, last]} | ({"batch": point["batch"]} if "batch" in point else {})
    return arm.model_copy(update={"training": arm.training.model_copy(update=changes)})


def choose(table: pd.DataFrame) -> pd.Series:
    """Which rows are taken: in each arm and fold the lowest validation loss, the first of equals.

    table  one row a finished point and fold: arm, fold, val_loss (NaN where the training failed)

    Returns bool (N,). Raises ValueError where no point of an arm could be trained.
    """
    for (arm, fold), rows in table.groupby(["arm", "fold"], sort=False):
        if rows["val_loss"].isna().all():
            raise ValueError(f"tuning: no point of the grid could be trained for arm {arm}, fold {fold}; "
                             f"lower the rates of tuning.rates")  # fmt: skip
    best = table.groupby(["arm", "fold"], sort=False)["val_loss"].idxmin()
    return pd.Series(table.index.isin(best), index=table.index)
