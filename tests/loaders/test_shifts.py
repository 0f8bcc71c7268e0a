"""Shifts do what their names say, inside the picture, by image and not by batch."""

import itertools

import numpy as np
import pytest

from scanbook.loaders import prepare, shifts

NAMES = list(shifts.SHIFTS)


def pictures(n=3, side=32, channels=1, seed=0):
    """Smooth pictures with a bright square at a place of its own, so that each shift has something to change."""
    rng = np.random.default_rng(seed)
    images = np.full((n, side, side, channels), 90, dtype=np.uint8)
    for i in range(n):
        top, left = rng.integers(6, side - 14, 2)
        images[i, top : top + 8, left : left + 8] = 180
    return images


def textured(n, side, seed=0):
    """Grain of several sizes, as images have it."""
    rng = np.random.default_rng(seed)
    grain = sum(np.kron(rng.normal(0, 12, (n, side // k, side // k)), np.ones((k, k))) for k in (1, 2, 4, 8))
    return np.clip(128 + grain, 0, 255).astype(np.uint8)[..., None]


def shifted(images, name, step=6, seed=0, ids=None, boxes=None):
    ids = [f"image {i}" for i in range(len(images))] if ids is None else ids
    return shifts.apply(images, name, step, seed=seed, image_ids=ids, boxes=boxes)


@pytest.mark.parametrize("name", NAMES)
def test_step_0_changes_nothing_and_what_was_given_stays_as_it_is(name):
    images = pictures()
    before = images.copy()
    assert np.array_equal(shifted(images, name, step=0), images)
    changed = shifted(images, name)
    assert changed.dtype == np.uint8
    assert changed.shape == images.shape
    assert np.array_equal(images, before)
    assert not np.array_equal(changed, images)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_changes_alike_whatever_stands_beside_it(name):
    images, ids = pictures(4), ["a", "b", "c", "d"]
    whole = shifted(images, name, ids=ids)
    turned = shifted(images[::-1], name, ids=ids[::-1])
    assert np.array_equal(whole, turned[::-1])
    assert np.array_equal(shifted(images[2:3], name, ids=["c"])[0], whole[2])


def test_the_direction_is_the_images_own_and_the_seeds():
    images = np.repeat(pictures(1), 40, axis=0)
    for name in ("brightness", "contrast", "rotation", "move", "noise"):
        assert len({image.tobytes() for image in shifted(images, name)}) > 1, name
        assert not np.array_equal(shifted(images, name), shifted(images, name, seed=1)), name
    for name in ("blur", "jpeg"):  # nothing is drawn for these
        assert len({image.tobytes() for image in shifted(images, name)}) == 1, name


@pytest.mark.parametrize("name", NAMES)
def test_a_stronger_step_takes_the_picture_further_from_itself(name):
    images = textured(12, side=64)
    away = [np.abs(shifted(images, name, step).astype(float) - images).mean() for step in range(shifts.STEPS + 1)]
    assert away[0] == 0
    assert all(low < high for low, high in itertools.pairwise(away)), away


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "height"), [(400, 200), (150, 400)])
def test_the_border_that_preparation_added_stays_black(name, width, height):
    source = np.full((height, width), 120, dtype=np.uint8)
    source[height // 3 : height // 2, width // 3 : width // 2] = 220
    image = prepare.prepare(source, size=64, fit="pad", colour="grey", equalise="none")[None]
    boxes = shifts.picture_boxes([width], [height], 64, "pad")
    top, left, high, wide = boxes[0]
    border = np.ones((64, 64), dtype=bool)
    border[top : top + high, left : left + wide] = False
    assert (image[0, ..., 0][border] == 0).all()
    assert (image[0, ..., 0][~border] > 0).all()  # the box is the picture, no more and no less
    for step in (1, 6):
        changed = shifted(image, name, step, boxes=boxes)[0, ..., 0]
        assert (changed[border] == 0).all()
        assert not np.array_equal(changed[~border], image[0, ..., 0][~border])


def test_without_padding_the_picture_is_the_whole_square():
    for fit in ("squeeze", "crop"):
        assert shifts.picture_boxes([400, 10], [200, 30], 32, fit).tolist() == [[0, 0, 32, 32]] * 2


def test_brightness_adds_its_percent_and_contrast_keeps_the_mean():
    flat = np.full((30, 16, 16, 1), 100, dtype=np.uint8)
    assert set(np.unique(shifted(flat, "brightness", 4))) == {100 - 26, 100 + 26}  # 10 % of 255, rounded
    halves = np.tile(np.repeat([80, 120], 8).astype(np.uint8)[None, None, :, None], (30, 16, 1, 1))
    changed = shifted(halves, "contrast", 6).astype(int)
    assert {tuple(np.unique(image)) for image in changed} == {(90, 110), (70, 130)}


def test_one_pixel_of_shift_is_one_pixel_and_repeats_the_edge():
    image = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    one = image[0, ..., 0].astype(int)
    down, right = np.vstack([one[:1], one[:-1]]), np.hstack([one[:, :1], one[:, :-1]])
    up, left = np.vstack([one[1:], one[-1:]]), np.hstack([one[:, 1:], one[:, -1:]])
    seen = set()
    for n in range(40):
        changed = shifted(image, "move", 1, ids=[f"{n}"])[0, ..., 0]
        fits = [k for k, wanted in enumerate((down, right, up, left)) if np.array_equal(changed, wanted)]
        assert len(fits) == 1
        seen |= set(fits)
    assert seen == {0, 1, 2, 3}


def test_noise_has_the_deviation_it_says_and_grey_stays_grey_in_three_channels():
    flat = np.full((4, 64, 64, 3), 128, dtype=np.uint8)
    for step, percent in enumerate(shifts.SHIFTS["noise"].strengths[:4], start=1):
        changed = shifted(flat, "noise", step).astype(float)
        assert changed.std() == pytest.approx(2.55 * percent, rel=0.05)
        assert np.array_equal(changed[..., 0], changed[..., 2])


def test_rotation_brings_in_black_and_keeps_the_middle():
    image = np.full((1, 33, 33, 1), 200, dtype=np.uint8)
    changed = shifted(image, "rotation", 6)[0, ..., 0]
    assert changed[16, 16] == 200
    assert changed[0, 0] == changed[0, -1] == changed[-1, 0] == changed[-1, -1] == 0


def test_fewer_steps_are_spread_over_all_and_end_with_the_strongest():
    for n in range(1, shifts.STEPS + 1):
        taken = shifts.steps(n)
        assert len(set(taken)) == n
        assert taken == sorted(taken)
        assert taken[-1] == shifts.STEPS
    assert shifts.steps(2) == [3, 6]
    for n in (0, shifts.STEPS + 1):
        with pytest.raises(ValueError, match="1 to 6 is allowed"):
            shifts.steps(n)


def test_every_shift_has_its_steps_in_order_and_says_what_it_does():
    for name, shift in shifts.SHIFTS.items():
        assert len(shift.strengths) == shifts.STEPS
        assert list(shift.strengths) == sorted(shift.strengths, reverse=name == "jpeg")
        assert shift.words
        assert f"{shift.strengths[0]:g}" in shift.written.format(shift.strengths[0])
        assert shift.unit
        assert shift.about


def test_what_cannot_be_shifted_is_refused_with_what_is_allowed():
    images = pictures(2)
    with pytest.raises(ValueError, match=r"'fog' is unknown; known: brightness, contrast"):
        shifted(images, "fog")
    with pytest.raises(ValueError, match=r"step 7; 0 .unchanged. to 6"):
        shifted(images, "blur", 7)
    with pytest.raises(ValueError, match="uint8"):
        shifted(images / 255, "blur")
    with pytest.raises(ValueError, match="2 images, 1 image_ids and 2 boxes"):
        shifted(images, "blur", ids=["a"])


def test_the_parameter_file_knows_the_same_shifts_as_the_room():
    from typing import get_args

    from scanbook.experiment import Shift

    assert get_args(Shift) == tuple(shifts.SHIFTS)
