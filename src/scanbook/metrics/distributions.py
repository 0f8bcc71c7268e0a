"""Quantiles and ranks, from scipy.special: scipy.stats has them too, but takes over half a second to import, and every
command would wait for it.
"""

import numpy as np
import pandas as pd
from scipy import special


def normal_quantile(q: float) -> float:
    """The standard normal value below which a share `q`, 0 to 1, lies."""
    return float(special.ndtri(q))


def t_quantile(q: float, df: float) -> float:
    """The same of Student's t with `df` degrees of freedom; with infinitely many it is the normal's."""
    return float(special.stdtrit(df, q)) if np.isfinite(df) else normal_quantile(q)


def chi_squared_quantile(q: float, df: float) -> float:
    """The same of chi squared with `df` degrees of freedom."""
    return float(special.chdtri(df, 1 - q))


def mean_ranks(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Ranks from 1 along an axis of a table (n, m) or of a row (n,); equal values share the mean of theirs."""
    if np.ndim(values) == 1:
        return pd.Series(values).rank().to_numpy()
    return pd.DataFrame(values).rank(axis=axis).to_numpy()
