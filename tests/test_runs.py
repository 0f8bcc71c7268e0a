"""A folder that carries a run's name is whole, whatever happened while it was made."""

import multiprocessing
import os
import signal
import time

import pytest

from scanbook.runs import RunFolder


def finish(folder: RunFolder, text="result", fresh=True):
    with folder.make(fresh=fresh) as work:
        if work is None:
            return False
        (work / "predictions.csv").write_text(text)
        folder.write_state(state="done", seconds=1.5)
    return True


def test_a_run_is_missing_then_running_then_done(tmp_path):
    folder = RunFolder(tmp_path / "r")
    assert folder.state()["state"] == "missing"
    with folder.make(fresh=False) as work:
        assert folder.state()["state"] == "running"
        assert not folder.path.exists()
        folder.write_state(state="done", seconds=2.0)
        assert work.name == "r.part"
    assert folder.state()["state"] == "done"
    assert folder.state()["seconds"] == 2.0


def test_a_finished_run_is_made_again_only_when_asked_and_replaced_only_when_whole(tmp_path):
    folder = RunFolder(tmp_path / "r")
    finish(folder, "old")
    assert finish(folder, "new", fresh=False) is False
    with pytest.raises(OSError, match="disk"), folder.make(fresh=True) as work:
        (work / "predictions.csv").write_text("half")
        raise OSError("disk full")
    assert (folder.path / "predictions.csv").read_text() == "old"
    assert folder.state()["state"] == "done"
    finish(folder, "new", fresh=True)
    assert (folder.path / "predictions.csv").read_text() == "new"


def test_a_failed_run_keeps_its_reason(tmp_path):
    folder = RunFolder(tmp_path / "r")
    with pytest.raises(ValueError, match="not a number"), folder.make(fresh=False):
        raise ValueError("loss is not a number")
    assert folder.state()["state"] == "failed"
    assert "not a number" in folder.state()["reason"]


def _hold(path):
    with RunFolder(path).make(fresh=False):
        time.sleep(60)


def _wait_for(condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("waited 20 s in vain")


def test_a_run_whose_process_was_killed_reads_as_killed_and_can_be_made(tmp_path):
    folder = RunFolder(tmp_path / "r")
    other = multiprocessing.get_context("spawn").Process(target=_hold, args=(folder.path,))
    other.start()
    try:
        _wait_for(lambda: folder.state()["state"] == "running")
    finally:
        os.kill(other.pid, signal.SIGKILL)
        other.join()
    assert folder.state()["state"] == "killed"
    assert finish(folder)
    assert folder.state()["state"] == "done"


def _slow(path, ready):
    folder = RunFolder(path)
    with folder.make(fresh=True) as work:
        ready.set()
        time.sleep(0.5)
        (work / "predictions.csv").write_text("the first one's")
        folder.write_state(state="done")


def test_the_second_of_two_waits_says_so_and_takes_what_the_first_made(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, folder, said = context.Event(), RunFolder(tmp_path / "r"), []
    other = context.Process(target=_slow, args=(folder.path, ready))
    other.start()
    assert ready.wait(20)
    with folder.make(fresh=True, say=said.append) as work:
        assert work is None
    other.join()
    assert "waiting" in said[0]
    assert (folder.path / "predictions.csv").read_text() == "the first one's"
