"""Whether the page knows whose images these are: without it no split is honest, and the page says so itself."""

from scanbook.names import one
from scanbook.report.words import Prose
from scanbook.report.words import say as fill
from scanbook.show.values import values
from scanbook.study import Study


def grouping(study: Study) -> Prose:
    """What a group is in this set, in a sentence; and the warning where no patient is known."""
    used, unit = study.data.used, study.experiment.data.unit
    largest = int(used["group"].value_counts().iloc[0])
    if unit == "images" or (used["group"] == used["image_id"]).all():
        alike = (" Only pictures that resemble each other are kept together: {n_groups} groups, the largest of "
                 "{n_largest_group}.")  # fmt: skip
        return _said(study, "No patient is known in this set, and each of the {n_images} images is dealt by itself. If two "
                            "of them show one person, they may lie on both sides of the split; scores are then too high, "
                            "and nothing on this page can tell by how much." + alike * (largest > 1))  # fmt: skip
    alone = int((used["patient"] == "").sum()) if unit == "patients" else 0
    rest = " Of {n_without_patient} images no patient is known; each is dealt by itself." if alone else ""
    return _said(study, f"{{n_images}} images of {{n_groups}} {unit} are dealt so that each {one(unit)} lies in one part "
                        f"only; the largest has {{n_largest_group}} images.{rest}")  # fmt: skip


def _said(study: Study, template: str) -> Prose:
    return fill(template, values(study, template))
