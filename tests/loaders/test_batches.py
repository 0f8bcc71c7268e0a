"""The batches of an epoch depend on the seed and the epoch, on nothing that happened before."""

from pathlib import Path

import numpy as np
import pytest
import torch

from scanbook.loaders import batches as room
from scanbook.loaders.augment import AugmentSpec, apply, draw
from scanbook.loaders.batches import Batches, training_statistics

N = 23
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 8, 10, 3), dtype=np.uint8)
LABELS = np.arange(N) % 3
IDS = [f"image {i}" for i in range(N)]
TURN = AugmentSpec(rotate_deg=30, flip_horizontal=0.5, brightness=0.2)


def make(rows=None, **options):
    rows = np.arange(N) if rows is None else rows
    return Batches(IMAGES, LABELS, rows, **{"image_ids": IDS, "batch": 5, **options})


def everything(batches, epoch):
    """{row: image} of an epoch, and the rows in order."""
    parts = list(batches.epoch(epoch))
    rows = torch.cat([rows for _, _, rows in parts]).tolist()
    return dict(zip(rows, torch.cat([images for images, _, _ in parts]), strict=True)), rows


def test_a_batch_holds_images_labels_and_rows_of_the_stated_types():
    images, labels, rows = next(make(np.array([4, 2, 9])).epoch(0))
    assert (images.dtype, labels.dtype, rows.dtype) == (torch.float32, torch.int64, torch.int64)
    assert rows.tolist() == [4, 2, 9]
    assert labels.tolist() == [1, 2, 0]
    assert images.is_contiguous()
    np.testing.assert_array_equal(images.numpy(), (IMAGES[[4, 2, 9]].transpose(0, 3, 1, 2) / 255).astype(np.float32))


def test_every_row_comes_once_an_epoch():
    for epoch in range(3):
        assert sorted(everything(make(shuffle=True), epoch)[1]) == list(range(N))
    assert everything(make(), 0)[1] == list(range(N))


def test_the_order_depends_on_seed_and_epoch_and_on_nothing_before():
    batches = make(shuffle=True, seed=4)
    orders = [everything(batches, epoch)[1] for epoch in range(3)]
    assert everything(make(shuffle=True, seed=4), 2)[1] == orders[2]
    assert everything(batches, 0)[1] == orders[0]
    assert orders[0] != orders[1]
    assert everything(make(shuffle=True, seed=5), 0)[1] != orders[0]


def test_batch_size_and_shuffling_do_not_change_how_an_image_looks():
    one, _ = everything(make(augment=TURN, seed=1), 3)
    two, _ = everything(make(augment=TURN, seed=1, batch=8, shuffle=True), 3)
    for row, image in one.items():
        assert torch.equal(image, two[row])


def test_images_look_as_drawn_for_their_names():
    images, _, _ = next(make(augment=TURN, seed=1, batch=N).epoch(2))
    plain, _, _ = next(make(batch=N).epoch(2))
    assert torch.equal(images, apply(plain, draw(TURN, 1, 2, IDS)))


@pytest.mark.parametrize(("n", "sizes"), [(10, [5, 5]), (11, [5, 6]), (12, [5, 5, 2]), (1, [1]), (6, [6]), (5, [5])])
def test_a_single_left_over_image_joins_the_batch_before_it(n, sizes):
    batches = make(np.arange(n))
    assert [len(labels) for _, labels, _ in batches.epoch(0)] == sizes
    assert len(batches) == len(sizes)
    assert batches.n_images == n


def test_batches_of_one_are_possible_where_they_are_asked_for():
    assert [len(labels) for _, labels, _ in make(np.arange(3), batch=1).epoch(0)] == [1, 1, 1]


def test_a_row_named_twice_is_augmented_twice():
    images, _, rows = next(make(np.array([3, 3, 4]), augment=TURN).epoch(0))
    assert rows.tolist() == [3, 3, 4]
    assert not torch.equal(images[0], images[1])
    alone, _, _ = next(make(np.array([3]), augment=TURN).epoch(0))
    assert torch.equal(alone[0], images[0])


def test_each_showing_is_augmented_by_its_own_strengths():
    mirror, bright = AugmentSpec(flip_horizontal=1.0), AugmentSpec(brightness=0.3)
    rows, looks = np.array([3, 4, 3, 3]), np.array([0, 1, 1, 2])
    batches = make(rows, augment=[mirror, bright, TURN], looks=looks, seed=2)
    images, _, _ = next(batches.epoch(1))
    plain, _, _ = next(make(rows).epoch(1))
    assert torch.equal(images[0], plain[0].flip(2))
    np.testing.assert_allclose((images[1] - plain[1])[(images[1] > 0) & (images[1] < 1)].std(), 0, atol=1e-6)
    assert not torch.equal(images[2], plain[2].flip(2))
    shuffled = Batches(
        IMAGES, LABELS, rows, image_ids=IDS, batch=2, augment=[mirror, bright, TURN], looks=looks, seed=2, shuffle=True
    )
    again = torch.cat([images for images, _, _ in shuffled.epoch(1)])
    for image in images:  # neither order nor batch size changes a look
        assert any(torch.equal(image, other) for other in again)


def test_an_even_epoch_shows_as_many_images_each_class_equally_often_whatever_the_batch():
    rows = np.array([0, 1, 2, 3, 4, 5, 6, 7, 10, 13, 16, 19])  # 3, 7 and 2 of the classes
    shown = {}
    for batch in (2, 5, 12):
        batches = make(rows, evenly=True, seed=3, batch=batch, augment=TURN)
        parts = list(batches.epoch(2))
        shown[batch] = torch.cat([images for images, _, _ in parts])
        drawn = torch.cat([rows for _, _, rows in parts]).numpy()
        assert len(drawn) == len(rows)
        assert set(drawn) <= set(rows)
        assert np.bincount(LABELS[drawn]).tolist() == [4, 4, 4] == batches.facts()["shown_of_class"]
    assert torch.equal(shown[2], shown[12])  # the same images, in the same order, looking the same
    assert torch.equal(shown[5], shown[12])


def test_an_even_epoch_depends_on_seed_and_epoch_and_on_nothing_before():
    batches = make(evenly=True, seed=4)
    orders = [torch.cat([rows for _, _, rows in batches.epoch(e)]).tolist() for e in range(3)]
    resumed = make(evenly=True, seed=4)
    assert torch.cat([rows for _, _, rows in resumed.epoch(2)]).tolist() == orders[2]
    assert orders[0] != orders[1]
    other = make(evenly=True, seed=5)
    assert torch.cat([rows for _, _, rows in other.epoch(0)]).tolist() != orders[0]


def test_an_image_drawn_twice_in_an_epoch_is_augmented_twice():
    images, _, rows = next(make(np.array([0, 1, 4, 7, 10, 13]), evenly=True, augment=TURN, batch=6).epoch(0))
    twice = np.flatnonzero(rows.numpy() == 0)
    assert len(twice) == 3
    assert not torch.equal(images[twice[0]], images[twice[1]])


def test_the_facts_say_what_an_epoch_shows():
    rows, looks = np.array([0, 1, 0, 0]), np.array([0, 0, 1, 1])
    facts = make(rows, augment=[TURN, AugmentSpec(grey=1.0)], looks=looks).facts()
    assert facts == {
        "batch": 5, "shown": 4, "shown_of_class": [3, 1, 0], "shown_under": [2, 2], "size": 8,
        "augment": [{"rotate_deg": 30, "flip_horizontal": 0.5, "brightness": 0.2}, {"grey": 1.0}],
    }  # fmt: skip
    assert make(rows).facts()["augment"] == []


def test_looks_that_fit_no_row_or_no_strengths_are_refused():
    with pytest.raises(ValueError, match="3 looks for 23 rows"):
        make(augment=[TURN], looks=np.zeros(3, int))
    with pytest.raises(ValueError, match="0 to 0"):
        make(augment=[TURN], looks=np.ones(N, int))


def test_neutral_strengths_change_nothing():
    plain, _ = everything(make(), 0)
    neutral, _ = everything(make(augment=AugmentSpec()), 0)
    assert all(torch.equal(plain[row], neutral[row]) for row in plain)


def test_a_memory_map_serves_as_well_as_an_array(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    mapped = Batches(np.load(tmp_path / "images.npy", mmap_mode="r"), LABELS, np.arange(N), image_ids=IDS, batch=7)
    for (a, _, _), (b, _, _) in zip(mapped.epoch(0), make(batch=7).epoch(0), strict=True):
        assert torch.equal(a, b)


def test_the_batches_describe_themselves():
    assert repr(make(shuffle=True, augment=TURN)) == (
        "Batches of 5: 23 images of 10 × 8 × 3, augmented, shuffled, on cpu"
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_set_lives_on_the_device_and_gives_the_same_batches():
    there = make(device="cuda", shuffle=True)
    assert there._resident is not None
    for (a, x, r), (b, y, s) in zip(there.epoch(1), make(shuffle=True).epoch(1), strict=True):
        assert a.device.type == x.device.type == "cuda"
        assert torch.equal(a.cpu(), b)
        assert torch.equal(x.cpu(), y)
        assert torch.equal(r, s)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"rows": np.array([], int)}, "no rows"),
        ({"rows": np.array([N])}, f"0 to {N - 1} is allowed"),
        ({"batch": 0}, "at least 1"),
        ({"image_ids": IDS[:3]}, "3 image_ids"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words(changes, text):
    with pytest.raises(ValueError, match=text):
        make(**changes)


def test_float_images_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        Batches(IMAGES / 255, LABELS, np.arange(N), image_ids=IDS, batch=2)


def test_training_statistics_are_those_of_the_training_rows_alone():
    rows = np.array([1, 5, 8, 9])
    mean, std = training_statistics(IMAGES, rows)
    pixels = IMAGES[rows].astype(np.float64) / 255
    np.testing.assert_allclose(mean, pixels.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, pixels.std((0, 1, 2)), rtol=1e-12)
    assert training_statistics(IMAGES, rows[::-1]) == (mean, std)


def test_statistics_over_many_chunks_are_exact():
    images = np.random.default_rng(1).integers(0, 256, (150, 4, 4, 1), dtype=np.uint8)
    mean, std = training_statistics(images, np.arange(150))
    assert mean == [pytest.approx(images.mean() / 255, rel=1e-13)]
    assert std == [pytest.approx(images.std() / 255, rel=1e-13)]


def test_flat_or_missing_training_images_have_no_statistics():
    with pytest.raises(ValueError, match="equal"):
        training_statistics(np.full((3, 2, 2, 1), 9, np.uint8), np.arange(3))
    with pytest.raises(ValueError, match="no training image"):
        training_statistics(IMAGES, np.array([], int))


def resident_mb():
    """Pages of files that this process holds now."""
    try:
        return int(Path("/proc/self/status").read_text().split("RssFile:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        pytest.skip("this system does not say which pages are held")


def test_a_set_on_disk_that_is_larger_than_the_memory_does_not_fill_it(tmp_path, monkeypatch):
    """Forty megabytes, of which eight may be held: what is held stays small, and every image is the one it was."""
    whole = np.random.default_rng(0).integers(0, 256, (640, 256, 256, 1), dtype=np.uint8)
    np.save(tmp_path / "images.npy", whole)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    monkeypatch.setattr(room, "GIVE_BACK", 8_000_000)
    before, most = resident_mb(), 0.0
    ids = [str(k) for k in range(len(whole))]
    shown = Batches(mapped, np.arange(640) % 2, np.arange(640), image_ids=ids, batch=4, shuffle=True)
    for images, _, rows in shown.epoch(0):
        assert torch.equal((images[:, 0] * 255).round().to(torch.uint8), torch.from_numpy(whole[rows.numpy(), ..., 0]))
        most = max(most, resident_mb() - before)
    mean, _ = training_statistics(mapped, np.arange(640))
    assert mean[0] == pytest.approx(whole.mean() / 255)
    assert most < 20
