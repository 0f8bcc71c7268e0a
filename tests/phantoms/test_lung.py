import re

import numpy as np
import pytest
from scipy.stats import rankdata

from scanbook.phantoms import lung

N = 22
PATTERN = re.compile(r"^(Bengin|Malignant|Normal) cases/\1 case \((\d+)\)\.jpg$")


@pytest.fixture(scope="module")
def frames():
    return [frame for index in range(N) for frame in lung.patient_frames(index, N, seed=100)]


def test_names_are_the_source_s_with_its_spelling(frames):
    for frame in frames:
        found = PATTERN.match(frame.image_id)
        assert found, frame.image_id
        assert frame.label == f"{found[1]} cases"


def test_numbers_run_without_gap_and_three_neighbours_are_one_patient(frames):
    for label in {f.label for f in frames}:
        own = {int(PATTERN.match(f.image_id)[2]): f.patient for f in frames if f.label == label}
        assert sorted(own) == list(range(1, len(own) + 1))
        for number, patient in own.items():
            first = 3 * ((number - 1) // 3) + 1
            assert {own[first + k] for k in range(3)} == {patient}


def test_every_index_has_one_place_in_one_class_whatever_the_number_of_patients():
    for n in (1, 5, 22, 240):
        places = [lung.class_of(index, n) for index in range(n)]
        assert len(set(places)) == n
    share = [sum(kind == k for kind, _ in places) / 240 for k in ("benign", "malignant", "normal")]
    np.testing.assert_allclose(share, np.array([1, 2.5, 2]) / 5.5, atol=0.01)


def test_masks_are_empty_for_normal_and_lie_in_the_picture_otherwise(frames):
    for frame in frames:
        assert frame.mask.shape == frame.image.shape == (lung.SIZE, lung.SIZE)
        assert frame.mask.any() == (frame.label != "Normal cases"), frame.image_id


def test_a_mass_is_larger_than_a_nodule_and_only_it_has_spicules(frames):
    truth = {label: [f.truth for f in frames if f.label == label] for label in {f.label for f in frames}}
    nodules = [t["lesion_radius_px"] for t in truth["Bengin cases"]]
    masses = [t["lesion_radius_px"] for t in truth["Malignant cases"]]
    assert max(nodules) < np.median(masses)
    assert all(t["spicules"] >= 9 for t in truth["Malignant cases"])
    assert all(t["spicules"] == 0 for t in truth["Bengin cases"] + truth["Normal cases"])


def test_the_lesion_is_denser_than_the_lung_around_it(frames):
    for frame in frames:
        if frame.label == "Bengin cases":
            y, x = np.nonzero(frame.mask)
            box = frame.image[max(y.min() - 8, 0) : y.max() + 8, max(x.min() - 8, 0) : x.max() + 8]
            assert frame.image[frame.mask].mean() > np.percentile(box, 40) + 20


def test_neighbouring_slices_resemble_each_other_more_than_strangers(frames):
    def likeness(a, b):
        return np.corrcoef(a.image.ravel(), b.image.ravel())[0, 1]

    starts = range(0, len(frames), 3)
    same = [likeness(frames[k], frames[k + 1]) for k in starts]
    other = [likeness(frames[k], frames[(k + 3) % len(frames)]) for k in starts]
    assert min(same) > np.median(other)


def test_a_slice_shows_air_lung_and_tissue(frames):
    for frame in frames[::5]:
        dark, bright = np.percentile(frame.image, (5, 90))
        assert bright > dark + 80


def test_a_patient_beyond_the_set_is_refused():
    with pytest.raises(ValueError, match="allowed"):
        lung.patient_frames(5, 5, seed=0)


def test_mean_grey_does_not_tell_the_classes(monkeypatch):
    """300 fresh patients, one slice each. A rule that looks at no anatomy must stay near chance (macro AUROC)."""
    monkeypatch.setattr(lung, "SLICES", 1)
    fresh = [lung.patient_frames(index, 300, seed=1001)[0] for index in range(300)]
    grey = rankdata([frame.image.mean() for frame in fresh])
    areas = []
    for label in {frame.label for frame in fresh}:
        own = np.array([frame.label == label for frame in fresh])
        n_own = own.sum()
        found = (grey[own].sum() - n_own * (n_own + 1) / 2) / (n_own * (len(fresh) - n_own))
        areas.append(max(found, 1 - found))
    assert np.mean(areas) < 0.65
