"""Two processes, or two passes, train what one would."""

import multiprocessing
import os
import socket

import pandas as pd
import pytest
import torch
from models.toys import toy_batches

from scanbook.models import parallel
from scanbook.models.networks import build
from scanbook.models.parallel import ALONE, RunningStatistics, World
from scanbook.models.training import fit

GREY = {"channels": 1, "mean": [0.4], "std": [0.2]}


def train(folder, world=ALONE, **changes):
    torch.set_num_threads(1)
    network = build("resnet18", 2, seed=0, **GREY)  # batch norm everywhere, no dropout
    arguments = {
        "classes": ["well", "sick"], "stages": [{"train": "all", "epochs": 2, "rate": 1e-3}], "optimiser": "adam",
        "schedule": {"name": "constant"}, "device": "cpu", "precision": "float32", "folder": folder,
        "class_weights": [0.5, 2.0], "tensorboard": False, "world": world, **changes,
    }  # fmt: skip
    fit(network, toy_batches(20, shuffle=True), toy_batches(11, seed=1), **arguments)
    return network


def _one_of_two(rank, port, folder):
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    world = parallel.join()
    network = train(folder if rank == 0 else folder / "follower", world)
    torch.save(network.state_dict(), folder / f"weights{rank}.pt")
    parallel.leave()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """One training by two processes: the folder that they wrote to."""
    folder = tmp_path_factory.mktemp("pair")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_one_of_two, args=(rank, port, folder)) for rank in (0, 1)]
    for process in both:
        process.start()
    for process in both:
        process.join(180)
    assert [process.exitcode for process in both] == [0, 0]
    return folder


def test_two_processes_equal_one_that_passes_the_same_two_parts(pair, tmp_path):
    alone = train(tmp_path, micro_batches=2).state_dict()
    together = torch.load(pair / "weights0.pt")
    for name, value in alone.items():
        assert torch.allclose(value.float(), together[name].float(), rtol=1e-3, atol=2e-4), name
    histories = [pd.read_csv(folder / "history.csv") for folder in (pair, tmp_path)]
    for column in ("train_loss", "train_accuracy", "val_loss", "val_recall"):
        assert histories[0][column].tolist() == pytest.approx(histories[1][column].tolist(), rel=1e-3), column


def test_both_processes_end_with_the_same_weights_and_the_first_alone_writes(pair):
    first, second = (torch.load(pair / f"weights{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (pair / "best.safetensors").exists()
    assert list((pair / "follower").iterdir()) == []


def test_parts_differ_from_the_whole_batch_only_through_batch_norm(tmp_path):
    def plain(folder, **changes):
        network = build("small_cnn", 2, image_size=32, seed=0, **GREY).eval()
        network.train = lambda mode=True: network  # no dropout: then nothing of a batch depends on its other images
        fit(network, toy_batches(20, shuffle=True), toy_batches(12, seed=1), classes=["well", "sick"],
            stages=[{"train": "all", "epochs": 1, "rate": 1e-2}], optimiser="sgd", schedule={"name": "constant"},
            device="cpu", precision="float32", class_weights=[0.5, 2.0], folder=folder, tensorboard=False,
            **changes)  # fmt: skip
        return network.state_dict()

    whole, parts = plain(tmp_path / "1"), plain(tmp_path / "2", micro_batches=2)
    assert all(torch.allclose(whole[k], parts[k], atol=1e-6) for k in whole)


def test_what_batch_norm_remembers_is_the_mean_over_the_parts():
    norm = torch.nn.BatchNorm1d(1, momentum=0.5).train()
    statistics = RunningStatistics(norm)
    statistics.begin()
    for part in ([[0.0], [2.0]], [[4.0], [8.0]]):  # means 1 and 6
        norm(torch.tensor(part))
        statistics.end_part()
    statistics.end(ALONE)
    assert norm.running_mean.item() == pytest.approx(0.5 * (1 + 6) / 2)


def test_parts_that_cannot_be_dealt_evenly_are_refused(tmp_path):
    with pytest.raises(ValueError, match="3 parts of a batch for 2 processes"):
        train(tmp_path, World(0, 2), micro_batches=3)
