import re
from collections import Counter

import numpy as np
import pytest
from scipy.stats import rankdata

from scanbook.phantoms import radiograph, xray

KEY = re.compile(r"^(person\d+_[a-z]+|(?:NORMAL2-)?IM-\d+)")
REAL = re.compile(r"^(person\d+_(bacteria|virus)_\d+|(NORMAL2-)?IM-\d{4}-\d{4})\.jpeg$")
N = 260


@pytest.fixture(scope="module")
def frames():
    return [frame for index in range(0, N, 7) for frame in xray.patient_frames(index, N, seed=100)]


@pytest.fixture(scope="module")
def roles():
    return [xray.role_of(index, N) for index in range(N)]


def test_names_match_the_real_ones_and_the_pattern_finds_the_person(frames):
    for frame in frames:
        part, label, file = frame.image_id.split("/")
        assert part in ("train", "val", "test")
        assert label == frame.label
        assert REAL.match(file), file
        assert KEY.match(file)[1] == frame.patient
        assert ("person" in file) == (label == "PNEUMONIA")


def test_no_person_is_in_two_parts(monkeypatch):
    """All 260 persons; only names matter here, so that nothing is drawn."""
    blank = np.zeros((112, 136), np.uint8)
    monkeypatch.setattr(xray, "_film", lambda *_: (blank, blank > 0))
    part_of, names = {}, []
    for index in range(N):
        for frame in xray.patient_frames(index, N, seed=0):
            part_of.setdefault(frame.patient, set()).add(frame.image_id.split("/")[0])
            names.append(frame.image_id.split("/")[2])
    assert len(part_of) == N
    assert all(len(parts) == 1 for parts in part_of.values())
    assert len(set(names)) == len(names)
    assert 400 <= len(names) <= 480


def test_numbers_under_bacteria_and_virus_count_different_children(roles):
    numbers = {kind: {n for _, k, n in roles if k == kind} for kind in ("bacteria", "virus")}
    assert numbers["bacteria"] & numbers["virus"]


def test_the_parts_have_the_stated_shares(roles):
    count = Counter((part, kind == "normal") for part, kind, _ in roles)
    assert count["test", True] + count["test", False] == 80
    assert count["test", False] / 80 == pytest.approx(0.62, abs=0.02)
    assert count["train", False] / count["train", True] == pytest.approx(1.7, abs=0.1)
    assert max(count["val", True], count["val", False]) <= 8


def test_masks_show_opacities_in_the_sick_only(frames):
    for frame in frames:
        assert frame.mask.shape == frame.image.shape
        assert frame.mask.any() == (frame.label == "PNEUMONIA"), frame.image_id


def test_an_opacity_takes_air_away_and_leaves_the_rest_of_the_chest():
    rng = np.random.default_rng(5)
    chest = xray._chest(rng, "bacteria")
    v, u = np.meshgrid(np.linspace(-0.2, 1.4, 120), np.linspace(-1.3, 1.3, 140), indexing="ij")
    sick, mask = xray._paths(np.random.default_rng(1), chest, v, u, 0.0)
    well, none = xray._paths(np.random.default_rng(1), {**chest, "lesions": []}, v, u, 0.0)
    assert not none.any()
    assert (sick["lung"][mask] < well["lung"][mask]).all()
    np.testing.assert_array_equal(sick["bone"], well["bone"])


def test_most_normal_test_films_come_from_the_other_device(frames):
    shifted = {True: [], False: []}
    for frame in frames:
        if frame.truth["part"] == "test":
            shifted[frame.label == "NORMAL"].append(frame.truth["other_device"])
        else:
            assert frame.truth["other_device"] == 0
    assert np.mean(shifted[True]) > np.mean(shifted[False])


def test_the_same_seed_gives_the_same_film_and_another_seed_another():
    a, b = (xray.patient_frames(7, 40, seed=s)[0].image for s in (1, 1))
    np.testing.assert_array_equal(a, b)
    other = xray.patient_frames(7, 40, seed=2)[0].image
    assert other.shape != a.shape or (other != a).any()


def test_beer_and_lambert_by_hand():
    """10 mm of water-like tissue at 0.0240 a mm, and nothing beside it."""
    share = radiograph.transmitted({"soft": np.array([[10.0, 0.0]], np.float32)})
    np.testing.assert_allclose(share, [[np.exp(-0.2398), 1.0]], rtol=1e-3)
    with pytest.raises(ValueError, match="known"):
        radiograph.transmitted({"lead": np.zeros((1, 1))})


def test_a_straight_tube_has_the_chord_of_a_cylinder():
    y, x = np.meshgrid(np.arange(32.0), np.arange(32.0), indexing="ij")
    line = np.stack([np.full(400, 16.0), np.linspace(-2, 34, 400)], 1)
    chord = radiograph.chords(y, x, line, np.full(400, 5.0))
    expected = 2 * np.sqrt(np.maximum(25 - (y - 16) ** 2, 0))
    np.testing.assert_allclose(chord, expected, atol=0.15)  # 5.0 px off the axis the tube just ends


def test_quantum_noise_falls_with_the_root_of_the_dose():
    flat = np.ones((128, 128), np.float32)
    spread = {}
    for photons in (400, 1600):
        rng = np.random.default_rng(0)
        counts = radiograph.detect(rng, flat, photons=photons, scatter=0.3, detector=0)
        spread[photons] = counts.std() / counts.mean()
    assert spread[400] == pytest.approx(1 / 20, rel=0.03)
    assert spread[1600] == pytest.approx(1 / 40, rel=0.03)


def test_mean_grey_and_size_do_not_tell_the_class():
    """150 fresh patients, one image each. A rule that looks at no anatomy must stay near chance."""
    fresh = [xray.patient_frames(index, 150, seed=1001)[0] for index in range(150)]
    sick = np.array([frame.label == "PNEUMONIA" for frame in fresh])
    for rule in ([f.image.mean() for f in fresh], [f.image.shape[0] for f in fresh], [f.image.shape[1] for f in fresh]):
        ranks = rankdata(rule)
        n_sick = sick.sum()
        found = (ranks[sick].sum() - n_sick * (n_sick + 1) / 2) / (n_sick * (len(fresh) - n_sick))
        assert max(found, 1 - found) < 0.65
