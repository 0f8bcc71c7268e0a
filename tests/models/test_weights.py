import urllib.error

import pytest
import safetensors.torch
import torch
import torchvision.models

from scanbook.models.networks import build
from scanbook.models.weights import WeightsUnavailable, load_matching


@pytest.fixture(scope="module")
def squeezenet_files(tmp_path_factory):
    """A state dict of a published network, as float16 safetensors and as .pth inside a checkpoint."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(7)
    state = torchvision.models.squeezenet1_0().state_dict()
    safetensors.torch.save_file({k: v.half() for k, v in state.items()}, folder / "squeeze.safetensors")
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, folder / "squeeze.pth")
    return folder, state


@pytest.mark.parametrize("name", ["squeeze.safetensors", "squeeze.pth"])
def test_a_file_fills_the_backbone_and_the_classifier_is_new(squeezenet_files, name):
    folder, state = squeezenet_files
    network = build("squeezenet1_0", 3, weights=name, weights_dir=folder)
    weight = network.backbone.features[0].weight
    assert weight.dtype == torch.float32
    assert torch.allclose(weight, state["features.0.weight"], atol=1e-3)
    assert network.head[1].weight.shape == (3, 512)
    assert network.report == f"{name}: 52 of 52 entries matched; missing: none; unexpected: none; other shape: none"


def test_a_path_or_a_name_without_ending_finds_the_file_too(squeezenet_files):
    folder, _ = squeezenet_files
    assert "52 of 52" in build("squeezenet1_0", 2, weights=str(folder / "squeeze.pth")).report
    assert "52 of 52" in build("squeezenet1_0", 2, weights="squeeze", weights_dir=folder).report


def test_missing_unexpected_and_reshaped_entries_are_named():
    network = torchvision.models.squeezenet1_0()
    state = network.state_dict()
    state["extra.weight"] = state.pop("features.0.weight")
    state["classifier.1.bias"] = torch.zeros(4)
    report = load_matching(network, state, "file")
    assert report == (
        "file: 50 of 52 entries matched; missing: features.0.weight; unexpected: extra.weight; "
        "other shape: classifier.1.bias"
    )


def test_weights_of_another_network_are_refused(squeezenet_files):
    with pytest.raises(ValueError, match=r"0 of 102 entries matched.*Less than half match"):
        build("resnet18", 2, weights="squeeze.pth", weights_dir=squeezenet_files[0])


def test_old_names_of_densenet_files_are_understood():
    network = torchvision.models.densenet121()
    renamed = {k.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): v for k, v in network.state_dict().items()}
    assert "missing: none" in load_matching(network, renamed, "old file")


def test_a_run_of_ours_can_be_started_from():
    earlier = build("small_cnn", 4, seed=1)
    later = build("small_cnn", 2, seed=2)
    load_matching(later.backbone, earlier.state_dict(), "earlier run")
    assert torch.equal(later.backbone.convolutions[0].weight, earlier.backbone.convolutions[0].weight)


def test_a_missing_file_is_answered_with_what_the_folder_holds(squeezenet_files):
    with pytest.raises(WeightsUnavailable, match=r"no weights file 'vgg': .*holds squeeze.pth, squeeze.safetensors"):
        build("vgg16", 2, weights="vgg", weights_dir=squeezenet_files[0])
    with pytest.raises(WeightsUnavailable, match="WEIGHTS_DIR is not set"):
        build("vgg16", 2, weights="vgg.pth")


def test_a_file_without_tensors_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "odd.pth")
    with pytest.raises(ValueError, match=r"odd.pth: holds no tensors by name"):
        build("small_cnn", 2, weights="odd.pth", weights_dir=tmp_path)


def test_imagenet_weights_without_a_network_name_the_ways_out_and_no_path(monkeypatch, tmp_path, capfd):
    def refuse(*_, **__):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsUnavailable) as caught:
        build("resnet18", 2, weights="imagenet")
    for way in ("connect", "resnet18-f37072fd.pth into $TORCH_HOME/hub/checkpoints", "WEIGHTS_DIR", "weights: none"):
        assert way in str(caught.value)
    assert str(tmp_path) not in "".join([str(caught.value), *capfd.readouterr()])


def test_imagenet_weights_in_torchs_cache_need_no_network(monkeypatch, tmp_path):
    state = torchvision.models.squeezenet1_1().state_dict()
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    torch.save(state, tmp_path / "hub/checkpoints/squeezenet1_1-b8a52dc0.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    network = build("squeezenet1_1", 2, weights="imagenet")
    assert torch.equal(network.backbone.features[0].weight, state["features.0.weight"])
    assert "SqueezeNet1_1_Weights.IMAGENET1K_V1: 52 of 52" in network.report
