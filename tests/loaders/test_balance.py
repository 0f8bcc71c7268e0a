"""Weights and bias in numbers worked out by hand; what is shown again or blended stays on its side of the split."""

import sys

import numpy as np
import pytest

from scanbook.loaders.balance import at_most, class_weights, copies, initial_bias, smote, training_part

KERMANY = np.repeat([0, 1], [1341, 3875])  # train folder of the published chest X-ray set


def test_weights_are_n_over_k_times_the_count():
    np.testing.assert_allclose(class_weights(np.array([0, 0, 0, 1]), 2), [4 / 6, 4 / 2])
    np.testing.assert_allclose(class_weights(KERMANY, 2), [1.945, 0.673], atol=5e-4)


def test_weights_make_the_classes_weigh_the_same():
    labels = np.array([0, 1, 1, 2, 2, 2])
    weighed = np.bincount(labels, weights=class_weights(labels, 3)[labels])
    np.testing.assert_allclose(weighed, [2, 2, 2], rtol=1e-6)


def test_the_bias_alone_predicts_the_shares():
    bias = initial_bias(KERMANY, 2).astype(float)
    np.testing.assert_allclose(np.exp(bias) / np.exp(bias).sum(), [1341 / 5216, 3875 / 5216], rtol=1e-6)
    assert bias[1] - bias[0] == pytest.approx(1.061, abs=5e-4)


@pytest.mark.parametrize("function", [class_weights, initial_bias])
def test_a_class_without_image_or_out_of_range_is_refused(function):
    with pytest.raises(ValueError, match=r"class \[1\] has no training image"):
        function(np.array([0, 2]), 3)
    with pytest.raises(ValueError, match="0 to 1 is allowed"):
        function(np.array([0, 2]), 2)


LABELS = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2])  # 2, 7 and 3 images
IDS = [f"image {i}" for i in range(len(LABELS))]
ALL = np.arange(len(LABELS))
IMAGES = np.random.default_rng(0).integers(0, 256, (len(LABELS), 4, 5, 1), dtype=np.uint8)


def test_copies_show_every_class_as_often_as_the_commonest_and_every_image_first_under_set_0():
    rows, looks = copies(LABELS, ALL, IDS, 3, n_sets=3)
    assert np.bincount(LABELS[rows]).tolist() == [7, 7, 7]
    assert sorted(rows[looks == 0]) == ALL.tolist()
    assert set(LABELS[rows[looks > 0]]) == {0, 2}  # the commonest class is shown once


def test_copies_use_up_the_second_set_before_the_third_as_the_source_does():
    labels = np.repeat([0, 1], [1341, 3875])
    rows, looks = copies(labels, np.arange(5216), [str(i) for i in range(5216)], 2, n_sets=3)
    assert np.bincount(looks).tolist() == [5216, 1341, 1193]
    assert len(rows) == 7750
    assert len(np.unique(rows[looks == 2])) == 1193


def test_where_three_sets_are_too_few_the_second_and_third_come_round_again():
    labels = np.array([0] + [1] * 6)
    rows, looks = copies(labels, np.arange(7), IDS[:7], 2, n_sets=3)
    assert looks[rows == 0].tolist() == [0, 1, 2, 1, 2, 1]


def test_no_showing_of_an_image_leaves_the_training_rows():
    train = ALL[::2]
    rows, _ = copies(LABELS, train, IDS, 3, n_sets=2)
    assert set(rows) == set(train)
    part = training_part(IMAGES, LABELS, IDS, train, 3, by="copies", n_sets=2)
    assert part.images is IMAGES
    assert set(part.rows) == set(train)


def test_which_images_are_copied_depends_on_names_and_seed_and_not_on_their_order():
    def copied(order, seed):
        rows, looks = copies(LABELS[order], np.arange(len(order)), [IDS[i] for i in order], 3, n_sets=2, seed=seed)
        return sorted(order[row] for row in rows[looks == 1])

    assert copied(ALL, 0) == copied(ALL[::-1], 0)
    assert len({tuple(copied(ALL, seed)) for seed in range(8)}) > 1


def test_weights_counted_after_balancing_would_all_be_one():
    rows, _ = copies(LABELS, ALL, IDS, 3, n_sets=3)
    np.testing.assert_allclose(class_weights(LABELS[rows], 3), 1)
    _, blended = smote(IMAGES, LABELS, 3)
    np.testing.assert_allclose(class_weights(np.concatenate([LABELS, blended]), 3), 1)
    assert class_weights(LABELS, 3).max() > 1.9  # counted before, they are not


def test_synthetic_images_lie_on_the_line_between_two_of_their_class():
    images, labels = smote(IMAGES, LABELS, 3, neighbours=5)
    assert np.bincount(labels, minlength=3).tolist() == [5, 0, 4]
    assert (images.dtype, images.shape[1:]) == (np.uint8, IMAGES.shape[1:])
    a, b = (image.astype(float).ravel() for image in IMAGES[:2])  # all there is of class 0
    for image in images[labels == 0]:
        share = (image.ravel() - a) @ (b - a) / ((b - a) @ (b - a))
        assert 0 <= share <= 1
        np.testing.assert_allclose(image.ravel(), a + share * (b - a), atol=1)  # rounded to whole grey values


def test_synthetic_images_are_the_same_again_and_others_with_another_seed():
    first, again, other = (smote(IMAGES, LABELS, 3, seed=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_equal_classes_need_no_synthetic_image():
    assert len(smote(IMAGES[:4], np.array([0, 1, 0, 1]), 2)[0]) == 0


def test_a_class_of_one_image_has_no_neighbour_to_be_blended_with():
    with pytest.raises(ValueError, match=r"class \[1\] has one training image.*resample by copies"):
        smote(IMAGES[:4], np.array([0, 0, 0, 1]), 2)


def test_an_environment_without_imbalanced_learn_is_told_so_and_not_struck_down(monkeypatch):
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(ValueError, match="needs the package imbalanced-learn"):
        smote(IMAGES, LABELS, 3)


def test_the_part_with_synthetic_images_holds_no_validation_or_test_image():
    train = np.array([0, 1, 2, 3, 4, 5, 9, 10])
    part = training_part(IMAGES, LABELS, IDS, train, 3, by="smote", neighbours=1)
    np.testing.assert_array_equal(part.images[:8], IMAGES[train])
    assert list(part.image_ids[:8]) == [IDS[i] for i in train]
    assert part.n_synthetic == len(part.images) - 8 == 4
    assert len(set(part.image_ids)) == len(part.labels) == len(part.rows) == 12
    poisoned = IMAGES.copy()
    poisoned[[6, 7, 8, 11]] = 255  # whatever lies in the other parts does not matter
    np.testing.assert_array_equal(
        training_part(poisoned, LABELS, IDS, train, 3, by="smote", neighbours=1).images, part.images
    )


def test_resampling_by_an_unknown_word_or_without_a_second_set_is_refused():
    with pytest.raises(ValueError, match="none, copies, smote"):
        training_part(IMAGES, LABELS, IDS, ALL, 3, by="adasyn")
    with pytest.raises(ValueError, match=r"training\.resample\.sets"):
        training_part(IMAGES, LABELS, IDS, ALL, 3, by="copies")


def test_at_most_n_images_are_whole_groups_and_a_smaller_number_keeps_a_part_of_them():
    groups = np.repeat([f"p{i}" for i in range(20)], 3)
    rows = np.arange(60)[10:]
    for seed in range(5):
        kept = [at_most(rows, groups, n, seed) for n in (10, 25, 50)]
        for n, k in zip((10, 25, 50), kept, strict=True):
            assert n - 3 < len(k) <= n  # a group of three did not fit
            assert set(rows[np.isin(groups[rows], groups[k])]) == set(k)
        assert set(kept[0]) <= set(kept[1]) <= set(kept[2])
    assert at_most(rows, groups, 50).tolist() == rows.tolist()
    assert set(at_most(rows, groups, 10, 0)) != set(at_most(rows, groups, 10, 1))


def test_fewer_images_than_the_first_group_holds_are_refused():
    with pytest.raises(ValueError, match="groups stay whole"):
        at_most(np.arange(6), np.repeat(["a", "b"], 3), 2)
