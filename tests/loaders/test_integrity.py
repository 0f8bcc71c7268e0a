"""What looks the same stays together, and what contradicts itself is set aside."""

import numpy as np
import pandas as pd
import pytest
from loaders.scenes import jpeg, scene, views

from scanbook.loaders.integrity import crossing, pairs_of, regroup, runs_of


def table(rows):
    """A manifest from (image_id, label, patient, which picture) and the views of the pictures."""
    pictures = [picture if isinstance(picture, np.ndarray) else scene(picture) for *_, picture in rows]
    hashes = [str(hash(picture.tobytes())) for picture in pictures]
    manifest = pd.DataFrame([row[:3] for row in rows], columns=["image_id", "label", "patient"])
    manifest = manifest.assign(status="used", reason="", sha256=hashes, pixel_hash=hashes, given_split="")
    manifest["group"] = manifest["patient"].where(manifest["patient"] != "", manifest["image_id"])
    return manifest, views(pictures)


def groups(manifest):
    return dict(zip(manifest["image_id"], manifest["group"], strict=True))


def test_one_picture_under_two_patients_makes_them_one_group():
    manifest, seen = table([("a1.png", "sick", "ann", 1), ("a2.png", "sick", "ann", 2), ("b1.png", "sick", "bea", 1),
                            ("b2.png", "sick", "bea", 3), ("c.png", "well", "cas", 4)])  # fmt: skip
    found = groups(regroup(manifest, pairs_of(manifest, seen)))
    assert found == {"a1.png": "ann +1", "a2.png": "ann +1", "b1.png": "ann +1", "b2.png": "ann +1", "c.png": "cas"}


def test_ties_go_on_over_a_third_patient():
    manifest, seen = table([("a.png", "x", "ann", 1), ("b.png", "x", "bea", 1), ("b2.png", "x", "bea", 2),
                            ("c.png", "x", "cas", jpeg(scene(2), 40)), ("d.png", "y", "dan", 9)])  # fmt: skip
    found = groups(regroup(manifest, pairs_of(manifest, seen)))
    assert set(found.values()) == {"ann +2", "dan"}


def test_a_picture_with_two_labels_is_set_aside_under_both_names():
    manifest, seen = table([("a.png", "sick", "ann", 1), ("b.png", "well", "bea", jpeg(scene(1), 90)),
                            ("c.png", "sick", "ann", 2), ("d.png", "well", "bea", 3)])  # fmt: skip
    pairs = pairs_of(manifest, seen)
    assert pairs["conflict"].tolist() == [True]
    after = regroup(manifest, pairs).set_index("image_id")
    assert after["status"].to_dict() == {"a.png": "excluded", "b.png": "excluded", "c.png": "used", "d.png": "used"}
    assert after.loc["a.png", "reason"] == "conflict: the same picture is called well elsewhere"
    assert after.loc["c.png", "group"] == after.loc["d.png", "group"], (
        "ann and bea share a picture, whatever it is called"
    )
    assert (regroup(manifest, pairs, conflicts="keep")["status"] == "used").all()


def test_dropping_keeps_the_first_name_of_each_picture_and_loses_no_picture():
    manifest, seen = table([("b.png", "x", "", 1), ("c.png", "x", "", 1), ("a.png", "x", "", 1), ("d.png", "y", "", 2)])
    manifest = manifest.sort_values("image_id", ignore_index=True)
    seen = seen[[2, 0, 1, 3]]
    after = regroup(manifest, pairs_of(manifest, seen), duplicates="drop").set_index("image_id")
    assert after.index[after["status"] == "used"].tolist() == ["a.png", "d.png"]
    assert set(after.loc[["b.png", "c.png"], "reason"]) == {"a copy of an image that is used"}


def test_keeping_duplicates_leaves_the_groups_as_they_are():
    manifest, seen = table([("a.png", "x", "ann", 1), ("b.png", "x", "bea", 1)])
    pairs = pairs_of(manifest, seen)
    assert len(pairs) == 1
    assert groups(regroup(manifest, pairs, duplicates="keep")) == {"a.png": "ann", "b.png": "bea"}


def test_copies_made_before_the_split_are_known_by_the_ending_of_their_name():
    ending = r"(_rotated_-?\d+|_flipped_-?\d+|_resized|_gallery)+$"
    names = ("9ab_gallery_resized.png", "9ab_gallery_rotated_180.png", "shot_flipped_1.png", "shot.png", "other.png")
    manifest, _ = table([(name, "x", "", 10 + k) for k, name in enumerate(names)] + [("y/other.png", "y", "", 30)])
    none = pd.DataFrame(columns=["a", "b", "kind", "turn", "likeness", "label_a", "label_b", "conflict"])
    found = groups(regroup(manifest, none, copies=ending))
    assert found[names[0]] == found[names[1]] != found[names[2]] == found[names[3]]
    assert found["other.png"] != found["y/other.png"], "an equal name alone ties nothing"


def test_slices_that_resemble_their_neighbours_are_one_run_and_a_new_body_begins_another():
    def slices(seed, n):
        first, last = scene(seed).astype(float), scene(seed + 50).astype(float)
        return [(first * (1 - t) + last * t).astype(np.uint8) for t in np.linspace(0, 0.6, n)]

    pictures = [*slices(1, 4), *slices(2, 3), *slices(3, 2)]
    manifest, seen = table([(f"x/case ({k + 8}).jpg", "x", "", picture) for k, picture in enumerate(pictures)])
    order = [3, 0, 8, 5, 1, 7, 2, 6, 4]  # numbers count, the order of rows does not; (10) comes after (9)
    manifest, seen = manifest.iloc[order].reset_index(drop=True), seen[order]
    found = dict(zip(manifest["image_id"], runs_of(manifest, seen, 0.4), strict=True))
    assert [found[f"x/case ({k}).jpg"] for k in range(8, 17)] == 4 * ["x-0008-0011"] + 3 * ["x-0012-0014"] + 2 * [
        "x-0015-0016"
    ]


def test_runs_end_at_a_class_and_leave_known_patients_and_nameless_files_alone():
    manifest, seen = table([("x/1.png", "x", "", 1), ("y/2.png", "y", "", 1), ("y/3.png", "y", "ann", 1),
                            ("y/z.png", "y", "", 1)])  # fmt: skip
    assert runs_of(manifest, seen, 0.4).tolist() == ["x-0001", "y-0002", "ann", "y/z.png"]


def test_what_crosses_a_published_split_is_counted_by_kind():
    manifest, seen = table([("a1", "x", "ann", 1), ("a2", "x", "ann", 2), ("b", "x", "bea", 3), ("c", "x", "cas", 3),
                            ("d", "x", "dan", 4), ("e", "x", "eve", jpeg(scene(4), 40)), ("f", "x", "flo", 6)])  # fmt: skip
    manifest["given_split"] = ["train", "test", "val", "test", "train", "test", ""]
    patients = manifest.set_index("image_id")["group"]
    found = crossing(manifest, patients, pairs_of(manifest, seen))
    assert found == {"patients": 1, "images": 1, "pixels": 1, "near": 1}


@pytest.mark.parametrize(
    ("change", "word"), [({"duplicates": "merge"}, "group, drop, keep"), ({"conflicts": "fix"}, "exclude")]
)
def test_an_unknown_policy_is_refused(change, word):
    manifest, seen = table([("a", "x", "", 1), ("b", "y", "", 2)])
    with pytest.raises(ValueError, match=word):
        regroup(manifest, pairs_of(manifest, seen), **change)
