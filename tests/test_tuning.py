"""Both networks search the same grid, on validation alone, and train where they chose."""

import math

import pandas as pd
import pytest
import tiny

from scanbook import open_study, openings, params, tuning
from scanbook.params import ParamsError

GRID = {"tuning.arms": ["resnet", "patient_split"], "tuning.rates": [1e-3, 1e-4], "tuning.batches": [4, 8],
        "tuning.budget_epochs": 1, "tuning.max_images": None}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Heart phantoms at 32 px, the grid of ResNet and of the small network searched and nothing else trained."""
    root = tiny.copy_of_the_book(tmp_path_factory.mktemp("tuned"))
    overrides = {**tiny.shrunk("heart", images=16), **GRID, "image.size": 32}
    study = open_study(str(root / "params" / "heart.yaml"), "sample", overrides)
    study.tune()
    return study


def test_every_network_is_tried_at_every_point_and_no_other_arm_is(study):
    points = study.tuning[["arm", "rate", "batch"]].to_records(index=False).tolist()
    expected = [(a, r, b) for a in ("resnet", "patient_split") for r in (1e-3, 1e-4) for b in (4, 8)]
    assert sorted(points) == sorted(expected)
    assert (study.tuning["state"] == "done").all()
    assert len(tuning.grid(study.experiment)) == 4


def test_the_search_never_opens_the_test_part(study):
    for run in study.tuning_runs:
        predictions = pd.read_csv(study.folder / run.name / "predictions.csv")
        assert set(predictions["split"]) == {"val"}
    assert openings.count(study.folder, study.data.fingerprint) == (0, 0)


def test_each_arm_is_planned_at_its_point_of_lowest_validation_loss(study):
    for arm in ("resnet", "patient_split"):
        points = study.tuning[study.tuning["arm"] == arm]
        best = points.loc[points["val_loss"].idxmin()]
        (run,) = [run for run in study.runs if run.arm.name == arm]
        assert run.arm.training.stages[-1].rate == best["rate"]
        assert run.arm.training.batch == best["batch"]
        assert run.arm.training.stages[-1].epochs == study.experiment.arms[arm].training.stages[-1].epochs
        assert run.opens_test
    (vgg,) = [run for run in study.runs if run.arm.name == "vgg"]
    assert vgg.arm == study.experiment.arms["vgg"]


def test_the_choice_is_made_in_each_fold_by_itself_and_a_failed_point_is_never_taken():
    table = pd.DataFrame(
        [("a", 0, 0.1, 0.5), ("a", 0, 0.2, 0.4), ("a", 1, 0.1, 0.3), ("a", 1, 0.2, math.nan), ("b", 0, 0.1, 0.6)],
        columns=["arm", "fold", "rate", "val_loss"],
    )
    assert tuning.choose(table).tolist() == [False, True, True, False, True]
    table["val_loss"] = math.nan
    with pytest.raises(ValueError, match="no point of the grid could be trained for arm a, fold 0"):
        tuning.choose(table)


def test_epochs_and_batch_reach_the_last_stage_only():
    arm = params.load(tiny.REPOSITORY / "params" / "artery.yaml", "full").arms["source"]
    tuned = tuning.at(arm, {"rate": 0.5, "epochs": 3, "batch": 2}).training
    assert (tuned.stages[1].rate, tuned.stages[1].epochs, tuned.batch) == (0.5, 3, 2)
    assert tuned.stages[0] == arm.training.stages[0]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"tuning.arms": ["resnett"]}, r"tuning\.arms: unknown key 'resnett'.*did you mean resnet\?"),
        ({"tuning.rates": []}, "nothing to search"),
        ({"tuning.rates": [-1.0]}, "above 0"),
        ({"tuning.epochs": [1]}, "contradict"),
        ({"tuning.rate": [1.0]}, r"unknown key 'tuning\.rate'.*did you mean rates\?"),
    ],
)
def test_a_grid_that_cannot_be_searched_is_refused(overrides, message):
    with pytest.raises(ParamsError, match=message):
        params.load(tiny.REPOSITORY / "params" / "heart.yaml", "sample", overrides)


def test_a_profile_or_an_override_may_search_nothing():
    assert params.load(tiny.REPOSITORY / "params" / "heart.yaml", "sample", {"tuning": None}).tuning is None
