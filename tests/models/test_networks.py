import copy
import importlib.util

import pytest
import torch
from models.toys import squares

from scanbook.models.networks import build, parameter_counts, set_trainable

PUBLISHED = (
    *("resnet18", "resnet50", "resnet101", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "mobilenet_v2"),
    *("densenet121", "densenet161", "squeezenet1_0"),
)
GREY = {"channels": 1, "mean": [0.4], "std": [0.2]}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        *((name, 3) for name in PUBLISHED),
        ("resnet18", 1),
        *((n, c) for n in ("separable_cnn", "small_cnn") for c in (1, 3)),
    ],
)
def test_images_become_a_logit_a_class(name, channels):
    network = build(name, 4, channels=channels, mean=[0.4] * channels, std=[0.2] * channels, seed=0)
    with torch.no_grad():
        logits = network.eval()(torch.rand(2, channels, 64, 64))
    assert logits.shape == (2, 4)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", ["efficientnet_b0", "mobilenet_v3_small", "convnext_tiny", "alexnet", "googlenet"])
def test_other_families_of_torchvision_work_without_being_named_here(name):
    with torch.no_grad():
        assert build(name, 3, seed=0).eval()(torch.rand(2, 3, 64, 64)).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "steps", "rate"), [("small_cnn", 40, 3e-3), ("separable_cnn", 60, 3e-3), ("resnet18", 15, 1e-3)]
)
def test_eight_images_are_learned_by_heart(name, steps, rate):
    images, labels = squares(8, size=32, n_classes=4)
    network = build(name, 4, image_size=32, seed=0, **GREY)
    optimiser = torch.optim.Adam(network.parameters(), rate)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # what is tested is that gradients reach every layer
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (network(images).argmax(1) == labels).all()


@pytest.mark.parametrize("size", [64, 180])
@pytest.mark.parametrize("name", ["small_cnn", "separable_cnn"])
def test_own_networks_take_the_size_they_were_built_for_and_refuse_others(name, size):
    network = build(name, 2, image_size=size, seed=0, **GREY).eval()
    assert network(torch.rand(2, 1, size, size)).shape == (2, 2)
    with pytest.raises(ValueError, match=f"built for {size} x {size} px and got 96 x 96; pass image_size"):
        network(torch.rand(2, 1, 96, 96))


def test_lab_1s_network_has_the_layers_of_its_source():
    network = build("separable_cnn", 2, image_size=180, channels=3)
    widths = [m.out_channels for m in network.modules() if isinstance(m, torch.nn.Conv2d) and m.groups == 1]
    assert widths == [16, 16, 32, 32, 64, 64, 128, 128, 256, 256]
    dense = [(m.in_features, m.out_features) for m in network.modules() if isinstance(m, torch.nn.Linear)]
    assert dense == [(256 * 5 * 5, 512), (512, 128), (128, 64), (64, 2)]
    assert [m.p for m in network.backbone.modules() if isinstance(m, torch.nn.Dropout)] == [0.2, 0.2, 0.7, 0.5, 0.3]


def test_an_untrained_network_answers_with_the_prior():
    prior = [0.2, 0.5, 0.3]
    network = build("small_cnn", 3, class_prior=prior, seed=0, **GREY).eval()
    torch.nn.init.zeros_(network.head[-1].weight)
    with torch.no_grad():
        probs = network(torch.rand(5, 1, 64, 64)).softmax(1)
    assert torch.allclose(probs.mean(0), torch.tensor(prior), atol=1e-6)


def test_normalisation_lies_inside_and_grey_images_equal_their_colour_copies():
    grey = build("resnet18", 2, channels=1, seed=0).eval()  # ImageNet's three means
    colour = build("resnet18", 2, channels=3, seed=0).eval()
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        assert torch.allclose(grey(images), colour(images.expand(-1, 3, -1, -1)), atol=1e-5)
    seen = []
    colour.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        colour(torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).expand(1, 3, 64, 64))
    assert seen[0].abs().max() < 1e-6


def test_vgg_from_scratch_starts_as_torchvision_starts_it():
    import torchvision

    with torch.device("meta"):
        published = torchvision.models.vgg11_bn()
    features = build("vgg11_bn", 2, seed=0).backbone.features
    assert list(features.state_dict()) == list(published.features.state_dict())
    for layer in features:
        if isinstance(layer, torch.nn.Conv2d):
            he = (2 / (layer.out_channels * 9)) ** 0.5
            assert layer.weight.std().item() == pytest.approx(he, rel=0.1)
            assert layer.bias.abs().max() == 0
        if isinstance(layer, torch.nn.BatchNorm2d):
            assert (layer.running_var == 1).all()
            assert (layer.weight == 1).all()


def test_pooled_head_leaves_out_vggs_dense_layers_and_own_head_keeps_them():
    assert parameter_counts(build("vgg16", 2))["total"] == 14_714_688 + 513 * 2
    network = build("alexnet", 2, head="own", dropout=0.1)
    wide = [(m.in_features, m.out_features) for m in network.head if isinstance(m, torch.nn.Linear)]
    assert wide == [(9216, 4096), (4096, 4096), (4096, 2)]
    assert {m.p for m in network.head if isinstance(m, torch.nn.Dropout)} == {0.1}
    with torch.no_grad():
        assert network.eval()(torch.rand(2, 3, 64, 64)).shape == (2, 2)


def test_the_densenets_final_activation_belongs_to_its_features():
    with torch.no_grad():
        assert build("densenet121", 2, seed=0).eval().backbone(torch.rand(2, 3, 64, 64)).min() >= 0


def test_the_same_seed_builds_the_same_network_and_leaves_torchs_own_draws_alone():
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    a, b, other = build("small_cnn", 2, seed=3), build("small_cnn", 2, seed=3), build("small_cnn", 2, seed=4)
    assert torch.rand(1) == before
    assert torch.equal(a.head[1].weight, b.head[1].weight)
    assert not torch.equal(a.head[1].weight, other.head[1].weight)


def test_depthwise_convolutions_answer_the_same_in_full_and_mixed_precision():
    from torchvision.models import mobilenet_v2

    network = build("mobilenet_v2", 2, seed=0).eval()
    assert list(network.backbone.features.state_dict()) == list(mobilenet_v2().features.state_dict())
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        full = network(images)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = network(images)
    assert torch.allclose(full, mixed.float(), atol=0.05)


def test_only_the_asked_part_learns():
    network = build("mobilenet_v2", 2)
    set_trainable(network, "head")
    assert parameter_counts(network) == {"total": 2_226_434, "trainable": 2_562}
    set_trainable(network, "from:features.14")
    learning = {n.split(".")[2] for n, p in network.named_parameters() if p.requires_grad and n.startswith("backbone")}
    assert learning == {"14", "15", "16", "17", "18"}
    assert network.head[1].weight.requires_grad
    set_trainable(network, "all")
    assert parameter_counts(network)["trainable"] == 2_226_434


@pytest.mark.parametrize("what", ["layer4", "from:layer9", "from:", ""])
def test_a_part_that_is_not_there_is_refused_with_what_there_is(what):
    with pytest.raises(ValueError, match=r"allowed are head, all, or from: .*layer1.*layer4"):
        set_trainable(build("resnet18", 2), what)


def test_frozen_batch_norm_keeps_its_statistics_in_training_mode():
    network = build("resnet18", 2, seed=0)
    set_trainable(network, "from:layer4")
    network.train()
    before = copy.deepcopy(network.state_dict())
    network(torch.rand(4, 3, 64, 64))
    after = network.state_dict()
    moved = {k for k in after if "running" in k and not torch.equal(before[k], after[k])}
    assert moved
    assert all(k.startswith("backbone.layer4") for k in moved)


def test_channels_last_changes_nothing_but_rounding():
    network = build("resnet18", 2, seed=0).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        plain = network(images)
        assert torch.allclose(network.lay_out("cpu", True)(images), plain, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet8"}, r"'resnet8' is not known \(did you mean resnet"),
        ({"name": "zzz"}, "families: resnet"),
        ({"n_classes": 1}, "at least 2"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"channels": 4}, "1 .grey. and 3"),
        ({"mean": [0.5]}, "1 and 3 numbers"),
        ({"std": [0.2, 0.0, 0.2]}, "cannot be normalised"),
        ({"class_prior": [1.0, 0.0]}, "shares above 0"),
        ({"head": "mlp"}, "pooled and own"),
        ({"name": "squeezenet1_0", "head": "own"}, "use head 'pooled'"),
        ({"name": "small_cnn", "weights": "imagenet"}, "no ImageNet weights"),
        ({"name": "separable_cnn", "image_size": 16}, "at least 32 px"),
    ],
)
def test_what_cannot_be_built_is_refused_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**{"name": "small_cnn", "n_classes": 2, **arguments})


def test_images_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"takes \(B, 1, H, W\) and got \(2, 3, 64, 64\)"):
        build("small_cnn", 2, **GREY)(torch.rand(2, 3, 64, 64))


def test_timm_is_asked_for_when_it_is_needed():
    if importlib.util.find_spec("timm") is None:
        with pytest.raises(ValueError, match="pip install timm"):
            build("timm:resnet10t", 2)
        return
    with torch.no_grad():
        assert build("timm:resnet10t", 2).eval()(torch.rand(2, 3, 64, 64)).shape == (2, 2)
    with pytest.raises(ValueError, match="timm knows no network"):
        build("timm:nonesuch", 2)
