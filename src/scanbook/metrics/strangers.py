"""How far an image lies from everything a network was trained on, by the network's own features.

A network answers whatever it is shown, a kind of image it has never met included, and its probabilities need not say
so. The distance to the nearest training image in its last features is a simple second opinion (Sun et al. 2022,
"Out-of-distribution detection with deep nearest neighbors", which also brings the features to length one first).
"""

import numpy as np

AT_ONCE = 512  # rows whose distances are computed together
USUAL = 99.0  # percentile of the training images' own distances, beyond which an image is called far


def distances(features: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Distance of each row to the nearest training row, all brought to length one first.

    features  float (N, F)
    training  float (M, F)

    Returns float64 (N,), 0 for the same direction and 2 for the opposite one.
    """
    known, found = _of_length_one(training), _of_length_one(features)
    parts = [_apart(found[i : i + AT_ONCE] @ known.T).min(1) for i in range(0, len(found), AT_ONCE)]
    return np.concatenate(parts) if parts else np.empty(0)


def left_out(training: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Distance of each training row to the nearest one of another group: as far as a new patient's image would lie.

    training  float (M, F)
    groups    (M,) whose image each is; at least two groups

    Returns float64 (M,). Raises ValueError where there is one group only.
    """
    _, groups = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if groups.size == 0 or groups.max() == 0:
        raise ValueError("left_out: all training images are of one group; two are needed to leave one out")
    known, parts = _of_length_one(training), []
    for i in range(0, len(known), AT_ONCE):
        apart = _apart(known[i : i + AT_ONCE] @ known.T)
        apart[groups[i : i + AT_ONCE, None] == groups[None, :]] = np.inf
        parts.append(apart.min(1))
    return np.concatenate(parts)


def cut(training: np.ndarray, groups: np.ndarray, percentile: float = USUAL) -> float:
    """The distance beyond which an image is called far: a percentile of `left_out`."""
    return float(np.percentile(left_out(training, groups), percentile))


def _of_length_one(features: np.ndarray) -> np.ndarray:
    """float64; a row of zeros, which has no direction, stays one."""
    rows = np.asarray(features, dtype=np.float64)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _apart(likeness: np.ndarray) -> np.ndarray:
    """Euclidean distance of two vectors of length one from their product."""
    return np.sqrt(np.maximum(2 - 2 * likeness, 0))
