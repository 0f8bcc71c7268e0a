"""The model card of one arm, filled from the record: see `report.model_card`."""

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from scanbook.metrics.verdicts import METRIC_NAMES
from scanbook.names import MAIN, pretty
from scanbook.report.model_card import Card, Part
from scanbook.report.words import Prose, Value, cited, say

if TYPE_CHECKING:
    from scanbook.study import Study

# Of what rooms answered beyond the scores: calibration, the working point, checks of maps, shifts, another folder
BEYOND = (r"ece|ece_expected|brier|temperature|threshold|sensitivity|specificity|auroc|accuracy|auroc_change|far_share|"
          r"map_(randomised|shuffled|edges|blob|deletion|pointing|energy)")  # fmt: skip
ALSO = {"ece": "ECE", "brier": "Brier score", "auroc_change": "AUROC less that without the shift"}
USE = ("For teaching and for checking methods. Not for clinical use: it has been tried on no patient outside this "
       "set, no threshold has been agreed with a clinic, and nobody has weighed what its errors would "
       "cost.")  # fmt: skip
LIMITS = ("One set of images, in the state in which it was published; what the network would do with images of "
          "another hospital, device or age is not known from these scores.")  # fmt: skip


def of(study: "Study", arm: str) -> Card:
    """The card of one finished arm."""
    e, facts, scores = study.experiment, study.facts, _scores(study, arm)
    settings, source = e.arms[arm], e.data.source
    title = f"Model card: {study.label_of(arm)} (arm {arm}), {e.title}, profile {e.profile}"

    def told(template: str) -> Prose:
        names = {str(row["key"]): Value(_plain(row["value"]), f"facts.csv:{row['key']}") for _, row in facts.iterrows()}
        own = {name: names[f"{arm}_{name}"] for name in ("parameters", "seconds", "epochs", "best_epoch")
               if f"{arm}_{name}" in names}  # fmt: skip
        return say(template, names | own)

    images = "Phantoms, drawn by this program: no patient stands behind any score. " if e.phantoms else ""
    where = f"{source.citation}. {source.licence}." if source and not e.phantoms and source.citation else ""
    kept = (
        "Every image is its own group: no patient is named, and one person may lie on both sides of the split."
        if e.data.unit == "images"
        else f"Groups are {e.data.unit}; none is divided between training, validation and test (scheme "
        f"{settings.scheme})."
    )
    sections: dict[str, Sequence[Part]] = {
        "Intended use": [_sentence(USE)],
        "Network": [
            _sentence(f"{pretty(settings.network)}, weights at the start: {settings.weights}"
                      f"{'; ' * bool(settings.about)}{settings.about}.", "params"),
            told("{parameters} parameters, trained for {epochs} epochs in {seconds} seconds; the epoch kept is the "
                 "one with the lowest validation loss, {best_epoch} (the mean, where there are several runs)."),
        ],
        "Data": [told(f"{images}{{n_images}} images of {{n_groups}} {e.data.unit} in {{n_classes}} classes "
                      f"({', '.join(study.classes)}); {{n_test_images}} images of {{n_test_groups}} {e.data.unit} are "
                      f"tested."),
                 *([_sentence(where, "params")] if where else []), _sentence(kept)],
        "Scores on the test part": [(_table(scores, own=True), "scores.csv")],
        "Where it fails": _failures(study, arm, scores),
    }  # fmt: skip
    more = _table(scores, own=False)
    if len(more):
        sections["Asked beyond the scores"] = [(more, "scores.csv")]
    sections["Limits"] = [_sentence(LIMITS), *_floor(study, arm)]
    return Card(arm, title, sections)


def write(study: "Study", folder: Path) -> list[Path]:
    """Write model-card-ARM.md for every kept network into a folder, each whole or not at all."""
    written = []
    for arm in study.done_arms(*MAIN):
        file = folder / f"model-card-{arm}.md"
        (folder / f"{file.name}.new").write_text(of(study, arm).markdown(), encoding="utf-8")
        os.replace(folder / f"{file.name}.new", file)
        written.append(file)
    return written


def _scores(study: "Study", arm: str) -> pd.DataFrame:
    """All rows of one arm on the test part: its scores, then what the page asked beyond them."""
    tables = (study.scores.assign(own=True), study.evidence.scores.assign(own=False))
    parts = ("test", "external")
    found = pd.concat(
        [table[(table["arm"] == arm) & table["split"].isin(parts)] for table in tables], ignore_index=True
    )
    weaker = found["variant"].map(_weaker(found["variant"])).astype(bool)
    return found[found["own"] | (found["metric"].str.fullmatch(BEYOND) & ~weaker)]


def _weaker(variants: pd.Series) -> dict[str, bool]:
    """Which steps of a shift have a stronger one: a card says what the strongest costs, the page shows all."""
    steps = {v: v.rsplit(":", 1) for v in variants.unique() if v.startswith("shift:")}
    most = {name: max(int(step) for other, step in steps.values() if other == name) for name, _ in steps.values()}
    return {v: v in steps and int(steps[v][1]) < most[steps[v][0]] for v in variants.unique()}


def _table(scores: pd.DataFrame, *, own: bool) -> pd.DataFrame:
    rows = scores[scores["own"] == own].reset_index(drop=True)
    table = pd.DataFrame({
        "measure": rows["metric"].map(_named), "value": [cited(row) for _, row in rows.iterrows()],
        "n_images": rows["n_images"].astype("Int64"), "n_groups": rows["n_groups"].astype("Int64"),
    })  # fmt: skip
    without = rows["value"].notna() & rows["low"].isna()
    if without.any():
        table["no interval because"] = rows["method"].where(without, "")
    return table if own else table.assign(under=rows["variant"].map(_under))


def _failures(study: "Study", arm: str, scores: pd.DataFrame) -> list[Part]:
    names = ("sensitivity", "specificity") if len(study.classes) == 2 else tuple(f"recall_{c}" for c in study.classes)
    rates = scores[scores["own"] & scores["metric"].isin(names)].dropna(subset=["value"])
    if rates.empty:
        return [_sentence("No rate by class could be computed.")]
    worst = rates.loc[rates["value"].idxmin()]
    shown = {"worst": Value(cited(worst), cited(worst).src)}
    return [say(f"The lowest rate by class is {_named(worst['metric'])}: {{worst}}. The wrong answers stand on the "
                f"page, image by image.", shown)]  # fmt: skip


def _floor(study: "Study", arm: str) -> list[Part]:
    doubts, stands_for = [], study.experiment.arms[arm].stands_for
    if stands_for:
        doubts.append(f"It is a light sibling and stands for {pretty(stands_for)}; its scores are its own.")
    if study.experiment.phantoms:
        doubts.append("Scores on phantoms say that the machinery works, and nothing about patients.")
    return [_sentence(words) for words in doubts]


def _under(variant: str) -> str:
    """What was done to the test images, in words: shift:blur:6 -> blur, step 6."""
    kind, _, rest = variant.partition(":")
    if kind == "shift":
        return ", step ".join(rest.rsplit(":", 1))
    return f"another folder: {rest}" if kind == "external" else variant or "the test part as it is"


def _named(metric: str) -> str:
    return METRIC_NAMES.get(metric) or ALSO.get(metric) or metric.replace("recall_", "recall of ").replace("_", " ")


def _sentence(text: str, src: str = "") -> Prose:
    """A sentence as it is; `src` where it may hold numbers of the parameter file."""
    origin = f' data-src="{src}"' if src else ""
    return Prose(f'<p class="say"{origin}>{escape(text)}</p>', text)


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)
