"""Geometry and equalisation are pure functions with promises one can check."""

import numpy as np
import pytest
from PIL import Image

from scanbook.loaders.prepare import prepare, prepare_file

PLAIN = {"fit": "pad", "colour": "grey", "equalise": "none"}


def noise(height, width, channels=None, low=0, high=256):
    shape = (height, width, channels) if channels else (height, width)
    return np.random.default_rng(0).integers(low, high, shape, dtype=np.uint8)


@pytest.mark.parametrize("fit", ["pad", "squeeze", "crop"])
@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize("equalise", ["none", "histogram", "clahe"])
@pytest.mark.parametrize("shape", [(50, 80), (81, 33, 3), (1, 200), (7, 5, 1)])
def test_any_image_becomes_the_square_that_was_asked_for(fit, colour, equalise, shape):
    image = noise(*shape)
    before = image.copy()
    result = prepare(image, size=32, fit=fit, colour=colour, equalise=equalise)
    assert result.shape == (32, 32, 1 if colour == "grey" else 3)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(image, before)


def test_padding_keeps_the_aspect_and_adds_equal_black_above_and_below():
    result = prepare(np.full((40, 80), 200, np.uint8), size=64, **PLAIN)[..., 0]
    assert (result[16:48] == 200).all()
    assert not result[:16].any()
    assert not result[48:].any()


def test_squeezing_fills_the_square_and_cropping_keeps_the_middle():
    image = np.repeat(np.array([[10, 100, 100, 20]], np.uint8), 2, axis=0)
    image = image.repeat(16, axis=0).repeat(16, axis=1)  # 32 × 64, the outer quarters darker
    squeezed = prepare(image, size=32, **{**PLAIN, "fit": "squeeze"})[..., 0]
    assert (squeezed[16, 1], squeezed[16, 16], squeezed[16, 30]) == (10, 100, 20)
    assert (prepare(image, size=32, **{**PLAIN, "fit": "crop"}) == 100).all()


def test_an_image_of_the_right_size_is_not_touched():
    image = noise(32, 32)
    for fit in ("pad", "squeeze", "crop"):
        np.testing.assert_array_equal(prepare(image, size=32, **{**PLAIN, "fit": fit})[..., 0], image)


def test_reduction_averages_all_source_pixels():
    checks = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    assert np.abs(prepare(checks, size=32, **PLAIN).astype(int) - 127).max() <= 2


def test_resizing_never_overshoots_at_an_edge():
    image = np.full((60, 60), 50, np.uint8)
    image[:, 30:] = 200
    result = prepare(image, size=37, **PLAIN)
    assert (result.min(), result.max()) == (50, 200)


def test_grey_is_the_luma_and_grey_stored_as_rgb_loses_nothing():
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 200, 100, 50
    assert (prepare(image, size=8, **PLAIN) == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)).all()
    grey = noise(8, 8)
    np.testing.assert_array_equal(prepare(np.dstack([grey] * 3), size=8, **PLAIN)[..., 0], grey)
    rgb = prepare(grey, size=8, **{**PLAIN, "colour": "rgb"})
    np.testing.assert_array_equal(rgb, np.dstack([grey] * 3))


def test_histogram_equalisation_spreads_grey_levels_evenly_and_keeps_their_order():
    image = noise(64, 64, low=100, high=130)
    result = prepare(image, size=64, **{**PLAIN, "equalise": "histogram"})[..., 0]
    assert (result.min(), result.max()) == (0, 255)
    assert np.histogram(result, bins=4, range=(0, 256))[0] == pytest.approx(1024, rel=0.2)
    order = np.argsort(image.ravel(), kind="stable")
    assert (np.diff(result.ravel()[order].astype(int)) >= 0).all()


def test_the_border_does_not_enter_the_histogram():
    wide = noise(16, 64, low=100, high=130)
    padded = prepare(wide, size=64, **{**PLAIN, "equalise": "histogram"})[24:40, :, 0]
    alone = prepare(np.tile(wide, (4, 1)), size=64, **{**PLAIN, "equalise": "histogram"})[:16, :, 0]
    np.testing.assert_array_equal(padded, alone)


@pytest.mark.parametrize("equalise", ["histogram", "clahe"])
def test_a_flat_image_stays_flat_and_grey_rgb_stays_grey(equalise):
    flat = np.full((32, 32), 77, np.uint8)
    assert (prepare(flat, size=32, **{**PLAIN, "equalise": equalise}) == 77).all()
    rgb = prepare(noise(32, 32), size=32, fit="pad", colour="rgb", equalise=equalise)
    assert (rgb == rgb[..., :1]).all()


def test_clahe_brings_out_a_faint_spot_in_a_dark_corner():
    image = np.tile(np.linspace(20, 220, 64).astype(np.uint8), (64, 1))
    image[30:34, 4:8] += 6
    result = prepare(image, size=64, **{**PLAIN, "equalise": "clahe"})[..., 0].astype(int)
    assert result[31, 5] - result[20, 5] > 6


@pytest.mark.parametrize(
    ("image", "changes", "text"),
    [
        (noise(8, 8), {"fit": "stretch"}, "pad, squeeze, crop"),
        (noise(8, 8), {"colour": "gray"}, "grey, rgb"),
        (noise(8, 8), {"equalise": "hist"}, "none, histogram, clahe"),
        (noise(8, 8).astype(float), {}, "uint8"),
        (noise(8, 8, 4), {}, "not uint8"),
        (np.zeros((0, 8), np.uint8), {}, "without pixels"),
    ],
)
def test_what_cannot_be_prepared_is_refused_in_words(image, changes, text):
    with pytest.raises(ValueError, match=text):
        prepare(image, size=8, **{**PLAIN, **changes})


def test_a_large_jpeg_prepared_from_its_file_looks_as_from_its_pixels(tmp_path):
    y, x = np.mgrid[:1200, :1600]
    image = (127 + 100 * np.sin(x / 90) * np.cos(y / 70)).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "film.jpg", quality=95)
    quick = prepare_file(tmp_path / "film.jpg", size=64, **PLAIN)
    slow = prepare(np.asarray(Image.open(tmp_path / "film.jpg")), size=64, **PLAIN)
    assert np.abs(quick.astype(int) - slow).max() <= 3


def test_a_resize_before_the_crop_cuts_a_margin_all_around():
    image = np.zeros((255, 510), np.uint8)
    image[15:239, 143:367] = 200  # the middle 224 × 224, and no more
    cut = prepare(image, size=224, resize=255, **{**PLAIN, "fit": "crop"})
    assert cut.shape == (224, 224, 1)
    assert (cut == 200).all()
    plain = noise(255, 300)
    np.testing.assert_array_equal(
        prepare(plain, size=224, resize=255, **{**PLAIN, "fit": "crop"})[..., 0], plain[15:239, 38:262]
    )


def test_a_resize_to_the_size_itself_is_the_plain_crop():
    image = noise(90, 70)
    options = {**PLAIN, "fit": "crop"}
    np.testing.assert_array_equal(prepare(image, size=32, resize=32, **options), prepare(image, size=32, **options))


@pytest.mark.parametrize(("fit", "resize"), [("pad", 64), ("squeeze", 64), ("crop", 31)])
def test_a_resize_without_a_crop_or_below_the_size_is_refused(fit, resize):
    with pytest.raises(ValueError, match="only fit crop takes it"):
        prepare(noise(40, 40), size=32, resize=resize, **{**PLAIN, "fit": fit})
