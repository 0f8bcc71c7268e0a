"""An ONNX file answers as the network it was written from, for any number of images, or that is found out."""

import json

import numpy as np
import pytest
import torch

from scanbook.models import exchange
from scanbook.models.networks import build

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def network_of(name, classes=3, channels=1, seed=0):
    mean = [0.3] * channels
    return build(name, classes, channels=channels, mean=mean, std=[0.2] * channels, image_size=32, seed=seed).eval()


@pytest.mark.parametrize(
    ("name", "channels"), [("resnet18", 1), ("vgg16_bn", 1), ("densenet121", 1), ("separable_cnn", 1), ("small_cnn", 3)]
)
def test_every_family_answers_alike_whatever_the_number_of_images(tmp_path, name, channels):
    network, file = network_of(name, channels=channels), tmp_path / "network.onnx"
    exchange.write_onnx(network, file, size=32, about={"classes": ["a", "b", "c"], "name": name})
    batches = [torch.rand(n, channels, 32, 32) for n in (1, 2, 5)]
    worst, n = exchange.largest_difference(network, file, batches)
    assert n == 8
    assert worst < 1e-5
    found = {entry.key: entry.value for entry in onnx.load(str(file)).metadata_props}
    assert json.loads(found["classes"]) == ["a", "b", "c"]
    assert found["name"] == name


def test_normalisation_lies_inside_and_the_network_is_left_as_it_was(tmp_path):
    import onnxruntime

    network, file = network_of("small_cnn").lay_out("cpu", True).train(), tmp_path / "network.onnx"
    exchange.write_onnx(network, file, size=32, about={})
    assert network.training
    assert network.channels_last
    images = torch.rand(4, 1, 32, 32)
    logits, probs = onnxruntime.InferenceSession(str(file)).run(None, {"images": images.numpy()})
    with torch.inference_mode():
        assert np.allclose(logits, network.eval()(images).numpy(), atol=1e-5)
    assert np.allclose(probs.sum(1), 1, atol=1e-6)


def test_another_networks_file_is_found_out(tmp_path):
    file = tmp_path / "network.onnx"
    exchange.write_onnx(network_of("small_cnn", seed=1), file, size=32, about={})
    assert exchange.largest_difference(network_of("small_cnn", seed=0), file, [torch.rand(4, 1, 32, 32)])[0] > 1e-3


def test_without_the_packages_the_error_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "NEEDED", ("onnx", "no_such_package"))
    with pytest.raises(ValueError, match=r"no_such_package; install: pip install 'scanbook\[onnx\]'"):
        exchange.write_onnx(network_of("small_cnn"), tmp_path / "network.onnx", size=32, about={})
    assert not list(tmp_path.iterdir())
