"""Draw docs/phantoms.webp: examples of every phantom set by class, with the outline of what gives the class.

    python benchmarks/phantom_sheet.py [--out docs/phantoms.webp] [--seed 0]

The tile at the right end of each class repeats its neighbour with the mask's outline. Kept below 250 kB.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.gridspec import GridSpec
from PIL import Image

from scanbook.phantoms import NAMES, make_phantoms

TILES = 8
LIMIT_BYTES = 250_000
OUTLINE = "#ffb000"


def pick(truth: pd.DataFrame, n: int) -> pd.DataFrame:
    """The first image of each of `n` patients, as evenly spread over the patients as it goes."""
    first = truth[truth["label"] == truth["true_label"]].groupby("patient", sort=True).head(1)
    return first.iloc[np.linspace(0, len(first) - 1, min(n, len(first))).astype(int)]


def draw_set(figure: plt.Figure, spec: GridSpec, row: int, name: str, folder: Path, seed: int) -> None:
    """One row of the sheet: the classes of a set side by side."""
    root = make_phantoms(name, folder, seed=seed, patients=30)
    truth = pd.read_csv(folder / "truth" / f"{name}.csv")
    classes = sorted(truth["label"].unique())
    shares = [len(part) for part in np.array_split(np.arange(TILES), len(classes))]
    column = 0
    with np.load(folder / "truth" / f"{name}-masks.npz") as masks:
        for label, tiles in zip(classes, shares, strict=True):
            of_class = truth[truth["label"] == label]
            outlined = (of_class["lesion_share"] > 0).any()
            chosen = pick(of_class, tiles - 1 if outlined else tiles)["image_id"].tolist()
            chosen += [chosen[-1]] * (tiles - len(chosen))
            for tile, image_id in enumerate(chosen):
                axes = figure.add_subplot(spec[row, column + tile])
                with Image.open(root / image_id) as picture:
                    axes.imshow(picture.convert("L"), cmap="gray", vmin=0, vmax=255)
                axes.set_anchor("NW")
                if outlined and tile == tiles - 1:
                    axes.contour(masks[image_id], levels=[0.5], colors=OUTLINE, linewidths=1.0)
                axes.set_axis_off()
                if tile == 0:
                    axes.set_title(f"{name}: {label}" if column == 0 else label, fontsize=9, loc="left")
            column += tiles


def save(figure: plt.Figure, out: Path) -> int:
    """Write the sheet as WebP (or PNG, by suffix), as good as the limit allows; returns its bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format="png")
    sheet = Image.open(buffer).convert("RGB")
    for quality in (85, 75, 65, 55, 45, 35):
        packed = io.BytesIO()
        sheet.save(packed, out.suffix[1:].upper(), quality=quality, method=6)
        if packed.tell() < LIMIT_BYTES:
            break
    else:
        raise ValueError(f"{out.name}: {packed.tell()} bytes even at quality {quality}; fewer tiles are needed")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(packed.getvalue())
    return packed.tell()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "phantoms.webp")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    package = Path(__import__("scanbook").__file__).parent / "phantoms"
    names = [name for name in NAMES if (package / f"{name}.py").is_file()]
    figure = plt.figure(figsize=(12.5, 1.85 * len(names)))
    spec = GridSpec(len(names), TILES, figure, 0.01, 0.01, 0.99, 0.96, wspace=0.03, hspace=0.17)
    with tempfile.TemporaryDirectory() as scratch:
        for row, name in enumerate(names):
            draw_set(figure, spec, row, name, Path(scratch), arguments.seed)
        size = save(figure, arguments.out)
    print(f"{arguments.out}: {', '.join(names)}; {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
