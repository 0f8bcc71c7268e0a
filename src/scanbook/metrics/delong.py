"""The spread of an AUROC without redrawing anything: a second opinion on the bootstrap.

DeLong, DeLong and Clarke-Pearson (1988) for one image a patient, in the form of Obuchowski (1997) where a patient has
several, also of both classes. Pages do not use it: they have scores without such a formula, and one rule for all is
easier to trust. Tests hold the bootstrap against it.
"""

import numpy as np

from .distributions import mean_ranks


def delong(scores: np.ndarray, truth: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUROC of each network on the same images, and the covariance of these AUROCs.

    scores  float (M, N) or (N,), one row a network, higher means more positive; ties count half
    truth   bool (N,)
    groups  (N,) names of what stays together; all different gives DeLong's own formula

    Returns float64 (M,) in [0, 1] and float64 (M, M). Raises ValueError where a class has fewer than two groups.
    """
    scores, truth = np.atleast_2d(np.asarray(scores, dtype=float)), np.asarray(truth, dtype=bool)
    names, group = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    shown = [np.bincount(group[truth == kind], minlength=len(names)) for kind in (True, False)]
    if min((counted > 0).sum() for counted in shown) < 2:
        raise ValueError("delong: each class needs two groups or more to tell how far groups differ")
    sizes = [int(counted.sum()) for counted in shown]
    ranks = mean_ranks(scores, axis=1)
    values, moved = [], []
    for row, rank in zip(scores, ranks, strict=True):
        # share of the other class that each image is on the right side of
        above = (rank[truth] - mean_ranks(row[truth])) / sizes[1]
        below = 1 - (rank[~truth] - mean_ranks(row[~truth])) / sizes[0]
        values.append(above.mean())
        moved.append([
            np.bincount(group[truth == kind], weights=share - above.mean(), minlength=len(names))
            for kind, share in ((True, above), (False, below))
        ])  # fmt: skip
    off = np.array(moved)  # (M, 2, G)
    spread = np.zeros((len(scores), len(scores)))
    for kind in (0, 1):
        n = int((shown[kind] > 0).sum())
        spread += n / (n - 1) * off[:, kind] @ off[:, kind].T / sizes[kind] ** 2
    cross = off[:, 0] @ off[:, 1].T
    spread += len(names) / (len(names) - 1) * (cross + cross.T) / (sizes[0] * sizes[1])
    return np.array(values), spread
