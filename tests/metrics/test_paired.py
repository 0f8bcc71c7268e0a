"""What pairs two networks: the permutation by group against every swap there is, and the interval of a difference."""

import itertools

import numpy as np
import pandas as pd
import pytest

from scanbook.metrics.paired import difference_bounds, swap_p
from scanbook.metrics.scores import as_part
from scanbook.metrics.uncertainty import Interval

CLASSES = ["well", "sick"]
RNG = np.random.default_rng


def area(truth, scores):
    sick, well = scores[truth == 1][:, None], scores[truth == 0]
    return ((sick > well) + 0.5 * (sick == well)).mean()


def part(scores, truth, groups):
    return as_part(
        pd.DataFrame({"image_id": [f"{i:02d}" for i in range(len(truth))], "group": [f"{g:02d}" for g in groups],
                      "label": np.array(CLASSES)[truth], "logit_well": 0.0, "logit_sick": scores}), CLASSES)  # fmt: skip


def test_the_permutation_comes_to_the_p_of_all_swaps_written_out():
    rng = RNG(5)
    groups = np.repeat(np.arange(10), 2)
    truth = groups % 2
    a, b = (gap * truth + rng.normal(size=20).round(1) for gap in (2.0, 0.6))  # rounded, so that some are tied
    ranks = [pd.Series(scores).rank().to_numpy() for scores in (a, b)]
    observed = area(truth, a) - area(truth, b)
    gaps = []
    for keep in itertools.product([True, False], repeat=10):
        kept = np.array(keep)[groups]
        first, second = np.where(kept, *ranks), np.where(kept, *ranks[::-1])
        gaps.append(area(truth, first) - area(truth, second))
    exact = np.mean(np.abs(gaps) >= abs(observed) - 1e-12)
    found = swap_p(part(a, truth, groups), part(b, truth, groups), groups, CLASSES, "sick", "auroc", 20_000, 0)
    assert 0.02 < exact < 0.5  # neither end, where any p would pass
    assert found == pytest.approx(exact, abs=0.012)


def draws(value, spread, shared=None, weight=0.0, seed=0):
    own = RNG(seed).normal(size=2001)
    mixed = own if shared is None else weight * shared + np.sqrt(1 - weight**2) * own
    mixed[0] = 0.0
    return value + spread * mixed


def test_half_the_width_is_that_of_both_less_what_they_share():
    common = RNG(9).normal(size=2001)
    a, b = draws(0.85, 0.03, common, 0.8, seed=1), draws(0.80, 0.04, common, 0.8, seed=2)
    bounds = [Interval(0.79, 0.91, ""), Interval(0.72, 0.88, "")]
    low, high = difference_bounds([a, b], bounds, alike=False, n_groups=50)
    r = np.corrcoef(a[1:], b[1:])[0, 1]
    assert r == pytest.approx(0.64, abs=0.05)
    assert high - low == pytest.approx(2 * np.sqrt(0.06**2 + 0.08**2 - 2 * r * 0.06 * 0.08))
    assert (low + high) / 2 == pytest.approx(0.05)


def test_networks_that_share_nearly_everything_leave_nearly_nothing_open():
    a = draws(0.85, 0.03)
    bounds = [Interval(0.79, 0.91, "")] * 2
    low, high = difference_bounds([a, a + 0.001 * RNG(3).normal(size=2001)], bounds, alike=False, n_groups=50)
    assert high - low < 0.01


def test_a_network_whose_draws_do_not_spread_shares_nothing():
    bounds = [Interval(0.88, 1.0, ""), Interval(0.79, 0.91, "")]
    low, high = difference_bounds([np.ones(2001), draws(0.85, 0.03)], bounds, alike=False, n_groups=50)
    assert (high - low) / 2 == pytest.approx(np.hypot(0.06, 0.06))


def test_a_score_without_interval_leaves_the_difference_without_one():
    bounds = [Interval(np.nan, np.nan, "no interval"), Interval(0.79, 0.91, "")]
    found = difference_bounds([draws(0.9, 0.02), draws(0.85, 0.03)], bounds, alike=False, n_groups=50)
    assert np.isnan(found).all()


def test_no_difference_reaches_beyond_what_is_possible():
    bounds = [Interval(0.5, 1.0, ""), Interval(0.0, 0.9, "")]
    _, high = difference_bounds([draws(0.99, 0.2), draws(0.3, 0.3, seed=4)], bounds, alike=False, n_groups=12)
    assert high == 1.0
