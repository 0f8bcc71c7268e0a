"""The record: every number a page may say, computed once and kept as three tables.

Pages, cards and sentences are written from these tables and from nothing else, so that a number on a page can
always be followed to the row it came from.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scanbook import naming, openings, tuning
from scanbook.evidence import COLUMNS
from scanbook.metrics import scores as scoring
from scanbook.metrics import verdicts
from scanbook.names import MAIN, PAIR, pretty

if TYPE_CHECKING:
    from scanbook.study import Study

RULE = "rule_"  # how scores.csv begins the name of a rule without anatomy; see `floor`
TABLES = ("facts", "scores", "comparisons")
COMPARISON_COLUMNS = ["assignment", "question", "a", "b", "metric", "difference", "low", "high", "p", "p_holm",
                      "margin", "n_groups", "verdict", "detectable", "needed", "seed_sd", "sentence", "arm_a",
                      "arm_b"]  # fmt: skip


def facts(study: "Study") -> pd.DataFrame:
    """Counts, sizes, durations and speeds of one study: key, value, unit, n (of how many runs or images)."""
    spec, used, manifest = study.experiment, study.data.used, study.data.manifest
    unit = spec.data.unit
    rows: list[dict[str, Any]] = []

    def note(key: str, value: float, of: str = "", n: int | None = None) -> None:
        rows.append({"key": key, "value": value, "unit": of, "n": n})

    note("n_files", len(manifest), "files")
    note("n_images", len(used), "images")
    note("n_groups", used["group"].nunique(), unit)
    note("n_largest_group", int(used["group"].value_counts().iloc[0]), "images")
    note("n_without_patient", int((used["patient"] == "").sum()), "images")
    note("n_excluded", int((manifest["status"] != "used").sum()), "files")
    note("n_classes", len(study.classes), "classes")
    note("n_folds", study.data.split(spec.split.scheme)["fold"].nunique(), "folds")
    note("image_size", spec.image.size, "px")
    for name in study.classes:
        note(f"n_{_key(name)}", int((used["label"] == name).sum()), "images", len(used))
    parts = study.data.split(spec.split.scheme).merge(used[["image_id", "group"]], on="image_id")
    for part, table in parts.groupby("split"):
        note(f"n_{part}_images", table["image_id"].nunique(), "images")
        note(f"n_{part}_groups", table["group"].nunique(), unit)
    if "check_label" in used and (checked := used[used["check_label"] != ""]).shape[0]:
        note(
            "n_check_disagrees",
            int((checked["check_label"] != checked["label"]).sum()),
            "images",
            len(checked),
        )
    looks, trainings = openings.count(study.folder, study.data.fingerprint)
    note("n_test_openings", looks, "times", trainings)
    note("n_tuning_runs", len(study.tuning_runs), "runs")
    if len(study.tuning_runs):
        for arm, points in study.tuning.groupby("arm", sort=False):
            means = points.groupby([axis for axis in tuning.AXES if axis in points])["val_loss"].mean()
            note(f"tuning_{arm}_best_loss", float(means.min()), "", len(points))
            note(f"tuning_{arm}_worst_loss", float(means.max()), "", len(points))
    note("n_runs", len(study.runs), "runs")
    done = study.states[study.states["state"] == "done"]
    note("n_runs_done", len(done), "runs", len(study.runs))
    if len(done):
        note("training_seconds", float(done["seconds"].sum()), "s", len(done))
        for arm, runs in done.groupby("arm", sort=False):
            note(f"{arm}_parameters", int(runs["parameters"].iloc[0]), "parameters")
            note(f"{arm}_megabytes", float(runs["megabytes"].iloc[0]), "MB")
            note(f"{arm}_seconds", float(runs["seconds"].sum()), "s", len(runs))
            epochs = study.history.loc[study.history["arm"] == arm, "seconds"]
            note(f"{arm}_seconds_an_epoch", float(epochs.mean()), "s", len(epochs))
            note(f"{arm}_images_per_second", float(runs["images_per_second"].median()), "images/s", len(runs))
            note(f"{arm}_epochs", float(runs["epochs"].mean()), "epochs", len(runs))
            note(f"{arm}_best_epoch", float(runs["best_epoch"].mean()), "epochs", len(runs))
            if spec.arms[arm].training.initial_bias and spec.arms[arm].training.loss == "cross_entropy":
                shares = np.array(runs["class_prior"].iloc[0])  # what they cost, given as the answer to every image
                note(f"{arm}_share_loss", float(-(shares * np.log(shares)).sum()))
        gaps = {arm: _gap(study, arm) for arm in (*MAIN, "lab1") if arm in done["arm"].to_list()}
        known = {arm: gap for arm, gap in gaps.items() if gap is not None}
        for arm, gap in known.items():
            note(f"{arm}_validation_minus_test", gap, "AUROC")
        if known:
            note("validation_minus_test", float(np.mean(list(known.values()))), "AUROC", len(known))
        note("even_odds_loss", float(np.log(len(study.classes))))
        begun = study.history[study.history["epoch"] == 1].groupby("arm", sort=False).first()
        for arm, row in begun.iterrows():
            note(f"{arm}_first_train_loss", float(row["train_loss"]))
            note(f"{arm}_first_val_loss", float(row["val_loss"]))
    return pd.DataFrame(rows)


def scores(study: "Study") -> pd.DataFrame:
    """Every score with its interval: one row an arm or rule, part and metric.

    Test rows pool the folds, each image once. Validation rows exist for a hold-out only: in cross-validation one
    image validates several folds.
    """
    tables, spec = [], study.experiment.data
    for arm in study.done_arms():
        settings, predictions = study.experiment.arms[arm], study.predictions[study.predictions["arm"] == arm]
        for part in ("test", "val"):
            rows = predictions[predictions["split"] == part]
            if rows.empty or (part == "val" and predictions["fold"].nunique() > 1):
                continue
            table = scoring.score_table(rows, study.classes, spec.positive, unit=spec.unit)
            tables.append(table.assign(
                assignment=study.experiment.name, profile=study.experiment.profile, arm=arm, network=settings.network,
                scheme=settings.scheme, seed=_seeds(rows), split=part, variant="",
            ))  # fmt: skip
    for rule, rows in study.rules.groupby("arm", sort=False):
        table = scoring.score_table(rows, study.classes, spec.positive, unit=spec.unit)
        tables.append(table.assign(
            assignment=study.experiment.name, profile=study.experiment.profile, arm=rule, network=rows["network"].iloc[0],
            scheme=rows["scheme"].iloc[0], seed="0", split="test", variant=rows["variant"].iloc[0],
        ))  # fmt: skip
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def comparisons(study: "Study") -> pd.DataFrame:
    """Every comparison of the parameter file whose two arms are finished, Holm over all of them."""
    done, spec, rows = study.done_arms(), study.experiment, []
    for wanted in spec.comparisons:
        if wanted.a not in done or wanted.b not in done:
            continue
        first, second = (_named(study, arm) for arm in (wanted.a, wanted.b))
        if first == second:  # the same network trained in two ways
            first, second = f"{first} ({wanted.a})", f"{second} ({wanted.b})"
        row = verdicts.compare(
            study.test_predictions(wanted.a), study.test_predictions(wanted.b), study.classes, spec.data.positive,
            wanted.metric, wanted.margin, name_a=first, name_b=second,
            unit=spec.data.unit, assignment=spec.name,
            question=wanted.question,
        )  # fmt: skip
        rows.append({**row, "arm_a": wanted.a, "arm_b": wanted.b})
    return pd.DataFrame(verdicts.correct(rows), columns=None if rows else COMPARISON_COLUMNS)


def pair(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of comparisons.csv that set ResNet against VGG: one an assignment, none where one of them is missing."""
    return table[(table["arm_a"] == PAIR[0]) & (table["arm_b"] == PAIR[1])].reset_index(drop=True)


def _gap(study: "Study", arm: str) -> float | None:
    """What the validation part promised of an arm's AUROC more than the test part gave; None without both."""
    val, test = (score(study.scores, arm, "auroc", part) for part in ("val", "test"))
    return None if val is None or test is None else float(val["value"] - test["value"])


def _named(study: "Study", arm: str) -> str:
    return pretty(study.experiment.arms[arm].network)


def write(study: "Study") -> Path:
    """Write facts.csv, scores.csv and comparisons.csv beside the runs, each whole or not at all.

    runs.txt names the runs they were computed from. Returns the folder.
    """
    folder = folder_of(study.root, study.experiment.name, study.experiment.profile)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {name: getattr(study, name) for name in TABLES}
    tables["scores"] = pd.concat([tables["scores"], study.evidence.scores], ignore_index=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv.new", index=False)
    for name in TABLES:  # only when all three could be computed and written
        os.replace(folder / f"{name}.csv.new", folder / f"{name}.csv")
    naming.write(study.data.names, folder)
    done = study.states[study.states["state"] == "done"]
    (folder / "runs.txt").write_text("\n".join(done["name"]) + "\n", encoding="utf-8")
    return folder


def folder_of(root: Path, assignment: str, profile: str) -> Path:
    """Where the three tables of one assignment and profile lie."""
    return root / "runs" / assignment / f"record-{profile}"


def read(root: Path, assignment: str, profile: str) -> dict[str, pd.DataFrame] | None:
    """The three tables of an assignment, or None where it has not been run under this profile."""
    folder = folder_of(root, assignment, profile)
    if not all((folder / f"{name}.csv").exists() for name in TABLES):
        return None
    return {name: pd.read_csv(folder / f"{name}.csv") for name in TABLES}


def score(table: pd.DataFrame, arm: str, metric: str, split: str = "test", variant: str = "") -> pd.Series | None:
    """One row of scores.csv, or None where there is none; by default of the images as they came."""
    found = of_variant(table, variant)
    found = found[(found["arm"] == arm) & (found["metric"] == metric) & (found["split"] == split)]
    return found.iloc[0] if len(found) else None


def of_variant(table: pd.DataFrame, variant: str = "") -> pd.DataFrame:
    """The rows of scores.csv about images shifted so, or of that second folder; "" is the images as they came.

    Rules are asked of no other images, and the variant that their rows name is their own name.
    """
    of_rules = table["arm"].str.startswith(RULE)
    return table[table["variant"].fillna("").mask(of_rules, "").eq(variant)]


def _seeds(rows: pd.DataFrame) -> str:
    seeds = sorted(rows["seed"].unique())
    return str(seeds[0]) if len(seeds) == 1 else "all"


def _key(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name.lower())
