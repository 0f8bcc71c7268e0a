"""Heart phantoms: the truth about volumes, and no rule that reads the class from the grey."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from scanbook.phantoms import heart


@pytest.fixture(scope="module")
def frames():
    return [frame for index in range(100) for frame in heart.patient_frames(index, 100, 11)]


def auroc(positive: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve by ranks."""
    ranks, n = rankdata(score), positive.sum()
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (~positive).sum()))


def test_names_are_the_real_sets_and_each_patient_has_two_phases(frames):
    for frame in frames:
        assert re.fullmatch(r"(normal_ef|reduced_ef)/patient\d{4}_4CH_(ED|ES)\.png", frame.image_id)
    phases = pd.Series([frame.truth["phase"] for frame in frames]).groupby([f.patient for f in frames])
    assert phases.agg(list).map(sorted).map(tuple).unique().tolist() == [("ED", "ES")]


def test_the_folder_follows_from_the_ejection_fraction_and_volumes_give_it_back(frames):
    for diastole, systole in zip(frames[::2], frames[1::2], strict=True):
        fraction = diastole.truth["ejection_fraction"]
        assert (fraction <= heart.REDUCED_AT_MOST) == (diastole.label == "reduced_ef")
        assert systole.label == diastole.label
        volumes = diastole.truth["volume_ml"], systole.truth["volume_ml"]
        assert 1 - volumes[1] / volumes[0] == pytest.approx(fraction, abs=1e-6)


def test_the_mask_is_the_cavity_it_shrinks_in_systole_and_is_darker_than_the_frame(frames):
    darker = []
    for diastole, systole in zip(frames[::2], frames[1::2], strict=True):
        assert systole.mask.sum() < diastole.mask.sum()
        for frame in (diastole, systole):
            assert 0.01 < frame.mask.mean() < 0.4
            sector = frame.image[frame.image > 0]
            darker.append(frame.image[frame.mask].mean() < sector.mean())
    assert np.mean(darker) > 0.9


def test_the_mask_measures_the_volume_of_the_truth_table(frames):
    # The area-length rule needs the long axis, which the truth knows; the area comes from the mask's pixels.
    for frame in frames[:20]:
        area = frame.mask.sum() * heart.MM_PER_PIXEL**2
        volume = 8 * area**2 / (3 * np.pi * frame.truth["long_axis_mm"]) / 1000
        assert volume == pytest.approx(frame.truth["volume_ml"], rel=0.2)


def test_both_phases_of_a_patient_share_scanner_and_anatomy(frames):
    for diastole, systole in zip(frames[::2], frames[1::2], strict=True):
        assert diastole.image.shape == systole.image.shape
        assert diastole.truth["gain_db"] == systole.truth["gain_db"]
        assert systole.truth["wall_mm"] > diastole.truth["wall_mm"]


def test_mean_grey_and_size_do_not_tell_the_class(frames):
    reduced = np.array([frame.label == "reduced_ef" for frame in frames])
    for rule in (
        [frame.image.mean() for frame in frames],
        [frame.image.shape[0] for frame in frames],
        [frame.image.shape[1] / frame.image.shape[0] for frame in frames],
    ):
        found = auroc(reduced, np.array(rule))
        assert max(found, 1 - found) < 0.65


def test_the_cavitys_share_of_the_frame_does_tell_the_class(frames):
    reduced = np.array([frame.label == "reduced_ef" for frame in frames])
    assert auroc(reduced, np.array([frame.mask.mean() for frame in frames])) > 0.8
