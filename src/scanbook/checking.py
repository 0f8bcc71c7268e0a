"""What one study can answer of the reporting lists by itself: see `report.checklist`.

An answer is *met* only where the run holds it and the page shows it. What no run can know (why a reference standard was
chosen, who paid) is left to a human, and what these images cannot tell is said to be impossible with them.
"""

from typing import TYPE_CHECKING

import pandas as pd

from scanbook.names import MAIN, one
from scanbook.report.checklist import HUMAN, IMPOSSIBLE, MET, UNMET, Answer

if TYPE_CHECKING:
    from scanbook.study import Study


def answers(study: "Study", warning: str = "") -> dict[str, Answer]:
    """The name of a topic -> its answer.

    warning  the sentence about a rule without anatomy that does as well as the networks; empty where none does
    """
    e, facts = study.experiment, study.facts.set_index("key")["value"]
    unit, asked = e.data.unit, study.evidence.scores
    networks = ", ".join(study.label_of(arm) for arm in study.done_arms(*MAIN))
    tested = f"{facts['n_test_images']:.0f} images of {facts['n_test_groups']:.0f} {unit}"
    found = {
        "summary": Answer(MET, f"The headline names the networks ({networks}) and what came of them.", "main"),
        "use": Answer(HUMAN, "For education and method checks, not for clinical use; the medical background is the "
                             "reader's."),
        "aim": Answer(MET, f"{e.question} Every comparison was written down before the run.", "plate-verdicts"),
        "design": Answer(HUMAN, "Retrospective: images that were there. No trial, so nothing to register."),
        "source": Answer(MET, _source(study), "plate-files"),
        "flow": Answer(MET, f"{facts['n_images']:.0f} of {facts['n_files']:.0f} files are used.", "plate-flow"),
        "preparation": Answer(MET, "Size, fit and grey values of every arm.", "plate-experiment"),
        "subset": Answer(MET, "All images are used." if e.cap_per_class is None else
                         f"At most {e.cap_per_class} images a class, whole {unit}.", "plate-flow"),
        "privacy": Answer(MET, "No person stands behind a drawn image.") if e.phantoms else
                   Answer(HUMAN, "Pages show pseudonyms where the set asks for them; pixels are not searched for "
                                 "names."),
        "missing": Answer(MET, "Files that cannot be read are set aside, each with its reason.", "plate-files"),
        "acquisition": Answer(MET, "Phantoms: drawn by rules that stand in the code.", "plate-samples") if e.phantoms else
                       Answer(HUMAN, "Only size and colour mode are known here; device and protocol are the "
                                     "publisher's."),
        "reference": Answer(MET, "Phantoms: the label is what was drawn.") if e.phantoms else
                     Answer(HUMAN, "Labels are taken as published; nobody here has read the images."),
        "parts": Answer(MET, f"Scheme {e.split.scheme}, by a hash of names.", "plate-counts"),
        "disjoint": _groups(study),
        "size": Answer(UNMET, f"The size was not planned: the test part is what the set gives, {tested}."),
        "model": Answer(MET, "Network, parameters and starting weights of every arm.", "plate-networks"),
        "software": Answer(MET, "Versions of what computed this.", "plate-provenance"),
        "training": Answer(MET, "Every parameter, and the curves.", "plate-curves"),
        "selection": Answer(MET, "The epoch with the lowest validation loss; no ensembles.", "plate-training"),
        "measures": Answer(MET, f"Each with its interval, {unit} redrawn.", "plate-results"),
        "results": Answer(MET, f"Test part: {tested}.", "plate-results"),
        "external": Answer(HUMAN, "No second set was predicted in this profile."),
        "demography": Answer(IMPOSSIBLE, "Phantoms have no age, sex or history." if e.phantoms else
                             "The set says neither age nor sex of the single patient."),
        "failures": Answer(MET, "Wrong answers, image by image.", "plate-mistakes"),
        "limits": Answer(MET, "In words, on this page.", "limits"),
        "protocol": Answer(MET, "The whole experiment as resolved.", "plate-experiment"),
        "availability": Answer(HUMAN, "The command makes everything again; weights are not published.", "plate-provenance"),
        "test_set": Answer(MET, f"{tested}, in no training.", "plate-counts"),
        "fitted_on_train": Answer(MET, "Means, weights, copies and blends come from training rows after the split."),
        "chosen_on_test": Answer(MET, f"Epoch and grid are chosen on validation. How often the test part was scored "
                                 f"is counted: {facts['n_test_openings']:.0f} times on this machine.", "plate-results"),
        "duplicates": _duplicates(study),
        "shortcut": Answer(UNMET, f"{warning}.", "plate-rules") if warning else
                    Answer(HUMAN, "No rule without anatomy does as well as the networks; what else they use, a person "
                                  "who reads such images must say.", "plate-rules"),
        "time": Answer(IMPOSSIBLE, "No image carries a date."),
        "groups": _groups(study),
        "sampling": Answer(IMPOSSIBLE, "Phantoms stand for no patients.") if e.phantoms else
                    Answer(HUMAN, "One published set; whom it stands for is not in the files."),
    }  # fmt: skip
    return found | _beyond(asked)


def _source(study: "Study") -> str:
    source = study.experiment.data.source
    if study.experiment.phantoms:
        return "Phantoms, drawn by this program in place of the set."
    if source is None:
        return "A folder of one's own; the parameter file names no publication."
    return " ".join(part for part in (source.citation, source.licence) if part) or "Named in the parameter file."


def _groups(study: "Study") -> Answer:
    """Whether whole patients are kept apart, read off the split again."""
    unit, used = study.experiment.data.unit, study.data.used[["image_id", "group"]]
    parts = study.data.split(study.experiment.split.scheme).merge(used, on="image_id")
    crossing = int((parts.groupby(["fold", "group"])["split"].nunique() > 1).sum())
    if crossing:
        return Answer(UNMET, f"{crossing} {unit} lie in more than one part.", "plate-counts")
    if unit == "images" or (used["group"] == used["image_id"]).all():
        return Answer(IMPOSSIBLE, "No patient is named, so images of one person may lie on both sides.")
    if unit != "patients":
        return Answer(HUMAN, f"No {one(unit)} lies in two parts, but {unit} stand in for patients, whom the set does "
                             f"not name.",
                      "plate-counts")  # fmt: skip
    return Answer(MET, f"No {one(unit)} lies in two parts.", "plate-counts")


def _duplicates(study: "Study") -> Answer:
    """Whether a picture that was found twice lies on both sides of the split that is scored."""
    pairs, parts = study.data.pairs, study.data.split(study.experiment.split.scheme)
    crossing: set[tuple[str, str]] = set()
    for _, fold in parts.groupby("fold"):
        part = fold.set_index("image_id")["split"]
        sides = pd.DataFrame({"a": pairs["a"].map(part), "b": pairs["b"].map(part)})
        apart = sides.notna().all(axis=1) & (sides["a"] != sides["b"])
        crossing |= set(zip(pairs.loc[apart, "a"], pairs.loc[apart, "b"], strict=True))
    if crossing:
        return Answer(
            UNMET, f"{len(crossing)} pairs of equal or nearly equal pictures lie in two parts.", "plate-pairs"
        )
    return Answer(MET, "No picture found twice lies in two parts.", "plate-pairs")


def _beyond(asked: pd.DataFrame) -> dict[str, Answer]:
    """Topics that are met only where the page has asked the finished networks: shifts, maps, another folder."""
    variants, metrics = set(asked["variant"].astype(str)), set(asked["metric"].astype(str))
    nothing = "Not asked in this profile."
    shifts = any(variant.startswith("shift:") for variant in variants)
    elsewhere = any(variant.startswith("external") for variant in variants)
    maps = any(metric.startswith(("map_", "pointing", "energy")) for metric in metrics)
    found = {
        "robustness": Answer(MET, "Scores under small changes of the test images.", "plate-ladder") if shifts else
                      Answer(UNMET, nothing),
        "maps": Answer(MET, "Maps of where the network looks, put to the test.", "plate-map-checks") if maps else
                Answer(UNMET, nothing),
    }  # fmt: skip
    return found | (
        {"external": Answer(MET, "A second folder, without retraining.", "plate-external")} if elsewhere else {}
    )
