"""Which images a reader is asked about: the same each time, of every class alike, and never only easy ones."""

import numpy as np
import pytest

from scanbook.quiz import pick


def images(per_class=20, classes=2, groups=None, seed=0):
    n = per_class * classes
    names = [f"image{i}.png" for i in range(n)]
    labels = np.repeat(np.arange(classes), per_class)
    doubt = np.random.default_rng(seed).random(n)
    return names, groups or [f"g{i}" for i in range(n)], labels, doubt


@pytest.mark.parametrize(("n", "classes", "each"), [(8, 2, [4, 4]), (8, 4, [2, 2, 2, 2]), (8, 3, [3, 3, 2])])
def test_classes_come_alike(n, classes, each):
    names, groups, labels, doubt = images(classes=classes)
    chosen = pick(names, groups, labels, doubt, n)
    assert len(set(chosen)) == n
    assert np.bincount(labels[chosen]).tolist() == each


def test_the_order_of_the_rows_decides_nothing():
    names, groups, labels, doubt = images()
    turned = np.arange(len(names))[::-1]
    again = pick([names[i] for i in turned], [groups[i] for i in turned], labels[turned], doubt[turned], 8)
    chosen = pick(names, groups, labels, doubt, 8)
    assert [names[i] for i in chosen] == [names[turned[i]] for i in again]


def test_in_every_class_half_of_the_images_are_of_the_harder_half():
    names, groups, labels, doubt = images(per_class=40)
    chosen = pick(names, groups, labels, doubt, 8)
    for label in (0, 1):
        middle = np.median(doubt[labels == label])
        hard = doubt[[i for i in chosen if labels[i] == label]] >= middle
        assert hard.sum() >= 2
        assert not hard.all()  # nor only hard ones


def test_a_class_shows_a_group_twice_only_when_it_has_no_other():
    many = [f"g{i // 2}" for i in range(40)]
    names, groups, labels, doubt = images(groups=many)
    chosen = pick(names, groups, labels, doubt, 8)
    assert len({groups[i] for i in chosen}) == 8
    names, groups, labels, doubt = images(groups=["one"] * 40)
    assert len(pick(names, groups, labels, doubt, 8)) == 8


def test_a_class_with_few_images_gives_those_it_has():
    names, groups, _, doubt = images()
    labels = np.array([0] * 39 + [1])
    assert np.bincount(labels[pick(names, groups, labels, doubt, 8)]).tolist() == [4, 1]


def test_the_order_shown_does_not_sort_by_class():
    names, groups, labels, doubt = images(per_class=60)
    shown = [labels[pick(names, groups, labels, doubt, 12, seed=s)] for s in range(5)]
    assert any(np.any(np.diff(order) < 0) for order in shown)
