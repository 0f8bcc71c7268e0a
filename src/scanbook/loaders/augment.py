"""What a training image looks like this epoch: drawn image by image, applied batch by batch on the device.

`draw` says what happens to each image as plain numbers, `apply` does it. A draw depends on the seed, the
epoch and the image's name and on nothing else: batch size, order, number of workers and other images change
nothing, and a caption can say what was drawn. The numbers come from a counter-based generator (the finaliser
of SplitMix64, Steele et al. 2014, over a hash of the image's name), so there is no state to keep and any
image of any epoch can be made again alone.

Conventions: x runs to the right and y down. mirror_h swaps left and right, mirror_v top and bottom. A
positive turn is counter-clockwise as seen on the screen. A positive shift moves the picture right or down.
zoom above 1 and crop below 1 enlarge. Order: mirror, crop, zoom, turn, shift, then tone (grey, gain,
contrast, brightness, one clamp at the end). What comes in from outside the frame is black (zero padding):
there nothing was measured, as outside the ultrasound sector, the CT's circle, the collimator or our own
padding. Repeating the border would draw streaks of skin and of burnt-in text. Tone comes last so that this
black is brightened with the black of the picture: the other way round, a turned and brightened image shows
the frame it was turned in.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
NEUTRAL = {
    "mirror_h": 0.0,
    "mirror_v": 0.0,
    "turn_deg": 0.0,
    "zoom": 1.0,
    "shift_x": 0.0,
    "shift_y": 0.0,
    "crop": 1.0,
    "crop_x": 0.0,
    "crop_y": 0.0,
    "brightness": 0.0,
    "contrast": 0.0,
    "gain_stops": 0.0,
    "grey": 0.0,
}
Change = Callable[[Tensor, dict[str, Tensor]], Tensor]
_TONE = ("grey", "gain_stops", "contrast", "brightness")
_GEOMETRY = ("turn_deg", "zoom", "shift_x", "shift_y", "crop")


@dataclass(frozen=True)
class AugmentSpec:
    """Strengths; every default is neutral.

    flip_horizontal, flip_vertical, grey   probabilities in [0, 1] (grey has no effect on one channel)
    rotate_deg   turns in ± this many degrees
    rotate_twice turns a second time, by a draw of its own: the sum runs to ± 2 * rotate_deg, and small turns are
                 commoner than large ones
    zoom         factor in 1 ± this
    shift        moves in ± this fraction of the side, in x and in y
    shift_y      the same for y alone, where it differs; None: as `shift`
    crop         cuts away up to this fraction of the side; the rest, from anywhere, is enlarged to the full
                 side
    brightness   adds a value in ± this; grey values run from 0 to 1
    contrast     scales the distance from the image's mean by 1 ± this
    gain_stops   scales by 2 to the power of ± this
    """

    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    rotate_deg: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    crop: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    grey: float = 0.0
    gain_stops: float = 0.0
    rotate_twice: bool = False
    shift_y: float | None = None

    def __post_init__(self) -> None:
        for name in ("flip_horizontal", "flip_vertical", "grey"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"augment.{name}: {getattr(self, name)} is no probability; 0 to 1 is allowed")
        for name in ("zoom", "shift", "shift_y", "crop", "contrast"):
            if getattr(self, name) is not None and not 0 <= getattr(self, name) < 1:
                raise ValueError(f"augment.{name}: {getattr(self, name)}; 0 (none) to below 1 is allowed")
        for name in ("rotate_deg", "brightness", "gain_stops"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"augment.{name}: {getattr(self, name)}; 0 (none) or more is allowed")

    @property
    def neutral(self) -> bool:
        """Whether nothing is ever changed."""
        return self == AugmentSpec()


def image_keys(image_ids: Sequence[str] | np.ndarray) -> np.ndarray:
    """uint64 (N,): a hash of each name, the same on every machine. `draw` takes these in place of the names."""
    digests = b"".join(hashlib.blake2b(str(i).encode(), digest_size=8).digest() for i in image_ids)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def draw(spec: AugmentSpec, seed: int, epoch: int, image_ids: Sequence[str] | np.ndarray) -> dict[str, np.ndarray]:
    """What happens to each image in this epoch.

    image_ids  N names, or their `image_keys`

    Returns float32 (N,) for each of: mirror_h, mirror_v, grey (0 or 1), turn_deg, zoom (factor), shift_x,
    shift_y (fraction of the side), crop (fraction of the side kept), crop_x, crop_y (where it is taken from:
    -1 left or top edge, 0 middle, 1 right or bottom edge), brightness (added), contrast (relative change),
    gain_stops. NEUTRAL has the values that change nothing.
    """
    keys: np.ndarray = np.asarray(image_ids)
    keys = keys if keys.dtype == np.uint64 else image_keys(image_ids)

    def uniform(name: str) -> np.ndarray:
        salt = hashlib.blake2b(f"{seed}/{epoch}/{name}".encode(), digest_size=8).digest()
        return (_mix(keys ^ np.uint64(int.from_bytes(salt, "little"))) >> np.uint64(11)) * 2.0**-53

    def around(name: str, middle: float, most: float) -> np.ndarray:
        return middle + most * (2 * uniform(name) - 1) if most else np.full(len(keys), middle)

    turn = around("turn_deg", 0, spec.rotate_deg)
    if spec.rotate_twice:
        turn = turn + around("turn_again", 0, spec.rotate_deg)
    draws = {
        "mirror_h": uniform("mirror_h") < spec.flip_horizontal,
        "mirror_v": uniform("mirror_v") < spec.flip_vertical,
        "turn_deg": turn,
        "zoom": around("zoom", 1, spec.zoom),
        "shift_x": around("shift_x", 0, spec.shift),
        "shift_y": around("shift_y", 0, spec.shift if spec.shift_y is None else spec.shift_y),
        "crop": 1 - spec.crop * uniform("crop"),
        "crop_x": around("crop_x", 0, float(spec.crop > 0)),
        "crop_y": around("crop_y", 0, float(spec.crop > 0)),
        "brightness": around("brightness", 0, spec.brightness),
        "contrast": around("contrast", 0, spec.contrast),
        "gain_stops": around("gain_stops", 0, spec.gain_stops),
        "grey": uniform("grey") < spec.grey,
    }
    return {name: values.astype(np.float32) for name, values in draws.items()}


def apply(images: Tensor, draws: dict[str, np.ndarray]) -> Tensor:
    """Do to each image what was drawn for it.

    images  float32 (B, C, H, W) in [0, 1], C 1 or 3, on any device; not changed
    draws   (B,) each, as `draw` gives them; a missing name is neutral

    Returns the same shape, type, device and range. An image whose draws are all neutral comes back bit for
    bit; where that is every image, the tensor itself.
    """
    full = {name: np.asarray(draws.get(name, np.full(len(images), NEUTRAL[name]))) for name in NEUTRAL}
    if any(len(values) != len(images) for values in full.values()):
        found = {name: len(values) for name, values in full.items()}
        raise ValueError(f"{len(images)} images need as many draws of each kind; found {found}")
    images = _mirror(images, full["mirror_h"], dim=3)
    images = _mirror(images, full["mirror_v"], dim=2)
    images = _on_rows(images, _drawn(full, _GEOMETRY), _move, full)
    return _on_rows(images, _drawn(full, _TONE), _tone, full)


def describe(draws: dict[str, np.ndarray], i: int) -> str:
    """What was drawn for image i, in words: "mirrored, turned 8°, zoom 1.12"; "unchanged" when all is
    neutral.
    """
    value = {name: float(draws[name][i]) if name in draws else NEUTRAL[name] for name in NEUTRAL}
    if all(value[name] == NEUTRAL[name] for name in NEUTRAL if name not in ("crop_x", "crop_y")):
        return "unchanged"
    words = ["mirrored"] * bool(value["mirror_h"]) + ["upside down"] * bool(value["mirror_v"])
    words += [f"turned {_signed(value['turn_deg'], '.0f', plus=False)}°"] if abs(value["turn_deg"]) >= 0.5 else []
    words += [f"zoom {value['zoom']:.2f}"] if abs(value["zoom"] - 1) >= 0.005 else []
    words += [f"cropped to {value['crop']:.0%}".replace("%", " %")] if value["crop"] <= 0.995 else []
    for name, less, more in (("shift_x", "left", "right"), ("shift_y", "up", "down")):
        if abs(value[name]) >= 0.005:
            words.append(f"{abs(value[name]) * 100:.0f} % {more if value[name] > 0 else less}")
    words += ["grey"] * bool(value["grey"])
    for name, text in (("gain_stops", "gain"), ("contrast", "contrast"), ("brightness", "brightness")):
        if abs(value[name]) >= 0.005:
            words.append(f"{text} {_signed(value[name], '.2f')}" + " stops" * (name == "gain_stops"))
    return ", ".join(words) or "hardly changed"


def _mix(bits: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64: uint64 in, uint64 out, each input bit turns about half of the output bits."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)  # arrays of uint64 wrap around, as they should
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _drawn(draws: dict[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    return np.flatnonzero(np.any([draws[name] != NEUTRAL[name] for name in names], axis=0))


def _on_rows(images: Tensor, rows: np.ndarray, change: Change, draws: dict[str, np.ndarray]) -> Tensor:
    """Change only the rows that were drawn: the others stay bit for bit, and cost nothing."""
    if len(rows) == 0:
        return images
    values = {n: torch.as_tensor(v[rows].astype(np.float32)).to(images) for n, v in draws.items()}
    if len(rows) == len(images):
        return change(images, values)
    at = torch.as_tensor(rows, device=images.device)
    return images.index_copy(0, at, change(images.index_select(0, at), values))


def _mirror(images: Tensor, drawn: np.ndarray, dim: int) -> Tensor:
    if not drawn.any():
        return images
    mirrored = torch.as_tensor(drawn > 0, device=images.device).view(-1, 1, 1, 1)
    return torch.where(mirrored, images.flip(dim), images)


def _tone(images: Tensor, draws: dict[str, Tensor]) -> Tensor:
    value = {name: draws[name].view(-1, 1, 1, 1) for name in _TONE}
    if images.shape[1] == 3:
        luma = (images * images.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
        images = torch.where(value["grey"] > 0, luma, images)
    images = images * torch.exp2(value["gain_stops"])
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - mean) * (1 + value["contrast"]) + mean + value["brightness"]).clamp_(0, 1)


def _move(images: Tensor, draws: dict[str, Tensor]) -> Tensor:
    """Crop, zoom, turn and shift as one look-up: where in the source does each pixel of the result come from."""
    height, width = images.shape[2:]
    turn = torch.deg2rad(draws["turn_deg"])
    scale = draws["crop"] / draws["zoom"]
    cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
    # pixels from the centre; grid_sample counts in half sides, hence the ratios of the sides
    right, down = draws["shift_x"] * width, draws["shift_y"] * height
    left = draws["crop_x"] * (1 - draws["crop"]) * width / 2
    top = draws["crop_y"] * (1 - draws["crop"]) * height / 2
    x_row = [cos, -sin * (height / width), (left - cos * right + sin * down) * (2 / width)]
    y_row = [sin * (width / height), cos, (top - sin * right - cos * down) * (2 / height)]
    matrix = torch.stack([torch.stack(x_row, dim=1), torch.stack(y_row, dim=1)], dim=1)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return moved.clamp_(0, 1)


def _signed(value: float, form: str, plus: bool = True) -> str:
    return ("−" if value < 0 else "+" if plus else "") + format(abs(value), form)
