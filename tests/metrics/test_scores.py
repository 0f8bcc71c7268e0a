"""Predictions in, scores out: values by hand and by scikit-learn, edges by name."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from scanbook.metrics.scores import class_probs, confusion, log_odds, roc_points, score_table, softmax
from scanbook.metrics.uncertainty import group_weights, wilson

BINARY = ["well", "sick"]
THREE = ["benign", "malignant", "normal"]


def toy(classes=BINARY, n_groups=30, images=2, gap=1.5, seed=0, run_seed=0):
    """Predictions of a network that is right more often the larger `gap` is; one class a group."""
    rng = np.random.default_rng(seed)
    n = n_groups * images
    truth = np.repeat(np.arange(n_groups) % len(classes), images)
    logits = np.random.default_rng([seed, run_seed]).normal(size=(n, len(classes)))
    logits += gap * np.eye(len(classes))[truth] + np.repeat(rng.normal(0, 0.7, (n_groups, 1)), images, axis=0)
    table = pd.DataFrame(
        {
            "image_id": [f"p{i // images:03d}_{i % images}.png" for i in range(n)],
            "group": [f"p{i // images:03d}" for i in range(n)],
            "split": "test",
            "seed": run_seed,
            "variant": np.nan,
            "label": [classes[k] for k in truth],
        }
    )
    return table.assign(**{f"logit_{name}": logits[:, k] for k, name in enumerate(classes)})


def by_metric(table):
    return table.set_index("metric")


def five_rows(logit_sick):
    labels = ["sick", "well", "sick", "well", "well"]
    ids = [f"{i}.png" for i in range(5)]
    return pd.DataFrame({"image_id": ids, "group": ids, "label": labels, "logit_well": 0.0, "logit_sick": logit_sick})


def test_five_rows_give_the_scores_worked_by_hand():
    table = by_metric(score_table(five_rows([2.0, 1.0, 0.5, -0.5, -3.0]), BINARY, "sick"))
    expected = {  # predicted sick: the first three; TP 2, FP 1, FN 0, TN 2
        "accuracy": 4 / 5,
        "balanced_accuracy": (1 + 2 / 3) / 2,
        "precision": 2 / 3,
        "sensitivity": 1,
        "specificity": 2 / 3,
        "f1": 4 / 5,
        "auroc": 5 / 6,
        "average_precision": (1 + 2 / 3) / 2,
    }
    assert list(table.index) == list(expected)
    assert table["value"].to_dict() == pytest.approx(expected)
    assert (table["n_images"] == 5).all()
    assert table["low"].isna().all()
    assert set(table["method"].iloc[:2]) == {"no interval: 5 groups, fewer than 10"}


def test_precision_and_sensitivity_speak_of_the_positive_class():
    table = by_metric(score_table(five_rows([2.0, 1.0, 0.5, -0.5, -3.0]), BINARY, "well"))
    assert table["value"]["sensitivity"] == pytest.approx(2 / 3)
    assert table["value"]["precision"] == pytest.approx(1)


@pytest.mark.parametrize("classes", [BINARY, THREE])
def test_values_equal_those_of_scikit_learn(classes):
    data = toy(classes)
    table = by_metric(score_table(data, classes, "sick", n_draws=20))["value"]
    probs = class_probs(data, classes)
    pred = np.array(classes)[probs.argmax(1)]
    assert table["accuracy"] == pytest.approx(sk.accuracy_score(data["label"], pred))
    assert table["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(data["label"], pred))
    if len(classes) == 2:
        assert table["f1"] == pytest.approx(sk.f1_score(data["label"], pred, pos_label="sick"))
        assert table["auroc"] == pytest.approx(sk.roc_auc_score(data["label"] == "sick", probs[:, 1]))
    else:
        assert table["f1"] == pytest.approx(sk.f1_score(data["label"], pred, average="macro"))
        macro = sk.roc_auc_score(data["label"], probs, multi_class="ovr", labels=classes)
        assert table["auroc"] == pytest.approx(macro)


def test_the_interval_equals_a_bootstrap_written_as_a_plain_loop():
    data = toy(n_groups=14, images=3).sort_values("image_id")
    table = by_metric(score_table(data, BINARY, "sick", n_draws=60, seed=4))
    weights = group_weights(data["group"], data["label"], 60, 4)
    scores = data["logit_sick"] - data["logit_well"]
    sick = (data["label"] == "sick").to_numpy()
    slow = {"auroc": [], "sensitivity": []}
    for weight in weights.astype(int):
        rows = np.repeat(np.arange(len(data)), weight)
        slow["auroc"].append(sk.roc_auc_score(sick[rows], scores.iloc[rows]))
        slow["sensitivity"].append(sk.recall_score(sick[rows], scores.iloc[rows] > 0))
    value, variance = table["value"]["auroc"], np.var(slow["auroc"], ddof=1) * 7 / 6  # seven groups of either class
    worth = min(value * (1 - value) / variance, 42)
    expected = wilson(value * worth, worth, df=6)
    assert (table["low"]["auroc"], table["high"]["auroc"]) == pytest.approx(expected)
    assert table["method"]["sensitivity"] == "no interval: 7 groups, fewer than 10"  # only 7 groups are sick


def test_row_order_changes_no_score_and_no_interval():
    data = toy()
    a = score_table(data, BINARY, "sick", n_draws=100)
    b = score_table(data.sample(frac=1, random_state=1), BINARY, "sick", n_draws=100)
    pd.testing.assert_frame_equal(a, b)


def test_more_images_of_the_same_patients_do_not_narrow_the_interval_like_new_patients():
    copies = toy(n_groups=40, images=1)
    copied = pd.concat([copies.assign(image_id=copies["image_id"] + str(i)) for i in range(5)])
    a, b = (by_metric(score_table(t, BINARY, "sick", n_draws=400)) for t in (copies, copied))
    assert a["low"]["auroc"] == pytest.approx(b["low"]["auroc"], abs=0.01)
    assert a["high"]["accuracy"] == pytest.approx(b["high"]["accuracy"])


def test_several_seeds_give_the_mean_of_their_scores():
    runs = [toy(run_seed=s) for s in (0, 1, 2)]
    each = [by_metric(score_table(run, BINARY, "sick", n_draws=50))["value"] for run in runs]
    together = by_metric(score_table(pd.concat(runs), BINARY, "sick", n_draws=50))
    assert together["value"].to_dict() == pytest.approx(np.mean(each, axis=0).tolist() and dict(sum(each) / 3))
    assert (together["n_images"] == 60).all()


def test_the_mean_of_a_seed_with_itself_keeps_its_interval():
    one = toy()
    a = score_table(one, BINARY, "sick", n_draws=100)
    b = score_table(pd.concat([one, one.assign(seed=1)]), BINARY, "sick", n_draws=100)
    pd.testing.assert_frame_equal(a, b)


def test_pooled_folds_are_one_part():
    data = toy()
    folds = data.assign(fold=np.arange(len(data)) % 5)
    pd.testing.assert_frame_equal(score_table(data, BINARY, "sick"), score_table(folds, BINARY, "sick"))


def test_one_class_only_leaves_what_is_defined_and_names_the_reason():
    data = toy(n_groups=60).query("label == 'sick'")
    table = by_metric(score_table(data, BINARY, "sick", n_draws=50))
    assert 0 < table["value"]["accuracy"] < 1
    for metric in ("auroc", "average_precision", "specificity", "balanced_accuracy"):
        assert np.isnan(table["value"][metric])
        assert table["method"][metric] == "not defined: one class only"


def test_a_missing_class_among_several_is_named():
    data = toy(THREE, n_groups=60).query("label != 'benign'")
    table = by_metric(score_table(data, THREE, n_draws=50))
    assert table["method"]["auroc"] == "not defined: no image of benign"
    assert np.isfinite(table["value"]["recall_normal"])


def test_a_perfect_network_gets_wilsons_interval_and_says_so():
    table = by_metric(score_table(toy(gap=50, n_groups=24), BINARY, "sick", n_draws=50, unit="patients"))
    assert table["value"]["auroc"] == 1
    assert 0.8 < table["low"]["auroc"] < 1
    assert table["method"]["sensitivity"] == "Wilson on 12 patients: at 100 % the draws do not spread"


def test_a_network_that_always_says_well_has_no_precision_and_no_interval_at_one_half():
    data = toy().assign(logit_well=9.0, logit_sick=0.0)
    table = by_metric(score_table(data, BINARY, "sick", n_draws=50))
    assert table["method"]["precision"] == "not defined: no image was predicted sick"
    assert (table["value"]["balanced_accuracy"], table["value"]["auroc"]) == (0.5, 0.5)
    assert table["method"]["auroc"] == "no interval: every draw gives the same value"


def test_a_confident_network_keeps_its_ranking():
    data = five_rows([60.0, 50.0, 55.0, 40.0, -80.0])  # as probabilities in float64, four of them round to 1
    assert by_metric(score_table(data, BINARY, "sick"))["value"]["auroc"] == 1


def test_log_odds_rank_like_probabilities():
    logits = np.random.default_rng(0).normal(size=(2, 20, 4))
    probs = softmax(logits)
    np.testing.assert_allclose(log_odds(logits), np.log(probs / (1 - probs)))


def test_confusion_counts_truth_by_row():
    table = confusion(five_rows([2.0, 1.0, 0.5, -0.5, -3.0]), BINARY)
    assert table.loc["well"].to_dict() == {"well": 2, "sick": 1}
    assert table.loc["sick"].to_dict() == {"well": 0, "sick": 2}


@pytest.mark.parametrize("classes", [BINARY, THREE])
def test_the_area_under_the_roc_points_is_the_auroc(classes):
    data = toy(classes)
    points = roc_points(data.round(1), classes, "sick")
    areas = points.groupby("curve")[["false_positive_rate", "true_positive_rate"]].apply(
        lambda c: np.trapezoid(c["true_positive_rate"], c["false_positive_rate"])
    )
    expected = by_metric(score_table(data.round(1), classes, "sick", n_draws=2))["value"]["auroc"]
    assert areas.mean() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="logit_sick"), "no column logit_sick"),
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: t.assign(split=["train", "test"] * 30), "several values of split"),
        (lambda t: t.assign(label="ill"), "label ill is none of the classes well, sick"),
        (lambda t: t.assign(logit_sick=np.nan), "missing or infinite"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "comes twice for seed 0"),
        (lambda t: pd.concat([t, t.iloc[:9].assign(seed=1)]), "hold different images"),
    ],
)
def test_a_table_that_would_give_a_wrong_number_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        score_table(change(toy()), BINARY, "sick")


def test_a_positive_class_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'ill' is none of the classes well, sick"):
        score_table(toy(), BINARY, "ill")


def test_fourteen_networks_of_the_usual_size_take_seconds():
    data = toy(n_groups=150, images=2)
    start = time.perf_counter()
    for _ in range(14):
        score_table(data, BINARY, "sick")
    assert time.perf_counter() - start < 10
