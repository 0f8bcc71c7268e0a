"""What each source says, arm by arm, written by hand from the descriptions and never read from params/.

A recipe is what a finished run of the full profile must show, but for the three things the test cuts down: how many
images, how large, how many epochs. Values that no source states are those the parameter files mark as "ours".
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

Rate = Callable[[int, int], float]  # (epoch of the stage from 0, epochs planned) -> part of the first rate


def constant(_: int, __: int) -> float:
    return 1.0


def by_steps(factor: float, every: int) -> Rate:
    return lambda epoch, _: factor ** (epoch // every)


def half_wave(epoch: int, planned: int) -> float:
    return {1: [1.0], 2: [1.0, 0.5], 3: [1.0, 0.75, 0.25]}[planned][epoch]


@dataclass(frozen=True)
class Stage:
    """train: head, all, or the first module that learns."""

    train: str
    epochs: int
    rate: float
    falls: Rate | str = constant
    optimiser: str = "Adam"
    patience: int | None = None


@dataclass(frozen=True)
class Recipe:
    network: str
    stages: tuple[Stage, ...]
    size: int
    batch: int
    fit: str = "pad"
    resize: int | None = None
    equalise: str = "none"
    normalise: str = "imagenet"
    weights: str = "imagenet"
    head: str = "pooled"
    dropout: float = 0.0
    loss: str = "cross_entropy"
    momentum: float | None = None  # None: the optimiser has none of its own (Adam)
    decay: float = 0.0
    augment: tuple[dict, ...] = ()
    balance: str = "none"
    bias: bool = False
    max_images: int | None = None
    scheme: str = "grouped"
    cut_epochs: int = 1  # of each stage in the test: as many as the schedule needs to be seen to fall


def small(of: Recipe, scheme: str, **changes) -> Recipe:
    """The two arms that measure what leakage is worth: the smallest network at the same budget."""
    return replace(of, network="small_cnn", weights="none", scheme=scheme, **changes)


# heart: two networks; "tuned" without values, so all is ours
HEART = Recipe(
    "resnet101", (Stage("all", 30, 1e-4, half_wave, patience=8),), size=224, batch=32, cut_epochs=2,
    augment=({"rotate_deg": 10, "shift": 0.05, "zoom": 0.1, "gain_stops": 0.3},),
)  # fmt: skip
heart = {
    "source": HEART,
    "resnet": replace(HEART, network="resnet50"),
    "vgg": replace(HEART, network="vgg16"),
    "subset": replace(HEART, max_images=350),
    "subset_vgg": replace(HEART, network="vgg16", max_images=350),
    "random_split": small(HEART, "random"),
    "patient_split": small(HEART, "grouped"),
    "doubts": small(HEART, "crossfit"),
}

# artery: text (300 px, batch 32, Adam 1e-4, 10 epochs frozen, then all at a lower rate, patience 5) against code
ARTERY = Recipe(
    "mobilenet_v2", (Stage("head", 10, 1e-4, patience=5), Stage("all", 10, 1e-5, patience=5)), size=300, batch=32,
    dropout=0.2, decay=2e-3, cut_epochs=2,
    augment=({"flip_horizontal": 0.5, "flip_vertical": 0.5, "rotate_deg": 72, "zoom": 0.2, "contrast": 0.2,
              "brightness": 0.2},),
)  # fmt: skip
artery = {
    "source": ARTERY,
    "resnet": replace(ARTERY, network="resnet50", cut_epochs=1),
    "vgg": replace(ARTERY, network="vgg16", cut_epochs=1),
    "as_coded": replace(
        ARTERY, dropout=0.0, decay=0.0, momentum=0.0,
        stages=(Stage("head", 10, 1e-4, patience=3), Stage("features.12.conv.1", 10, 1e-5, optimiser="RMSprop")),
    ),
    "no_dropout": replace(ARTERY, dropout=0.0),
    "no_l2": replace(ARTERY, decay=0.0),
    "size600": replace(ARTERY, size=600),
    "random_split": small(ARTERY, "random"),
    "patient_split": small(ARTERY, "grouped"),
    "doubts": small(ARTERY, "crossfit"),
}  # fmt: skip

# xray: the code's crop, three sets of augmentations, DenseNet-161 in two stages, a tenth of the rate every 4 epochs
FIRST = {"flip_horizontal": 0.5, "rotate_deg": 10, "shift": 0.05, "grey": 0.1}
SECOND = {"flip_horizontal": 1.0, "rotate_deg": 10, "shift": 0.1, "shift_y": 0.05}
THIRD = {"flip_horizontal": 0.5, "rotate_deg": 15, "rotate_twice": True, "shift": 0.08, "shift_y": 0.1, "grey": 1.0}
TENTH = by_steps(0.1, 4)
XRAY = Recipe(
    "densenet161", (Stage("head", 10, 1e-3, TENTH), Stage("all", 10, 1e-4, TENTH)), size=224, fit="crop", resize=255,
    batch=50, augment=(FIRST, SECOND, THIRD), balance="augmented", scheme="provided",
)  # fmt: skip
ONE_SET = replace(XRAY, augment=(FIRST,), balance="none")
LAB1 = Recipe(  # 0.96 every 100,000 steps is never reached in 100 epochs
    "separable_cnn", (Stage("all", 100, 0.015, constant, patience=10),), size=180, batch=25, normalise="none",
    weights="none", balance="class_weights", bias=True, scheme="provided", cut_epochs=3,
)  # fmt: skip
LAB2 = Recipe(
    "small_cnn", (Stage("all", 30, 1e-3, half_wave, patience=8),), size=224, batch=32, equalise="histogram",
    weights="none", balance="smote_and_weights", cut_epochs=3,
)  # fmt: skip
xray = {
    "source": replace(XRAY, cut_epochs=5),
    "resnet": replace(XRAY, network="resnet50"),
    "vgg": replace(XRAY, network="vgg16"),
    "weights": replace(ONE_SET, balance="class_weights"),
    "weights_bias": replace(ONE_SET, balance="class_weights", bias=True),
    "no_balance": ONE_SET,
    "as_coded": replace(
        XRAY, normalise="none", stages=(Stage("head", 10, 1e-3, TENTH), Stage("all", 10, 1e-4)), cut_epochs=5
    ),
    "no_mirror": replace(XRAY, augment=tuple(
        {k: v for k, v in one.items() if k != "flip_horizontal"} for one in (FIRST, SECOND, THIRD)
    )),
    "lab1": LAB1,
    "lab1_no_bias": replace(LAB1, bias=False),
    "lab1_equalised": replace(LAB1, equalise="histogram"),
    "lab1_smote": replace(LAB1, balance="smote", bias=False),
    "lab2": replace(LAB2, scheme="provided"),
    "random_split": small(XRAY, "random"),
    "patient_split": small(XRAY, "provided"),
    "doubts": small(XRAY, "crossfit"),
}  # fmt: skip

# fetal: ResNet-50, 661 px squeezed, SGD 0.01 momentum 0.9, a fifth off the rate every 2 epochs, batch 8, 10 epochs
FIFTH_OFF = by_steps(0.8, 2)
FETAL = Recipe(
    "resnet50", (Stage("all", 10, 0.01, FIFTH_OFF, "SGD"),), size=661, fit="squeeze", normalise="training", batch=8,
    momentum=0.9, cut_epochs=3,
    augment=({"flip_horizontal": 0.5, "flip_vertical": 0.5, "rotate_deg": 15, "crop": 0.1},),
)  # fmt: skip
ONCE = replace(FETAL, cut_epochs=1)
fetal = {
    "source": FETAL,
    "resnet": replace(ONCE, network="resnet18"),
    "vgg": replace(ONCE, network="vgg19"),
    "plateau": replace(FETAL, stages=(Stage("all", 10, 0.01, "plateau", "SGD"),), cut_epochs=7),
    "adam": replace(FETAL, stages=(Stage("all", 10, 1e-3, FIFTH_OFF),), momentum=None),
    "bce": replace(ONCE, loss="bce"),
    "batch16": replace(ONCE, batch=16),
    "batch32": replace(ONCE, batch=32),
    "epochs50": replace(ONCE, stages=(Stage("all", 50, 0.01, FIFTH_OFF, "SGD"),), cut_epochs=3),
    "size224": replace(ONCE, size=224),
    "size331": replace(ONCE, size=331),
    "padded": replace(ONCE, fit="pad"),
    "no_vertical_flip": replace(ONCE, augment=({"flip_horizontal": 0.5, "rotate_deg": 15, "crop": 0.1},)),
    "vgg_own_head": replace(ONCE, network="vgg19", head="own", dropout=0.0),
    "n125": replace(ONCE, max_images=125),
    "n250": replace(ONCE, max_images=250),
    "n500": replace(ONCE, max_images=500),
    "regularised": replace(ONCE, dropout=0.5, decay=5e-4),
    "modern": replace(ONCE, network="convnext_tiny"),
    "random_split": small(FETAL, "random"),
    "patient_split": small(FETAL, "grouped"),
    "doubts": small(FETAL, "crossfit"),
    "corrected": replace(FETAL, network="resnet18"),
}

# lung: the lab's kinds of layer, equalisation, SMOTE and class weights counted before it; all numbers are ours
LUNG = replace(LAB2, scheme="block", normalise="imagenet")
LAB1_ON_CT = replace(LAB1, scheme="block")
lung = {
    "source": LUNG,
    "resnet": replace(LUNG, network="resnet50", cut_epochs=1),
    "vgg": replace(LUNG, network="vgg16", cut_epochs=1),
    "no_equalisation": replace(LUNG, equalise="none"),
    "no_weights": replace(LUNG, balance="smote"),
    "no_smote": replace(LUNG, balance="class_weights"),
    "no_balance": replace(LUNG, balance="none"),
    "lab1": LAB1_ON_CT,
    "lab1_equalised": replace(LAB1_ON_CT, equalise="histogram"),
    "lab1_smote": replace(LAB1_ON_CT, balance="smote", bias=False),
    "random_split": replace(LUNG, scheme="random"),
    "doubts": replace(LUNG, scheme="crossfit"),
}

SETS: dict[str, dict[str, Recipe]] = {"heart": heart, "artery": artery, "xray": xray, "fetal": fetal, "lung": lung}
