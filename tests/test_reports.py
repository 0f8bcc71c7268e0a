"""What `make reports` does when a notebook fails, shown with notebooks of two cells."""

import json
import shutil
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
import tiny

from scanbook import cli, making, open_study, record, reports
from scanbook.models.failures import NotANumber

PARAMETERS = 'params = "params/heart.yaml"\nprofile = "sample"\noverrides = {}'


def write_notebook(root, name, *sources):
    cells = [nbformat.v4.new_markdown_cell(f"# {name}"), nbformat.v4.new_code_cell(PARAMETERS)]
    cells[1].metadata["tags"] = ["parameters"]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "notebooks" / f"{name}.ipynb")


@pytest.fixture
def root(tmp_path, monkeypatch):
    shutil.copytree(tiny.REPOSITORY / "params", tmp_path / "params")
    (tmp_path / "notebooks").mkdir()
    write_notebook(tmp_path, "heart", "print('all is', 'well')")
    write_notebook(tmp_path, "lung", "print('lungs', 'too')")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_failed_notebook_keeps_the_last_good_page_and_stops_no_other(root, capsys):
    assert cli.main(["report", "heart", "lung"]) == 0
    good = (root / "reports" / "heart.html").read_bytes()
    write_notebook(root, "heart", "lungs = 2", "raise RuntimeError('the probe fell off')")
    assert cli.main(["report", "heart", "lung"]) == 1
    said = capsys.readouterr().out
    assert "failed: heart (reports/heart.failed.html)" in said
    assert (root / "reports" / "heart.html").read_bytes() == good
    failure = (root / "reports" / "heart.failed.html").read_text(encoding="utf-8")
    assert "the probe fell off" in failure
    assert "lungs too" in (root / "reports" / "lung.html").read_text(encoding="utf-8")
    index = (root / "reports" / "index.html").read_text(encoding="utf-8")
    assert "the probe fell off" in index
    assert "heart.failed.html" in index


def test_a_page_that_succeeds_again_takes_its_failure_page_away(root):
    write_notebook(root, "heart", "1 / 0")
    assert cli.main(["report", "heart"]) == 1
    assert (root / "reports" / "heart.failed.html").exists()
    write_notebook(root, "heart", "1 / 1")
    assert cli.main(["report", "heart"]) == 0
    assert not (root / "reports" / "heart.failed.html").exists()


def test_a_killed_kernel_is_named_as_killed_and_not_as_done(root):
    write_notebook(root, "heart", "import os, signal", "os.kill(os.getpid(), signal.SIGKILL)")
    (result,) = reports.make_reports(["heart"], "sample", root=root)
    assert result.state == "killed"
    assert "killed" in (root / "reports" / "index.html").read_text(encoding="utf-8").lower()


def test_a_parameter_that_no_file_knows_stops_before_any_notebook_starts(root, capsys):
    assert cli.main(["report", "heart", "lung", "--set", "training.bach=8"]) == 2
    assert "did you mean batch" in capsys.readouterr().err
    assert not list((root / "reports").glob("*.html"))


def test_a_page_too_large_fails_alone(root):
    write_notebook(root, "heart", "from IPython.display import HTML", "HTML('<p>' + 'word ' * 1_200_000 + '</p>')")
    first, second = reports.make_reports(["heart", "lung"], "sample", root=root)
    assert (first.state, second.state) == ("failed", "done")
    assert "the page would be 6.0 MB, allowed are 5 MB" in first.reason


def test_a_loss_that_is_no_number_stops_its_run_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tiny.copy_of_the_book(tmp_path))
    perform = making.perform

    def sick(run, *args, **more):
        if run.arm.name == "source":
            raise NotANumber("stage 1, epoch 1, step 3: loss is nan at rate 0.001; lower the rate")
        return perform(run, *args, **more)

    monkeypatch.setattr(making, "perform", sick)
    small = {f"arms.{arm}.network": "small_cnn" for arm in ("source", "resnet", "vgg")}
    opened = open_study("heart", "sample", {**tiny.shrunk("heart", 12), **small})
    states = opened.train().set_index("arm")
    assert states.loc["source", "state"] == "failed"
    assert "lower the rate" in states.loc["source", "reason"]
    assert set(states.drop("source")["state"]) == {"done"}
    trained = {arm for arm in opened.scores["arm"] if not arm.startswith(record.RULE)}
    assert trained == set(opened.experiment.arms) - {"source"}
    asked = [(c.a, c.b) for c in opened.experiment.comparisons if "source" not in (c.a, c.b)]
    assert asked
    assert list(zip(opened.comparisons["arm_a"], opened.comparisons["arm_b"], strict=True)) == asked
    assert isinstance(opened.facts, pd.DataFrame)


def test_params_prints_the_experiment_as_resolved(capsys):
    assert cli.main(["params", "xray", "--set", "training.batch=8"]) == 0
    shown = capsys.readouterr().out
    assert "batch: 8" in shown
    assert "densenet121" in shown


def test_an_override_that_is_no_assignment_is_explained(capsys):
    assert cli.main(["params", "xray", "--set", "training.batch"]) == 2
    assert "KEY=VALUE" in capsys.readouterr().err


def test_real_images_that_are_not_there_are_asked_for_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert cli.main(["train", "heart", "--profile", "quick"]) == 2
    said = capsys.readouterr().err
    assert "DATA_DIR/heart/" in said
    assert "profile sample" in said


def test_the_record_reads_back_what_was_written(tmp_path):
    from scanbook import record

    folder = record.folder_of(tmp_path, "heart", "sample")
    assert record.read(tmp_path, "heart", "sample") is None
    folder.mkdir(parents=True)
    for name in ("facts", "scores", "comparisons"):
        pd.DataFrame({"key": [name]}).to_csv(folder / f"{name}.csv", index=False)
    assert json.loads(record.read(tmp_path, "heart", "sample")["facts"].to_json())["key"] == {"0": "facts"}


def test_what_starts_the_notebooks_and_what_sums_them_up_load_no_network_library():
    """Each would hold the memory of half a kernel, for nothing."""
    code = (
        "import sys, scanbook.reports, scanbook.summary, scanbook.report.execute, scanbook.report.pages\n"
        "sys.exit('torch is loaded' if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
