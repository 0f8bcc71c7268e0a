"""What an interval promises, and when there is none."""

import numpy as np
import pytest

from scanbook.metrics.uncertainty import group_draws, group_weights, interval, percentile, wilson

GROUPS = np.repeat([f"p{i:02d}" for i in range(12)], 3)
LABELS = np.repeat(["sick"] * 4 + ["well"] * 8, 3)


def test_every_draw_keeps_the_number_of_groups_of_each_stratum():
    weights, group_of_row = group_draws(GROUPS, LABELS, n_draws=200)
    assert weights.shape == (200, 12)
    assert (weights[:, :4].sum(1) == 4).all()
    assert (weights[:, 4:].sum(1) == 8).all()
    assert (group_of_row == np.repeat(np.arange(12), 3)).all()


def test_no_class_is_ever_missing_from_a_draw():
    groups = np.array(["a", "a", "b", "c", "d", "e"])
    labels = np.array(["sick", "well", "well", "well", "well", "sick"])
    weights = group_weights(groups, labels, n_draws=500)
    for name in ("sick", "well"):
        assert (weights[:, labels == name].sum(1) > 0).all()


def test_images_of_one_group_always_have_one_weight():
    weights = group_weights(GROUPS, LABELS, n_draws=50).reshape(50, 12, 3)
    assert (weights == weights[:, :, :1]).all()


def test_row_order_does_not_change_the_draws():
    order = np.random.default_rng(0).permutation(len(GROUPS))
    straight = group_weights(GROUPS, LABELS, n_draws=50, seed=3)
    shuffled = group_weights(GROUPS[order], LABELS[order], n_draws=50, seed=3)
    np.testing.assert_array_equal(straight[:, order], shuffled)


def test_groups_are_drawn_with_equal_chance():
    weights, _ = group_draws(GROUPS, LABELS, n_draws=20_000)
    np.testing.assert_allclose(weights.mean(0), 1, atol=0.03)
    np.testing.assert_allclose(weights[:, :4].var(0), 3 / 4, atol=0.03)  # multinomial: m (1/m) (1 - 1/m)


def test_groups_and_labels_of_different_length_are_refused():
    with pytest.raises(ValueError, match="2 groups and 3 labels"):
        group_draws(np.array(["a", "b"]), np.array([0, 1, 1]))


def test_wilson_agrees_with_values_worked_by_hand():
    # 8 of 10, z = 1.96: centre (0.8 + 0.19207) / 1.38415, half 1.96 / 1.38415 * sqrt(0.016 + 0.009604)
    np.testing.assert_allclose(wilson(8, 10), (0.4901, 0.9433), atol=2e-4)
    np.testing.assert_allclose(wilson(0, 20), (0, 0.1611), atol=2e-4)
    np.testing.assert_allclose(wilson(20, 20), (1 - 0.1611, 1), atol=2e-4)


def test_wilson_refuses_more_successes_than_tries():
    with pytest.raises(ValueError, match="wilson: 5 of 4"):
        wilson(5, 4)


def test_fewer_than_ten_groups_give_no_interval_and_the_reason():
    low, high, method = interval(0.8, np.linspace(0.7, 0.9, 100), n_groups=9, unit="patients")
    assert np.isnan([low, high]).all()
    assert method == "no interval: 9 patients, fewer than 10"


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_at_0_and_100_percent_wilson_stands_in_and_says_so(value):
    low, high, method = interval(value, np.full(100, value), n_groups=20, unit="patients")
    assert high - low == pytest.approx(2.0930**2 / (20 + 2.0930**2), abs=1e-4)  # t of 19 degrees in place of 1.96
    assert low <= value <= high
    assert "Wilson on 20 patients" in method


def test_a_score_that_never_moves_has_no_interval():
    low, _, method = interval(0.5, np.full(100, 0.5), n_groups=40)
    assert np.isnan(low)
    assert method == "no interval: every draw gives the same value"


def test_draws_that_are_not_defined_are_left_out_or_end_the_interval():
    draws = np.linspace(0.4, 0.6, 1001)
    whole = interval(0.5, draws, n_groups=30)
    draws[::50] = np.nan
    low, high, method = interval(0.5, draws, n_groups=30)
    assert (low, high) == pytest.approx(whole[:2], abs=0.001)
    assert method == "bootstrap over 30 groups, 1,001 draws; t of 29 degrees of freedom"
    draws[:300] = np.nan
    assert "not defined in 3" in interval(0.5, draws, n_groups=30).method


def test_a_plain_proportion_of_one_image_a_group_gets_wilsons_interval():
    right = np.arange(200) % 10 < 8
    weights, _ = group_draws(np.arange(200).astype(str), np.zeros(200), n_draws=20_000)
    low, high, _ = interval(0.8, weights @ right / 200, n_groups=200)
    assert (low, high) == pytest.approx(wilson(160, 200), abs=0.002)


def test_the_width_follows_the_rarest_class():
    draws = np.random.default_rng(0).normal(0.8, 0.05, 2000)
    widths = [np.diff(interval(0.8, draws, n_groups=60, rarest=m)[:2])[0] for m in (30, 10, 5)]
    assert widths[0] < widths[1] < widths[2]
    none = interval(0.8, draws, n_groups=60, rarest=4, unit="patients")
    assert none.method == "no interval: 4 patients of the rarest class, fewer than 5"


def test_draws_that_hardly_spread_are_worth_no_more_than_the_images():
    draws = np.random.default_rng(0).normal(0.95, 0.001, 2000)
    assert interval(0.95, draws, n_groups=20, n_images=80)[:2] == pytest.approx(wilson(76, 80, df=19))


def test_a_score_beyond_0_and_1_has_the_plain_form():
    draws = np.random.default_rng(0).normal(1.7, 0.1, 20_000)
    low, high, _ = interval(1.7, draws, n_groups=101)
    assert (low, high) == pytest.approx((1.7 - 0.1984, 1.7 + 0.1984), abs=0.005)


def test_percentiles_of_nothing_are_nan():
    assert np.isnan(percentile(np.array([np.nan]))).all()
