"""Each run's own validation part sets its temperature and threshold; the plates say what the rows of scores.csv hold."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from scanbook import evidence, params, probabilities
from scanbook.metrics.operating import choose_threshold
from scanbook.show import probabilities as plates

CLASSES = {2: ["well", "sick"], 3: ["benign", "malignant", "normal"]}
NETWORKS = {"resnet": "resnet18", "vgg": "vgg16_bn"}


def predicted(n_classes=2, folds=1, seeds=(0,), scales=(1.0, 1.0), gap=1.2, n=60):
    """Predictions of two networks; each fold tests its own images, and its network says everything at its own scale."""
    rows = []
    for arm, network in NETWORKS.items():
        for fold in range(folds):
            for seed in seeds:
                for split in ("val", "test"):
                    rng = np.random.default_rng([fold, seed, split == "val", arm == "vgg"])
                    truth = np.arange(n) // 2 % n_classes
                    logits = scales[fold] * (rng.normal(size=(n, n_classes)) + gap * np.eye(n_classes)[truth])
                    table = pd.DataFrame({
                        "image_id": [f"{split}{fold}-{i:03d}" for i in range(n)],
                        "group": [f"{split}{fold}-p{i // 2:02d}" for i in range(n)],
                        "split": split, "scheme": "grouped", "fold": fold, "arm": arm, "network": network, "seed": seed,
                        "variant": "", "label": [CLASSES[n_classes][k] for k in truth],
                    })  # fmt: skip
                    logit = {f"logit_{c}": logits[:, k] for k, c in enumerate(CLASSES[n_classes])}
                    rows.append(table.assign(**logit))
    return pd.concat(rows, ignore_index=True)


def study(predictions, n_classes=2, working_point=None, against_rest=None):
    """What the rooms ask of a study, on predictions made here."""
    arms = {arm: SimpleNamespace(network=network, scheme="grouped") for arm, network in NETWORKS.items()}
    found = SimpleNamespace(
        classes=CLASSES[n_classes], predictions=predictions, scores=pd.DataFrame(columns=evidence.COLUMNS),
        experiment=SimpleNamespace(
            name="toy", profile="quick", arms=arms,
            data=SimpleNamespace(positive="sick" if n_classes == 2 else None, unit="patients"),
            evidence=SimpleNamespace(working_point=working_point, against_rest=against_rest),
        ),
        done_arms=lambda *wanted: [arm for arm in (wanted or arms) if arm in arms],
        test_predictions=lambda arm: predictions[(predictions["arm"] == arm) & (predictions["split"] == "test")],
    )  # fmt: skip
    found.evidence = evidence.Evidence(found)
    return found


def rows_of(found, arm, variant="", split="test"):
    rows = found[(found["arm"] == arm) & (found["variant"] == variant) & (found["split"] == split)]
    return rows.set_index("metric")


def test_each_fold_is_held_to_the_threshold_of_its_own_validation_part():
    table = predicted(folds=2, scales=(1.0, 8.0))
    found = probabilities.working_point(study(table))
    for arm in NETWORKS:
        right = []
        for fold in (0, 1):
            own = table[(table["arm"] == arm) & (table["fold"] == fold)]
            odds, sick = own["logit_sick"] - own["logit_well"], own["label"] == "sick"
            val, test = own["split"] == "val", own["split"] == "test"
            cut = choose_threshold(odds[val].to_numpy(), sick[val].to_numpy())
            assert cut in found.thresholds[arm]
            right.append((odds >= cut)[test & sick])
        assert rows_of(found.scores, arm, "working_point").loc["sensitivity", "value"] == np.concatenate(right).mean()


def test_each_fold_has_a_temperature_of_its_own():
    found = probabilities.calibration(study(predicted(folds=2, scales=(1.0, 8.0), n=400)))
    scores = rows_of(found.scores, "resnet", "temperature")
    assert (
        scores.loc["temperature", "value"] > 2.5
    )  # the mean of one near that of the honest fold and one eight times it
    assert "mean of 2" in scores.loc["temperature", "method"]
    assert scores.loc["brier_change", "high"] < 0


def test_the_test_part_moves_neither_threshold_nor_temperature():
    table = predicted()
    other = table.copy()
    test = other["split"] == "test"
    other.loc[test, "logit_sick"] = -3 * other.loc[test, "logit_sick"]
    before, after = (probabilities.working_point(study(one)) for one in (table, other))
    assert before.thresholds == after.thresholds
    heat = [
        rows_of(probabilities.calibration(study(one)).scores, "vgg", "temperature").loc["temperature", "value"]
        for one in (table, other)
    ]
    assert heat[0] == heat[1]


def test_a_sensitivity_that_is_asked_for_is_reached_on_validation_and_judged_on_test():
    asked = study(predicted(n=120), working_point=0.9)
    found = asked.evidence.ask(probabilities.working_point)
    for arm in NETWORKS:
        assert rows_of(found.scores, arm, "working_point", "val").loc["sensitivity", "value"] >= 0.9
    said = plates.working_point(asked).caption
    assert len(re.findall(r"where 0\.90 was asked: (reached|missed|cannot tell)", said)) == 2


def test_one_class_of_three_has_a_threshold_when_it_is_named_and_else_there_is_none():
    table = predicted(3, n=90)
    named = study(table, 3, against_rest="malignant")
    counts = rows_of(probabilities.working_point(named).scores, "resnet", "working_point")["value"]
    assert counts["true_positives"] + counts["false_negatives"] == 30
    unnamed = study(table, 3)
    assert "no threshold" in str(plates.working_point(unnamed))
    assert "no threshold" in str(plates.slider(unnamed))
    assert "likeliest" not in plates.calibration(named).caption
    assert len(unnamed.evidence.ask(probabilities.calibration).scores) > 10


def test_a_validation_part_of_one_kind_is_a_sentence_and_not_a_stop():
    table = predicted()
    table = table[(table["split"] == "test") | (table["label"] == "well")]
    assert "one of the two kinds only" in str(plates.slider(study(table)))


def test_seeds_are_averaged_in_rates_and_counts():
    several = probabilities.working_point(study(predicted(seeds=(0, 1))))
    single = [probabilities.working_point(study(predicted(seeds=(seed,)))) for seed in (0, 1)]
    for metric in ("sensitivity", "true_positives"):
        each = [rows_of(one.scores, "vgg", "working_point").loc[metric, "value"] for one in single]
        assert rows_of(several.scores, "vgg", "working_point").loc[metric, "value"] == pytest.approx(np.mean(each))
    assert set(several.scores["seed"]) == {"all"}


def test_what_the_plates_show_is_written_to_the_record_with_its_columns_in_order():
    asked = study(predicted())
    for plate in (plates.calibration, plates.working_point, plates.deferral, plates.slider):
        plate(asked)
    scores = asked.evidence.scores
    assert list(scores) == evidence.COLUMNS
    assert {"ece", "brier", "temperature", "sensitivity", "accuracy_kept_80", "true_positives"} <= set(scores["metric"])
    assert not scores.duplicated(["arm", "split", "variant", "metric"]).any()


@pytest.mark.parametrize("plate", [plates.calibration, plates.working_point, plates.deferral])
def test_every_number_of_a_caption_stands_in_the_table_under_it(plate):
    shown = plate(study(predicted(n=100)))
    cells = " ".join(shown.table.astype(str).to_numpy().ravel()).replace("−", "-")
    values = [float(v) for v in re.findall(r"[-+]?\d+\.\d+", cells)]
    said = re.findall(r"[-+]?\d\.\d{2,}", shown.caption.replace("−", "-"))
    assert said
    for number in said:
        places = len(number.split(".")[1])
        assert any(abs(float(number) - value) <= 0.5001 * 10**-places for value in values), number


def test_a_class_that_is_none_is_refused_where_the_file_is_read(tmp_path):
    for wrong in ("tumour", "benign or normal"):
        with pytest.raises(params.ParamsError, match="against_rest") as error:
            params.load(params.root() / "params" / "lung.yaml", "sample", {"evidence.against_rest": wrong})
        assert "benign, malignant, normal" in str(error.value)
    with pytest.raises(params.ParamsError, match=r"data\.positive"):
        params.load(params.root() / "params" / "xray.yaml", "sample", {"evidence.against_rest": "PNEUMONIA"})
