"""Each rule finds the shortcut it is made for, and nothing where there is none."""

import numpy as np
import pytest

from scanbook.models.baselines import RULES, answer, features_of, out_of_fold

N = 120
LABELS = np.arange(N) % 2
TRAIN, TEST = np.arange(80), np.arange(80, N)


def plain(seed=0):
    """A set in which nothing tells the class: table, views."""
    generator = np.random.default_rng(seed)
    views = generator.integers(0, 256, (N, 48, 48)).astype(np.uint8)
    sizes = generator.integers(300, 320, (2, N))
    table = {"width": sizes[0], "height": sizes[1], "bytes": generator.integers(9000, 9900, N), "mode": ["L"] * N,
             "image_id": [f"{k}.png" for k in range(N)]}  # fmt: skip
    return table, views


def right(rule, table, views, labels=LABELS):
    logits = answer(rule, features_of(rule, table, views), labels, TRAIN, TEST, 2)
    assert logits.shape == (len(TEST), 2)
    assert np.isfinite(logits).all()
    return float((logits.argmax(1) == labels[TEST]).mean())


@pytest.mark.parametrize("rule", RULES)
def test_where_nothing_tells_the_class_a_rule_guesses(rule):
    assert 0.2 < right(rule, *plain()) < 0.8


def planted(rule):
    table, views = plain()
    if rule == "size":
        table["width"] = np.where(LABELS, 480, 312)
    elif rule == "file":
        table["mode"] = np.where(LABELS, "RGB", "L").tolist()
    elif rule == "border":
        views[LABELS == 1, :, :2] = 0
    elif rule == "grey":
        views[LABELS == 1] //= 2
    elif rule == "neighbour":  # each test image is a noisy copy of a training image of its class
        views[TEST] = np.clip(views[TEST - 80].astype(int) + 9, 0, 255)
    return table, views


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "majority"])
def test_a_planted_shortcut_is_found_by_the_rule_that_looks_there(rule):
    assert right(rule, *planted(rule)) == 1.0


def test_the_majority_rule_answers_the_commonest_class_of_training_alone():
    labels = np.r_[np.zeros(50, int), np.ones(30, int), np.ones(40, int)]
    table, views = plain()
    assert right("majority", table, views, labels) == 0.0  # every test image is of the class rarer in training


def test_test_images_teach_a_rule_nothing():
    table, views = planted("grey")
    changed = views.copy()
    changed[TEST[1:]] = 255 - changed[TEST[1:]]
    for rule in RULES:
        one, two = (answer(rule, features_of(rule, table, v), LABELS, TRAIN, TEST[:1], 2) for v in (views, changed))
        assert np.allclose(one, two)


def test_a_class_that_training_lacks_is_the_least_likely():
    table, views = plain()
    for rule in RULES:
        logits = answer(rule, features_of(rule, table, views), np.where(LABELS, 2, 0), TRAIN, TEST, 3)
        assert (logits[:, 1] <= logits[:, [0, 2]].min(1)).all()


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="majority, size, file, border, grey, neighbour"):
        features_of("horoscope", *plain())


@pytest.mark.parametrize("rule", ["", "size"])
def test_out_of_fold_tells_groups_never_seen_where_something_tells_them_and_guesses_where_nothing_does(rule):
    generator = np.random.default_rng(0)
    labels, groups = np.arange(80) % 2, (np.arange(80) // 4).astype(str)  # both classes in each group of four
    width = 100 + 40 * labels
    told = np.stack([width, np.full(80, 100), width / 100], 1).astype(np.float32)
    assert (out_of_fold(told, labels, groups, 2, rule=rule).argmax(1) == labels).all()
    chance = generator.normal(size=(80, 3)).astype(np.float32)
    known = np.repeat(generator.normal(size=(20, 3)), 4, axis=0).astype(np.float32)  # tells the group and not the class
    for features in (chance, known):
        assert 0.25 < (out_of_fold(features, labels, groups, 2, rule=rule).argmax(1) == labels).mean() < 0.75
