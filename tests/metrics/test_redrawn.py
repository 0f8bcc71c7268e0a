"""Means among some images, in every draw of groups: against loops over the images, and what cannot be said."""

import numpy as np
import pytest

from scanbook.metrics.redrawn import Draws, direction
from scanbook.metrics.uncertainty import group_draws

GROUPS = np.array([f"p{i // 2:02d}" for i in range(40)])
TRUTH = np.arange(40) // 2 % 2
RIGHT = np.random.default_rng(3).random((2, 40)) < 0.7


def test_a_mean_in_every_draw_is_that_of_the_images_drawn_one_by_one():
    draws = Draws(GROUPS, TRUTH, n_draws=7)
    weights, column = group_draws(GROUPS, TRUTH, 7)
    among = np.arange(40) % 3 > 0
    found = draws.mean(RIGHT, among)
    for row, weight in zip(found[1:], weights, strict=True):
        sheets = [np.repeat(s[among], weight[column][among].astype(int)).mean() for s in RIGHT]
        assert row == pytest.approx(np.mean(sheets))
    assert found[0] == pytest.approx(RIGHT[:, among].mean())


def test_seeds_are_averaged_and_not_chosen():
    draws = Draws(GROUPS, TRUTH, n_draws=5)
    each = [draws.mean(sheet) for sheet in RIGHT]
    np.testing.assert_allclose(draws.mean(RIGHT), np.mean(each, axis=0))
    assert draws.mean(RIGHT)[0] < max(one[0] for one in each)


def test_a_row_counts_the_images_and_groups_that_bear_on_it():
    draws = Draws(GROUPS, TRUTH, "patients")
    row = draws.row("sensitivity", draws.mean(RIGHT, TRUTH == 1), TRUTH == 1)
    assert (row["n_images"], row["n_groups"]) == (20, 10)
    assert row["low"] < row["value"] < row["high"]
    assert "10 patients" in row["method"]


def test_a_difference_of_nothing_lies_inside_its_interval_and_a_large_one_does_not():
    draws = Draws(GROUPS, TRUTH)
    noise = np.random.default_rng(0).normal(0, 0.1, 40)
    none = draws.row("gain", draws.mean(noise - noise.mean()), kind="difference")
    large = draws.row("gain", draws.mean(noise - noise.mean() - 0.5), kind="difference")
    assert direction(none) == 0
    assert direction(large) == -1
    assert large["low"] < -0.5 < large["high"]


def test_no_interval_has_no_direction():
    draws = Draws(GROUPS, TRUTH)
    row = draws.row("gain", draws.mean(np.zeros(40)), kind="difference")
    assert np.isnan(row["low"])
    assert direction(row) == 0
    assert "no interval" in row["method"]


def test_a_mean_among_no_image_is_not_defined():
    assert np.isnan(Draws(GROUPS, TRUTH, n_draws=3).mean(RIGHT, np.zeros(40))).all()
