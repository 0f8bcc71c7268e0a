"""How far one training lies from the next: the part of chance that redrawing patients does not see.

An interval of a score redraws the test groups and leaves the networks as they are. Trained again from another seed, a
network has another score on the very same images. That spread is told apart and is not added: it is about the recipe,
the interval about the patients.
"""

import numpy as np
import pandas as pd

from .distributions import chi_squared_quantile
from .scores import COLUMNS, as_part, mean_scores
from .uncertainty import LEVEL


def over_seeds(
    predictions: pd.DataFrame,
    classes: list[str],
    positive: str | None,
    metrics: tuple[str, ...] = ("auroc", "accuracy"),
) -> pd.DataFrame:
    """Standard deviation over the seeds of each score of one network, on the same images.

    predictions   one network, one part, two seeds or more; folds together

    Returns one row a metric, named <metric>_seed_sd, with the 95 % interval that a normal spread gives it
    (from chi squared): of few seeds it is wide, and of two none is given. Columns as `scores.score_table`; no
    rows with one seed.
    """
    part = as_part(predictions, classes)
    n, one = len(part.seeds), np.ones((1, 1))
    whole = np.zeros(len(part.truth), dtype=int)  # all images as one group, counted once
    rows = []
    for metric in metrics if n > 1 else ():
        each = [
            float(
                mean_scores(part._replace(logits=part.logits[[k]]), one, whole, classes, positive, [metric])[metric][0]
            )
            for k in range(n)
        ]
        sd = float(np.std(each, ddof=1))
        low, high = (sd * ((n - 1) / chi_squared_quantile(q, n - 1)) ** 0.5 for q in (0.5 + LEVEL / 2, 0.5 - LEVEL / 2))
        low, high = (low, high) if n > 2 else (np.nan, np.nan)
        method = f"standard deviation over {n} seeds; from {min(each):.3f} to {max(each):.3f}"
        rows.append((f"{metric}_seed_sd", sd, low, high, len(part.truth), len(np.unique(part.groups)), method))
    return pd.DataFrame(rows, columns=COLUMNS)
