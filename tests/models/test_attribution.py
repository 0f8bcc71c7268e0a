"""A map is computed as published, for every family, and asking for it leaves no trace in the network."""

import numpy as np
import pytest
import torch
from torch import nn

from scanbook.models import networks
from scanbook.models.attribution import NoMap, grad_cam, layer_of

FAMILIES = ("vgg16_bn", "densenet121", "mobilenet_v2", "resnet18", "separable_cnn", "small_cnn")


def of_convolution(kernels, last, bias=(0.0, 0.0)):
    """Image -> 1x1 convolution -> ReLU in place -> mean -> linear: small enough for paper and pencil."""
    convolution = nn.Conv2d(1, len(kernels), 1, bias=False)
    convolution.weight.data = torch.tensor(kernels).view(-1, 1, 1, 1)
    backbone = nn.Sequential(convolution, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    head = nn.Sequential(nn.Dropout(0.0), nn.Linear(len(kernels), 2))
    head[1].weight.data, head[1].bias.data = torch.tensor(last), torch.tensor(bias)
    settings = {"mean": [0.0], "std": [1.0], "channels": 1, "n_classes": 2}
    return networks.Network("by hand", backbone, head, n_inputs=1, settings=settings, report="").eval()


def test_the_map_is_what_paper_and_pencil_give():
    network = of_convolution([1.0, 2.0], [[3.0, -1.0], [0.0, 0.0]])
    image = torch.tensor([[[[0.0, 1.0], [0.5, 0.25]]]])
    # maps: x and 2x. The log-odds of class 0 rise by 3/4 with each place of the first, and fall by 1/4 with the second's
    expected = (3 / 4) * image[0, 0] - (1 / 4) * 2 * image[0, 0]
    torch.testing.assert_close(grad_cam(network, image, [0], cells=2)[0], expected)
    assert grad_cam(network, image, [1], cells=2).max() == 0  # all of it speaks against class 1


def test_one_number_added_to_all_logits_changes_no_map():
    network = of_convolution([1.0, 2.0], [[3.0, -1.0], [0.5, 0.0]])
    moved = of_convolution([1.0, 2.0], [[3.0 + 7, -1.0 + 7], [0.5 + 7, 0.0 + 7]])
    image = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(grad_cam(network, image, [0]), grad_cam(moved, image, [0]), atol=1e-5, rtol=1e-4)


def test_a_bright_lesion_that_decides_is_pointed_at():
    network = of_convolution([1.0], [[0.0], [5.0]])
    image = torch.zeros(1, 1, 16, 16)
    image[..., 3, 11] = 1
    assert int(grad_cam(network, image, [1], cells=16).argmax()) == 3 * 16 + 11


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_a_map_and_is_left_as_it_was(name):
    network = networks.build(name, 3, channels=1, seed=0, image_size=64)
    networks.set_trainable(network, "head")  # as after a first stage: nothing below the head asks for a gradient
    network.lay_out("cpu", channels_last=True).eval()
    images = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = network(images)
    flags = [p.requires_grad for p in network.parameters()]
    maps = [grad_cam(network, images, [k] * 3) for k in range(3)]
    with torch.no_grad():
        torch.testing.assert_close(network(images), before, rtol=0, atol=0)
    assert maps[0].shape == (3, 8, 8)
    assert min(float(m.min()) for m in maps) >= 0
    assert all(float(sum(m[i].max() for m in maps)) > 0 for i in range(3))  # some class has something to show for it
    assert [p.requires_grad for p in network.parameters()] == flags
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_maps_come_out_alike_in_training_mode_which_is_kept_and_in_parts(name):
    network = networks.build(name, 2, channels=1, seed=0).eval()
    images = torch.rand(5, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    at_once = grad_cam(network, images, [0, 1, 0, 1, 0])
    network.train()
    torch.testing.assert_close(grad_cam(network, images, [0, 1, 0, 1, 0], batch=2), at_once, rtol=1e-3, atol=1e-5)
    assert network.training


def test_other_weights_are_computed_with_and_not_kept():
    network = networks.build("small_cnn", 2, channels=1, seed=0, image_size=64).eval()
    other = networks.build("small_cnn", 2, channels=1, seed=5, image_size=64).eval()
    images = torch.rand(2, 1, 64, 64)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    borrowed = grad_cam(network, images, [0, 1], weights=other.state_dict())
    torch.testing.assert_close(borrowed, grad_cam(other, images, [0, 1]))
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_by_place_and_by_channel_agree_where_pooling_and_one_layer_follow_and_not_before():
    network = networks.build("resnet18", 2, channels=1, seed=0).eval()
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    last = [grad_cam(network, images, [0, 1], cells=2, by_place=by) for by in (False, True)]
    torch.testing.assert_close(*last, rtol=1e-3, atol=1e-6)
    earlier = [grad_cam(network, images, [0, 1], by_place=by) for by in (False, True)]
    assert not torch.allclose(*earlier, rtol=1e-2)


def test_the_layer_is_the_last_with_enough_cells_and_a_block_is_taken_whole():
    network = networks.build("resnet18", 2, channels=1, seed=0)
    assert layer_of(network, torch.rand(1, 1, 64, 64)) == "backbone.layer2"
    assert layer_of(network, torch.rand(1, 1, 224, 224)) == "backbone.layer4"
    assert layer_of(network, torch.rand(1, 1, 64, 64), cells=2) == "backbone.layer4"


def test_a_network_without_a_map_says_so():
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    settings = {"mean": [0.0], "std": [1.0], "channels": 1, "n_classes": 2}
    network = networks.Network("flat", flat, nn.Sequential(nn.Linear(4, 2)), n_inputs=1, settings=settings, report="")
    with pytest.raises(NoMap, match="flat has no layer with a map of places"):
        grad_cam(network, torch.rand(1, 1, 8, 8), np.array([0]))
