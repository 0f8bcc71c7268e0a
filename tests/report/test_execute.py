import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from report import demo

from scanbook.report.execute import check_parameters, run_notebook, stop_all
from scanbook.report.pages import render_failure
from scanbook.report.progress import Board, Tail, describe, duration, report_progress
from scanbook.report.provenance import known_roots, scrubber

ENDINGS = {
    "good": """
import os, sys
from scanbook.report.progress import report_progress
report_progress({"network": "vgg16_bn", "run": 2, "runs": 5, "epoch": 3, "epochs": 6, "val_loss": 0.41})
print(profile, overrides, os.getcwd(), sys.executable)""",
    "raises": "import pathlib\nraise ValueError(f'no set in {pathlib.Path.home()}/images')",
    "killed": "import os\nprint('before the end', flush=True)\nos.kill(os.getpid(), 9)",
    "leaves": "import os\nos._exit(0)",
    "exits": "import sys\nsys.exit(0)",
    "slow": "import time\ntime.sleep(60)",
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Each ending once, two notebooks at a time."""
    folder = tmp_path_factory.mktemp("endings")
    told: dict[str, list[str]] = {name: [] for name in ENDINGS}

    def one(name):
        path = demo.notebook(
            folder / f"{name}.ipynb", demo.code("print('first')"), demo.code(ENDINGS[name]), demo.code("print('last')")
        )
        return run_notebook(
            path,
            folder / "out" / f"{name}.ipynb",
            {"profile": "quick", "overrides": {"training.batch": 8}},
            cwd=folder,
            timeout=3 if name == "slow" else None,
            on_line=told[name].append,
        )

    with ThreadPoolExecutor(2) as pool:
        outcomes = dict(zip(ENDINGS, pool.map(one, ENDINGS), strict=True))
    return folder, outcomes, told


def output_of(outcome):
    nb = nbformat.read(outcome.executed, as_version=4)
    return "".join(out.get("text", "") for cell in nb.cells for out in cell.get("outputs", []))


def test_a_good_notebook_is_done_in_its_folder_with_its_parameters_and_this_python(ended):
    folder, outcomes, _ = ended
    assert (outcomes["good"].status, outcomes["good"].error) == ("done", None)
    assert f"quick {{'training.batch': 8}} {folder} {sys.executable}" in output_of(outcomes["good"])


def test_progress_comes_from_the_kernel_while_it_runs(ended):
    assert ended[2]["good"] == ["vgg16_bn  run 2 of 5  epoch 3 of 6  val loss 0.41"]


def test_an_exception_names_cell_source_and_message(ended):
    error = ended[1]["raises"].error
    assert ended[1]["raises"].status == "failed"
    assert (error.cell, error.cells, error.name) == (3, 4, "ValueError")
    assert "raise ValueError" in error.source
    assert error.message.startswith("no set in")
    assert "\x1b" not in "".join(error.traceback)


def test_a_killed_kernel_is_never_done_whatever_papermill_writes(ended):
    outcome = ended[1]["killed"]
    assert outcome.status == "killed"
    assert (outcome.error.cell, outcome.error.name) == (3, "KernelDied")
    assert "signal 9" in outcome.error.message


def test_a_kernel_that_leaves_quietly_is_killed_too(ended):
    assert ended[1]["leaves"].status == "killed"


def test_a_notebook_that_exits_early_is_not_done(ended):
    assert ended[1]["exits"].status == "failed"
    assert ended[1]["exits"].error.name == "SystemExit"


def test_a_cell_that_takes_too_long_is_stopped_and_says_so(ended):
    outcome = ended[1]["slow"]
    assert outcome.status == "failed"
    assert "longer than 3 s" in outcome.error.message
    assert outcome.seconds < 180


def test_what_ran_before_the_end_is_kept(ended):
    for name in ("raises", "killed", "leaves", "exits", "slow"):
        assert "first" in output_of(ended[1][name])
        assert "last" not in output_of(ended[1][name])


def test_the_executed_notebook_holds_no_path_and_no_status_of_papermill(ended):
    folder, outcomes, _ = ended
    nb = nbformat.read(outcomes["raises"].executed, as_version=4)
    assert "papermill" not in nb.metadata
    assert not any("papermill" in cell.metadata for cell in nb.cells)
    assert sorted(path.name for path in (folder / "out").iterdir()) == sorted(f"{name}.ipynb" for name in ENDINGS)


def test_the_failure_page_of_a_killed_kernel_tells_what_happened(ended, tmp_path):
    outcome = ended[1]["killed"]
    page = render_failure(outcome.executed, tmp_path / "heart.html", title="Heart", error=outcome.error)
    text = page.read_text(encoding="utf-8")
    assert "KernelDied" in text
    assert "signal 9" in text
    assert "before the end" in text
    assert "1 code cell below it did not run" in text


def test_a_failure_page_does_not_hold_the_home_path(ended, tmp_path):
    outcome = ended[1]["raises"]
    clean = scrubber(known_roots())
    page = render_failure(outcome.executed, tmp_path / "x.html", title="X", error=outcome.error, clean=clean)
    text = page.read_text(encoding="utf-8")
    assert f"{Path.home()}/images" not in text
    assert "no set in ~/images" in text


PROGRAM = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits "ignored"
from pathlib import Path
from scanbook.report.execute import run_notebook
print(run_notebook(Path(sys.argv[1]), Path(sys.argv[2]), {}, cwd=Path(".")).status)
"""


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Three sleeping notebooks: one stopped by a thread, one by Ctrl-C, one whose watcher is killed."""
    folder = tmp_path_factory.mktemp("stopped")

    def sleeping(name):
        source = f"import os\nopen({str(folder / name)!r}, 'w').write(str(os.getpid()))"
        return demo.notebook(folder / f"{name}.ipynb", demo.code(source + "\n" + ENDINGS["slow"]))

    def program(name):
        command = [sys.executable, "-c", PROGRAM, str(sleeping(name)), str(folder / f"{name}.out.ipynb")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    interrupted, killed = program("interrupted"), program("killed")
    threading.Thread(target=lambda: (wait_for(folder / "thread"), stop_all()), daemon=True).start()
    outcome = run_notebook(sleeping("thread"), folder / "thread.out.ipynb", {}, cwd=folder)
    kernels = {name: int(wait_for(folder / name)) for name in ("thread", "interrupted", "killed")}
    interrupted.send_signal(signal.SIGINT)
    killed.kill()
    said = interrupted.communicate(timeout=180)[0].strip()
    killed.communicate(timeout=180)
    return outcome, said, kernels


def test_stopping_from_another_thread_ends_the_notebook_as_interrupted(stopped):
    outcome, _, kernels = stopped
    assert (outcome.status, outcome.error.name) == ("interrupted", "Interrupted")
    assert gone(kernels["thread"])


def test_ctrl_c_ends_the_kernel_and_the_call_says_interrupted(stopped):
    assert stopped[1] == "interrupted"
    assert gone(stopped[2]["interrupted"])


def test_a_watcher_that_is_killed_takes_its_kernel_along(stopped):
    assert gone(stopped[2]["killed"])


def wait_for(path, seconds=180):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.05)
    raise AssertionError(f"{path.name} never came")


def gone(pid, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            if "Z" in Path(f"/proc/{pid}/stat").read_text().split(")")[-1][:3]:
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


# Parameters


def test_a_mistyped_parameter_is_refused_before_anything_runs(tmp_path):
    path = demo.notebook(tmp_path / "heart.ipynb")
    with pytest.raises(ValueError, match=r"heart.ipynb: unknown parameter 'profil'.*did you mean profile\?"):
        run_notebook(path, tmp_path / "out.ipynb", {"profil": "quick"}, cwd=tmp_path)
    assert [found.name for found in tmp_path.iterdir()] == ["heart.ipynb"]


def test_a_value_that_is_not_plain_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'params' is \w+Path; allowed are text"):
        check_parameters(demo.notebook(tmp_path / "heart.ipynb"), {"params": tmp_path})


def test_the_known_parameters_are_those_of_the_tagged_cell(tmp_path):
    path = demo.notebook(tmp_path / "heart.ipynb", demo.code("later = 1"))
    assert check_parameters(path, {}) == ["overrides", "params", "profile"]


# Progress


def test_an_event_is_told_in_words_and_only_as_far_as_it_goes():
    event = {"network": "vgg16_bn", "run": 2, "runs": 5, "epoch": 3, "epochs": 6, "val_loss": 0.4123, "left_s": 118}
    assert describe(event) == "vgg16_bn  run 2 of 5  epoch 3 of 6  val loss 0.41  about 2 min left"
    assert describe({"note": "making phantoms"}) == "making phantoms"
    assert describe({}) == ""


@pytest.mark.parametrize(("seconds", "words"), [(40, "40 s"), (118, "2 min"), (3900, "1 h 05 min"), (-3, "0 s")])
def test_durations_are_said_as_people_say_them(seconds, words):
    assert duration(seconds) == words


def test_progress_goes_nowhere_without_the_variable_and_nowhere_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.delenv("SCANBOOK_PROGRESS", raising=False)
    report_progress({"run": 1})
    monkeypatch.setenv("SCANBOOK_PROGRESS", str(tmp_path / "no such folder" / "file"))
    report_progress({"run": 1})
    assert list(tmp_path.iterdir()) == []


def test_events_are_read_once_whole_lines_only_and_a_vanished_file_is_no_news(tmp_path, monkeypatch):
    path = tmp_path / "progress.jsonl"
    monkeypatch.setenv("SCANBOOK_PROGRESS", str(path))
    tail = Tail(path)
    assert tail.read() == []
    report_progress({"run": 1})
    with path.open("a") as handle:
        handle.write('no json\n{"run": 2')
    assert tail.read() == [{"run": 1}]
    with path.open("a") as handle:
        handle.write("}\n")
    assert tail.read() == [{"run": 2}]
    path.unlink()
    assert tail.read() == []


def test_a_log_gets_few_lines_and_always_the_last_word(capsys):
    with Board(every=60) as board:
        for epoch in range(5):
            board.update("xray", f"epoch {epoch}")
        board.say("xray", "done")
    assert capsys.readouterr().out.splitlines() == ["xray    epoch 0", "xray    done"]
