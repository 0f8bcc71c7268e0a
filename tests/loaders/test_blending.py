"""Synthetic images lie between two of their class, and are those that imbalanced-learn would have made of the pixels."""

import sys
import tracemalloc

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE

from scanbook.loaders.blending import bytes_needed, mix, smote

LABELS = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2])  # 2, 7 and 3 images
ALL = np.arange(len(LABELS))
IMAGES = np.random.default_rng(0).integers(0, 256, (len(LABELS), 4, 5, 1), dtype=np.uint8)


def test_synthetic_images_lie_on_the_line_between_two_of_their_class():
    blends = smote(IMAGES, LABELS, ALL, 3)
    images = mix(IMAGES, blends)
    assert np.bincount(blends.labels, minlength=3).tolist() == [5, 0, 4]
    assert (images.dtype, images.shape[1:]) == (np.uint8, IMAGES.shape[1:])
    a, b = (image.astype(float).ravel() for image in IMAGES[:2])  # all there is of class 0
    for image in images[blends.labels == 0]:
        share = (image.ravel() - a) @ (b - a) / ((b - a) @ (b - a))
        assert 0 <= share <= 1
        np.testing.assert_allclose(image.ravel(), a + share * (b - a), atol=1)  # rounded to whole grey values


def test_the_parents_are_of_the_class_and_the_nearer_one_comes_first():
    blends = smote(IMAGES, LABELS, ALL, 3)
    assert (LABELS[blends.first] == blends.labels).all()
    assert (LABELS[blends.second] == blends.labels).all()
    assert (blends.first != blends.second).all()
    assert (blends.share >= 0).all()
    assert (blends.share <= 0.5).all()
    for image, i, j in zip(mix(IMAGES, blends).astype(float), blends.first, blends.second, strict=True):
        assert np.linalg.norm(image - IMAGES[i]) <= np.linalg.norm(image - IMAGES[j]) + 1


@pytest.mark.parametrize("counts", [(12, 40, 25), (2, 9, 9), (150, 160, 3)])
def test_they_are_the_images_that_imbalanced_learn_makes_of_the_pixels(counts):
    labels = np.repeat([0, 1, 2], counts)
    images = np.random.default_rng(1).integers(0, 256, (len(labels), 6, 5, 1), dtype=np.uint8)
    blends = smote(images, labels, np.arange(len(labels)), 3, neighbours=5, seed=4)
    mine = mix(images, blends)
    for k in np.flatnonzero(np.array(counts) < max(counts)):
        plain = SMOTE(sampling_strategy={k: max(counts)}, k_neighbors=min(5, counts[k] - 1), random_state=4)
        given = images.reshape(len(images), -1).astype(np.float32)
        theirs = plain.fit_resample(given, labels)[0][len(images) :].reshape(-1, 6, 5, 1)
        np.testing.assert_allclose(mine[blends.labels == k], theirs, atol=0.51)  # ours are whole grey values


def test_a_small_class_has_fewer_neighbours_and_the_others_keep_theirs():
    labels = np.repeat([0, 1, 2], [3, 9, 12])
    images = np.random.default_rng(2).integers(0, 256, (24, 4, 4, 1), dtype=np.uint8)
    assert smote(images, labels, np.arange(24), 3, neighbours=5).neighbours == {0: 2, 1: 5}


def test_two_equal_images_can_be_blended():
    images, labels = np.full((5, 4, 4, 1), 90, dtype=np.uint8), np.array([0, 0, 1, 1, 1])
    blends = smote(images, labels, np.arange(5), 2)
    assert (mix(images, blends) == 90).all()
    assert set(blends.first) | set(blends.second) <= {0, 1}


def test_synthetic_images_are_the_same_again_and_others_with_another_seed():
    first, again, other = (mix(IMAGES, smote(IMAGES, LABELS, ALL, 3, seed=seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_equal_classes_need_no_synthetic_image():
    blends = smote(IMAGES, np.array([0, 1] * 6), ALL, 2)
    assert len(blends) == len(mix(IMAGES, blends)) == 0


def test_a_class_of_one_image_has_no_neighbour_to_be_blended_with():
    with pytest.raises(ValueError, match=r"class \[1\] has one training image.*balance: augmented"):
        smote(IMAGES[:4], np.array([0, 0, 0, 1]), np.arange(4), 2)


def test_an_environment_without_imbalanced_learn_is_told_so_and_not_struck_down(monkeypatch):
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(ValueError, match="needs the package imbalanced-learn"):
        smote(IMAGES, LABELS, ALL, 3)


@pytest.mark.parametrize("counts", [(300, 400), (20, 400)])  # the search decides, or the result
def test_no_more_memory_is_taken_than_was_said(counts):
    labels = np.repeat([0, 1], counts)
    images = np.zeros((len(labels), 64, 64, 1), dtype=np.uint8)
    images += np.random.default_rng(0).integers(0, 256, (len(labels), 1, 1, 1), dtype=np.uint8)
    smote(IMAGES, LABELS, ALL, 3)  # what importing takes is not asked for
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        pixels = np.empty((2 * counts[1], 64, 64, 1), dtype=np.uint8)
        blends = smote(images, labels, np.arange(len(labels)), 2)
        mix(images, blends, into=pixels[len(labels) :])
        taken = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    said = bytes_needed(np.array(counts), 64 * 64)
    assert 0.5 * said < taken < 1.5 * said
