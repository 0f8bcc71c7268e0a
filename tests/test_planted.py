"""On the sample's phantoms one pair of arms truly differs and one is truly equal: the judge has to find both."""

import shutil

import pytest
import tiny

from scanbook import params
from scanbook.phantoms import make_phantoms
from scanbook.study import Study

ARMS = ("patient_split", "untaught", "reweighted")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("planted")
    shutil.copytree(tiny.REPOSITORY / "params", root / "params")
    make_phantoms("heart", root / "images", patients=140)
    whole = params.load(root / "params" / "heart.yaml", "sample")
    asked = [c for c in whole.comparisons if {c.a, c.b} <= set(ARMS)]
    few = {"arms": {arm: whole.arms[arm] for arm in ARMS}, "comparisons": asked, "tuning": None, "lesson": {},
           "phantoms": False}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_DIR", str(root / "images"))
        opened = Study(whole.model_copy(update=few), root, {})
        opened.train()
        yield opened


def test_the_judge_finds_the_pair_that_differs_and_the_pair_that_is_equal(study):
    found = study.comparisons.set_index("question")
    assert [q.split(":")[0] for q in found.index] == ["Planted", "Planted"]
    taught, weights = (row for _, row in found.iterrows())
    assert taught["verdict"] == "better"
    assert taught["low"] > 0
    assert weights["verdict"] == "equivalent"
    assert max(abs(weights["low"]), abs(weights["high"])) <= weights["margin"]


def test_seen_from_the_other_side_the_network_that_was_not_taught_is_worse(study):
    from scanbook.metrics.verdicts import compare

    first, second = (study.test_predictions(arm) for arm in ("untaught", "patient_split"))
    assert compare(first, second, study.classes, "reduced_ef", "auroc", 0.02)["verdict"] == "worse"


def test_planted_arms_stand_beside_no_candidate(study):
    assert all(study.experiment.arms[arm].aside for arm in ARMS[1:])
    assert not study.experiment.arms["patient_split"].aside
