"""`torchrun … -m scanbook train`: several processes make one run, and none of them hangs when another dies."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import tiny

RUN = "resnet-resnet18-grouped-f0-s0"  # batch norm and no dropout: nothing random is drawn by each process
SETTINGS = {
    "cap_per_class": 12,
    "image.size": 32,
    "training.precision": "float32",
    "training.batch": 8,
    "tuning": "null",
}
TWO = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--local_addr", "127.0.0.1",
       "--rdzv_backend", "c10d", "--rdzv_endpoint", "127.0.0.1:0", "-m"]  # fmt: skip


def start(root, *, launcher=("-m",), epochs=2, **more):
    settings = SETTINGS | {"arms.resnet.training.stages": f"[{{train: all, epochs: {epochs}, rate: 1.0e-4}}]"} | more
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    command = [sys.executable, *launcher, "scanbook", "train", "heart", "--only", RUN, *sets]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(root):
    (folder,) = [p for p in (root / "runs" / "heart").glob(f"{RUN}-????????") if p.is_dir()]
    return folder


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """The same run by two processes, and by one that passes two parts."""
    pair, alone = (tiny.copy_of_the_book(tmp_path_factory.mktemp(name)) for name in ("pair", "alone"))
    for process in (start(pair, launcher=TWO), start(alone, **{"training.micro_batches": 2})):
        said = process.communicate(timeout=300)[0]
        assert process.returncode == 0, said
    return pair, alone


def test_two_processes_write_one_run_and_count_one_look_at_the_test_part(books):
    pair, _ = books
    assert json.loads((finished(pair) / "state.json").read_text())["state"] == "done"
    assert len(pd.read_csv(pair / "runs" / "heart" / "test-openings.csv")) == 1
    assert len(list((finished(pair) / "tensorboard").iterdir())) == 1
    assert finished(pair).name == finished(books[1]).name  # so a page of one process finds the run of two


def test_their_losses_and_logits_equal_those_of_one_process_with_the_same_parts(books):
    histories = [pd.read_csv(finished(book) / "history.csv") for book in books]
    for column in ("train_loss", "val_loss"):
        assert histories[0][column].tolist() == pytest.approx(histories[1][column].tolist(), rel=1e-2)
    logits = [pd.read_csv(finished(book) / "predictions.csv").filter(like="logit_") for book in books]
    apart = abs(logits[0] - logits[1]).max().max() / logits[1].std().min()
    assert apart < 0.02  # of the spread between images


def test_training_needs_nothing_that_only_pages_need(tmp_path):
    root = tiny.copy_of_the_book(tmp_path)
    program = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("papermill", "nbconvert", "nbformat", "nbclient", "IPython", "matplotlib", "seaborn",
                                  "jupyter_client", "tensorboard"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from scanbook import open_study
study = open_study("heart", "sample", {"cap_per_class": 8, "tuning": None, "image.size": 32})
study.train(only="patient_split-small_cnn-grouped-f0-s0")
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=root, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (
        json.loads((root / "runs" / "heart").glob("patient_split-*/state.json").__next__().read_text())["state"]
        == "done"
    )


def rank_of(pid):
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next((int(v.split(b"=")[1]) for v in variables if v.startswith(b"RANK=")), None)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the second process through /proc")
def test_when_one_process_is_killed_the_other_ends_and_the_run_is_not_done(tmp_path):
    root = tiny.copy_of_the_book(tmp_path)
    process = start(root, launcher=TWO, epochs=500)
    for _ in range(3000):
        if list((root / "runs" / "heart").glob("*.part/history.csv")):
            break
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (second,) = [int(pid) for pid in children if rank_of(pid) == 1]
    os.kill(second, signal.SIGKILL)
    said = process.communicate(timeout=120)[0]
    assert process.returncode != 0
    assert "Signal 9" in said
    (part,) = (root / "runs" / "heart").glob("*.part")
    assert not list((root / "runs" / "heart").glob(f"{RUN}-????????"))
    listed = subprocess.run([sys.executable, "-c", f"from scanbook.runs import RunFolder; from pathlib import Path; "
                             f"print(RunFolder(Path({str(part)!r}[:-5])).state())"], capture_output=True, text=True,
                            check=True).stdout  # fmt: skip
    assert "'state': 'killed'" in listed or "another of the 2 processes" in listed
