"""Small changes of a picture that another device, operator or archive might have made, in steps from slight to strong.

A test part comes from the same place as the training part, so a score says nothing about the next hospital. These
shifts do not stand for a hospital either; they ask a smaller question that can be answered: does the score fall when
a picture is a little darker, softer, noisier, more compressed, turned, or one pixel further to the right?

Everything happens inside the picture. Black borders that our own preparation added were never measured, so they are
neither brightened nor blurred nor strewn with noise (see `picture_boxes`). What is drawn (a direction, a noise) depends
on seed, shift and the image's name and not on the step: the steps of one image go the same way, ever further.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

STEPS = 6
Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Shift:
    """One kind of change.

    words      as a heading
    unit       of its strengths, as an axis says it
    written    the shift at one strength, with {:g} for the number
    strengths  STEPS values, from the slightest to the strongest
    change     (picture uint8 (h, w, C), strength, generator) -> the same shape, uint8, or float to be rounded and cut
    about      what it does, for the methods page and for captions
    """

    words: str
    unit: str
    written: str
    strengths: tuple[float, ...]
    change: Change
    about: str


def picture_boxes(widths: Sequence[int], heights: Sequence[int], size: int, fit: str) -> np.ndarray:
    """Where the picture lies inside the square that `prepare` has made of it.

    widths, heights  of the files, in pixels
    size, fit        as given to `prepare.prepare`; only fit pad leaves a border

    Returns int64 (N, 4): top, left, height, width.
    """
    wide, high = np.asarray(widths, dtype=float), np.asarray(heights, dtype=float)
    if fit != "pad":
        return np.tile(np.array([0, 0, size, size], dtype=np.int64), (len(wide), 1))
    scale = size / np.maximum(wide, high)
    width = np.maximum(1, np.rint(wide * scale)).astype(np.int64)
    height = np.maximum(1, np.rint(high * scale)).astype(np.int64)
    return np.stack([(size - height) // 2, (size - width) // 2, height, width], axis=1)


def apply(
    images: np.ndarray,
    name: str,
    step: int,
    *,
    seed: int,
    image_ids: Sequence[str],
    boxes: np.ndarray | None = None,
) -> np.ndarray:
    """Shift every image by one step of one kind.

    images     uint8 (N, H, W, C), prepared, C 1 or 3; not changed
    name       one of SHIFTS
    step       1 (slight) … STEPS (strong), the place in its `strengths`; 0 changes nothing
    image_ids  N names, on which the draws depend
    boxes      int (N, 4) as `picture_boxes` gives them; None: the picture fills the square

    Returns a new uint8 array of the same shape. Raises ValueError for an unknown name or step, images of another type,
    or numbers that do not agree.
    """
    _check(images, name, step, image_ids, boxes)
    shifted = np.array(images)
    if step == 0:
        return shifted
    shift = SHIFTS[name]
    for i, image_id in enumerate(image_ids):
        top, left, height, width = (0, 0, *images.shape[1:3]) if boxes is None else boxes[i]
        inside = (slice(top, top + height), slice(left, left + width))
        digest = hashlib.blake2b(f"{seed}/{name}/{image_id}".encode(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(digest, "little"))
        changed = shift.change(images[i][inside], shift.strengths[step - 1], rng)
        shifted[i][inside] = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    return shifted


def steps(n: int) -> list[int]:
    """Which `n` of the STEPS steps are taken where not all are: evenly spaced, the strongest always among them.

    Raises ValueError for less than one or more than STEPS.
    """
    if not 1 <= n <= STEPS:
        raise ValueError(f"steps: {n}; 1 to {STEPS} is allowed")
    return [int(np.ceil((i + 1) * STEPS / n)) for i in range(n)]


def _brighten(picture: np.ndarray, percent: float, rng: np.random.Generator) -> np.ndarray:
    return picture + _either_way(rng) * percent * 2.55


def _contrast(picture: np.ndarray, percent: float, rng: np.random.Generator) -> np.ndarray:
    mean = picture.mean()
    return (picture - mean) * (1 + _either_way(rng) * percent / 100) + mean


def _blur(picture: np.ndarray, percent: float, rng: np.random.Generator) -> np.ndarray:
    sigma = percent / 100 * max(picture.shape[:2])
    return _through(picture, lambda image: image.filter(ImageFilter.GaussianBlur(sigma)))


def _noise(picture: np.ndarray, percent: float, rng: np.random.Generator) -> np.ndarray:
    return picture + percent * 2.55 * rng.standard_normal((*picture.shape[:2], 1))


def _compress(picture: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:
    def there_and_back(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(quality))
        return Image.open(file)

    return _through(picture, there_and_back)


def _turn(picture: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    angle = _either_way(rng) * degrees
    return _through(picture, lambda image: image.rotate(angle, Image.Resampling.BILINEAR))


def _move(picture: np.ndarray, pixels: float, rng: np.random.Generator) -> np.ndarray:
    down, right = ((0, 1), (0, -1), (1, 0), (-1, 0))[rng.integers(4)]
    rows, columns = (
        np.arange(side) - way * int(pixels) for side, way in zip(picture.shape, (down, right), strict=False)
    )
    return picture[np.clip(rows, 0, picture.shape[0] - 1)][:, np.clip(columns, 0, picture.shape[1] - 1)]


SHIFTS = {
    "brightness": Shift("brightness", "± % of the grey scale", "brightness ± {:g} %", (2, 4, 7, 10, 15, 20), _brighten,
                        "a grey value added to every pixel, or taken away"),
    "contrast": Shift("contrast", "± %", "contrast ± {:g} %", (5, 10, 20, 30, 40, 50), _contrast,
                      "the distance of every pixel from the picture's mean, stretched or shrunk"),
    "blur": Shift("blur", "sigma, % of the longer side", "blur {:g} %", (0.5, 1, 1.5, 2, 3, 4), _blur,
                  "a Gaussian blur"),
    "noise": Shift("noise", "deviation, % of the grey scale", "noise {:g} %", (1, 2, 3, 5, 8, 12), _noise,
                   "normal noise, every pixel by itself"),
    "jpeg": Shift("JPEG", "quality", "JPEG quality {:g}", (90, 70, 50, 30, 20, 10), _compress,
                  "saved as JPEG and read again, at the size that the network is shown"),
    "rotation": Shift("rotation", "± degrees", "rotation ± {:g}°", (1, 2, 4, 7, 10, 15), _turn,
                      "turned about its middle; what comes in from outside is black"),
    "move": Shift("sideways", "pixels, one of four ways", "{:g} px sideways", (1, 2, 3, 4, 6, 8), _move,
                  "moved left, right, up or down; the edge is repeated where nothing is known"),
}  # fmt: skip


def _either_way(rng: np.random.Generator) -> float:
    return 1.0 if rng.integers(2) else -1.0


def _through(picture: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """Let Pillow change a picture; grey stays one channel."""
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    return np.asarray(change(image)).reshape(picture.shape)


def _check(images: np.ndarray, name: str, step: int, image_ids: Sequence[str], boxes: np.ndarray | None) -> None:
    if name not in SHIFTS:
        raise ValueError(f"shift {name!r} is unknown; known: {', '.join(SHIFTS)}")
    if not 0 <= step <= STEPS:
        raise ValueError(f"{name}: step {step}; 0 (unchanged) to {STEPS} is allowed")
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(f"images are uint8 (N, H, W, 1 or 3), not {images.dtype} {images.shape}")
    n_boxes = len(images) if boxes is None else len(boxes)
    if not len(images) == len(image_ids) == n_boxes:
        raise ValueError(f"{len(images)} images, {len(image_ids)} image_ids and {n_boxes} boxes; give one of each")
