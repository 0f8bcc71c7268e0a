"""From image files to pages: what a reader meets, checked on the six pages as they are rendered."""

import csv
import json
import re
import socket
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import tiny
from report import browser as looking

from scanbook import open_study, params, record
from scanbook.models.baselines import RULES
from scanbook.predict import NoFinishedRun, Predictor
from scanbook.report.pages import LIMIT

PAGES = (*tiny.FIVE, "summary")
ALL = (*PAGES, "index")


def page(book, name):
    return book.root / "reports" / f"{name}.html"


def study_of(book, name, monkeypatch):
    monkeypatch.chdir(book.root)
    return open_study(name, "sample", book.overrides[name])


@pytest.mark.parametrize("name", PAGES)
def test_every_notebook_runs_to_its_end_and_leaves_a_page(book, name):
    result = book.results[name]
    assert result.state == "done", result.reason
    assert page(book, name).stat().st_size < LIMIT


@pytest.mark.parametrize("name", tiny.FIVE)
def test_every_planned_run_is_done_and_the_three_tables_lie_beside_them(book, name, monkeypatch):
    study = study_of(book, name, monkeypatch)
    assert set(study.states["state"]) == {"done"}
    tables = record.read(book.root, name, "sample")
    rules = {f"{record.RULE}{rule}" for rule in RULES} | {f"{record.RULE}neighbour_random"}
    assert set(tables["scores"]["arm"]) == set(study.experiment.arms) | rules
    first = tables["comparisons"].iloc[0]
    assert (first["arm_a"], first["arm_b"]) == ("resnet", "vgg")
    assert tables["facts"].set_index("key").loc["n_runs_done", "value"] == len(study.runs)


@pytest.mark.parametrize("name", ALL)
def test_a_page_asks_for_nothing_complains_of_nothing_and_passes_axe(book, browser, name):
    with looking.visit(browser, page(book, name)) as (shown, seen):
        shown.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        problems = looking.axe(shown)
        assert seen.requests == []
        assert seen.errors == []
        assert problems == []


@pytest.mark.parametrize("name", ALL)
def test_a_page_fits_a_phone_also_in_the_dark(book, browser, name):
    with looking.visit(browser, page(book, name), size=looking.PHONE, dark=True) as (shown, _):
        assert looking.sideways(shown) <= 0
        assert looking.axe(shown) == []


@pytest.mark.parametrize("name", tiny.FIVE)
@pytest.mark.parametrize("size", [looking.DESKTOP, looking.PHONE])
def test_the_first_screen_holds_the_verdict_and_the_figure_of_resnet_against_vgg(book, browser, name, size):
    with looking.visit(browser, page(book, name), size=size) as (shown, _):
        assert looking.bottom(shown, "#plate-headline-versus img") <= size[1]
        assert "minus VGG" in shown.locator(".headline .answer").inner_text()
        assert "phantoms" in shown.locator(".headline .badge").inner_text()


@pytest.mark.parametrize("name", tiny.FIVE)
def test_at_most_eight_figures_stand_open(book, browser, name):
    with looking.visit(browser, page(book, name)) as (shown, _):
        open_figures = shown.locator("figure.plate:not(.plate-of-numbers)").filter(visible=True)
        assert 4 <= open_figures.count() <= 8


@pytest.mark.parametrize("name", ALL)
def test_a_page_prints(book, browser, name):
    with looking.visit(browser, page(book, name), media="print") as (shown, _):
        assert shown.pdf()[:5] == b"%PDF-"


@pytest.mark.parametrize("name", ALL)
def test_a_page_names_no_machine_no_user_and_no_home(book, name):
    text = page(book, name).read_text(encoding="utf-8")
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    for secret in (socket.gethostname(), str(Path.home()), str(book.root), str(tiny.REPOSITORY)):
        assert len(secret) < 3 or not re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text), secret


def test_no_log_of_a_run_holds_the_machines_name(book):
    host = socket.gethostname()
    logs = list((book.root / "runs").rglob("events.out.tfevents.*"))
    assert logs
    for log in logs:
        assert re.fullmatch(r"\d{8}-\d{6}", log.parent.name)
        assert host not in log.name
        assert host.encode() not in log.read_bytes()


def test_the_index_has_a_card_for_each_assignment_and_the_matrix(book, browser):
    with looking.visit(browser, page(book, "index")) as (shown, _):
        links = shown.locator(".cards a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        assert {f"{name}.html" for name in tiny.FIVE} <= set(links)
        text = shown.locator("main").inner_text()
        for name in tiny.FIVE:
            assert params.load(book.root / "params" / f"{name}.yaml").title in text
        assert shown.locator(".matrix").count() == 1


def test_the_augmented_grid_shows_the_original_and_eight_versions_of_each_class(book, monkeypatch):
    from scanbook import show

    study = study_of(book, "artery", monkeypatch)
    plate = show.augmented(study)
    assert list(plate.table.columns) == ["image", *(f"epoch {e}" for e in range(1, 9))]
    assert len(plate.table) == len(study.classes)
    words = plate.table.iloc[:, 1:].to_numpy().ravel()
    assert len(set(words)) > len(words) // 2  # one draw an image and epoch, and each says what was drawn


@pytest.mark.parametrize("name", ["xray", "fetal"])
def test_predict_gives_a_test_file_the_logits_that_the_run_recorded(book, name, monkeypatch):
    study = study_of(book, name, monkeypatch)
    predictor = Predictor.of(name, "sample", book.overrides[name])
    from scanbook.metrics.scores import class_probs

    recorded = study.test_predictions("resnet").head(5)
    for probs, image_id in zip(class_probs(recorded, study.classes), recorded["image_id"], strict=True):
        answer = predictor.answer(study.data.folder / image_id)
        assert list(answer["probabilities"].values()) == pytest.approx(list(probs), abs=1e-4)


def test_predict_answers_the_other_images_when_one_cannot_be_read(book, tmp_path, monkeypatch, capsys):
    from scanbook import cli

    study = study_of(book, "xray", monkeypatch)
    good = study.data.folder / study.data.used["image_id"].iloc[0]
    (tmp_path / "notes.png").write_text("not an image")
    sets = [f"--set={key}={json.dumps(value)}" for key, value in book.overrides["xray"].items()]
    status = cli.main(["predict", "xray", str(tmp_path / "notes.png"), str(good), "--json", *sets])
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert status == 1
    assert "error" in answers[0]
    assert answers[1]["class"] in study.classes


def test_predict_without_a_finished_run_says_how_to_get_one(book, monkeypatch):
    monkeypatch.chdir(book.root)
    with pytest.raises(NoFinishedRun, match="scanbook train heart --profile sample"):
        Predictor.of("heart", "sample", {"training.batch": 13, "cap_per_class": 20})


def test_run_all_in_jupyter_finds_the_finished_runs_again(book, monkeypatch, tmp_path):
    """A real kernel started in notebooks/, as JupyterLab does it."""
    from nbclient import NotebookClient

    notebook = nbformat.read(book.root / "notebooks" / "lung.ipynb", as_version=4)
    cell = next(c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    cell.source += f"\noverrides = {book.overrides['lung']!r}"
    before = {p: p.stat().st_mtime_ns for p in (book.root / "runs" / "lung").rglob("predictions.csv")}
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(book.root / "notebooks")}})
    client.execute()
    after = {p: p.stat().st_mtime_ns for p in (book.root / "runs" / "lung").rglob("predictions.csv")}
    assert before == after
    assert "minus VGG" in json.dumps(notebook.cells[2]["outputs"])  # the headline, filled by the last cell


def test_a_mistyped_parameter_stops_before_anything_runs(book, capsys, monkeypatch):
    from scanbook import cli

    monkeypatch.chdir(book.root)
    assert cli.main(["report", "heart", "--set", "trainning.batch=8"]) == 2
    assert "did you mean training" in capsys.readouterr().err
    assert cli.main(["report", "haert"]) == 2
    assert "did you mean heart" in capsys.readouterr().err


def test_no_long_sentence_stands_in_two_notebooks():
    seen = {}
    for name in PAGES:
        notebook = nbformat.read(tiny.REPOSITORY / "notebooks" / f"{name}.ipynb", as_version=4)
        prose = " ".join(" ".join(c.source.split()) for c in notebook.cells if c.cell_type == "markdown")
        for sentence in re.split(r"(?<=[.!?:])\s+", prose):
            if len(sentence.split()) > 8:
                assert seen.setdefault(sentence, name) == name, f"{sentence!r} in {seen[sentence]} and {name}"


def test_no_notebook_is_kept_with_outputs():
    for file in (tiny.REPOSITORY / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(file, as_version=4).cells:
            assert cell.cell_type != "code" or (not cell.outputs and cell.execution_count is None), file.name


def test_every_live_feature_points_to_an_anchor_that_exists_and_holds_something(book):
    with (tiny.REPOSITORY / "docs" / "features.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 118
    html = {name: page(book, name).read_text(encoding="utf-8") for name in PAGES}
    tests = "\n".join(p.read_text(encoding="utf-8") for p in (tiny.REPOSITORY / "tests").rglob("test_*.py"))
    for row in rows:
        kind, _, place = row["where"].partition(":")
        if kind == "page":
            name, _, anchor = place.partition("#")
            found = re.search(rf'id="{re.escape(anchor)}"(.*?)(?=<h2|<figure|</main|$)', html[name], flags=re.DOTALL)
            assert found, f"{row['feature']}: {place}"
            assert len(re.sub(r"<[^>]+>|\s", "", found.group(1))) > 3, f"{row['feature']}: {place} is empty"
        elif kind == "test":
            assert f"def {place}(" in tests, f"{row['feature']}: {place}"
        elif kind == "file":
            assert (tiny.REPOSITORY / place.split("#")[0]).exists(), row["where"]
        else:
            assert kind == "open", row


def test_the_scores_of_the_page_are_those_of_the_file(book):
    scores = pd.read_csv(record.folder_of(book.root, "lung", "sample") / "scores.csv")
    row = record.score(scores, "resnet", "auroc")
    assert f"{row['value']:.3f}" in page(book, "lung").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", tiny.FIVE)
@pytest.mark.parametrize("profile", ["quick", "full"])
def test_quick_and_full_read_a_folder_of_images_and_plan_every_run(book, name, profile, monkeypatch):
    """The phantoms lie in the layouts of the real sets, so their folder serves as DATA_DIR."""
    monkeypatch.chdir(book.root)
    monkeypatch.setenv("DATA_DIR", str(book.root / "data" / "phantoms"))
    study = open_study(name, profile)
    wanted = {arm.name: len(study.data.parts(arm.scheme)) * len(arm.seeds) for arm in study.experiment.arms.values()}
    assert pd.Series([run.arm.name for run in study.runs]).value_counts().to_dict() == wanted
    assert len({run.name for run in study.runs}) == len(study.runs)
    assert set(study.states["state"]) == {"missing"}


def test_weights_that_cannot_be_had_stop_the_run_with_the_ways_out(book, monkeypatch, tmp_path):
    monkeypatch.chdir(book.root)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # a network that refuses
    overrides = {**book.overrides["heart"], "arms.resnet.weights": "imagenet", "arms.resnet.seeds": [7],
                 "tuning": None}  # fmt: skip
    study = open_study("heart", "sample", overrides)
    with pytest.raises(OSError, match=r"1 of \d runs could not be made:\nresnet-resnet18.*WEIGHTS_DIR"):
        study.train()
    states = study.states.set_index("arm")
    assert states.loc["resnet", "state"] == "failed"
    assert states.loc["vgg", "state"] == "done"
