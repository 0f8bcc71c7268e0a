"""A set is there whole or not at all, and a person reads why and what helps."""

import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny
import yaml
from loopback import kaggle_environment, server

from scanbook import getting, params
from scanbook.getting import get_sets
from scanbook.published import Source

CLASSES = {
    "train/NORMAL/a.png": b"1",
    "train/PNEUMONIA/b.png": b"22",
    "test/NORMAL/c.png": b"3",
    "test/PNEUMONIA/d.png": b"4",
}
TABLE = "Image_name;Patient_num;Plane;Brain_plane;Operator;US_Machine;Train \r\n"
PLANES = {3: "Fetal brain", 2: "Fetal abdomen", 5: "Fetal femur", 6: "Fetal thorax", 1: "Other"}


def zipped(files):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # which has no date: the same bytes each time
    return whole.getvalue()


def chest_xray(top="chest_xray/"):
    """The chest X-ray archive as Kaggle gives it: one folder around it, a second copy inside, and a Mac's remains."""
    files = {f"{top}{name}": content for name, content in CLASSES.items()}
    files |= {f"{top}{top}{name}": content for name, content in CLASSES.items()}
    return zipped({**files, f"{top}__MACOSX/._a": b"x", f"{top}{top}.DS_Store": b"x"})


def fetal_planes(machine="Aloka"):
    """FETAL_PLANES_DB as Zenodo gives it: Images/, and a table whose last header ends in a space."""
    rows = [(f"Patient{k:05d}_Plane{k}_1_of_1", plane) for k, plane in PLANES.items()]
    table = TABLE + "".join(f"{name};1;{plane};Not A Brain;Op. 1;{machine};1\r\n" for name, plane in rows)
    images = {f"Images/{name}.png": name.encode() for name, _ in rows}
    return zipped({**images, "FETAL_PLANES_DB_data.csv": table, "FETAL_PLANES_DB_data.xlsx": b"PK\x03\x04"})


@pytest.fixture
def book(tmp_path, monkeypatch):
    """The five parameter files as they are, a server that stands for the network, an empty home and DATA_DIR."""
    with server() as state:
        state.root, state.data, home = tmp_path / "book", tmp_path / "sets", tmp_path / "home"
        (state.root / "params").mkdir(parents=True)
        home.mkdir()
        for file in (tiny.REPOSITORY / "params").glob("*.yaml"):
            (state.root / "params" / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
        for name, value in {**kaggle_environment(state.url, home), "DATA_DIR": str(state.data)}.items():
            monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
        monkeypatch.setattr(getting.download.time, "sleep", lambda _: None)
        state.home = home
        state.files["/kaggle/paultimothymooney/chest-xray-pneumonia"] = chest_xray()
        state.files["/FETAL.zip"] = whole = fetal_planes()
        change(state.root, "fetal", url=f"{state.url}/FETAL.zip", size=len(whole), md5=hashlib.md5(whole).hexdigest())
        yield state


def change(root, name, **source):
    file = root / "params" / f"{name}.yaml"
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    raw["data"]["source"].update(source)
    raw["data"]["source"] = {key: value for key, value in raw["data"]["source"].items() if value is not None}
    file.write_text(yaml.safe_dump(raw, sort_keys=False, allow_unicode=True), encoding="utf-8")


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def visible(folder):
    return sorted(p.name for p in folder.iterdir() if p.name[0] != ".")


def heard(capsys):
    """What was said, on one line: where the terminal breaks it is none of a test's business."""
    said = capsys.readouterr()
    return SimpleNamespace(out=" ".join(said.out.split()), err=" ".join(said.err.split()))


def asked(book):
    return [path for path, *_ in book.asked if path.startswith("/")]


def test_the_chest_xray_set_comes_from_kaggle_ready_for_its_parameter_file(book, capsys):
    assert get_sets(book.root, ["xray"]) == 0
    assert names(book.data / "xray") == sorted(CLASSES)
    assert sorted(p.name for p in book.data.iterdir()) == [".xray.lock", "xray", "xray.source.json"]
    said = heard(capsys).out
    assert "there: NORMAL 2, PNEUMONIA 2; 4 files, 5 B" in said
    assert "left out: system files (2), identical files of a second copy in chest_xray/chest_xray (4)" in said
    assert "please cite: Kermany" in said
    known = json.loads((book.data / "xray.source.json").read_text())
    assert known["from"] == "Kaggle paultimothymooney/chest-xray-pneumonia"
    assert known["sha256"] == hashlib.sha256(chest_xray()).hexdigest()
    assert known["left_out"]["system files"] == 2
    assert str(book.data) not in json.dumps(known)


def test_a_set_that_is_there_is_left_alone(book, capsys):
    get_sets(book.root, ["xray"])
    before = {path: path.stat().st_mtime_ns for path in (book.data / "xray").rglob("*")}
    count = len(book.asked)
    assert get_sets(book.root, ["xray"]) == 0
    assert len(book.asked) == count
    assert before == {path: path.stat().st_mtime_ns for path in (book.data / "xray").rglob("*")}
    assert re.search(r"there already \(from Kaggle .*, \d{4}-..-..\): NORMAL 2, PNEUMONIA 2; nothing to do",
                     heard(capsys).out)  # fmt: skip


def test_the_fetal_set_comes_checked_and_under_the_names_its_parameter_file_reads(book, capsys):
    assert get_sets(book.root, ["fetal"]) == 0
    assert {"image_label.csv", "images/Patient00003_Plane3_1_of_1.png"} <= set(names(book.data / "fetal"))
    assert "there: abdomen 1, brain 1, femur 1, thorax 1; 7 files" in heard(capsys).out


def test_another_checksum_than_the_published_one_leaves_nothing(book, capsys):
    book.files["/FETAL.zip"] = bytes(len(fetal_planes()))
    assert get_sets(book.root, ["fetal"]) == 1
    said = heard(capsys).err
    assert "what was sent is not what was expected: its md5 is" in said
    assert "data.source.url in params/fetal.yaml" in said
    assert [p.name for p in book.data.iterdir()] == [".fetal.lock"]


def test_without_a_published_checksum_what_came_first_counts(book, capsys):
    change(book.root, "fetal", md5=None, size=None)
    get_sets(book.root, ["fetal"])
    remove(book.data / "fetal")
    book.files["/FETAL.zip"] = fetal_planes("Other")
    assert get_sets(book.root, ["fetal"]) == 1
    assert "fetal.source.json, which remembers the old one" in heard(capsys).err
    assert visible(book.data) == ["fetal.source.json"]
    (book.data / "fetal.source.json").unlink()
    assert get_sets(book.root, ["fetal"]) == 0


def test_a_kaggle_set_with_other_files_than_before_is_not_taken_silently(book, capsys):
    get_sets(book.root, ["xray"])
    remove(book.data / "xray")
    book.files["/kaggle/paultimothymooney/chest-xray-pneumonia"] = chest_xray().replace(b"a.png", b"e.png")
    assert get_sets(book.root, ["xray"]) == 1
    assert "holds other files than on 2" in heard(capsys).err
    assert visible(book.data) == ["xray.source.json"]


def test_the_same_files_packed_anew_are_the_same_set(book):
    get_sets(book.root, ["xray"])
    remove(book.data / "xray")
    book.files["/kaggle/paultimothymooney/chest-xray-pneumonia"] = chest_xray(top="another name/")
    assert get_sets(book.root, ["xray"]) == 0


@pytest.mark.parametrize("place", ["xray.zip", "xray/archive.zip", "chest-xray-pneumonia.zip"])
def test_an_archive_that_lies_there_is_unpacked_without_network_and_kept(book, capsys, place):
    lying = book.data / place
    lying.parent.mkdir(parents=True)
    lying.write_bytes(chest_xray())
    assert get_sets(book.root, ["xray"]) == 0
    assert book.asked == []
    assert names(book.data / "xray") == sorted(CLASSES)
    kept = "chest-xray-pneumonia.zip" if place.startswith("chest") else "xray.zip"
    assert (book.data / kept).read_bytes() == chest_xray()
    assert "put there by hand" in json.loads((book.data / "xray.source.json").read_text())["from"]
    assert get_sets(book.root, ["xray"]) == 0
    assert "there already" in heard(capsys).out


def test_a_folder_that_was_put_there_is_enough(book, capsys):
    for name, content in CLASSES.items():
        (book.data / "xray" / name).parent.mkdir(parents=True, exist_ok=True)
        (book.data / "xray" / name).write_bytes(content)
    assert get_sets(book.root, ["xray"]) == 0
    assert "there already (put there by hand): NORMAL 2, PNEUMONIA 2" in heard(capsys).out
    assert book.asked == []


def test_a_link_to_another_disk_is_followed(book, tmp_path):
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "films").mkdir()
    book.data.mkdir()
    (book.data / "xray").symlink_to(tmp_path / "big" / "films")
    assert get_sets(book.root, ["xray"]) == 0
    assert names(tmp_path / "big" / "films") == sorted(CLASSES)
    assert (book.data / "xray").is_symlink()
    assert visible(tmp_path / "big") == ["films"]


def test_two_archives_are_a_question(book, capsys):
    (book.data / "xray").mkdir(parents=True)
    for name in ("xray/a.zip", "xray/b.tar.gz"):
        (book.data / name).write_bytes(b"")
    assert get_sets(book.root, ["xray"]) == 1
    assert "which of these is the set? DATA_DIR/xray/a.zip, DATA_DIR/xray/b.tar.gz" in heard(capsys).err


def test_a_refused_archive_that_somebody_put_there_stays_and_nothing_appears(book, capsys):
    book.data.mkdir()
    (book.data / "xray.zip").write_bytes(zipped({**CLASSES, "../evil.png": b"x"}))
    assert get_sets(book.root, ["xray"]) == 1
    assert "DATA_DIR/xray.zip is not unpacked: entry '../evil.png' leads out of the folder" in heard(capsys).err
    assert visible(book.data) == ["xray.zip"]


def test_a_damaged_archive_that_was_loaded_is_deleted_and_loaded_again(book, capsys):
    whole = chest_xray()
    book.files["/kaggle/paultimothymooney/chest-xray-pneumonia"] = whole.replace(b"22", b"33", 1)
    assert get_sets(book.root, ["xray"]) == 1
    said = heard(capsys).err
    assert "entry 'chest_xray/train/PNEUMONIA/b.png' is damaged" in said
    assert "The same command loads it again" in said
    assert [p.name for p in book.data.iterdir()] == [".xray.lock"]
    book.files["/kaggle/paultimothymooney/chest-xray-pneumonia"] = whole
    assert get_sets(book.root, ["xray"]) == 0


def test_a_set_that_is_laid_out_otherwise_is_kept_and_the_difference_told(book, capsys):
    slug = "harideepak/stenosis-new"
    book.files[f"/kaggle/{slug}"] = zipped({"stenosis/Yes/1.png": b"1", "stenosis/No/2.png": b"2"})
    for _ in range(2):  # the second call finds it there and says the same
        assert get_sets(book.root, ["artery"]) == 1
        said = heard(capsys).err
        assert "DATA_DIR/artery is there, but not as params/artery.yaml says: negative/, positive/" in said
        assert "found No, Yes" in said
    assert visible(book.data / "artery") == ["No", "Yes"]
    assert asked(book) == [f"/kaggle/{slug}"]


def test_files_that_have_gone_since_are_missed(book, capsys):
    get_sets(book.root, ["xray"])
    (book.data / "xray" / "train/NORMAL/a.png").unlink()
    assert get_sets(book.root, ["xray"]) == 1
    assert "1 of the 4 files that came are no longer in DATA_DIR/xray" in heard(capsys).err


def test_heart_names_the_sets_that_can_stand_in_and_makes_nothing(book, capsys):
    assert get_sets(book.root, ["heart"]) == 1
    said = heard(capsys).err
    for word in (
        "names no data set",
        "CAMUS",
        "EchoNet-Dynamic",
        "HMC-QU",
        "DATA_DIR/heart/",
        "normal_ef/, reduced_ef/",
    ):
        assert word in said
    assert not book.data.exists()
    for label in ("normal_ef", "reduced_ef"):
        (book.data / "heart" / label).mkdir(parents=True)
        (book.data / "heart" / label / "patient0001_4CH_ED.png").write_bytes(b"1")
    assert get_sets(book.root, ["heart"]) == 0


def test_all_goes_on_after_a_failure_and_does_not_hold_heart_against_it(book, capsys):
    cases = {f"The set/The set/{name} cases/{name} case (1).jpg": b"1" for name in ("Bengin", "Malignant", "Normal")}
    book.files["/kaggle/hamdallak/the-iqothnccd-lung-cancer-dataset"] = zipped({**cases, "The set/about.txt": b"t"})
    assert get_sets(book.root, [], everything=True) == 1  # artery is not on the server
    said = heard(capsys)
    assert "artery (Kaggle harideepak/stenosis-new): there is no such set" in said.err
    assert "heart: its source names no data set" in said.err
    assert visible(book.data) == ["fetal", "fetal.source.json", "lung", "lung.source.json", "xray", "xray.source.json"]
    assert "benign 1, malignant 1, normal 1" in said.out
    book.files["/kaggle/harideepak/stenosis-new"] = zipped({"negative/1.png": b"1", "positive/2.png": b"2"})
    assert get_sets(book.root, [], everything=True) == 0


def test_without_a_name_it_says_what_is_there(book, capsys):
    get_sets(book.root, ["xray"])
    capsys.readouterr()
    assert get_sets(book.root, []) == 0
    said = heard(capsys).out
    assert "xray there; Kaggle paultimothymooney/chest-xray-pneumonia" in said
    assert "lung not there; Kaggle hamdallak" in said


def test_a_name_that_no_parameter_file_has_is_asked_about(book):
    with pytest.raises(params.ParamsError, match="no set 'xrya'; there are: artery, fetal, heart, lung, xray"):
        get_sets(book.root, ["xrya"])


def test_a_set_of_ones_own_without_a_source_is_told_where_to_lie(book, capsys):
    file = book.root / "params" / "xray.yaml"
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    del raw["data"]["source"]
    file.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    assert get_sets(book.root, ["xray"]) == 1
    said = heard(capsys).err
    assert "params/xray.yaml names no source (data.source)" in said
    assert "put the archive or the folder at DATA_DIR/xray/" in said


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, ["Kaggle answered 401", "without an account", "KAGGLE_API_TOKEN", "kaggle.json", "kaggle auth login"]),
        (
            403,
            ["Kaggle answered 403", "misspelt or withdrawn", "KAGGLE_USERNAME", "no account at all: put the archive"],
        ),
        (
            404,
            ["there is no such set", "data.source.slug in params/xray.yaml", "kaggle.com/datasets/paultimothymooney"],
        ),
        (503, ["Kaggle answered 503", "Run this again later"]),
    ],
)
def test_each_refusal_of_kaggles_has_its_own_words_and_leaves_nothing(book, capsys, status, words):
    book.kaggle_status = status
    assert get_sets(book.root, ["xray"]) == 1
    said = heard(capsys).err
    for word in [*words, "DATA_DIR/xray/", f"(DATA_DIR is {book.data})"]:
        assert word in said
    assert [p.name for p in book.data.iterdir()] == [".xray.lock"]


def test_credentials_that_are_refused_are_named_and_never_shown(book, capsys, monkeypatch):
    monkeypatch.setenv("KAGGLE_USERNAME", "somebody")
    monkeypatch.setenv("KAGGLE_KEY", "secret-key")
    book.kaggle_status = 401
    get_sets(book.root, ["xray"])
    said = heard(capsys)
    assert "It was asked with the variables KAGGLE_USERNAME and KAGGLE_KEY." in said.err
    assert "secret-key" not in said.out + said.err


@pytest.mark.parametrize("name", ["xray", "fetal"])
def test_no_network_is_told_with_the_way_that_needs_none(book, capsys, monkeypatch, name):
    for variable in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert get_sets(book.root, [name]) == 1
    said = heard(capsys).err
    assert "could not be reached. Is there a network?" in said
    assert f"put the archive or the folder at DATA_DIR/{name}/" in said
    assert visible(book.data) == []


@pytest.mark.parametrize("name", ["xray", "fetal"])
def test_a_cut_says_where_what_came_is_kept_and_the_next_call_goes_on(book, capsys, monkeypatch, name):
    files = {**CLASSES, "train/NORMAL/big.png": os.urandom(3_000_000)}
    slug = "/kaggle/paultimothymooney/chest-xray-pneumonia"
    whole = (
        zipped(files)
        if name == "xray"
        else zipped({**{f"images/{n}": c for n, c in files.items()}, "image_label.csv": ""})
    )
    book.files[slug if name == "xray" else "/FETAL.zip"] = whole
    change(book.root, "fetal", size=len(whole), md5=hashlib.md5(whole).hexdigest())
    monkeypatch.setattr(getting.kaggle_download.fetch_kaggle, "__kwdefaults__",
                        {**getting.kaggle_download.fetch_kaggle.__kwdefaults__, "retries": 0})  # fmt: skip
    monkeypatch.setattr(getting.download.fetch_url, "__kwdefaults__",
                        {**getting.download.fetch_url.__kwdefaults__, "retries": 0})  # fmt: skip
    book.cuts = [2_500_000]
    assert get_sets(book.root, [name]) == 1
    assert f"What came is kept in DATA_DIR/.{name}.part, and the same command goes on" in heard(capsys).err
    assert visible(book.data) == []
    get_sets(book.root, [name])
    assert book.asked[-1][1].startswith("bytes=2")
    assert (book.data / name).is_dir()
    assert not (book.data / f".{name}.part").exists()


def test_a_full_disk_says_so_and_nothing_appears(book, capsys, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 3}))
    assert get_sets(book.root, ["fetal"]) == 1
    assert "there is room for 3. Make room and run this again." in heard(capsys).err
    (book.data / "xray.zip").write_bytes(chest_xray())
    assert get_sets(book.root, ["xray"]) == 1
    assert "unpacked it takes 5 bytes, and there is room for 3. Make room" in heard(capsys).err
    assert visible(book.data) == ["xray.zip"]


def test_a_disk_that_is_full_when_unpacking_keeps_the_archive_for_the_next_call(book, capsys, monkeypatch):
    usage = iter([10**9])
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": next(usage, 3)}))
    assert get_sets(book.root, ["fetal"]) == 1
    assert "kept in DATA_DIR/.fetal.part, to go on from there" in heard(capsys).err
    monkeypatch.undo()
    monkeypatch.setenv("DATA_DIR", str(book.data))
    count = len(book.asked)
    assert get_sets(book.root, ["fetal"]) == 0
    assert len(book.asked) == count


def test_a_folder_that_may_not_be_written_is_told(book, capsys):
    book.data.parent.mkdir(exist_ok=True)
    book.data.write_text("a file where the folder should be")
    assert get_sets(book.root, ["fetal"]) == 1
    assert "fetal: DATA_DIR/fetal cannot be made" in heard(capsys).err


DATA_COMMAND = """import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits "ignored"
from scanbook.cli import main
sys.exit(main(["data", *sys.argv[1:]]))
"""


def command(book, *arguments):
    return subprocess.Popen([sys.executable, "-c", DATA_COMMAND, *arguments], cwd=book.root, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def test_the_second_of_two_calls_waits_says_so_and_loads_nothing(book):
    reached, going_on = threading.Event(), threading.Event()
    book.gate = lambda start: (reached.set(), going_on.wait(30))
    first = command(book, "fetal")
    assert reached.wait(30)
    second = command(book, "fetal")
    line = second.stdout.readline()
    going_on.set()
    assert re.search(rf"another process \(number {first.pid}, since .*\) is bringing this set; waiting for it", line)
    assert "there: abdomen 1" in first.communicate(timeout=60)[0]
    assert "there already" in second.communicate(timeout=60)[0]
    assert (first.returncode, second.returncode) == (0, 0)
    assert asked(book) == ["/FETAL.zip"]


def test_a_call_that_was_killed_leaves_no_set_and_the_next_one_brings_it(book):
    reached = threading.Event()
    book.gate = lambda start: (reached.set(), time.sleep(5))
    killed = command(book, "xray")
    assert reached.wait(30)
    killed.kill()
    killed.communicate()
    assert visible(book.data) == []
    book.gate = None
    assert get_sets(book.root, ["xray"]) == 0
    assert names(book.data / "xray") == sorted(CLASSES)
    assert not (book.data / ".xray.part").exists()


@pytest.mark.skipif(os.name != "posix", reason="a signal of POSIX systems")
def test_an_interrupted_call_says_so_and_the_next_one_goes_on(book):
    reached, going_on = threading.Event(), threading.Event()
    book.gate = lambda start: (reached.set(), going_on.wait(10))
    stopped = command(book, "xray")
    assert reached.wait(30)
    stopped.send_signal(signal.SIGINT)
    said = stopped.communicate(timeout=30)[1]
    going_on.set()
    assert stopped.returncode == 130
    assert "xray: interrupted; what came is kept, and the same command goes on from there" in said
    assert "Traceback" not in said
    assert visible(book.data) == []
    assert get_sets(book.root, ["xray"]) == 0


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_data_brings_all_sets_or_those_named(tmp_path):
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(tiny.REPOSITORY / name, tmp_path)

    def planned(*words):
        # an environment of one's own: nothing is built; a make around this test says no word in between
        run = ["make", "-n", "--no-print-directory", "data", "PY=python", *words]
        return subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    assert planned() == "python -m scanbook data --all"
    assert planned("SETS=xray lung") == "python -m scanbook data xray lung"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"kind": "kaggle", "slug": "xray"}, "String should match pattern"),
        ({"kind": "kaggle", "slug": "../../etc/x"}, "String should match pattern"),
        ({"kind": "url", "url": "http://example.org/a.zip"}, "String should match pattern"),
        ({"kind": "url", "url": "file:///etc/passwd"}, "String should match pattern"),
        ({"kind": "kaggle"}, "kind kaggle goes with slug"),
        ({"kind": "none", "instead": ["x"], "slug": "a/b"}, "kind none goes with instead"),
        ({"kind": "kaggle", "slug": "a/b", "md5": "0" * 32}, "those of the file behind a url"),
        ({"kind": "url", "url": "https://a.b/c.zip", "rename": {"a": "../b"}}, "a plain name"),
        ({"kind": "url", "url": "https://a.b/c.zip", "sum": "x"}, "Extra inputs"),
    ],
)
def test_a_source_that_cannot_be_meant_is_refused(source, words):
    with pytest.raises(ValueError, match=words):
        Source(**source)


def remove(folder):
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    Path(folder).rmdir()
