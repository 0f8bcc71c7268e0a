"""A second folder, answered by networks that were trained without it: predicted, scored where labels are known, and
looked at for images unlike anything in training.

The networks are those of the first fold. An image whose patient they have trained on is predicted but not scored: it
would be no second folder.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from scanbook import asking, evidence, record
from scanbook.fitting import training_rows
from scanbook.loaders import cache, elsewhere, files
from scanbook.loaders.label_table import Columns
from scanbook.metrics import redrawn, strangers
from scanbook.metrics import scores as scoring
from scanbook.names import PAIR
from scanbook.plan import Run
from scanbook.report.words import with_interval
from scanbook.study import Study

FILE = "external.csv"
IN_THE_SET = "the same picture lies in the set itself"


@dataclass(frozen=True)
class Elsewhere:
    """What was found in a second folder; `missing` says in a sentence why there is nothing.

    folder    its name, without the machine's folders; source: where its labels come from, "" for nowhere
    files     one row a file, as `loaders.elsewhere.look` returns them
    answers   one row an image and arm: image_id, label, said, shown (what a page calls it), known (its patient
              was trained on), predicted, probability, distance (to the nearest training
              image, in units of what is called far), far, arm
    scores    rows of scores.csv, split "external": the scores of what could be scored, and the shares called far
    """

    missing: str = ""
    folder: str = ""
    source: str = ""
    files: pd.DataFrame = field(default_factory=pd.DataFrame)
    answers: pd.DataFrame = field(default_factory=pd.DataFrame)
    scores: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=evidence.COLUMNS))


def answer(study: Study) -> Elsewhere:
    """The folder that `evidence.external` names below DATA_DIR, answered by ResNet and VGG.

    A folder that is not named, not there or without a usable image is no error: `missing` says so.
    """
    named = study.experiment.evidence.external
    if study.experiment.phantoms:
        return Elsewhere("Phantoms come from one drawing board, so there is no second folder to try the networks on; the "
                         "profiles quick and full look for one.")  # fmt: skip
    if named is None:
        return Elsewhere(
            "No second folder of images is named (evidence.external), so nothing is said about other places."
        )
    if not (folder := place(study)).is_dir():
        return Elsewhere(
            f"The second folder, {named}, is not among the images here, so nothing is said about other places."
        )
    if not study.done_arms(*PAIR):
        return Elsewhere("Neither ResNet nor VGG is finished, so nobody can answer the second folder.")
    return answer_folder(study, folder)


def place(study: Study) -> Path:
    """Where the folder that `evidence.external` names lies, or would lie."""
    base = Path(os.environ.get("DATA_DIR") or study.root / "data").resolve()
    return base / str(study.experiment.evidence.external)


def answer_folder(study: Study, folder: Path, arms: tuple[str, ...] = PAIR) -> Elsewhere:
    """The same for any folder and arms.

    Raises ValueError where there is no such folder, RuntimeError when none of the arms has a finished run.
    """
    spec = study.experiment.data
    listed, source = elsewhere.look(
        folder, classes=spec.class_map, group=spec.group, exclude=spec.exclude,
        columns=Columns(spec.name_column, spec.label_column) if spec.name_column and spec.label_column else None,
        check=None if spec.check is None else spec.check.model_dump(),
    )  # fmt: skip
    double = (listed["status"] == "used") & listed["pixel_hash"].isin(set(study.data.used["pixel_hash"]))
    listed.loc[double, ["status", "reason"]] = ["excluded", IN_THE_SET]
    used = listed[listed["status"] == "used"].reset_index(drop=True)
    if used.empty:
        why = "; ".join(f"{n} × {reason}" for reason, n in listed["reason"].value_counts().items()) or "it is empty"
        return Elsewhere(
            f"No image of {folder.name} could be used: {study.data.names.reason(why)}.", folder.name, source, listed
        )
    runs = {
        arm: [run for run in study.runs if run.arm.name == arm and run.fold == 0 and study.run_folder(run).done]
        for arm in arms
    }
    if not any(runs.values()):
        raise RuntimeError(f"none of {', '.join(arms)} has a finished run of the first fold: call study.train() first")
    answers, scores = [], []
    for arm, of_arm in runs.items():
        if of_arm:
            found, rows = _of_arm(study, of_arm, folder, used)
            answers.append(found.assign(arm=arm))
            scores.append(rows)
    return Elsewhere("", folder.name, source, listed, pd.concat(answers, ignore_index=True),
                     pd.concat(scores, ignore_index=True))  # fmt: skip


def in_lines(found: Elsewhere, *, as_json: bool = False) -> list[str]:
    """What a terminal shows: files set aside, a line an image and network, then the scores; or JSON, a line an answer."""
    aside = found.files[found.files["status"] != "used"] if len(found.files) else found.files
    if as_json:
        lines = [json.dumps({"image": row.image_id, "error": row.reason}) for row in aside.itertuples()]
        return lines + [json.dumps(row) for row in found.answers.to_dict("records")]
    lines = [f"{row.image_id}: set aside, {row.reason}" for row in aside.itertuples()]
    for row in found.answers.itertuples():
        marks = f"{', far from training' * row.far}{', patient known' * row.known}"
        truth = f" (is {row.label or row.said})" if row.label or row.said else ""
        lines.append(f"{row.image_id}: {row.arm} says {row.predicted} {row.probability:.3f}{truth}{marks}")
    if found.missing:
        return [*lines, found.missing]
    shown = found.scores.loc[found.scores["split"] == "external"]
    lines += [
        f"{row['arm']}, {row['metric']}: {with_interval(row)}, {row['n_images']} images" for _, row in shown.iterrows()
    ]
    return [*lines, "not for clinical use"]


def write(study: Study, found: Elsewhere) -> Path:
    """Write external.csv, the answers image by image, into the record's folder; returns the file."""
    file = record.folder_of(study.root, study.experiment.name, study.experiment.profile) / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    files.write_csv_atomically(found.answers, file)
    return file


def _of_arm(study: Study, runs: list[Run], folder: Path, used: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answers of an arm's first seed, and its rows of scores.csv (scores over all its seeds)."""
    run, data, classes, unit = runs[0], study.data, study.classes, study.experiment.data.unit
    images = cache.cached_images(used, folder, study.root / "cache", **{
        key: getattr(run.arm.image, key) for key in ("size", "fit", "colour", "equalise", "resize")})  # fmt: skip
    learnt = np.concatenate([data.rows(run.scheme, run.fold, part) for part in ("train", "val")])
    known = used["group"].isin(set(data.used.loc[learnt, "patient"])) & (used["group"] != "")
    groups = used["group"].where(used["group"] != "", used["image_id"])
    hidden = data.names.hidden
    order = used["image_id"].map(lambda name: hashlib.sha256(name.encode()).hexdigest()).rank().astype(int)
    tables = []
    for one in runs:
        logits = asking.logits(study, one, asking.network_of(study, one), images)
        table = used[["image_id", "label"]].assign(group=groups, seed=one.seed)
        tables.append(table.assign(**{f"logit_{name}": logits[:, k] for k, name in enumerate(classes)}))
    predictions = pd.concat(tables, ignore_index=True)
    variant = f"external:{folder.name}"
    scored = predictions[(predictions["label"] != "") & ~predictions["image_id"].isin(used.loc[known, "image_id"])]
    parts = []
    if len(scored):
        found = scoring.score_table(scored, classes, study.experiment.data.positive, unit=unit)
        parts.append(evidence.rows(study, run.arm.name, found, split="external", variant=variant))

    away, own, own_groups = _distances(study, run, images)
    far, outside = away > 1, (used["said"] != "").to_numpy()
    draws = redrawn.Draws(groups.to_numpy(), outside, unit)
    rows = [draws.row("far_share", draws.mean(far)), draws.row("known_share", draws.mean(known.to_numpy()))]
    if outside.any() and not outside.all():
        strange, ours = draws.mean(far, outside), draws.mean(far, ~outside)
        rest = min(draws.bearing(outside), draws.bearing(~outside))
        rows += [draws.row("far_outside", strange, outside), draws.row("far_inside", ours, ~outside),
                 draws.row("far_gap", strange - ours, kind="difference", rarest=rest)]  # fmt: skip
    parts.append(evidence.rows(study, run.arm.name, redrawn.table(rows), split="external", variant=variant))
    at_home = redrawn.Draws(own_groups, np.zeros(len(own)), unit)
    rows = [at_home.row("far_share", at_home.mean(own > 1))]
    parts.append(evidence.rows(study, run.arm.name, redrawn.table(rows), split="test", variant=variant))

    first = predictions[predictions["seed"] == run.seed]
    probs = scoring.class_probs(first, classes)
    answers = used[["image_id", "label", "said"]].assign(
        shown=[f"external-{n:03d}" for n in order] if hidden else used["image_id"],
        known=known,
        predicted=np.array(classes)[probs.argmax(1)],
        probability=probs.max(1),
        distance=away,
        far=far,
    )
    return answers, pd.concat(parts, ignore_index=True)


def _distances(study: Study, run: Run, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far each image lies from training, in units of what counts as far; the same of the run's own test part, and
    whose each of that part is."""
    data, groups = study.data, study.data.used["group"].to_numpy()
    rows, test = training_rows(run, data), data.rows(run.scheme, run.fold, "test")
    found = asking.last_features(study, run, data.images(run.arm.image), np.concatenate([rows, test]))
    learnt, at_home, away = found[rows], found[test], asking.last_features(study, run, images)
    far = max(strangers.cut(learnt, groups[rows]), 1e-12)
    return strangers.distances(away, learnt) / far, strangers.distances(at_home, learnt) / far, groups[test]
