"""What was searched on the validation part, and how often the test part was looked at."""

import pandas as pd

from scanbook.names import pretty
from scanbook.report import figures
from scanbook.report.plates import Plate
from scanbook.report.words import Prose
from scanbook.report.words import say as fill
from scanbook.study import Study


def grid(study: Study) -> Plate | Prose:
    """The tuning grid as a picture, with the points that were taken; a sentence where the profile searches nothing."""
    spec = study.experiment.tuning
    if spec is None:
        return fill("Under this profile nothing is searched: every network trains at the values of the parameter file.",
                    {})  # fmt: skip
    table = study.tuning
    axes = [name for name in ("rate", "batch", "epochs") if name in table]
    table = table.assign(network=table["network"].map(pretty), point=[
        " · ".join(f"{row[axis]:g}" for axis in axes) for row in table.to_dict("records")
    ])  # fmt: skip
    folds = table["fold"].nunique()
    budget = f", {spec.budget_epochs} epochs each" if spec.budget_epochs else ""
    taken = "; ".join(f"{network}: {_often(rows['point'], folds)}" for network, rows in
                      table[table["chosen"]].groupby("network", sort=False))  # fmt: skip
    failed = int(table["val_loss"].isna().sum())
    caption = (f"{len(table)} trainings{budget}, at each {' · '.join(axes)}, scored on the validation part alone. "
               f"Taken: {taken}." + (f" {failed} could not be trained." if failed else ""))  # fmt: skip
    shown = table[["network", "fold", *axes, "val_loss", "seconds", "state", "chosen"]]
    alt = "Validation loss by point of the grid. " + "; ".join(
        f"{network}: from {rows['val_loss'].min():.3g} to {rows['val_loss'].max():.3g}"
        for network, rows in table.groupby("network", sort=False)
    )
    return Plate(figures.tuning_grid(table), caption, f"{alt}.", shown, title="Searched before the test part was opened",
                 key="tuning", src="facts.csv")  # fmt: skip


def _often(points: pd.Series, folds: int) -> str:
    counts = points.value_counts(sort=True)
    return ", ".join(point + (f" in {n} of {folds} folds" if folds > 1 else "") for point, n in counts.items())
