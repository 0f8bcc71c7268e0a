"""Nothing vanishes between the disk and the table, and a label is never joined by position."""

import os
import zlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from scanbook.loaders import files
from scanbook.loaders.manifest import COLUMNS, build_manifest, exclusions, fingerprint, read_manifest

TWO = {"well": "well", "sick": "sick"}

# Pillow warns about damaged headers before it gives up; `reading` silences it once, pytest undoes that a test
pytestmark = pytest.mark.filterwarnings("ignore")


def save(path, value=None):
    """A small grey image; its pixels differ from file to file unless a value is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(path.name.encode()) if value is None else value
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 8), dtype=np.uint8)).save(path)
    return path


def class_folders(root, n=3):
    for label in TWO:
        for i in range(n):
            save(root / label / f"p{i}_{label}_a.png")
    return root


def reasons(manifest):
    return dict(zip(manifest["image_id"], manifest["reason"], strict=True))


def look(folder, **changes):
    return build_manifest(folder, **{"layout": "class_folders", "classes": TWO, "group": "", **changes})[0]


def test_class_folders_give_one_used_row_a_file_sorted_by_path(tmp_path):
    manifest = look(class_folders(tmp_path), group=r"^(p\d)_")
    assert list(manifest.columns) == list(COLUMNS)
    assert manifest["image_id"].is_monotonic_increasing
    assert manifest["label"].tolist() == ["sick"] * 3 + ["well"] * 3
    assert manifest["group"].tolist() == ["p0", "p1", "p2"] * 2
    assert (manifest["status"] == "used").all()
    assert (manifest[["width", "height"]] == [8, 6]).all(axis=None)
    assert manifest["bytes"].tolist() == [(tmp_path / i).stat().st_size for i in manifest["image_id"]]


def test_files_in_deeper_folders_are_found(tmp_path):
    save(class_folders(tmp_path) / "sick" / "series 2" / "x.png")
    assert "sick/series 2/x.png" in set(look(tmp_path)["image_id"])


def test_every_file_that_is_not_used_has_a_row_and_a_reason(tmp_path):
    class_folders(tmp_path)
    (tmp_path / "sick" / "notes.txt").write_text("read me")
    (tmp_path / "sick" / "cut.png").write_bytes((tmp_path / "sick" / "p0_sick_a.png").read_bytes()[:50])
    (tmp_path / "sick" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "well" / "Thumbs.db").write_bytes(b"x")
    save(tmp_path / "__MACOSX" / "sick" / "p0.png")
    save(tmp_path / "odd" / "a.png")
    save(tmp_path / "loose.png")
    manifest = look(tmp_path)
    why = reasons(manifest)
    assert len(manifest) == sum(len(names) for _, _, names in os.walk(tmp_path))
    assert "not an image" in why["sick/notes.txt"]
    assert "damaged" in why["sick/cut.png"] or "cut off" in why["sick/cut.png"]
    system = ("sick/.DS_Store", "well/Thumbs.db", "__MACOSX/sick/p0.png")
    assert {why[name] for name in system} == {"system file"}
    assert why["odd/a.png"] == "folder 'odd' is not among the classes"
    assert why["loose.png"] == "lies outside the class folders"
    assert (manifest.loc[manifest["reason"] != "", "status"] == "excluded").all()
    assert exclusions(manifest).iloc[0].to_dict() == {"reason": "system file", "n": 3, "example": system[2]}


def test_split_folders_keep_the_published_part_and_name_a_second_copy(tmp_path):
    for part in ("train", "val", "test"):
        class_folders(tmp_path / part)
    save(tmp_path / "chest" / "train" / "sick" / "again.png")
    manifest = look(tmp_path, layout="split_folders")
    used = manifest[manifest["status"] == "used"]
    assert used["given_split"].value_counts().to_dict() == {"train": 6, "val": 6, "test": 6}
    assert reasons(manifest)["chest/train/sick/again.png"] == "folder 'chest' is not among train, val, test"


def label_table(root, rows, names=("a", "b", "c", "d")):
    for name in names:
        save(root / "images" / f"{name}.png")
    pd.DataFrame(rows, columns=["Name", "Plane"]).to_csv(root / "labels.csv", index=False)
    options = {"images": "images", "table": "labels.csv", "name_column": "Name", "label_column": "Plane"}
    return {"folder": root, "layout": "label_table", **options}


ROWS = [("a", "well"), ("b", "sick"), ("c", "well"), ("d", "sick")]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_a_table_is_joined_by_name_whatever_the_order_of_its_rows(tmp_path, order):
    manifest = look(**label_table(tmp_path, [ROWS[i] for i in order]))
    assert manifest["label"].tolist() == ["well", "sick", "well", "sick"]


def test_names_may_carry_the_extension_or_a_folder(tmp_path):
    save(tmp_path / "images" / "deep" / "e.png")
    manifest = look(**label_table(tmp_path, [("a.png", "well"), *ROWS[1:], ("deep/e", "sick")]))
    assert (manifest["status"] == "used").all()


def test_rows_without_image_and_images_without_row_are_listed(tmp_path):
    manifest = look(**label_table(tmp_path, [*ROWS[:3], ("lost", "sick")]))
    lost = manifest.set_index("image_id").loc["images/lost"]
    assert (lost["label"], lost["status"]) == ("sick", "excluded")
    assert "no such file" in lost["reason"]
    assert reasons(manifest)["images/d.png"] == "no row of labels.csv names it"


def test_two_rows_that_agree_are_one_and_two_that_do_not_are_a_conflict(tmp_path):
    manifest = look(**label_table(tmp_path, [*ROWS, ("a", "well"), ("b.png", "well")]))
    assert reasons(manifest)["images/a.png"] == ""
    assert reasons(manifest)["images/b.png"] == "conflict: labels.csv calls it 'sick' and 'well'"


def test_a_name_that_fits_two_files_is_not_guessed(tmp_path):
    save(tmp_path / "images" / "a.bmp")
    manifest = look(**label_table(tmp_path, ROWS))
    assert reasons(manifest)["images/a.png"] == reasons(manifest)["images/a.bmp"] == "'a' of labels.csv fits 2 files"


def test_a_label_outside_the_classes_is_excluded_by_name(tmp_path):
    manifest = look(**label_table(tmp_path, [*ROWS[:3], ("d", "cervix")], names=("a", "b", "c", "d")))
    assert reasons(manifest)["images/d.png"] == "label 'cervix' is not among the classes"


def test_semicolons_byte_order_mark_and_spaced_headers_are_read(tmp_path):
    options = label_table(tmp_path, ROWS)
    text = "Name;Other;Plane \r\n" + "".join(f"{name};x; {label}\r\n" for name, label in ROWS)
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8-sig")
    assert look(**options)["label"].tolist() == ["well", "sick", "well", "sick"]


def test_the_table_itself_is_no_image(tmp_path):
    manifest = look(**{**label_table(tmp_path, ROWS), "images": "."})
    assert not manifest["image_id"].str.endswith("csv").any()


def test_a_missing_column_names_those_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"'Plan'.*found \['Name', 'Plane'\]"):
        look(**{**label_table(tmp_path, ROWS), "label_column": "Plan"})


def test_a_missing_folder_names_its_neighbours(tmp_path):
    class_folders(tmp_path / "heart")
    with pytest.raises(ValueError, match=r"no such folder.*heart.*did you mean heart"):
        look(tmp_path / "hart")


def test_a_set_one_folder_deeper_is_said_not_guessed(tmp_path):
    class_folders(tmp_path / "outer" / "inner")
    with pytest.raises(ValueError, match="outer/inner"):
        look(tmp_path / "outer")


def test_parts_that_are_not_there_point_to_the_layout_and_not_to_the_classes(tmp_path):
    class_folders(tmp_path)
    with pytest.raises(ValueError, match=r"'train', 'test' not found.*found sick, well; set data\.layout$"):
        look(tmp_path, layout="split_folders")


def test_split_folders_one_folder_deeper_are_said_not_guessed(tmp_path):
    for part in ("train", "test"):
        class_folders(tmp_path / "chest_xray" / "chest_xray" / part)
    with pytest.raises(ValueError, match="chest_xray/chest_xray"):
        look(tmp_path / "chest_xray", layout="split_folders")


def test_a_misspelt_class_folder_gets_a_suggestion(tmp_path):
    with pytest.raises(ValueError, match=r"'sic' not found.*found sick, well.*did you mean 'sick'"):
        look(class_folders(tmp_path), classes={"well": "well", "sic": "sick"})


def test_a_class_without_usable_image_stops_with_the_reason(tmp_path):
    class_folders(tmp_path)
    for path in (tmp_path / "sick").iterdir():
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"'sick' has no usable image; found: well 3, sick 0.*the file is empty"):
        look(tmp_path)


def test_one_class_is_not_enough(tmp_path):
    with pytest.raises(ValueError, match="at least two"):
        look(class_folders(tmp_path), classes={"well": "well"})


def test_two_source_folders_can_be_one_class(tmp_path):
    save(class_folders(tmp_path) / "very sick" / "x.png")
    manifest = look(tmp_path, classes={**TWO, "very sick": "sick"})
    assert manifest["label"].value_counts().to_dict() == {"sick": 4, "well": 3}


def test_an_unknown_layout_names_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="class_folders, split_folders, label_table"):
        look(class_folders(tmp_path), layout="folders")


def test_all_groups_of_the_pattern_are_the_patient_and_no_match_stands_alone(tmp_path):
    save(class_folders(tmp_path) / "sick" / "stray.png")
    manifest = look(tmp_path, group=r"^(p\d)_(well|sick)").set_index("image_id")
    assert manifest.loc["sick/p1_sick_a.png", "patient"] == "p1_sick"
    assert manifest.loc["sick/stray.png", ["patient", "group"]].tolist() == ["", "sick/stray.png"]


def test_a_pattern_that_is_no_pattern_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"data\.group"):
        look(class_folders(tmp_path), group="(")


def test_a_second_opinion_is_read_from_the_name_and_never_replaces_the_label(tmp_path):
    manifest = look(
        class_folders(tmp_path), check={"pattern": r"^p(\d)_", "meaning": {"0": "well", "1": "sick"}}
    ).set_index("image_id")
    assert manifest.loc["sick/p0_sick_a.png", ["label", "check_label"]].tolist() == ["sick", "well"]
    assert manifest.loc["sick/p2_sick_a.png", "check_label"] == ""


def test_equal_pixels_have_equal_hashes_whatever_the_format(tmp_path):
    class_folders(tmp_path)
    save(tmp_path / "sick" / "one.png", value=5)
    save(tmp_path / "sick" / "two.tiff", value=5)
    hashes = look(tmp_path).set_index("image_id")
    assert hashes.loc["sick/one.png", "pixel_hash"] == hashes.loc["sick/two.tiff", "pixel_hash"]
    assert hashes.loc["sick/one.png", "sha256"] != hashes.loc["sick/two.tiff", "sha256"]
    assert hashes["pixel_hash"].nunique() == len(hashes) - 1


def test_the_number_of_threads_changes_nothing(tmp_path):
    class_folders(tmp_path, n=8)
    pd.testing.assert_frame_equal(look(tmp_path, threads=1), look(tmp_path, threads=4))


def test_the_fingerprint_changes_with_a_pixel_a_label_or_a_group_and_not_with_time(tmp_path):
    class_folders(tmp_path)
    before = look(tmp_path)
    assert fingerprint(before) == fingerprint(before.sample(frac=1, random_state=0))
    os.utime(tmp_path / "sick" / "p0_sick_a.png", (1, 1))
    assert fingerprint(look(tmp_path)) == fingerprint(before)
    assert fingerprint(look(tmp_path, group=r"^(p\d)")) != fingerprint(before)
    assert fingerprint(look(tmp_path, classes={"well": "fine", "sick": "sick"})) != fingerprint(before)
    save(tmp_path / "sick" / "p0_sick_a.png", value=77)
    assert fingerprint(look(tmp_path)) != fingerprint(before)
    assert len(fingerprint(before)) == 16


def test_a_written_manifest_comes_back_the_same(tmp_path):
    manifest = look(class_folders(tmp_path / "set"), group=r"^p(\d)")  # patients "0", "1", "2" must stay text
    path = files.write_csv_atomically(manifest, tmp_path / "out" / "manifest.csv")
    pd.testing.assert_frame_equal(read_manifest(path), manifest)


def test_a_failed_write_leaves_the_old_table_and_nothing_else(tmp_path):
    path = files.write_csv_atomically(pd.DataFrame({"a": [1]}), tmp_path / "t.csv")

    class Breaking(pd.DataFrame):
        def to_csv(self, *args, **kwargs):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write_csv_atomically(Breaking({"a": [2]}), path)
    assert path.read_text() == "a\n1\n"
    assert os.listdir(tmp_path) == ["t.csv"]
