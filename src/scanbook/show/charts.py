"""Line figures of a page: counts, curves, ROC, confusion, and the two comparisons every page owes its reader."""

import numpy as np
import pandas as pd

from scanbook import floor, record
from scanbook.metrics.scores import confusion, roc_points
from scanbook.metrics.verdicts import signed
from scanbook.names import MAIN, PAIR, one, pretty
from scanbook.report import figures
from scanbook.report.plates import Plate, show_table
from scanbook.report.style import metric_label
from scanbook.study import Study

PARTS = ("train", "val", "test")


def counts(study: Study) -> Plate:
    """Classes in every part, as images and as groups: a split that balances one can miss the other."""
    scheme = study.experiment.split.scheme
    parts = study.data.split(scheme).merge(study.data.used[["image_id", "label", "group"]], on="image_id")
    first = parts[parts["fold"] == parts["fold"].min()]
    table = first.groupby(["split", "label"]).agg(n_images=("image_id", "size"), n_groups=("group", "nunique"))
    table = table.reindex(pd.MultiIndex.from_product([PARTS, study.classes]), fill_value=0)
    table = table.rename_axis(["split", "label"]).reset_index()
    unit, folds = study.experiment.data.unit, parts["fold"].nunique()
    many = f" (first of {folds} folds; every {one(unit)} is tested once over the folds)" if folds > 1 else ""
    alt = "; ".join(f"{p}: " + ", ".join(f"{r.n_images} {r.label}" for r in t.itertuples())
                    for p, t in table.groupby("split", sort=False))  # fmt: skip
    caption = f"{len(first)} images of {first['group'].nunique()} {unit} in three parts{many}."
    return Plate(figures.class_balance(table, unit), caption, f"Images by part and class. {alt}.", table,
                 title="Classes in every part", key="counts", src="split.csv")  # fmt: skip


def curves(study: Study, arm: str | None = None, what: str = "loss") -> Plate:
    """Loss and accuracy over epochs, stage borders and chosen epoch marked; the first fold and seed of each arm.

    arm   one arm only; None: ResNet, VGG and the source's
    what  "loss" for the curves, "precision_recall" for one arm's validation precision and recall as a table
    """
    arms = study.done_arms(*([arm] if arm else MAIN))
    history = study.history[study.history["arm"].isin(arms)]
    first = history[(history["fold"] == 0) & (history["seed"] == history["seed"].min())]
    first = first.assign(order=first["arm"].map(arms.index)).sort_values(["order", "epoch"])
    first = first.assign(network=first["network"].map(pretty))
    key = f"curves-{arm}-{what}" if arm else "curves"
    if what == "precision_recall":
        columns = ["epoch", "val_loss", "val_accuracy", "val_precision", "val_recall"]
        return show_table(first[columns], f"{study.label_of(arms[0])} on the validation part, epoch by epoch.",
                          title="Followed while it trains", key=key, src="history.csv")  # fmt: skip
    chosen = first[first["best"] == 1].groupby("network", sort=False)["epoch"].last()
    words = "; ".join(f"{name}: {epoch}" for name, epoch in chosen.items())
    runs = len(history.groupby(["arm", "fold", "seed"]))
    some = f" The first of {runs // len(arms)} runs of each is drawn." if runs > len(arms) else ""
    caption = f"Dotted is training, solid validation; the ring is the epoch kept ({words}).{some}"
    last = first.groupby("network", sort=False).tail(1)
    alt = "Loss and accuracy by epoch. At the end: " + "; ".join(
        f"{r.network} training loss {r.train_loss:.2f}, validation loss {r.val_loss:.2f}" for r in last.itertuples()
    )
    shown = ["network", "epoch", "stage", "train_loss", "val_loss", "train_accuracy", "val_accuracy", "best"]
    return Plate(figures.learning_curves(first), caption, f"{alt}.", first[shown], title="Learning curves", key=key,
                 src="history.csv")  # fmt: skip


def stages(study: Study, arm: str = "source") -> Plate:
    """The evaluation at the end of each stage of one arm's training."""
    done = study.states[(study.states["arm"] == arm) & (study.states["state"] == "done")]
    rows = [
        {"stage": s["stage"], "trained": s["train"], "trainable parameters": s["trainable"], "epochs": s["epochs"],
         "best epoch": s["best_epoch"], "validation loss": s["val_loss"], "validation accuracy": s["val_accuracy"]}
        for s in (done["stages"].iloc[0] if len(done) else [])
    ]  # fmt: skip
    return show_table(pd.DataFrame(rows), f"{study.label_of(arm)}, measured on the validation part as each stage ends.",
                      title="Between the stages", key=f"stages-{arm}", src="history.csv, state.json")  # fmt: skip


def budget(study: Study) -> Plate:
    """Was a network held back? The epoch kept against the epochs given, and what the last epoch still gained."""
    rows = []
    for arm in study.done_arms(*MAIN):
        for (fold, seed), run in study.history[study.history["arm"] == arm].groupby(["fold", "seed"]):
            best = int(run.loc[run["best"] == 1, "epoch"].max())
            tail = run.sort_values("epoch")["val_loss"].to_numpy()
            rows.append({"network": study.label_of(arm), "fold": fold, "seed": seed, "epochs run": len(run),
                         "epoch kept": best, "rate at the start": run["rate"].max(),
                         "loss change in the last epoch": tail[-1] - tail[-2] if len(tail) > 1 else np.nan})  # fmt: skip
    table = pd.DataFrame(rows)
    alike = " All ran as many epochs." if table["epochs run"].nunique() == 1 else ""
    late = int((table["epoch kept"] == table["epochs run"]).sum())
    caption = (f"{late} of {len(table)} trainings kept their very last epoch: more epochs might have served "
               f"{'it' if late == 1 else 'them'} better.{alike}")  # fmt: skip
    if len(table) > len(table["network"].unique()):  # several folds or seeds: their means
        numbers = [name for name in table if name not in ("network", "fold", "seed")]
        table = table.groupby("network", sort=False)[numbers].mean().reset_index()
    return show_table(table, caption, title="Was a network held back?", key="budget", src="history.csv")


def roc(study: Study) -> Plate:
    """Sensitivity against false alarms over all thresholds; with several classes, each against the rest."""
    points, areas, positive = [], [], study.experiment.data.positive
    arms = study.done_arms(*MAIN)
    for arm in arms:
        predictions = study.test_predictions(arm)
        predictions = predictions[predictions["seed"] == predictions["seed"].min()]
        name = pretty(study.experiment.arms[arm].network)
        points.append(roc_points(predictions, study.classes, positive).assign(network=name))
        row = record.score(study.scores, arm, "auroc")
        if row is not None:
            areas.append({"network": name, "value": row["value"], "low": row["low"], "high": row["high"]})
    table = pd.DataFrame(areas)
    n = _n(study, arms[0])
    words = "; ".join(f"{r.network} {r.value:.3f}" for r in table.itertuples())
    macro = "" if len(study.classes) == 2 else " (mean over the classes, each against the rest)"
    return Plate(figures.roc_curves(pd.concat(points), table), f"Test part: {n}. The diagonal is guessing.",
                 f"ROC curves. AUROC{macro}: {words}.", table, title="ROC", key="roc", src="scores.csv")  # fmt: skip


def confusions(study: Study, arms: list[str] | None = None, key: str = "confusions") -> Plate:
    """Confusion matrices side by side, on the test part; by default ResNet, VGG and the source's."""
    arms = arms or study.done_arms(*MAIN)
    matrices = {}
    for arm in arms:
        predictions = study.test_predictions(arm)
        predictions = predictions[predictions["seed"] == predictions["seed"].min()]
        matrices[pretty(study.experiment.arms[arm].network)] = confusion(predictions, study.classes)
    alt = "; ".join(f"{name}: {int(np.trace(m.to_numpy()))} of {int(m.to_numpy().sum())} on the diagonal"
                    for name, m in matrices.items())  # fmt: skip
    table = pd.concat(matrices, names=["network", "truth"]).reset_index()
    caption = f"Rows are the truth, columns the prediction. Test part: {_n(study, arms[0])}."
    return Plate(figures.confusion_matrices(matrices), caption, f"Confusion matrices. {alt}.", table, title="Confusion",
                 key=key, src="predictions.csv")  # fmt: skip


def versus(study: Study, key: str = "versus") -> Plate:
    """ResNet against VGG: AUROC and accuracy of both with intervals, and the paired difference in words."""
    arms, rows = study.done_arms(*PAIR), []
    for metric in ("auroc", "accuracy", "balanced_accuracy"):
        for arm in arms:
            row = record.score(study.scores, arm, metric)
            if row is not None:
                rows.append({"network": pretty(study.experiment.arms[arm].network), "metric": metric,
                             "value": row["value"], "low": row["low"], "high": row["high"]})  # fmt: skip
    table = pd.DataFrame(rows)
    pair = record.pair(study.comparisons)
    words = f" {pair.iloc[0]['sentence']}." if len(pair) else ""
    alt = "; ".join(f"{r.network} {metric_label(r.metric)} {r.value:.3f}" for r in table.itertuples())
    return Plate(figures.scores_forest(table), f"Test part: {_n(study, arms[0])}.{words}", f"Scores: {alt}.", table,
                 title="ResNet against VGG", key=key, src="scores.csv")  # fmt: skip


def claimed(study: Study) -> Plate:
    """Claimed, as the source split, honest: one network and one rule in two splits, beside the figure that is quoted."""
    steps, e = [], study.experiment
    metric = next((c.metric for c in e.claims if c.value is not None and c.metric), "accuracy")
    for claim in e.claims:
        if claim.value is not None and claim.metric == metric:
            steps.append({"step": claim.kind, "network": "", "value": claim.value, "low": np.nan, "high": np.nan,
                          "n_images": pd.NA, "n_groups": pd.NA, "words": claim.words})  # fmt: skip
    names = {"as_source": "images dealt one by one", "honest": f"{e.data.unit} kept apart"}
    if e.arms.get(e.lesson.get("honest", "")) and e.arms[e.lesson["honest"]].scheme == "provided":
        names["honest"] = "the given test folder"
    for role, words in names.items():
        arm = e.lesson.get(role, "")
        row = record.score(study.scores, arm, metric) if arm in study.done_arms() else None
        if row is not None:
            rule = record.score(study.scores, floor.arm("neighbour", e.arms[arm].scheme, study.data), metric)
            beside = [
                (pretty(e.arms[arm].network), row, e.arms[arm].about),
                ("1-NN rule", rule, floor.words("neighbour")),
            ]
            steps += [{"step": words, "network": name, **found[["value", "low", "high", "n_images", "n_groups"]],
                       "words": about} for name, found, about in beside if found is not None]  # fmt: skip
    table = pd.DataFrame(steps).astype({"n_images": "Int64", "n_groups": "Int64"})
    kept = " Phantoms: nothing here can be compared with a claim about patients." if e.phantoms else ""
    ours = table[table["network"] != ""]
    alt = "; ".join(f"{r.step}{', ' * bool(r.network)}{r.network}: {r.value:.3f}" for r in table.itertuples())
    n = "; ".join(
        dict.fromkeys(f"{r.step}: {r.n_images} images of {r.n_groups} {e.data.unit}" for r in ours.itertuples())
    )
    caption = (f"One network, one budget, two splits, scored by {metric_label(metric)} ({n}). The rule looks up the most "
               f"similar training thumbnail and copies its label.{kept}")  # fmt: skip
    return Plate(figures.claim_ladder(pd.DataFrame(steps), metric), caption, f"{alt}.", table,
                 title="Claimed, as the source split, honest", key="claimed", src="scores.csv, params")  # fmt: skip


def gap(study: Study) -> Plate:
    """Validation beside test, by network: what a validation part promised and what the test part gave."""
    rows = []
    for arm in study.done_arms(*MAIN, "lab1"):
        for part, words in (("val", "validation"), ("test", "test")):
            row = record.score(study.scores, arm, "auroc", part)
            if row is not None:
                rows.append({"network": pretty(study.experiment.arms[arm].network), "part": words, **row[
                    ["value", "low", "high", "n_images", "n_groups"]]})  # fmt: skip
    table = pd.DataFrame(rows)
    pairs = table.pivot(index="network", columns="part", values="value")
    if "validation" not in pairs:
        return show_table(table, "In cross-validation every image validates several folds, so only the test scores "
                          "stand here.", title="Validation and test", key="gap", src="scores.csv")  # fmt: skip
    lost = study.facts.set_index("key")["value"]["validation_minus_test"]
    caption = (f"AUROC on validation minus AUROC on test is {signed(lost)} on the mean of {len(pairs)} networks. "
               f"Bars are 95 % intervals; the two parts hold different {study.experiment.data.unit}.")  # fmt: skip
    forest = table.assign(metric=table["part"] + " AUROC")
    alt = "; ".join(f"{r.network} {r.part} {r.value:.3f}" for r in table.itertuples())
    return Plate(figures.scores_forest(forest), caption, f"{alt}.", table, title="Validation and test", key="gap",
                 src="scores.csv")  # fmt: skip


def _n(study: Study, arm: str) -> str:
    row = record.score(study.scores, arm, "accuracy")
    return "" if row is None else f"{row['n_images']} images of {row['n_groups']} {study.experiment.data.unit}"
