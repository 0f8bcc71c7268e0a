"""A run that was killed goes on, through the command line, as if it had not been."""

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise

import pandas as pd
import pytest
import tiny

from scanbook import cli, open_study, openings

EPOCHS = 40
RUN = "patient_split-small_cnn-grouped-f0-s0"
OPTIONS = [
    "heart", "--run", RUN, "--set", "cap_per_class=16", "--set", "training.checkpoint_s=0", "--set", "image.size=32",
    "--set", f"arms.patient_split.training.stages=[{{train: all, epochs: {EPOCHS}, rate: 1.0e-3}}]",
    "--set", "tuning.arms=[patient_split]", "--set", "tuning.rates=[1.0e-3]", "--set", "tuning.budget_epochs=1",
]  # fmt: skip


def start(root):
    command = [sys.executable, "-m", "scanbook", "train", *OPTIONS]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def the_run(root, suffix=""):
    found = [p for p in (root / "runs" / "heart").glob(f"{RUN}-????????{suffix}") if p.is_dir()]
    return found[0] if found else None


def epochs_trained(log):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return [event.step for event in EventAccumulator(str(log)).Reload().Scalars("loss/train")]


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    """Two books: the run made in one go, and the run killed in mid-training and gone on with."""
    whole, cut = (tiny.copy_of_the_book(tmp_path_factory.mktemp(name)) for name in ("whole", "cut"))
    process = start(cut)
    for _ in range(3000):
        part = the_run(cut, ".part")
        if part and (part / "history.csv").exists() and len((part / "history.csv").read_text().splitlines()) > 4:
            break
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    trained = len(pd.read_csv(the_run(cut, ".part") / "history.csv"))
    for root in (cut, whole):
        process = start(root)
        said = process.communicate(timeout=300)[0]
        assert process.returncode == 0, said
    return whole, cut, trained


def test_the_killed_run_ends_with_the_same_bytes(roots):
    whole, cut, _ = roots
    assert the_run(whole).name == the_run(cut).name
    assert (the_run(whole) / "predictions.csv").read_bytes() == (the_run(cut) / "predictions.csv").read_bytes()


def test_no_checkpoint_is_left_when_the_run_is_done(roots):
    assert not list(roots[1].glob("runs/heart/*/last.ckpt"))


def test_no_epoch_that_was_kept_is_trained_again(roots):
    _, cut, trained = roots
    assert 3 < trained < EPOCHS
    before, after = (epochs_trained(log) for log in sorted((the_run(cut) / "tensorboard").iterdir()))
    assert after[0] in (trained, trained + 1)  # the kill may fall between history and checkpoint
    assert all(b - a == 1 for a, b in pairwise(after))
    assert after[-1] == EPOCHS
    assert before[0] == 1


def test_each_look_at_the_test_part_is_counted_and_the_grid_has_none(roots):
    whole, cut, _ = roots
    for root in (whole, cut):
        log = pd.read_csv(root / "runs" / "heart" / openings.FILE)
        assert log["run"].tolist() == [the_run(root).name]


def test_a_run_that_does_not_exist_is_refused_with_those_that_do(roots, monkeypatch, capsys):
    monkeypatch.chdir(roots[0])
    assert cli.main(["train", "heart", "--run", "resnet-f9", "--set", "tuning=null"]) == 2
    said = capsys.readouterr().err
    assert "no run 'resnet-f9'" in said
    assert RUN in said


def test_two_runs_into_two_empty_folders_predict_the_same_bytes(tmp_path, monkeypatch):
    found = []
    monkeypatch.delenv(tiny.DRAWN)  # each draws its own phantoms
    for name in ("one", "two"):
        root = tiny.copy_of_the_book(tmp_path / name)
        monkeypatch.chdir(root)
        study = open_study("heart", "sample", tiny.shrunk("heart", 16) | {"tuning": None, "image.size": 32})
        study.train()
        found.append({r.name: (study.folder / r.name / "predictions.csv").read_bytes() for r in study.runs})
    assert found[0] == found[1]
    assert len(found[0]) == len(study.experiment.arms)
