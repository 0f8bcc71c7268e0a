"""Mistakes beside the training images that the network holds for most alike, and a map of what it holds for alike."""

import numpy as np
import pandas as pd

from scanbook import looking, neighbours
from scanbook.fitting import training_rows
from scanbook.names import one
from scanbook.report import figures
from scanbook.report.plates import Plate, show_table
from scanbook.study import Study

NOTHING = "No network is finished, so there is no mistake to look at."


def mistakes(study: Study, arm: str | None = None, each: int = 2, beside: int = 3) -> Plate:
    """The worst test answers, the most confident wrong ones, those nearest the threshold and the surest right ones.

    each    how many of a kind; beside, how many nearest training images stand beside each
    """
    arm = arm or neighbours.main_arm(study)
    if arm is None:
        return show_table(pd.DataFrame({"answers": [0]}), NOTHING, title="Mistakes", key="mistakes")
    asked = looking.predicted(study, arm)
    chosen = neighbours.mistakes(asked, study.classes, each)
    table = neighbours.with_neighbours(study, arm, chosen, beside)
    images, used, names = study.data.images(study.experiment.arms[arm].image), study.data.used, study.data.names
    cases = []
    for row in chosen.itertuples():
        own = table[table["image_id"] == row.image_id]
        said = study.classes[int(row.predicted)]
        wrong = said != row.label
        answered = f"{'wrongly ' if wrong else ''}said: {said}"
        words = f"true: {row.label}, {answered}, {names.group(row.group)}"
        beside_it = [(images[k], f"{used.at[k, 'label']}, {names.group(used.at[k, 'group'])}, alike {c:.2f}")
                     for k, c in zip(own["neighbour"], own["cosine"], strict=True)]  # fmt: skip
        probs = {name: float(chosen.at[row.Index, f"p_{name}"]) for name in study.classes}
        cases.append(figures.Case(neighbours.KINDS[row.kind], images[row.row], words, wrong, beside_it, probs))
    n_wrong, unit = int((asked["predicted"] != asked["truth"]).sum()), one(study.experiment.data.unit)
    near = used.loc[table["neighbour"]].reset_index(drop=True)
    other = int((near["label"].to_numpy() != table["label"].to_numpy()).sum())
    same = int((near["group"].to_numpy() == table["group"].to_numpy()).sum())
    caption = (f"{study.label_of(arm)} on the test part: {n_wrong} of {len(asked)} images are wrong. In the frame the test "
               f"image with a bar a class, beside it the training images whose features lie nearest (1 is the same "
               f"direction). Of {len(table)} neighbours {other} carry another label than the test image and {same} are of "
               f"the same {unit}."
               + (" With two classes the highest loss is the most confident wrong answer, and the second row goes on from "
                  "the first." if len(study.classes) == 2 and n_wrong else ""))  # fmt: skip
    shown = names.table(table[["kind", "image_id", "group", "label", "probability", "loss", "cosine"]].assign(
        said=[study.classes[k] for k in table["predicted"]], nearest=near["image_id"], its_label=near["label"],
        its_group=near["group"],
    ), groups=["its_group"])  # fmt: skip
    order = [
        "kind",
        "image_id",
        "group",
        "label",
        "said",
        "probability",
        "loss",
        "nearest",
        "its_group",
        "its_label",
        "cosine",
    ]
    shown = shown[order].rename(columns={"nearest": "nearest image", "cosine": "alike"})
    alt = f"{len(cases)} test images, each beside {beside} training images; {n_wrong} of {len(asked)} are wrong."
    picture = figures.neighbour_sheet(cases)
    return Plate(picture, caption, alt, shown, kind="photo", title="Mistakes and their neighbours", key="mistakes",
                 src="predictions.csv, features", least=760)  # fmt: skip


def feature_map(study: Study) -> Plate:
    """A PCA map of the first network's features: class, patient and error of every image, test on training."""
    arm, title = neighbours.main_arm(study), "What the network holds for alike"
    if arm is None:
        return show_table(pd.DataFrame({"images": [0]}), NOTHING, title=title, key="feature-map")
    run, found = study.evidence.ask(neighbours.first_features)
    used, names = study.data.used, study.data.names
    asked = looking.predicted(study, arm)
    asked = asked[asked["fold"] == run.fold]
    rows = {"train": training_rows(run, study.data), "test": asked["row"].to_numpy()}
    rows = {part: neighbours.some(study, own) for part, own in rows.items()}
    both = np.concatenate(list(rows.values()))
    places, shares = neighbours.principal(found[both])
    wrong = asked.set_index("row")["predicted"] != asked.set_index("row")["truth"]
    table = used.loc[both, ["image_id", "group", "label"]].reset_index(drop=True).assign(
        part=np.repeat(list(rows), [len(own) for own in rows.values()]), x=places[:, 0], y=places[:, 1],
        wrong=[bool(wrong.get(row, False)) for row in both],
    )  # fmt: skip
    folds = study.data.split(run.scheme)["fold"].nunique()
    n_wrong, n_test = int(table["wrong"].sum()), len(rows["test"])
    caption = (f"{study.label_of(arm)}: features of {len(rows['train'])} training and {n_test} test images in their two "
               f"main directions; {n_wrong} of these test images are answered wrongly. A thin line joins test images of one "
               f"{one(study.experiment.data.unit)}."
               + (f" Only the first of {folds} networks, one a fold: features of two networks share no directions."
                  if folds > 1 else ""))  # fmt: skip
    alt = f"A map of {len(both)} images by class; {n_wrong} of {n_test} test images are ringed as wrong."
    shown = names.table(table)[["image_id", "group", "label", "part", "wrong", "x", "y"]]
    return Plate(figures.feature_map(table, list(shares)), caption, alt, shown, title=title, key="feature-map",
                 src="predictions.csv, features")  # fmt: skip
