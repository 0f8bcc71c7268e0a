"""Kaggle's real client, in its child process, against a server on loopback; and never in ours."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from loopback import kaggle_environment, server

import scanbook
from scanbook.loaders.bringing import kaggle_download
from scanbook.loaders.bringing.download import DownloadFailed
from scanbook.loaders.bringing.kaggle_download import credentials, fetch_kaggle

SLUG = "somebody/some-set"
CONTENT = os.urandom(300_000)


@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    with server() as state:
        state.files[f"/kaggle/{SLUG}"] = CONTENT
        state.home, state.folder = tmp_path / "home", tmp_path / "part"
        state.home.mkdir()
        state.folder.mkdir()
        for name, value in kaggle_environment(state.url, state.home).items():
            monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
        yield state


def failed(kaggle, kind, words, slug=SLUG, **options):
    with pytest.raises(DownloadFailed) as caught:
        fetch_kaggle(slug, kaggle.folder, **{"retries": 0, **options})
    assert caught.value.kind == kind
    assert words in str(caught.value)
    return sorted(p.name for p in kaggle.folder.iterdir())


def signed(kaggle):
    """What the call for the data set carried as its signature."""
    return [asked[2] for asked in kaggle.asked if asked[0] == "DownloadDataset"]


def test_a_public_set_comes_without_an_account_and_nothing_is_made_in_the_home(kaggle):
    seen = []
    archive = fetch_kaggle(SLUG, kaggle.folder, progress=lambda *bytes_: seen.append(bytes_))
    assert archive == kaggle.folder / "some-set.zip"
    assert archive.read_bytes() == CONTENT
    assert [p.name for p in kaggle.folder.iterdir()] == ["some-set.zip"]
    assert list(kaggle.home.iterdir()) == []
    assert signed(kaggle) == [None]
    assert credentials() == []


def test_progress_is_told_while_it_comes(kaggle):
    seen = []
    kaggle.gate = lambda start: time.sleep(0.6 if start == 131_072 else 0)
    fetch_kaggle(SLUG, kaggle.folder, progress=lambda *bytes_: seen.append(bytes_))
    assert {total for _, total in seen} == {300_000}
    assert 0 <= seen[0][0] < 300_000


def test_an_access_token_in_the_environment_signs_in(kaggle, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "token")
    fetch_kaggle(SLUG, kaggle.folder)
    assert signed(kaggle) == ["Bearer token"]
    assert credentials() == ["the variable KAGGLE_API_TOKEN"]


def test_an_access_token_in_its_file_signs_in(kaggle):
    write(kaggle.home / ".kaggle" / "access_token", "token\n")
    fetch_kaggle(SLUG, kaggle.folder)
    assert signed(kaggle) == ["Bearer token"]
    assert credentials() == ["~/.kaggle/access_token"]


def test_name_and_key_in_the_environment_sign_in(kaggle, monkeypatch):
    monkeypatch.setenv("KAGGLE_USERNAME", "somebody")
    monkeypatch.setenv("KAGGLE_KEY", "k")
    fetch_kaggle(SLUG, kaggle.folder)
    assert signed(kaggle) == ["Basic c29tZWJvZHk6aw=="]
    assert credentials() == ["the variables KAGGLE_USERNAME and KAGGLE_KEY"]


@pytest.mark.parametrize("place", [".kaggle", ".config/kaggle", "elsewhere"])
def test_kaggle_json_signs_in_wherever_the_client_looks_for_it(kaggle, monkeypatch, place):
    if place == "elsewhere":
        monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(kaggle.home / place))
    write(kaggle.home / place / "kaggle.json", json.dumps({"username": "somebody", "key": "k"}))
    fetch_kaggle(SLUG, kaggle.folder)
    assert signed(kaggle) == ["Basic c29tZWJvZHk6aw=="]
    assert credentials() == ["kaggle.json"]


def test_the_file_of_a_login_in_the_browser_signs_in_and_is_refreshed(kaggle):
    kept = write(
        kaggle.home / ".kaggle" / "credentials.json", json.dumps({"refresh_token": "refresh", "username": "s"})
    )
    fetch_kaggle(SLUG, kaggle.folder)
    assert signed(kaggle) == ["Bearer token"]
    assert json.loads(kept.read_text())["access_token"] == "token"
    assert credentials() == ["~/.kaggle/credentials.json"]


@pytest.mark.parametrize(("status", "kind"), [(401, "credentials"), (403, "rights"), (429, "server"), (503, "server")])
def test_what_kaggle_answers_is_told_as_what_it_is(kaggle, status, kind):
    kaggle.kaggle_status = status
    assert failed(kaggle, kind, f"Kaggle answered {status}") == []


def test_a_wrong_slug_is_told(kaggle):
    assert failed(kaggle, "wrong", "Kaggle answered 404", slug="somebody/no-set") == []


def test_no_network_is_told_at_once(kaggle, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    begun = time.monotonic()
    assert failed(kaggle, "network", "Kaggle could not be reached", retries=5) == []
    assert time.monotonic() - begun < 15


def test_no_network_with_a_token_is_told_as_well(kaggle, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "token")
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert failed(kaggle, "network", "Kaggle could not be reached") == []


def test_a_cut_keeps_what_came_and_the_next_call_asks_for_the_rest_alone(kaggle):
    kaggle.files[f"/kaggle/{SLUG}"] = content = os.urandom(3_000_000)
    kaggle.cuts = [2_500_000]
    left = failed(kaggle, "cut", "the connection was cut after 2,097,152 bytes")
    assert left == ["some-set.zip", "some-set.zip.kaggle-partial"]
    assert fetch_kaggle(SLUG, kaggle.folder).read_bytes() == content
    assert [asked[1] for asked in kaggle.asked if asked[0].startswith("/kaggle")][-1] == "bytes=2097152-"
    assert [p.name for p in kaggle.folder.iterdir()] == ["some-set.zip"]


def test_a_cut_is_mended_by_the_client_itself_and_said(kaggle):
    kaggle.files[f"/kaggle/{SLUG}"] = content = os.urandom(3_000_000)
    kaggle.cuts, said = [2_500_000], []
    assert fetch_kaggle(SLUG, kaggle.folder, say=said.append, retries=2).read_bytes() == content
    assert [line[:38] for line in said] == ["the connection was cut; trying again i"]
    assert said[0].endswith("(1 of 2)")


def test_half_an_archive_that_changed_in_between_is_begun_anew(kaggle):
    kaggle.files[f"/kaggle/{SLUG}"] = os.urandom(3_000_000)
    kaggle.cuts = [2_500_000]
    failed(kaggle, "cut", "")
    kaggle.files[f"/kaggle/{SLUG}"], kaggle.etag = CONTENT, '"two"'
    assert fetch_kaggle(SLUG, kaggle.folder).read_bytes() == CONTENT


def test_a_disk_too_small_is_noticed_as_soon_as_the_size_is_known(kaggle, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    held = threading.Event()
    kaggle.gate = lambda start: held.wait(5)
    try:
        failed(kaggle, "full", "there is room for 1,000")
    finally:
        held.set()


def test_a_disk_that_fills_while_loading_is_not_tried_for_a_minute(kaggle):
    """The system's own limit on a file's size stands for the full disk: the write fails half way, as there."""
    code = (
        "import resource, sys; from pathlib import Path; from scanbook.loaders.bringing.kaggle_download import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))\n"
        "try:\n    fetch_kaggle(sys.argv[1], Path(sys.argv[2]))\n"
        "except DownloadFailed as error:\n    print(error.kind, error)"
    )
    begun = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", code, SLUG, str(kaggle.folder)], capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.strip() == "full the disk is full after 100,000 bytes", ran.stderr
    assert time.monotonic() - begun < 30
    assert fetch_kaggle(SLUG, kaggle.folder).read_bytes() == CONTENT


def test_a_client_that_is_not_installed_is_told(kaggle, monkeypatch):
    blocked = kaggle.home / "path"
    write(blocked / "kaggle" / "__init__.py", "raise ModuleNotFoundError(\"No module named 'kaggle'\")")
    monkeypatch.setenv("PYTHONPATH", str(blocked))
    assert failed(kaggle, "client", "No module named 'kaggle'") == []


def test_what_the_client_says_of_a_failure_holds_no_key(kaggle, monkeypatch):
    monkeypatch.setenv("KAGGLE_KEY", "hush")
    blocked = kaggle.home / "path"
    write(blocked / "kaggle" / "__init__.py", "raise RuntimeError('cannot use hush')")
    monkeypatch.setenv("PYTHONPATH", str(blocked))
    failed(kaggle, "client", "cannot use …")


def test_the_child_ends_when_its_parent_does(kaggle):
    reached, held = threading.Event(), threading.Event()
    kaggle.gate = lambda start: (reached.set(), held.wait(20))
    code = (
        "import sys; from pathlib import Path; from scanbook.loaders.bringing.kaggle_download import *\n"
        "fetch_kaggle(sys.argv[1], Path(sys.argv[2]))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, SLUG, str(kaggle.folder)])
    try:
        assert reached.wait(30)
        children = children_of(parent.pid)
        assert len(children) == 1
        parent.kill()
        parent.wait()
        end = time.monotonic() + 10
        while alive(children[0]) and time.monotonic() < end:
            time.sleep(0.05)
        assert not alive(children[0])
    finally:
        held.set()
        parent.kill()
        parent.wait()


def test_importing_scanbook_or_any_room_of_loaders_imports_no_client_and_opens_no_socket():
    folder = Path(scanbook.__file__).parent
    files = (file.relative_to(folder.parent).with_suffix("") for file in (folder / "loaders").rglob("*.py"))
    rooms = sorted(".".join(file.parts).removesuffix(".__init__") for file in files)
    assert {f"scanbook.loaders.bringing.{name}" for name in ("download", "kaggle_child", "archives")} <= set(rooms)
    code = (
        "import sys, socket\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(event) if event.startswith('socket.') else None)\n"
        "import scanbook, importlib\n"
        f"for room in {rooms!r}:\n"
        "    importlib.import_module(room)\n"
        "import scanbook.getting, scanbook.cli\n"
        "clients = sorted(name for name in sys.modules if name.split('.')[0] in ('kaggle', 'kagglesdk', 'requests'))\n"
        "print(clients, sorted(set(opened)))\n"
        "socket.socket().close()\n"
        "print(sorted(set(opened)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ran.stdout.splitlines() == ["[] []", "['socket.__new__']"], ran.stderr


def test_the_client_that_is_never_imported_here_does_print_and_make_folders_when_it_is(tmp_path):
    """Why all this: the day this fails, the child process may be given up."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("KAGGLE", "XDG"))} | {"HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", "import kaggle"], capture_output=True, text=True, env=environment, timeout=60
    )
    assert "Authentication required" in ran.stdout
    assert list(tmp_path.iterdir()) != []


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def children_of(pid):
    """Processes whose parent is `pid`, as /proc knows them."""
    if not os.path.isdir("/proc/self"):
        pytest.skip("this machine shows no processes under /proc")
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat:
                if int(stat.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(name))
        except OSError:
            continue
    return found


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_names_of_credentials_never_hold_their_values(kaggle, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "secret-token")
    monkeypatch.setenv("KAGGLE_USERNAME", "somebody")
    monkeypatch.setenv("KAGGLE_KEY", "secret-key")
    assert "secret" not in " ".join(credentials())
    assert kaggle_download._without_secrets("secret-token and secret-key") == "… and …"
