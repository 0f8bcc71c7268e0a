"""What a trained network is asked afterwards: shifted test images, a second folder, a file for other programs.

One small study serves all: its class is the brightness of the picture, so it is known what must hurt and what must not.
"""

import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from scanbook import asking, cli, evidence, exporting, external, ladder, record, show
from scanbook.loaders import shifts
from scanbook.predict import NoFinishedRun
from scanbook.study import open_study

GREYS = {"dark": 100, "bright": 150}
TOY = {
    "title": "Toy", "question": "How bright?",
    "data": {"folder": "toy", "layout": "class_folders", "classes": list(GREYS), "positive": "bright",
             "group": r"^(p\d+)_", "check": {"pattern": r"_is(\w+)", "meaning": {"dark": "dark", "bright": "bright"}}},
    "split": {"fractions": [0.4, 0.2, 0.4], "folds": 1},
    "image": {"size": 32, "normalise": "training"},
    "training": {"batch": 8, "threads": 1, "stages": [{"train": "all", "epochs": 5, "rate": 0.002}]},
    "arms": {"resnet": {"network": "small_cnn"}, "vgg": {"network": "small_cnn", "seeds": [0, 1]}},
    "comparisons": [{"question": "Which?", "a": "resnet", "b": "vgg", "metric": "auroc", "margin": 0.15}],
    "evidence": {"shifts": ["brightness", "move"], "strengths": 2},
    "profiles": {"sample": {"images": "folder"}},
}  # fmt: skip


def picture(level, rng):
    """A wide picture, so that preparation adds a border above and below."""
    return Image.fromarray(np.clip(rng.normal(level, 12, (24, 40)), 0, 255).astype(np.uint8))


def make(root):
    rng = np.random.default_rng(0)
    (root / "params").mkdir(parents=True)
    (root / "params" / "toy.yaml").write_text(yaml.safe_dump(TOY, sort_keys=False))
    for n, (label, level) in enumerate(GREYS.items()):
        (root / "sets" / "toy" / label).mkdir(parents=True)
        for i in range(80):
            picture(level, rng).save(root / "sets" / "toy" / label / f"p{n}{i // 2:02d}_{i}.png")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """The trained study, and what its ladder found."""
    root = tmp_path_factory.mktemp("finished")
    make(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_DIR", str(root / "sets"))
        patch.chdir(root)
        study = open_study("toy")
        study.train()
        yield SimpleNamespace(study=study, root=root, found=study.evidence.ask(ladder.climb))


def test_a_finished_network_asked_again_answers_as_it_did(toy):
    for run in toy.study.runs:
        rows = toy.study.data.rows(run.scheme, run.fold, "test")
        images = np.asarray(toy.study.data.images(run.arm.image)[rows])
        kept = toy.study.test_predictions(run.arm.name)
        kept = kept[kept["seed"] == run.seed].set_index("image_id").loc[toy.study.data.used.loc[rows, "image_id"]]
        again = asking.logits(toy.study, run, asking.network_of(toy.study, run), images)
        assert np.allclose(again, kept[["logit_dark", "logit_bright"]], atol=1e-4)


def test_every_step_is_predicted_by_every_seed_and_scored_in_rows_of_the_record(toy):
    taken = shifts.steps(2)
    wanted = {ladder.variant_of(name, step) for name in ("brightness", "move") for step in taken}
    assert set(toy.found.predictions["variant"]) == wanted
    n = len(toy.study.test_predictions("resnet"))
    counted = toy.found.predictions.groupby(["arm", "seed", "variant"]).size()
    assert (counted == n).all()
    assert len(counted) == 3 * len(wanted)
    scores = toy.found.scores
    assert list(scores.columns) == evidence.COLUMNS
    assert len(scores[scores["metric"] == "auroc"]) == 2 * len(wanted)
    assert set(scores.loc[scores["arm"] == "vgg", "seed"]) == {"all"}
    strengths = scores[scores["metric"] == "strength"].set_index("variant")["value"]
    assert (strengths["shift:brightness:6"] == 20).all()
    folder = record.write(toy.study)
    written = pd.read_csv(folder / "scores.csv")
    assert set(written["variant"].dropna()) >= wanted
    assert len(written[written["variant"].isna() & (written["arm"] == "resnet") & (written["split"] == "test")])


def test_a_network_that_reads_brightness_falls_with_it_and_not_with_a_sideways_step(toy):
    verdicts = toy.found.changes.set_index(["arm", "variant"])["verdict"]
    for arm in ("resnet", "vgg"):
        assert verdicts[arm, "shift:brightness:6"] == "worse"
        assert verdicts[arm, "shift:move:6"] == "equivalent"
    assert (toy.found.changes["p_holm"] >= toy.found.changes["p"]).all()


def test_the_page_says_it_with_numbers_that_stand_in_the_record(toy):
    said = show.steady(toy.study)
    assert "does worst under brightness ± 20 %" in said.text
    assert "px sideways: equivalent" in said.text
    for origin, shown in re.findall(r'data-src="scores\.csv:([^"]+)">([^<]+)<', said.html):
        arm, metric, split, variant = origin.split(":", 3)
        rows = toy.found.scores
        row = rows[(rows[["arm", "metric", "split", "variant"]] == [arm, metric, split, variant]).all(axis=1)]
        assert len(row) == 1, origin
        for number in re.findall(r"[−+]?[\d.]+", shown):
            value = float(number.replace("−", "-"))
            assert np.isclose(row[["value", "low", "high"]].to_numpy(float), value, atol=5e-4).any(), (origin, shown)
    plate = show.ladder(toy.study)
    assert len(plate.table) == 2 * 2 * 3
    assert "Left to the full profile: the steps in between, contrast, blur" in plate.caption
    assert show.shifted(toy.study).picture
    assert len(show.shift_verdicts(toy.study).table) == 4


def test_before_anything_is_trained_the_page_says_so(toy):
    untrained = open_study("toy", overrides={"training.batch": 4})
    for cell in (show.steady, show.ladder, show.shifted, show.shift_verdicts):
        assert "nothing to shift" in str(cell(untrained))
    with pytest.raises(RuntimeError, match=r"call study\.train"):
        ladder.climb(untrained)


def test_a_shift_that_does_not_exist_stops_before_anything_runs(toy):
    with pytest.raises(ValueError, match=r"evidence\.shifts.*fog"):
        open_study("toy", overrides={"evidence.shifts": ["fog"]})


@pytest.fixture
def second(toy):
    """Another place: images of both classes, one of a kind nobody has seen, a copy, a known patient, rubbish."""
    folder, rng = toy.root / "sets" / "second", np.random.default_rng(9)
    if not folder.is_dir():
        folder.mkdir()
        for i in range(12):
            picture(GREYS["dark"], rng).save(folder / f"q{i:02d}_isdark.png")
            picture(GREYS["bright"], rng).save(folder / f"r{i:02d}_isbright.png")
            stripes = np.tile(np.repeat([0, 255], 4).astype(np.uint8), (24, 5))
            Image.fromarray(np.roll(stripes, i, axis=1)).save(folder / f"s{i:02d}_isstripes.png")
        (folder / "broken.png").write_bytes(b"\x89PNG no picture")
        used, run = toy.study.data.used, toy.study.runs[0]
        known = used.loc[toy.study.data.rows(run.scheme, 0, "train")[0]]
        (folder / "copy_isdark.png").write_bytes((toy.study.data.folder / known["image_id"]).read_bytes())
        picture(GREYS["dark"], rng).save(folder / f"{known['patient']}_isdark.png")
    return folder


def test_a_second_folder_is_scored_where_labels_are_known_and_strangers_are_marked(toy, second):
    found = external.answer_folder(toy.study, second)
    assert found.source == "the names of its files"
    aside = found.files.set_index("image_id")
    assert aside.loc["copy_isdark.png", "reason"] == external.IN_THE_SET
    assert "unreadable" in aside.loc["broken.png", "reason"]
    for arm in ("resnet", "vgg"):
        own = found.answers[found.answers["arm"] == arm]
        assert len(own) == 37
        assert own["known"].sum() == 1
        scores = found.scores[(found.scores["arm"] == arm) & (found.scores["split"] == "external")].set_index("metric")
        assert scores.loc["accuracy", "n_images"] == 24  # neither stripes nor the patient that was trained on
        assert scores.loc["accuracy", "value"] > 0.9
        strange = own["image_id"].str.contains("stripes")
        assert scores.loc["far_outside", "value"] == own.loc[strange, "far"].mean()
        assert scores.loc["far_gap", "low"] > 0
        assert own.loc[strange, "distance"].min() > own.loc[~strange, "distance"].median()


def test_the_page_shows_a_second_folder_or_says_in_a_sentence_that_there_is_none(toy, second):
    study = open_study("toy", overrides={"evidence.external": "second"})
    assert "unlike all it was trained on" in show.strangers(study).text
    plate = show.external(study)
    assert plate.picture
    assert "36 × " not in plate.caption
    assert "1 × unreadable" in plate.caption
    assert "q00" not in plate._repr_html_()  # names of files are pseudonyms here
    folder = record.folder_of(study.root, "toy", "sample")
    assert len(pd.read_csv(folder / external.FILE)) == 2 * 37
    for named, words in ((None, "No second folder"), ("gone", "gone, is not among the images here")):
        other = open_study("toy", overrides={"evidence.external": named})
        assert words in show.strangers(other).text
        assert "nothing to see" in show.external(other).text
        assert other.evidence.scores.empty


def test_a_folder_without_a_usable_image_is_a_sentence_too(toy, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    assert "could be used: 1 × unreadable" in external.answer_folder(toy.study, tmp_path).missing
    with pytest.raises(ValueError, match="there is no such folder"):
        external.answer_folder(toy.study, tmp_path / "gone")


def test_the_command_line_answers_another_folder(toy, second, capsys):
    assert cli.main(["external", "toy", str(second), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum("error" in line for line in lines) == 2
    assert {line["arm"] for line in lines if "arm" in line} == {"resnet", "vgg"}
    assert cli.main(["external", "toy", str(second)]) == 0
    assert "far_share" in capsys.readouterr().out


def test_an_exported_network_is_checked_on_the_test_part_and_kept_with_what_a_user_must_know(toy, tmp_path, capsys):
    onnx = pytest.importorskip("onnx")
    file = tmp_path / "net.onnx"
    assert cli.main(["export", "toy", "--onnx", "--arm", "vgg", "--out", str(file)]) == 0
    n = len(toy.study.data.rows("grouped", 0, "test"))
    assert f"on {n} test images its probabilities differ" in capsys.readouterr().out
    about = {entry.key: entry.value for entry in onnx.load(str(file)).metadata_props}
    assert json.loads(about["classes"]) == ["dark", "bright"]
    assert json.loads(about["preparation"])["size"] == 32
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


def test_no_file_is_left_where_the_answers_differ_or_there_is_no_network(toy, tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    file = tmp_path / "net.onnx"
    monkeypatch.setattr(exporting.exchange, "largest_difference", lambda *_: (0.01, 3))
    with pytest.raises(ValueError, match=r"on 3 test images a probability differs .* by 0\.01, allowed is 0\.0001"):
        exporting.export_onnx(toy.study, out=file)
    with pytest.raises(NoFinishedRun, match="scanbook train toy"):
        exporting.export_onnx(open_study("toy", overrides={"training.batch": 4}), out=file)
    with pytest.raises(ValueError, match="known: resnet, vgg"):
        exporting.export_onnx(toy.study, "net")
    assert not list(tmp_path.iterdir())
