"""What a test part could have shown: held against simulated differences."""

import numpy as np
import pytest
from scipy.stats import norm

from scanbook.metrics.power import detectable, needed


def test_four_of_five_repetitions_show_the_smallest_detectable_difference():
    error = 0.03
    true = detectable(norm.ppf(0.975) * error)
    observed = np.random.default_rng(0).normal(true, error, 100_000)
    shown = np.abs(observed) > norm.ppf(0.975) * error
    assert shown.mean() == pytest.approx(0.80, abs=0.005)
    assert true == pytest.approx(2.80 * error, abs=0.001)  # 1.96 + 0.84 standard errors


def test_few_degrees_of_freedom_show_less_for_one_standard_error():
    assert detectable(2.776 * 0.03, df=4) > detectable(1.96 * 0.03)


def test_half_the_difference_needs_four_times_the_patients():
    assert needed(0.08, 0.04, 0.0, 100) == 400
    assert needed(0.08, 0.02, 0.0, 100) == 1600


def test_a_difference_smaller_than_the_margin_is_not_planned_for():
    assert needed(0.08, 0.001, 0.02, 100) == needed(0.08, 0.0, 0.02, 100) == 1600
    assert needed(0.08, -0.04, 0.02, 100) == 400


def test_numbers_are_rounded_up_to_two_digits():
    assert needed(0.1, 0.0, 0.03, 61) == 680  # 677.8
    assert needed(0.1, 0.0, 0.09, 30) == 38  # 37.04


@pytest.mark.parametrize("case", [(np.nan, 0.04, 0.02, 100), (0.08, 0.0, 0.0, 100), (0.03, 0.05, 0.02, 100)])
def test_no_number_without_interval_or_target_or_where_there_are_enough(case):
    assert np.isnan(needed(*case))
