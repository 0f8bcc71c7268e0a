"""Thresholds: chosen by hand on a few images, frozen, and what they then give on others."""

import numpy as np
import pytest

from scanbook.metrics.operating import as_probability, at_threshold, choose_threshold
from scanbook.metrics.redrawn import Draws

SCORES = np.array([-2.0, -1.0, 0.5, 1.0, 3.0, 4.0])
ILL = np.array([False, False, True, False, True, True])


def test_youden_takes_the_best_sum_and_of_equals_the_one_nearest_even_odds():
    # sensitivity + specificity is 1.67 between -1 and 0.5 (all ill, one alarm) and between 1 and 3 (one missed, none)
    assert choose_threshold(SCORES, ILL) == pytest.approx(-0.25)


def test_a_wanted_sensitivity_is_reached_with_as_few_alarms_as_can_be():
    assert choose_threshold(SCORES, ILL, 0.6) == pytest.approx(2.0)
    assert choose_threshold(SCORES, ILL, 0.7) == pytest.approx(-0.25)
    for wanted in np.linspace(0.05, 0.99, 20):
        cut = choose_threshold(SCORES, ILL, wanted)
        assert (SCORES[ILL] >= cut).mean() >= wanted
        higher = SCORES[ILL][SCORES[ILL] >= cut].min() + 1e-6
        assert (SCORES[ILL] >= higher).mean() < wanted


def test_no_threshold_is_better_than_the_one_that_was_chosen():
    rng = np.random.default_rng(1)
    ill = rng.random(200) < 0.4
    scores = np.round(rng.normal(0, 1, 200) + ill, 1)  # with ties
    cut = choose_threshold(scores, ill)
    best = max((scores[ill] >= c).mean() + (scores[~ill] < c).mean() for c in np.arange(-4, 5, 0.05))
    assert (scores[ill] >= cut).mean() + (scores[~ill] < cut).mean() == pytest.approx(best)


@pytest.mark.parametrize(("kinds", "missing"), [(np.ones(6, bool), "well"), (np.zeros(6, bool), "ill")])
def test_one_kind_alone_gives_no_threshold(kinds, missing):
    with pytest.raises(ValueError, match=f"none of 6 validation images is {missing}"):
        choose_threshold(SCORES, kinds)


def test_log_odds_become_probabilities_at_any_size():
    assert as_probability(0) == 0.5
    assert as_probability(np.log(3)) == pytest.approx(0.75)
    assert as_probability(800) == 1
    assert as_probability(-800) == 0


def twenty(shift=0.0):
    scores = np.linspace(-2, 2, 40)[None] + shift
    ill = np.arange(40) % 4 != 0
    ids = np.array([f"p{i:02d}" for i in range(40)])
    return scores, ill, Draws(ids, ill, "patients")


def test_counts_and_rates_agree_and_every_image_stands_in_one_cell():
    scores, ill, draws = twenty()
    rates, counts = (t.set_index("metric") for t in at_threshold(scores, np.full((1, 40), 0.4), ill, draws))
    assert counts["value"].sum() == 40
    assert rates.loc["sensitivity", "value"] == counts.loc["true_positives", "value"] / ill.sum()
    assert rates.loc["specificity", "value"] == counts.loc["true_negatives", "value"] / (~ill).sum()
    assert rates.loc["sensitivity", "n_groups"] == ill.sum()
    assert rates.loc["sensitivity", "low"] < rates.loc["sensitivity", "value"] < rates.loc["sensitivity", "high"]


def test_every_run_is_held_to_its_own_threshold():
    scores, ill, draws = twenty()
    both = np.vstack([scores, scores + 5])  # the second network says the same on another scale
    frozen = np.vstack([np.full(40, 0.4), np.full(40, 5.4)])
    one, _ = at_threshold(scores, frozen[:1], ill, draws)
    two, _ = at_threshold(both, frozen, ill, draws)
    np.testing.assert_allclose(one["value"][:3], two["value"][:3])


def test_a_threshold_at_even_odds_gains_nothing_and_no_interval_pretends_otherwise():
    scores, ill, draws = twenty()
    rates, _ = at_threshold(scores, np.zeros((1, 40)), ill, draws)
    gain = rates.set_index("metric").loc["balanced_accuracy_gain"]
    assert gain["value"] == 0
    assert np.isnan(gain["low"])
