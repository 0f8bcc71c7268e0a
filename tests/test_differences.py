"""Two runs side by side, and why a run would be made again."""

import shutil
from types import SimpleNamespace

import pandas as pd
import pytest
import tiny
import yaml

from scanbook import cli, open_study
from scanbook.differences import differing, find_run, in_words, side_by_side, why_made
from scanbook.params import ParamsError

CELLS = ("from scanbook import open_study, show\nstudy = open_study(params, profile, overrides)",)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A small heart book whose two runs are finished."""
    root = tiny.small_book(tmp_path_factory.mktemp("runs"), CELLS, names=["heart"], epochs=1)
    open_study(str(root / "params" / "heart.yaml")).train()
    return root


def test_nested_values_are_compared_key_by_key():
    old = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    new = {"a": {"b": 1, "c": [1, 3]}, "e": 1}
    assert differing(old, new) == [("a.c", [1, 2], [1, 3]), ("d", 1, None), ("e", None, 1)]


def test_differences_read_as_words():
    found = [("source.models/epochs.py", "x", "y"), ("data", "x", "y"), ("arm.training.batch", 16, 8)]
    assert in_words(found) == ["code changed: models/epochs.py", "the images changed", "training.batch: 16 → 8"]


def test_two_runs_differ_in_how_they_were_split_and_in_nothing_else_that_was_asked(root):
    runs = [find_run(name, root) for name in ("random_split", "resnet")]
    table = side_by_side(*runs).set_index("key")
    asked = table[table["section"] == "parameters"]
    assert set(asked.index) == {"arm.scheme"}
    assert (asked.loc["arm.scheme", "a"], asked.loc["arm.scheme", "b"]) == ("random", "grouped")
    assert "parts" in table[table["section"] == "data"].index
    assert {"test auroc", "test accuracy"} <= set(table[table["section"] == "scores"].index)
    assert table.loc["n_train", "a"] > 0
    assert not table[table["section"] == "code"].size


def test_the_command_prints_both_names_and_the_scores(root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    assert cli.main(["diff", "random_split", "resnet"]) == 0
    said = capsys.readouterr().out
    assert "a  random_split-small_cnn-random-f0-s0-" in said
    assert "test auroc" in said


def test_a_name_that_fits_several_runs_or_none_is_refused_with_the_choice(root, monkeypatch, capsys):
    with pytest.raises(ParamsError, match=r"2 finished runs are called 'small_cnn':\n  heart/random_split"):
        find_run("small_cnn", root)
    monkeypatch.chdir(root)
    assert cli.main(["diff", "vgg", "resnet"]) == 2
    assert "0 finished runs are called 'vgg'" in capsys.readouterr().err


def test_why_names_the_parameter_that_would_make_a_run_again(root):
    study = open_study(str(root / "params" / "heart.yaml"), "sample", {"training.batch": 4})
    for run in study.runs:
        assert study.run_folder(run).state()["state"] == "missing"
        assert why_made(run, study.folder) == ["training.batch: 8 → 4"]


def test_why_looks_at_the_run_that_differs_least_and_not_at_a_later_one_of_another_profile(root):
    study = open_study(str(root / "params" / "heart.yaml"), "sample", {"training.batch": 4})
    run = study.runs[0]
    later = study.folder / f"{run.stem}-00000000"
    later.mkdir()
    other = yaml.safe_load(next(study.folder.glob(f"{run.stem}-*/params.yaml")).read_text(encoding="utf-8"))
    other["arm"]["image"]["size"], other["data"] = 224, "other images"
    (later / "params.yaml").write_text(yaml.safe_dump(other), encoding="utf-8")
    assert later.stat().st_mtime >= max(p.stat().st_mtime for p in study.folder.glob(f"{run.stem}-*"))
    assert why_made(run, study.folder) == ["training.batch: 8 → 4"]
    shutil.rmtree(later)


def test_a_run_that_was_never_made_says_so(root):
    study = open_study(str(root / "params" / "heart.yaml"), "sample", {"seeds": [7]})
    assert {why for run in study.runs for why in why_made(run, study.folder)} == {"never made"}


def test_a_run_that_was_cut_off_goes_on_where_it_has_a_checkpoint(tmp_path):
    run = SimpleNamespace(name="resnet-small_cnn-grouped-f0-s0-12345678", stem="resnet-small_cnn-grouped-f0-s0")
    part = tmp_path / f"{run.name}.part"
    part.mkdir()
    (part / "state.json").write_text('{"state": "running"}')  # of a process that is gone: nobody holds the lock
    assert why_made(run, tmp_path) == ["was cut off; begins anew, it had no checkpoint yet"]
    (part / "last.ckpt").touch()
    assert why_made(run, tmp_path) == ["was cut off; goes on from its last checkpoint"]


def test_why_tells_for_a_page_and_its_runs(root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    assert cli.main(["report", "heart", "--why", "--set", "training.batch=4"]) == 0
    said = capsys.readouterr().out
    assert "the page would be made again\n  not finished: missing" in said
    assert "run resnet-small_cnn-grouped-f0-s0 (missing): training.batch: 8 → 4" in said


def test_the_parameters_of_a_run_read_back_as_they_were_planned(root):
    study = open_study(str(root / "params" / "heart.yaml"))
    for run in study.runs:
        kept = yaml.safe_load((study.folder / run.name / "params.yaml").read_text())
        assert differing(kept, yaml.safe_load(yaml.safe_dump(run.determined_by))) == []
    assert isinstance(study.states, pd.DataFrame)
