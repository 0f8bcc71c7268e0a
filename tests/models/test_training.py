import copy
import json

import numpy as np
import pandas as pd
import pytest
import torch
from models.toys import Batches, squares, toy_batches

from scanbook.models import epochs
from scanbook.models.epochs import Tally, image_losses
from scanbook.models.failures import NotANumber
from scanbook.models.networks import build
from scanbook.models.prediction import load_network, predict_logits
from scanbook.models.training import COLUMNS, fit

GREY = {"channels": 1, "mean": [0.4], "std": [0.2]}
ALL = {"train": "all", "epochs": 2, "rate": 1e-3}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def run(folder, *, network=None, train=None, val=None, **changes):
    network = network or build("small_cnn", 2, image_size=32, seed=0, **GREY)
    arguments = {
        "classes": ["well", "sick"], "positive": "sick", "stages": [ALL], "optimiser": "adam", "device": "cpu",
        "schedule": {"name": "constant"}, "folder": folder, "tensorboard": False, **changes,
    }  # fmt: skip
    train = train or toy_batches(24, shuffle=True)
    return network, fit(network, train, val or toy_batches(12, seed=1), **arguments)


def test_training_learns_and_writes_its_history(tmp_path):
    seen = []
    network, result = run(tmp_path, stages=[{"train": "all", "epochs": 6, "rate": 3e-3}], on_epoch=seen.append)
    history = pd.read_csv(tmp_path / "history.csv")
    pd.testing.assert_frame_equal(history, result.history, check_exact=False, rtol=1e-9)
    assert tuple(history.columns) == COLUMNS
    assert history["train_loss"].iloc[-1] < 0.7 * history["train_loss"].iloc[0]
    assert history.loc[history["best"] == 1, "epoch"].tolist() == [result.best_epoch]
    assert result.best_val_loss == history["val_loss"].min()
    assert history.filter(regex="accuracy|precision|recall").stack().between(0, 1).all()
    assert [row["epoch"] for row in seen] == [1, 2, 3, 4, 5, 6]
    assert {row["epochs_planned"] for row in seen} == {6}
    assert not list(tmp_path.glob("*.tmp"))
    assert not network.training


def test_two_trainings_from_one_seed_give_the_same_weights_bit_for_bit(tmp_path):
    for name, size, n_images in (("small_cnn", 32, 24), ("resnet18", 32, 8)):
        states = []
        for attempt in ("a", "b"):
            network = build(name, 2, image_size=size, dropout=0.3, seed=5, **GREY)
            run(
                tmp_path / name / attempt,
                network=network,
                train=toy_batches(n_images, shuffle=True),
                seed=3,
                stages=[{"train": "all", "epochs": 1, "rate": 1e-3}],
            )
            states.append(network.state_dict())
        assert all(torch.equal(states[0][k], states[1][k]) for k in states[0]), name


def test_best_weights_are_a_copy_that_later_epochs_do_not_move(tmp_path):
    # the second stage ruins the network, so the best epoch must lie in the first
    kept = {}

    def keep_first(row):
        if row["epoch"] == 1:
            kept.update(copy.deepcopy(network.state_dict()))

    network = build("small_cnn", 2, image_size=32, seed=0, **GREY)
    stages = [{"train": "all", "epochs": 1, "rate": 1e-3}, {"train": "all", "epochs": 3, "rate": 0.5}]
    _, result = run(tmp_path, network=network, stages=stages, on_epoch=keep_first)
    assert result.best_epoch == 1
    assert result.history["val_loss"].iloc[-1] > result.best_val_loss
    assert all(torch.equal(kept[k], v) for k, v in network.state_dict().items())
    again, classes = load_network(tmp_path)
    assert classes == ["well", "sick"]
    assert all(torch.equal(kept[k], v) for k, v in again.state_dict().items())


def test_each_stage_trains_its_part_and_is_evaluated_at_its_end(tmp_path):
    network = build("small_cnn", 2, image_size=32, seed=0, **GREY)
    start = copy.deepcopy(network.state_dict())
    after_stage_1 = {}

    def keep(row):
        if row["epoch"] == 2:
            after_stage_1.update(copy.deepcopy(network.state_dict()))

    stages = [{"train": "head", "epochs": 2, "rate": 1e-2}, {"train": "all", "epochs": 1, "rate": 1e-3}]
    _, result = run(tmp_path, network=network, stages=stages, on_epoch=keep)
    moved = {k for k in start if not torch.equal(start[k], after_stage_1[k])}
    assert moved == {"head.1.weight", "head.1.bias"}
    first, second = result.stages
    assert (first["stage"], first["train"], first["epochs"], first["trainable"]) == (1, "head", 2, 130)
    assert first["val_loss"] == result.history["val_loss"][1]
    assert second["trainable"] > first["trainable"]
    assert result.history["stage"].tolist() == [1, 1, 2]


def test_a_stage_may_bring_its_own_optimiser_and_schedule(tmp_path):
    halving = {"name": "exponential", "factor": 0.5}
    stages = [ALL, {**ALL, "optimiser": "rmsprop", "schedule": halving, "rate": 1e-4}]
    _, result = run(tmp_path, stages=stages, schedule={"name": "step", "factor": 0.8, "every": 1})
    assert result.history["rate"].tolist() == pytest.approx([1e-3, 8e-4, 1e-4, 5e-5])


def test_early_stopping_ends_its_stage_and_not_the_next(tmp_path, monkeypatch):
    falls_then_rises = iter([3.0, 2.0, 2.1, 2.2, 5.0, 4.0])
    real = epochs.Tally.summary

    def summary(self, positive):
        values = real(self, positive)
        return values | {"loss": next(falls_then_rises)} if getattr(self, "validates", False) else values

    def evaluate(*arguments, **named):
        tally = epochs.evaluate(*arguments, **named)
        tally.validates = True
        return tally

    monkeypatch.setattr(epochs.Tally, "summary", summary)
    monkeypatch.setattr("scanbook.models.training.evaluate", evaluate)
    seen = []
    stages = [{**ALL, "epochs": 9}, {**ALL, "epochs": 2}]
    _, result = run(tmp_path, stages=stages, early_stopping=2, on_epoch=seen.append)
    assert result.history["stage"].tolist() == [1, 1, 1, 1, 2, 2]
    assert result.best_epoch == 2
    assert [row["epochs_planned"] for row in seen] == [11, 11, 11, 6, 6, 6]


def test_counts_equal_a_table_worked_out_by_hand():
    tally = Tally(2, "cpu")
    labels = torch.tensor([0, 0, 1, 1, 1])
    logits = torch.eye(2)[torch.tensor([0, 1, 1, 1, 0])]  # two of three sick found, one well called sick
    tally.add(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]), logits, labels)
    assert tally.summary(1) == pytest.approx({"loss": 3.0, "accuracy": 3 / 5, "precision": 2 / 3, "recall": 2 / 3})
    means = tally.summary(None)
    assert means["recall"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert means["precision"] == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_losses_equal_their_formulas():
    logits, labels = torch.tensor([[2.0, -1.0, 0.5]]), torch.tensor([2])
    assert image_losses(logits, labels, "cross_entropy").item() == pytest.approx(
        -np.log(np.exp(0.5) / np.exp([2.0, -1.0, 0.5]).sum()), abs=1e-6
    )
    sigmoid = 1 / (1 + np.exp([-2.0, 1.0, -0.5]))
    expected = -(np.log(1 - sigmoid[0]) + np.log(1 - sigmoid[1]) + np.log(sigmoid[2])) / 3
    assert image_losses(logits, labels, "bce").item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("loss", ["cross_entropy", "bce"])
def test_class_weights_move_the_answer_towards_the_heavier_class(tmp_path, loss):
    answers = []
    for weights in ([10.0, 1.0], [1.0, 10.0]):
        network, _ = run(
            tmp_path,
            loss=loss,
            class_weights=weights,
            optimiser="sgd",
            seed=1,
            stages=[{"train": "head", "epochs": 2, "rate": 0.01}],
        )
        logits = predict_logits(network, toy_batches(12, seed=1), n_rows=12)
        answers.append((logits[:, 1] - logits[:, 0]).mean())
    assert answers[0] < answers[1]


def test_equal_class_weights_change_no_weight(tmp_path):
    plain, _ = run(tmp_path)
    weighted, _ = run(tmp_path, class_weights=[2.0, 2.0])
    for k, v in plain.state_dict().items():
        assert torch.allclose(v, weighted.state_dict()[k], atol=1e-4), k


def test_a_loss_that_is_not_a_number_stops_with_where_and_what_to_do(tmp_path):
    images, labels = squares(16)
    images[11] = float("nan")
    stages = [{"train": "all", "epochs": 1, "rate": 2e-3}]
    with pytest.raises(
        NotANumber, match=r"small_cnn, stage 1, epoch 1: the loss is nan at step 2 with rate 0.002\. Lower"
    ):
        run(tmp_path, train=Batches(images, labels), stages=stages)
    with pytest.raises(NotANumber, match="the validation loss is nan"):
        run(tmp_path, val=Batches(images, labels), stages=stages)


def test_a_last_batch_of_one_image_is_left_out_and_not_fatal(tmp_path):
    network = build("separable_cnn", 2, image_size=32, seed=0, **GREY)
    run(tmp_path, network=network, train=toy_batches(9), stages=[{**ALL, "epochs": 1}])
    with pytest.raises(ValueError, match="raise the batch size"):
        run(tmp_path, train=toy_batches(4, batch=1))


def test_batches_are_asked_for_by_the_historys_epoch(tmp_path):
    train, val = toy_batches(8), toy_batches(8, seed=1)
    run(tmp_path, train=train, val=val, stages=[ALL, ALL])
    assert train.epochs_asked == val.epochs_asked == [1, 2, 3, 4]


def test_tensorboard_gets_each_epochs_scalars(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, result = run(tmp_path, tensorboard=True)
    (folder,) = (tmp_path / "tensorboard").iterdir()
    events = EventAccumulator(str(folder)).Reload()
    assert {"loss/train", "loss/val", "accuracy/val", "rate"} <= set(events.Tags()["scalars"])
    assert [e.value for e in events.Scalars("loss/val")] == pytest.approx(result.history["val_loss"].tolist())


def test_the_files_metadata_name_network_classes_and_epoch(tmp_path):
    from safetensors import safe_open

    _, result = run(tmp_path)
    with safe_open(tmp_path / "best.safetensors", "pt") as stored:
        metadata = stored.metadata()
    assert metadata["network"] == "small_cnn"
    assert json.loads(metadata["classes"]) == ["well", "sick"]
    assert metadata["epoch"] == str(result.best_epoch)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ["a", "b", "c"]}, "2 outputs for 3 classes"),
        ({"positive": "ill"}, "'ill' is none of well, sick"),
        ({"loss": "hinge"}, "cross_entropy and bce"),
        ({"class_weights": [1.0]}, "1 class weights for 2"),
        ({"stages": []}, "no stages"),
        ({"stages": [{"train": "all", "epochs": 0, "rate": 1e-3}]}, "epochs from 1"),
        ({"stages": [{"train": "all", "rate": 1e-3}]}, "it needs train, epochs"),
        ({"stages": [ALL, {**ALL, "train": "from:nowhere"}]}, "cannot train 'from:nowhere'"),
        ({"stages": [{**ALL, "optimiser": "lion"}]}, "optimiser is none of adam"),
        ({"schedule": {"name": "steps"}}, "schedule 'steps' is not known"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_first_image(tmp_path, changes, message):
    train = toy_batches(8)
    with pytest.raises(ValueError, match=message):
        run(tmp_path, train=train, **changes)
    assert train.epochs_asked == []
