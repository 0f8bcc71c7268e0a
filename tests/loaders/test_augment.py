"""One draw an image; `apply` against a plain reference that treats images one by one."""

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from scanbook.loaders.augment import NEUTRAL, AugmentSpec, apply, describe, draw, image_keys

STRONG = AugmentSpec(
    flip_horizontal=0.5, flip_vertical=0.5, rotate_deg=40, zoom=0.3, shift=0.2, crop=0.3, brightness=0.2,
    contrast=0.4, grey=0.5, gain_stops=0.5,
)  # fmt: skip
IDS = [f"sick/p{i}.png" for i in range(64)]


def images(n=4, channels=1, height=16, width=16):
    return torch.rand((n, channels, height, width), generator=torch.Generator().manual_seed(0))


def only(n=4, **values):
    """Neutral draws but for the named ones."""
    return {name: np.full(n, values.get(name, NEUTRAL[name]), np.float32) for name in NEUTRAL}


def reference(image, value):
    """One image (C, H, W) by numpy and scipy, each step as the docstrings say it."""
    x = image.astype(np.float64)
    x = x[..., ::-1] if value["mirror_h"] else x
    x = x[:, ::-1] if value["mirror_v"] else x
    height, width = x.shape[1:]
    angle = np.deg2rad(value["turn_deg"])
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])  # (y, x) of the source
    back *= value["crop"] / value["zoom"]
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    shift = np.array([value["shift_y"] * height, value["shift_x"] * width])
    room = (1 - value["crop"]) / 2
    corner = np.array([value["crop_y"] * room * height, value["crop_x"] * room * width])
    start = middle + corner - back @ (middle + shift)
    x = np.stack([ndimage.affine_transform(c, back, start, order=1, mode="grid-constant", cval=0) for c in x])
    if value["grey"] and len(x) == 3:
        x = np.repeat(np.tensordot([0.299, 0.587, 0.114], x, axes=1)[None], 3, axis=0)
    x = x * 2 ** value["gain_stops"]
    x = np.clip((x - x.mean()) * (1 + value["contrast"]) + x.mean() + value["brightness"], 0, 1)
    return x


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 24, 24), (3, 24, 24), (1, 20, 31)])
def test_whole_batches_give_what_single_images_do(channels, height, width):
    batch = images(32, channels, height, width)
    draws = draw(STRONG, 0, 3, IDS[:32])
    result = apply(batch, draws).numpy()
    assert result.shape == batch.shape
    assert result.min() >= 0
    assert result.max() <= 1
    for i, (one, before) in enumerate(zip(result, batch.numpy(), strict=True)):
        expected = reference(before, {name: float(values[i]) for name, values in draws.items()})
        np.testing.assert_allclose(one, expected, atol=2e-4, err_msg=describe(draws, i))


def test_strength_zero_returns_the_images_themselves():
    batch = images()
    assert apply(batch, draw(AugmentSpec(), 0, 0, IDS[:4])) is batch


def test_an_unchanged_image_among_changed_ones_is_the_same_bit_for_bit():
    batch = images()
    draws = only(turn_deg=30, contrast=0.3, mirror_h=1)
    for values, name in ((draws[name], name) for name in draws):
        values[2] = NEUTRAL[name]
    result = apply(batch, draws)
    assert torch.equal(result[2], batch[2])
    assert not torch.equal(result[1], batch[1])


def test_the_given_images_are_not_changed():
    batch = images()
    before = batch.clone()
    apply(batch, draw(STRONG, 0, 0, IDS[:4]))
    assert torch.equal(batch, before)


def test_mirrors_are_exact():
    batch = images()
    assert torch.equal(apply(batch, only(mirror_h=1)), batch.flip(3))
    assert torch.equal(apply(batch, only(mirror_v=1)), batch.flip(2))


def test_a_quarter_turn_is_counter_clockwise_and_exact():
    batch = images()
    np.testing.assert_allclose(apply(batch, only(turn_deg=90)), np.rot90(batch, 1, (2, 3)), atol=1e-5)


def test_a_shift_by_whole_pixels_moves_right_and_down_and_leaves_black():
    batch = images()
    result = apply(batch, only(shift_x=3 / 16, shift_y=2 / 16))
    np.testing.assert_allclose(result[:, :, 2:, 3:], batch[:, :, :-2, :-3], atol=1e-5)
    assert not result[:, :, :, :3].any()
    assert not result[:, :, :2].any()


def test_cropping_a_corner_fills_the_frame_with_it():
    batch = torch.zeros(1, 1, 16, 16)
    batch[..., :8, 8:] = 1
    assert (apply(batch, only(1, crop=0.5, crop_x=1, crop_y=-1))[..., 1:-1, 1:-1] == 1).all()


def test_a_turned_and_brightened_image_does_not_show_its_frame():
    batch = torch.zeros(1, 1, 32, 32)
    batch[..., 12:20, 12:20] = 0.5  # black all around, as in most scans
    result = apply(batch, only(1, turn_deg=30, brightness=0.2))
    assert (result[..., :4, :] == result[0, 0, 0, 0]).all()
    assert result[0, 0, 0, 0] == pytest.approx(0.2)


def test_zoom_above_one_enlarges():
    batch = torch.zeros(1, 1, 16, 16)
    batch[..., 6:10, 6:10] = 1
    assert apply(batch, only(1, zoom=2)).sum() == pytest.approx(64, rel=0.05)


def test_tone_by_hand():
    batch = torch.tensor([[[[0.2, 0.4]]]])
    for value, expected in (
        ({"brightness": 0.1}, [0.3, 0.5]), ({"contrast": 0.5}, [0.15, 0.45]), ({"gain_stops": 1}, [0.4, 0.8]),
        ({"brightness": -0.3}, [0.0, 0.1]), ({"grey": 1}, [0.2, 0.4]),
    ):  # fmt: skip
        np.testing.assert_allclose(apply(batch, only(1, **value)).flatten(), expected, atol=1e-6)


def test_grey_makes_three_equal_channels_of_the_luma():
    result = apply(torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1), only(1, grey=1))
    np.testing.assert_allclose(result.flatten(), [0.5925] * 3, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(8)), st.integers(0, 5), st.integers(0, 5))
def test_neither_order_nor_batch_size_changes_a_draw(order, seed, epoch):
    together = draw(STRONG, seed, epoch, IDS[:8])
    shuffled = draw(STRONG, seed, epoch, [IDS[i] for i in order])
    for name, values in together.items():
        np.testing.assert_array_equal(values[list(order)], shuffled[name])
        assert values[3] == draw(STRONG, seed, epoch, [IDS[3]])[name][0]
        np.testing.assert_array_equal(values, draw(STRONG, seed, epoch, image_keys(IDS[:8]))[name])


def test_another_seed_epoch_or_image_is_another_draw():
    base = draw(STRONG, 0, 0, IDS)["turn_deg"]
    assert (base != draw(STRONG, 1, 0, IDS)["turn_deg"]).all()
    assert (base != draw(STRONG, 0, 1, IDS)["turn_deg"]).all()
    assert len(np.unique(base)) == len(IDS)


def test_draws_fill_their_ranges_evenly_and_know_nothing_of_each_other():
    draws = draw(STRONG, 0, 0, [str(i) for i in range(20_000)])
    assert {name: values.dtype for name, values in draws.items()} == dict.fromkeys(NEUTRAL, np.dtype("float32"))
    for name, low, high in (
        ("turn_deg", -40, 40), ("zoom", 0.7, 1.3), ("shift_x", -0.2, 0.2), ("shift_y", -0.2, 0.2), ("crop", 0.7, 1),
        ("crop_x", -1, 1), ("brightness", -0.2, 0.2), ("contrast", -0.4, 0.4), ("gain_stops", -0.5, 0.5),
    ):  # fmt: skip
        share = np.histogram(draws[name], bins=10, range=(low, high))[0] / 20_000
        np.testing.assert_allclose(share, 0.1, atol=0.01, err_msg=name)
    for name in ("mirror_h", "mirror_v", "grey"):
        assert set(np.unique(draws[name])) == {0, 1}
        assert draws[name].mean() == pytest.approx(0.5, abs=0.015)
    assert np.abs(np.corrcoef(list(draws.values())) - np.eye(len(draws))).max() < 0.035


def test_a_second_turn_is_drawn_by_itself_and_added():
    many = [str(i) for i in range(20_000)]
    once = draw(AugmentSpec(rotate_deg=15), 0, 0, many)["turn_deg"]
    twice = draw(AugmentSpec(rotate_deg=15, rotate_twice=True), 0, 0, many)["turn_deg"]
    assert np.abs(twice).max() <= 30
    second = twice - once
    assert np.abs(second).max() <= 15 + 1e-5
    assert abs(np.corrcoef(once, second)[0, 1]) < 0.03
    assert twice.std() == pytest.approx(15 * np.sqrt(2 / 3), rel=0.02)  # the sum of two uniform draws, not one of 30
    assert (np.abs(twice) < 15).mean() == pytest.approx(0.75, abs=0.015)  # a triangle's middle half


def test_a_shift_may_differ_between_x_and_y():
    many = [str(i) for i in range(2_000)]
    draws = draw(AugmentSpec(shift=0.1, shift_y=0.02), 0, 0, many)
    assert 0.095 < np.abs(draws["shift_x"]).max() <= 0.1
    assert 0.019 < np.abs(draws["shift_y"]).max() <= 0.02 + 1e-6
    assert not draw(AugmentSpec(shift=0.1, shift_y=0.0), 0, 0, many)["shift_y"].any()
    both = draw(AugmentSpec(shift=0.1), 0, 0, many)
    np.testing.assert_array_equal(both["shift_x"], draws["shift_x"])
    assert np.abs(both["shift_y"]).max() > 0.095


def splitmix(bits):
    """The published finaliser in Python's own integers, cut to 64 bits after each step."""
    low = 2**64 - 1
    bits = (bits + 0x9E3779B97F4A7C15) & low
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & low
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & low
    return bits ^ (bits >> 31)


def test_a_draw_can_be_worked_out_without_arrays_so_it_is_the_same_on_every_machine():
    def digest(text):
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")

    assert splitmix(0) == 0xE220A8397B1DCDAF  # first output of SplitMix64 with seed 0
    drawn = draw(AugmentSpec(rotate_deg=10), 7, 2, IDS[:5])["turn_deg"]
    for name, turn in zip(IDS, drawn, strict=False):
        share = (splitmix(digest(name) ^ digest("7/2/turn_deg")) >> 11) * 2.0**-53
        assert turn == np.float32(10 * (2 * share - 1))


def test_what_was_drawn_is_said_in_words():
    assert describe(only(), 0) == "unchanged"
    assert describe(only(mirror_h=1, turn_deg=8.2, zoom=1.12, contrast=0.1), 0) == (
        "mirrored, turned 8°, zoom 1.12, contrast +0.10"
    )
    assert describe(only(turn_deg=-8.2, shift_x=-0.05, shift_y=0.1), 0) == "turned −8°, 5 % left, 10 % down"
    assert describe(only(crop=0.9, gain_stops=-0.25, grey=1), 0) == "cropped to 90 %, grey, gain −0.25 stops"
    assert describe(only(turn_deg=0.1), 0) == "hardly changed"


@pytest.mark.parametrize(
    "strength", [{"flip_horizontal": 1.5}, {"zoom": 1}, {"rotate_deg": -3}, {"crop": -0.1}, {"shift_y": 1}]
)
def test_an_impossible_strength_is_refused_by_name(strength):
    with pytest.raises(ValueError, match=rf"augment\.{next(iter(strength))}"):
        AugmentSpec(**strength)


def test_too_few_draws_are_refused():
    with pytest.raises(ValueError, match="4 images need as many draws"):
        apply(images(4), only(3))
