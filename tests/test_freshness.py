"""A page is made again when something it depends on has changed, and for no other reason."""

import json

import pytest
import tiny

from scanbook import freshness, sources


@pytest.fixture
def page(tmp_path):
    """A book with one finished page that nothing has changed since: root, and what was kept of the page."""
    root = tiny.copy_of_the_book(tmp_path)
    (root / "reports").mkdir()
    (root / "reports" / "heart.html").write_text("<p>a page</p>")
    run = root / "runs" / "heart" / "vgg-1"
    (root / "runs" / "heart" / "record-sample").mkdir(parents=True)
    run.mkdir()
    (run / "predictions.csv").write_text("image_id\n")
    (root / "runs" / "heart" / "record-sample" / "runs.txt").write_text("vgg-1\n")
    origin = freshness.made_from(root, "heart", "sample", {})
    kept = {"state": "done"} | freshness.seal(root, "heart", "sample", root / "reports" / "heart.html", origin)
    return root, json.loads(json.dumps(kept))


def reasons(page, **overrides):
    root, kept = page
    origin = freshness.made_from(root, "heart", "sample", overrides)
    return freshness.stale(root, "heart", "sample", kept, json.loads(json.dumps(origin)))


def test_nothing_has_changed(page):
    assert reasons(page) == []


def test_a_changed_parameter_is_named_with_both_values(page):
    file = page[0] / "params" / "heart.yaml"
    file.write_text(file.read_text().replace("budget_epochs: 2", "budget_epochs: 3"))
    assert reasons(page) == ["tuning.budget_epochs: 2 → 3"]
    assert "training.batch: 16 → 8" in reasons(page, **{"training.batch": 8})


def test_a_changed_sentence_of_the_notebook_counts_and_an_output_does_not(page):
    file = page[0] / "notebooks" / "heart.ipynb"
    notebook = json.loads(file.read_text())
    code = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    code["outputs"], code["execution_count"] = [{"output_type": "stream", "name": "stdout", "text": "x"}], 7
    file.write_text(json.dumps(notebook))
    assert reasons(page) == []
    notebook["cells"][0]["source"] += " indeed"
    file.write_text(json.dumps(notebook))
    assert reasons(page) == ["the notebook changed"]


def test_another_page_in_its_place_or_none_is_noticed(page):
    file = page[0] / "reports" / "heart.html"
    file.write_text("the page of another profile")
    assert "another one" in reasons(page)[0]
    file.unlink()
    assert reasons(page) == ["reports/heart.html is gone"]


def test_a_run_that_is_gone_is_noticed(page):
    (page[0] / "runs" / "heart" / "vgg-1" / "predictions.csv").unlink()
    assert reasons(page) == ["run vgg-1 is gone"]


def test_an_unfinished_page_is_made_again(page):
    page[1].update(state="killed", reason="out of memory")
    assert reasons(page) == ["not finished: killed (out of memory)"]


@pytest.mark.parametrize(
    ("room", "counts"),
    [
        ("metrics/scores.py", True), ("report/theme/page.css", True), ("phantoms/ultrasound.py", True),
        ("phantoms/lung.py", False), ("cli.py", False),
    ],
)  # fmt: skip
def test_only_rooms_that_reach_the_page_count(page, monkeypatch, room, counts):
    changed = sources.rooms() | {room: "another"}
    monkeypatch.setattr(sources, "rooms", lambda: changed)
    assert bool(reasons(page)) == counts


def test_a_comment_or_a_docstring_changes_no_hash_and_a_number_does(tmp_path):
    texts = ['"""One."""\nx = 1  # a\n', '"""Two."""\n\nx = 1\n', "x = 2\n"]
    files = [tmp_path / f"{n}.py" for n in range(3)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    first, second, third = map(sources.room, files)
    assert first == second != third


def test_a_run_depends_on_what_computes_it_and_not_on_what_shows_it():
    rooms = sources.of_run("resnet18")
    assert {"fitting.py", "loaders/augment.py", "models/backbones.py"} <= set(rooms)
    assert not [name for name in rooms if name.startswith(("metrics", "report", "show")) or name == "models/own.py"]
    assert "models/own.py" in sources.of_run("small_cnn")


def test_real_images_count_by_name_size_and_time(tmp_path, monkeypatch):
    root = tiny.copy_of_the_book(tmp_path / "book")
    images = tmp_path / "data" / "heart" / "normal_ef"
    images.mkdir(parents=True)
    (images / "a.png").write_bytes(b"one")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    before = freshness.made_from(root, "heart", "quick", {})
    assert freshness.made_from(root, "heart", "quick", {}) == before
    (images / "b.png").write_bytes(b"two")
    assert freshness.made_from(root, "heart", "quick", {})["images"] != before["images"]
