"""Pictures for tests of likeness: random soft shapes, as different from each other as two patients are."""

import io

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from scanbook.loaders.views import views_of


def scene(seed, size=(160, 120)):
    """uint8 (height, width): blobs and lines that no other seed has."""
    generator = np.random.default_rng(seed)
    width, height = size
    noise = gaussian_filter(generator.normal(size=(height, width)), height / 30)
    soft = gaussian_filter(generator.normal(size=(height, width)), height / 8)
    picture = noise / noise.std() + 2 * soft / soft.std()
    return np.clip(128 + 30 * picture, 20, 235).astype(np.uint8)


def jpeg(pixels, quality):
    """The same picture after one more compression."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def views(pictures):
    """uint8 (N, 2, SIDE, SIDE)."""
    return np.stack([views_of(picture) for picture in pictures])
