"""scanbook: five student assignments on medical images, run again properly.

    from scanbook import open_study
    study = open_study("params/xray.yaml", profile="sample")

Importing the package loads nothing heavy; the libraries come with the first room that needs them.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["open_study"]

if TYPE_CHECKING:
    from scanbook.study import Study


def open_study(
    params: str = "params/heart.yaml", profile: str = "sample", overrides: dict[str, Any] | None = None
) -> "Study":
    """Open one assignment: what a notebook holds in its hand.

    params     the parameter file, found from the repository's root wherever Jupyter was started
    profile    sample (phantoms, 2 cores, minutes), quick (your images, 2 cores) or full (GPU)
    overrides  anything else, by dotted key: {"training.batch": 8}

    Returns a Study. Raises ParamsError where a key or value cannot be followed, before anything runs.
    """
    from scanbook.study import open_study as open_

    return open_(params, profile, overrides)
