"""A sixth assignment is a folder of images, a YAML and a copied notebook; nothing in src knows of it."""

import re

import numpy as np
import pandas as pd
import pytest
import tiny
import yaml
from PIL import Image

from scanbook import data_section, record, reports, resolve
from scanbook import experiment as shapes
from scanbook.predict import Predictor

SIZE = 32  # px
TOY = {
    "title": "Bright spots",
    "question": "Is there a bright spot?",
    "claims": [{"words": "nobody claims anything", "kind": "claimed"}],
    "data": {"folder": "toy", "layout": "class_folders", "classes": ["plain", "spot"], "positive": "spot",
             "group": r"^(p\d{2})_"},
    "split": {"fractions": [0.5, 0.25, 0.25], "folds": 1},
    "image": {"size": SIZE, "normalise": "training"},
    "augment": {"flip_horizontal": 0.5},
    "training": {"batch": 6, "threads": 1, "stages": [{"train": "all", "epochs": 1, "rate": 0.001}]},
    "arms": {"source": {"network": "small_cnn"}, "resnet": {"network": "resnet18"}, "vgg": {"network": "vgg11_bn"},
             "random_split": {"network": "small_cnn", "scheme": "random"}},
    "comparisons": [{"question": "ResNet or VGG?", "a": "resnet", "b": "vgg", "metric": "auroc", "margin": 0.02}],
    "lesson": {"as_source": "random_split", "honest": "source"},
    "profiles": {"sample": {"images": "folder"}},
}  # fmt: skip


def draw_images(folder, patients=12, each=2):
    """24 grey PNGs of 12 patients, p00_0.png …: noise, in every second patient with a bright square."""
    rng = np.random.default_rng(0)
    for patient in range(patients):
        label = TOY["data"]["classes"][patient % 2]
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            pixels = rng.integers(0, 120, (40, 48), dtype=np.uint8)
            if label == "spot":
                y, x = rng.integers(4, 28, 2)
                pixels[y : y + 8, x : x + 8] = 220
            Image.fromarray(pixels).save(folder / label / f"p{patient:02d}_{number}.png")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A repository's root that holds nothing but one assignment of somebody's own."""
    root = tmp_path_factory.mktemp("sixth")
    draw_images(root / "sets" / "toy")
    for name in ("params", "notebooks"):
        (root / name).mkdir()
    (root / "params" / "toy.yaml").write_text(yaml.safe_dump(TOY, sort_keys=False), encoding="utf-8")
    notebook = (tiny.REPOSITORY / "notebooks" / "heart.ipynb").read_text(encoding="utf-8")
    copied = notebook.replace("params/heart.yaml", "params/toy.yaml")
    assert notebook.count("params/heart.yaml") == 1  # in its parameters cell; no other line changes
    (root / "notebooks" / "toy.ipynb").write_text(copied, encoding="utf-8")
    return root


def test_a_yaml_and_a_copied_notebook_make_a_sixth_page_card_and_predictor(root, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(root / "sets"))
    before = {path: path.read_bytes() for path in (root / "sets").rglob("*.png")}
    overrides = {"toy": {"augment.flip_horizontal": 0.25}}
    [result] = reports.make_reports(["toy"], "sample", overrides=overrides, jobs=1, root=root)
    assert (result.name, result.state) == ("toy", "done"), result.reason
    assert result.page == root / "reports" / "toy.html"

    tables = record.read(root, "toy", "sample")
    facts = tables["facts"].set_index("key")["value"]
    assert (facts["n_images"], facts["n_groups"], facts["n_excluded"]) == (24, 12, 0)
    assert facts["n_runs_done"] == facts["n_runs"] == len(TOY["arms"])
    comparison = tables["comparisons"].iloc[0]
    assert comparison["verdict"] == "cannot tell"  # four patients are tested: no interval, hence no verdict
    assert pd.isna(comparison["low"])

    page = result.page.read_text(encoding="utf-8")
    words = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert "real images" in words
    assert comparison["sentence"] in words
    assert "flip_horizontal 0.25" in words  # the override reached the kernel
    index = (root / "reports" / "index.html").read_text(encoding="utf-8")
    assert 'href="toy.html"' in index
    assert TOY["title"] in index

    monkeypatch.chdir(root)
    predictor = Predictor.of("toy", "sample", overrides["toy"])
    answer = predictor.answer(root / "sets" / "toy" / "spot" / "p01_0.png")
    assert set(answer["probabilities"]) == set(TOY["data"]["classes"])
    assert before == {path: path.read_bytes() for path in (root / "sets").rglob("*.png")}  # images are only read


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_the_parameter_file_that_the_guide_shows_can_be_followed(profile):
    guide = tiny.REPOSITORY / "docs" / "adding-your-own.md"
    example = re.search(r"```yaml\n(title: .*?)```", guide.read_text(encoding="utf-8"), flags=re.DOTALL).group(1)
    experiment = resolve.experiment(guide.with_name("knee.yaml"), yaml.safe_load(example), profile, {})
    assert set(experiment.arms) >= {"source", "resnet", "vgg", *experiment.lesson.values()}
    assert not experiment.phantoms


def test_the_guide_names_every_key_of_the_parameter_file():
    guide = (tiny.REPOSITORY / "docs" / "adding-your-own.md").read_text(encoding="utf-8")
    models = (data_section.Data, data_section.Split, shapes.Image, shapes.Augment, shapes.Training, shapes.Comparison,
              shapes.Claim)  # fmt: skip
    keys = {*resolve.TOP, *resolve.PROFILE_KEYS, *resolve.ARM_KEYS}.union(*(m.model_fields for m in models))
    assert [key for key in sorted(keys) if f"`{key}`" not in guide] == []
