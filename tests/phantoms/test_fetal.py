"""Fetal phantoms: a label table that is wrong where it says so, and planes that only anatomy tells apart."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from scanbook.phantoms import fetal, make_phantoms


@pytest.fixture(scope="module")
def frames():
    return [frame for index in range(100) for frame in fetal.patient_frames(index, 100, 12)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fetal")
    make_phantoms("fetal", folder, seed=12, patients=60)
    return folder


def test_names_are_the_real_sets_and_their_code_tells_the_true_plane(frames):
    meaning = {2: "Fetal abdomen", 3: "Fetal brain", 5: "Fetal femur", 6: "Fetal thorax"}
    for frame in frames:
        found = re.fullmatch(r"images/Patient(\d{5})_Plane([2356])_(\d)_of_(\d)\.png", frame.image_id)
        assert found
        assert meaning[int(found[2])] == frame.truth["true_label"]
        assert 1 <= int(found[3]) <= int(found[4]) <= 3


def test_patients_have_one_to_three_images_and_some_show_two_planes(frames):
    table = pd.DataFrame({"patient": [f.patient for f in frames], "plane": [f.truth["true_label"] for f in frames]})
    assert set(table.groupby("patient").size()) == {1, 2, 3}
    assert table.groupby("patient")["plane"].nunique().max() > 1


def test_the_table_joined_by_name_is_right_but_for_the_planted_errors(made):
    table = pd.read_csv(made / "fetal" / "image_label.csv").set_index("Image_name")["Plane"]
    truth = pd.read_csv(made / "truth" / "fetal.csv")
    truth.index = truth["image_id"].str.extract(r"/(.+)\.png$")[0]
    assert table.index.is_unique
    missing = table.index.difference(truth.index)
    assert len(missing) == 2
    assert (table.loc[truth.index] == truth["label"]).all()
    wrong = truth[truth["label"] != truth["true_label"]]
    assert 0.005 < len(wrong) / len(truth) < 0.08
    kinds = set(zip(wrong["true_label"], wrong["label"], strict=True))
    assert kinds <= {(true, label) for true, (label, _) in fetal.WRONG.items()}


def test_the_table_is_in_another_order_than_the_files(made):
    table = pd.read_csv(made / "fetal" / "image_label.csv")
    names = sorted(path.stem for path in (made / "fetal" / "images").iterdir())
    by_position = (table["Image_name"][: len(names)].to_numpy() == np.array(names)).mean()
    assert by_position < 0.05


def test_the_table_has_the_sources_line_ends_and_header(made):
    content = (made / "fetal" / "image_label.csv").read_bytes()
    assert content.startswith(b"Image_name,Plane\r\n")
    assert content.count(b"\n") == content.count(b"\r\n")


def test_about_three_in_a_hundred_labels_are_wrong():
    expected = sum(share * fetal.WRONG[plane][1] for plane, share in fetal.SHARES.items())
    assert 0.025 < expected < 0.04
    assert sum(fetal.SHARES.values()) == pytest.approx(1.0)


def test_each_image_has_its_structure_inside_the_frame(frames):
    for frame in frames:
        assert 0.002 < frame.mask.mean() < 0.6, frame.image_id
        rows, columns = np.nonzero(frame.mask)
        height, width = frame.mask.shape
        assert 0.05 * height < rows.mean() < 0.95 * height
        assert 0.05 * width < columns.mean() < 0.95 * width


def test_neither_mean_grey_nor_size_tells_the_plane(frames):
    planes = np.array([frame.truth["true_label"] for frame in frames])
    rules = (
        [frame.image.mean() for frame in frames],
        [frame.image.shape[0] for frame in frames],
        [frame.image.shape[1] / frame.image.shape[0] for frame in frames],
    )
    for rule in rules:
        ranks, found = rankdata(rule), []
        for plane in sorted(set(planes)):
            own, n = planes == plane, (planes == plane).sum()
            area = (ranks[own].sum() - n * (n + 1) / 2) / (n * (len(planes) - n))
            found.append(max(area, 1 - area))
        assert np.mean(found) < 0.65
