"""The two small networks of the course repository, built as their sources describe them.

Both end in features (B, F); `networks.build` adds the last layer. They flatten
a map, so they are made for one image size, and say so when they get another.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

DEFAULT_SIZE = 64  # px, the sample profile's


class SeparableConv(nn.Module):
    """A 3x3 convolution in two steps: each channel by itself, then 1x1 across channels, then ReLU."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(n_in, n_in, 3, padding=1, groups=n_in, bias=False)
        self.pointwise = nn.Conv2d(n_in, n_out, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H, W), not negative."""
        return torch.relu(self.pointwise(self.depthwise(maps)))


class FixedSize(nn.Module):
    """Features of images of one size: convolutions, then dense layers on the flattened map."""

    def __init__(self, convolutions: nn.Sequential, dense: nn.Sequential, image_size: int) -> None:
        super().__init__()
        self.convolutions = convolutions
        self.dense = dense
        self.image_size = image_size

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, image_size, image_size) -> (B, F). Raises ValueError for another size."""
        if images.shape[-2:] != (self.image_size, self.image_size):
            raise ValueError(
                f"this network was built for {self.image_size} x {self.image_size} px and got "
                f"{images.shape[-2]} x {images.shape[-1]}; pass image_size to build"
            )
        return self.dense(self.convolutions(images).flatten(1))


def separable_cnn(n_channels: int, image_size: int) -> tuple[FixedSize, int]:
    """Lab 1's network (Keras example "Pneumonia Classification on TPU") up to its last layer.

    Two 3x3 convolutions of 16 and a pool; blocks of 32, 64, 128 and 256, each
    two separable convolutions, batch norm and a pool, with dropout 0.2 after the
    last two; dense layers of 512, 128 and 64 with batch norm and dropout 0.7, 0.5
    and 0.3. Weights start as Keras starts them (Glorot, zero biases). Ours:
    torch's batch-norm momentum, which suits short trainings (Keras averages ten
    times more slowly).

    n_channels  1 or 3
    image_size  px, at least 32

    Returns the network and its number of features (64).
    """
    _check_size("separable_cnn", image_size, halvings=5)
    convolutions = nn.Sequential(
        *(nn.Conv2d(n_channels, 16, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *_separable_block(16, 32),
        *_separable_block(32, 64),
        *(*_separable_block(64, 128), nn.Dropout(0.2)),
        *(*_separable_block(128, 256), nn.Dropout(0.2)),
    )
    dense = nn.Sequential(
        *_dense_block(256 * (image_size // 32) ** 2, 512, 0.7),
        *_dense_block(512, 128, 0.5),
        *_dense_block(128, 64, 0.3),
    )
    network = FixedSize(convolutions, dense, image_size)
    network.apply(_start_as_keras)
    return network, 64


def small_cnn(n_channels: int, image_size: int) -> tuple[FixedSize, int]:
    """Lab 2's network (convolution, pooling, fully connected) up to its last layer.

    The source names the kinds of layer only. Widths and dropout follow its
    closest public peer (convolutions of 32, 32 and 64, a dense layer of 64,
    dropout 0.3). Ours: 3x3 kernels with padding, ReLU, a 2x2 maximum pool after
    each convolution.

    n_channels  1 or 3
    image_size  px, at least 8

    Returns the network and its number of features (64).
    """
    _check_size("small_cnn", image_size, halvings=3)
    convolutions = nn.Sequential(
        *(nn.Conv2d(n_channels, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
    )
    dense = nn.Sequential(nn.Linear(64 * (image_size // 8) ** 2, 64), nn.ReLU(), nn.Dropout(0.3))
    network = FixedSize(convolutions, dense, image_size)
    network.apply(_start_as_keras)
    return network, 64


OWN: dict[str, Callable[[int, int], tuple[FixedSize, int]]] = {
    "separable_cnn": separable_cnn,
    "small_cnn": small_cnn,
}


def _separable_block(n_in: int, n_out: int) -> list[nn.Module]:
    return [
        SeparableConv(n_in, n_out),
        SeparableConv(n_out, n_out),
        nn.BatchNorm2d(n_out),
        nn.MaxPool2d(2),
    ]


def _dense_block(n_in: int, n_out: int, dropout: float) -> list[nn.Module]:
    return [nn.Linear(n_in, n_out), nn.ReLU(), nn.BatchNorm1d(n_out), nn.Dropout(dropout)]


def _start_as_keras(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _check_size(name: str, image_size: int, halvings: int) -> None:
    if image_size < 2**halvings:
        raise ValueError(
            f"{name} halves the image {halvings} times and needs at least {2**halvings} px, not {image_size}"
        )
