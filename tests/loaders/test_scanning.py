"""Every file is opened once; a cut scan goes on, a second one asks the file system alone."""

import os
import sqlite3

import numpy as np
import pytest
from loaders.scenes import scene
from PIL import Image

from scanbook.loaders import scanning
from scanbook.loaders.scanning import scan


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "set"
    place.mkdir()
    for k in range(6):
        Image.fromarray(scene(k, size=(40, 30))).save(place / f"{k}.png")
    (place / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    return place


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that were really opened, in order."""
    names = []
    monkeypatch.setattr(scanning, "read_bytes", lambda path: (names.append(path.name), path.read_bytes())[1])
    return names


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_second_scan_opens_nothing_and_says_the_same(folder, tmp_path, opened):
    memory = tmp_path / "seen.sqlite"
    first = list(scan(folder, names(folder), memory, threads=1))
    assert sorted(opened) == names(folder)
    opened.clear()
    second = list(scan(folder, names(folder), memory, threads=1))
    assert opened == []
    for one, two in zip(first, second, strict=True):
        assert (one.sha256, one.pixel_hash, one.width, one.mode, one.reason) == (
            two.sha256, two.pixel_hash, two.width, two.mode, two.reason)  # fmt: skip
        assert (one.views is None) == (two.views is None)
        assert one.views is None or (one.views == two.views).all()
    assert second[-1].reason.startswith("unreadable: PNG")


def test_a_changed_file_and_only_that_one_is_opened_again(folder, tmp_path, opened):
    memory = tmp_path / "seen.sqlite"
    before = list(scan(folder, names(folder), memory, threads=1))
    old = (folder / "2.png").stat()
    Image.fromarray(scene(77, size=(40, 30))).save(folder / "2.png")
    os.utime(folder / "2.png", ns=(old.st_atime_ns, old.st_mtime_ns))  # even where the date is set back
    opened.clear()
    after = list(scan(folder, names(folder), memory, threads=1))
    assert opened == ["2.png"]
    assert after[2].pixel_hash != before[2].pixel_hash


def test_a_scan_that_was_cut_goes_on_where_it_was(folder, tmp_path, opened, monkeypatch):
    monkeypatch.setattr(scanning, "_AT_ONCE", 2)
    memory = tmp_path / "seen.sqlite"
    cut = scan(folder, names(folder), memory, threads=1)
    for _ in range(3):
        next(cut)
    cut.close()
    done = list(opened)
    assert 3 <= len(done) < 7
    opened.clear()
    assert len(list(scan(folder, names(folder), memory, threads=1))) == 7
    assert not set(opened) & set(done)


def test_other_rules_of_reading_make_it_look_again(folder, tmp_path, opened):
    memory = tmp_path / "seen.sqlite"
    list(scan(folder, names(folder), memory, rules="old", threads=1))
    opened.clear()
    list(scan(folder, names(folder), memory, rules="new", threads=1))
    assert len(opened) == 7


def test_a_damaged_memory_is_made_again(folder, tmp_path):
    memory = tmp_path / "seen.sqlite"
    memory.write_bytes(b"not a database at all" * 400)
    assert len(list(scan(folder, names(folder), memory, threads=1))) == 7
    assert sqlite3.connect(memory).execute("SELECT count(*) FROM seen").fetchone() == (7,)


def test_a_memory_that_cannot_be_written_is_said(folder, tmp_path):
    (tmp_path / "seen.sqlite").mkdir()
    with pytest.raises(OSError, match=r"seen\.sqlite: what was seen of the images cannot be kept"):
        list(scan(folder, names(folder), tmp_path / "seen.sqlite"))


def test_a_file_that_vanished_has_a_reason_and_stops_nothing(folder):
    found = list(scan(folder, ["0.png", "gone.png", "1.png"]))
    assert [bool(one.reason) for one in found] == [False, True, False]
    assert found[1].reason == "cannot be opened: No such file or directory"
    assert np.array_equal(found[0].views.shape, (2, 48, 48))
