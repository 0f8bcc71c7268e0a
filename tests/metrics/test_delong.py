"""The closed formula, the bootstrap and a simulation agree about how far an AUROC spreads."""

import numpy as np
import pytest

from scanbook.metrics.delong import delong
from scanbook.metrics.uncertainty import group_draws
from scanbook.metrics.weighted import auroc


def sheet(n_groups=120, images=3, gap=1.5, seed=0):
    """Scores of two networks, truth and groups; images of one group resemble each other."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), images)
    truth = group % 2 == 1
    shared = rng.normal(size=n_groups)[group]
    return np.array([gap * truth + shared + rng.normal(size=len(group)) for _ in range(2)]), truth, group


def test_one_image_a_group_is_delongs_sum_over_pairs_written_as_a_loop():
    (scores, _), truth, group = sheet(n_groups=14, images=1)
    sick, well = np.round(scores[truth], 1), np.round(scores[~truth], 1)  # rounded, so that some are tied
    won = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in well] for a in sick])
    value, spread = delong(np.round(scores, 1), truth, group)
    assert value[0] == pytest.approx(won.mean())
    variance = won.mean(1).var(ddof=1) / len(sick) + won.mean(0).var(ddof=1) / len(well)
    assert spread[0, 0] == pytest.approx(variance)


def test_the_ratings_of_hanley_and_mcneil_give_their_area_and_about_their_error():
    # Hanley and McNeil 1982, table I: 58 normal and 51 abnormal scans, rated 1 to 5
    normal, abnormal = np.repeat([1, 2, 3, 4, 5], [33, 6, 6, 11, 2]), np.repeat([1, 2, 3, 4, 5], [3, 2, 2, 11, 33])
    scores, truth = np.r_[normal, abnormal], np.r_[np.zeros(58), np.ones(51)] == 1
    value, spread = delong(scores, truth, np.arange(109))
    assert value[0] == pytest.approx(0.893, abs=0.0005)
    assert np.sqrt(spread[0, 0]) == pytest.approx(0.032, abs=0.002)  # theirs rests on a form of the two curves


@pytest.mark.parametrize("images", [1, 4])
def test_the_bootstrap_over_groups_spreads_as_the_formula_says(images):
    scores, truth, group = sheet(images=images)
    weights, column = group_draws(group, truth, n_draws=4000)
    draws = [auroc(row, truth, weights, column) for row in scores]
    _, spread = delong(scores, truth, group)
    assert np.std(draws[0]) == pytest.approx(np.sqrt(spread[0, 0]), rel=0.05)
    assert np.corrcoef(*draws)[0, 1] == pytest.approx(spread[0, 1] / np.sqrt(spread[0, 0] * spread[1, 1]), abs=0.05)


def test_the_formula_is_the_spread_over_new_patients():
    found = [delong(*sheet(n_groups=60, images=4, seed=s)) for s in range(400)]
    assert np.mean([spread[0, 0] for _, spread in found]) == pytest.approx(np.var([v[0] for v, _ in found]), rel=0.2)


def test_groups_that_show_both_classes_lend_the_two_sides_to_each_other():
    rng = np.random.default_rng(0)

    def draw(seed):
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(50), 2)
        truth = np.arange(100) % 2 == 1  # each group has one of either class
        return 1.0 * truth + 2 * rng.normal(size=50)[group] + rng.normal(size=100), truth, group

    found = [delong(*draw(int(s))) for s in rng.integers(0, 10**6, 300)]
    as_strangers = delong(draw(1)[0], draw(1)[1], np.arange(100))[1][0, 0]
    formula = np.mean([spread[0, 0] for _, spread in found])
    assert formula == pytest.approx(np.var([value[0] for value, _ in found]), rel=0.25)
    assert formula < 0.6 * as_strangers


def test_a_class_in_one_group_only_is_refused():
    with pytest.raises(ValueError, match="two groups or more"):
        delong(np.arange(6.0), np.array([1, 1, 0, 0, 0, 0]), np.array([1, 1, 2, 3, 4, 5]))
