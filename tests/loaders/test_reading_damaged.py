"""A sample of the damaged corpus; the whole is `python -m benchmarks.damaged`."""

import gc
import subprocess
import sys
import time
from pathlib import Path

import damage
import pytest
from wholes import wholes

from scanbook.loaders.reading import Unreadable, decode

REPOSITORY = Path(__file__).parents[2]


def memory_mb():
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def test_the_corpus_is_the_same_each_time_and_really_damaged():
    first = [data for *_, data, _ in damage.variants(1, seed=5)]
    assert first == [data for *_, data, _ in damage.variants(1, seed=5)]
    assert first != [data for *_, data, _ in damage.variants(1, seed=6)]
    assert sum(data != whole for *_, data, whole in damage.variants(1)) > 0.95 * len(first)
    assert len(first) == len(wholes()) * len(damage.DAMAGES) >= 450


def test_every_damaged_file_is_read_or_excluded_with_a_reason_in_good_time():
    ends = {"read": 0, "excluded": 0}
    for name, done, data, _ in damage.variants(4, seed=1):
        begun, reason = time.perf_counter(), None
        try:
            decode(data)
        except Unreadable as error:
            reason = str(error).strip()
        assert reason != "", f"{name}, {done}: no reason"
        ends["excluded" if reason else "read"] += 1
        assert time.perf_counter() - begun < 5, f"{name}, {done}"
    assert min(ends.values()) > 400  # where none is read, or none excluded, nothing was tried


def test_what_cuts_a_file_never_changes_a_pixel():
    pixels = {name: decode(data).pixels for name, data in wholes().items()}
    for name, done, data, _ in damage.variants(6, seed=2):
        if done == "cut":
            try:
                assert (decode(data).pixels == pixels[name]).all(), name
            except Unreadable:
                continue


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_damaged_files_leave_no_memory_behind():
    files = [data for *_, data, _ in damage.variants(1, seed=3)]

    def read_all(times):
        for _ in range(times):
            for data in files:
                try:
                    decode(data)
                except Unreadable:
                    continue
        gc.collect()
        return memory_mb()

    before = read_all(2)
    assert read_all(6) - before < 24


def test_the_whole_corpus_is_watched_from_outside():
    """The benchmark's own way: a child that reads, a table, and the sentence that nothing happened."""
    command = [sys.executable, "-m", "benchmarks.damaged", "--times", "1", "--seed", "4"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "no crash, no hang, no other exception, no word on the terminal, no leak" in done.stdout
    formats = {name.split()[0] for name in wholes()}
    assert {line.split()[0] for line in done.stdout.splitlines() if " all " in line} == {*formats, "all"}


def test_the_watcher_sees_a_crash_a_hang_and_a_word(tmp_path):
    """A reader made to fail in each way, once: each fault is named, and the rest of the corpus is still read."""
    script = tmp_path / "failing.py"
    script.write_text(f"""
import os, sys, time
from pathlib import Path
sys.path[:0] = [{str(REPOSITORY)!r}, {str(REPOSITORY / "tests")!r}, {str(REPOSITORY / "src")!r}]
import damage
from benchmarks import damaged
from scanbook.loaders import reading
small = dict(list(damage.wholes().items())[:2])
damage.wholes = lambda: small
damaged.LIMIT_S, damaged.__file__ = 1.0, __file__
real, count = reading.decode, 0
def decode(data, **options):
    global count
    count += 1
    done = len(list(Path(__file__).parent.glob("fault*")))
    if count % 6 == 0 and done < 4:
        (Path(__file__).parent / f"fault{{done}}").touch()
        if done == 0:
            os.kill(os.getpid(), 9)
        if done == 1:
            raise IndexError("made here")
        if done == 2:
            sys.stderr.write("a word\\n")
        if done == 3:
            time.sleep(60)
    return real(data, **options)
reading.decode = decode
sys.exit(damaged.main())
""")
    done = subprocess.run([sys.executable, script, "--times", "1"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    for word in ("ended the reader", "IndexError: made here", "on the terminal: a word", "longer than 1 s"):
        assert word in done.stdout
    assert f"{2 * len(damage.DAMAGES)} files read" in done.stdout
