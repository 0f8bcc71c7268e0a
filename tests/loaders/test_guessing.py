"""What a folder seems to be is guessed where names leave no doubt, asked where they do, and refused where nothing helps."""

import itertools
import re

import pytest

from scanbook.loaders.guesses.folders import levels_of
from scanbook.loaders.guesses.names import find_masks, find_patients, find_prefix_classes, running_numbers
from scanbook.loaders.guesses.tables import read_columns
from scanbook.loaders.guessing import guess_folder
from scanbook.loaders.label_table import Columns


def files(*folders, names=("1.png", "2.png", "3.png")):
    return [f"{folder}/{name}" for folder in folders for name in names]


def keys(guess):
    return [key for _, key in guess.questions]


def test_class_folders_are_classes():
    guess = guess_folder(files("sick", "well"), {})
    assert (guess.layout, list(guess.classes), guess.images, guess.made) == (
        "class_folders",
        ["sick", "well"],
        ".",
        False,
    )
    assert {(item.path, item.label) for item in guess.items} >= {("sick/1.png", "sick"), ("well/3.png", "well")}


def test_a_folder_around_all_images_is_named_and_not_taken_for_a_class():
    guess = guess_folder(files("chest/chest/sick", "chest/chest/well"), {})
    assert (guess.images, list(guess.classes)) == ("chest/chest", ["sick", "well"])


@pytest.mark.parametrize("parts", [("train", "val", "test"), ("Training", "Validation", "Testing"), ("TRAIN", "test")])
def test_folders_of_parts_are_a_given_split_however_they_are_spelt(parts):
    guess = guess_folder(files(*(f"{part}/{label}" for part in parts for label in ("sick", "well"))), {})
    assert (guess.layout, guess.made) == ("split_folders", False)
    assert {item.split for item in guess.items} == {"train", "test"} | ({"val"} if len(parts) == 3 else set())


def test_parts_without_a_test_part_are_asked_about_and_dealt_anew():
    guess = guess_folder(files("train/sick", "train/well", "val/sick", "val/well"), {})
    assert guess.made
    assert {item.split for item in guess.items} == {""}
    assert "split.scheme" in keys(guess)


def test_a_class_above_the_part_is_read_and_needs_a_table():
    guess = guess_folder(files("sick/train", "sick/test", "well/train", "well/test"), {})
    assert guess.made
    assert {(item.label, item.split) for item in guess.items} == set(
        itertools.product(("sick", "well"), ("train", "test"))
    )


def test_folders_of_patients_inside_classes_are_groups():
    people = [f"{label}/p{i:02d}" for i, label in enumerate(["sick", "well"] * 10)]
    guess = guess_folder(files(*people), {})
    assert guess.made  # no layout reads a patient from a folder
    assert len({item.patient for item in guess.items}) == 20
    assert list(guess.classes) == ["sick", "well"]


def test_patients_above_classes_are_told_from_classes():
    guess = guess_folder(files(*(f"case_{i}/{label}" for i in range(14) for label in ("a", "b"))), {})
    assert list(guess.classes) == ["a", "b"]
    assert len({item.patient for item in guess.items}) == 14


def test_a_few_numbered_folders_are_grades():
    assert levels_of(files("0", "1", "2", "3", "4")).label == 0


def test_headers_go_before_everything_else_and_need_a_table():
    images = files("sick/patient01_x", "well/patient02_x")
    guess = guess_folder(images, {}, headers=dict.fromkeys(images[:3], "A") | dict.fromkeys(images[3:], "B"))
    assert guess.made
    assert {item.patient for item in guess.items} == {"A", "B"}


# names


def by_names(*names, label="sick"):
    return {f"{label}/{name}": label for name in names}


def test_a_beginning_that_images_of_a_class_share_is_the_patient():
    labels = by_names(*(f"patient{i:04d}_{phase}.png" for i in range(6) for phase in ("ED", "ES")))
    found = find_patients(labels)
    assert {re.match(found.pattern, path.split("/")[1]).group() for path in labels} == {
        f"patient{i:04d}" for i in range(6)
    }


def test_a_constant_number_is_not_the_patient_but_the_next_one_is():
    found = find_patients(by_names(*(f"14_{i:03d}_{k}_neg.png" for i in range(6) for k in range(2))))
    assert re.match(found.pattern, "14_003_1_neg.png")[1] == "14_003"


def test_a_patient_may_show_several_classes_where_the_names_say_patient():
    names = [f"Patient{i:05d}_{k}.png" for i in range(6) for k in range(2)]
    labels = {f"{('brain', 'femur')[k % 2]}/{name}": ("brain", "femur")[k % 2] for k, name in enumerate(names)}
    assert find_patients(labels).pattern
    unnamed = {path.replace("Patient", ""): label for path, label in labels.items()}
    assert find_patients(unnamed).pattern == ""  # 00003_1 of one class and 00003_0 of the other may be strangers


def test_names_of_several_kinds_share_one_pattern():
    people = [f"person{i}_virus_{i * 3 + k}.jpeg" for i in range(5) for k in range(3)]
    films = [f"IM-{i:04d}-000{k}.jpeg" for i in range(5) for k in range(2)]
    pattern = find_patients(by_names(*people) | by_names(*films, label="well")).pattern
    assert [re.match(pattern, name)[1] for name in ("person4_virus_9.jpeg", "IM-0003-0001.jpeg")] == [
        "person4",
        "IM-0003",
    ]


@pytest.mark.parametrize(
    "labels",
    [by_names(*(f"img_{i:03d}.png" for i in range(20))),  # a running number
     by_names(*(f"case ({i}).png" for i in range(20))),
     by_names(*(f"2019031{i}_{k}.png" for i in range(9) for k in range(3))),  # a date
     by_names(*(f"site{i}_{k}.png" for i in range(3) for k in range(9))),  # three groups
     by_names(*(f"{i}_1.png" for i in range(20))) | by_names(*(f"{i}_1.png" for i in range(20)), label="well"),
     by_names(*(f"{'abcdefghij'[i]}x{i}y{i}{'klmnopqrst'[i]}_1.png" for i in range(10)))],
)  # fmt: skip
def test_what_is_not_certain_is_no_patient(labels):
    assert find_patients(labels).pattern == ""


def test_without_patients_every_image_is_its_own_group_and_that_is_asked():
    guess = guess_folder(files("sick", "well"), {})
    assert guess.group == ""
    assert {item.patient for item in guess.items} == {""}
    assert any("every image is its own group" in sentence for sentence, key in guess.questions if key == "data.group")


def test_running_numbers_are_asked_about():
    names = [f"slice ({i}).png" for i in range(1, 31)]
    assert "data.runs" in keys(guess_folder(files("sick", "well", names=names), {}))
    assert not running_numbers({f"{7919 * i % 99991:06d}.png": "" for i in range(1, 60)})


def test_masks_beside_images_are_set_aside_by_a_pattern_and_images_are_not():
    names = ["benign (1).png", "benign (1)_mask.png", "benign (1)_mask_1.png", "benign (2).png", "unmasked.png"]
    pattern = find_masks(names)
    assert [bool(re.search(pattern, name)) for name in names] == [False, True, True, False, False]
    assert find_masks(["facemask.png", "gas_mask.png"]) == ""  # no image of that name: these are the images


def test_a_folder_of_masks_is_set_aside():
    guess = guess_folder(files("a/images", "a/masks", "b/images", "b/masks"), {})
    assert len(guess.items) == 6
    assert all(re.search(guess.exclude, path) for path in files("a/masks"))
    assert not any(re.search(guess.exclude, path) for path in files("a/images", "unmasked"))


def test_a_class_at_the_beginning_of_the_names_counts_when_it_is_certain():
    certain = [f"{word}_{i}.png" for word in ("normal", "tumour") for i in range(5)]
    assert set(find_prefix_classes(certain).values()) == {"normal", "tumour"}
    assert guess_folder(certain, {}).made
    assert find_prefix_classes([*certain, "readme.png"]) == {}
    assert find_prefix_classes([f"{word}_{i}.png" for word in ("img", "scan") for i in range(5)]) == {}


# tables

IMAGES = [f"images/{i:03d}.png" for i in range(12)]


def table(header, *columns):
    return list(header), [list(map(str, row)) for row in zip(*columns, strict=True)]


def stems():
    return [f"{i:03d}" for i in range(12)]


ONE_TWO = ["one", "two"] * 6


@pytest.mark.parametrize("name", ["image", "path", "filename", "file_name", "Image Name", "id", "anything"])
@pytest.mark.parametrize("label", ["label", "Class", "target", "finding", "diagnosis"])
def test_the_usual_columns_are_recognised(name, label):
    guess = guess_folder(IMAGES, {"t.csv": table([name, label], stems(), ONE_TWO)})
    assert (guess.columns.name, guess.columns.label, guess.table, guess.images) == (name, label, "t.csv", "images")
    assert {item.path: item.label for item in guess.items}["images/001.png"] == "two"


@pytest.mark.parametrize("patient", ["patient_id", "PatientID", "patient", "subject", "subject_id", "study"])
def test_patient_and_part_columns_are_recognised(patient):
    parts = ["Training", "Testing", "dev"] * 4
    columns = table(["image", "label", patient, "fold"], stems(), ONE_TWO, [i // 2 for i in range(12)], parts)
    guess = guess_folder(IMAGES, {"t.csv": columns})
    assert (guess.columns.patient, guess.columns.split) == (patient, "fold")
    assert guess.items[3].patient == "1"
    assert [item.split for item in guess.items[:3]] == ["train", "test", "val"]
    assert ("data.patient_column" in keys(guess)) == (patient == "study")


def test_numbered_folds_are_no_parts_and_asked_about():
    guess = guess_folder(
        IMAGES, {"t.csv": table(["image", "label", "fold"], stems(), ONE_TWO, [i % 3 for i in range(12)])}
    )
    assert guess.columns.split == ""
    assert "data.split_column" in keys(guess)


def test_absolute_paths_of_another_machine_fit():
    paths = [rf"D:\study\images\{i:03d}.png" for i in range(12)]
    assert len(guess_folder(IMAGES, {"t.csv": table(["path", "label"], paths, ONE_TWO)}).items) == 12


def test_numbers_that_mean_words_are_read_as_words():
    words = ["benign" if i % 3 else "malignant" for i in range(12)]
    numbers = [0 if i % 3 else 1 for i in range(12)]
    guess = guess_folder(IMAGES, {"t.csv": table(["image", "target", "benign_malignant"], stems(), numbers, words)})
    assert list(guess.classes) == ["benign", "malignant"]


def test_one_column_a_class_with_a_single_1_is_one_label():
    first = [int(i % 2 == 0) for i in range(12)]
    guess = guess_folder(IMAGES, {"t.csv": table(["image", "MEL", "NV"], stems(), first, [1 - k for k in first])})
    assert guess.made
    assert [item.label for item in guess.items[:2]] == ["MEL", "NV"]


def refused(columns, match, **how):
    with pytest.raises(ValueError, match=match) as error:
        guess_folder(IMAGES, {"t.csv": columns}, **how)
    assert "t.csv" in str(error.value)


def test_several_findings_a_row_are_refused_and_one_of_them_can_be_the_question():
    columns = table(["Path", "Edema", "Effusion"], stems(), [1.0, 0.0, ""] * 4, [1.0, "", 0.0] * 4)
    refused(columns, r"2 columns of 0 and 1 .*--label-column 'Effusion'")
    guess = guess_folder(IMAGES, {"t.csv": columns}, wanted=Columns("", "Edema"))
    assert guess.classes == {"0.0": "no Edema", "1.0": "Edema"}
    assert len(guess.items) == 8  # what is neither 0 nor 1 is not known


def test_labels_joined_in_one_cell_are_refused_and_a_comma_in_a_name_is_not():
    joined = ["Mass|Nodule", "Mass|Effusion", "None"] * 4
    refused(table(["image", "Finding Labels"], stems(), joined), r"8 of 12 rows carry several labels.*Mass\|Effusion")
    named = ["adenoma, villous", "adenoma, tubular", "normal"] * 4
    assert len(guess_folder(IMAGES, {"t.csv": table(["image", "label"], stems(), named)}).classes) == 3


def test_lists_of_findings_with_several_rows_an_image_are_refused():
    columns = table(["image", "label"], [stem for stem in stems() for _ in range(2)], ["Mass", "Nodule"] * 12)
    refused(columns, "12 of 12 images have several rows with different labels")


def test_measurements_are_refused():
    images = [f"{i}.png" for i in range(40)]
    with pytest.raises(ValueError, match=r"40 different numbers, 20 to 78\.5: a measurement.*--label-column"):
        guess_folder(images, {"t.csv": table(["image", "target"], range(40), [20 + 1.5 * i for i in range(40)])})


def test_a_single_class_is_refused():
    refused(table(["image", "label"], stems(), ["sick"] * 12), r"'label' holds 1 class \(sick\).*two are needed")
    with pytest.raises(ValueError, match="All lie in sick/: one class alone"):
        guess_folder(files("sick", names=stems()), {})


def test_a_table_that_only_repeats_the_folders_is_not_needed_and_one_that_knows_patients_is():
    images = files("sick", "well")
    labels = [path.split("/")[0] for path in images]
    assert guess_folder(images, {"t.csv": table(["image", "label"], images, labels)}).layout == "class_folders"
    knows = table(["image", "label", "patient"], images, labels, "aabbcc")
    assert guess_folder(images, {"t.csv": knows}).columns.patient == "patient"


def test_a_table_about_something_else_is_left_alone():
    people = table(["doctor", "label"], ["Ann", "Bob"], ["one", "two"])
    assert guess_folder(files("sick", "well"), {"t.csv": people}).layout == "class_folders"
    assert read_columns("t.csv", *people, files=files("sick")) is None


def test_a_table_that_was_named_must_fit():
    with pytest.raises(ValueError, match=r"no column names the files.*doctor, label.*images/000\.png.*--name-column"):
        guess_folder(IMAGES, {"t.csv": table(["doctor", "label"], ["Ann", "Bob"], ["one", "two"])}, given="t.csv")


def test_a_column_that_is_not_there_is_said():
    with pytest.raises(ValueError, match="no column 'Plane'; found: image, label"):
        guess_folder(
            IMAGES, {"t.csv": table(["image", "label"], stems(), ONE_TWO)}, given="t.csv", wanted=Columns("", "Plane")
        )


def test_classes_too_small_for_three_parts_are_left_out_and_said():
    labels = ["a"] * 5 + ["b"] * 5 + ["rare"] * 2
    guess = guess_folder(IMAGES, {"t.csv": table(["image", "label"], stems(), labels)})
    assert list(guess.classes) == ["a", "b"]
    assert any("rare" in sentence for sentence, key in guess.questions if key == "data.classes")


def test_images_without_any_label_are_refused_with_what_would_help():
    with pytest.raises(ValueError, match=r"nothing that says two classes.*--labels"):
        guess_folder([f"scan{i}.png" for i in range(9)], {})
