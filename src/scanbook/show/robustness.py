"""How robust the networks are: their scores as the test images are changed step by step, and what such steps look like."""

import hashlib

import numpy as np
import pandas as pd

from scanbook import record
from scanbook.ladder import METRICS, Ladder, asked, climb, in_words, variant_of
from scanbook.loaders import shifts
from scanbook.metrics.verdicts import signed
from scanbook.names import PAIR, pretty
from scanbook.report import figures
from scanbook.report.plates import Plate, show_table
from scanbook.report.words import Prose, Value, say
from scanbook.study import Study

AS_THEY_ARE, ON_THE_AXIS = "none", "–"  # six steps leave the axis no room for a word
NOTHING = "Neither ResNet nor VGG is finished, so there is nothing to shift."


def steady(study: Study) -> Prose:
    """For each network the shift under which its AUROC is lowest, judged, and how the others were judged."""
    if not study.done_arms(*PAIR):
        return say(NOTHING, {})
    found = study.evidence.ask(climb)
    values: dict[str, Value] = {}
    sentences = []
    for arm, rows in found.changes.groupby("arm", sort=False):
        worst = rows.loc[rows["difference"].idxmin()]
        change = _key(arm, "auroc_change", worst["variant"])
        bounds = Value((signed(worst["low"]), signed(worst["high"])), change)
        values |= {f"{arm}_change": Value(signed(worst["difference"]), change), f"{arm}_bounds": bounds}
        sentence = (f"{pretty(study.experiment.arms[arm].network)}{' does worst' * (len(rows) > 1)} under "
                    f"{_named(arm, worst['variant'], values)}: AUROC {{{arm}_change}} against the images as they are, "
                    f"{f'95 % interval {{{arm}_bounds}}' if np.isfinite(worst['low']) else 'no interval'}: "
                    f"{worst['verdict']}.")  # fmt: skip
        others = rows[rows["variant"] != worst["variant"]].groupby("verdict")["variant"]
        listed = [f"{', '.join(_named(arm, v, values) for v in variants)}: {verdict}" for verdict, variants in others]
        sentences.append(" ".join([sentence, *(f"Under {words}." for words in listed)]))
    return say(" ".join(sentences), values)


def ladder(study: Study) -> Plate | Prose:
    """AUROC of ResNet and VGG under every shift, step by step, with intervals; accuracy stands in the table."""
    if not study.done_arms(*PAIR):
        return say(NOTHING, {})
    found = study.evidence.ask(climb)
    arms = list(found.changes["arm"].unique())
    rows = []
    for arm in arms:
        for name in found.shifts:
            for place, step in enumerate([0, *found.steps]):
                row = _point(study, found, arm, name, step)
                rows.append(
                    {"network": pretty(study.experiment.arms[arm].network), "name": name, "place": place, **row}
                )
    points, shift_of = pd.DataFrame(rows), shifts.SHIFTS
    points["shift"] = points["name"].map(lambda name: shift_of[name].words)
    points["unit"] = points["name"].map(lambda name: shift_of[name].unit)
    columns = ["network", "shift", "unit", "strength", "value", "low", "high", "accuracy"]
    table = points[columns].rename(columns={"value": "AUROC"})
    caption = (f"AUROC on the test part, {_n(study, arms[0])}, as the images are changed more and more; bands are 95 % "
               f"intervals, {ON_THE_AXIS} is the images as they are.{_left(found)}")  # fmt: skip
    last = points[points["place"] == points["place"].max()]
    alt = "; ".join(f"{r.network}, {r.shift} {r.strength}: {r.value:.3f}" for r in last.itertuples())
    points["strength"] = points["strength"].replace({AS_THEY_ARE: ON_THE_AXIS})
    return Plate(figures.strength_ladder(points), caption, f"AUROC at the strongest step. {alt}.", table,
                 title="The ladder of shifts", key="ladder", src="scores.csv")  # fmt: skip


def shift_verdicts(study: Study) -> Plate | Prose:
    """Each network and shift at the strongest step: the paired change of AUROC, its interval, p and verdict."""
    if not study.done_arms(*PAIR):
        return say(NOTHING, {})
    found = study.evidence.ask(climb).changes
    table = pd.DataFrame({
        "network": [pretty(study.experiment.arms[arm].network) for arm in found["arm"]],
        "shift": [in_words(variant) for variant in found["variant"]],
        "change of AUROC": found["difference"], "low": found["low"], "high": found["high"], "p (Holm)": found["p_holm"],
        "verdict": found["verdict"],
    })  # fmt: skip
    caption = (f"The strongest step of each shift against the same images as they are, {found['n_groups'].iloc[0]} "
               f"{study.experiment.data.unit} redrawn for both at once; margin {found['margin'].iloc[0]:g}, p corrected "
               f"over these {len(found)} comparisons.")  # fmt: skip
    return show_table(table, caption, title="What the strongest steps cost", key="ladder-changes", src="scores.csv")


def shifted(study: Study) -> Plate | Prose:
    """One test image under every shift of the profile, at the slightest step, if there are several, and at the strongest."""
    if not study.done_arms(*PAIR):
        return say(NOTHING, {})
    settings, (names, taken) = study.experiment.arms[study.done_arms(*PAIR)[0]], asked(study)
    part = study.data.used.loc[study.data.rows(settings.scheme, 0, "test")]
    positive = part["label"] == (study.experiment.data.positive or study.classes[0])
    row = part[positive if positive.any() else part["label"].notna()]
    row = row.loc[[min(row.index, key=lambda i: hashlib.sha256(row.loc[i, "image_id"].encode()).hexdigest())]]
    image = np.asarray(study.data.images(settings.image)[row.index.to_numpy()])
    boxes = shifts.picture_boxes(row["width"], row["height"], settings.image.size, settings.image.fit)
    ends = {"the slightest step": taken[0]} if len(taken) > 1 else {}
    ends["the strongest step"] = taken[-1]
    versions, words = [], []
    for step in ends.values():
        versions.append(
            [shifts.apply(image, n, step, seed=0, image_ids=row["image_id"], boxes=boxes)[0] for n in names]
        )
        words.append([in_words(variant_of(name, step)) for name in names])
    picture = figures.augmentation_grid(np.repeat(image, len(ends), axis=0), np.array(versions), list(ends), words)
    chosen = [shifts.SHIFTS[name] for name in names]
    table = pd.DataFrame({
        "shift": [shift.words for shift in chosen], "what is done": [shift.about for shift in chosen],
        "strengths": [", ".join(f"{shift.strengths[step - 1]:g}" for step in taken) for shift in chosen],
        "unit": [shift.unit for shift in chosen],
    })  # fmt: skip
    caption = (
        f"A test image ({row['label'].iloc[0]}) as it is and under each shift of this profile; units are in the table."
    )
    return Plate(picture, caption, f"One test image under {', '.join(table['shift'])}.", table, kind="photo",
                 title="What the shifts look like", key="shifted", src="scores.csv",
                 least=620 if len(names) >= 5 else 0)  # fmt: skip


def _point(study: Study, found: Ladder, arm: str, name: str, step: int) -> dict:
    """AUROC with its interval, and accuracy, at one step; step 0 is the test part as every other section scores it."""
    table, words, variant = study.scores, AS_THEY_ARE, ""
    if step:
        table, words = found.scores, f"{shifts.SHIFTS[name].strengths[step - 1]:g}"
        variant = variant_of(name, step)
    auroc, accuracy = (record.score(table, arm, metric, variant=variant) for metric in METRICS)
    assert auroc is not None  # every finished arm has both, shifted or not
    assert accuracy is not None
    return {"strength": words, "value": auroc["value"], "low": auroc["low"], "high": auroc["high"],
            "accuracy": accuracy["value"]}  # fmt: skip


def _left(found: Ladder) -> str:
    words = ["the steps in between"] * (len(found.steps) < shifts.STEPS)
    words += [shifts.SHIFTS[name].words for name in found.left_out]
    return f" Left to the full profile: {', '.join(words)}." if words else ""


def _named(arm: str, variant: str, values: dict[str, Value]) -> str:
    """A shift at its strength, the number as a placeholder that is added to `values` with its origin."""
    name, strength = variant.split(":")[1], in_words(variant)
    number = shifts.SHIFTS[name].strengths[int(variant.split(":")[2]) - 1]
    values[f"{arm}_{name}"] = Value(f"{number:g}", _key(arm, "strength", variant))
    before, _, after = strength.rpartition(f"{number:g}")
    return f"{before}{{{arm}_{name}}}{after}"


def _key(arm: str, metric: str, variant: str) -> str:
    """Where a number of the ladder stands."""
    return f"scores.csv:{arm}:{metric}:test:{variant}"


def _n(study: Study, arm: str) -> str:
    row = record.score(study.scores, arm, "auroc")
    return "" if row is None else f"{row['n_images']} images of {row['n_groups']} {study.experiment.data.unit}"
