import getpass
import re
import socket
import sys

import pytest

from scanbook.models.logs import open_log


def test_tensorboard_reads_back_what_was_written(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = open_log(tmp_path)
    for step in (1, 2, 3):
        log.scalars(step, {"loss/train": 1 / step, "loss/val": 2 / step})
    log.close()
    events = EventAccumulator(str(log.file.parent)).Reload()
    assert events.Tags()["scalars"] == ["loss/train", "loss/val"]
    read = [(e.step, e.value) for e in events.Scalars("loss/val")]
    assert read == [(1, 2.0), (2, 1.0), (3, pytest.approx(2 / 3))]


def test_neither_name_nor_bytes_tell_host_user_or_path(tmp_path):
    log = open_log(tmp_path)
    log.scalars(1, {"rate": 0.1})
    log.close()
    assert re.fullmatch(r"\d{8}-\d{6}", log.file.parent.name)
    assert re.fullmatch(r"events\.out\.tfevents\.[\d.]+\.scanbook", log.file.name)
    for private in (socket.gethostname(), getpass.getuser(), str(tmp_path)):
        assert private not in str(log.file.relative_to(tmp_path))
        assert private.encode() not in log.file.read_bytes()


def test_two_logs_of_one_second_do_not_overwrite_each_other(tmp_path):
    files = {open_log(tmp_path).file for _ in range(2)}
    assert len(files) == 2


def test_without_tensorboard_there_is_no_log_and_one_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    with pytest.warns(UserWarning, match="no TensorBoard log"):
        assert open_log(tmp_path) is None


def test_tensorflow_and_the_notebook_half_are_never_imported():
    import subprocess

    code = (
        "import sys, tempfile, pathlib; import scanbook.models.training, scanbook.models.prediction\n"
        "from scanbook.models.logs import open_log\n"
        "assert not {'tensorboard', 'torchvision'} & set(sys.modules), 'too early'\n"
        "open_log(pathlib.Path(tempfile.mkdtemp())).close()\n"
        "bad = {'tensorflow', 'papermill', 'nbconvert', 'matplotlib', 'scanbook.loaders'} & set(sys.modules)\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
