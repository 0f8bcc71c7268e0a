"""Trained again from another seed: how far the scores of ResNet and VGG then move on the same test images."""

from typing import TYPE_CHECKING

import pandas as pd

from scanbook import evidence
from scanbook.metrics.spread import over_seeds
from scanbook.names import PAIR

if TYPE_CHECKING:
    from scanbook.study import Study


def spread(study: "Study") -> pd.DataFrame:
    """Rows of scores.csv: auroc_seed_sd and accuracy_seed_sd of ResNet and VGG; none with one seed."""
    spec = study.experiment.data
    tables = [evidence.rows(study, arm, over_seeds(study.test_predictions(arm), study.classes, spec.positive))
              for arm in study.done_arms(*PAIR)]  # fmt: skip
    return pd.concat([pd.DataFrame(columns=evidence.COLUMNS), *(t for t in tables if len(t))], ignore_index=True)
