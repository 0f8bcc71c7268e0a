"""The images of the benchmark: 128 grey JPEGs of 1200 × 900, the same ones on every machine.

They look to a decoder as an ultrasound frame does: a bright sector on black, soft structure, speckle. One class
has a blob that the other lacks, so that a loss can fall.
"""

from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 1200, 900
QUALITY = 90  # of the JPEG, as scanners and public sets have it
CLASSES = ("clear", "lesion")


def draw_photo(number: int, lesion: bool) -> Image.Image:
    """One image, by its number alone.

    number  from 0; another number, other structure and speckle
    lesion  whether it shows the blob

    Returns a Pillow image, 8-bit grey, WIDTH × HEIGHT.
    """
    random = np.random.default_rng([2026, number])
    soft = Image.fromarray(random.uniform(60, 190, (9, 12)).astype(np.float32))
    tissue = np.asarray(soft.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    if lesion:
        across, down = random.uniform(450, 750), random.uniform(400, 700)
        tissue = tissue + 90 * np.exp(-((x - across) ** 2 + (y - down) ** 2) / (2 * 60.0**2))
    speckle = 0.75 + 0.25 * random.standard_exponential((HEIGHT // 2, WIDTH // 2), dtype=np.float32)
    speckle = np.repeat(np.repeat(speckle, 2, axis=0), 2, axis=1)  # grains of two pixels, as sampled sound has
    sector = (np.abs(x - WIDTH / 2) < 0.7 * (y + 20)) & (np.hypot(x - WIDTH / 2, y) < HEIGHT)
    return Image.fromarray(np.clip(tissue * speckle * sector, 0, 255).astype(np.uint8))


def make_photos(folder: Path, images: int) -> Path:
    """Write `images` JPEGs, half of each class, as folder/<class>/<number>.jpg; existing ones are kept.

    Returns `folder`. Raises ValueError for an odd number, or fewer than two.
    """
    if images < 2 or images % 2:
        raise ValueError(f"{images} images; an even number from 2 is needed, because the two classes share them")
    for number in range(images):
        lesion = bool(number % 2)
        path = Path(folder) / CLASSES[lesion] / f"{number:03d}.jpg"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draw_photo(number, lesion).save(path, quality=QUALITY)
    return Path(folder)
