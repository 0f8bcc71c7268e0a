"""Masks lie where their images lie, labels are shuffled only where they are learned, and a broken map is found out."""

import numpy as np
import pandas as pd
import pytest
import torch

from scanbook import lesions, looking, neighbours, params
from scanbook.dataset import Dataset
from scanbook.loaders.prepare import prepare
from scanbook.models import map_checks, networks


@pytest.mark.parametrize(("fit", "resize"), [("pad", None), ("squeeze", None), ("crop", None), ("crop", 80)])
def test_a_mask_lands_on_the_pixels_of_its_image(fit, resize):
    image = np.zeros((120, 200), np.uint8)
    image[50:80, 90:130] = 255
    shown = prepare(image, size=64, fit=fit, colour="grey", equalise="none", resize=resize)[..., 0]
    assert ((shown >= 128) == lesions.placed(image > 0, size=64, fit=fit, resize=resize)).all()
    assert lesions.placed(image > 0, size=64, fit=fit, resize=resize).any()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Drawn chest films of a published split, in which a patient has one label."""
    return Dataset(params.load("xray", "sample", {"cap_per_class": 40}), tmp_path_factory.mktemp("root"))


def test_shuffled_labels_change_places_in_training_and_validation_only(data):
    scheme = data.experiment.split.scheme
    seen = np.concatenate([data.rows(scheme, 0, part) for part in ("train", "val")])
    shuffled, rest = data.labels_for("shuffled", seen, 0), np.setdiff1d(np.arange(len(data.used)), seen)
    assert (shuffled[rest] == data.labels[rest]).all()
    assert 0.2 < (shuffled[seen] != data.labels[seen]).mean() < 0.8
    assert (data.labels_for("shuffled", seen, 0) == shuffled).all()
    assert (data.labels_for("shuffled", seen, 1) != shuffled).any()
    assert (data.labels_for("as_given") == data.labels).all()


def test_a_patient_of_one_label_keeps_one_and_classes_keep_their_number_of_patients(data):
    seen = np.concatenate([data.rows(data.experiment.split.scheme, 0, part) for part in ("train", "val")])
    dealt = pd.Series(data.labels_for("shuffled", seen, 0)[seen]).groupby(data.used["group"].to_numpy()[seen])
    given = pd.Series(data.labels[seen]).groupby(data.used["group"].to_numpy()[seen])
    assert (dealt.nunique() == 1).all()
    assert sorted(dealt.first()) == sorted(given.first())


def test_an_arm_that_questions_maps_is_no_candidate():
    arms = params.load("xray", "quick").arms
    assert {name for name, arm in arms.items() if arm.aside} >= {"doubts", "shuffled"}
    assert not any(arms[name].aside for name in ("resnet", "vgg", "source", "random_split"))


def test_images_are_chosen_class_by_class_and_patient_by_patient_whatever_their_order():
    table = pd.DataFrame({"image_id": [f"i{n:02d}" for n in range(24)], "label": ["a"] * 18 + ["b"] * 6,
                          "group": [f"p{n // 3}" for n in range(24)]})  # fmt: skip
    chosen = looking.chosen(table, 8)
    assert chosen["label"].value_counts().to_dict() == {"a": 4, "b": 4}
    assert chosen[chosen["label"] == "a"]["group"].nunique() == 4
    again = looking.chosen(table.sample(frac=1, random_state=3), 8)
    assert chosen["image_id"].tolist() == again["image_id"].tolist()


def test_an_edge_detector_that_passes_for_a_map_is_found_out():
    network = networks.build("small_cnn", 2, channels=1, seed=0, image_size=32).eval()
    images = torch.rand(24, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    found = looking.examine(network, images, [0, 1] * 12, explain=map_checks.edge_map, shuffled=network)
    groups, labels = [f"p{n}" for n in range(24)], ["a", "b"] * 12
    checks, (state, sentence), rows = looking.judged(found, groups, labels, "an edge detector")
    ended = checks.set_index("metric")["outcome"]
    assert ended[["map_randomised", "map_shuffled", "map_edges"]].tolist() == ["failed"] * 3
    assert state == "fails"
    assert "it hardly changes when the weights are drawn anew" in sentence
    assert {"map_cascade:last layer", "map_cascade:all layers", "map_blob"} <= set(rows["metric"])


def test_mistakes_are_the_worst_the_surest_wrong_the_closest_calls_and_beside_them_the_surest_right():
    probs = np.array(
        [[0.98, 0.01, 0.01], [0.30, 0.69, 0.01], [0.10, 0.05, 0.85], [0.49, 0.48, 0.03], [0.9, 0.05, 0.05]]
    )
    table = pd.DataFrame(probs, columns=["p_a", "p_b", "p_c"]).assign(
        image_id=list("vwxyz"), group=list("12345"), truth=[0, 0, 1, 0, 1], predicted=probs.argmax(1)
    )
    found = neighbours.mistakes(table, ["a", "b", "c"], 1).set_index("kind")["image_id"].to_dict()
    assert found["worst"] in ("x", "z")  # both gave the truth 0.05
    assert found["sure"] == {"x": "z", "z": "x"}[found["worst"]]
    assert found["near"] == "y"
    assert found["right"] == "v"


def test_the_nearest_training_image_points_the_same_way():
    features = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 3.0], [np.nan, np.nan], [0.5, 0.6]], dtype=np.float32)
    rows, cosines = neighbours.nearest(features, np.array([0]), np.array([1, 2, 4]), 2)
    assert rows.tolist() == [[1, 4]]
    assert cosines[0, 0] > 0.99


def test_the_map_of_features_keeps_the_two_widest_directions_and_does_not_depend_on_where_zero_is():
    rng = np.random.default_rng(0)
    wide = np.c_[5 * rng.normal(size=50), 2 * rng.normal(size=50), 0.01 * rng.normal(size=(50, 3))]
    places, shares = neighbours.principal(wide)
    assert abs(np.corrcoef(places[:, 0], wide[:, 0])[0, 1]) > 0.99
    assert 0.99 < shares.sum() <= 1
    np.testing.assert_allclose(neighbours.principal(wide + 100)[0], places, atol=1e-6)
