"""What the networks say of a second folder of images, and which of them look like nothing they were trained on."""

import numpy as np
import pandas as pd

from scanbook import external as outside
from scanbook.loaders import prepare
from scanbook.metrics import redrawn
from scanbook.names import pretty
from scanbook.report import figures
from scanbook.report.plates import Plate
from scanbook.report.words import Prose, Value, say, with_interval
from scanbook.study import Study

SHOWN = 6  # images in each row of the sheet
ROWS = {True: "far from every training image", False: "near one"}


def external(study: Study) -> Plate | Prose:
    """A second folder, evaluated without training on it: what is said of each image, and which are unlike all in training.

    Where there is no such folder, that there is no picture: `strangers` says why.
    """
    found = study.evidence.ask(outside.answer)
    if found.missing:
        return say("There is no second folder, so there is nothing to see of it.", {})
    outside.write(study, found)
    arm = found.answers["arm"].iloc[0]
    first = found.answers[found.answers["arm"] == arm].sort_values("distance", ascending=False)
    picked = pd.concat([first[first["far"]].head(SHOWN), first[~first["far"]].tail(SHOWN)])
    settings = study.experiment.arms[arm].image
    preparation = {key: getattr(settings, key) for key in ("size", "fit", "colour", "equalise", "resize")}
    images = [prepare.prepare_file(outside.place(study) / name, **preparation) for name in picked["image_id"]]
    words = [f"{row.predicted} {row.probability:.2f}" + (f", is {row.label or 'another'}" if row.label or row.said else "")
             for row in picked.itertuples()]  # fmt: skip
    picture = figures.samples_by_class(np.stack(images), [ROWS[far] for far in picked["far"]], words)
    n_used, n_aside = len(first), int((found.files["status"] != "used").sum())
    caption = f"{n_used} images of {found.folder}, answered by networks that were not trained on any of them"
    caption += f"; labels come from {found.source}." if found.source else "; it brings no labels."
    caption += f" {n_aside} files are set aside: {_reasons(study, found.files)}." if n_aside else ""
    if known := int(first["known"].sum()):
        unit = study.experiment.data.unit
        caption += f" {known} of them are of {unit} whose other images were trained on; these are not scored."
    caption += (
        f" The pictures are sorted by {_name(study, arm)}; far is what lies further out than 99 % of training does."
    )
    alt = f"{len(picked)} images of {found.folder} in two rows, {' and '.join(ROWS[far] for far in picked['far'].unique())}."
    return Plate(picture, caption, alt, _table(study, found), kind="photo", title="A second folder", key="external",
                 src=outside.FILE)  # fmt: skip


def strangers(study: Study) -> Prose:
    """Which share of the second folder lies far from training, beside the same share of the test part; and the scores.

    One plain sentence where there is no such folder.
    """
    found = study.evidence.ask(outside.answer)
    if found.missing:
        return say(found.missing, {})
    sentences: list[str] = []
    values: dict[str, Value] = {}

    def value(arm: str, row: pd.Series) -> str:
        key = f"{arm}_{row.name[0]}_{row.name[1]}"
        values[key] = Value(with_interval(row), f"scores.csv:{arm}:{row.name[1]}:{row.name[0]}:{row['variant']}")
        return f"{{{key}}}"

    for arm in found.answers["arm"].unique():
        rows = found.scores[found.scores["arm"] == arm].set_index(["split", "metric"])
        shares = [value(arm, rows.loc[split, "far_share"]) for split in ("external", "test")]
        words = (f"{_name(study, arm)} finds a share of {shares[0]} unlike all it was trained on; of its own test part "
                 f"{shares[1]}.")  # fmt: skip
        if ("external", "far_gap") in rows.index:
            gap = rows.loc["external", "far_gap"]
            verdict = {1: "more often", -1: "less often", 0: "cannot tell whether more often"}[redrawn.direction(gap)]
            words += (
                f" Images of something else are found so, against the classes it knows: {value(arm, gap)}: {verdict}."
            )
        if ("external", "accuracy") in rows.index:
            words += f" Its accuracy on what could be scored is {value(arm, rows.loc['external', 'accuracy'])}."
        sentences.append(words)
    return say(" ".join(sentences), values)


def _table(study: Study, found: outside.Elsewhere) -> pd.DataFrame:
    """One row an image, the networks side by side, the furthest first."""
    parts, names = [], [_name(study, str(arm)) for arm in found.answers["arm"].unique()]
    for arm, answers in found.answers.groupby("arm", sort=False):
        own = answers.set_index("image_id")[["predicted", "probability", "distance", "far"]]
        name = _name(study, str(arm))
        parts.append(own.add_prefix(f"{name}: " if names.count(name) == 1 else f"{name} ({arm}): "))
    first = found.answers.drop_duplicates("image_id").set_index("image_id")
    about = pd.DataFrame(
        {"is": first["label"].where(first["said"] == "", "another kind"), "trained on": first["known"]}
    )
    table = pd.concat([about, *parts], axis=1).sort_values(parts[0].columns[2], ascending=False)
    table.insert(0, "image", first.loc[table.index, "shown"])
    return table.reset_index(drop=True)


def _reasons(study: Study, files: pd.DataFrame) -> str:
    counted = files.loc[files["status"] != "used", "reason"].value_counts()
    return "; ".join(f"{n} × {study.data.names.reason(str(reason))}" for reason, n in counted.items())


def _name(study: Study, arm: str) -> str:
    return pretty(study.experiment.arms[arm].network)
