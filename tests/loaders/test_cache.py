"""A cache that is never half written, never stale and made once."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from scanbook.loaders import cache
from scanbook.loaders.cache import cache_key, cached_images
from scanbook.loaders.files import write_csv_atomically
from scanbook.loaders.manifest import build_manifest
from scanbook.loaders.prepare import prepare_file

OPTIONS = {"size": 16, "fit": "pad", "colour": "grey", "equalise": "none"}


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "set"
    for n, label in enumerate(("sick", "well")):
        (root / label).mkdir(parents=True)
        for i in range(5):
            pixels = np.random.default_rng(10 * n + i).integers(0, 256, (20, 30), dtype=np.uint8)
            Image.fromarray(pixels).save(root / label / f"{i}.png")
    (root / "sick" / "0 broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return root


def look(folder):
    return build_manifest(folder, layout="class_folders", classes={"sick": "sick", "well": "well"}, group="")[0]


def test_rows_are_the_used_rows_of_the_manifest_in_order(folder, tmp_path):
    manifest = look(folder)
    images = cached_images(manifest, folder, tmp_path / "cache", **OPTIONS)
    used = manifest.loc[manifest["status"] == "used", "image_id"]
    assert images.shape == (10, 16, 16, 1)
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable
    for image, image_id in zip(images, used, strict=True):
        np.testing.assert_array_equal(image, prepare_file(folder / image_id, **OPTIONS))


def test_the_second_call_decodes_nothing(folder, tmp_path, monkeypatch):
    manifest = look(folder)
    first = cached_images(manifest, folder, tmp_path / "cache", **OPTIONS)
    monkeypatch.setattr(cache, "_one", None)
    np.testing.assert_array_equal(cached_images(manifest, folder, tmp_path / "cache", **OPTIONS), first)


@pytest.mark.parametrize(
    "change", [{"size": 17}, {"fit": "crop"}, {"colour": "rgb"}, {"equalise": "histogram"}, {"resize": 20}]
)
def test_each_option_has_a_file_of_its_own(folder, change):
    manifest = look(folder)
    assert cache_key(manifest, **{**OPTIONS, **change}) != cache_key(manifest, **OPTIONS)


def test_the_key_follows_pixels_and_order_but_not_names_or_groups(folder):
    manifest = look(folder)
    assert cache_key(manifest.assign(group="x", label="y"), **OPTIONS) == cache_key(manifest, **OPTIONS)
    assert cache_key(manifest[::-1], **OPTIONS) != cache_key(manifest, **OPTIONS)
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(folder / "sick" / "1.png")
    assert cache_key(look(folder), **OPTIONS) != cache_key(manifest, **OPTIONS)


def test_a_file_cut_short_is_made_again_and_not_read(folder, tmp_path):
    manifest = look(folder)
    whole = np.array(cached_images(manifest, folder, tmp_path / "cache", **OPTIONS))
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(path.read_bytes()[:300])
    np.testing.assert_array_equal(cached_images(manifest, folder, tmp_path / "cache", **OPTIONS), whole)


def test_an_interrupted_build_leaves_nothing_behind(folder, tmp_path):
    def stop(done, of):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_images(look(folder), folder, tmp_path / "cache", **OPTIONS, on_image=stop)
    assert os.listdir(tmp_path / "cache") == []


def test_what_a_killed_process_left_is_removed_and_what_still_grows_is_not(folder, tmp_path):
    manifest = look(folder)
    place = tmp_path / "cache"
    place.mkdir()
    name = f".{cache_key(manifest, **OPTIONS)}.npy"
    for which in ("dead", "alive"):
        (place / f"{name}.{which}.half").write_bytes(b"some of it")
    long_ago = time.time() - 2 * cache._LEFT_S
    os.utime(place / f"{name}.dead.half", (long_ago, long_ago))
    cached_images(manifest, folder, place, **OPTIONS)
    assert sorted(os.listdir(place)) == sorted([f"{name}.alive.half", name[1:]])


def test_images_are_not_prepared_much_sooner_than_they_are_written(folder, tmp_path, monkeypatch):
    prepared = []
    one = cache._one
    monkeypatch.setattr(cache, "_one", lambda *job: prepared.append(job) or one(*job))
    monkeypatch.setattr(cache, "_AHEAD", 2)
    ahead = []

    def wait(done, of):
        time.sleep(0.02)  # long enough for threads that may run on
        ahead.append(len(prepared) - done)

    cached_images(look(folder), folder, tmp_path / "cache", **OPTIONS, threads=2, on_image=wait)
    assert len(ahead) == 10
    assert max(ahead) <= 3


def test_a_file_that_changed_after_the_manifest_is_refused(folder, tmp_path):
    manifest = look(folder)
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(folder / "well" / "3.png")
    with pytest.raises(OSError, match=r"3\.png: changed since the manifest was made"):
        cached_images(manifest, folder, tmp_path / "cache", **OPTIONS)
    (folder / "well" / "3.png").unlink()
    with pytest.raises(OSError, match=r"3\.png: cannot be opened"):
        cached_images(manifest, folder, tmp_path / "cache", **OPTIONS)


def test_a_manifest_without_used_images_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="no used image"):
        cached_images(look(folder).assign(status="excluded"), folder, tmp_path, **OPTIONS)


BUILD = """
import sys, time
from pathlib import Path
from scanbook.loaders.cache import cached_images
from scanbook.loaders.files import write_csv_atomically
from scanbook.loaders.manifest import read_manifest
manifest, folder, cache_dir = map(Path, sys.argv[1:])
def wait(done, of):  # long enough that the two overlap
    time.sleep(0.1)
images = cached_images(read_manifest(manifest), folder, cache_dir, **OPTIONS, threads=1, on_image=wait)
print(int(images.sum()))
"""


def test_two_processes_at_once_agree_and_leave_one_file(folder, tmp_path):
    manifest = look(folder)
    table = write_csv_atomically(manifest, tmp_path / "manifest.csv")
    script = BUILD.replace("**OPTIONS", f"**{OPTIONS}")
    command = [sys.executable, "-c", script, str(table), str(folder), str(tmp_path / "cache")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    sums = {process.communicate(timeout=60)[0].strip() for process in both}
    assert os.listdir(tmp_path / "cache") == [f"{cache_key(manifest, **OPTIONS)}.npy"]
    assert sums == {str(int(cached_images(manifest, folder, tmp_path / "cache", **OPTIONS).sum()))}
