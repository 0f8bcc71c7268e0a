"""Fair tuning: the same small grid for each network, searched before the test part is opened.

A network at a rate that suits another is a straw man, so where the parameter file asks for it each named arm is trained at
every point of one grid, on the training part of each fold, and the point with the lowest validation loss is taken.
The runs of the grid never see the test part. With several folds each fold chooses for itself.
"""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from scanbook.experiment import Arm, Experiment
from scanbook.models.failures import NotANumber
from scanbook.plan import Run

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


def table(experiment: Experiment, runs: Iterable[Run], state_of: Callable[[Run], dict[str, Any]]) -> pd.DataFrame:
    """One row a point of the grid and fold: arm, network, fold, the point, state, val_loss, seconds, name, chosen.

    runs      the trainings of the grid
    state_of  what is known of one, see `RunFolder.state`

    A point is chosen only where all points of its arm and fold have ended: done, or with a loss that is not a number.
    """
    known, rows = candidates(experiment), []
    for run in runs:
        (arm, point, _), state = known[run.arm.name], state_of(run)
        done = state["state"] == "done"
        rows.append({"arm": arm, "network": run.arm.network, "fold": run.fold, **point, "state": state["state"],
                     "ended": done or state.get("error") == NotANumber.__name__,
                     "val_loss": state["best_val_loss"] if done else float("nan"), "seconds": state.get("seconds"),
                     "name": run.name})  # fmt: skip
    found = pd.DataFrame(rows)
    if found.empty:
        return found.assign(chosen=False)
    whole = found.groupby(["arm", "fold"])["ended"].transform("all")
    taken = choose(found[whole]).reindex(found.index, fill_value=False)
    return found.drop(columns="ended").assign(chosen=taken)


def settled(experiment: Experiment, points: pd.DataFrame) -> dict[tuple[str, int], Arm]:
    """(arm, fold) -> the arm at the point that was chosen in `table`'s rows."""
    axes = [axis for axis in AXES if axis in points]
    return {
        (row["arm"], row["fold"]): at(experiment.arms[row["arm"]], {axis: row[axis] for axis in axes})
        for row in points[points["chosen"]].to_dict("records")
    }


def choose(points: pd.DataFrame) -> pd.Series:
    """Which rows are taken: in each arm and fold the lowest validation loss, the first of equals.

    points  one row a finished point and fold: arm, fold, val_loss (NaN where the training failed)

    Returns bool (N,). Raises ValueError where no point of an arm could be trained.
    """
    for (arm, fold), rows in points.groupby(["arm", "fold"], sort=False):
        if rows["val_loss"].isna().all():
            raise ValueError(f"tuning: no point of the grid could be trained for arm {arm}, fold {fold}; "
                             f"lower the rates of tuning.rates")  # fmt: skip
    best = points.groupby(["arm", "fold"], sort=False)["val_loss"].idxmin()
    return pd.Series(points.index.isin(best), index=points.index)
