"""Whatever ends a notebook, nothing half-made passes for done, and RESUME ends where an undisturbed run does.

Four small assignments are disturbed at once: a kernel killed in the last cell, one in the middle of training, one as the
study opens, and a writer whose quota runs out while it saves its network. A fifth one is left in peace.
"""

import html
import json
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pandas as pd
import pytest
import tiny

DISTURBED = {"heart": "end", "artery": "train", "xray": "open", "fetal": "full"}
COMPARED = ("heart", "artery", "fetal")  # those whose trainings were cut, or stood when the end came
CELLS = (
    """
import os, resource, signal, threading, time
from pathlib import Path
from scanbook import open_study, show

def disturb(moment):
    flag = Path("..") / f"{params.split('/')[-1]}.{moment}"
    if flag.exists():
        flag.unlink()
        return True

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def kill_in_training():
    while not list((study.folder).glob("*.part/last.ckpt")):
        time.sleep(0.005)
    kill()

if disturb("open"):
    kill()
if disturb("wait"):
    time.sleep(120)
study = open_study(params, profile, overrides)
""",
    """
if disturb("train"):
    threading.Thread(target=kill_in_training).start()
if disturb("full"):
    study.runs, study.data.images(study.experiment.image)  # what is kept of the images is larger, and not in question
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
study.train()
""",
    """
if disturb("end"):
    kill()
show.headline(study)
show.conclude(study)
""",
)


def make(root, *options, names=tiny.FIVE):
    """`scanbook report --all` in a process of its own: its exit status and what it said."""
    command = [sys.executable, "-m", "scanbook", "report", *names, *options]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=400, check=False)
    return done.returncode, done.stdout + done.stderr


def undisturbed(root):
    """The notebooks' work, one after the other in one process: a kernel each would only take longer."""
    program = ("from scanbook import open_study, show\n"
               f"for name in {COMPARED!r}:\n"
               "    study = open_study(f'params/{name}.yaml', 'sample', {})\n"
               "    study.train()\n"
               "    show.conclude(study)")  # fmt: skip
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=root, capture_output=True, text=True,
                          timeout=400, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr


def state(root, name):
    return json.loads((root / "runs" / name / "record-sample" / "page.json").read_text())["state"]


def scores(root, name):
    return pd.read_csv(root / "runs" / name / "record-sample" / "scores.csv")


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """A book made undisturbed; another that has good pages of earlier, is disturbed while it is made, and resumed."""
    whole = tiny.small_book(tmp_path_factory.mktemp("whole"), CELLS, names=COMPARED)
    hurt = tiny.small_book(tmp_path_factory.mktemp("hurt"), CELLS)
    undisturbed(whole)
    (hurt / "reports").mkdir()
    for name in tiny.FIVE:
        (hurt / "reports" / f"{name}.html").write_text("<p>the last good page</p>")
    for name, moment in DISTURBED.items():
        (hurt / f"{name}.yaml.{moment}").touch()
    status, said = make(hurt)
    after = SimpleNamespace(
        status=status, said=said, states={name: state(hurt, name) for name in tiny.FIVE},
        texts={p.name: p.read_text(encoding="utf-8") for p in (hurt / "reports").glob("*.html")},
        cut={name: [json.loads((p / "state.json").read_text())["state"] for p in (hurt / "runs" / name).glob("*.part")]
             for name in tiny.FIVE},
    )  # fmt: skip
    return SimpleNamespace(whole=whole, hurt=hurt, after=after, resumed=make(hurt, "--resume"))


def test_each_notebook_is_told_as_what_it_is_and_make_fails(books):
    expected = {"heart": "killed", "artery": "killed", "xray": "killed", "fetal": "failed", "lung": "done"}
    assert books.after.states == expected
    assert books.after.status == 1
    assert all(f"{name} (reports/{name}.failed.html)" in books.after.said for name in DISTURBED)


def test_the_last_good_pages_stay_and_the_one_left_in_peace_is_made_again(books):
    kept = {name for name in tiny.FIVE if "the last good page" in books.after.texts[f"{name}.html"]}
    assert kept == set(DISTURBED)


def test_each_failure_page_says_where_it_ended(books):
    for name, cell in (("xray", "open_study(params"), ("artery", "study.train()"), ("heart", "show.conclude(study)")):
        text = books.after.texts[f"{name}.failed.html"]
        assert "signal 9" in text
        assert html.escape(cell) in text or cell in text, name
    assert "could not be made" in books.after.texts["fetal.failed.html"]
    assert "lung.failed.html" not in books.after.texts
    index = books.after.texts["index.html"]
    assert all(f"{name}.failed.html" in index for name in DISTURBED)


def test_a_run_that_was_cut_is_not_done(books):
    assert books.after.cut["artery"] == ["running"]  # whoever wrote that holds no lock any more
    assert set(books.after.cut["fetal"]) == {"failed"}
    assert books.after.cut["lung"] == []


def test_resume_ends_with_the_scores_of_a_book_that_nothing_disturbed(books):
    assert books.resumed[0] == 0, books.resumed[1]
    for name in tiny.FIVE:
        assert state(books.hurt, name) == "done"
        assert not (books.hurt / "reports" / f"{name}.failed.html").exists()
    for name in COMPARED:
        pd.testing.assert_frame_equal(scores(books.hurt, name), scores(books.whole, name))
    assert "lung    nothing has changed" in books.resumed[1]


def test_ctrl_c_ends_in_order_and_resume_goes_on(books, tmp_path):
    root = tiny.small_book(tmp_path / "book", CELLS, names=["heart"])
    flag = root / "heart.yaml.wait"
    flag.touch()
    program = ("import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
               "from scanbook.cli import main\nsys.exit(main(['report', 'heart']))")  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)  # fmt: skip
    while flag.exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130, said
    assert "RESUME=1" in said
    assert state(root, "heart") == "interrupted"
    assert "heart.failed.html" in (root / "reports" / "index.html").read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "scanbook", "report", "heart", "--resume"], cwd=root, check=False)
    assert done.returncode == 0
    pd.testing.assert_frame_equal(scores(root, "heart"), scores(books.whole, "heart"))


def test_no_half_written_file_is_left(books):
    left = [p.name for pattern in ("runs/*/*.part", "runs/*/*.old", "**/*.new", "**/*.tmp") for p in
            books.hurt.glob(pattern)]  # fmt: skip
    assert left == []
