"""A file is there whole and proven, or it is not there; what came before a cut is not asked for again."""

import errno
import hashlib
import json
import os
import socket
import subprocess
import sys

import pytest
from loopback import server

from scanbook.loaders.bringing import download
from scanbook.loaders.bringing.download import DownloadFailed, fetch_url

CONTENT = os.urandom(300_000)
PIECE = 1 << 16  # what is written at once; the rest of a piece that was cut does not come through
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with server() as state:
        state.files["/set.zip"] = CONTENT
        yield state


def fetch(web, folder, **options):
    return fetch_url(f"{web.url}/set.zip", folder / "set.zip", **{"pause": 0.01, **options})


def failed(web, folder, kind, words, **options):
    with pytest.raises(DownloadFailed) as caught:
        fetch(web, folder, **options)
    assert caught.value.kind == kind
    assert words in str(caught.value)
    assert not (folder / "set.zip").exists()
    return sorted(p.name for p in folder.iterdir())


def ranges(web):
    return [asked[1] for asked in web.asked]


def test_a_file_comes_whole_and_proven_and_leaves_nothing_beside(web, tmp_path):
    seen = []
    found = fetch(web, tmp_path, size=len(CONTENT), md5=MD5.upper(), progress=lambda *bytes_: seen.append(bytes_))
    assert found == hashlib.sha256(CONTENT).hexdigest()
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert [p.name for p in tmp_path.iterdir()] == ["set.zip"]
    assert (seen[0], seen[-1]) == ((0, 300_000), (300_000, 300_000))


def test_a_finished_file_is_not_asked_for_again_unless_it_is_wrong(web, tmp_path):
    fetch(web, tmp_path, md5=MD5)
    fetch(web, tmp_path, md5=MD5)
    assert len(web.asked) == 1
    (tmp_path / "set.zip").write_bytes(CONTENT[:-1] + b"!")
    fetch(web, tmp_path, md5=MD5)
    assert ranges(web) == [None, None]
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_cut_is_mended_by_asking_for_the_rest(web, tmp_path):
    web.cuts, said = [100_000, 100_000], []
    fetch(web, tmp_path, say=said.append)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert ranges(web) == [None, f"bytes={PIECE}-", f"bytes={2 * PIECE}-"]
    assert said == ["the connection was cut; trying again in 0 s"] * 2


def test_what_came_before_the_last_cut_waits_for_the_next_call(web, tmp_path):
    web.cuts = [100_000]
    assert failed(web, tmp_path, "cut", "the connection was cut", retries=0) == ["set.zip.part", "set.zip.part.json"]
    assert (tmp_path / "set.zip.part").read_bytes() == CONTENT[:PIECE]
    fetch(web, tmp_path)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert ranges(web) == [None, f"bytes={PIECE}-"]


def test_a_file_that_changed_in_between_is_begun_anew(web, tmp_path):
    web.cuts = [100_000]
    failed(web, tmp_path, "cut", "", retries=0)
    web.files["/set.zip"], web.etag = CONTENT[::-1], '"two"'
    fetch(web, tmp_path)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT[::-1]


def test_half_a_file_that_cannot_be_proven_to_be_the_same_is_begun_anew(web, tmp_path):
    web.cuts, web.etag = [100_000, 100_000], ""
    failed(web, tmp_path, "cut", "", retries=0)
    failed(web, tmp_path, "cut", "", retries=0)
    assert ranges(web) == [None, None]
    fetch(web, tmp_path, md5=MD5)  # a published sum proves the whole, whatever it was glued from
    assert ranges(web)[-1] == f"bytes={PIECE}-"


def test_half_of_another_address_is_not_gone_on_with(web, tmp_path):
    (tmp_path / "set.zip.part").write_bytes(b"x" * 1000)
    (tmp_path / "set.zip.part.json").write_text(json.dumps({"url": "http://elsewhere", "validator": '"one"'}))
    fetch(web, tmp_path)
    assert ranges(web) == [None]
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(web, tmp_path):
    (tmp_path / "set.zip.part").write_bytes(CONTENT + b"more")
    (tmp_path / "set.zip.part.json").write_text(json.dumps({"url": f"{web.url}/set.zip", "validator": '"one"'}))
    fetch(web, tmp_path)
    assert ranges(web) == [f"bytes={len(CONTENT) + 4}-", None]
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_server_without_ranges_gives_the_whole_again(web, tmp_path):
    web.cuts, web.ranges = [100_000], False
    fetch(web, tmp_path)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_another_checksum_than_the_published_one_deletes_what_was_loaded(web, tmp_path):
    assert failed(web, tmp_path, "checksum", f"its md5 is {MD5}, and {'0' * 32} was expected", md5="0" * 32) == []
    assert failed(web, tmp_path, "checksum", "its sha256", sha256="0" * 64) == []


def test_another_size_than_the_published_one_is_noticed_before_loading(web, tmp_path):
    assert failed(web, tmp_path, "checksum", "offers 300,000 bytes, and 7 were expected", size=7) == []


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "wrong"), (410, "wrong"), (401, "rights"), (403, "rights"), (400, "server")]
)
def test_an_answer_that_will_not_change_is_not_asked_for_again(web, tmp_path, status, kind):
    web.statuses = [status] * 5
    assert failed(web, tmp_path, kind, str(status)) == []
    assert len(web.asked) == 1


def test_a_server_in_trouble_is_asked_once_more(web, tmp_path):
    web.statuses = [503]
    fetch(web, tmp_path)
    web.statuses = [503, 503]
    (tmp_path / "set.zip").unlink()
    assert failed(web, tmp_path, "server", "the server answered 503") == []


def test_a_login_page_in_place_of_the_file_is_told(web, tmp_path):
    web.pages["/set.zip"] = b"<html>please sign in</html>"
    assert failed(web, tmp_path, "rights", "a web page in place of the file") == []


def test_a_server_that_is_not_there_is_no_network(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/set.zip"
    with pytest.raises(DownloadFailed) as caught:
        fetch_url(url, tmp_path / "set.zip", pause=0.01)
    assert (caught.value.kind, str(caught.value)) == ("network", "the server could not be reached")
    assert list(tmp_path.iterdir()) == []


def test_no_address_at_all_is_wrong(tmp_path):
    with pytest.raises(DownloadFailed) as caught:
        fetch_url("zenodo", tmp_path / "set.zip")
    assert caught.value.kind == "wrong"


def test_a_disk_too_small_is_noticed_before_the_first_byte(web, tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    assert failed(web, tmp_path, "full", "300,000 bytes are still to come, and there is room for 1,000") == []


def test_a_disk_that_fills_while_loading_keeps_what_there_is_and_says_so(web, tmp_path):
    """The system's own limit on a file's size stands for the full disk: the write fails half way, as there."""
    code = (
        "import resource, sys; from pathlib import Path; from scanbook.loaders.bringing.download import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))\n"
        "try:\n    fetch_url(sys.argv[1], Path(sys.argv[2]) / 'set.zip')\n"
        "except DownloadFailed as error:\n    print(error.kind, error)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, f"{web.url}/set.zip", str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.strip() == "full the disk is full after 100,000 bytes", ran.stderr
    assert {errno.ENOSPC, errno.EFBIG} <= download.FULL
    fetch(web, tmp_path)
    assert ranges(web) == [None, "bytes=100000-"]
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
