"""Weights and bias say how common each class is, in numbers worked out by hand."""

import numpy as np
import pytest

from scanbook.loaders.balance import class_weights, initial_bias

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
