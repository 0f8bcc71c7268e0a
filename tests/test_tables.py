"""What the tables of a record and of a page may hold, and what they say besides their numbers."""

import numpy as np
import pandas as pd
import pytest

from scanbook import record
from scanbook.evidence import COLUMNS, Evidence
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


SCORES = pd.DataFrame(
    [("resnet", "shift:blur:6", 0.6), ("resnet", "", 0.9), ("rule_grey", "mean grey", 0.5)],
    columns=["arm", "variant", "value"],
).assign(metric="auroc", split="test")


@pytest.mark.parametrize("nothing", ["", np.nan])  # as it is made, and as it is read back from the file
def test_a_score_is_of_the_images_as_they_came_whatever_row_stands_first(nothing):
    table = SCORES.replace({"variant": {"": nothing}})
    assert record.score(table, "resnet", "auroc")["value"] == 0.9
    assert record.score(table, "resnet", "auroc", variant="shift:blur:6")["value"] == 0.6
    assert record.score(table, "rule_grey", "auroc")["value"] == 0.5
    assert record.score(table, "rule_grey", "auroc", variant="shift:blur:6") is None


def test_an_answer_that_lacks_columns_is_refused_and_an_empty_one_is_nothing():
    def whole(study):
        return pd.DataFrame([dict.fromkeys(COLUMNS, 1)])

    def nothing(study):
        return pd.DataFrame()

    def halved(study):
        return whole(study).drop(columns=["low", "method"])

    asked = Evidence(None)
    asked.ask(whole), asked.ask(nothing)
    assert len(asked.scores) == 1
    asked.ask(halved)
    with pytest.raises(ValueError, match="halved answers a table without low, method"):
        _ = asked.scores
