"""One training and the next: the spread over seeds is told apart from that over patients."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from scanbook.metrics.spread import over_seeds

CLASSES = ["well", "sick"]


def sheets(errors, n=20):
    """One sheet a seed on the same images, each wrong on its first `errors` images."""
    tables = []
    for seed, wrong in enumerate(errors):
        sick = np.arange(n) % 2 == 1
        right = np.where(sick, 1.0, -1.0)
        right[:wrong] *= -1
        tables.append(pd.DataFrame({
            "image_id": [f"{i:02d}" for i in range(n)], "group": [f"{i // 2:02d}" for i in range(n)], "seed": seed,
            "label": np.where(sick, "sick", "well"), "logit_well": 0.0, "logit_sick": right,
        }))  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def test_the_spread_is_the_standard_deviation_of_the_scores_seed_by_seed():
    table = over_seeds(sheets([2, 4, 6]), CLASSES, "sick").set_index("metric")
    assert table.loc["accuracy_seed_sd", "value"] == pytest.approx(0.1)  # 0.9, 0.8, 0.7
    assert table.loc["accuracy_seed_sd", "method"] == "standard deviation over 3 seeds; from 0.700 to 0.900"
    assert table.loc["accuracy_seed_sd", "high"] == pytest.approx(0.1 * (2 / chi2.ppf(0.025, 2)) ** 0.5)
    assert table.loc["auroc_seed_sd", "value"] == pytest.approx(0.1)  # of answers of two values: the balanced accuracy
    assert (table["n_groups"] == 10).all()


def test_networks_that_come_out_alike_have_no_spread():
    assert (over_seeds(sheets([3, 3, 3]), CLASSES, "sick")["value"] == 0).all()


def test_two_seeds_give_a_spread_and_no_interval_of_it():
    table = over_seeds(sheets([2, 4]), CLASSES, "sick")
    assert (table["value"] > 0).all()
    assert table[["low", "high"]].isna().all(axis=None)


def test_one_seed_has_none():
    assert over_seeds(sheets([3]), CLASSES, "sick").empty
