"""How fast ours is, side by side with what people would use instead, in one run.

    python benchmarks/speed [--whole] [--only ours fastai keras preparing starting layouts]

128 JPEGs of 1200 × 900 (quality 90) are drawn into a temporary folder. Then, one process at a time and each with all
cores: ours, fastai and Keras train four networks from scratch at 224 px, batch 16, three channels, Adam, two
classes, with a flip, a turn and a zoom; each peer in its quick start's form and in its tuned form, in an environment
of its own (built at the first run). Steps count only after warm ones. A rate is the median, in brackets the lowest
and the highest: of rounds of several steps for ours, of single steps for the peers. The short form, for between two
changes, asks ResNet-50 of everybody and VGG-16 of the tuned forms; --whole asks everything, forwards and backwards.

The tables are printed and kept in benchmarks/results/, which git ignores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import goals
import machine
import photos
import tables

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import environments  # noqa: E402

IMAGES, SIZE, BATCH = 128, 224, 16
# steps counted: fewer of a slow network, and in a short run fewer of ours, which has three forms and two rounds
SHORT = {"resnet50": 3, "vgg16": 2}
SHORT_OURS = {"resnet50": 2, "vgg16": 1}
WHOLE = {"resnet50": 8, "vgg16": 4, "mobilenet_v2": 8, "densenet161": 4, "densenet201": 6}
NETWORKS = tuple(WHOLE)
PARTS = ("ours", "fastai", "keras", "preparing", "starting", "layouts")
QUIET = 0.1  # cores that others may keep busy before the tables carry a warning
WARM = 2  # steps of a peer before those that count: the first compiles, the second still allocates


def main() -> int:
    asked = arguments()
    started = time.monotonic()
    facts = machine.describe()
    print(machine.in_words(facts), flush=True)
    facts["busy_before"] = machine.busy()
    if (facts["busy_before"] or 0) > QUIET:
        print(
            f"other processes keep {facts['busy_before']:.1f} cores busy: rates will be too low, and ratios uncertain"
        )
    cells: dict[tuple[str, str], dict] = {}  # (party, network) -> what its processes returned, joined over rounds
    other: dict[str, dict] = {}
    versions: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = photos.make_photos(Path(scratch) / "photos", IMAGES)
        files = list(folder.glob("*/*.jpg"))
        bytes_each = sum(f.stat().st_size for f in files) / len(files)
        what = f"{photos.WIDTH} × {photos.HEIGHT}, quality {photos.QUALITY}, {bytes_each / 1e3:.0f} kB each"
        print(f"{IMAGES} JPEGs of {what}", flush=True)
        for part, todo in other_parts(asked, folder):
            other[part] = run(HERE / f"{part}.py", todo, Path(scratch))
        for script, python, party, todo in training_parts(asked, folder):
            print(f"{time.monotonic() - started:5.0f} s  {party}: {', '.join(todo['networks'])}", flush=True)
            result = run(script, todo, Path(scratch), python)
            versions[party.split()[0]] = result["versions"]
            for network, cell in result["cells"].items():
                join(cells, (party, network), cell)
    print(report(cells, other, facts))
    wall = time.monotonic() - started
    print(f"\n{wall / 60:.1f} minutes")
    kept = {
        "machine": facts, "versions": versions, "whole": asked.whole, "seconds": round(wall), "batch": BATCH, "size": SIZE,
        "images": IMAGES, "bytes_each": round(bytes_each), "other": other,
        "cells": [{"party": party, "network": network, **cell} for (party, network), cell in cells.items()],
    }  # fmt: skip
    results = HERE.parent / "results"
    results.mkdir(exist_ok=True)
    name = f"{datetime.now():%Y%m%d-%H%M%S}-{'whole' if asked.whole else 'short'}.json"
    (results / name).write_text(json.dumps(kept, indent=1), encoding="utf-8")
    print(f"kept as benchmarks/results/{name}")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--whole", action="store_true", help="all networks, forms and layouts, forwards and backwards")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=f"some of: {' '.join(PARTS)}")
    asked = parser.parse_args()
    asked.parts = asked.only or [p for p in PARTS if asked.whole or p != "layouts"]
    return asked


def other_parts(asked: argparse.Namespace, folder: Path) -> list[tuple[str, dict]]:
    """What is measured beside training: script and job."""
    common = {"photos": str(folder), "size": SIZE, "batch": BATCH, "threads": machine.cores()}
    jobs = {
        "preparing": {**common, "rounds": 9 if asked.whole else 3},
        "starting": {**common, "rounds": 5 if asked.whole else 1},
        "layouts": {
            **common,
            "rounds": 3,
            "sizes": [64, 224],
            "networks": [*NETWORKS[:4], "small_cnn", "separable_cnn"],
        },
    }
    return [(part, todo) for part, todo in jobs.items() if part in asked.parts]


def training_parts(asked: argparse.Namespace, folder: Path) -> list[tuple[Path, Path, str, dict]]:
    """Every training process in its order: script, interpreter, party, job.

    A short run has two networks and leaves out the patched fastai and the quick starts' VGG-16, a step of which takes
    ten seconds on two cores. The whole run goes through all parties twice, the second time backwards.
    """
    whole = asked.whole
    steps = WHOLE if whole else SHORT
    networks = tuple(steps)
    common = {"photos": str(folder), "size": SIZE, "batch": BATCH, "threads": machine.cores(), "steps": steps}
    parties = []
    if "ours" in asked.parts:
        forms = {n: ["epoch"] if n in goals.STANDS_IN.values() else ["epoch", "augmented", "bare"] for n in networks}
        job = {**common, "forms": forms, "networks": list(networks), "colour": "rgb", "rounds": 1 if whole else 2}
        job["steps"] = steps if whole else SHORT_OURS
        parties.append((HERE / "ours.py", Path(sys.executable), "ours", job))
    for peer, of_four in (("fastai", "densenet161"), ("keras", "densenet201")):
        if peer not in asked.parts:
            continue
        try:
            python = environments.python_of(peer, HERE / "peers" / f"{peer}.txt")
        except environments.Unavailable as error:
            print(f"not measured: {error}", flush=True)
            continue
        theirs = [n for n in (*NETWORKS[:3], of_four) if n in networks]
        for form in ("quick", "tuned", "patched") if peer == "fastai" and whole else ("quick", "tuned"):
            job = {**common, "form": form, "warm": WARM}
            job["networks"] = theirs[:1] if form == "quick" and not whole else theirs
            parties.append((HERE / "peers" / f"with_{peer}.py", python, f"{peer} {form}", job))
    rounds = [parties, parties[::-1]] if whole else [parties]
    return [
        (script, python, party, {**job, "first": number, "fit": whole and number == 0})
        for number, round_ in enumerate(rounds)
        for script, python, party, job in round_
    ]


def run(script: Path, todo: dict, scratch: Path, python: Path = Path(sys.executable)) -> dict:
    """Run one measuring process and read what it found. Raises SystemExit with its last words when it fails."""
    asked, answer = scratch / "job.json", scratch / "result.json"
    asked.write_text(json.dumps(todo), encoding="utf-8")
    answer.unlink(missing_ok=True)
    environment = {**os.environ, **machine.thread_settings(), "PYTHONWARNINGS": "ignore"}
    command = [str(python), str(script), str(asked), str(answer)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{script.name} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(answer.read_text(encoding="utf-8"))


def join(cells: dict[tuple[str, str], dict], key: tuple[str, str], cell: dict) -> None:
    """Add a round's seconds to those of the rounds before it."""
    if key not in cells:
        cells[key] = cell
    elif isinstance(cell["seconds"], list):
        cells[key]["seconds"] += cell["seconds"]
    else:
        for form, seconds in cell["seconds"].items():
            cells[key]["seconds"][form] += seconds


def report(cells: dict[tuple[str, str], dict], other: dict[str, dict], facts: dict) -> str:
    """All tables and goals as text."""
    rates: dict[str, dict[str, goals.Rate]] = {}
    parameters: dict[str, dict[str, int]] = {}
    for (party, network), cell in cells.items():
        row = rates.setdefault(network, {})
        parameters.setdefault(network, {})[party.split()[0]] = cell["parameters"]
        if party == "ours":
            row |= {form: goals.rate(cell["images"], seconds) for form, seconds in cell["seconds"].items()}
        else:
            row[party] = goals.rate(cell["images"], cell["seconds"])
    ours = {network: cell["seconds"] for (party, network), cell in cells.items() if party == "ours"}
    found = goals.goals(ours, {n: rates[n] for n in NETWORKS if n in rates})
    blocks = []
    if rates:
        blocks += ["images/s while training, median (lowest–highest)\n" + tables.training(rates)]
        blocks += ["parameters\n" + tables.sizes(parameters)]
    if "preparing" in other:
        found += goals.preparing_goals(other["preparing"]["seconds"], facts["cores"])
        blocks.append(tables.preparing(other["preparing"]))
    if "starting" in other:
        found += goals.starting_goals(other["starting"]["seconds"])
        blocks.append(tables.starting(other["starting"]))
    if "layouts" in other:
        blocks.append(tables.layouts(other["layouts"]["cells"]))
    fits = {network: cell["fit"] for (_, network), cell in cells.items() if "fit" in cell}
    if fits:
        blocks.append("as fit itself reports: " + ", ".join(f"{n} {r:.1f} images/s" for n, r in fits.items()))
    return "\n\n".join(["", *blocks, tables.goals(found)])


if __name__ == "__main__":
    sys.exit(main())
