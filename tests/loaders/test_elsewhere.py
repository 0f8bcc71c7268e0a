"""A second folder may hold anything; every file gets a row that says what is known of it."""

import numpy as np
import pytest
from PIL import Image

from scanbook.loaders import elsewhere
from scanbook.loaders.label_table import Columns

CLASSES = {"Fetal brain": "brain", "Fetal femur": "femur"}


def image(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 30), dtype=np.uint8)).save(path)


def look(folder, **how):
    table, source = elsewhere.look(folder, classes=CLASSES, group=r"^(p\d+)_", **how)
    return table.set_index("image_id"), source


def test_unlabelled_images_beside_rubbish(tmp_path):
    image(tmp_path / "p1_a.png")
    (tmp_path / "p2_b.png").write_bytes((tmp_path / "p1_a.png").read_bytes()[:200])
    (tmp_path / "notes.txt").write_text("nothing to see")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "p3_c.png").write_bytes(b"")
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    table, source = look(tmp_path)
    assert source == ""
    assert set(table.index) == {"p1_a.png", "p2_b.png", "notes.txt", "deep/p3_c.png", "Thumbs.db"}
    assert list(table.index[table["status"] == "used"]) == ["p1_a.png"]
    assert table.loc["p1_a.png", ["label", "said", "group", "width", "height"]].tolist() == ["", "", "p1", 30, 20]
    assert (table.loc[table["status"] == "excluded", "reason"] != "").all()
    assert table.loc["Thumbs.db", "reason"] == "system file"


def test_folders_called_like_classes_give_labels_in_either_spelling_and_others_are_something_else(tmp_path):
    for name in ("Fetal brain/p1.png", "femur/p2.png", "cervix/p3.png", "p4.png"):
        image(tmp_path / name)
    table, source = look(tmp_path)
    assert source == "its folders"
    assert table["label"].to_dict() == {
        "Fetal brain/p1.png": "brain", "femur/p2.png": "femur", "cervix/p3.png": "", "p4.png": ""}  # fmt: skip
    assert table["said"].to_dict()["cervix/p3.png"] == "cervix"
    assert table["said"].to_dict()["p4.png"] == ""


def test_a_table_is_joined_by_name_and_a_file_that_it_does_not_name_stays_unlabelled(tmp_path):
    for name in ("b", "a", "c", "twice"):
        image(tmp_path / f"{name}.png")
    rows = "Image_name,Plane\na,Fetal femur\nb,Fetal brain\nc,Maternal cervix\ngone,Fetal brain\n"
    (tmp_path / "labels.csv").write_text(rows + "twice,Fetal brain\ntwice,Fetal femur\n")
    table, source = look(tmp_path, columns=Columns("Image_name", "Plane"))
    assert source == "labels.csv"
    assert table["label"].to_dict() == {"a.png": "femur", "b.png": "brain", "c.png": "", "twice.png": ""}
    assert table.loc["c.png", "said"] == "Maternal cervix"


def test_names_may_tell_the_class_and_what_they_say_besides_is_kept(tmp_path):
    for name in ("p1_Plane3_x.png", "p2_Plane1_x.png", "plain.png"):
        image(tmp_path / name)
    check = {"pattern": r"_Plane(\d)_", "meaning": {"3": "brain", "5": "femur"}}
    table, source = look(tmp_path, check=check)
    assert source == "the names of its files"
    assert table["label"].tolist() == ["brain", "", ""]
    assert table["said"].tolist() == ["", "1", ""]
    assert look(tmp_path, check=check, exclude="Plane1")[0]["reason"].tolist() == ["", "set aside by data.exclude", ""]


def test_a_folder_that_is_not_there_is_named_with_what_lies_beside_it(tmp_path):
    (tmp_path / "external").mkdir()
    with pytest.raises(ValueError, match="other: there is no such folder; found beside it: external"):
        look(tmp_path / "other")
    assert look(tmp_path / "external")[0].empty
