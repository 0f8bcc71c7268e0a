"""The data as they are: where every file went, which pictures occur twice, what tells the class without anatomy."""

import numpy as np
import pandas as pd
from PIL import Image

from scanbook import audit, floor, record
from scanbook.loaders.duplicates import NEAR, SAME
from scanbook.loaders.reading import read_image
from scanbook.metrics.suspects import find_suspects, recall_and_precision
from scanbook.names import MAIN, PAIR, one, pretty
from scanbook.report import figures
from scanbook.report.plates import Plate, show_table
from scanbook.report.words import short_interval
from scanbook.study import Study

PICTURE = 160  # px of a picture in the gallery of pairs
LISTED = 40  # pairs that the table under it names
IN_A_ROW = 3  # pairs beside each other


def flow(study: Study) -> Plate:
    """From files found to images tested: where every file went."""
    steps, scheme = audit.flow(study.data), study.experiment.split.scheme
    folds = study.data.split(scheme)["fold"].nunique()
    many = f" The parts are those of the first of {folds} folds." if folds > 1 else ""
    why = f" The split is {scheme}: {study.data.chose_split}." if study.data.chose_split else ""
    words = [f"{row.step} {row.files}" + (f" after {row.left}" if row.left else "") for row in steps.itertuples()]
    picture = figures.flow_diagram(steps, study.experiment.data.unit)
    return Plate(picture, f"Where every file went.{many}{why}", f"Flow of files: {'; '.join(words)}.", steps,
                 title="From files to images tested", key="flow", src="manifest.csv, split.csv")  # fmt: skip


def pairs(study: Study, most: int = 12) -> Plate:
    """Pictures that occur twice: the pairs that matter most, and how many there are of which kind."""
    data, unit, policy = study.data, study.experiment.data.unit, study.experiment.data.duplicates
    found = audit.worst(data, most)
    together = "group" if unit == "images" else one(unit)
    ways = {
        "group": f"pictures that occur twice share a {together} in every split",
        "drop": "one of each is kept",
        "keep": "they are left as they are",
    }
    readable = int(data.manifest["pixel_hash"].ne("").sum())
    caption = (f"{len(data.pairs)} pairs among {readable} readable images, looked for in all eight turns; near means that "
               f"fine structure correlates at {NEAR} or more. Here {ways[policy]}. {_conflicts(study)}")  # fmt: skip
    about = {"title": "Pictures that occur twice", "key": "pairs", "src": "images"}
    if found.empty:
        return show_table(audit.equal_pictures(data), caption, **about)
    labels, words, pictures = [], [], []
    for place, row in enumerate(found.itertuples()):
        for name, label in ((row.a, row.label_a), (row.b, row.label_b)):
            pictures.append(_small(study, name))
            labels.append(f"pairs from {IN_A_ROW * (place // IN_A_ROW) + 1}")
            words.append(f"{label}: {data.names.image(name).rsplit('/', 1)[-1]}")
    two = int(found["conflict"].sum())
    alt = f"{len(found)} pairs of equal or nearly equal pictures; {two} of them under two labels."
    table = data.names.table(audit.worst(data, LISTED), images=("a", "b"))
    picture = figures.samples_by_class(np.stack(pictures), labels, words)
    return Plate(picture, caption, alt, table, kind="photo", least=720, **about)


def twice(study: Study) -> Plate:
    """How many pictures occur twice, by kind and by what they touch."""
    caption = "Every pair counted once; of n equal files the first is paired with each other one."
    return show_table(audit.equal_pictures(study.data), caption, title="Pairs by kind", key="twice", src="images")


def published(study: Study) -> Plate:
    """What crosses the parts a set was published in, and how far they differ."""
    found, unit = audit.published(study.data), study.experiment.data.unit
    about = {"title": "The published split", "key": "published", "src": "images"}
    if found is None:
        nothing = pd.DataFrame({"what": ["a published test part"], "value": ["none"]})
        return show_table(nothing, "This set comes without a test part of its own.", **about)
    rows = [
        (f"{unit} in test and in training", f"{found['patients']:.0f} (with {found['images']:.0f} test images)"),
        ("pictures with equal pixels in both", f"{found['pixels']:.0f}"),
        ("near copies in both", f"{found['near']:.0f}"),
    ]
    for name in study.classes:
        shares = f"{found[f'train_{name}']:.1%} and {found[f'test_{name}']:.1%}"
        rows.append((f"share of {name}, training and test", shares))
    for name, by in (("shift", "a thumbnail"), ("size", "width and height")):
        told = pd.Series({"value": found[name], "low": found[f"{name}_low"], "high": found[f"{name}_high"]})
        rows.append((f"training or test, told from {by} (AUROC)", short_interval(told)))
    caption = (f"The last rows: in which part an image was published, guessed for {unit} not seen before from 32 × 32 "
               f"pixels, and from the size of the file alone. 0.5 would mean that the parts were drawn alike.")  # fmt: skip
    return show_table(pd.DataFrame(rows, columns=["what", "value"]), caption, **about)


def rules(study: Study) -> Plate:
    """The floor: what rules without anatomy reach beside the networks, on the same test part."""
    names = {arm: pretty(study.experiment.arms[arm].network) for arm in study.done_arms(*MAIN)}
    names |= {f"{record.RULE}{rule}": f"{rule} rule" for rule in floor.RULES}
    rows = []
    for arm, name in names.items():
        area, accuracy = (record.score(study.scores, arm, metric) for metric in ("auroc", "accuracy"))
        if area is not None and accuracy is not None:
            rows.append({"network": name, "metric": "auroc", **area[["value", "low", "high"]],
                         "accuracy": accuracy["value"]})  # fmt: skip
    table = pd.DataFrame(rows)
    drawn = table[table["network"] != "majority rule"]  # its AUROC says nothing: it gives all images one answer
    what = "; ".join(f"{name}: {floor.words(name)}" for name in floor.RULES)
    alt = "; ".join(f"{r.network} {r.value:.3f}" for r in drawn.itertuples())
    caption = f"Same split, same test images. The rules look at no anatomy ({what})."
    return Plate(figures.named_forest(drawn, "auroc"), caption,
                 f"AUROC of networks and rules: {alt}.", table.drop(columns="metric"), title="Networks above the floor",
                 key="rules", src="scores.csv")  # fmt: skip


def telltales(study: Study) -> Plate:
    """Sizes, colour modes and endings of files that one class alone has."""
    table = audit.telltales(study.data)
    caption = (
        f"{table['images'].sum()} times a file has a property that only its class has: whoever sees it knows the label."
    )
    if table.empty:
        caption = "No size, colour mode or ending belongs to one class alone."
    return show_table(table, caption, title="Properties that tell the class", key="telltales", src="manifest.csv")


def suspects(study: Study, most: int = 12, arm: str = "doubts") -> Plate:
    """Labels likeliest wrong: what the smallest network, which had not seen the image, is sure of instead."""
    about = {"title": "Doubtful labels", "key": "suspects", "src": "predictions.csv"}
    if arm not in study.done_arms():
        where = (
            " in this profile; quick and full have it"
            if arm not in study.experiment.arms
            else ": its runs are not finished"
        )
        nothing = pd.DataFrame({"what": ["images predicted by networks that had not seen them"], "images": [0]})
        return show_table(nothing, f"Which labels are doubtful was not asked{where}.", **about)
    predictions, used = study.test_predictions(arm), study.data.used.set_index("image_id")
    given = used.loc[predictions["image_id"], "label"]
    found = find_suspects(predictions, study.classes, given.to_numpy())
    network = pretty(study.experiment.arms[arm].network)
    caption = (f"{len(found)} of {len(predictions)} labels are doubtful: a {network} that had not seen the image's group is "
               f"surer of another class than it usually is of that class. These are questions for somebody who can read the "
               f"images. Nothing was changed, and nothing is chosen by it.")  # fmt: skip
    if "check_label" in used and (known := used[used["check_label"] != ""]).shape[0]:
        score = recall_and_precision(found, known.index[known["check_label"] != known["label"]].tolist())
        caption += (f" Against the second opinion in the names, {score['found']} of {score['wrong']} wrong labels are among "
                    f"them (recall {score['recall']:.2f}, precision {score['precision']:.2f}).")  # fmt: skip
    table = study.data.names.table(found.head(LISTED))
    if found.empty:
        return show_table(table, caption, **about)
    shown = found.head(most)
    words = [f"{row.label}? {row.suggested} {row.p_suggested:.2f}" for row in shown.itertuples()]
    labels = [f"from {6 * (place // 6) + 1}" for place in range(len(shown))]
    picture = figures.samples_by_class(np.stack([_small(study, name) for name in shown["image_id"]]), labels, words)
    return Plate(
        picture, caption, f"{len(shown)} images whose label is doubtful.", table, kind="photo", least=720, **about
    )


def shortcut(study: Study) -> str:
    """A sentence where a rule without anatomy cannot be told from the better of ResNet and VGG; else empty."""
    networks = [record.score(study.scores, arm, "auroc") for arm in study.done_arms(*PAIR)]
    known = [row for row in networks if row is not None and np.isfinite(row["low"])]
    if not known:
        return ""
    best = max(known, key=lambda row: row["value"])
    found = []
    for rule in floor.RULES:
        row = record.score(study.scores, f"{record.RULE}{rule}", "auroc")
        if row is not None and row["low"] > 0.5 and row["value"] >= best["low"]:  # false where there is no interval
            found.append((float(row["value"]), floor.words(rule)))
    if not found:
        return ""
    value, words = max(found)
    return (f"A rule without anatomy does as well. It looks at {words}, and reaches an AUROC of {value:.3f}, inside or "
            f"above the interval of {pretty(best['network'])}")  # fmt: skip


def _conflicts(study: Study) -> str:
    n = int(study.data.pairs["conflict"].sum())
    if not n:
        return "No picture carries two labels."
    what = "set aside under all their names" if study.experiment.data.conflicts == "exclude" else "kept"
    return f"{n} pairs are one picture under two labels (likeness from {SAME}) and are {what}."


def _small(study: Study, image_id: str) -> np.ndarray:
    """uint8 (PICTURE, PICTURE, 1): one file, squeezed, grey."""
    pixels = read_image(study.data.folder / image_id, shortest=PICTURE)
    image = Image.fromarray(pixels).convert("L").resize((PICTURE, PICTURE), Image.Resampling.BILINEAR)
    return np.asarray(image)[..., None]
