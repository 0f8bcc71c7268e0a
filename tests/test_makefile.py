"""The Makefile's graph: what is built, when, and in which order; read from make itself in a temporary copy."""

import os
import shutil
import subprocess
import time

import pytest
import tiny

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def copy(tmp_path):
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(tiny.REPOSITORY / name, tmp_path)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "README.md").write_text("kept")
    return tmp_path


def planned(folder, *words):
    made = subprocess.run(["make", "-n", *words], cwd=folder, capture_output=True, text=True, check=True)
    return made.stdout


def ready(folder):
    (folder / ".venv").mkdir(exist_ok=True)
    (folder / ".venv" / ".ready").touch()


def test_bare_make_explains_and_builds_nothing(copy):
    made = subprocess.run(["make"], cwd=copy, capture_output=True, text=True, check=True)
    for target in ("reports", "test", "report-%", "lab", "tensorboard", "lint", "clean", "env"):
        assert f"make {target}" in made.stdout
    assert not (copy / ".venv").exists()


def test_reports_builds_the_environment_first_and_once(copy):
    assert "requirements.lock" in planned(copy, "reports")
    ready(copy)
    assert "requirements.lock" not in planned(copy, "reports")
    assert "scanbook report --all --profile sample" in planned(copy, "reports")


def test_a_changed_lock_rebuilds_the_environment(copy):
    ready(copy)
    later = time.time() + 60
    os.utime(copy / "requirements.lock", (later, later))
    assert "--require-hashes" in planned(copy, "test")


def test_profile_resume_and_one_assignment_reach_the_command(copy):
    ready(copy)
    assert "scanbook report xray --profile quick --resume" in planned(copy, "report-xray", "PROFILE=quick", "RESUME=1")


def test_an_environment_of_ones_own_is_used_as_it_is(copy):
    plan = planned(copy, "reports", "PY=python")
    assert "venv" not in plan
    assert "python -m scanbook" in plan


def test_clean_keeps_images_and_finished_runs_unless_told(copy):
    for name in ("data", "runs", "cache"):
        (copy / name).mkdir()
        (copy / name / "file").touch()
    for name in ("src", "tests", "benchmarks"):
        (copy / name).mkdir()
    (copy / "reports" / "heart.html").touch()
    subprocess.run(["make", "clean"], cwd=copy, check=True, capture_output=True)
    assert (copy / "data" / "file").exists()
    assert (copy / "runs" / "file").exists()
    assert not (copy / "cache").exists()
    assert [p.name for p in (copy / "reports").iterdir()] == ["README.md"]
    subprocess.run(["make", "clean", "RUNS=1"], cwd=copy, check=True, capture_output=True)
    assert not (copy / "runs").exists()
    assert (copy / "data" / "file").exists()
