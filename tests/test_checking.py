"""The answers that a run gives to the reporting lists are read off its data again, and can be bad."""

from types import SimpleNamespace

import pandas as pd
import pytest

from scanbook import checking
from scanbook.report.checklist import HUMAN, IMPOSSIBLE, MET, UNMET

IMAGES = ["a1", "a2", "b1", "c1"]
PAIRS = {"within": [("a1", "a2")], "across": [("a1", "b1")], "none": []}


def toy(split=("train", "train", "val", "test"), groups=("A", "A", "B", "C"), unit="patients", pairs="none"):
    """Four images in one fold; `pairs` of pictures that occur twice."""
    used = pd.DataFrame({"image_id": IMAGES, "group": groups})
    parts = pd.DataFrame({"image_id": IMAGES, "fold": 0, "split": split})
    data = SimpleNamespace(used=used, split=lambda scheme: parts, pairs=pd.DataFrame(PAIRS[pairs], columns=["a", "b"]))
    experiment = SimpleNamespace(data=SimpleNamespace(unit=unit), split=SimpleNamespace(scheme="grouped"))
    return SimpleNamespace(data=data, experiment=experiment)


@pytest.mark.parametrize(
    ("study", "state"),
    [
        (toy(), MET),
        (toy(split=("train", "test", "val", "test")), UNMET),  # patient A on both sides
        (toy(unit="images", groups=IMAGES), IMPOSSIBLE),
        (toy(groups=IMAGES), IMPOSSIBLE),  # every image its own patient: none is known
        (toy(unit="blocks"), HUMAN),
    ],
)
def test_patients_count_as_kept_apart_only_where_they_are_known_and_are(study, state):
    assert checking._groups(study).state == state


@pytest.mark.parametrize(("pairs", "state"), [("none", MET), ("within", MET), ("across", UNMET)])
def test_a_picture_on_both_sides_is_said(pairs, state):
    assert checking._duplicates(toy(pairs=pairs)).state == state


def test_topics_about_finished_networks_are_met_only_where_they_were_asked():
    nothing = pd.DataFrame({"variant": [""], "metric": ["quiz_accuracy"]})
    assert {a.state for a in checking._beyond(nothing).values()} == {UNMET}
    shifted = pd.DataFrame({"variant": ["shift:blur:2"], "metric": ["auroc"]})
    assert checking._beyond(shifted)["robustness"].state == MET
    assert checking._beyond(shifted)["maps"].state == UNMET
