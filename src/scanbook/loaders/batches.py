"""Images to the device, batch by batch, the same ones whatever the machine.

The order of an epoch depends on (seed, epoch) and the look of an image on (seed, epoch, image), never on what
ran before: training that stops and goes on sees the batches it would have seen. On a GPU the uint8 set lives
there where it fits (10,000 images of 224 pixels are half a gigabyte), so that nothing is decoded, copied or
waited for while training; on a CPU the rows are gathered from the memory-mapped cache.
"""

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scanbook.loaders.augment import AugmentSpec, apply, draw, image_keys
from scanbook.loaders.balance import drawn_evenly

GIVE_BACK = 256_000_000  # bytes of the memory-mapped cache that may be held before its pages go back to the system
_PAGE = 2**21  # bytes that reading a single one may bring in
SHARE_OF_DEVICE = 0.4  # of the free device memory; the rest is for the network and its activations
Batch = tuple[Tensor, Tensor, Tensor]


class Batches:
    """Some rows of an image array, as often as asked for.

    images     uint8 (N, H, W, C), an array or a memory map; C 1 or 3
    labels     int (N,), classes 0 … K-1
    rows       int (n,), the rows to show; a row named twice is shown twice, with draws of its own
    image_ids  (N,) names, from which the draws come
    batch      images a batch. The last batch may be smaller; a remainder of one image joins the batch before
               it, because batch normalisation cannot learn from one image
    augment    strengths, or None: images as they are; several where `looks` says which each showing is given
    looks      int (n,), for each of `rows` the place of its strengths in `augment`; None: the first for all
    seed       of the order and of the draws
    shuffle    a new order each epoch; otherwise the order of `rows`
    evenly     each epoch draws n of the rows anew, with replacement, every class equally often; see `drawn_evenly`.
               An image drawn twice has draws of its own each time
    device     where the batches are wanted

    `n_images` is n, `len()` the number of batches.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        rows: np.ndarray,
        *,
        image_ids: Sequence[str],
        batch: int,
        augment: AugmentSpec | Sequence[AugmentSpec] | None = None,
        looks: np.ndarray | None = None,
        seed: int = 0,
        shuffle: bool = False,
        evenly: bool = False,
        device: str | torch.device = "cpu",
    ) -> None:
        self.rows = np.asarray(rows, dtype=np.int64)
        self.labels = np.asarray(labels, dtype=np.int64)
        _check(images, self.labels, self.rows, len(image_ids), batch)
        self.images, self.batch, self.seed, self.shuffle, self.evenly = images, batch, seed, shuffle, evenly
        specs = (augment,) if isinstance(augment, AugmentSpec) else tuple(augment or ())
        self.looks = np.zeros(len(self.rows), dtype=np.int64) if looks is None else np.asarray(looks, dtype=np.int64)
        _check_looks(self.looks, len(self.rows), len(specs))
        self.augment = () if all(spec.neutral for spec in specs) else specs
        self.device = torch.device(device)
        self._names = image_keys([image_ids[row] for row in self.rows])
        self._nth = _nth_showing(self.rows)
        self._resident = self._to_device()
        self._held = 0  # bytes of a memory map, at most

    @property
    def n_images(self) -> int:
        return len(self.rows)

    def __len__(self) -> int:
        return len(_cuts(self.n_images, self.batch)) + 1

    def __repr__(self) -> str:
        height, width, channels = self.images.shape[1:]
        look = "augmented" if self.augment else "as they are"
        order = "drawn evenly" if self.evenly else "shuffled" if self.shuffle else "in order"
        return (
            f"Batches of {self.batch}: {self.n_images} images of {width} × {height} × {channels}, "
            f"{look}, {order}, on {self.device}"
        )

    def epoch(self, e: int, part: int = 0, parts: int = 1) -> Iterator[Batch]:
        """Every image once, or as they are drawn, in the order of epoch `e`.

        part, parts  of each batch only this part, counted from 0: neighbouring images, as evenly dealt as can be,
                     at least two to a part. A part for which none are left is an empty batch, so that all
                     parts have as many batches

        Yields images float32 (B, C, H, W) in [0, 1], labels int64 (B,) and rows int64 (B,), the row of each
        image in the image array; images and labels on the device, rows on the CPU.
        """
        order = self._order(e)
        nth = _nth_showing(self.rows[order]) if self.evenly else self._nth[order]
        for whole in np.split(np.arange(self.n_images), _cuts(self.n_images, self.batch)):
            shares = np.array_split(whole, min(parts, max(1, len(whole) // 2)))
            turns = shares[part] if part < len(shares) else whole[:0]
            places = order[turns]
            images = self._gather(places)
            if self.augment:
                images = apply(images, self._draws(e, places, nth[turns]))
            rows = self.rows[places]
            yield images, torch.from_numpy(self.labels[rows]).to(self.device), torch.from_numpy(rows)

    def facts(self) -> dict[str, Any]:
        """What an epoch (the first) really shows: batch, images shown (in all, of each class, under each set of strengths),
        side of the images in pixels, and each set's strengths that are not neutral."""
        places, neutral = self._order(1), asdict(AugmentSpec())
        labels = self.labels[self.rows[places]]
        strengths = [{k: v for k, v in asdict(spec).items() if v != neutral[k]} for spec in self.augment]
        return {
            "batch": self.batch,
            "shown": self.n_images,
            "shown_of_class": np.bincount(labels, minlength=int(self.labels.max()) + 1).tolist(),
            "shown_under": np.bincount(self.looks[places], minlength=len(strengths)).tolist(),
            "augment": strengths,
            "size": int(self.images.shape[1]),
        }

    def _order(self, e: int) -> np.ndarray:
        """int (n,): which of the rows epoch `e` shows, and when."""
        if self.evenly:
            return drawn_evenly(self.labels[self.rows], self.seed, e)
        order = np.arange(self.n_images)
        if self.shuffle:
            np.random.default_rng([self.seed, e]).shuffle(order)
        return order

    def _draws(self, e: int, places: np.ndarray, nth: np.ndarray) -> dict[str, np.ndarray]:
        """The draws of some showings, each by its own strengths; the key holds image and showing, not the look."""
        drawn = [draw(spec, self.seed, e, self._names[places] + nth) for spec in self.augment]
        if len(drawn) == 1:
            return drawn[0]
        return {name: np.choose(self.looks[places], [one[name] for one in drawn]) for name in drawn[0]}

    def _gather(self, places: np.ndarray) -> Tensor:
        if self._resident is not None:
            pixels = self._resident.index_select(0, torch.from_numpy(places).to(self.device))
        else:
            pixels = torch.from_numpy(np.asarray(self.images[self.rows[places]])).to(self.device)
            self._held = _let_go(self.images, self._held, len(places))
        return pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format).div_(255)

    def _to_device(self) -> Tensor | None:
        if self.device.type != "cuda":
            return None
        free, _ = torch.cuda.mem_get_info(self.device)
        if self.n_images * self.images[0].nbytes > SHARE_OF_DEVICE * free:
            return None
        return torch.from_numpy(np.asarray(self.images[self.rows])).to(self.device)


def training_statistics(images: np.ndarray, rows: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over the training rows, exactly.

    images  uint8 (N, H, W, C);  rows  int (n,)

    Returns two lists of C floats, pixel values counting from 0 to 1. They come from whole-number counts of
    the 256 grey levels, so neither order nor chunks move a digit. Raises ValueError when there is no row or a
    channel is flat.
    """
    rows = np.asarray(rows, dtype=np.int64)
    if len(rows) == 0:
        raise ValueError("no training image, so there is no mean to take; check the split")
    counts, held = np.zeros((images.shape[3], 256), dtype=np.int64), 0
    for start in range(0, len(rows), 64):  # 64 images at a time: the set may be larger than the memory
        chunk = images[rows[start : start + 64]]
        for channel, count in enumerate(counts):
            count += np.bincount(chunk[..., channel].ravel(), minlength=256)
        held = _let_go(images, held, len(chunk))
    levels, n = np.arange(256), counts[0].sum()
    mean = counts @ levels / n
    std = np.sqrt((counts * (levels - mean[:, None]) ** 2).sum(1) / n)
    if (std == 0).any():
        raise ValueError("all training pixels are equal in a channel; they cannot be normalised: look at the images")
    return (mean / 255).tolist(), (std / 255).tolist()


def _let_go(images: np.ndarray, held: int, n: int) -> int:
    """What may be held of a memory map after `n` images more; its pages are given back where that is much.

    A set that is larger than the memory would fill it. What is needed again lies in the system's cache of the file.
    """
    mapped = getattr(images, "_mmap", None)
    if (
        images.nbytes <= GIVE_BACK
        or mapped is None
        or getattr(images, "mode", "") != "r"
        or not hasattr(mmap, "MADV_DONTNEED")
    ):
        return 0
    held += n * max(images[0].nbytes, _PAGE)
    if held <= GIVE_BACK:
        return held
    mapped.madvise(mmap.MADV_DONTNEED)
    return 0


def _cuts(n: int, batch: int) -> list[int]:
    """Where the order is cut into batches."""
    return [cut for cut in range(batch, n, batch) if batch == 1 or n - cut > 1]


def _nth_showing(rows: np.ndarray) -> np.ndarray:
    """uint64 (n,): 0 where a row stands for the first time, 1 for the second …"""
    order = np.argsort(rows, kind="stable")
    ranked = rows[order]
    first = np.concatenate([[True], ranked[1:] != ranked[:-1]])
    place = np.arange(len(rows))
    nth = np.empty(len(rows), dtype=np.uint64)
    nth[order] = place - np.maximum.accumulate(np.where(first, place, 0))
    return nth


def _check_looks(looks: np.ndarray, n_rows: int, n_specs: int) -> None:
    if len(looks) != n_rows:
        raise ValueError(f"{len(looks)} looks for {n_rows} rows; each showing needs one")
    if n_specs and (looks.min() < 0 or looks.max() >= n_specs):
        raise ValueError(f"looks run from {looks.min()} to {looks.max()}; with {n_specs} augment, 0 to {n_specs - 1}")


def _check(images: np.ndarray, labels: np.ndarray, rows: np.ndarray, n_ids: int, batch: int) -> None:
    if images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(f"images are uint8 (N, H, W, C), not {images.dtype} {images.shape}")
    if not len(images) == len(labels) == n_ids:
        raise ValueError(f"{len(images)} images, {len(labels)} labels and {n_ids} image_ids; all must be as many")
    if len(rows) == 0:
        raise ValueError("no rows, so there is no batch to show; check the split")
    if rows.min() < 0 or rows.max() >= len(images):
        raise ValueError(f"rows run from {rows.min()} to {rows.max()}; 0 to {len(images) - 1} is allowed")
    if batch < 1:
        raise ValueError(f"training.batch: {batch}; at least 1 image a batch is needed")
