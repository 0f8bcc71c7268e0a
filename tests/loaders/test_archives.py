"""An archive from elsewhere comes out whole and inside its folder, or leaves nothing at all."""

import bz2
import errno
import gzip
import hashlib
import io
import os
import resource
import stat
import struct
import subprocess
import sys
import tarfile
import unicodedata
import zipfile
import zlib

import pytest

from scanbook.loaders.bringing.archives import Limits, Refused, is_archive, unpack

SET = {"train/sick/a.png": b"one", "train/well/b.png": b"two", "test/sick/c.png": b"three"}


def zipped(path, files, *, attributes=None, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            if attributes and name in attributes:
                info.create_system, info.external_attr = 3, attributes[name] << 16
            archive.writestr(info, content)
    return path


def tarred(path, files, *, mode="w", change=None):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if change:
                change(info)
            archive.addfile(info, io.BytesIO(content))
    return path


def found(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def contents_of(files):
    lines = sorted(f"{name}\t{len(content)}\t{zlib.crc32(content):08x}" for name, content in files.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def refused(archive, target, words, **options):
    """It is refused with these words, and neither the target nor anything beside it is left."""
    beside = set(archive.parent.iterdir())
    with pytest.raises(Refused) as caught:
        unpack(archive, target, **options)
    for word in [words] if isinstance(words, str) else words:
        assert word in str(caught.value)
    assert set(archive.parent.iterdir()) == beside
    return caught.value


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_every_kind_gives_the_same_files_without_the_folder_around_them(tmp_path, kind):
    files = {f"chest_xray/{name}": content for name, content in SET.items()}
    if kind == "zip":
        archive = zipped(tmp_path / "a.zip", files)
    else:
        archive = tarred(tmp_path / f"a.{kind}", files, mode="w:" + kind.partition(".")[2])
    seen = []
    out = unpack(archive, tmp_path / "xray", progress=lambda done, total: seen.append((done, total)))
    assert found(tmp_path / "xray") == SET
    assert (out.files, out.bytes, out.left_out) == (3, 11, {})
    assert seen[-1] == (11, 11)
    assert out.contents == contents_of(SET)
    assert sorted(p.name for p in tmp_path.iterdir()) == [archive.name, "xray"]


def test_what_an_archive_is_is_read_from_its_bytes_and_not_from_its_name(tmp_path):
    archive = tarred(tmp_path / "archive.zip", SET, mode="w:gz")
    unpack(archive, tmp_path / "set")
    assert found(tmp_path / "set") == SET
    assert is_archive(archive)
    assert not is_archive(tmp_path / "table.xlsx")


def test_system_files_and_the_second_copy_inside_itself_are_left_out_and_counted(tmp_path):
    top = "chest_xray"
    files = {f"{top}/{name}": content for name, content in SET.items()}
    files |= {f"{top}/{top}/{name}": content for name, content in SET.items()}
    files |= {f"{top}/__MACOSX/._c.png": b"x", f"{top}/{top}/.DS_Store": b"x", f"{top}/test/Thumbs.db": b"x",
              f"{top}/train/sick/._a.png": b"x"}  # fmt: skip
    for archive in (zipped(tmp_path / "a.zip", files), tarred(tmp_path / "b.tar.gz", files, mode="w:gz")):
        target = tmp_path / archive.stem
        out = unpack(archive, target, expected=("train", "test"))
        assert found(target) == SET
        assert out.left_out == {"system files": 4, "identical files of a second copy in chest_xray/chest_xray": 3}


def test_a_file_of_the_inner_folder_that_differs_is_not_taken_for_a_copy(tmp_path):
    files = {**{f"x/{n}": c for n, c in SET.items()}, "x/x/train/sick/a.png": b"ONE", "x/x/train/new.png": b"new"}
    out = unpack(zipped(tmp_path / "a.zip", files), tmp_path / "set", expected=("train", "test"))
    assert found(tmp_path / "set") == {**SET, "x/train/sick/a.png": b"ONE", "x/train/new.png": b"new"}
    assert out.left_out == {}


def test_the_root_of_the_set_is_lifted_over_a_stray_text_and_names_become_those_the_layout_reads(tmp_path):
    files = {"about.txt": b"t", "The set/The set/Images/a.png": b"a", "The set/The set/data.csv": b"c"}
    rename = {"Images": "images", "data.csv": "labels.csv"}
    archive = zipped(tmp_path / "a.zip", files)
    unpack(archive, tmp_path / "set", expected=("images", "labels.csv"), rename=rename)
    assert found(tmp_path / "set") == {"about.txt": b"t", "images/a.png": b"a", "labels.csv": b"c"}


def test_nothing_is_lifted_where_two_folders_could_be_the_set(tmp_path):
    files = {f"{copy}/{name}": content for copy in ("old", "new") for name, content in SET.items()}
    unpack(zipped(tmp_path / "a.zip", files), tmp_path / "set", expected=("train", "test"))
    assert found(tmp_path / "set") == files


def test_two_names_that_would_become_one_are_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"data.csv": b"1", "labels.csv": b"2"})
    refused(archive, tmp_path / "set", "'labels.csv' is there under two names", rename={"data.csv": "labels.csv"})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../out.png", "leads out of the folder"),
        ("train/../../out.png", "leads out of the folder"),
        ("train\\..\\..\\out.png", "leads out of the folder"),
        ("/etc/out.png", "begins at the root of the disk"),
        ("\\\\server\\out.png", "begins at the root of the disk"),
        ("C:\\out.png", "begins with a drive letter"),
        ("c:out.png", "begins with a drive letter"),
        ("a\nb.png", "control characters"),
        ("n" * 256 + ".png", "longer name than file systems hold"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_by_name(tmp_path, name, words):
    for archive in (
        zipped(tmp_path / "a.zip", {**SET, name: b"x"}),
        tarred(tmp_path / "a.tar", {**SET, name: b"x"}),
    ):
        error = refused(archive, tmp_path / "set", words)
        assert ascii(name)[1:20] in str(error)
        assert not error.damaged
        archive.unlink()
    assert not (tmp_path.parent / "out.png").exists()


def test_a_zero_byte_hidden_in_a_name_is_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.png#.exe": b"x"})
    archive.write_bytes(archive.read_bytes().replace(b"a.png#.exe", b"a.png\0.exe"))
    refused(archive, tmp_path / "set", "control characters")


def test_an_entry_without_a_name_is_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.png": b"x"})
    archive.write_bytes(archive.read_bytes().replace(b"a.png", b"\0.png"))  # zipfile cuts names at a zero byte
    refused(archive, tmp_path / "set", "control characters")
    refused(zipped(tmp_path / "b.zip", {".": b"x"}), tmp_path / "set", "has no name")


def test_a_tar_name_that_is_not_utf8_is_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        archive.addfile(tarfile.TarInfo("fœtus-é.png".replace("œ", "oe")))
    refused(tmp_path / "a.tar", tmp_path / "set", "not UTF-8")


def test_a_link_in_a_zip_is_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {**SET, "l": b"/etc"}, attributes={"l": stat.S_IFLNK | 0o777})
    refused(archive, tmp_path / "set", "entry 'l' is a link")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_in_a_tar_is_refused_and_says_where_it_leads(tmp_path, kind):
    def link(info):
        if info.name == "l":
            info.type, info.linkname, info.size = kind, "../../etc", 0

    refused(tarred(tmp_path / "a.tar", {**SET, "l": b""}, change=link), tmp_path / "set", "is a link to '../../etc'")


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.GNUTYPE_SPARSE])
def test_a_device_a_pipe_and_a_sparse_file_are_refused(tmp_path, kind):
    def special(info):
        if info.name == "s":
            info.type = kind

    refused(tarred(tmp_path / "a.tar", {**SET, "s": b""}, change=special), tmp_path / "set", "entry 's' is a special")


def test_a_pipe_in_a_zip_is_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"s": b""}, attributes={"s": stat.S_IFIFO})
    refused(archive, tmp_path / "set", "entry 's' is a special file")


def test_an_entry_that_grows_absurdly_is_refused_by_its_own_ratio(tmp_path):
    archive = zipped(tmp_path / "a.zip", {**SET, "bomb": bytes(4 << 20)})
    refused(archive, tmp_path / "set", ["'bomb' would grow from", "4,194,304"], limits=Limits(ratio_from=1 << 20))


def test_many_entries_that_grow_absurdly_together_are_refused(tmp_path):
    archive = tarred(tmp_path / "a.tar.gz", {f"{i}.png": bytes(1 << 19) for i in range(8)}, mode="w:gz")
    refused(archive, tmp_path / "set", "bytes out of", limits=Limits(ratio_from=1 << 20))


def test_more_bytes_or_entries_than_stated_are_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a": b"12345", "b": b"67890"})
    refused(archive, tmp_path / "set", ["'b' brings it to 10 bytes", "at most 9"], limits=Limits(bytes=9))
    refused(archive, tmp_path / "set", "more than 1 entries", limits=Limits(files=1))


def test_entries_that_share_their_bytes_are_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.png": b"1" * 50, "b.png": b"1" * 50}, method=zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    second = data.rfind(b"PK\x01\x02")  # of the list at the end: the second entry is made to begin where the first does
    data[second + 42 : second + 46] = struct.pack("<L", 0)
    archive.write_bytes(data)
    refused(archive, tmp_path / "set", "shares its bytes with")


def test_a_header_that_claims_gigabytes_is_not_read_into_memory(tmp_path):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 33
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))
    refused(tmp_path / "a.tar", tmp_path / "set", "headers claims to be 8,589,9")


def test_a_packed_tar_that_never_ends_is_refused(tmp_path):
    with gzip.open(tmp_path / "a.tar.gz", "wb", compresslevel=1) as out:
        out.write(tarred(tmp_path / "a.tar", SET).read_bytes())
        for _ in range(70):
            out.write(bytes(1 << 20))
    (tmp_path / "a.tar").unlink()
    refused(tmp_path / "a.tar.gz", tmp_path / "set", "goes on and on")


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        ("a/Scan.png", "a/scan.png", "differ only by case"),
        ("Train/a.png", "train/b.png", "'train' clashes with 'Train'"),
        ("é.png", unicodedata.normalize("NFD", "é.png"), "Unicode form"),
        ("Straße.png", "STRASSE.png", "differ only by case"),
        ("a.png", "./a.png", "is there twice"),
        ("a", "a/b.png", "as a file and as a folder"),
    ],
)
def test_names_that_clash_on_some_disk_are_refused(tmp_path, one, two, words):
    refused(zipped(tmp_path / "a.zip", {one: b"1", two: b"2"}), tmp_path / "set", words)
    refused(tarred(tmp_path / "a.tar", {one: b"1", two: b"2"}), tmp_path / "set", words)


def test_an_encrypted_entry_is_refused_by_name(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.png": b"one", "b.png": b"two"})
    data = bytearray(archive.read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] |= 1  # the flag of the last entry, in the list at the end
    archive.write_bytes(data)
    refused(archive, tmp_path / "set", "entry 'b.png' is encrypted")


def test_a_method_of_packing_that_python_lacks_is_refused_by_name(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.png": b"one"})
    data = bytearray(archive.read_bytes())
    struct.pack_into("<H", data, data.rfind(b"PK\x01\x02") + 10, 9)
    archive.write_bytes(data)
    refused(archive, tmp_path / "set", "entry 'a.png' is packed by method 9")


def test_a_damaged_entry_of_a_zip_is_refused_by_name_although_others_were_written(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.png": b"one", "b.png": b"LOOK HERE"}, method=zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"LOOK", b"LUCK", 1))
    error = refused(archive, tmp_path / "set", ["entry 'b.png' is damaged", "CRC"])
    assert error.damaged


def test_an_entry_that_unpacks_to_more_than_it_says_is_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.png": bytes(100_000)})
    data = bytearray(archive.read_bytes())
    struct.pack_into("<L", data, data.rfind(b"PK\x01\x02") + 24, 10)  # its size in the list at the end
    archive.write_bytes(data)
    refused(archive, tmp_path / "set", "entry 'a.png' is damaged")


@pytest.mark.parametrize("kind", ["zip", "tar", "gz", "bz2", "xz"])
@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
def test_an_archive_that_was_cut_off_is_refused_as_damaged(tmp_path, kind, share):
    files = {f"{i}.png": os.urandom(3000) for i in range(4)}
    path = tmp_path / "a.bin"
    whole = zipped(path, files) if kind == "zip" else tarred(path, files, mode="w" if kind == "tar" else f"w:{kind}")
    whole.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    assert refused(whole, tmp_path / "set", "").damaged


def test_a_tar_that_ends_between_two_entries_is_refused(tmp_path):
    archive = tarred(tmp_path / "a.tar", SET)
    archive.write_bytes(archive.read_bytes()[:1024])  # the first entry, whole
    assert refused(archive, tmp_path / "set", "its end mark is missing").damaged


def test_a_packed_tar_whose_last_checksum_is_wrong_is_refused(tmp_path):
    archive = tarred(tmp_path / "a.tar.gz", SET, mode="w:gz")
    data = bytearray(archive.read_bytes())
    data[-8] ^= 0xFF
    archive.write_bytes(data)
    assert refused(archive, tmp_path / "set", "CRC").damaged


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><title>Sign in</title>", "a web page"),
        (b"Rar!\x1a\x07\x00", "RAR archive"),
        (b"7z\xbc\xaf\x27\x1c", "7z archive"),
        (b"hello, I am no archive at all", "its first bytes are 68 65 6c 6c"),
        (gzip.compress(b"just a text", mtime=0), "damaged"),
        (bz2.compress(b"just a text"), "damaged"),
    ],
)
def test_what_is_no_archive_says_what_it_is(tmp_path, content, words):
    (tmp_path / "a.zip").write_bytes(content)
    refused(tmp_path / "a.zip", tmp_path / "set", words)


def test_an_archive_of_nothing_but_system_files_is_refused(tmp_path):
    refused(zipped(tmp_path / "a.zip", {"__MACOSX/._a": b"x"}), tmp_path / "set", "1 system files and no other")
    refused(zipped(tmp_path / "b.zip", {}), tmp_path / "set", "it holds no file")


def test_random_damage_never_leaves_anything_nor_raises_anything_else(tmp_path):
    files = {"x/a.png": os.urandom(400), "x/b.csv": b"name;label\n" * 40}
    for kind in ("zip", "tar", "gz", "xz"):
        path = tmp_path / "a.bin"
        path = zipped(path, files) if kind == "zip" else tarred(path, files, mode="w" if kind == "tar" else f"w:{kind}")
        whole = path.read_bytes()
        for place in range(0, len(whole), max(1, len(whole) // 150)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
            try:
                unpack(path, tmp_path / "set")
            except Refused:
                assert sorted(p.name for p in tmp_path.iterdir()) == ["a.bin"]
            else:
                for left in sorted((tmp_path / "set").rglob("*"), reverse=True):
                    left.rmdir() if left.is_dir() else left.unlink()
                (tmp_path / "set").rmdir()


def test_what_is_there_already_is_never_written_to(tmp_path):
    archive = zipped(tmp_path / "a.zip", SET)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.png").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        unpack(archive, tmp_path / "set")
    assert found(tmp_path / "set") == {"mine.png": b"mine"}


def test_what_a_killed_one_left_beside_is_cleared_away(tmp_path):
    (tmp_path / ".set.unpacking").mkdir()
    (tmp_path / ".set.unpacking" / "half.png").write_bytes(b"ha")
    unpack(zipped(tmp_path / "a.zip", SET), tmp_path / "set")
    assert found(tmp_path / "set") == SET
    assert not (tmp_path / ".set.unpacking").exists()


def test_a_disk_too_small_is_noticed_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    archive = zipped(tmp_path / "a.zip", SET)
    with pytest.raises(OSError, match=r"takes 11 bytes, and there is room for 10") as caught:
        unpack(archive, tmp_path / "set")
    assert caught.value.errno == errno.ENOSPC
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_a_disk_that_fills_while_writing_leaves_nothing(tmp_path):
    """The system's own limit on a file's size stands for the full disk: the write fails half way, as there."""
    zipped(tmp_path / "a.zip", {"a.png": b"small", "b.png": os.urandom(300_000)})
    code = (
        "import resource, sys; from pathlib import Path; from scanbook.loaders.bringing.archives import unpack\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.getrlimit(resource.RLIMIT_FSIZE)[1]}))\n"
        "try:\n    unpack(Path(sys.argv[1]) / 'a.zip', Path(sys.argv[1]) / 'set')\n"
        "except OSError as error:\n    print(error.errno)"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == str(errno.EFBIG), ran.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_permissions_of_the_archive_are_not_taken_over(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.png": b"x"}, attributes={"a.png": stat.S_IFREG | 0o4777})
    unpack(archive, tmp_path / "set")
    assert stat.S_IMODE((tmp_path / "set" / "a.png").stat().st_mode) & 0o7111 == 0
