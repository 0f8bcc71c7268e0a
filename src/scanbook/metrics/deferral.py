"""What is left to the network when its least sure answers go to a human, and who is taken for whom.

A network that knows when it is guessing can be of use where it must not decide everything. The share handed over is set
beforehand; what counts is how often it is right about the rest, with the interval of so few patients.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .redrawn import Draws, table
from .scores import Part, log_odds

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of the images that are handed over."""


def kept(sure: np.ndarray, share: float) -> np.ndarray:
    """Weight of each image when the least sure `share` is handed over: 1 kept, 0 handed over.

    sure    float (N,), higher is surer
    share   in [0, 1)

    Images that are equally sure at the border divide what is left of it, so that no order of rows decides. Returns
    float64 (N,) that sums to N (1 - share).
    """
    if not 0 <= share < 1:
        raise ValueError(f"kept: share {share:g}; something must be kept, so give 0 or more and less than 1")
    left = len(sure) * (1 - share)
    ranked = -np.sort(-np.asarray(sure, dtype=float))
    border = ranked[max(0, int(np.ceil(left - 1e-9)) - 1)]
    above, at = sure > border, sure == border
    return above + at * ((left - above.sum()) / at.sum())


def deferred(part: Part, draws: Draws, shares: Sequence[float] = SHARES) -> pd.DataFrame:
    """Accuracy on what is kept, a row of scores.csv for each share that is handed over.

    The sureness of an answer is the log-odds of the likeliest class; who is handed over is settled on the images as
    they are. accuracy_kept_80 is the accuracy when the least sure 20 % are gone, kept_gain_80 what it gains over
    keeping all, on the same draws, -1 to 1.
    """
    right = part.logits.argmax(-1) == part.truth
    sure = log_odds(part.logits).max(-1)
    every, rows = draws.mean(right), []
    for share in shares:
        among = np.stack([kept(sheet, share) for sheet in sure])
        found, name = draws.mean(right, among), f"{100 * (1 - share):.0f}"
        rows.append(draws.row(f"accuracy_kept_{name}", found, among))
        if share:
            rows.append(draws.row(f"kept_gain_{name}", found - every, among, kind="difference"))
    return table(rows)


def taken_for(part: Part, draws: Draws, classes: Sequence[str]) -> pd.DataFrame:
    """Share of each class that is answered as each other class: rows share_TRUTH_as_ANSWER of scores.csv.

    A class without images has no rows.
    """
    answer, rows = part.logits.argmax(-1), []
    for k, truth in enumerate(classes):
        among = part.truth == k
        for j, other in enumerate(classes):
            if j != k and among.any():
                rows.append(draws.row(f"share_{truth}_as_{other}", draws.mean(answer == j, among), among))
    return table(rows)
