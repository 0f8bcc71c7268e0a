"""Whether the page knows whose images these are: without it no split is honest, and the page says so itself."""

from scanbook.names import one
from scanbook.report.words import Prose
from scanbook.report.words import say as fill
from scanbook.show.values import values
from scanbook.study import Study


def grouping(study: Study) -> Prose:
    """What a group is in this set, in a sentence; and the warning where no patient is known."""
    used, unit = study.data.used, study.experiment.data.unit
    if (used["group"] == used["image_id"]).all():
        return _said(study, "No patient is known in this set: every one of the {n_images} images is dealt as a group of its "
                            "own. If two of them show one person, they may lie on both sides of the split; scores are then "
                            "too high, and nothing on this page can tell by how much.")  # fmt: skip
    alone = int((used["patient"] == "").sum()) if unit == "patients" else 0
    rest = f" Of {alone} images no patient is known; each is a group of its own." if alone else ""
    largest = int(used["group"].value_counts().iloc[0])
    return _said(study, f"{{n_images}} images of {{n_groups}} {unit} are dealt so that each {one(unit)} lies in one part "
                        f"only; the largest has {largest} images.{rest}")  # fmt: skip


def _said(study: Study, template: str) -> Prose:
    return fill(template, values(study, template))
