"""What a test part could have shown, and how large it would have to be.

"Cannot tell" is not "equal": it mostly means too few patients. Both numbers are read off the interval that the
comparison has anyway, so they need no further assumption about the networks.
"""

import math

import numpy as np

from .distributions import t_quantile
from .uncertainty import LEVEL

POWER = 0.80


def detectable(half_width: float, df: float = np.inf) -> float:
    """The smallest true difference that such a test part shows in 80 of 100 repetitions (two-sided 5 %).

    half_width  half of the 95 % interval of the difference
    df          degrees of freedom that the interval was made with

    The interval reaches t(0.975) standard errors; a true difference of t(0.975) + t(0.80) of them lies outside
    it in 80 % (Cohen 1988 for z). About 1.43 half widths. NaN without interval.
    """
    sure, likely = (t_quantile(q, df) for q in (0.5 + LEVEL / 2, POWER))
    return float(half_width * (sure + likely) / sure)


def needed(detectable_now: float, difference: float, margin: float, n_groups: int) -> float:
    """About how many groups would show a difference of the size observed, or of the margin where that is larger.

    detectable_now   what n_groups can show, see `detectable`
    difference       observed; margin, the difference that matters, 0 where none is stated

    A smaller difference than the margin does not matter, so none is planned for; the observed one is itself a guess,
    hence "about". A standard error falls with the square root of the number of groups. Rounded up to two
    digits. NaN without interval, where there is nothing to show (difference and margin 0), and where n_groups are
    enough by this reckoning: then it is the correction for several comparisons that stands in the way.
    """
    target = max(abs(difference), margin)
    if not np.isfinite(detectable_now) or target <= 0 or detectable_now <= target:
        return float("nan")
    groups = n_groups * (detectable_now / target) ** 2
    unit = 10 ** max(0, math.floor(math.log10(groups)) - 1)
    return float(math.ceil(groups / unit - 1e-9) * unit)
