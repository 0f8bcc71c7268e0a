"""One file of arrays becomes a folder of images, whole or not at all, and as often as one likes."""

import numpy as np
import pytest
from PIL import Image

from scanbook.loaders.guesses import arrays
from scanbook.loaders.guesses.arrays import unpack_arrays
from scanbook.loaders.manifest import build_manifest


def save(file, n=6, colour=False, **changes):
    rng = np.random.default_rng(0)
    content = {}
    for part in ("train", "val", "test"):
        content[f"{part}_images"] = rng.integers(0, 256, (n, 8, 8, 3) if colour else (n, 8, 8), dtype=np.uint8)
        content[f"{part}_labels"] = np.arange(n, dtype=np.uint8).reshape(n, 1) % 2
    np.savez(file, **content | changes)
    return content


@pytest.mark.parametrize("colour", [False, True])
def test_every_image_is_written_as_it_was_with_its_class_and_part(tmp_path, colour):
    content = save(tmp_path / "set.npz", colour=colour)
    assert unpack_arrays(tmp_path / "set.npz", tmp_path / "set", ("well", "sick")) == ["well", "sick"]
    for part in ("train", "val", "test"):
        for k, name in enumerate(["well", "sick"] * 3):
            pixels = np.asarray(Image.open(tmp_path / "set" / part / name / f"{k}.png"))
            np.testing.assert_array_equal(pixels, content[f"{part}_images"][k])


def test_the_folder_is_a_set_of_split_folders(tmp_path):
    save(tmp_path / "set.npz")
    unpack_arrays(tmp_path / "set.npz", tmp_path / "set")
    found = build_manifest(tmp_path / "set", layout="split_folders", classes={"class_0": "a", "class_1": "b"}, group="")
    manifest = found[0] if isinstance(found, tuple) else found
    assert manifest.loc[manifest["status"] == "used", "given_split"].value_counts().to_dict() == dict.fromkeys(
        ("train", "val", "test"), 6
    )


def test_a_second_call_changes_nothing_and_another_file_is_refused(tmp_path):
    save(tmp_path / "set.npz")
    unpack_arrays(tmp_path / "set.npz", tmp_path / "set")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "set").rglob("*")}
    unpack_arrays(tmp_path / "set.npz", tmp_path / "set")
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "set").rglob("*")}
    save(tmp_path / "set.npz", n=8)
    with pytest.raises(ValueError, match="is there already and was not made from this"):
        unpack_arrays(tmp_path / "set.npz", tmp_path / "set")


def test_what_is_cut_off_leaves_nothing_behind(tmp_path, monkeypatch):
    save(tmp_path / "set.npz")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(arrays, "_write", full)
    with pytest.raises(OSError, match="disk full"):
        unpack_arrays(tmp_path / "set.npz", tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


@pytest.mark.parametrize(
    ("changes", "match"),
    [({"train_labels": np.zeros((6, 14), np.uint8)}, "14 labels an image"),
     ({"test_labels": np.linspace(0, 1, 6)}, "no classes"),
     ({"train_images": np.zeros((6, 8, 8, 8), np.uint8)}, "Of a volume, cut slices first"),
     ({"train_images": np.zeros((6, 8, 8))}, "float64"),
     ({"val_labels": np.zeros((5, 1), np.uint8)}, "6 val_images and 5 val_labels")],
)  # fmt: skip
def test_other_arrays_are_refused_by_what_they_are(tmp_path, changes, match):
    save(tmp_path / "set.npz", **changes)
    with pytest.raises(ValueError, match=match):
        unpack_arrays(tmp_path / "set.npz", tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_a_file_that_is_no_npz_or_holds_objects_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK not really")
    np.savez(tmp_path / "b.npz", train_images=np.array([{}], dtype=object))
    for name in ("a.npz", "b.npz"):
        with pytest.raises(ValueError, match=f"{name}: cannot be read"):
            unpack_arrays(tmp_path / name, tmp_path / "set")


@pytest.mark.parametrize("names", [("one",), ("a", "b", "c"), ("a", "../b")])
def test_names_must_be_as_many_as_classes_and_fit_a_folder(tmp_path, names):
    save(tmp_path / "set.npz")
    with pytest.raises(ValueError, match=r"names given|folder's name"):
        unpack_arrays(tmp_path / "set.npz", tmp_path / "set", names)
