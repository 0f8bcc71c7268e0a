"""What a folder of strangers holds besides images: links, loops, closed folders, pipes, names that break tables."""

import contextlib
import os
import socket
import sys

import numpy as np
import pytest
from PIL import Image

from scanbook.loaders import files
from scanbook.loaders.decoding.opening import open_file
from scanbook.loaders.layouts import Found, find_in_class_folders
from scanbook.loaders.reading import Unreadable, read_bytes
from scanbook.loaders.walking import files_below

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and closed folders are those of POSIX")


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path, "PNG")
    return path


def below(folder):
    return [path.relative_to(folder).as_posix() for path in files_below(folder)]


def reason_of(path):
    with pytest.raises(Unreadable) as caught:
        read_bytes(path)
    assert str(path) not in str(caught.value)
    return str(caught.value)


def test_a_linked_folder_is_walked_and_its_files_are_read_through_the_link(tmp_path):
    picture(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "set" / "ill").mkdir(parents=True)
    (tmp_path / "set" / "well").symlink_to(tmp_path / "elsewhere")
    found = find_in_class_folders(tmp_path / "set", ".", {"ill": "ill", "well": "well"})
    assert [(one.image_id, one.label) for one in found] == [("well/a.png", "well")]
    assert read_bytes(found[0].path).startswith(b"\x89PNG")


def test_a_loop_of_links_ends_and_is_listed_with_a_reason(tmp_path):
    picture(tmp_path / "a" / "x.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert below(tmp_path) == ["a/up", "a/x.png"]
    assert "leads back" in reason_of(tmp_path / "a" / "up")


def test_two_folders_that_link_each_other_end(tmp_path):
    for own, other in (("a", "b"), ("b", "a")):
        picture(tmp_path / own / f"{own}.png")
        (tmp_path / own / "other").symlink_to(tmp_path / other)
    assert below(tmp_path) == [
        *("a/a.png", "a/other/b.png", "a/other/other"),
        *("b/b.png", "b/other/a.png", "b/other/other"),
    ]


def test_folders_linked_a_million_times_over_do_not_take_a_million_steps(tmp_path):
    for level in range(20):  # 2**20 ways from the top to the bottom
        (tmp_path / f"{level:02}").mkdir()
        for way in "lr":
            (tmp_path / f"{level:02}" / way).symlink_to(tmp_path / f"{level + 1:02}")
    picture(tmp_path / "20" / "x.png")
    assert len(files_below(tmp_path)) < 10_000


def test_links_to_nothing_and_to_themselves_are_files_that_cannot_be_opened(tmp_path):
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    assert below(tmp_path) == ["gone.png", "self.png"]
    assert reason_of(tmp_path / "gone.png") == "cannot be opened: No such file or directory"
    assert reason_of(tmp_path / "self.png").startswith("cannot be opened: Too many levels of symbolic links")


def test_pipes_sockets_and_devices_are_named_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert reason_of(tmp_path / "pipe.png") == "not a file but a pipe"
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(tmp_path)  # a socket's path may have 107 bytes at most
        try:
            listener.bind("socket.png")
        finally:
            os.chdir(here)
        assert reason_of(tmp_path / "socket.png") == "not a file but a socket"
    (tmp_path / "null.png").symlink_to("/dev/null")
    (tmp_path / "endless.png").symlink_to("/dev/zero")
    assert {reason_of(tmp_path / name) for name in ("null.png", "endless.png")} == {"not a file but a device"}


@contextlib.contextmanager
def as_nobody(folder):
    """Root may read everything, so tests that run as root look as somebody else, through folders open to all."""
    if os.geteuid() != 0:
        yield
        return
    for place in (folder, *folder.parents[:-2]):
        place.chmod(place.stat().st_mode | 0o55)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_may_not_be_read_says_so_and_does_not_vanish(tmp_path):
    closed = picture(tmp_path / "closed" / "x.png").parent
    shut = picture(tmp_path / "shut.png")
    shut.chmod(0)
    closed.chmod(0)
    try:
        with as_nobody(tmp_path):
            assert below(tmp_path) == ["closed", "shut.png"]
            assert reason_of(shut) == "cannot be opened: Permission denied"
            assert reason_of(closed) == "a folder that may not be opened: no permission"
    finally:
        closed.chmod(0o700)


def test_a_file_larger_than_any_picture_is_not_read(tmp_path):
    with (tmp_path / "film.dcm").open("wb") as stream:
        stream.truncate(3 * 2**30)  # takes no room on the disk
    assert reason_of(tmp_path / "film.dcm") == "3,072 MiB; at most 512 MiB are read"


def test_the_handle_is_closed_whatever_happens(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    for _ in range(5):
        with pytest.raises(Unreadable):
            open_file(tmp_path / "pipe")
        with open_file(picture(tmp_path / "a.png")) as stream:
            stream.read(1)
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    "name", ["with space.png", "Zoë Überlänge.png", "写真.PNG", "a'\"`$;.png", " .png", "=1+1.png"]
)
def test_names_with_spaces_and_letters_of_any_kind_are_names(name, tmp_path):
    picture(tmp_path / "ill" / name)
    [found] = find_in_class_folders(tmp_path, ".", {"ill": "ill"})
    assert (found.image_id, found.label, found.reason) == (f"ill/{name}", "ill", "")
    assert read_bytes(found.path)


@pytest.mark.skipif(sys.platform == "darwin", reason="there a name is always UTF-8")
def test_a_name_that_is_not_utf_8_is_set_aside_under_a_name_that_can_be_written(tmp_path):
    folder = tmp_path / "ill"
    folder.mkdir()
    with open(os.fsencode(folder) + b"/Z\xfcrich.png", "wb") as stream:
        stream.write(picture(tmp_path / "p.png").read_bytes())
    [found] = [one for one in find_in_class_folders(tmp_path, ".", {"ill": "ill"}) if one.image_id != "p.png"]
    assert found.image_id == r"ill/Z\xfcrich.png"
    assert found.reason == "its name is not UTF-8; rename it"
    found.image_id.encode()


def test_a_line_break_in_a_name_would_add_a_row_to_the_table(tmp_path):
    """Finder leaves a file called Icon and a carriage return in every folder with a picture of its own."""
    picture(tmp_path / "ill" / "Icon\r")
    [found] = find_in_class_folders(tmp_path, ".", {"ill": "ill"})
    assert (found.image_id, found.reason) == (r"ill/Icon\x0d", "its name holds a control character; rename it")
    import pandas as pd

    table = files.write_csv_atomically(pd.DataFrame({"image_id": [found.image_id]}), tmp_path / "t.csv")
    assert files.read_csv(table, ["image_id"])["image_id"].tolist() == [found.image_id]


def test_hidden_and_system_files_are_listed_as_such(tmp_path):
    for name in (".hidden.png", "._ill.png", "Thumbs.db", ".cache/x.png"):
        picture(tmp_path / "ill" / name)
    found = find_in_class_folders(tmp_path, ".", {"ill": "ill"})
    assert [one.reason for one in found] == ["system file"] * 4


def test_a_reason_that_is_there_already_stays():
    assert Found("a\x07.png", None, reason="system file").reason == "system file"
