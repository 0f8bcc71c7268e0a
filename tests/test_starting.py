"""From a folder to a page in three commands; nothing is overwritten, and the page names nobody."""

import json
import re

import nbformat
import numpy as np
import pandas as pd
import pytest
import tiny
import yaml
from PIL import Image

from scanbook import cli, drafting, guard, naming, open_study, params, record, reports
from scanbook.loaders.label_table import Columns
from scanbook.report import execute
from scanbook.report.outcome import Outcome
from scanbook.show import grouping, pictures
from scanbook.starting import Wishes, start

NAME = "MustermannErika"


@pytest.fixture
def root(tmp_path):
    """A repository's root without any assignment."""
    for name in ("params", "notebooks"):
        (tmp_path / "book" / name).mkdir(parents=True)
    return tmp_path / "book"


def sentences(notebook):
    """The sentences of eight words and more in its prose."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    prose = " ".join(" ".join("".join(cell["source"]).split()) for cell in cells if cell["cell_type"] == "markdown")
    return {sentence for sentence in re.split(r"(?<=[.?!:])\s", prose) if len(sentence.split()) >= 8}


def test_the_words_of_the_template_are_its_own():
    own = sentences(drafting.TEMPLATES / "notebook.ipynb")
    assert len(own) > 20
    for notebook in (tiny.REPOSITORY / "notebooks").glob("*.ipynb"):
        assert not own & sentences(notebook), notebook.name


def draw(path, bright=False, seed=0):
    """A small noisy image, with a bright square where the class is to be seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 120, (40, 44), dtype=np.uint8)
    pixels[8:20, 10:20] += 120 * bright
    Image.fromarray(pixels).save(path)


def knees(folder, patients=40, each=2, name="p{:02d}_{}.png"):
    """Class folders of 40 patients with two images each."""
    for i in range(patients):
        for k in range(each):
            label = ("healthy", "torn")[i % 2]
            draw(folder / label / name.format(i, k), bright=bool(i % 2), seed=each * i + k)
    return folder


def test_a_folder_gives_parameters_a_notebook_and_the_next_command(root, tmp_path, monkeypatch, capsys):
    folder = knees(tmp_path / "my sets" / "Knee")
    before = sorted(folder.rglob("*"))
    (root / "params" / "other.yaml").write_text("{}")  # a book is known by its params/*.yaml
    monkeypatch.chdir(root)
    assert cli.main(["new", "knee", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "80 images of 40 patients" in said
    assert "p00: p00_0.png, p00_1.png" in said
    assert "2 classes: healthy 40, torn 40" in said
    assert f"Next: make report-knee PROFILE=quick DATA_DIR='{folder.parent}'" in said
    experiment = params.load(root / "params" / "knee.yaml", "quick")
    assert (experiment.data.folder, experiment.data.positive, experiment.data.unit) == ("Knee", "torn", "patients")
    assert experiment.data.ids == "pseudonyms"
    assert str(tmp_path) not in (root / "params" / "knee.yaml").read_text()
    book = json.loads((root / "notebooks" / "knee.ipynb").read_text())
    assert "params/knee.yaml" in "".join(book["cells"][1]["source"])
    assert sorted(folder.rglob("*")) == before


def test_the_plan_of_what_was_written_can_be_made(root, tmp_path, monkeypatch):
    start("knee", knees(tmp_path / "knee"), root)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.chdir(root)
    study = open_study("params/knee.yaml", "quick")
    assert study.data.used["group"].nunique() == 40
    assert {run.arm.name for run in study.runs} == {"source", "resnet", "vgg", "random_split", "honest_split"}


def test_nothing_is_overwritten_and_what_is_missing_is_still_written(root, tmp_path):
    folder = knees(tmp_path / "knee")
    start("knee", folder, root)
    (root / "params" / "knee.yaml").write_text((root / "params" / "knee.yaml").read_text() + "# mine\n")
    (root / "notebooks" / "knee.ipynb").unlink()
    made = start("knee", folder, root)
    assert [line.split(":")[0] for line in made.written] == ["left as it is", "written"]
    assert (root / "params" / "knee.yaml").read_text().endswith("# mine\n")
    assert (root / "notebooks" / "knee.ipynb").exists()


@pytest.mark.parametrize("name", ["heart", "summary", "Knee", "my knee", "../knee", ""])
def test_a_name_that_cannot_be_one_is_refused_before_anything_is_written(root, tmp_path, name):
    with pytest.raises(ValueError, match=r"another name|becomes a file name"):
        start(name, knees(tmp_path / "knee", patients=4), root)
    assert not list((root / "params").iterdir())


def test_a_bare_make_reports_passes_over_a_set_that_is_not_at_hand(root, tmp_path, monkeypatch):
    start("knee", knees(tmp_path / "knee"), root)
    monkeypatch.delenv("DATA_DIR", raising=False)
    assert not reports.has_images(root, "knee", "sample")
    assert reports.has_images(root, "knee", "quick")  # there it is asked for, and its absence an error
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert reports.has_images(root, "knee", "sample")


def test_a_page_is_refused_where_nobody_wrote_down_which_names_to_look_for(root, tmp_path):
    start("knee", knees(tmp_path / "knee"), root)
    with pytest.raises(guard.NameOnPage, match=r"show\.conclude"):
        guard.of_page(root, "knee", "sample", {})


def test_a_set_inside_data_needs_no_data_dir(root, monkeypatch):
    monkeypatch.delenv("DATA_DIR", raising=False)
    made = start("knee", knees(root / "data" / "sets" / "knee"), root)
    assert made.command == "make report-knee PROFILE=quick"
    assert params.load(root / "params" / "knee.yaml").data.folder == "sets/knee"


def test_a_folder_in_place_of_a_table_is_refused_by_name(root):
    folder = root / "sets" / "knee"
    folder.mkdir(parents=True)
    with pytest.raises(ValueError, match="there is no such table"):
        start("knee", folder, root, Wishes(labels=folder))


def test_a_table_elsewhere_is_copied_with_numbers_for_patients(root, tmp_path, monkeypatch):
    folder, rows = tmp_path / "scans", []
    for i in range(60):
        draw(folder / f"{i:03d}.png", bright=bool(i % 2), seed=i)
        rows.append(
            (
                f"/disk/7/{i:03d}.png",
                ("healthy", "torn")[i // 2 % 2],
                f"Doe^John{i // 2}",
                ("train", "test")[i % 4 == 0],
            )
        )
    table = tmp_path / "elsewhere" / "labels.csv"
    table.parent.mkdir()
    pd.DataFrame(rows, columns=["where", "verdict", "who", "fold"]).to_csv(table, index=False)
    made = start("knee", folder, root, Wishes(labels=table, columns=Columns("where", "verdict", "who")))
    assert any(line.startswith(f"{table.as_posix()}: 'where' names the file") for line in made.understood)
    assert not any(str(tmp_path) in file.read_text() for file in (root / "params").iterdir())
    copied = pd.read_csv(root / "params" / "knee.csv", dtype=str)
    assert list(copied.columns) == ["image", "label", "patient", "split"]
    assert copied["patient"].nunique() == 30
    assert not copied["patient"].str.contains("Doe").any()
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.chdir(root)
    used = open_study("params/knee.yaml", "quick").data.used
    assert used["patient"].nunique() == 30
    assert used["given_split"].value_counts().to_dict() == {"train": 45, "test": 15}


def test_a_given_split_is_kept_and_one_with_patients_on_both_sides_is_doubted(root, tmp_path):
    for part, first in (("Training", 0), ("Testing", 20)):
        knees(tmp_path / "kept" / part, patients=20, name=f"p{{:02d}}{first:02d}_{{}}.png")
        knees(tmp_path / "leaks" / part, patients=20, name=f"p{{:02d}}_{part}{{}}.png")
    assert any(
        "given split kept (train 40, test 40)" in line for line in start("kept", tmp_path / "kept", root).understood
    )
    leaks = start("leaks", tmp_path / "leaks", root)
    assert any("20 groups stand on both sides" in line for line in leaks.undecided)


def test_an_npz_lands_in_data_and_may_be_given_again(root, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    content = {f"{p}_images": rng.integers(0, 256, (12, 28, 28), dtype=np.uint8) for p in ("train", "val", "test")}
    content |= {f"{p}_labels": np.arange(12).reshape(12, 1) % 2 for p in ("train", "val", "test")}
    np.savez(tmp_path / "breast.npz", **content)
    monkeypatch.delenv("DATA_DIR", raising=False)
    for _ in range(2):
        made = start("breast", tmp_path / "breast.npz", root, Wishes(classes=("malignant", "normal")))
        assert made.command == "make report-breast PROFILE=quick"
    experiment = params.load(root / "params" / "breast.yaml", "full")
    assert (experiment.data.positive, experiment.image.size, experiment.data.unit) == ("malignant", 64, "images")


def test_dicom_headers_group_images_and_no_name_is_written(root, tmp_path, monkeypatch):
    pydicom = pytest.importorskip("pydicom")
    for i in range(12):
        folder = tmp_path / "ct" / ("bleeding", "clear")[i % 2] / f"case{i}"
        folder.mkdir(parents=True)
        for k in range(2):
            header = pydicom.Dataset()
            header.file_meta = pydicom.dataset.FileMetaDataset()
            header.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
            header.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
            header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = f"1.2.{i}.{k}"
            header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
            header.PatientID, header.PatientName = f"ID-{i}", "Mustermann^Erika"
            header.Rows = header.Columns = 16
            header.SamplesPerPixel, header.PhotometricInterpretation, header.PixelRepresentation = 1, "MONOCHROME2", 0
            header.BitsAllocated = header.BitsStored = 8
            header.HighBit, header.PixelData = 7, bytes(range(256))
            header.save_as(folder / f"IM{k}", enforce_file_format=True)  # without an ending, as scanners write them
    made = start("ct", tmp_path / "ct", root)
    assert "24 images of 12 patients" in made.understood[0]
    table = pd.read_csv(root / "params" / "ct.csv")
    assert table.groupby("patient").size().tolist() == [2] * 12
    everything = "".join(file.read_text() for file in (*root.glob("params/*"), *root.glob("notebooks/*")))
    assert not re.search(r"Mustermann|ID-\d", everything)

    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.chdir(root)
    study = open_study("params/ct.yaml", "quick")
    record.folder_of(root, "ct", "quick").mkdir(parents=True)
    naming.write(study.data.names, record.folder_of(root, "ct", "quick"))
    check = guard.of_page(root, "ct", "quick", {})
    assert check("patient 07 of the class bleeding") == "patient 07 of the class bleeding"
    for text in ("Mustermann", "seen by erika"):
        with pytest.raises(guard.NameOnPage, match="DICOM headers"):
            check(text)


# pages


@pytest.fixture
def named(root, tmp_path, monkeypatch):
    """A set whose file names are names of people, trained by the smallest network only."""
    knees(tmp_path / "knee", patients=12, name=f"{NAME}{{:02d}}_{{}}.png")
    (tmp_path / "knee" / "healthy" / f"{NAME}99_0.png").write_text("no image at all")
    start("knee", tmp_path / "knee", root)
    file = root / "params" / "knee.yaml"
    raw = yaml.safe_load(file.read_text())
    small = {"resnet": "resnet18", "vgg": "separable_cnn"}
    raw["arms"] = {name: arm | {"network": small.get(name, "small_cnn")} for name, arm in raw["arms"].items()}
    raw["split"] = {"fractions": [0.5, 0.25, 0.25], "folds": 1}
    training = {"batch": 6, "threads": 1, "early_stopping": None, "stages": tiny.EPOCH}
    raw["profiles"]["sample"] |= {"image": {"size": 32, "normalise": "training"}, "training": training}
    file.write_text(yaml.safe_dump(raw, sort_keys=False))
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.chdir(root)
    return root


def test_a_page_of_files_called_by_peoples_names_holds_none_of_them(named, monkeypatch):
    [result] = reports.make_reports(["knee"], "sample", jobs=1, root=named)
    assert result.state == "done", result.reason
    page = guard._visible(result.page.read_text(encoding="utf-8"))
    assert "Mustermann" not in page
    assert "patient 01" in page
    index = (named / "reports" / "index.html").read_text(encoding="utf-8")
    assert "Mustermann" not in index
    names = pd.read_csv(named / "runs" / "knee" / "record-sample" / "names.csv")
    assert names["name"].str.contains(NAME).all()  # the owner finds them again

    # the same set, and a cell that printed a file's name
    def printed(*_, **__):
        cell = nbformat.v4.new_code_cell("print(study.data.used.image_id[0])")
        cell.outputs = [nbformat.v4.new_output("stream", text=f"healthy/{NAME}00_0.png\n")]
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), named / "executed.ipynb")
        return Outcome("done", None, 1.0, named / "executed.ipynb")

    monkeypatch.setattr(execute, "run_notebook", printed)
    page = result.page.read_bytes()
    [result] = reports.make_reports(["knee"], "sample", jobs=1, root=named)
    assert result.state == "failed"
    assert "1 file or group name(s)" in result.reason
    assert (named / "reports" / "knee.html").read_bytes() == page  # the last good page stays
    assert "Mustermann" not in result.page.read_text(encoding="utf-8")


def test_a_page_says_whose_images_are_kept_together_and_warns_where_nobody_knows(named):
    known = grouping(open_study("params/knee.yaml", "sample"))
    assert "24 images of 12 patients" in str(known)
    unknown = grouping(open_study("params/knee.yaml", "sample", {"data.group": "", "data.unit": "images"}))
    assert str(unknown).startswith("No patient is known in this set, and each of the 24 images is dealt by itself.")


def test_pictures_carry_pseudonyms_and_the_five_their_file_names(named, monkeypatch):
    written = []

    def remember(_images, *words, **more):
        written.append(str((words, more)))
        return tiny.REPOSITORY  # never drawn

    monkeypatch.setattr(pictures.figures, "samples_by_class", remember)
    monkeypatch.setattr(pictures, "Plate", lambda *parts, **more: written.append(str(parts[1:])))
    for overrides, shown in (({}, False), ({"data.ids": "as_named"}, True)):
        written.clear()
        study = open_study("params/knee.yaml", "sample", overrides)
        pictures.samples(study)
        pictures.twins(study)
        assert len(written) == 4
        assert (NAME in "".join(written)) == shown
