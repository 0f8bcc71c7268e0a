import re

import numpy as np
import pytest
from scipy.stats import rankdata

from scanbook.phantoms import artery

PATTERN = re.compile(r"^(14_\d{3})_(\d+)_(\d{4})_(pos|neg)(_rotated_90|_rotated_270|_flipped_1|_resized)?\.png$")
N = 24


@pytest.fixture(scope="module")
def frames():
    return [frame for index in range(N) for frame in artery.patient_frames(index, N, seed=100)]


def test_names_match_the_real_pattern_and_tell_patient_and_class(frames):
    for frame in frames:
        folder, file = frame.image_id.split("/")
        found = PATTERN.match(file)
        assert found, file
        assert found[1] == frame.patient
        assert folder == frame.label == {"pos": "positive", "neg": "negative"}[found[4]]


def test_every_patient_has_two_originals_and_one_class(frames):
    for index in range(N):
        own = [f for f in frames if f.patient == f"14_{index + 1:03d}"]
        assert len([f for f in own if not f.truth["copy"]]) == 2
        assert len({f.label for f in own}) == 1


def test_half_of_the_patients_are_positive(frames):
    label_of = {f.patient: f.label for f in frames}
    assert sum(label == "positive" for label in label_of.values()) == N // 2


def test_masks_show_the_narrowed_segment_of_the_sick_only(frames):
    for frame in frames:
        assert frame.mask.shape == frame.image.shape
        assert frame.mask.any() == (frame.label == "positive")
        assert frame.mask.mean() < 0.5


def test_the_drawn_lumen_is_really_narrower_in_the_sick(frames):
    for frame in frames:
        ratio = frame.truth["narrowest_ratio"]
        assert ratio < 0.55 if frame.label == "positive" else ratio > 0.99


def test_the_lumen_seen_at_the_lesion_is_lighter_than_the_vessel_before_it():
    tree = artery._tree(np.random.default_rng(3), sick=True)
    points, radii = tree["lumens"][0]
    y, x = artery.GRID
    chord = artery.chords(y, x, points + artery.SIZE / 2, radii)
    healthy = artery.chords(y, x, tree["main"] + artery.SIZE / 2, tree["healthy"])
    middle = tree["segment"][len(tree["segment"]) // 2]
    row, column = np.round(points[middle] + artery.SIZE / 2).astype(int)
    assert chord[row, column] < 0.6 * healthy.max()
    assert healthy[row, column] > 0.75 * healthy.max()


def test_copies_equal_the_turned_mirrored_or_resized_original(frames):
    original_of = {f.image_id: f for f in frames if not f.truth["copy"]}
    copies = [f for f in frames if f.truth["copy"]]
    assert {f.truth["copy"] for f in copies} >= {"rotated_90", "resized"}
    for copy in copies:
        image = original_of[copy.truth["copy_of"]].image
        assert copy.patient == original_of[copy.truth["copy_of"]].patient
        kind = copy.truth["copy"]
        if kind == "resized":
            assert copy.image.shape[0] == copy.image.shape[1]
            assert abs(float(copy.image.mean()) - float(image.mean())) < 1.5
        else:
            expected = {
                "rotated_90": np.rot90(image),
                "rotated_270": np.rot90(image, 3),
                "flipped_1": image[:, ::-1],
            }[kind]
            np.testing.assert_array_equal(copy.image, expected)


def test_two_frames_of_a_patient_differ_but_resemble_each_other_more_than_strangers(frames):
    first = {f.patient: f for f in reversed(frames) if not f.truth["copy"]}
    second = {f.patient: f for f in frames if not f.truth["copy"]}

    def likeness(a, b):
        a, b = (np.asarray(i.reshape(16, 8, 16, 8).mean((1, 3)).ravel(), float) for i in (a, b))
        return np.corrcoef(a, b)[0, 1]

    names = sorted(first)
    same = [likeness(first[n].image, second[n].image) for n in names]
    other = [likeness(first[n].image, second[m].image) for n, m in zip(names, names[2:], strict=False)]
    assert max(same) < 1
    assert np.median(same) > np.median(other) + 0.3


def test_a_patient_does_not_depend_on_how_many_others_there_are():
    few, many = artery.patient_frames(3, 5, seed=1), artery.patient_frames(3, 300, seed=1)
    assert [f.image_id for f in few] == [f.image_id for f in many]
    np.testing.assert_array_equal(few[0].image, many[0].image)


def test_more_patients_than_the_names_can_hold_are_refused():
    with pytest.raises(ValueError, match="three digits"):
        artery.patient_frames(0, 1000, seed=0)


def test_mean_grey_and_size_do_not_tell_the_class():
    """150 fresh patients, one image each. A rule that looks at no anatomy must stay near chance."""
    fresh = [artery.patient_frames(index, 150, seed=1001)[0] for index in range(150)]
    sick = np.array([frame.label == "positive" for frame in fresh])
    for rule in ([f.image.mean() for f in fresh], [f.image.shape[0] for f in fresh], [f.image.shape[1] for f in fresh]):
        ranks = rankdata(rule)
        n_sick = sick.sum()
        found = (ranks[sick].sum() - n_sick * (n_sick + 1) / 2) / (n_sick * (len(fresh) - n_sick))
        assert max(found, 1 - found) < 0.65
