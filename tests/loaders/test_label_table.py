"""A table is joined by name however it names its files, and what two rows disagree on is not used."""

import csv
import zlib

import numpy as np
import pytest
from PIL import Image

from scanbook.loaders.label_table import Columns, Row, find_in_table, join, read_table
from scanbook.loaders.layouts import find_in_split_folders, part_of, set_aside
from scanbook.loaders.manifest import build_manifest

TWO = {"well": "well", "sick": "sick"}
COLUMNS = Columns("image", "label", "patient", "part")


def save(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(zlib.crc32(path.name.encode())).integers(0, 256, (6, 8), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def table(folder, rows, header=("image", "label", "patient", "part")):
    with open(folder / "t.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def found(folder, rows, files=("a.png", "b.png"), columns=COLUMNS):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()  # layouts read no pixel
    table(folder, rows)
    return {one.image_id: one for one in find_in_table(folder, ".", TWO, "t.csv", columns)}


def joined(names, files):
    return [fits for fits, _ in join([Row(2, name, "") for name in names], files)]


@pytest.mark.parametrize(
    "name",
    ["x/a.png", "x/a", "a.png", "a", "./x/a.png", "/data/2019/x/a.png", r"C:\Users\doctor\x\a.png", "../set/x/a"],
)
def test_a_row_finds_its_file_by_any_end_of_the_path(name):
    assert joined([name], ["x/a.png", "x/b.png"]) == [["x/a.png"]]


@pytest.mark.parametrize(
    ("name", "files"),
    [("patient2/view1.png", ["patient1/view1.png"]), ("other/a.png", ["x/a.png"]), ("A.png", ["a.png"]),
     ("a.jpg", ["a.png"]), ("", ["a.png"]), ("ba.png", ["a.png"]), ("a.png", ["ba.png"])],
)  # fmt: skip
def test_a_row_does_not_take_a_file_that_only_looks_like_it(name, files):
    assert joined([name], files) == [[]]


def test_the_same_name_in_two_folders_is_told_apart_by_the_folder_and_otherwise_not_guessed():
    files = ["train/1.png", "test/1.png"]
    assert joined(["/old/train/1.png", "test/1"], files) == [["train/1.png"], ["test/1.png"]]
    [(fits, why)] = join([Row(2, "1.png", "")], files)
    assert (sorted(fits), why) == (sorted(files), "'1.png' of {table} fits 2 files")


def test_paths_of_two_folders_that_end_in_one_flat_file_are_not_guessed():
    taken = join([Row(2, "train/1.png", "well"), Row(3, "test/1.png", "sick")], ["1.png"])
    assert all("several rows" in why for _, why in taken)


def test_a_longer_path_leaves_a_file_to_the_row_that_names_it_exactly():
    assert joined(["1.png", "elsewhere/1.png"], ["1.png"]) == [["1.png"], []]


def test_dots_and_digits_belong_to_a_name():
    assert joined(["1.2.840.7"], ["1.2.840.7", "1.2.840.9"]) == [["1.2.840.7"]]
    assert joined(["1.2.840"], ["1.2.840.7"]) == [[]]


def test_composed_and_decomposed_letters_are_the_same_name():
    assert joined(["B\u00e4r.png"], ["Ba\u0308r.png"]) == [["Ba\u0308r.png"]]


def test_patient_and_part_come_from_the_table(tmp_path):
    rows = [("a", "well", "007", "Training"), ("b", "sick", "008", "hold-out")]
    a, b = found(tmp_path, rows).values()
    assert (a.label, a.patient, a.given_split, a.reason) == ("well", "007", "train", "")
    assert (b.label, b.patient, b.given_split, b.reason) == ("sick", "008", "test", "")


@pytest.mark.parametrize(
    ("second", "reason"),
    [(("a", "sick", "p1", "train"), "conflict: t.csv calls it 'sick' and 'well'"),
     (("a", "well", "p2", "train"), "conflict: t.csv gives it 2 patients"),
     (("a", "well", "p1", "test"), "conflict: t.csv puts it into 2 parts"),
     (("a", "well", "p1", "training"), "")],
)  # fmt: skip
def test_rows_that_disagree_exclude_the_file_with_what_they_disagree_on(tmp_path, second, reason):
    assert found(tmp_path, [("a", "well", "p1", "train"), second])["a.png"].reason == reason


def test_a_part_that_is_no_part_is_a_reason(tmp_path):
    reason = found(tmp_path, [("a", "well", "", "fold3")])["a.png"].reason
    assert reason == "part 'fold3' of t.csv is not among train, val, test"


@pytest.mark.parametrize(
    ("word", "part"),
    [("train", "train"), ("Training", "train"), ("VAL", "val"), ("valid", "val"), ("validation", "val"),
     ("dev", "val"), ("Testing", "test"), ("holdout", "test"), ("hold_out", "test"), ("3", ""), ("unlabelled", "")],
)  # fmt: skip
def test_the_usual_spellings_of_the_parts(word, part):
    assert part_of(word) == part


def test_folders_called_training_and_testing_are_a_given_split(tmp_path):
    for part in ("Training", "Validation", "Testing"):
        for label in TWO:
            save(tmp_path / part / label / f"{part}-{label}.png")
    parts = {one.image_id.split("/")[0]: one.given_split for one in find_in_split_folders(tmp_path, ".", TWO)}
    assert parts == {"Training": "train", "Validation": "val", "Testing": "test"}


def test_the_patient_of_the_table_goes_before_the_pattern_and_the_pattern_fills_gaps(tmp_path):
    for name in ("p1_a", "p2_a", "p3_a"):
        save(tmp_path / f"{name}.png")
    table(tmp_path, [("p1_a", "well", "Q", ""), ("p2_a", "sick", "", ""), ("p3_a", "sick", "Q", "")])
    manifest, _ = build_manifest(tmp_path, layout="label_table", classes=TWO, group=r"^(p\d)", table="t.csv",
                              name_column="image", label_column="label", patient_column="patient")  # fmt: skip
    assert manifest["patient"].tolist() == manifest["group"].tolist() == ["Q", "p2", "Q"]


def test_files_that_the_pattern_finds_are_set_aside_and_keep_earlier_reasons(tmp_path):
    ones = list(found(tmp_path, [("a", "well", "", ""), ("a_mask", "well", "", "")],
                      files=("a.png", "a_mask.png", "b_mask.png")).values())  # fmt: skip
    reasons = {one.image_id: one.reason for one in set_aside(ones, r"_mask\.")}
    assert reasons == {"a.png": "", "a_mask.png": "set aside by data.exclude", "b_mask.png": "no row of t.csv names it"}
    with pytest.raises(ValueError, match=r"data\.exclude"):
        set_aside(ones, "(")


def test_a_missing_patient_column_names_the_key_to_set(tmp_path):
    with pytest.raises(ValueError, match=r"'subject'.*found \['image', 'label', 'patient', 'part'\]; set data.patient"):
        found(tmp_path, [("a", "well", "", "")], columns=Columns("image", "label", "subject"))


def test_a_column_that_stands_there_twice_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("image,label,label\na,well,sick\n")
    with pytest.raises(ValueError, match="'label' stands there twice"):
        find_in_table(tmp_path, ".", TWO, "t.csv", Columns("image", "label"))


def test_a_table_in_another_encoding_says_so(tmp_path):
    (tmp_path / "t.csv").write_bytes("image,label\nBär,well\n".encode("cp1252"))
    with pytest.raises(ValueError, match="not UTF-8"):
        read_table(tmp_path / "t.csv")


def test_a_line_break_inside_quotes_is_part_of_the_cell(tmp_path):
    (tmp_path / "t.csv").write_text('image;note;label\na;"two\nlines, one cell";well\nb;;sick\n')
    assert read_table(tmp_path / "t.csv") == (
        ["image", "note", "label"],
        [["a", "two\nlines, one cell", "well"], ["b", "", "sick"]],
    )
