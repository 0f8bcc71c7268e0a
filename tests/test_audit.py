"""What the audit says of a set small enough to picture."""

import numpy as np
import pytest
import tiny
import yaml
from loaders.scenes import jpeg, scene
from PIL import Image

from scanbook import audit, open_study, params
from scanbook.dataset import Dataset
from scanbook.floor import predictions
from scanbook.metrics.scores import score_table


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Published parts; one child on both sides, one picture in both, one under two labels; every wide image is sick."""
    children = {("train", "well"): range(8), ("train", "sick"): range(20, 28), ("test", "well"): range(40, 45),
                ("test", "sick"): range(60, 65)}  # fmt: skip
    for (part, label), seeds in children.items():
        (tmp_path / "knee" / part / label).mkdir(parents=True)
        for seed in seeds:
            wide = (200, 120) if label == "sick" and part == "train" else (160, 120)
            Image.fromarray(scene(seed, wide)).save(tmp_path / "knee" / part / label / f"c{seed:02d}_a.png")
    knee = tmp_path / "knee"
    Image.fromarray(scene(90)).save(knee / "test" / "well" / "c00_b.png")  # child 00 again
    Image.fromarray(scene(1)).save(knee / "test" / "well" / "c70_a.png")  # the picture of c01
    Image.fromarray(jpeg(scene(2), 90)).save(knee / "test" / "sick" / "c71_a.png")  # c02's, called sick
    (knee / "test" / "sick" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "params").mkdir()
    raw = {"title": "Knee", "question": "Well or sick?", "seeds": [0],
           "data": {"folder": "knee", "layout": "split_folders", "classes": ["well", "sick"], "positive": "sick",
                    "group": r"^(c\d\d)"},
           "split": {"scheme": "auto"}, "image": {"size": 32},
           "training": {"stages": [{"train": "all", "epochs": 1, "rate": 1e-3}]},
           "arms": {"resnet": {"network": "small_cnn"}}}  # fmt: skip
    (tmp_path / "params" / "knee.yaml").write_text(yaml.safe_dump(raw))
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return open_study(str(tmp_path / "params" / "knee.yaml"), "quick")


def test_a_published_split_that_leaks_is_dealt_again_and_says_why(study):
    assert study.experiment.split.scheme == "grouped"
    assert study.data.chose_split == (
        "its published parts share 1 patients and 1 pictures with equal pixels between test and training"
    )
    found = audit.published(study.data)
    assert (found["patients"], found["images"], found["pixels"]) == (1, 1, 1)
    assert found["train_sick"] == pytest.approx(8 / 15)  # one well child is set aside: its picture is called sick
    assert found["size_low"] < found["size"] < found["size_high"]
    assert found["size"] > 0.6 > found["size_low"]  # half of the training images are wide, and none of the test


def test_every_file_is_somewhere_in_the_flow(study):
    steps = audit.flow(study.data)
    assert steps["step"].tolist() == ["files found", "remain", "images used", "train", "val", "test"]
    assert steps["left"].tolist()[1:3] == ["1 unreadable", "2 one picture, two labels"]
    assert steps["files"].tolist()[:3] == [30, 29, 27]
    assert steps["files"][3:].sum() == 27


def test_pairs_are_counted_by_what_they_touch_and_the_conflict_comes_first(study):
    counts = audit.equal_pictures(study.data).set_index("what")
    assert counts["pairs"].to_dict() == {"same file": 1, "same pixels": 0, "near": 1}
    first = audit.worst(study.data).iloc[0]
    assert {first["a"], first["b"]} == {"test/sick/c71_a.png", "train/well/c02_a.png"}
    assert first["conflict"]


def test_a_size_that_one_class_alone_has_is_named(study):
    table = audit.telltales(study.data)
    assert table.empty, "eight of fourteen could be chance: 0.48 to the power of 8"
    with_more = study.data.used.assign(label=["sick" if width == 200 else "well" for width in study.data.used["width"]])
    study.data.__dict__["used"] = with_more
    table = audit.telltales(study.data)
    assert table[["property", "value", "images", "class"]].to_numpy().tolist() == [["size", "200×120 px", 8, "sick"]]
    assert table["share of the class"].tolist() == [1.0]


def test_rules_answer_for_every_test_image_of_the_split_and_no_other(study):
    table = predictions(study.data, "grouped", ("size", "neighbour"))
    split = study.data.split("grouped")
    tested = set(split.loc[split["split"] == "test", "image_id"])
    for rule in ("size", "neighbour"):
        rows = table[table["variant"] == rule]
        assert set(rows["image_id"]) == tested
        assert np.isfinite(rows[["logit_well", "logit_sick"]].to_numpy()).all()


def test_the_terminal_names_the_worst_first_and_what_was_set_aside(study):
    said = "\n".join(audit.in_words(study.data))
    assert "set aside: 1 × unreadable: PNG" in said
    assert said.index("CONFLICT near") < said.index("same file: ")
    assert "split grouped: its published parts share 1 patients" in said


def test_on_phantoms_whose_slices_share_a_chest_the_random_split_is_truly_inflated(tmp_path):
    """The neighbour rule profits from a chest that stands on both sides, by more than chance could give."""
    experiment = params.load(tiny.REPOSITORY / "params" / "lung.yaml", "sample")
    data = Dataset(experiment, tmp_path)
    found = {}
    for scheme in ("random", "block"):
        table = score_table(predictions(data, scheme, ("neighbour",)), experiment.data.class_names, None)
        found[scheme] = table.set_index("metric").loc["accuracy"]
    assert found["random"]["low"] > found["block"]["high"]
