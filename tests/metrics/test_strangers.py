"""Far is what lies further from training than a new patient's image would."""

import numpy as np
import pytest

from scanbook.metrics import strangers


def around(direction, n, spread, seed=0):
    return np.asarray(direction, float) + np.random.default_rng(seed).normal(0, spread, (n, len(direction)))


def test_distances_are_those_of_brute_force_and_ignore_length():
    rng = np.random.default_rng(1)
    images, training = rng.normal(size=(7, 5)), rng.normal(size=(11, 5))
    one = [row / np.linalg.norm(row) for row in images]
    wanted = [min(np.linalg.norm(a - b / np.linalg.norm(b)) for b in training) for a in one]
    assert strangers.distances(images, training) == pytest.approx(wanted)
    assert strangers.distances(images * 40, training / 9) == pytest.approx(wanted)


def test_the_nearest_image_of_the_own_patient_does_not_count():
    training = np.array([[1, 0], [1, 0.01], [0, 1], [0.02, 1]])
    apart = np.sqrt(2 - 2 * (training[1] @ training[3]) / np.prod(np.linalg.norm(training[[1, 3]], axis=1)))
    assert strangers.left_out(training, np.array(["a", "a", "b", "b"]))[1] == pytest.approx(apart)
    assert strangers.left_out(training, np.arange(4))[1] == pytest.approx(0.01, abs=1e-4)
    with pytest.raises(ValueError, match="one group"):
        strangers.left_out(training, np.zeros(4))


def test_images_of_another_kind_lie_beyond_the_cut_and_those_of_the_same_kind_seldom():
    training, groups = around([4, 0, 0, 0], 400, 0.3), np.arange(400) // 2
    cut = strangers.cut(training, groups)
    same, other = around([4, 0, 0, 0], 200, 0.3, seed=1), around([0, 4, 0, 0], 200, 0.3, seed=2)
    assert (strangers.distances(same, training) > cut).mean() < 0.05
    assert (strangers.distances(other, training) > cut).all()


def test_pieces_change_nothing(monkeypatch):
    training, groups = around([1, 2, 3], 30, 1.0), np.arange(30) // 3
    whole = strangers.left_out(training, groups), strangers.distances(training[::-1], training[:9])
    monkeypatch.setattr(strangers, "AT_ONCE", 7)
    again = strangers.left_out(training, groups), strangers.distances(training[::-1], training[:9])
    assert np.array_equal(whole[0], again[0])
    assert np.allclose(whole[1], again[1], atol=1e-7)


def test_features_of_zero_have_a_distance_all_the_same():
    assert np.isfinite(strangers.distances(np.zeros((1, 3)), np.eye(3))).all()
