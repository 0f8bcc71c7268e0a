"""The threshold: chosen on the validation part, frozen, and only then held against the test part.

A threshold moved until the test part looks good is a result of the moving. Here it is a number that one run's own
validation part gives, by Youden's index (Youden 1950) or as the highest that still finds a given share of the ill, and
the test part says what it is worth.
"""

import numpy as np
import pandas as pd

from .redrawn import Draws, table

EVEN = 0.0
"""Log-odds of a probability of one half."""


def choose_threshold(scores: np.ndarray, ill: np.ndarray, sensitivity: float | None = None) -> float:
    """A threshold on one run's validation part: an image at or above it is called ill.

    scores        float (n,), log-odds of the positive class
    ill           bool (n,)
    sensitivity   share of the ill to be found at least, in (0, 1): the highest threshold that does is taken. None:
                  the threshold with the largest sensitivity + specificity, of equals the one nearest even odds

    Thresholds lie midway between neighbouring scores. Raises ValueError where one of the two kinds is missing.
    """
    scores, ill = np.asarray(scores, dtype=float), np.asarray(ill, dtype=bool)
    if ill.all() or not ill.any():
        kind = "well" if ill.all() else "ill"
        raise ValueError(f"choose_threshold: none of {len(ill)} validation images is {kind}; a threshold needs both")
    known = np.unique(scores)
    cuts = np.r_[known[0] - 1, (known[1:] + known[:-1]) / 2, known[-1] + 1]
    found, spared = _above(scores[ill], cuts), 1 - _above(scores[~ill], cuts)
    if sensitivity is not None:
        return float(cuts[found >= sensitivity - 1e-12].max())
    index = found + spared
    best = cuts[index >= index.max() - 1e-12]
    return float(best[np.argmin(np.abs(best - EVEN))])


def _above(scores: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Share of the scores at or above each cut, float64 as `cuts`."""
    return 1 - np.searchsorted(np.sort(scores), cuts, side="left") / len(scores)


def as_probability(log_odds: float) -> float:
    """Log-odds as the probability they stand for, safe at any size."""
    return float(np.exp(-np.logaddexp(0, -log_odds)))


def at_threshold(
    scores: np.ndarray, thresholds: np.ndarray, ill: np.ndarray, draws: Draws
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What frozen thresholds give on a part.

    scores       float (S, N), log-odds of the positive class, one sheet a seed
    thresholds   float (S, N): that of the run which answered the image
    ill          bool (N,)

    Returns two tables with columns as in scores.csv. The first, with intervals: sensitivity, specificity,
    balanced_accuracy, and balanced_accuracy_gain over calling ill what is at even odds or above. The second, without:
    the mean over seeds of the counts true_positives, false_negatives, false_positives, true_negatives.
    """
    called = scores >= thresholds
    right = called == ill
    found, spared = draws.mean(right, ill), draws.mean(right, ~ill)
    even = (scores >= EVEN) == ill
    usual = (draws.mean(even, ill) + draws.mean(even, ~ill)) / 2
    both = (found + spared) / 2
    rarest = min(draws.bearing(ill), draws.bearing(~ill))
    rates = [
        draws.row("sensitivity", found, ill),
        draws.row("specificity", spared, ~ill),
        draws.row("balanced_accuracy", both, kind="mean", rarest=rarest),
        draws.row("balanced_accuracy_gain", both - usual, kind="difference", rarest=rarest),
    ]
    method = "count, mean over the seeds" if len(scores) > 1 else "count"
    cells = {"true_positives": called & ill, "false_negatives": ~called & ill, "false_positives": called & ~ill,
             "true_negatives": ~called & ~ill}  # fmt: skip
    counts = [draws.plain(name, cell.sum(1).mean(), method) for name, cell in cells.items()]
    return table(rates), table(counts)
