"""Weighted scores against scikit-learn and against slow, plain arithmetic."""

import numpy as np
import pytest
from sklearn import metrics as sk

from scanbook.metrics import weighted

RNG = np.random.default_rng(5)
N = 80
TRUTH = RNG.integers(0, 2, N)
SCORES = np.round(RNG.normal(TRUTH, 1.0), 1)  # rounded, so that many are tied
WEIGHTS = np.vstack([np.ones(N), RNG.integers(0, 4, (6, N)), RNG.random((3, N))])


@pytest.mark.parametrize("row", range(len(WEIGHTS)))
def test_weighted_areas_equal_those_of_scikit_learn_with_ties(row):
    mine = weighted.auroc(SCORES, TRUTH == 1, WEIGHTS)[row]
    assert mine == pytest.approx(sk.roc_auc_score(TRUTH, SCORES, sample_weight=WEIGHTS[row]), abs=1e-12)
    mine = weighted.average_precision(SCORES, TRUTH == 1, WEIGHTS)[row]
    other = sk.average_precision_score(TRUTH, SCORES, sample_weight=WEIGHTS[row])
    assert mine == pytest.approx(other, abs=1e-12)


def test_five_images_give_the_auroc_and_precision_worked_by_hand():
    # descending: sick 0.9 | well 0.8 | sick 0.6, well 0.6 | well 0.1; pairs won: 3, then 1 + 1/2 of 3
    scores, sick = np.array([0.9, 0.8, 0.6, 0.6, 0.1]), np.array([1, 0, 1, 0, 0], dtype=bool)
    ones = np.ones((1, 5))
    assert weighted.auroc(scores, sick, ones)[0] == pytest.approx((3 + 1.5) / 6)
    assert weighted.average_precision(scores, sick, ones)[0] == pytest.approx(0.5 * 1 + 0.5 * 2 / 4)


def test_equal_scores_give_an_auroc_of_one_half():
    assert weighted.auroc(np.zeros(N), TRUTH == 1, WEIGHTS) == pytest.approx(0.5)


def test_an_area_over_one_class_is_not_defined():
    assert np.isnan(weighted.auroc(SCORES, np.ones(N, dtype=bool), WEIGHTS)).all()
    only_sick = np.where(TRUTH == 1, 1.0, 0.0)[None]
    assert np.isnan(weighted.average_precision(SCORES, TRUTH == 1, only_sick)).all()


def test_many_draws_in_pieces_equal_one_piece(monkeypatch):
    whole = weighted.auroc(SCORES, TRUTH == 1, WEIGHTS)
    monkeypatch.setattr(weighted, "CHUNK", 3 * N)
    np.testing.assert_array_equal(weighted.auroc(SCORES, TRUTH == 1, WEIGHTS), whole)


def test_group_weights_equal_the_same_weights_written_for_every_image():
    group_of_row = RNG.integers(0, 10, N)
    by_group = RNG.integers(0, 3, (5, 10)).astype(float)
    short = weighted.auroc(SCORES, TRUTH == 1, by_group, group_of_row)
    np.testing.assert_allclose(short, weighted.auroc(SCORES, TRUTH == 1, by_group[:, group_of_row]))


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_rates_of_a_weighted_confusion_equal_those_of_scikit_learn(n_classes):
    classes = [f"c{k}" for k in range(n_classes)]
    truth = RNG.integers(0, n_classes, N)
    pred = np.where(RNG.random(N) < 0.6, truth, RNG.integers(0, n_classes, N))
    scores = RNG.normal(size=(N, n_classes)) + 2 * np.eye(n_classes)[truth]
    positive = "c1" if n_classes == 2 else None
    rows = np.arange(N)
    mine = weighted.all_scores(truth, pred, scores, WEIGHTS, rows, classes, positive)
    average = "binary" if n_classes == 2 else "macro"
    recall = "sensitivity" if n_classes == 2 else "recall"
    for row, weight in enumerate(WEIGHTS):
        kept = {"sample_weight": weight, "average": average, "zero_division": 0}
        assert mine["accuracy"][row] == pytest.approx(sk.accuracy_score(truth, pred, sample_weight=weight))
        assert mine["precision"][row] == pytest.approx(sk.precision_score(truth, pred, **kept))
        assert mine[recall][row] == pytest.approx(sk.recall_score(truth, pred, **kept))
        assert mine["f1"][row] == pytest.approx(sk.f1_score(truth, pred, **kept))
        balanced = sk.balanced_accuracy_score(truth, pred, sample_weight=weight)
        assert mine["balanced_accuracy"][row] == pytest.approx(balanced)
        if n_classes == 2:
            specificity = sk.recall_score(truth, pred, pos_label=0, sample_weight=weight)
            assert mine["specificity"][row] == pytest.approx(specificity)
        else:
            each = [sk.roc_auc_score(truth == k, scores[:, k], sample_weight=weight) for k in range(n_classes)]
            assert mine["auroc"][row] == pytest.approx(np.mean(each))
            alone = sk.recall_score(truth, pred, labels=[1], average=None, sample_weight=weight)
            assert mine["recall_c1"][row] == pytest.approx(alone[0])


def test_a_class_never_predicted_counts_with_precision_zero_among_several():
    confusion = np.array([[[5, 0, 0], [2, 3, 0], [1, 4, 0]]], dtype=float)
    table = weighted.rates(confusion, ["a", "b", "c"], None)
    assert table["precision"][0] == pytest.approx((5 / 8 + 3 / 7 + 0) / 3)
    assert table["recall_c"][0] == 0


def test_rates_among_no_image_are_not_defined():
    table = weighted.rates(np.array([[[4, 1], [0, 0]]], dtype=float), ["well", "sick"], "sick")
    assert table["accuracy"][0] == pytest.approx(0.8)
    assert table["specificity"][0] == pytest.approx(0.8)
    assert np.isnan([table[name][0] for name in ("sensitivity", "precision", "f1", "balanced_accuracy")]).all()
