"""Tables and sentences of a page."""

import time

import pandas as pd
import torch

from scanbook import record
from scanbook.loaders.manifest import exclusions
from scanbook.models import networks as nets
from scanbook.names import command, pretty
from scanbook.report import provenance as origin
from scanbook.report.plates import Plate, show_table
from scanbook.report.words import Prose, cited
from scanbook.report.words import say as fill
from scanbook.show.values import values
from scanbook.study import Study

BINARY = ("auroc", "accuracy", "balanced_accuracy", "precision", "sensitivity", "specificity", "f1")
MANY = 12  # trainings, above which a table has a row an arm
PATTERNS = ("data.group", "data.exclude", "data.check.pattern")  # may spell out a name
MULTI = ("auroc", "accuracy", "balanced_accuracy", "precision", "recall", "f1")


def say(study: Study, template: str) -> Prose:
    """A sentence whose numbers come from the record: {n_images}, {resnet_auroc} …; see `show.values`."""
    return fill(template, values(study, template))


def files(study: Study) -> Plate:
    """Every file found, used or set aside with its reason: nothing vanishes."""
    manifest = study.data.manifest
    used = manifest[manifest["status"] == "used"]
    rows = [
        {
            "what became of it": f"used as {label}",
            "files": len(part),
            study.experiment.data.unit: part["group"].nunique(),
        }
        for label, part in used.groupby("label", sort=False)
    ]
    out = study.data.names.table(exclusions(manifest))
    rows += [
        {"what became of it": f"set aside: {reason}", "files": part["n"].sum(), study.experiment.data.unit: None}
        for reason, part in out.groupby("reason")
    ]
    table = pd.DataFrame(rows).astype({study.experiment.data.unit: "Int64"})
    sizes = used.groupby(["width", "height"]).size().sort_values(ascending=False)
    (width, height), often = sizes.index[0], sizes.iloc[0]
    caption = (f"{len(manifest)} files found, {len(used)} used, {len(manifest) - len(used)} set aside. {len(sizes)} image "
               f"size(s); the commonest is {width}×{height} px ({often} images); "
               f"modes: {', '.join(sorted(used['mode'].unique()))}.")  # fmt: skip
    return show_table(table, caption, title="Every file", key="files", src="manifest.csv")


def networks(study: Study) -> Plate:
    """Each arm: its network, what it stands for, how many parameters, how it is split, what it is for."""
    rows = []
    for name, arm in study.experiment.arms.items():
        grey, own = arm.image.colour == "grey", arm.image.normalise != "imagenet"
        built = nets.build(arm.network, len(study.classes), dropout=arm.training.dropout, head=arm.training.head,
                           channels=1 if grey else 3, mean=[0.5] if own else nets.IMAGENET_MEAN,
                           std=[0.5] if own else nets.IMAGENET_STD, image_size=arm.image.size, seed=0)  # fmt: skip
        counts = nets.parameter_counts(built)
        rows.append({
            "arm": name, "network": pretty(arm.network), "stands for": pretty(arm.stands_for) if arm.stands_for else "",
            "parameters": counts["total"], "weights": arm.weights, "split": arm.scheme,
            "image": f"{arm.image.size} px, {arm.image.fit}", "what for": arm.about,
        })  # fmt: skip
    siblings = [str(row["arm"]) for row in rows if row["stands for"]]
    caption = f"{len(rows)} arms." + (
        f" A light sibling runs in place of the named network in: {', '.join(siblings)}." if siblings else ""
    )
    return show_table(pd.DataFrame(rows), caption, title="Networks", key="networks", src="facts.csv, params")


def experiment(study: Study) -> Plate:
    """The whole experiment as resolved for this profile, one row a parameter; arms only where they differ."""
    e = study.experiment
    rows = [{"parameter": key, "value": study.data.names.pattern(value) if key in PATTERNS else value}
            for key, value in _flat(e.model_dump(exclude={"arms", "claims"}))]  # fmt: skip
    shared = dict(_flat({key: getattr(e, key).model_dump() for key in ("image", "augment", "training")}))
    for name, arm in e.arms.items():
        own = dict(_flat({key: getattr(arm, key).model_dump() for key in ("image", "augment", "training")}))
        rows += [{"parameter": f"arms.{name}.{key}", "value": value} for key, value in own.items()
                 if value != shared.get(key)]  # fmt: skip
    caption = f"Resolved for profile {e.profile} from params/{e.name}.yaml" + (
        f", with {len(study.overrides)} override(s): {', '.join(study.overrides)}." if study.overrides else "."
    )
    return show_table(pd.DataFrame(rows), caption, title="The experiment", key="experiment", src="params.yaml")


def _flat(tree: dict, prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", "none" if value is None else str(value)))
    return rows


def training(study: Study) -> Plate:
    """How each training went: state, epochs, chosen epoch, seconds, images/s; the reason where one failed."""
    runs = study.states
    table = pd.DataFrame({
        "arm": runs["arm"], "network": runs["network"].map(pretty), "fold": runs["fold"], "seed": runs["seed"],
        "state": runs["state"], "epochs": runs.get("epochs"), "best epoch": runs.get("best_epoch"),
        "validation loss": runs.get("best_val_loss"), "seconds": runs.get("seconds"),
        "images/s": runs.get("images_per_second"),
    })  # fmt: skip
    whole = {name: table[name].astype("Int64") for name in ("epochs", "best epoch") if name in table}
    table = table.assign(**whole)
    if len(table) > MANY:  # a row an arm; each run's own is in its state.json
        table = _by_arm(table)
    failed = runs[runs["state"] != "done"]
    words = "; ".join(f"{row['arm']}: {row['reason']}" for _, row in failed.iterrows())
    caption = f"{len(runs) - len(failed)} of {len(runs)} runs finished on {study.machine}." + (
        f" Not finished: {words}." if words else ""
    )
    if "weights" in runs:  # which keys of a weight file matched, once for each arm
        arms_of = runs.dropna(subset=["weights"]).groupby("weights", sort=False)["arm"].unique()
        caption += " " + "; ".join(f"{', '.join(arms)}: {text}" for text, arms in arms_of.items()) + "."
    return show_table(table, caption, title="Training", key="training", src="state.json, facts.csv")


def _by_arm(runs: pd.DataFrame) -> pd.DataFrame:
    """Trainings of an arm in one row: how many finished, means over folds and seeds, seconds in all."""

    def middle(name: str) -> tuple[str, str]:
        return name, "mean"

    grouped = runs.assign(done=runs["state"] == "done").groupby(["arm", "network"], sort=False)
    return grouped.agg(**{
        "runs": ("state", "size"), "finished": ("done", "sum"), "epochs": middle("epochs"),
        "best epoch": middle("best epoch"), "validation loss": middle("validation loss"),
        "seconds in all": ("seconds", "sum"), "images/s": ("images/s", "median"),
    }).reset_index()  # fmt: skip


def cost(study: Study) -> Plate:
    """Quality beside cost: parameters, size of the saved network, seconds of training, images/s, AUROC on the test part."""
    facts, rows = study.facts.set_index("key")["value"], []
    for arm in study.done_arms():
        rows.append({
            "network": study.label_of(arm), "arm": arm, "parameters": int(facts[f"{arm}_parameters"]),
            "file, MB": facts[f"{arm}_megabytes"], "seconds": facts[f"{arm}_seconds"],
            "s an epoch": facts[f"{arm}_seconds_an_epoch"],
            "images/s": facts[f"{arm}_images_per_second"],
            "AUROC": cited(record.score(study.scores, arm, "auroc")),
        })  # fmt: skip
    caption = f"Training time summed over folds and seeds, on {study.machine}."
    return show_table(pd.DataFrame(rows), caption, title="What each network costs", key="cost", src="facts.csv")


def results(study: Study) -> Plate:
    """Every arm's scores on the test part, each with its 95 % interval."""
    metrics = BINARY if len(study.classes) == 2 else (*MULTI, *(f"recall_{name}" for name in study.classes))
    rows, n = [], study.scores[study.scores["split"] == "test"]
    for arm in study.done_arms():
        if study.experiment.arms[arm].aside:  # asked about labels or maps, not how good it is
            continue
        row = {"network": pretty(study.experiment.arms[arm].network), "arm": arm}
        for metric in metrics:
            row[metric.replace("_", " ").replace("auroc", "AUROC").replace("f1", "F1")] = cited(
                record.score(study.scores, arm, metric)
            )
        rows.append(row)
    caption = (f"Test part: {n['n_images'].iloc[0]} images of {n['n_groups'].iloc[0]} {study.experiment.data.unit}. "
               f"In brackets the 95 % interval, {study.experiment.data.unit} redrawn. {_looks(study)}")  # fmt: skip
    names = {row["arm"]: row["network"] for row in rows}
    if mute := [name for arm, name in names.items() if alike(study.test_predictions(arm), study.classes)]:
        caption += (
            f" {', '.join(mute)}: every test image gets the same answer, so nothing was learned that they could show."
        )
    return show_table(pd.DataFrame(rows), caption, title="Scores", key="results", src="scores.csv")


def alike(predictions: pd.DataFrame, classes: list[str]) -> bool:
    """Whether each training behind some predictions answers all its images alike, to a thousandth of a logit."""
    logits = predictions[[f"logit_{name}" for name in classes]]
    against = logits.sub(logits.mean(axis=1), axis=0)  # only differences between classes are an answer
    trainings = against.groupby([predictions["fold"], predictions["seed"]])
    return len(predictions) > 1 and bool(((trainings.max() - trainings.min()) < 1e-3).all(axis=None))


def _looks(study: Study) -> str:
    """How often the test part of these images has been scored here: the more often, the less a good score means."""
    row = study.facts.set_index("key").loc["n_test_openings"]
    looks, trainings = int(row["value"]), int(row["n"])
    return (f"On this machine the test parts of these images have been scored {looks} times, by {trainings} different "
            f"trainings.")  # fmt: skip


def verdicts(study: Study) -> Plate:
    """Every comparison of the parameter file, with its verdict in words; Holm over all of them."""
    c = study.comparisons
    table = pd.DataFrame({
        "question": c["question"], "answer": c["sentence"], "p (Holm)": c["p_holm"], "margin": c["margin"],
        "could have shown": c["detectable"],
    })  # fmt: skip
    caption = (f"{len(c)} comparisons on the same test {study.experiment.data.unit}; p corrected for their number. Where "
               f"interval and corrected p disagree, the answer is cannot tell. The last column is the smallest true "
               f"difference that such a test part shows in four of five repetitions. The words are about these trained "
               f"networks on these images, never about architectures as such.")  # fmt: skip
    return show_table(table, caption, title="Questions and answers", key="verdicts", src="comparisons.csv")


def provenance(study: Study) -> Plate:
    """What is needed to make this page again: data, commit, versions, machine, seeds, durations, the command."""
    e = study.experiment
    extra = {
        "command": command(e.name, e.profile, study.overrides),
        "profile": e.profile,
        "data fingerprint": study.data.fingerprint,
        "seeds": ", ".join(map(str, sorted({seed for arm in e.arms.values() for seed in arm.seeds}))),
        "split seed": str(e.split.seed),
        "precision": study.machine.precision,
        "layout": "channels last" if study.machine.channels_last else "channels first",
        "training": f"{study.states.get('seconds', pd.Series(dtype=float)).sum():.0f} s in {len(study.runs)} runs",
        "this notebook": f"{time.time() - study.opened_at:.0f} s",
    }
    device = "cpu" if study.machine.device == "cpu" else torch.cuda.get_device_name(study.machine.device)
    facts = origin.collect(root=study.root, device=device, threads=torch.get_num_threads(), extra=extra)
    table = pd.DataFrame({"what": list(facts), "value": [str(v) for v in facts.values()]})
    return show_table(table, "What made this page; the first row makes it again.", title="Provenance", key="provenance")
