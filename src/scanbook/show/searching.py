"""What was searched on the validation part, and how often the test part was looked at."""

import pandas as pd

from scanbook import seeds as chance
from scanbook.names import pretty
from scanbook.report import figures
from scanbook.report.plates import Plate
from scanbook.report.words import Prose, Value
from scanbook.report.words import say as fill
from scanbook.show.values import values
from scanbook.study import Study
from scanbook.tuning import AXES


def grid(study: Study) -> Plate | Prose:
    """The tuning grid as a picture, with the points that were taken; a sentence where the profile searches nothing."""
    spec = study.experiment.tuning
    if spec is None:
        return fill("Under this profile nothing is searched: every network trains at the values of the parameter file.",
                    {})  # fmt: skip
    table = study.tuning
    axes = [name for name in AXES if name in table]
    table = table.assign(network=table["network"].map(pretty), point=[
        " · ".join(f"{row[axis]:g}" for axis in axes) for row in table.to_dict("records")
    ])  # fmt: skip
    folds = table["fold"].nunique()
    budget = f", {spec.budget_epochs} epochs each" if spec.budget_epochs else ""
    budget += f" on at most {spec.max_images} training images" if spec.max_images else ""
    taken = "; ".join(f"{network}: {_often(rows['point'], folds)}" for network, rows in
                      table[table["chosen"]].groupby("network", sort=False))  # fmt: skip
    failed = int(table["val_loss"].isna().sum())
    caption = (f"{len(table)} trainings{budget}, at each {' · '.join(axes)}, scored on the validation part alone. "
               f"Taken: {taken}." + (f" {failed} could not be trained." if failed else ""))  # fmt: skip
    shown = table[["network", "fold", *axes, "val_loss", "seconds", "state", "chosen"]]
    if "rate" in axes:
        shown = shown.assign(rate=[f"{rate:g}" for rate in shown["rate"]])  # 0.0001 to three places would be nothing
    alt = "Validation loss by point of the grid. " + "; ".join(
        f"{network}: from {rows['val_loss'].min():.3g} to {rows['val_loss'].max():.3g}"
        for network, rows in table.groupby("network", sort=False)
    )
    figure, title = figures.tuning_grid(table, " · ".join(axes)), "Searched before the test part was opened"
    return Plate(figure, caption, f"{alt}.", shown, title=title, key="tuning", src="state.json, params")


def spread(study: Study) -> Prose:
    """How far tuning can move one network, beside how far the two stand apart at their best points."""
    if study.experiment.tuning is None:
        return fill("How far tuning can move a network is measured in the profiles sample and full; here nothing was "
                    "searched, so the verdict above is about one shared rate.", {})  # fmt: skip
    return fill("From its best point to its worst, ResNet's validation loss goes from {tuning_resnet_best_loss} to "
                "{tuning_resnet_worst_loss}, and VGG's from {tuning_vgg_best_loss} to {tuning_vgg_worst_loss}. "
                "{n_tuning_runs} trainings were spent on this.",
                values(study, "{tuning_resnet_best_loss}{tuning_resnet_worst_loss}{tuning_vgg_best_loss}"
                              "{tuning_vgg_worst_loss}{n_tuning_runs}"))  # fmt: skip


def seeds(study: Study) -> Prose:
    """How far ResNet and VGG move when trained again from another seed, on the same test images."""
    rows = study.evidence.ask(chance.spread)
    found = {row["arm"]: row for _, row in rows[rows["metric"] == "auroc_seed_sd"].iterrows()}
    if len(found) < 2:
        return fill("Each was trained from one seed: how far another training would have come out is not measured in this "
                    "profile, and no interval here includes it.", {})  # fmt: skip
    each = {arm: Value(float(row["value"]), f"scores.csv:{arm}:auroc_seed_sd") for arm, row in found.items()}
    return fill("Trained again from another seed, and tested on the same images, ResNet's AUROC moves by {resnet} and VGG's "
                "by {vgg} (standard deviations over the seeds). The interval speaks about the patients and does not "
                "include this; compared is the mean over the seeds, never the best of them.", each)  # fmt: skip


def _often(points: pd.Series, folds: int) -> str:
    counts = points.value_counts(sort=True)
    return ", ".join(point + (f" in {n} of {folds} folds" if folds > 1 else "") for point, n in counts.items())
