"""A planted wrong label is a suspect, and a hard but rightly labelled image need not be."""

import numpy as np
import pandas as pd
import pytest

from scanbook.metrics.suspects import find_suspects, recall_and_precision

CLASSES = ["abdomen", "brain", "femur"]


def told(probs):
    names = [f"i{k:02d}" for k in range(len(probs))]
    logits = np.log(np.clip(np.asarray(probs, float), 1e-9, 1))
    return pd.DataFrame({"image_id": names} | {f"logit_{name}": logits[:, k] for k, name in enumerate(CLASSES)})


def sure(k, p=0.9):
    row = np.full(3, (1 - p) / 2)
    row[k] = p
    return row


def test_the_network_that_contradicts_a_label_with_its_usual_certainty_makes_it_a_suspect():
    predictions = told([sure(0), sure(0), sure(1), sure(1), sure(2), sure(1)])
    found = find_suspects(predictions, CLASSES, ["abdomen", "abdomen", "brain", "brain", "femur", "femur"])
    assert found[["image_id", "label", "suggested"]].to_numpy().tolist() == [["i05", "femur", "brain"]]
    assert found["margin"].iloc[0] == pytest.approx(0.85)


def test_less_than_the_usual_certainty_is_no_ground_for_doubt():
    predictions = told([sure(0), sure(0), sure(1, 0.95), sure(1, 0.95), sure(2), sure(1, 0.5)])
    assert find_suspects(predictions, CLASSES, ["abdomen", "abdomen", "brain", "brain", "femur", "femur"]).empty


def test_the_most_doubtful_comes_first_and_ties_go_by_name():
    labels = ["abdomen"] * 6 + ["brain"] * 6
    probs = [sure(0)] * 4 + [sure(1, 0.97), sure(1, 0.97)] + [sure(1)] * 5 + [sure(0, 0.99)]
    assert find_suspects(told(probs), CLASSES, labels)["image_id"].tolist() == ["i11", "i04", "i05"]


def test_a_class_nobody_shows_is_never_suggested():
    probs = [sure(0, 0.4), sure(1, 0.4), [0.1, 0.1, 0.8]]
    assert "femur" not in set(find_suspects(told(probs), CLASSES, ["abdomen", "brain", "brain"])["suggested"])


def test_recall_and_precision_are_counted_by_name():
    suspects = pd.DataFrame({"image_id": ["a", "b", "c", "d"]})
    found = recall_and_precision(suspects, ["a", "b", "x"])
    assert (found["recall"], found["precision"]) == (pytest.approx(2 / 3), 0.5)
    assert np.isnan(recall_and_precision(suspects.head(0), ["a"])["precision"])


def test_an_image_that_comes_twice_is_refused():
    twice = pd.concat([told([sure(0)])] * 2)
    with pytest.raises(ValueError, match="more than once"):
        find_suspects(twice, CLASSES, ["abdomen"] * 2)
