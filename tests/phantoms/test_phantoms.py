"""The frame all five sets share: names, determinism, the answer sheet, a set that is finished."""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from scanbook import phantoms
from scanbook.phantoms import NAMES, make_phantoms

PRESENT = [name for name in NAMES if importlib.util.find_spec(f"scanbook.phantoms.{name}")]


def digest(folder: Path) -> dict[str, str]:
    """sha256 of every file below `folder`, by relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Six patients of each set, made once."""
    folder = tmp_path_factory.mktemp("phantoms")
    for name in PRESENT:
        make_phantoms(name, folder, seed=3, patients=6)
    return folder


def test_all_five_sets_are_there():
    assert list(NAMES) == PRESENT


@pytest.mark.parametrize("name", PRESENT)
def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_threads(name, made, tmp_path, monkeypatch):
    monkeypatch.setattr(phantoms.os, "cpu_count", lambda: 1)
    make_phantoms(name, tmp_path, seed=3, patients=6)
    assert digest(tmp_path / name) == digest(made / name)
    for sheet in (f"{name}.csv", f"{name}-masks.npz"):
        assert (tmp_path / "truth" / sheet).read_bytes() == (made / "truth" / sheet).read_bytes()


@pytest.mark.parametrize("name", PRESENT)
def test_another_seed_gives_other_images(name, made, tmp_path):
    make_phantoms(name, tmp_path, seed=4, patients=6)
    images = {path for path in digest(made / name).items() if not path[0].endswith((".csv", ".txt"))}
    assert images.isdisjoint(digest(tmp_path / name).items())


@pytest.mark.parametrize("name", PRESENT)
def test_the_truth_table_lists_every_image_once_and_lies_outside_the_set(name, made):
    truth = pd.read_csv(made / "truth" / f"{name}.csv")
    files = [path for path in digest(made / name) if path.endswith((".png", ".jpg", ".jpeg"))]
    assert sorted(truth["image_id"]) == sorted(files)
    assert {"image_id", "patient", "label", "true_label", "lesion_share"} <= set(truth.columns)
    assert truth.groupby("patient").size().max() > 1
    assert not list((made / name).rglob("*truth*"))
    assert not list((made / name).rglob("*mask*"))


@pytest.mark.parametrize("name", PRESENT)
def test_masks_have_the_shape_of_their_image_and_the_share_the_table_says(name, made):
    truth = pd.read_csv(made / "truth" / f"{name}.csv").set_index("image_id")
    with np.load(made / "truth" / f"{name}-masks.npz") as masks:
        assert set(masks.files) == set(truth.index)
        for image_id, share in truth["lesion_share"].items():
            with Image.open(made / name / image_id) as image:
                assert image.mode == "L"
                assert masks[image_id].shape == (image.height, image.width)
            assert masks[image_id].dtype == bool
            assert masks[image_id].mean() == pytest.approx(share, rel=1e-4)
    assert truth["lesion_share"].max() > 0


def test_a_finished_set_is_left_alone_and_a_damaged_one_made_again(tmp_path):
    root = make_phantoms("heart", tmp_path, seed=5, patients=2)
    first = sorted(root.rglob("*.png"))[0]
    before = first.stat().st_mtime_ns, digest(root)
    make_phantoms("heart", tmp_path, seed=5, patients=2)
    assert (first.stat().st_mtime_ns, digest(root)) == before
    first.unlink()
    make_phantoms("heart", tmp_path, seed=5, patients=2)
    assert digest(root) == before[1]


def test_another_seed_replaces_the_set_and_leaves_nothing_behind(tmp_path):
    make_phantoms("heart", tmp_path, seed=5, patients=3)
    root = make_phantoms("heart", tmp_path, seed=6, patients=2)
    assert len(list(root.rglob("*.png"))) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heart", "truth"]


def test_a_patient_looks_the_same_in_a_larger_set(tmp_path):
    small = digest(make_phantoms("heart", tmp_path / "small", seed=7, patients=2))
    large = digest(make_phantoms("heart", tmp_path / "large", seed=7, patients=5))
    assert small.items() <= large.items()


def test_unknown_names_and_no_patients_are_refused_with_what_is_allowed(tmp_path):
    with pytest.raises(ValueError, match="known: heart, artery, xray, fetal, lung"):
        make_phantoms("hart", tmp_path)
    with pytest.raises(ValueError, match="1 or more"):
        make_phantoms("heart", tmp_path, patients=0)


def test_a_failure_half_way_leaves_the_last_set_alone(tmp_path, monkeypatch):
    from scanbook.phantoms import heart

    root = make_phantoms("heart", tmp_path, seed=5, patients=2)
    before = digest(root)

    def broken(index: int, n_patients: int, seed: int) -> list:
        raise RuntimeError("out of ink")

    monkeypatch.setattr(heart, "patient_frames", broken)
    with pytest.raises(RuntimeError, match="out of ink"):
        make_phantoms("heart", tmp_path, seed=6, patients=2)
    assert digest(root) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heart", "truth"]


def test_echo_envelopes_of_even_tissue_follow_rayleighs_distribution():
    from scanbook.phantoms.ultrasound import Scanner, echo_image

    scanner = Scanner(gain_db=-10, range_db=80, pulse=0.7, width=0.8, noise_db=-200, smooth=0.0)
    shown = echo_image(np.full((400, 200), -20.0, np.float32), scanner, np.random.default_rng(0))
    envelope = 10 ** ((shown - 1.0) * 80 / 20)
    # Rayleigh: mean over standard deviation is sqrt(pi / (4 - pi)) = 1.913
    assert envelope.mean() / envelope.std() == pytest.approx(1.913, abs=0.06)


def test_a_shadow_falls_behind_the_bone_and_not_on_it():
    from scanbook.phantoms.ultrasound import shadow

    loss = np.zeros((6, 2), np.float32)
    loss[2, 1] = 7.0
    assert shadow(loss)[:, 1].tolist() == [0, 0, 0, -7, -7, -7]
    assert not shadow(loss)[:, 0].any()
