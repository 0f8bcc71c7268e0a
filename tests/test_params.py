"""A parameter file is followed to the letter, or refused with the words that mend it."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scanbook import params, resolve
from scanbook.params import ParamsError

FIVE = ("heart", "artery", "xray", "fetal", "lung")
MINIMAL = {
    "title": "T", "question": "Q?",
    "data": {"folder": "toy", "layout": "class_folders", "classes": ["well", "ill"], "positive": "ill", "group": "^(p\\d+)"},
    "training": {"stages": [{"train": "all", "epochs": 2, "rate": 0.001}]},
    "arms": {"a": {"network": "resnet18"}, "b": {"network": "vgg16", "training.batch": 4}},
    "profiles": {"sample": {"image.size": 32, "siblings": {"vgg16": "vgg16_bn"}}},
}  # fmt: skip


def resolved(raw=MINIMAL, profile="sample", overrides=None):
    return resolve.experiment(Path("params/toy.yaml"), raw, profile, overrides or {})


@pytest.mark.parametrize("name", FIVE)
@pytest.mark.parametrize("profile", params.PROFILES)
def test_each_assignment_resolves_under_each_profile_with_a_resnet_a_vgg_and_the_sources_own(name, profile):
    experiment = params.load(name, profile)
    assert {"source", "resnet", "vgg"} <= set(experiment.arms)
    assert "resnet" in experiment.arms["resnet"].network
    assert "vgg" in experiment.arms["vgg"].network
    assert len({experiment.arms[arm].network for arm in ("source", "resnet", "vgg")}) == 3
    first = experiment.comparisons[0]
    assert (first.a, first.b) == ("resnet", "vgg")


def test_only_the_sample_profile_draws_phantoms():
    drawn = {profile: {params.load(name, profile).phantoms for name in FIVE} for profile in params.PROFILES}
    assert drawn == {"sample": {True}, "quick": {False}, "full": {False}}


def test_a_light_sibling_says_what_it_stands_for():
    arm = params.load("xray", "sample").arms["source"]
    assert (arm.network, arm.stands_for) == ("densenet121", "densenet161")
    assert params.load("xray", "full").arms["source"].stands_for is None


def test_layers_lie_in_the_order_file_profile_overrides_arm():
    raw = {**MINIMAL, "image": {"size": 64, "fit": "squeeze"}}
    e = resolved(raw, overrides={"training.batch": 8, "image.fit": "crop"})
    assert e.arms["a"].image.size == 32  # the profile's, over the file's 64
    assert e.arms["a"].image.fit == "crop"  # the override's
    assert e.arms["a"].training.batch == 8
    assert e.arms["b"].training.batch == 4  # what the arm is about stays
    assert resolved(raw, overrides={"arms.b.training.batch": 2}).arms["b"].training.batch == 2


def test_resolving_changes_nothing_it_was_given():
    before = yaml.safe_dump(MINIMAL)
    resolved(overrides={"training.batch": 8})
    assert yaml.safe_dump(MINIMAL) == before


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"trainning.batch": 8}, ["trainning", "did you mean training?"]),
        ({"training.bach": 8}, ["training.bach", "did you mean batch?"]),
        ({"augment.rotate": 3}, ["augment.rotate", "did you mean rotate_deg?"]),
        ({"training.batch": "8"}, ["training.batch", "integer", "'8'"]),
        ({"training.batch": 0}, ["training.batch", "greater than or equal to 1", "0"]),
        ({"training.schedule.name": "stp"}, ["'step'", "'stp'"]),
        ({"training.stages": [{"epochs": 1, "rate": "1e-3"}]}, ["rate", "with a dot"]),
        ({"data.positive": "sick"}, ["sick", "well", "ill"]),
        ({"data.positive": False}, ["put the word in quotes"]),
        ({"arms.vgg.network": "x"}, ["unknown key 'vgg'", "arms.NAME.KEY"]),
        ({"image": 3}, ["image", "mapping"]),
        ({"split.fractions": [0.5, 0.5, 0.5]}, ["sum to 1"]),
        ({"seeds": 3}, ["seeds", "list"]),
    ],
)
def test_a_mistyped_parameter_is_refused_with_file_key_and_what_is_allowed(overrides, words):
    with pytest.raises(ParamsError) as caught:
        resolved(overrides=overrides)
    assert "params/toy.yaml" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


SET = {"rotate_deg": 3.0}


@pytest.mark.parametrize(
    ("training", "instead"),
    [
        ({"resample": {"by": "copies", "sets": [SET]}}, "write balance: augmented"),
        ({"resample": {"by": "smote", "neighbours": 5}}, "write balance: smote ("),
        ({"balance": "class_weights", "resample": {"by": "smote"}}, "write balance: smote_and_weights"),
        ({"balance": "class_weights", "resample": {"by": "none"}}, "write balance: class_weights"),
        (
            {"balance": "class_weights", "resample": {"by": "copies", "sets": [SET]}},
            "one of none, class_weights, sampler",
        ),
        ({"resample": {"by": ["smote"]}}, "one of none, class_weights, sampler"),
    ],
)
def test_the_old_spelling_of_balance_is_refused_with_the_new_one(training, instead):
    raw = {**MINIMAL, "training": {**MINIMAL["training"], **training}}
    with pytest.raises(ParamsError, match=r"params/toy.yaml: training: balance says in one word") as caught:
        resolved(raw)
    assert instead in str(caught.value)
    with pytest.raises(ParamsError, match=r"arms.a.training: balance says in one word"):
        resolved(overrides={f"arms.a.training.{key}": value for key, value in list(training.items())[-1:]})


def test_balance_augmented_without_sets_is_refused():
    with pytest.raises(ParamsError, match=r"training.resample: balance augmented needs sets"):
        resolved(overrides={"training.balance": "augmented"})


def test_an_arm_keeps_only_the_details_that_its_balance_reads():
    raw = {**MINIMAL, "training": {**MINIMAL["training"], "balance": "augmented", "resample": {"sets": [SET],
           "neighbours": 3}}}  # fmt: skip
    arms = resolved(raw, overrides={"arms.b.training.balance": "smote"}).arms
    assert [len(arms[name].training.resample.sets) for name in "ab"] == [1, 0]
    assert [arms[name].training.resample.neighbours for name in "ab"] == [5, 3]
    plain = resolved(raw, overrides={"training.balance": "sampler"}).arms["a"].training
    assert plain == resolved(overrides={"training.balance": "sampler"}).arms["a"].training  # and so is the run's key


@given(st.text(min_size=1, max_size=12).filter(lambda s: "." not in s))
def test_no_unknown_section_is_ever_followed(key):
    if key in (*resolve.OVERRIDE_KEYS, *resolve.SECTIONS, "arms"):
        return
    with pytest.raises(ParamsError):
        resolved(overrides={key: 1})


def test_an_unknown_profile_or_assignment_names_what_there_is():
    with pytest.raises(ParamsError, match="did you mean sample"):
        resolved(profile="smaple")
    with pytest.raises(ParamsError, match="did you mean heart"):
        params.find("haert")


def test_a_key_written_twice_in_yaml_is_refused(tmp_path):
    file = tmp_path / "params" / "toy.yaml"
    file.parent.mkdir()
    file.write_text("title: a\ntitle: b\n")
    with pytest.raises(ParamsError, match="twice: title"):
        params.load(file)


def test_an_arm_may_begin_as_another_and_say_what_differs(tmp_path):
    raw = yaml.safe_dump({**MINIMAL, "arms": None}).replace("arms: null", (
        "arms:\n  a: &a {network: resnet18, training.batch: 4, augment.rotate_deg: 3.0}\n"
        "  b: {<<: *a, training.batch: 8}"
    ))  # fmt: skip
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "toy.yaml").write_text(raw)
    arms = params.load(tmp_path / "params" / "toy.yaml").arms
    assert (arms["a"].training.batch, arms["b"].training.batch) == (4, 8)
    assert arms["b"].augment.rotate_deg == 3.0


def test_the_parameter_file_is_found_from_a_folder_below(tmp_path, monkeypatch):
    (tmp_path / "params").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "params" / "toy.yaml").write_text(yaml.safe_dump(MINIMAL))
    monkeypatch.chdir(tmp_path / "notebooks")
    assert params.load("params/toy.yaml").name == "toy"
    assert params.load("toy").name == "toy"
