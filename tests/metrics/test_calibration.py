"""Calibration: planted temperatures are found, the bias of ECE is what theory says, and chance is called chance."""

import numpy as np
import pytest

from scanbook.metrics.calibration import (
    Temperature,
    bins_of,
    brier,
    brier_change,
    calibration,
    ece,
    fit_temperature,
    if_calibrated,
    number_of_bins,
    reliability,
    said_and_came,
    verdict,
)
from scanbook.metrics.redrawn import Draws
from scanbook.metrics.scores import Part, softmax


def honest(n, classes=2, spread=2.0, seed=0):
    """Logits, and labels drawn with exactly the probabilities that they say."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, spread, (n, classes))
    truth = (softmax(logits).cumsum(1) < rng.random((n, 1))).sum(1)
    return logits, truth


def part(logits, truth, images=1):
    ids = np.array([f"{i:05d}" for i in range(len(truth))])
    groups = np.array([f"p{i // images:05d}" for i in range(len(truth))])
    return Part(ids, groups, truth, list(range(len(np.atleast_3d(logits)))), np.asarray(logits))


def one(logits, truth, **how):
    found = part(logits[None], truth, **how)
    return found, Draws(found.groups, found.truth, "patients")


@pytest.mark.parametrize("planted", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("classes", [2, 4])
def test_a_planted_temperature_is_found(planted, classes):
    logits, truth = honest(4000, classes)
    assert fit_temperature(planted * logits, truth).value == pytest.approx(planted, rel=0.1)


def test_no_other_temperature_makes_the_truth_likelier():
    logits, truth = honest(60, 3, seed=5)
    logits *= 2

    def loss(value):
        return -np.log(softmax(logits / value)[np.arange(60), truth]).mean()

    found = fit_temperature(logits, truth).value
    assert loss(found) <= min(loss(value) for value in np.geomspace(0.06, 19, 200)) + 1e-9


def test_without_a_wrong_answer_there_is_nothing_to_fit_and_it_says_so():
    found = fit_temperature(np.array([[2.0, 0.0], [0.0, 0.1]]), np.array([0, 1]))
    assert found == Temperature(1.0, "no wrong answer on validation, so nothing to fit")


def test_a_network_worse_than_guessing_is_cooled_to_the_limit_and_it_says_so():
    found = fit_temperature(np.array([[3.0, 0.0], [0.0, 3.0], [3.0, 0.0]]), np.array([1, 0, 0]))
    assert found.value == pytest.approx(20, rel=0.01)
    assert "limit" in found.why
    with pytest.raises(ValueError, match="validation part"):
        fit_temperature(np.zeros((0, 2)), np.zeros(0, dtype=int))


def test_five_images_give_the_ece_worked_by_hand():
    said, came = np.array([0.1, 0.3, 0.6, 0.8, 0.9]), np.array([False, True, True, False, True])
    bins = np.array([0, 0, 1, 1, 1])
    # first bin: said 0.2, came 0.5, two of five; second: said 23/30, came 2/3, three of five
    assert ece(said, came, bins) == pytest.approx(2 / 5 * 0.3 + 3 / 5 * 0.1)


def test_bins_hold_about_as_many_images_each_and_equal_probabilities_stay_together():
    assert np.bincount(bins_of(np.random.default_rng(0).random(100), 5)).tolist() == pytest.approx([20] * 5, abs=1)
    crowded = bins_of(np.r_[np.ones(80), np.linspace(0, 0.5, 20)], 5)
    assert len(set(crowded[:80])) == 1
    assert [number_of_bins(n) for n in (5, 60, 1000)] == [2, 4, 10]


def test_the_ece_of_a_perfect_network_is_not_zero_and_its_bias_is_what_the_binomial_says():
    said, bins = np.full(100, 0.5), np.zeros(100, dtype=int)
    expected = np.sqrt(0.25 / 100) * np.sqrt(2 / np.pi)  # mean of |normal| with the binomial's deviation
    found = if_calibrated(said[None], [bins], np.arange(100), n=4000)
    assert found.mean() == pytest.approx(expected, rel=0.05)


def test_groups_that_stand_or_fall_together_allow_chance_a_larger_ece():
    said, bins = np.full(100, 0.5), np.zeros(100, dtype=int)
    alone = if_calibrated(said[None], [bins], np.arange(100))
    by_four = if_calibrated(said[None], [bins], np.arange(100) // 4)
    assert by_four.mean() == pytest.approx(2 * alone.mean(), rel=0.1)


def test_an_honest_network_is_not_accused_more_often_than_promised():
    accused = 0
    for seed in range(60):
        found, draws = one(*honest(60, spread=1.5, seed=seed))
        accused += verdict(calibration(found, 1, draws)) != "cannot tell"
    assert accused <= 6  # 2.5 % of 60 is 1.5; seven or more would come once in 1,500 times


@pytest.mark.parametrize(("factor", "word"), [(4.0, "too sure"), (0.2, "not sure enough")])
def test_logits_blown_up_or_shrunk_are_called_what_they_are(factor, word):
    logits, truth = honest(400, spread=1.5)
    found, draws = one(factor * logits, truth)
    rows = calibration(found, 1, draws)
    assert verdict(rows) == word
    assert rows.set_index("metric").loc["overconfidence", "value"] * (1 if factor > 1 else -1) > 0


def test_the_ece_has_no_interval_of_its_own_and_says_where_to_look():
    found, draws = one(*honest(100))
    rows = calibration(found, 1, draws).set_index("metric")
    assert np.isnan(rows.loc["ece", "low"])
    assert "ece_if_calibrated" in rows.loc["ece", "method"]
    assert rows.loc["ece_if_calibrated", "low"] < rows.loc["ece_if_calibrated", "value"]


def test_brier_is_the_same_for_two_classes_with_and_without_an_event_and_never_above_one():
    logits, truth = honest(50)
    np.testing.assert_allclose(brier(logits[None], truth, 1), brier(logits[None], truth, None))
    wrong = brier(np.array([[[50.0, 0.0, 0.0]]]), np.array([2]), None)
    assert wrong[0, 0] == pytest.approx(1)


def test_the_right_temperature_makes_the_brier_score_better_and_the_wrong_one_worse():
    logits, truth = honest(400, spread=1.5)
    found, draws = one(4 * logits, truth)
    mended, spoiled = (found._replace(logits=found.logits / t) for t in (4, 0.25))
    assert brier_change(found, mended, 1, draws)["high"] < 0
    assert brier_change(found, spoiled, 1, draws)["low"] > 0


def test_what_is_said_of_an_event_is_its_probability_and_otherwise_that_of_the_likeliest_class():
    logits, truth = np.log([[[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]]), np.array([2, 2])
    said, came = said_and_came(logits, truth, 2)
    np.testing.assert_allclose(said, [[0.3, 0.8]])
    assert came.all()
    said, came = said_and_came(logits, truth, None)
    np.testing.assert_allclose(said, [[0.5, 0.8]])
    assert came.tolist() == [[False, True]]


def test_reliability_lies_on_the_diagonal_for_an_honest_network_and_counts_every_image_once():
    logits, truth = honest(600, spread=1.5)
    found, draws = one(logits, truth)
    rows = reliability(found, 1, draws).set_index("metric")
    came = rows[rows.index.str.endswith("_came")]
    said = rows.loc[came.index.str.replace("_came", "_said"), "value"].to_numpy()
    assert came["n_images"].sum() == 600
    assert ((came["low"] <= said) & (said <= came["high"])).mean() >= 0.8
    assert np.average(said, weights=came["n_images"]) == pytest.approx(softmax(logits)[:, 1].mean())
