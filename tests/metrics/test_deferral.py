"""Handing over: who is kept, how often the network is then right, and who is taken for whom."""

import numpy as np
import pytest

from scanbook.metrics.deferral import SHARES, deferred, kept, taken_for
from scanbook.metrics.redrawn import Draws, direction
from scanbook.metrics.scores import Part

CLASSES = ["a", "b", "c"]


def answered(n=120, knows=True, seed=0):
    """A network that is wrong where it is unsure (or, not knowing, anywhere): three classes, two images a patient."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) // 2 % 3
    sure = rng.random(n) * 4
    wrong = rng.random(n) < (np.exp(-sure) if knows else 0.3)
    answer = np.where(wrong, (truth + 1) % 3, truth)
    logits = sure[:, None] * np.eye(3)[answer]
    ids = np.array([f"{i:03d}" for i in range(n)])
    part = Part(ids, np.array([f"p{i // 2:03d}" for i in range(n)]), truth, [0], logits[None])
    return part, Draws(part.groups, part.truth, "patients"), answer


@pytest.mark.parametrize("share", [0, 0.1, 0.25, 0.5, 0.9])
def test_what_is_kept_has_the_size_that_was_asked_and_is_the_surest(share):
    sure = np.random.default_rng(2).permutation(20).astype(float)
    weight = kept(sure, share)
    assert weight.sum() == pytest.approx(20 * (1 - share))
    assert sure[weight == 1].min() > sure[weight == 0].max(initial=-1)


def test_images_equally_sure_share_what_is_left_whatever_their_order():
    weight = kept(np.array([3.0, 1.0, 1.0, 1.0, 0.0]), 0.4)
    np.testing.assert_allclose(weight, [1, 2 / 3, 2 / 3, 2 / 3, 0])
    np.testing.assert_allclose(kept(np.zeros(10), 0.3), 0.7)


def test_everything_cannot_be_handed_over():
    with pytest.raises(ValueError, match="something must be kept"):
        kept(np.ones(3), 1.0)


def test_accuracy_of_the_rest_is_that_of_the_surest_images_counted_by_hand():
    part, draws, answer = answered()
    rows = deferred(part, draws).set_index("metric")
    order = np.argsort(-part.logits[0].max(1))
    for share in SHARES:
        first = order[: round(120 * (1 - share))]
        found = rows.loc[f"accuracy_kept_{100 * (1 - share):.0f}"]
        assert found["value"] == pytest.approx((answer[first] == part.truth[first]).mean())
        assert found["n_images"] == len(first)


def test_a_network_that_knows_when_it_guesses_gains_and_one_that_does_not_gains_nothing_sure():
    for knows, expected in ((True, 1), (False, 0)):
        part, draws, _ = answered(knows=knows)
        assert direction(deferred(part, draws).set_index("metric").loc["kept_gain_80"]) == expected


def test_who_is_taken_for_whom_adds_up_with_the_recall_to_one():
    part, draws, answer = answered()
    rows = taken_for(part, draws, CLASSES).set_index("metric")["value"]
    for k, name in enumerate(CLASSES):
        right = (answer[part.truth == k] == k).mean()
        assert right + sum(rows[f"share_{name}_as_{other}"] for other in CLASSES if other != name) == pytest.approx(1)


def test_a_class_without_images_is_taken_for_nothing():
    part, draws, _ = answered()
    assert len(taken_for(part, draws, CLASSES)) == 6
    few = part.truth < 2
    smaller = Part(part.image_ids[few], part.groups[few], part.truth[few], [0], part.logits[:, few])
    found = taken_for(smaller, Draws(smaller.groups, smaller.truth), CLASSES)["metric"]
    assert not found.str.startswith("share_c_").any()
    assert found.str.endswith("_as_c").sum() == 2
