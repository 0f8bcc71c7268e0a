"""What the tables of a page say besides their numbers."""

import numpy as np
import pandas as pd
import pytest

from scanbook.show.tables import alike


def answers(logits, folds):
    first, second = np.transpose(logits)
    return pd.DataFrame({"logit_well": first, "logit_sick": second, "fold": folds, "seed": 0})


@pytest.mark.parametrize(
    ("logits", "folds", "same"),
    [
        ([[1, 2], [1, 2], [3, 4]], [0, 0, 0], True),  # a common shift is no other answer
        ([[1, 2], [1, 2], [5, 0], [5, 0]], [0, 0, 1, 1], True),  # two trainings, each of one opinion
        ([[1, 2], [1, 2.1], [5, 0], [5, 0]], [0, 0, 1, 1], False),
        ([[1, 2]], [0], False),  # of one image nobody can tell
    ],
)
def test_a_network_that_answers_all_images_alike_is_found(logits, folds, same):
    assert alike(answers(logits, folds), ["well", "sick"]) is same
