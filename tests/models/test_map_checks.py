"""A spoilt network has another map, an edge detector does not, and taking out what decides costs the answer."""

import numpy as np
import pytest
import torch
from models.test_attribution import of_convolution
from models.toys import toy_batches

from scanbook.models import map_checks, networks
from scanbook.models.attribution import grad_cam
from scanbook.models.features import features_of


def bright_spots(n=12, side=16, seed=0):
    """Dark images with one bright spot each, and where it is."""
    rng = np.random.default_rng(seed)
    images, places = torch.zeros(n, 1, side, side), rng.integers(0, side, (n, 2))
    for image, (y, x) in zip(images, places, strict=True):
        image[0, y, x] = 1
    return images, places


@pytest.fixture(scope="module")
def small():
    return networks.build("small_cnn", 2, channels=1, seed=0, image_size=32).eval()


def test_the_cascade_begins_at_the_last_layer_and_ends_with_nothing_learned(small):
    images = torch.rand(4, 1, 32, 32)
    found = map_checks.cascade(small, images, [0, 1, 0, 1], seed=9, steps=4)
    assert next(iter(found)) == "last layer"
    assert list(found)[-1] == "all layers"
    untrained = networks.build("small_cnn", 2, channels=1, seed=9, image_size=32).eval()
    np.testing.assert_allclose(found["all layers"], grad_cam(untrained, images, [0, 1, 0, 1]).numpy(), rtol=1e-5)
    assert not np.allclose(found["last layer"], grad_cam(small, images, [0, 1, 0, 1]).numpy())


def test_an_edge_detector_asked_as_a_map_never_changes(small):
    images = torch.rand(4, 1, 32, 32)
    found = map_checks.cascade(small, images, [0] * 4, seed=9, explain=map_checks.edge_map)
    assert all((maps == found["last layer"]).all() for maps in found.values())


def test_edges_lie_where_the_grey_level_changes_and_nowhere_in_an_even_image():
    image = torch.zeros(2, 1, 64, 64)
    image[0, :, :, 40:] = 1
    found = map_checks.edge_map(None, image, cells=8)
    assert set(found[0].argmax(1).tolist()) <= {4, 5}
    assert float(found[1].max()) == 0


def test_the_blob_is_highest_in_the_middle_and_alike_on_all_sides():
    blob = map_checks.blob_map(3, 7)
    assert blob.shape == (3, 7, 7)
    assert int(blob[0].argmax()) == 3 * 7 + 3
    torch.testing.assert_close(blob, blob.flip(1, 2))


def test_taking_out_what_decides_costs_more_than_chance_and_a_misleading_map_costs_less():
    network = of_convolution([1.0], [[0.0], [2000.0]], [3.0, 0.0])
    images, places = bright_spots()
    there = np.zeros((12, 16, 16))
    there[np.arange(12), places[:, 0], places[:, 1]] = 1
    kept = map_checks.deletion(network, images, [1] * 12, there, seed=0)
    assert kept[:, 0].mean() < kept[:, 1].mean() - 0.1
    kept = map_checks.deletion(network, images, [1] * 12, 1 - there, seed=0)  # points everywhere else
    assert kept[:, 0].mean() > kept[:, 1].mean()


def test_a_flat_map_takes_out_at_random(small):
    images = torch.rand(40, 1, 32, 32)
    kept = map_checks.deletion(small, images, [0] * 40, np.zeros((40, 8, 8)), seed=0)
    assert abs(kept[:, 0] - kept[:, 1]).max() > 0  # another random order, not the same
    assert abs((kept[:, 0] - kept[:, 1]).mean()) < 0.01


def test_features_are_what_enters_the_last_layer_row_by_row(small):
    batches = toy_batches(6, batch=4)
    found = features_of(small, batches, n_rows=8)
    assert found.shape == (8, 64)
    assert np.isnan(found[6:]).all()
    with torch.no_grad():
        logits = small.head[-1](torch.from_numpy(found[:6]))
        torch.testing.assert_close(logits, small(batches.images), rtol=1e-4, atol=1e-5)
    assert not small.head[-1]._forward_pre_hooks
