"""Does the finder of equal pictures find what was done to real images, and nothing else?

    DATA_DIR=… python -m benchmarks.near_duplicates [heart artery xray fetal lung] [--images 200] [--seed 0]

Of each set, `--images` pictures are copied in each of the ways below; the copies lie beside the whole set, as they would
on a disk, and `find_pairs` is asked. Recall is the share of copies that are paired with their original, with the turn
that was really done; a copy in the wrong turn counts as missed. Precision is the share of the pairs that are right. A
pair is right between copies of one picture, and between pictures that are a pair in the untouched set already, where
that was confirmed; it is wrong between any other pictures of different patients (lung has none: of different blocks).
So every other patient's image of the same view is asked about. Neighbouring frames of one patient are neither.

The pairs of the untouched set that join different patients are judged by another eye: both images at 256 pixels, where
the finder has 48, and the correlation of what is finer than 4 of them, away from empty areas. Pairs of patients drawn
at random, in the turn that suits them best, say what that eye sees in strangers.
"""

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance, ImageOps
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from scanbook import params
from scanbook.dataset import Dataset
from scanbook.loaders.duplicates import find_pairs
from scanbook.loaders.reading import read_image
from scanbook.loaders.scanning import hash_pixels
from scanbook.loaders.views import TURNS, turned, views_of

REPOSITORY = Path(__file__).parent.parent
NAMES = ("heart", "artery", "xray", "fetal", "lung")
GOALS = {"resized": 0.95, "recompressed": 0.95, "brightness": 0.95, "turned": 0.9}
PRECISION = 0.98
_SURE = 0.3  # what the other eye must see; strangers stay below
_STRANGERS = 40  # pairs
Change = Callable[[Image.Image], Image.Image]


def scaled(factor: float) -> Change:
    return lambda image: image.resize(
        (max(1, round(image.width * factor)), max(1, round(image.height * factor))), Image.Resampling.BICUBIC
    )


def squeezed(image: Image.Image) -> Image.Image:
    return image.resize((224, 224), Image.Resampling.BILINEAR)


def compressed(quality: int) -> Change:
    def change(image: Image.Image) -> Image.Image:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality)
        return Image.open(stream)

    return change


def brighter(image: Image.Image) -> Image.Image:
    return image.point(lambda grey: min(255, grey + 40))


def gamma(power: float) -> Change:
    return lambda image: image.point(lambda grey: round(255 * (grey / 255) ** power))


def padded(image: Image.Image) -> Image.Image:
    """Black at two sides, as fit: pad lays it; a square image gets a tenth at top and bottom."""
    if image.width == image.height:
        return ImageOps.expand(image, (0, image.height // 10), 0)
    side = max(image.size)
    return ImageOps.pad(image, (side, side), color=0)


def framed(image: Image.Image) -> Image.Image:
    return ImageOps.expand(image, max(image.size) // 12, 255 if image.mode == "L" else (255, 255, 255))


def turned_by(turn: int) -> Change:
    return lambda image: Image.fromarray(
        np.ascontiguousarray(np.moveaxis(turned(np.moveaxis(np.atleast_3d(image), 2, 0), turn), 0, 2).squeeze())
    )


def combined(image: Image.Image) -> Image.Image:
    return compressed(50)(scaled(0.5)(ImageOps.mirror(image)))


def cropped(share: float) -> Change:
    def change(image: Image.Image) -> Image.Image:
        left, top = round(image.width * share), round(image.height * share)
        return image.crop((left, top, image.width, image.height))

    return change


def rotated(degrees: float) -> Change:
    return lambda image: image.rotate(degrees, Image.Resampling.BILINEAR)


# name -> (goal it belongs to, "" for none; what is done; the turn that must be told)
CHANGES: dict[str, tuple[str, Change, int]] = {
    "half size": ("resized", scaled(0.5), 0),
    "quarter size": ("resized", scaled(0.25), 0),
    "squeezed to 224 × 224": ("resized", squeezed, 0),
    "JPEG quality 30": ("recompressed", compressed(30), 0),
    "JPEG quality 10": ("recompressed", compressed(10), 0),
    "brighter by 40": ("brightness", brighter, 0),
    "darker, × 0.6": ("brightness", lambda image: image.point(lambda grey: round(0.6 * grey)), 0),
    "contrast × 1.5": ("brightness", lambda image: ImageEnhance.Contrast(image).enhance(1.5), 0),
    "gamma 0.6": ("brightness", gamma(0.6), 0),
    "gamma 1.8": ("brightness", gamma(1.8), 0),
    "padded black": ("resized", padded, 0),
    "framed in white": ("resized", framed, 0),
    **{TURNS[turn]: ("turned", turned_by(turn), turn) for turn in range(1, 8)},
    "mirrored, half, JPEG 50": ("turned", combined, 4),
    "corner cropped by 2 %": ("", cropped(0.02), 0),
    "corner cropped by 5 %": ("", cropped(0.05), 0),
    "corner cropped by 10 %": ("", cropped(0.10), 0),
    "rotated by 1°": ("", rotated(1), 0),
    "rotated by 3°": ("", rotated(3), 0),
    "rotated by 10°": ("", rotated(10), 0),
}


class Beside:
    """One set with its views, groups and own pairs, beside which copies are laid."""

    def __init__(self, name: str, n_images: int, seed: int) -> None:
        experiment = params.load(REPOSITORY / "params" / f"{name}.yaml", "quick", {"cap_per_class": None})
        data = Dataset(experiment, REPOSITORY)
        table, views = data._looked
        rows = np.flatnonzero(table["status"] == "used")
        self.name, self.folder, self.unit = name, data.folder, experiment.data.unit
        self.table, self.views = table.iloc[rows].reset_index(drop=True), views[rows]
        self.groups = data.named_groups.iloc[rows].to_numpy()
        pairs = find_pairs(self.table["sha256"].to_numpy(), self.table["pixel_hash"].to_numpy(), self.views)
        self.own = pairs.assign(across=self.groups[pairs["a"]] != self.groups[pairs["b"]])
        closer = [fine_likeness(self.picture(row.a), self.picture(row.b), row.turn)
                  if row.across and row.kind == "near" else 1.0 for row in self.own.itertuples()]  # fmt: skip
        self.own = self.own.assign(sure=np.array(closer) >= _SURE)
        self.known = set(self.own.loc[self.own["sure"], ["a", "b"]].itertuples(index=False, name=None))
        first = ~self.table["pixel_hash"].duplicated().to_numpy()  # of equal pictures the first is compared
        chosen = np.random.default_rng(seed).permutation(np.flatnonzero(first))[:n_images]
        self.chosen = np.sort(chosen)
        self.originals = [self.picture(row) for row in self.chosen]

    def picture(self, row: int) -> Image.Image:
        return Image.fromarray(read_image(self.folder / self.table["image_id"].iloc[row]))

    def ask(self, change: Change, turn: int) -> dict[str, float]:
        """Lay the changed copies beside the set and ask for pairs: found (copies), right, wrong (pairs)."""
        copies = [np.asarray(change(original)) for original in self.originals]
        views = np.concatenate([self.views, np.stack([views_of(copy) for copy in copies])])
        hashes = np.concatenate([self.table["pixel_hash"], [hash_pixels(copy) for copy in copies]])
        files = np.concatenate([self.table["sha256"], [f"copy {k}" for k in range(len(copies))]])
        pairs = find_pairs(files.astype(str), hashes.astype(str), views)
        of = np.concatenate([np.arange(len(self.table)), self.chosen])
        a, b = pairs["a"].to_numpy(), pairs["b"].to_numpy()
        new = b >= len(self.table)
        own = of[a] == of[b]
        told = (pairs["turn"] == TURNS[turn]).to_numpy()
        tied = np.array([(min(x, y), max(x, y)) in self.known for x, y in zip(of[a], of[b], strict=True)], bool)
        strangers = self.groups[of[a]] != self.groups[of[b]]
        return {
            "copies": len(copies), "paired": int((new & own).sum()), "found": int((new & own & told).sum()),
            "right": int((new & (own | tied)).sum()), "wrong": int((new & ~own & ~tied & strangers).sum()),
            "neighbours": int((new & ~own & ~tied & ~strangers).sum()),
        }  # fmt: skip

    def strangers(self, n: int, seed: int) -> np.ndarray:
        """What that eye makes of n random pairs of different patients that are no pair of the finder's, in any turn."""
        generator, pairs = np.random.default_rng(seed), set(self.own[["a", "b"]].itertuples(index=False, name=None))
        seen: list[float] = []
        while len(seen) < n:
            a, b = sorted(generator.integers(len(self.table), size=2))
            if self.groups[a] != self.groups[b] and (a, b) not in pairs:
                seen.append(max(fine_likeness(self.picture(a), self.picture(b), turn) for turn in TURNS))
        return np.array(seen)


def fine_likeness(one: Image.Image, other: Image.Image, turn: str) -> float:
    """Correlation of fine structure of two images at 256 pixels, the first turned as told, over shifts of ± 2 px."""
    sides = [np.asarray(image.convert("L").resize((256, 256), Image.Resampling.BILINEAR)) for image in (one, other)]
    sides[0] = np.ascontiguousarray(turned(sides[0], TURNS.index(turn)))
    shown = np.all(
        [minimum_filter(maximum_filter(side, 9) - minimum_filter(side, 9) > 6, 25) for side in sides], axis=0
    )
    first, second = (side - gaussian_filter(side.astype(float), 4) for side in sides)
    best, inner = 0.0, (slice(2, 254), slice(2, 254))
    where = shown[inner]
    if where.sum() < 1000:
        return best
    for y in range(-2, 3):
        for x in range(-2, 3):
            moved = second[2 + y : 254 + y, 2 + x : 254 + x]
            best = max(best, float(np.corrcoef(first[inner][where], moved[where])[0, 1]))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"sets; all of {', '.join(NAMES)} if none is named")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rows = []
    for name in asked.names or NAMES:
        begun = time.perf_counter()
        beside = Beside(name, asked.images, asked.seed)
        across = beside.own[beside.own["across"] & (beside.own["kind"] == "near")]
        strangers = beside.strangers(_STRANGERS, asked.seed)
        print(f"{name}: {len(beside.table):,} images, {len(beside.chosen)} copied in {len(CHANGES)} ways; untouched: "
              f"{len(beside.own):,} pairs, {len(across)} near ones of different {beside.unit}, {across['sure'].sum()} "
              f"confirmed (by {_SURE} or more; strangers reach {strangers.max():.2f})", flush=True)  # fmt: skip
        for way, (goal, change, turn) in CHANGES.items():
            rows.append({"set": name, "way": way, "goal": goal, **beside.ask(change, turn)})
        print(f"  {time.perf_counter() - begun:.0f} s", flush=True)
    table = pd.DataFrame(rows)
    print_table(table)


def print_table(table: pd.DataFrame) -> None:
    shown = table.assign(recall=table["found"] / table["copies"]).pivot(index="way", columns="set", values="recall")
    shown = shown.loc[list(CHANGES), [name for name in NAMES if name in set(table["set"])]]
    every = table.groupby("way")[["found", "copies"]].sum()
    shown["all"] = every["found"] / every["copies"]
    print("\nrecall: copies paired with their original, in the right turn")
    print(shown.rename_axis(None).rename_axis(None, axis=1).to_string(float_format=lambda value: f"{value:.3f}"))
    for goal, limit in GOALS.items():
        of = table[table["goal"] == goal]
        print(f"{goal}: {of['found'].sum() / of['copies'].sum():.3f} (goal {limit})")
    print(f"paired, but in another turn than was done: {(table['paired'] - table['found']).sum()} of all copies")
    asked = table[table["goal"] != ""].groupby("set")[["right", "wrong", "neighbours"]].sum()
    for name, row in [*asked.loc[[n for n in NAMES if n in asked.index]].iterrows(), ("all", asked.sum())]:
        precision = row["right"] / max(1, row["right"] + row["wrong"])
        print(f"precision {name}: {precision:.4f} ({row['right']:,} right, {row['wrong']:,} wrong, "
              f"{row['neighbours']:,} new between neighbouring frames; goal {PRECISION})")  # fmt: skip


if __name__ == "__main__":
    main()
