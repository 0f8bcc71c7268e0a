"""What the benchmark computes from its clocks, and what it trusts; nothing is timed here."""

import importlib.util
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tiny


def load(name):
    """A module of benchmarks/, which is no package."""
    spec = importlib.util.spec_from_file_location(
        f"bench_{name.replace('/', '_')}", tiny.REPOSITORY / "benchmarks" / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


goals, photos, environments = load("speed/goals"), load("speed/photos"), load("environments")


def test_a_rate_is_the_median_and_not_moved_by_one_slow_step():
    quiet, disturbed = goals.rate(16, [2.0, 2.0, 2.0]), goals.rate(16, [2.0, 2.0, 40.0])
    assert quiet.median == disturbed.median == 8.0
    assert (disturbed.low, disturbed.high, disturbed.n) == (0.4, 8.0, 3)


def test_a_rate_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no measurement"):
        goals.rate(16, [])


def test_a_slow_moment_that_both_met_leaves_their_ratio_alone():
    epoch, bare = [2.0, 4.0, 2.0], [1.8, 3.6, 1.8]
    assert goals.paired(epoch, bare) == pytest.approx(0.9)
    assert goals.paired([epoch[0], 10 * epoch[1], epoch[2]], [bare[0], 10 * bare[1], bare[2]]) == pytest.approx(0.9)


def test_a_goal_reached_exactly_is_met_and_one_not_measured_is_neither():
    assert goals.Goal("x", 0.97, 0.97).met is True
    assert goals.Goal("x", 0.9699, 0.97).met is False
    assert goals.Goal("x", None, 0.97).met is None
    assert "MISSED" in str(goals.Goal("x", 0.96, 0.97))


def rates(**images_per_second):
    return {party.replace("_", " "): goals.rate(1, [1 / value]) for party, value in images_per_second.items()}


def test_like_is_compared_with_like_where_a_peer_lacks_a_network():
    measured = {"densenet161": rates(epoch=7, fastai_tuned=5), "densenet201": rates(epoch=10, keras_tuned=8)}
    found = {goal.text: goal.found for goal in goals.goals({}, measured)}
    assert found["densenet161: ours / fastai tuned"] == pytest.approx(7 / 5)
    assert found["densenet161 (both as densenet201): ours / keras tuned"] == pytest.approx(10 / 8)


def test_a_peer_without_an_environment_is_not_measured_rather_than_beaten():
    found = goals.goals({}, {"resnet50": rates(epoch=20)})
    assert {goal.met for goal in found} == {None}
    assert len(found) == 4  # a quick start and a tuned form of each peer


def test_an_epoch_is_held_against_both_of_its_bounds():
    cells = {"vgg16": {"epoch": [1.0, 1.0], "augmented": [0.98, 0.98], "bare": [0.85, 0.85]}}
    met = {goal.wanted: goal.met for goal in goals.goals(cells, {})}
    assert met == {0.97: True, 0.90: False}


def test_a_half_built_environment_and_one_for_other_pins_are_built_again(tmp_path):
    pins = tmp_path / "pins.txt"
    pins.write_text("a==1\n")
    (tmp_path / "env").mkdir()
    assert not environments.is_ready(tmp_path / "env", pins)
    (tmp_path / "env" / ".pins").write_text(environments.fingerprint(pins))
    assert environments.is_ready(tmp_path / "env", pins)
    pins.write_text("a==2\n")
    assert not environments.is_ready(tmp_path / "env", pins)


def test_a_photo_depends_on_its_number_alone():
    first, again, other = (np.asarray(photos.draw_photo(number, lesion=False)) for number in (3, 3, 4))
    assert first.shape == (900, 1200)
    assert (first == again).all()
    assert (first != other).mean() > 0.2


def test_an_odd_number_of_photos_is_refused(tmp_path):
    with pytest.raises(ValueError, match="even number"):
        photos.make_photos(tmp_path, 3)


def test_every_pin_of_a_peer_names_its_version():
    files = sorted((tiny.REPOSITORY / "benchmarks" / "speed" / "peers").glob("*.txt"))
    assert {file.stem for file in files} == {"fastai", "keras", "xla"}
    for file in files:
        lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
        assert all("==" in line for line in lines), file.name


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_bench_is_short_unless_asked_to_be_whole():
    def plan(*words):
        made = subprocess.run(["make", "-n", *words], cwd=tiny.REPOSITORY, capture_output=True, text=True, check=True)
        return made.stdout

    assert "benchmarks/speed" in plan("bench", "PY=python")
    assert "--whole" not in plan("bench", "PY=python")
    assert "--whole" in plan("bench", "PY=python", "BENCH=whole")
