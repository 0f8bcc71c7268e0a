"""A page never says whose images it shows, unless the owner of the images says it may."""

import base64

import pandas as pd
import pytest

from scanbook import guard, naming
from scanbook.experiment import Data

NAME = "MustermannErika"


def manifest(names=("a/MustermannErika_1.png", "a/MustermannErika_2.png", "b/x.png"), patients=(NAME, NAME, "")):
    table = pd.DataFrame({"image_id": names, "patient": patients})
    return table.assign(group=table["patient"].where(table["patient"] != "", table["image_id"]))


def hidden(**changes):
    return naming.of(manifest(**changes), "pseudonyms", "patients")


def test_pseudonyms_hold_nothing_of_the_names_and_keep_who_belongs_together():
    names, table = hidden(), manifest()
    shown = names.table(table)
    assert NAME not in shown.to_csv()
    assert shown["image_id"].nunique() == 3
    assert shown["group"].tolist()[:2] == ["patient 1", "patient 1"]
    assert shown["group"][2] == shown["image_id"][2]  # an image that is its own group has one name
    assert table["group"][0] == NAME  # what was given stays as it is


def test_as_named_changes_nothing():
    names = naming.of(manifest(), "as_named", "patients")
    pd.testing.assert_frame_equal(names.table(manifest()), manifest())
    assert names.reason("'x' fits 2 files") == "'x' fits 2 files"


def test_pseudonyms_do_not_depend_on_the_order_of_rows_nor_tell_the_alphabet():
    many = [f"p{i:02d}.png" for i in range(40)]
    table = manifest(names=many, patients=[""] * 40)
    names, other = (naming.of(t, "pseudonyms", "patients") for t in (table, table[::-1]))
    shown = [names.image(name) for name in many]
    assert shown == [other.image(name) for name in many]
    assert len(set(shown)) == 40
    assert shown != sorted(shown)


def test_what_is_not_of_this_set_is_not_named_either():
    assert hidden().image("c/MustermannErika.png") == "another image"
    assert hidden().group(NAME + "2") == "another group"


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("folder 'Mustermann, Erika' is not among the classes", "folder ‹name› is not among the classes"),
     ("'MustermannErika' of t.csv fits 2 files", "‹name› of t.csv fits 2 files"),
     ("label 'cervix' is not among the classes", "label 'cervix' is not among the classes"),
     ("conflict: t.csv calls it 'a' and 'b'", "conflict: t.csv calls it 'a' and 'b'")],
)  # fmt: skip
def test_reasons_lose_file_and_folder_names_and_keep_classes(reason, shown):
    assert hidden().reason(reason) == shown


def test_a_set_shows_pseudonyms_unless_its_parameters_say_otherwise():
    assert Data(folder="x", layout="class_folders", classes=["a", "b"], positive="a").ids == "pseudonyms"


def check(tmp_path, words="", people=(), **changes):
    naming.write(hidden(**changes), tmp_path)
    return guard.name_check(tmp_path, words, people)


@pytest.mark.parametrize(
    "text",
    ["<td>MustermannErika_1.png</td>", "<p>MustermannErika: wrong</p>", '<img alt="a/MustermannErika_2.png">',
     "data:image/svg+xml;base64," + base64.b64encode(b"<text>MustermannErika_2</text>").decode()],
)  # fmt: skip
def test_a_page_that_names_a_file_or_a_group_is_refused_without_repeating_it(tmp_path, text):
    with pytest.raises(guard.NameOnPage, match=r"^\d file or group name") as refused:
        check(tmp_path)(text)
    assert "Mustermann" not in str(refused.value)


def test_a_page_of_pseudonyms_passes_unchanged(tmp_path):
    text = "<td>image 1</td><td>patient 1</td>x.png <img src='data:image/webp;base64,MustermannErika'>"
    assert check(tmp_path)(text) == text


def test_nothing_is_refused_where_names_may_be_shown(tmp_path):
    naming.write(naming.of(manifest(), "as_named", "patients"), tmp_path)
    assert guard.name_check(tmp_path, "")("MustermannErika_1.png") == "MustermannErika_1.png"


def test_a_group_called_like_a_word_of_the_notebook_is_no_name(tmp_path):
    text = "the elderly were tested"
    assert check(tmp_path, "Elderly or young?", patients=("elderly", "elderly", ""))(text) == text
    with pytest.raises(guard.NameOnPage):
        check(tmp_path, "", patients=("elderly", "elderly", ""))(text)


@pytest.mark.parametrize("text", ["mustermann 3", "folder MUSTERMANN_7", "xmustermannerika", "Erikas Herz: ERIKA"])
def test_names_of_dicom_headers_are_refused_however_they_are_written(tmp_path, text):
    with pytest.raises(guard.NameOnPage, match="DICOM headers") as refused:
        guard.name_check(tmp_path, "", ["MUSTERMANN^ERIKA"])(text)
    assert "rika" not in str(refused.value)


def test_codes_of_dicom_headers_are_refused_as_they_stand_and_not_in_pieces(tmp_path):
    check = guard.name_check(tmp_path, "the set is called LIDC-IDRI", ["LIDC-IDRI-0001", "12345678", "A1"])
    for text in ("case LIDC-IDRI-0001", "<td>12345678</td>"):
        with pytest.raises(guard.NameOnPage, match="1 name"):
            check(text)
    harmless = "images of LIDC-IDRI, 112345678 parameters, A1"
    assert check(harmless) == harmless


def test_a_person_whose_name_is_ordinary_words_is_only_refused_whole(tmp_path):
    passes = guard.name_check(tmp_path, "", ["TEST^IMAGE"])
    assert passes("the test part holds one image") == "the test part holds one image"
    with pytest.raises(guard.NameOnPage, match="1 name"):
        passes("Image, Test")


def test_names_csv_leads_the_owner_back_from_the_page_to_the_file(tmp_path):
    names = hidden()
    naming.write(names, tmp_path)
    table = pd.read_csv(tmp_path / naming.FILE, keep_default_na=False)
    back = table[table["kind"] == "image"].set_index("shown")["name"]
    assert back[names.image("b/x.png")] == "b/x.png"
    assert table[table["kind"] == "group"].values.tolist() == [["group", NAME, "patient 1"]]
