"""Sentences that can come out as "cannot tell", and do when they should."""

import numpy as np
import pandas as pd
import pytest

from scanbook.metrics.verdicts import against_claim, compare, correct, decide, holm, signed

CLASSES = ["well", "sick"]


def table(scores, truth, images=2, seed=0):
    ids = [f"p{i // images:03d}_{i % images}" for i in range(len(truth))]
    return pd.DataFrame(
        {
            "image_id": ids,
            "group": [name.split("_")[0] for name in ids],
            "seed": seed,
            "label": np.array(CLASSES)[truth],
            "logit_well": 0.0,
            "logit_sick": scores,
        }
    )


def pair(gap_a, gap_b, n_groups=40, images=2, seed=0):
    """Two networks with a shared difficulty of each image; the larger the gap, the better the network."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(n_groups) % 2, images)
    shared = np.repeat(rng.normal(0, 0.7, n_groups), images)
    own = rng.normal(0, 0.7, (2, len(truth)))
    return tuple(
        table((gap * (truth - 0.5) + shared + noise), truth, images)
        for gap, noise in zip((gap_a, gap_b), own, strict=True)
    )


def test_the_sentence_has_its_fixed_grammar():
    a, b = pair(1.5, 1.5)
    row = compare(a, b, CLASSES, "sick", "auroc", 0.02, name_a="ResNet-18", name_b="VGG-16-BN", unit="patients")
    assert row["sentence"] == (
        f"ResNet-18 minus VGG-16-BN: {signed(row['difference'])} AUROC (95 % interval {signed(row['low'])} to "
        f"{signed(row['high'])}, 40 patients): cannot tell (about {row['needed']:,.0f} patients would be needed)"
    )


def test_a_network_compared_with_itself_differs_by_nothing():
    a, _ = pair(1.5, 1.5)
    row = compare(a, a, CLASSES, "sick", "auroc", 0.02)
    assert (row["difference"], row["low"], row["high"], row["p"]) == (0, 0, 0, 1)
    assert row["verdict"] == "equivalent"
    assert compare(a, a, CLASSES, "sick", "auroc", 0)["verdict"] == "cannot tell"


@pytest.mark.parametrize("metric", ["auroc", "accuracy", "average_precision", "f1"])
def test_a_clearly_better_network_is_better_and_seen_from_the_other_side_worse(metric):
    a, b = pair(4.0, 0.3, n_groups=60)
    row, back = (compare(x, y, CLASSES, "sick", metric, 0.02) for x, y in ((a, b), (b, a)))
    assert row["verdict"] == "better"
    assert back["verdict"] == "worse"
    assert back["difference"] == pytest.approx(-row["difference"])
    assert (back["low"], back["high"]) == pytest.approx((-row["high"], -row["low"]))
    assert row["p"] < 0.01


def test_the_difference_is_that_of_the_two_scores():
    a, b = pair(2.0, 1.0)
    row = compare(a, b, CLASSES, "sick", "accuracy")
    right = [((t["logit_sick"] > 0) == (t["label"] == "sick")).mean() for t in (a, b)]
    assert row["difference"] == pytest.approx(right[0] - right[1])
    assert row["value_a"] - row["value_b"] == pytest.approx(row["difference"])


def test_pairing_narrows_the_interval_of_networks_that_agree():
    a, other = pair(1.5, 1.5, n_groups=60)
    alike = a.assign(logit_sick=a["logit_sick"] + np.random.default_rng(1).normal(0, 0.05, len(a)))
    close, far = (compare(a, b, CLASSES, "sick", "auroc") for b in (alike, other))
    assert close["high"] - close["low"] < (far["high"] - far["low"]) / 3


def test_the_order_of_rows_does_not_matter():
    a, b = pair(1.5, 1.0)
    shuffled = compare(a.sample(frac=1, random_state=2), b, CLASSES, "sick", "auroc", 0.02, n_draws=200)
    assert shuffled == pytest.approx(compare(a, b, CLASSES, "sick", "auroc", 0.02, n_draws=200), nan_ok=True)


def test_the_scale_of_one_networks_logits_changes_nothing():
    a, b = pair(1.5, 1.0)
    loud = b.assign(logit_sick=100 * b["logit_sick"])
    assert compare(a, loud, CLASSES, "sick", "auroc", n_draws=300)["p"] == pytest.approx(
        compare(a, b, CLASSES, "sick", "auroc", n_draws=300)["p"]
    )


@pytest.mark.parametrize("metric", ["auroc", "accuracy"])
def test_equal_networks_give_p_values_that_are_spread_evenly(metric):
    rows = [compare(*pair(1.2, 1.2, n_groups=40, seed=s), CLASSES, "sick", metric, n_draws=200) for s in range(120)]
    p = np.array([row["p"] for row in rows])
    assert (p < 0.05).mean() < 0.11  # 120 times 0.05 is 6; 13 or more has a chance below 1 %
    assert 0.4 < p.mean() < 0.65
    assert np.mean([row["verdict"] in ("better", "worse") for row in rows]) < 0.11


def test_the_mean_over_common_seeds_is_compared():
    a0, b0 = pair(2.0, 1.0, seed=0)
    a1, _ = pair(2.0, 1.0, seed=1)
    a1 = a1.assign(seed=1)
    both = compare(pd.concat([a0, a1]), b0, CLASSES, "sick", "auroc", n_draws=100)
    assert both["seeds"] == 1
    assert both["difference"] == compare(a0, b0, CLASSES, "sick", "auroc", n_draws=100)["difference"]
    with pytest.raises(ValueError, match="no common seed"):
        compare(a1, b0, CLASSES, "sick", "auroc")


def test_different_images_are_refused_with_their_number():
    a, b = pair(1.5, 1.5)
    with pytest.raises(ValueError, match="3 only the first, 0 only the second"):
        compare(a, b.iloc[3:], CLASSES, "sick", "auroc")
    with pytest.raises(ValueError, match="disagree on labels"):
        compare(a, b.assign(label="sick"), CLASSES, "sick", "auroc")
    with pytest.raises(ValueError, match="unknown metric 'auc'"):
        compare(a, b, CLASSES, "sick", "auc")


def test_few_patients_give_no_interval_and_no_verdict():
    row = compare(*pair(6, 0, n_groups=8), CLASSES, "sick", "auroc", unit="patients")
    assert row["verdict"] == "cannot tell"
    assert row["sentence"].endswith("(no interval, 8 patients): cannot tell")


def test_an_equivalent_pair_says_within_what():
    a, _ = pair(1.5, 1.5)
    assert compare(a, a, CLASSES, "sick", "auroc", 0.02)["sentence"].endswith("): equivalent within 0.020")


def test_networks_that_answer_alike_so_far_may_still_differ_on_the_next_patients():
    a, _ = pair(1.5, 1.5)
    row = compare(a, a.assign(logit_sick=1.01 * a["logit_sick"]), CLASSES, "sick", "accuracy", 0.02)
    assert (row["difference"], row["verdict"]) == (0, "cannot tell")
    assert row["high"] == pytest.approx(1.96**2 / (40 + 1.96**2), abs=1e-4)


def test_the_spread_over_seeds_is_that_of_the_differences_seed_by_seed():
    sheets = [pair(2.0, 1.0, seed=s) for s in range(3)]
    same = [tuple(t.assign(label=sheets[0][0]["label"], seed=s) for t in two) for s, two in enumerate(sheets)]
    a, b = (pd.concat([two[k] for two in same]) for k in (0, 1))
    row = compare(a, b, CLASSES, "sick", "auroc", n_draws=100)
    each = [compare(x, y, CLASSES, "sick", "auroc", n_draws=100)["difference"] for x, y in same]
    assert row["difference"] == pytest.approx(np.mean(each))
    assert row["difference"] < max(each)  # the mean is compared, never the best seed
    assert row["seed_sd"] == pytest.approx(np.std(each, ddof=1))
    assert np.isnan(compare(*same[0], CLASSES, "sick", "auroc", n_draws=100)["seed_sd"])


def test_two_perfect_networks_on_few_patients_are_not_called_equivalent():
    row = compare(*pair(60, 50, n_groups=20), CLASSES, "sick", "accuracy", 0.02)
    assert row["difference"] == 0
    assert row["high"] == pytest.approx(0.1611, abs=1e-3)
    assert row["verdict"] == "cannot tell"


@pytest.mark.parametrize(
    ("low", "high", "p", "margin", "verdict"),
    [
        (0.01, 0.09, 0.01, 0.02, "better"),
        (-0.09, -0.01, 0.01, 0.02, "worse"),
        (-0.01, 0.01, 0.8, 0.02, "equivalent"),
        (0.005, 0.015, 0.001, 0.02, "equivalent"),
        (-0.01, 0.01, 0.8, 0.0, "cannot tell"),
        (-0.03, 0.05, 0.6, 0.02, "cannot tell"),
        (0.01, 0.09, 0.07, 0.02, "cannot tell"),  # interval and p at odds
        (-0.001, 0.09, 0.04, 0.02, "cannot tell"),
        (np.nan, np.nan, 0.001, 0.02, "cannot tell"),
    ],
)
def test_one_rule_decides(low, high, p, margin, verdict):
    assert decide(low, high, p, margin) == verdict


def test_holm_agrees_with_values_worked_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.5, np.nan, 0.02]), [0.5, np.nan, 0.04])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert len(holm([])) == 0


def test_correction_over_a_page_can_take_a_verdict_back():
    base = compare(*pair(4.0, 0.3, n_groups=60), CLASSES, "sick", "auroc", 0.02)
    rows = correct([{**base, "p": 0.03}, {**base, "p": 0.04}, {**base, "p": 0.001}])
    assert [row["verdict"] for row in rows] == ["cannot tell", "cannot tell", "better"]
    assert rows[0]["p_holm"] == pytest.approx(0.06)
    assert rows[0]["sentence"].endswith("cannot tell (the interval leaves out 0, the corrected p is not below 0.05)")
    assert base["verdict"] == "better"


def test_what_stands_in_the_way_is_named():
    base = compare(*pair(1.5, 1.5), CLASSES, "sick", "auroc", 0.02)
    open_one = {**base, "low": -0.10, "high": 0.20, "p": 0.4, "needed": 1300.0}
    at_odds = {**base, "low": 0.01, "high": 0.20, "p": 0.2, "needed": 1300.0}
    few = {**base, "low": np.nan, "high": np.nan, "p": 0.2, "needed": np.nan}
    endings = [row["sentence"].rsplit(": ", 1)[1] for row in correct([open_one, at_odds, few])]
    assert endings == [
        "cannot tell (about 1,300 groups would be needed)",
        "cannot tell (the interval leaves out 0, the corrected p is not below 0.05)",
        "cannot tell",
    ]


def test_a_result_is_inside_above_or_below_a_claim():
    inside = against_claim(0.90, 0.86, 0.94, 0.92)
    assert inside["verdict"] == "inside"
    assert inside["sentence"] == (
        "Claimed 0.920 accuracy, here 0.900 (95 % interval 0.860 to 0.940): the claim lies inside the interval."
    )
    assert against_claim(0.95, 0.93, 0.97, 0.92)["verdict"] == "above"
    assert against_claim(0.80, 0.75, 0.85, 0.92)["verdict"] == "below"
    assert against_claim(0.80, np.nan, np.nan, 0.92)["verdict"] == "cannot tell"


def test_a_phantom_is_compared_with_no_claim():
    row = against_claim(0.95, 0.93, 0.97, 0.92, comparable=False, why="phantoms", metric="auroc")
    assert row["verdict"] == "not comparable"
    assert row["sentence"].endswith(": not comparable (phantoms).")
    with pytest.raises(ValueError, match="a reason belongs to False only"):
        against_claim(0.95, 0.93, 0.97, 0.92, comparable=False)


def test_a_difference_is_written_with_a_minus_sign_and_no_hyphen():
    assert [signed(value) for value in (0.1204, -0.0451, 0.0)] == ["+0.120", "−0.045", "+0.000"]
