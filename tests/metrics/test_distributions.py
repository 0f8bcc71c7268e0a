"""The same numbers as scipy.stats, which is too slow to import to be asked itself."""

import numpy as np
import pytest
from scipy import stats

from scanbook.metrics import distributions


@pytest.mark.parametrize("q", [0.025, 0.2, 0.5, 0.8, 0.975])
def test_quantiles_are_those_of_scipy_stats(q):
    assert distributions.normal_quantile(q) == pytest.approx(stats.norm.ppf(q), abs=1e-12)
    assert distributions.t_quantile(q, np.inf) == distributions.normal_quantile(q)
    for df in (1, 2.5, 9, 400):
        assert distributions.t_quantile(q, df) == pytest.approx(stats.t.ppf(q, df), rel=1e-9, abs=1e-12)
        assert distributions.chi_squared_quantile(q, df) == pytest.approx(stats.chi2.ppf(q, df), rel=1e-9)


@pytest.mark.parametrize("axis", [0, 1])
def test_equal_values_share_the_mean_of_their_ranks(axis):
    table = np.random.default_rng(0).integers(0, 4, (7, 9)).astype(float)
    assert np.array_equal(distributions.mean_ranks(table, axis), stats.rankdata(table, axis=axis))
    assert distributions.mean_ranks(np.array([3.0, 1.0, 3.0])).tolist() == [2.5, 1.0, 2.5]
