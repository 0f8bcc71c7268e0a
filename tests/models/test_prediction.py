import numpy as np
import pytest
import safetensors.torch
import torch
from models.toys import Batches, toy_batches

from scanbook.models.networks import build
from scanbook.models.prediction import load_network, predict_logits, save_network

GREY = {"channels": 1, "mean": [0.4], "std": [0.2]}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", ["separable_cnn", "resnet18"])
def test_batch_size_and_order_change_no_logit(name):
    network = build(name, 3, image_size=32, dropout=0.5, seed=0, **GREY).lay_out("cpu", True)
    one_by_one = predict_logits(network, toy_batches(12, batch=1), n_rows=12)
    for batches in (toy_batches(12, batch=5), toy_batches(12, batch=12, shuffle=True)):
        np.testing.assert_allclose(predict_logits(network, batches, n_rows=12), one_by_one, atol=1e-5)
    assert one_by_one.dtype == np.float32
    assert one_by_one.shape == (12, 3)


def test_predicting_twice_gives_the_same_and_leaves_the_network_as_it_was():
    network = build("separable_cnn", 2, image_size=32, seed=0, **GREY).train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    a, b = (predict_logits(network, toy_batches(6), n_rows=6) for _ in range(2))
    assert np.array_equal(a, b)
    assert network.training
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_rows_are_kept_and_images_nobody_asked_about_get_no_number():
    network = build("small_cnn", 2, image_size=32, seed=0, **GREY)
    images, labels = (part[[4, 2]] for part in (toy_batches(6).images, toy_batches(6).labels))

    class Two(Batches):
        def epoch(self, e):
            yield self.images, self.labels, torch.tensor([4, 2])

    logits = predict_logits(network, Two(images, labels), n_rows=6)
    everything = predict_logits(network, toy_batches(6), n_rows=6)
    np.testing.assert_allclose(logits[[2, 4]], everything[[2, 4]], atol=1e-5)
    assert np.isnan(logits[[0, 1, 3, 5]]).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "small_cnn", "image_size": 32},
        {"name": "mobilenet_v2", "dropout": 0.2},
        {"name": "alexnet", "head": "own"},
    ],
)
def test_a_saved_network_comes_back_whole(tmp_path, arguments):
    network = build(**arguments, n_classes=2, seed=0, **GREY)
    size = arguments.get("image_size", 64)
    save_network(network, network.state_dict(), tmp_path / "best.safetensors", classes=["a", "b"], epoch=3)
    again, classes = load_network(tmp_path)
    batches = toy_batches(4, size=size)
    assert classes == ["a", "b"]
    assert np.array_equal(predict_logits(again, batches, n_rows=4), predict_logits(network, batches, n_rows=4))


def test_a_missing_or_foreign_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="train this run first"):
        load_network(tmp_path)
    safetensors.torch.save_file({"a": torch.ones(1)}, tmp_path / "best.safetensors")
    with pytest.raises(ValueError, match="not written by scanbook's training"):
        load_network(tmp_path / "best.safetensors")
