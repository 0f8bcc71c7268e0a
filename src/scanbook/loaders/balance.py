"""What the training images say about how common each class is: weights for the loss, bias for the last layer.

Both are counted on training rows only; counts that include validation or test images would leak.
"""

import numpy as np


def class_weights(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Weight of each class in the loss, n / (K * n_k): 1 everywhere when the classes are equally common.

    labels  int (N,) in 0 … K-1, of training images

    Returns float32 (K,). Raises ValueError when a class has no image.
    """
    counts = _counts(labels, n_classes)
    return (counts.sum() / (n_classes * counts)).astype(np.float32)


def initial_bias(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Log of each class's share: with this bias and no input, softmax predicts exactly how common each class
    is.

    labels  int (N,) in 0 … K-1, of training images

    Returns float32 (K,). Raises ValueError when a class has no image.
    """
    counts = _counts(labels, n_classes)
    return np.log(counts / counts.sum()).astype(np.float32)


def _counts(labels: np.ndarray, n_classes: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.size and (labels.min() < 0 or labels.max() >= n_classes):
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}; "
            f"with {n_classes} classes, 0 to {n_classes - 1} is allowed"
        )
    counts = np.bincount(labels.astype(np.int64), minlength=n_classes)
    if (counts == 0).any():
        raise ValueError(
            f"class {np.flatnonzero(counts == 0).tolist()} has no training image (counts {counts.tolist()}); "
            f"its weight would be infinite: add images, or leave the class out"
        )
    return counts
