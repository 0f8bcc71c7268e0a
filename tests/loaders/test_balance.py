"""Weights and bias in numbers worked out by hand; what is shown again or blended stays on its side of the split."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanbook.loaders.augment import AugmentSpec
from scanbook.loaders.balance import (
    POLICIES,
    at_most,
    class_weights,
    copies,
    drawn_evenly,
    initial_bias,
    training_part,
)
from scanbook.loaders.batches import Batches

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
    part = training_part(IMAGES, LABELS, IDS, train, 3, balance="augmented", n_sets=2)
    assert part.images is IMAGES
    assert set(part.rows) == set(train)


def test_which_images_are_copied_depends_on_names_and_seed_and_not_on_their_order():
    def copied(order, seed):
        rows, looks = copies(LABELS[order], np.arange(len(order)), [IDS[i] for i in order], 3, n_sets=2, seed=seed)
        return sorted(order[row] for row in rows[looks == 1])

    assert copied(ALL, 0) == copied(ALL[::-1], 0)
    assert len({tuple(copied(ALL, seed)) for seed in range(8)}) > 1


def test_weights_counted_after_balancing_would_all_be_one():
    for balance in ("augmented", "smote"):
        part = training_part(IMAGES, LABELS, IDS, ALL, 3, balance=balance, n_sets=3)
        np.testing.assert_allclose(class_weights(part.labels[part.rows], 3), 1)
        assert part.weights is None
    both = training_part(IMAGES, LABELS, IDS, ALL, 3, balance="smote_and_weights")
    np.testing.assert_array_equal(both.weights, class_weights(LABELS, 3))  # counted before
    assert both.weights.max() > 1.9


def test_the_sampler_draws_every_class_equally_often_and_as_many_rows_as_there_are():
    for epoch in range(4):
        drawn = drawn_evenly(LABELS, 0, epoch)
        assert np.bincount(LABELS[drawn]).tolist() == [4, 4, 4]
    odd = [np.bincount(LABELS[1:][drawn_evenly(LABELS[1:], 0, epoch)]).tolist() for epoch in range(12)]
    assert {tuple(sorted(counts)) for counts in odd} == {(3, 4, 4)}
    assert len({tuple(counts) for counts in odd}) == 3  # which class is short is drawn too


def test_the_sampler_draws_with_replacement_and_anew_in_every_epoch():
    labels = np.repeat([0, 1], [20, 60])
    first, again, later = (drawn_evenly(labels, 3, epoch) for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, later)
    rare = np.bincount(first[labels[first] == 0], minlength=20)
    assert rare.sum() == 40
    assert rare.max() > 2  # forty draws from twenty, not each of them twice
    assert len(set(first[:20])) > 10  # and mixed, not class by class
    assert 0 < labels[first[:20]].mean() < 1


def test_the_part_with_synthetic_images_begins_with_the_training_images_and_names_every_image_once():
    train = np.array([0, 1, 2, 3, 4, 5, 9, 10])
    part = training_part(IMAGES, LABELS, IDS, train, 3, balance="smote", neighbours=1)
    np.testing.assert_array_equal(part.images[:8], IMAGES[train])
    assert list(part.image_ids[:8]) == [IDS[i] for i in train]
    assert part.n_synthetic == len(part.images) - 8 == 4
    assert len(set(part.image_ids)) == len(part.labels) == len(part.rows) == 12
    assert part.neighbours == {0: 1, 2: 1}


class Watched:
    """An image array that remembers which of its rows were read."""

    def __init__(self, images):
        self.images, self.read = images, set()
        self.shape, self.dtype, self.ndim, self.nbytes = images.shape, images.dtype, images.ndim, images.nbytes

    def __len__(self):
        return len(self.images)

    def __getitem__(self, rows):
        self.read |= set(np.arange(len(self.images))[rows].ravel().tolist())
        return self.images[rows]


CLASSES = st.sampled_from([0, 1, 1, 2, 2, 2, 2])


@settings(max_examples=60, deadline=None)
@given(
    own=st.lists(CLASSES, min_size=1, max_size=20),
    other=st.lists(CLASSES, min_size=1, max_size=10),
    order=st.randoms(use_true_random=False),
    balance=st.sampled_from(POLICIES),
    seed=st.integers(0, 3),
)
def test_no_policy_reads_a_validation_or_test_image_and_none_of_them_changes_what_is_trained_on(
    own, other, order, balance, seed
):
    own = [0, 0, 1, 1, 2, 2, *own]
    places = list(range(len(own) + len(other)))
    order.shuffle(places)
    train, others = np.array(places[: len(own)]), np.array(places[len(own) :])
    labels = np.empty(len(places), dtype=int)
    labels[train], labels[others] = own, other
    images = np.random.default_rng(seed).integers(0, 256, (len(labels), 4, 5, 1), dtype=np.uint8)
    ids = [f"image {i}" for i in range(len(labels))]

    def epochs(images, labels, ids):
        part = training_part(images, labels, ids, train, 3, balance=balance, n_sets=2, neighbours=2, seed=seed)
        turn = [AugmentSpec(brightness=0.2)] * 2
        batches = Batches(part.images, part.labels, part.rows, image_ids=part.image_ids, batch=4, seed=seed, shuffle=True,
                          augment=turn, looks=part.looks, evenly=part.evenly)  # fmt: skip
        shown = [(x.numpy().tobytes(), y.tolist()) for e in (1, 2) for x, y, _ in batches.epoch(e)]
        return shown, None if part.weights is None else part.weights.tolist()

    watched = Watched(images)
    found = epochs(watched, labels, ids)
    assert watched.read
    assert watched.read <= set(train.tolist())
    images, labels, ids = images.copy(), labels.copy(), list(ids)
    images[others], labels[others] = 255 - images[others], (labels[others] + 1) % 3
    for row in others:
        ids[row] = f"another {row}"
    assert epochs(images, labels, ids) == found


@pytest.mark.parametrize("balance", [policy for policy in POLICIES if policy != "none"])
def test_every_policy_refuses_a_class_without_training_image(balance):
    with pytest.raises(ValueError, match=r"class \[2\] has no training image"):
        training_part(IMAGES, LABELS, IDS, ALL[:9], 3, balance=balance, n_sets=2)


def test_balancing_by_an_unknown_word_or_without_a_second_set_is_refused():
    with pytest.raises(ValueError, match="none, class_weights, sampler, augmented, smote, smote_and_weights"):
        training_part(IMAGES, LABELS, IDS, ALL, 3, balance="adasyn")
    with pytest.raises(ValueError, match=r"training\.resample\.sets"):
        training_part(IMAGES, LABELS, IDS, ALL, 3, balance="augmented")


def test_smote_is_refused_with_the_figure_where_it_would_not_fit_and_works_where_it_just_does():
    need = (3 * 7 + 16 * 64) * 20  # bytes: three classes of seven images of 20 pixels, and the blends at work
    training_part(IMAGES, LABELS, IDS, ALL, 3, balance="smote", memory=need)
    with pytest.raises(
        ValueError, match=r"9 synthetic beside 12 training images of 4 × 5 × 1 take 2.1e-05 GB.*sampler"
    ):
        training_part(IMAGES, LABELS, IDS, ALL, 3, balance="smote", memory=need - 1)


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
