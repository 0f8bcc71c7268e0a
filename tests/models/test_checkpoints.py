"""A training that was cut goes on as if it had not been."""

import copy

import pandas as pd
import pytest
import torch
from models.toys import toy_batches

from scanbook.models.checkpoints import FILE
from scanbook.models.networks import build
from scanbook.models.training import fit

GREY = {"channels": 1, "mean": [0.4], "std": [0.2]}
PLATEAU = {"name": "plateau", "factor": 0.5, "patience": 1}
STAGES = [
    {"train": "head", "epochs": 2, "rate": 3e-3, "optimiser": "sgd"},
    {"train": "all", "epochs": 4, "rate": 3e-3, "schedule": PLATEAU, "early_stopping": 3},
]


class Cut(Exception):
    """Stands for whatever ends a process in the middle of an epoch."""


class CutAt:
    """Batches that end the training in the given epoch, after its first batch."""

    def __init__(self, epoch):
        self.inner, self.at = toy_batches(24, shuffle=True), epoch
        self.n_images, self.epochs_asked = self.inner.n_images, self.inner.epochs_asked

    def epoch(self, e, part=0, parts=1):
        for number, batch in enumerate(self.inner.epoch(e, part, parts)):
            if e == self.at and number == 1:
                raise Cut
            yield batch


def train(folder, cut_at=None, **changes):
    torch.set_num_threads(1)
    network = build("small_cnn", 2, image_size=32, seed=0, **GREY)  # it has dropout, so torch's generator counts
    batches = CutAt(cut_at)
    arguments = {
        "classes": ["well", "sick"], "stages": STAGES, "optimiser": "adam", "schedule": {"name": "constant"},
        "device": "cpu", "folder": folder, "tensorboard": False, "resume": True, "save_every": 0.0, **changes,
    }  # fmt: skip
    try:
        result = fit(network, batches, toy_batches(12, seed=1), **arguments)
    except Cut:
        result = None
    return network, result, batches.epochs_asked


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    network, result, _ = train(tmp_path_factory.mktemp("uncut"))
    return copy.deepcopy(network.state_dict()), result


@pytest.mark.parametrize("epoch", [1, 2, 3, 5])
def test_cut_in_any_epoch_it_ends_with_the_same_weights_bit_for_bit(tmp_path, uncut, epoch):
    weights, whole = uncut
    train(tmp_path, cut_at=epoch)
    assert (tmp_path / FILE).exists() == (epoch > 1)
    network, result, asked = train(tmp_path)
    assert asked == list(range(epoch, len(whole.history) + 1))  # no finished epoch is trained again
    assert all(torch.equal(weights[k], v) for k, v in network.state_dict().items())
    timeless = [c for c in whole.history if c not in ("seconds", "images_per_second")]
    pd.testing.assert_frame_equal(result.history[timeless], whole.history[timeless])
    assert [end["best_epoch"] for end in result.stages] == [end["best_epoch"] for end in whole.stages]
    assert [end["optimiser"] for end in result.stages] == ["SGD", "Adam"]


def test_a_damaged_checkpoint_is_told_and_training_starts_again(tmp_path, uncut):
    train(tmp_path, cut_at=3)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:5000])
    with pytest.warns(UserWarning, match=r"last\.ckpt is damaged"):
        network, _, asked = train(tmp_path)
    assert asked[0] == 1
    assert all(torch.equal(uncut[0][k], v) for k, v in network.state_dict().items())


def test_without_resume_it_starts_at_the_first_epoch(tmp_path):
    train(tmp_path, cut_at=3)
    assert train(tmp_path, resume=False)[2][0] == 1


def test_a_checkpoint_is_written_no_more_often_than_asked(tmp_path):
    train(tmp_path, cut_at=5, save_every=3600.0)
    assert not (tmp_path / FILE).exists()


def test_a_full_disk_is_told_as_such_and_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    train(tmp_path, cut_at=3)
    before = (tmp_path / FILE).read_bytes()

    def full(content, file):
        file.write_bytes(b"half")
        raise RuntimeError("[enforce fail] PytorchStreamWriter failed writing file data/3: no space\nmore")

    monkeypatch.setattr("scanbook.models.checkpoints.torch.save", full)
    with pytest.raises(OSError, match=r"last\.ckpt could not be written: .*no space"):
        train(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before
    assert [p.name for p in tmp_path.glob("*.tmp")] == []
