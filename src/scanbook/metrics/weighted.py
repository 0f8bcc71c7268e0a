"""Scores of weighted images, for thousands of weightings at once.

A draw of the bootstrap and a swap of two networks' answers are both nothing but weights on images, so one
set of functions serves values, intervals and p values alike. Counts are matrix products; the areas sort
once and add up. All in float64, and the plain score is the case where every weight is 1.
"""

from collections.abc import Sequence

import numpy as np

CHUNK = 4_000_000
"""Weights held at once, about 32 MB an array: 2,000 draws of 10,000 images go through in five steps."""


def auroc(
    scores: np.ndarray, truth: np.ndarray, weights: np.ndarray, group_of_row: np.ndarray | None = None
) -> np.ndarray:
    """Area under the ROC curve: the weighted share of (positive, negative) pairs ranked rightly, ties half.

    scores   (N,), higher means more positive; any scale
    truth    bool (N,)
    weights  (B, N); with `group_of_row` (N,), (B, G): one weight a group instead of one an image

    Returns float64 (B,) in [0, 1]; NaN where a draw holds one class only.
    """
    return areas(scores, truth, weights, group_of_row)[0]


def average_precision(
    scores: np.ndarray, truth: np.ndarray, weights: np.ndarray, group_of_row: np.ndarray | None = None
) -> np.ndarray:
    """Average precision: the sum over thresholds of precision times the step in recall, no interpolation.

    Arguments and result as for `auroc`; a random ranking gives the share of positives.
    """
    return areas(scores, truth, weights, group_of_row)[1]


def areas(
    scores: np.ndarray, truth: np.ndarray, weights: np.ndarray, group_of_row: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """AUROC and average precision together: one sort, one running sum of the weights, read off at the
    positives.

    Images lie along the first axis, so that a step of the running sum is one addition over all draws.
    """
    scores = np.asarray(scores, dtype=float)
    order = np.argsort(-scores, kind="stable")
    columns = order if group_of_row is None else np.asarray(group_of_row)[order]
    ranked = scores[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])  # where a new score begins
    block = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(order)]))
    first, last = starts[block], np.r_[starts[1:], len(order)][block]  # the ties of each image: [first, last)
    hits = np.flatnonzero(np.asarray(truth, dtype=bool)[order])
    hits_before = np.searchsorted(hits, np.arange(len(order) + 1))  # positives ranked above each place
    result = np.full((2, len(weights)), np.nan)
    step = max(1, CHUNK // len(order))
    for begin in range(0, len(weights), step):
        mass = np.ascontiguousarray(weights[begin : begin + step].T, dtype=float)[columns]
        own = mass[hits]
        seen = _running(mass)
        above = _running(own)
        n_hit, n_miss = above[-1], seen[-1] - above[-1]
        seen_last, above_last = seen[last[hits]], above[hits_before[last[hits]]]
        missed = seen_last - above_last
        missed += seen[first[hits]] - above[hits_before[first[hits]]]  # twice the mean over the ties
        with np.errstate(invalid="ignore", divide="ignore"):
            pair = 1 - np.einsum("tb,tb->b", own, missed) / (2 * n_hit * n_miss)
            precision = np.divide(above_last, seen_last, out=np.zeros_like(seen_last), where=seen_last > 0)
            average = np.einsum("tb,tb->b", own, precision) / n_hit
        both = (n_hit > 0) & (n_miss > 0)
        result[:, begin : begin + step] = np.where(both, [pair, average], np.nan)
    return result[0], result[1]


def _running(mass: np.ndarray) -> np.ndarray:
    """Sum of the rows before each row, and in the last row of all: (n + 1, B) from (n, B)."""
    total = np.zeros((len(mass) + 1, mass.shape[1]))
    np.cumsum(mass, axis=0, out=total[1:])
    return total


def counts(truth: np.ndarray, pred: np.ndarray, n_classes: int, group_of_row: np.ndarray) -> np.ndarray:
    """Confusion counts of each group: float64 (G, K, K), truth by predicted.

    truth, pred   int (N,) in [0, K)
    """
    n_groups = int(group_of_row.max()) + 1
    cell = (group_of_row * n_classes + truth) * n_classes + pred
    flat = np.bincount(cell, minlength=n_groups * n_classes**2).astype(float)
    return flat.reshape(n_groups, n_classes, n_classes)


def rates(confusion: np.ndarray, classes: Sequence[str], positive: str | None) -> dict[str, np.ndarray]:
    """Every score that a confusion matrix holds.

    confusion  float64 (B, K, K), truth by predicted, any non-negative weights
    positive   with two classes, the one that precision, sensitivity and F1 speak of; ignored with more

    Returns float64 (B,) by name. With two classes: accuracy, balanced_accuracy, precision, sensitivity,
    specificity, f1. With more: the same as macro means over classes (sensitivity is then called recall), and
    recall_<class>; a class that is never predicted counts with precision 0. NaN where not defined: a rate
    among no image, a binary precision without a positive answer.
    """
    total = confusion.sum((1, 2))[:, None]
    right = np.diagonal(confusion, axis1=1, axis2=2)
    shown, answered = confusion.sum(2), confusion.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(shown > 0, right / shown, np.nan)
        precision = np.where(shown > 0, right / answered, np.nan)
        f1 = np.where(shown > 0, 2 * right / (shown + answered), np.nan)
        specificity = (total - shown - answered + right) / np.where(total - shown > 0, total - shown, np.nan)
        accuracy = right.sum(1) / np.where(total[:, 0] > 0, total[:, 0], np.nan)
    table = {"accuracy": accuracy, "balanced_accuracy": recall.mean(1)}
    if len(classes) == 2:
        k = list(classes).index(str(positive))
        return table | {
            "precision": precision[:, k],
            "sensitivity": recall[:, k],
            "specificity": specificity[:, k],
            "f1": f1[:, k],
        }
    never = (answered == 0) & (shown > 0)
    table |= {
        "precision": np.where(never, 0, precision).mean(1),
        "recall": recall.mean(1),
        "specificity": specificity.mean(1),
        "f1": f1.mean(1),
    }
    return table | {f"recall_{name}": recall[:, k] for k, name in enumerate(classes)}


def all_scores(
    truth: np.ndarray,
    pred: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray,
    group_of_row: np.ndarray,
    classes: Sequence[str],
    positive: str | None,
    metrics: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """Every score, or those named, for every weighting of the groups.

    truth, pred   int (N,) in [0, K)
    scores        float (N, K): column k ranks the images by how much they look like class k
    weights       float64 (B, G), group_of_row int (N,) in [0, G)

    Returns float64 (B,) by metric, in the order of `metric_names`.
    """
    wanted = list(metric_names(classes) if metrics is None else metrics)
    n_classes = len(classes)
    table: dict[str, np.ndarray] = {}
    if any(name not in ("auroc", "average_precision") for name in wanted):
        by_group = counts(truth, pred, n_classes, group_of_row)
        flat = weights[:, : len(by_group)] @ by_group.reshape(len(by_group), -1)
        table = rates(flat.reshape(-1, n_classes, n_classes), classes, positive)
    if "auroc" in wanted or "average_precision" in wanted:
        columns = [list(classes).index(str(positive))] if n_classes == 2 else list(range(n_classes))
        each = [areas(scores[:, k], truth == k, weights, group_of_row) for k in columns]
        table["auroc"], table["average_precision"] = np.mean(each, axis=0)
    return {name: table[name] for name in wanted}


def metric_names(classes: Sequence[str]) -> list[str]:
    """Names of the scores that a set with these classes has, in the order of tables."""
    names = ["accuracy", "balanced_accuracy", "precision"]
    names += [
        "sensitivity" if len(classes) == 2 else "recall",
        "specificity",
        "f1",
        "auroc",
        "average_precision",
    ]
    return names if len(classes) == 2 else names + [f"recall_{name}" for name in classes]
