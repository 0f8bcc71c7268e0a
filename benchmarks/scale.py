"""What grows with the number of images: scan, second scan, equal pictures, cache, one pass of batches.

    python -m benchmarks.scale SCRATCH [--images 10000 30000] [--side 256] [--size 64]
                                      [--table docs/results/scale.csv]

Made images (grey JPEGs of `--side` px from seeded noise over one common shape, three in a hundred of them copies of
another one, changed as copies are) are written once below SCRATCH, 1.5 GB for 100,000, and found again by the next call.
Their cache is of `--size` px. Small images are the harder test: what is done for each weighs more than its pixels.
Each step is a process of its own, so that its memory is its own: seconds, images a second, processor seconds by the
clock (2 where both cores of a machine are busy), the most memory held (peak) and of it the part that is not pages of a
file, which the system can take back at any time (own). The scan is also cut (SIGKILL) in its middle and resumed; what
it then says must be what the uncut one said. Of the planted copies is told how many were found.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

BLOCK = 10_000  # images that are made together; a set is made of links to blocks
COPIES = 0.03
CLASSES = {"even": "even", "odd": "odd"}
STEPS = ("first scan", "second scan", "resumed scan", "equal pictures", "cache", "batches")
WAYS = ("same file", "half size", "mirrored", "turned by 90°", "JPEG quality 25", "brighter")
MEMORY_MB, SHARE_OF_FIRST = 1536, 0.10  # the goals


# ---- images ----------------------------------------------------------------------------------------------------------


def make_block(place: Path, block: int, side: int) -> None:
    """BLOCK images in two folders, and truth.csv with the copies (a, b, way); nothing where they lie there already."""
    if (place / "truth.csv").exists():
        return
    half = place.with_name(f".{place.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    for label in CLASSES:
        (half / label).mkdir(parents=True)
    generator = np.random.default_rng([7, block])
    common = _noise(np.random.default_rng(7), 6, side) + _noise(np.random.default_rng(8), 24, side)
    truth, names = [], []
    for number in range(BLOCK):
        label = list(CLASSES)[number % 2]
        name = f"{label}/{block:03d}-{number:05d}.jpg"
        if number > 100 and generator.random() < COPIES:
            of, way = names[generator.integers(len(names))], WAYS[generator.integers(len(WAYS))]
            _copy(half / of, half / name, way)
            truth.append((of, name, way))
        else:
            grey = 128 + 28 * common + 22 * _noise(generator, 12, side) + 16 * _noise(generator, 64, side)
            Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(half / name, quality=85)
            names.append(name)
    pd.DataFrame(truth, columns=["a", "b", "way"]).to_csv(half / "truth.csv", index=False)
    half.rename(place)


def _noise(generator: np.random.Generator, cells: int, side: int) -> np.ndarray:
    """float32 (side, side): soft shapes, about so many along a side, with a spread of about 1."""
    small = Image.fromarray(generator.standard_normal((cells, cells), np.float32) * 1.5)
    return np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))


def _copy(of: Path, to: Path, way: str) -> None:
    if way == "same file":
        shutil.copyfile(of, to)
        return
    with Image.open(of) as image:
        if way == "half size":
            image = image.resize((image.width // 2, image.height // 2))
        elif way == "mirrored":
            image = ImageOps.mirror(image)
        elif way == "turned by 90°":
            image = image.transpose(Image.Transpose.ROTATE_90)
        elif way == "brighter":
            image = image.point(lambda grey: min(255, grey + 30))
        image.save(to, quality=25 if way == "JPEG quality 25" else 85)


def make_set(scratch: Path, n_images: int, side: int) -> tuple[Path, pd.DataFrame]:
    """The folder of a set of so many images, links to blocks, and its copies as image_ids."""
    truth, folder = [], scratch / f"set-{n_images}-{side}"
    for block in range(n_images // BLOCK):
        place = scratch / f"blocks-{side}" / f"{block:03d}"
        make_block(place, block, side)
        for label in CLASSES:
            link = folder / label / f"{block:03d}"
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to((place / label).resolve(), target_is_directory=True)
        of_block = pd.read_csv(place / "truth.csv")
        inside = {side: of_block[side].str.replace("/", f"/{block:03d}/", n=1) for side in ("a", "b")}
        truth.append(of_block.assign(**inside))
    return folder, pd.concat(truth, ignore_index=True)


# ---- a step, in the child --------------------------------------------------------------------------------------------


def look(folder: Path, memory: Path) -> tuple[pd.DataFrame, np.ndarray]:
    from scanbook.loaders.manifest import build_manifest

    return build_manifest(folder, layout="class_folders", classes=CLASSES, group="", memory=memory, rules="benchmark")


def step(name: str, folder: Path, work: Path, size: int) -> dict:
    """Do one step and measure it."""
    from scanbook.loaders import files, integrity, manifest

    table, facts = work / "manifest.csv", {}
    if name.endswith("scan"):
        memory = work / ("cut.sqlite" if name in ("cut scan", "resumed scan") else "seen.sqlite")
        seen, cost = measured(lambda: look(folder, memory))
        facts["says"] = hashlib.sha256(seen[0].to_csv(index=False).encode() + seen[1].tobytes()).hexdigest()
        if name == "first scan":
            files.write_csv_atomically(seen[0], table)
    elif name == "equal pictures":
        seen, views = look(folder, work / "seen.sqlite")

        def tie() -> pd.DataFrame:
            pairs = integrity.pairs_of(seen, views)
            integrity.regroup(seen, pairs)
            return pairs

        pairs, cost = measured(tie)
        files.write_csv_atomically(pairs, work / "pairs.csv")
    elif name == "cache":
        from scanbook.loaders.cache import cached_images

        known = manifest.read_manifest(table)
        shutil.rmtree(work / "cache", ignore_errors=True)
        _, cost = measured(lambda: cached_images(known, folder, work / "cache", size=size, fit="pad", colour="grey",
                                                 equalise="none"))  # fmt: skip
    else:
        cost = batches(manifest.read_manifest(table), folder, work, size)
    return cost | facts


def batches(known: pd.DataFrame, folder: Path, work: Path, size: int) -> dict:
    import torch

    from scanbook.loaders.augment import AugmentSpec
    from scanbook.loaders.batches import Batches
    from scanbook.loaders.cache import cached_images

    images = cached_images(known, folder, work / "cache", size=size, fit="pad", colour="grey", equalise="none")
    labels = (known["label"] == "odd").to_numpy().astype(np.int64)
    spec = AugmentSpec(flip_horizontal=0.5, rotate_deg=10, shift=0.05, brightness=0.1)

    def one_pass() -> float:
        shown = Batches(images, labels, np.arange(len(images)), image_ids=list(known["image_id"]), batch=64, augment=spec,
                        shuffle=True)  # fmt: skip
        return float(sum(torch.mean(pixels) for pixels, _, _ in shown.epoch(0)))

    return measured(one_pass)[1]


def measured(do: Callable) -> tuple[object, dict]:
    """What `do` returns, and what it cost: seconds, busy (processor seconds a second), and in MB peak and own."""
    own, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            own[0] = max(own[0], memory_mb("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun, used = time.perf_counter(), _cpu()
    try:
        result = do()
    finally:
        seconds, used = time.perf_counter() - begun, _cpu() - used
        over.set()
        watcher.join()
    return result, {"seconds": seconds, "busy": used / seconds, "peak": memory_mb("VmHWM"), "own": own[0]}


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def memory_mb(name: str) -> float:
    """VmHWM (the most ever held) or RssAnon (held now, file pages left out) of this process."""
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) / 1024


# ---- all steps, in the parent ----------------------------------------------------------------------------------------


def child(name: str, folder: Path, work: Path, size: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "benchmarks.scale", str(folder), "--step", name, "--work", str(work)]
    one = os.environ | {"OMP_NUM_THREADS": "1"}  # as the profiles sample and quick train; decoding has its own threads
    return subprocess.Popen([*command, "--size", str(size)], stdout=subprocess.PIPE, text=True, env=one)


def perform(name: str, folder: Path, work: Path, size: int) -> dict:
    process = child(name, folder, work, size)
    answer = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"step {name!r} ended with {process.returncode}")
    return json.loads(answer.splitlines()[-1])


def cut_in_its_middle(folder: Path, work: Path, after: float, size: int) -> int:
    """Kill a scan after so many seconds; returns how many files it remembered."""
    process = child("cut scan", folder, work, size)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with sqlite3.connect(work / "cut.sqlite") as memory:
        return memory.execute("SELECT count(*) FROM seen").fetchone()[0]


def grow(scratch: Path, n_images: int, side: int, size: int) -> list[dict]:
    """All steps for one number of images: a row each."""
    begun = time.perf_counter()
    folder, truth = make_set(scratch, n_images, side)
    print(f"{n_images:,} images of {side} px lie there after {time.perf_counter() - begun:.0f} s", flush=True)
    work = scratch / f"work-{n_images}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    rows, remembered = [], 0
    for name in STEPS:
        if name == "resumed scan":
            remembered = cut_in_its_middle(folder, work, rows[0]["seconds"] / 2, size)
        cost = perform(name, folder, work, size)
        rows.append({"images": n_images, "px": side, "step": name, **cost})
        rows[-1]["images/s"] = (n_images - remembered if name == "resumed scan" else n_images) / cost["seconds"]
        print(f"  {name}: {cost['seconds']:.1f} s", flush=True)
    if len({row["says"] for row in rows if "says" in row}) > 1:
        raise SystemExit("the scans do not say the same")
    print(f"  cut scan: {remembered:,} files were remembered, {n_images - remembered:,} left for the resumed one")
    print(f"  {found(truth, work)}", flush=True)
    shutil.rmtree(work)
    return rows


def found(truth: pd.DataFrame, work: Path) -> str:
    """How many planted copies are tied to what they are copies of, and how many pairs tie anything else."""
    pairs = pd.read_csv(work / "pairs.csv")
    root: dict[str, str] = dict(zip(truth["b"], truth["a"], strict=True))
    of = {name: root.get(name, name) for name in {*pairs["a"], *pairs["b"], *truth["a"], *truth["b"]}}
    right = pairs["a"].map(of) == pairs["b"].map(of)
    tied = {name for side in ("a", "b") for name in pairs.loc[right, side]}
    missed = truth[~truth["b"].isin(tied)]
    ways = f"; missed: {missed['way'].value_counts().to_dict()}" if len(missed) else ""
    return (f"copies: {len(truth) - len(missed):,} of {len(truth):,} found; pairs: {right.sum():,} right, "
            f"{(~right).sum():,} wrong{ways}")  # fmt: skip


def judge(table: pd.DataFrame) -> None:
    """Print the table and the goals."""
    shown = table[["images", "step", "seconds", "images/s", "busy", "peak", "own"]]
    print("\n" + shown.to_string(index=False, formatters={
        "images": "{:,}".format, "seconds": "{:.1f}".format, "images/s": "{:,.0f}".format, "busy": "{:.2f}".format,
        "peak": "{:,.0f} MB".format, "own": "{:,.0f} MB".format}))  # fmt: skip
    seconds = table.pivot(index="images", columns="step", values="seconds")
    for n_images, row in seconds.iterrows():
        print(f"{n_images:,}: second scan {row['second scan'] / row['first scan']:.1%} of the first (goal "
              f"{SHARE_OF_FIRST:.0%}); most memory {table.loc[table['images'] == n_images, 'peak'].max():,.0f} MB (goal "
              f"{MEMORY_MB:,} MB)")  # fmt: skip
    if len(seconds) > 1:
        few, many = seconds.index[0], seconds.index[-1]
        power = np.log(seconds.loc[many] / seconds.loc[few]) / np.log(many / few)
        print(f"seconds grow as n to the power of (1 is linear, 2 quadratic), {few:,} to {many:,}: "
              + ", ".join(f"{name} {power[name]:.2f}" for name in STEPS))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scratch", type=Path, help="a folder of your own; nothing else in it is touched")
    parser.add_argument("--images", nargs="+", type=int, default=[10_000, 30_000], help=f"multiples of {BLOCK:,}")
    parser.add_argument("--side", type=int, default=256, help="px of the images")
    parser.add_argument("--size", type=int, default=64, help="px of the cached images")
    parser.add_argument("--table", type=Path, help="CSV to write, rows of other numbers of images in it are kept")
    parser.add_argument("--step", help=argparse.SUPPRESS)  # the child's
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(step(asked.step, asked.scratch, asked.work, asked.size)))
        return
    if any(n < BLOCK or n % BLOCK for n in asked.images):
        parser.error(f"--images: multiples of {BLOCK:,}")
    asked.scratch.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame([row for n in sorted(asked.images) for row in grow(asked.scratch, n, asked.side, asked.size)])
    judge(table)
    if asked.table:
        write(table, asked.table)


def write(table: pd.DataFrame, to: Path) -> None:
    from scanbook.loaders import files
    from scanbook.report import provenance

    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    made = {"commit": commit.stdout.strip(), "machine": f"{provenance.cores()} cores, {provenance.processor()}"}
    table = (
        table.drop(columns="says").round({"seconds": 2, "busy": 2, "peak": 0, "own": 0, "images/s": 0}).assign(**made)
    )
    if to.exists():
        old = pd.read_csv(to)
        again = old.set_index(["images", "px"]).index.isin(table.set_index(["images", "px"]).index)
        table = pd.concat([old[~again], table])
    files.write_csv_atomically(table.sort_values(["px", "images"], kind="stable"), to)


if __name__ == "__main__":
    main()
