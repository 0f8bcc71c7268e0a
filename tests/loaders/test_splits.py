"""What moves is the group; an untouched class never moves."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanbook.loaders.splits import choose_folds, crossing_groups, make_splits

PARTS = ("train", "val", "test")


def toy(groups):
    """{group: [labels of its images]} -> manifest."""
    rows = [
        {"image_id": f"{group}/{i}.png", "label": label, "group": group, "given_split": "", "status": "used"}
        for group, labels in groups.items()
        for i, label in enumerate(labels)
    ]
    return pd.DataFrame(rows)


def plain(n=20, frames=2):
    return toy({f"{label}{i:02d}": [label] * frames for label in "ab" for i in range(n)})


@st.composite
def sets(draw):
    """Patients with one to three images of one or two of three classes, each class in at least six patients."""
    groups = {f"{label}{i}": [label] * (1 + i % 3) for label in "abc" for i in range(draw(st.integers(6, 14)))}
    for i, labels in enumerate(draw(st.lists(st.sampled_from(["ab", "bc", "abc"]), max_size=8))):
        groups[f"mixed{i}"] = list(labels)
    return toy(groups)


@settings(max_examples=40, deadline=None)
@given(
    manifest=sets(),
    seed=st.integers(0, 99),
    folds=st.sampled_from([1, 3, 5, -1]),
    scheme=st.sampled_from(["grouped", "block", "random"]),
)
def test_each_image_has_one_part_a_fold_and_no_group_two(manifest, seed, folds, scheme):
    split = make_splits(manifest, scheme, folds=folds, seed=seed)
    units = manifest["image_id" if scheme == "random" else "group"].nunique()
    assert split["fold"].nunique() == (units if folds == -1 else folds)
    assert set(split["scheme"]) == {scheme}
    for _, fold in split.groupby("fold"):
        assert sorted(fold["image_id"]) == sorted(manifest["image_id"])
        assert set(fold["split"]) == set(PARTS)
        labels = fold.merge(manifest, on="image_id").groupby("split")["label"].agg(set)
        assert labels["train"] == labels["val"] == {"a", "b", "c"}
        assert folds != 1 or labels["test"] == {"a", "b", "c"}
    if scheme != "random":
        assert crossing_groups(split, manifest).empty
    if folds != 1:
        assert (split[split["split"] == "test"]["image_id"].value_counts() == 1).all()
        assert len(split[split["split"] == "test"]) == len(manifest)


@settings(max_examples=25, deadline=None)
@given(manifest=sets(), folds=st.sampled_from([1, 4]), order=st.integers(0, 999))
def test_row_order_does_not_change_the_split(manifest, folds, order):
    shuffled = manifest.sample(frac=1, random_state=order)
    pd.testing.assert_frame_equal(
        make_splits(manifest, "grouped", folds=folds), make_splits(shuffled, "grouped", folds=folds)
    )


@settings(max_examples=25, deadline=None)
@given(extra=st.integers(1, 12), folds=st.sampled_from([1, 5]), seed=st.integers(0, 99))
def test_files_of_one_class_never_move_a_group_of_another(extra, folds, seed):
    before = plain()
    more = pd.concat([before, toy({f"b_new{i}": ["b"] for i in range(extra)})])
    old, new = (make_splits(m, "grouped", folds=folds, seed=seed) for m in (before, more))
    both = old.merge(new, on=["image_id", "fold"])
    both = both[both["image_id"].str.startswith("a")]
    assert (both["split_x"] == both["split_y"]).all()


def test_classes_are_dealt_in_the_stated_shares():
    manifest = plain(n=40, frames=1)
    counts = make_splits(manifest, "grouped").merge(manifest, on="image_id").groupby(["label", "split"]).size()
    assert counts.unstack().loc[:, list(PARTS)].to_numpy().tolist() == [[28, 6, 6]] * 2


def test_folds_differ_by_at_most_one_group_a_class():
    manifest = plain(n=23, frames=1)
    split = make_splits(manifest, "grouped", folds=5).merge(manifest, on="image_id")
    counts = split[split["split"] == "test"].groupby(["fold", "label"]).size()
    assert set(counts) == {4, 5}


def test_another_seed_is_another_deal():
    manifest = plain()
    assert not make_splits(manifest, "grouped", seed=0).equals(make_splits(manifest, "grouped", seed=1))


def test_excluded_images_are_not_dealt():
    manifest = plain()
    manifest.loc[0, "status"] = "excluded"
    assert manifest.loc[0, "image_id"] not in set(make_splits(manifest, "grouped")["image_id"])


def test_a_stratum_too_small_for_three_parts_joins_a_related_one():
    manifest = toy({**{f"a{i}": ["a"] for i in range(9)}, **{f"b{i}": ["b"] for i in range(9)}, "m": ["a", "b"]})
    split = make_splits(manifest, "grouped")
    assert split.loc[split["image_id"].str.startswith("m/"), "split"].nunique() == 1


def test_a_class_known_only_from_mixed_patients_reaches_every_part():
    # c is shown by three patients in three different strata, each of which joins a larger one
    manifest = toy({**{f"a{i}": ["a"] for i in range(30)}, **{f"b{i}": ["b"] for i in range(30)},
                    "x": ["a", "c"], "y": ["b", "c"], "z": ["a", "b", "c"]})  # fmt: skip
    for seed in range(5):
        split = make_splits(manifest, "grouped", seed=seed).merge(manifest, on="image_id")
        assert split[split["label"] == "c"]["split"].nunique() == 3


def test_a_class_of_two_patients_cannot_fill_three_parts():
    manifest = toy({**{f"a{i}": ["a"] for i in range(9)}, "b0": ["b"] * 5, "b1": ["b"] * 5})
    with pytest.raises(ValueError, match=r"class 'b' has 2 group\(s\)"):
        make_splits(manifest, "grouped")
    assert make_splits(manifest, "random")["split"].nunique() == 3  # image by image there are ten


def test_a_class_of_one_patient_cannot_be_tested_and_learned():
    manifest = toy({**{f"a{i}": ["a"] for i in range(9)}, "b0": ["b"] * 5})
    with pytest.raises(ValueError, match=r"class 'b' has 1 group\(s\).*train"):
        make_splits(manifest, "grouped", folds=-1)


def test_leaving_one_group_out_tests_each_group_in_a_fold_of_its_own():
    manifest = toy({f"p{i}": ["a", "b"] for i in range(7)})
    split = make_splits(manifest, "grouped", folds=-1).merge(manifest, on="image_id")
    tested = split[split["split"] == "test"].groupby("fold")["group"].agg(set)
    assert tested.tolist() == [{f"p{i}"} for i in range(7)]
    assert split.groupby(["fold", "split"]).size().unstack()["val"].tolist() == [2] * 7


def provided():
    manifest = plain(n=12)
    manifest["given_split"] = ["train"] * 14 + ["val"] * 2 + ["test"] * 8 + ["train"] * 16 + ["test"] * 8
    return manifest


def test_the_provided_test_part_is_kept_and_train_and_val_are_dealt_again():
    manifest = provided()
    split = make_splits(manifest, "provided").merge(manifest, on="image_id")
    assert (split.loc[split["given_split"] == "test", "split"] == "test").all()
    assert set(split.loc[split["given_split"] != "test", "split"]) == {"train", "val"}
    assert crossing_groups(split[["image_id", "fold", "split"]], manifest).empty
    assert split[split["split"] == "val"]["label"].nunique() == 2


def test_a_provided_split_that_shares_groups_is_kept_and_reported():
    manifest = provided()
    manifest.loc[manifest["image_id"] == "a00/0.png", "given_split"] = "test"
    split = make_splits(manifest, "provided")
    found = crossing_groups(split, manifest)
    assert found["group"].tolist() == ["a00"]
    assert found["splits"].str.endswith("+test").all()
    assert found["n_images"].tolist() == [2]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"scheme": "stratified"}, "grouped, block, random, provided"),
        ({"scheme": "provided"}, "provides no split"),
        ({"fractions": (0.8, 0.2, 0.2)}, "sum to 1"),
        ({"folds": 0}, "folds"),
        ({"folds": 99}, r"40 group\(s\) cannot be dealt into 99"),
    ],
)
def test_what_cannot_be_dealt_is_refused_in_words(changes, text):
    with pytest.raises(ValueError, match=text):
        make_splits(plain(), **{"scheme": "grouped", **changes})


def test_a_provided_test_part_without_a_class_is_refused():
    manifest = provided()
    manifest.loc[manifest["label"] == "a", "given_split"] = "train"
    with pytest.raises(ValueError, match="lacks class a"):
        make_splits(manifest, "provided")


def test_small_sets_are_cross_validated_and_smaller_ones_leave_one_out():
    shares = (0.7, 0.15, 0.15)
    assert [choose_folds(n, shares) for n in (7, 29, 30, 59, 61, 64, 100)] == [-1, -1, 5, 5, 5, 1, 1]
    assert choose_folds(90, (0.8, 0.1, 0.1)) == 5  # nine in the test part
