"""Crops of coronary angiograms: a contrast-filled vessel tree, with or without a stenosis of its main branch.

Modelled: iodine in a swept-ball lumen, absorbed by Beer and Lambert (`radiograph`); side branches, vessels of
another depth crossing (paths add), a catheter; behind them ribs or spine (bands), the border of diaphragm or
heart (a step), lung and fine vessels (noise of several widths); motion blur, quantum noise, automatic
exposure. A stenosis is a smooth local loss of diameter, often to one side; every vessel also tapers and has
small irregularities, so that "somewhere narrower" alone is not the class.

A patient has two frames of one run: the same tree moved by an affine map and a bend, with another filling.
A quarter of the patients also have turned, mirrored or resized copies of a frame, as the student's folder had
before any split was made: in a split by image they leak.

Not modelled: the tree in three dimensions, wall calcium, collaterals, digital subtraction, table motion.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from .frame import Frame
from .radiograph import chords, cloud, detect, meter, smear, transmitted
from .shapes import grid, patient_rng, soft_step, to_uint8

Array = np.ndarray
PATIENTS = 200
SIZE = 128
STREAM = 21
MM = 0.16  # one pixel in mm: the crop is a fifth of an angiogram's width
COPIES = ("rotated_90", "rotated_270", "flipped_1", "resized")
GRID = grid(SIZE, SIZE)


def patient_frames(index: int, n_patients: int, seed: int) -> list[Frame]:
    """Two frames of a patient, and for one in four also offline copies of them; see `Frame`."""
    if not 0 <= index < n_patients <= 999:
        raise ValueError(f"artery: patient {index} of {n_patients}; the names hold three digits, so 1 to 999")
    rng = patient_rng(seed, index, STREAM)
    sick = index % 2 == 1
    tree = _tree(rng, sick)
    scene = _scene(rng)
    patient = f"14_{index + 1:03d}"
    video, first = int(rng.integers(1, 6)), int(rng.integers(8, 40))
    label = "positive" if sick else "negative"
    frames = []
    for k in range(2):
        name = f"{label}/{patient}_{video}_{first + int(rng.integers(3, 9)) * k:04d}_{label[:3]}"
        image, mask = _draw(rng, tree, scene)
        truth = {"copy_of": "", "copy": "", **tree["truth"], **scene["truth"]}
        frames.append(Frame(f"{name}.png", patient, label, image, mask, truth))
    if rng.random() < 0.25:
        original = frames[int(rng.integers(2))]
        for kind in rng.choice(COPIES, size=int(rng.integers(1, 3)), replace=False):
            frames.append(_copied(original, str(kind), int(rng.integers(100, 161))))
    return frames


def _copied(frame: Frame, kind: str, side: int) -> Frame:
    """The offline copy a student's script would have written beside the original."""
    turns = {"rotated_90": 1, "rotated_270": 3}
    if kind == "resized":
        image = np.asarray(Image.fromarray(frame.image).resize((side, side), Image.Resampling.BILINEAR))
        mask = np.asarray(Image.fromarray(frame.mask).resize((side, side), Image.Resampling.NEAREST))
    elif kind == "flipped_1":
        image, mask = frame.image[:, ::-1], frame.mask[:, ::-1]
    else:
        image, mask = np.rot90(frame.image, turns[kind]), np.rot90(frame.mask, turns[kind])
    name = frame.image_id.removesuffix(".png") + f"_{kind}.png"
    truth = {**frame.truth, "copy_of": frame.image_id, "copy": kind}
    return Frame(name, frame.patient, frame.label, image.copy(), mask.copy(), truth)


def _curve(rng: np.random.Generator, start: Array, heading: float, length: float, bend: float) -> Array:
    """Points (n, 2) every 1.5 px of a line whose direction wanders smoothly by about `bend` radians."""
    n = max(4, int(length / 1.5))
    t = np.linspace(0, 1, n)
    turn = bend * (rng.normal() * t + 0.6 * rng.normal() * np.sin(2 * np.pi * (t + rng.random())))
    angle = heading + turn - turn[0]
    steps = np.stack([np.sin(angle), np.cos(angle)], 1) * (length / n)
    return start + np.cumsum(steps, 0)


def _tree(rng: np.random.Generator, sick: bool) -> dict:
    """The patient's vessels in pixels of a reference frame centred at 0.

    Returns lumens: list of (points, radii) (the main one first), crossing: the same for vessels at another
    depth, healthy: the main radii without the lesion, segment: indices of the narrowed points, truth.
    """
    heading = rng.normal(0.5, 0.7)  # angiograms come in a few standard projections
    radius = rng.uniform(9.5, 13.0)
    half = 0.75 * SIZE
    back = _curve(rng, np.zeros(2), heading + np.pi, half, 0.5)
    main = np.concatenate([back[::-1], _curve(rng, np.zeros(2), heading, half, 0.5)])
    main = main + rng.normal(0, 0.06 * SIZE, 2)
    n = len(main)
    s = np.linspace(-half, half, n)
    ripple = sum(rng.normal() * np.cos(s / w + rng.uniform(0, 6.3)) for w in (5, 9, 17, 31)) * 0.022
    healthy = radius * (1 - rng.uniform(0.0, 0.35) * s / half) * (1 + ripple)
    where = rng.uniform(-0.12, 0.12) * SIZE
    narrowing = rng.uniform(0.64, 0.84) if sick else 0.0
    reach = radius * rng.uniform(1.9, 2.7)  # half length of the lesion
    shape = np.exp(-(np.square((s - where) / (0.75 * reach)) ** 1.3))
    shape = shape * (1 + 0.12 * np.sin(s / (0.3 * radius) + rng.uniform(0, 6.3)))
    starved = rng.uniform(0.1, 0.45) * narrowing  # behind a tight lesion less contrast arrives
    beyond = starved / (1 + np.exp(-(s - where) / radius))
    radii = healthy * (1 - narrowing * shape) * (1 - beyond)
    normal = np.gradient(main, axis=0)[:, ::-1] * np.array([1, -1])
    normal /= np.hypot(*normal.T)[:, None]
    side = rng.uniform(-0.8, 0.8)  # an eccentric plaque pushes the lumen to one wall
    lumens = [(main + normal * ((healthy - radii) * side)[:, None], radii)]
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(int(0.15 * n), int(0.85 * n)))
        along = np.arctan2(*(main[min(at + 2, n - 1)] - main[at - 2]))
        turn = rng.uniform(0.5, 1.2) * rng.choice([-1, 1])
        twig = _curve(rng, main[at], along + turn, rng.uniform(0.3, 0.9) * SIZE, 0.9)
        lumens.append((twig, radius * rng.uniform(0.2, 0.55) * np.linspace(1, 0.45, len(twig))))
    for _ in range(int(rng.integers(0, 4))):
        at = int(rng.integers(int(0.2 * n), int(0.8 * n)))
        twig = _curve(rng, main[at], rng.uniform(0, 6.3), rng.uniform(0.2, 0.5) * SIZE, 1.5)
        lumens.append((twig, np.linspace(1.6, 0.9, len(twig))))
    crossing = []
    for _ in range(int(rng.integers(0, 3))):
        start = rng.uniform(-0.7, 0.7, 2) * SIZE
        line = _curve(rng, start, rng.uniform(0, 6.3), SIZE * rng.uniform(0.6, 1.4), 0.9)
        crossing.append((line, radius * rng.uniform(0.15, 0.5) * np.linspace(1, 0.6, len(line))))
    truth = {
        "radius_px": float(radius),
        "narrowing": float(narrowing),
        "narrowest_ratio": float((radii / healthy)[np.abs(s) < SIZE / 2].min()),
        "lesion_length_px": float(2 * reach) if sick else 0.0,
    }
    segment = np.flatnonzero(np.abs(s - where) <= reach) if sick else np.array([], int)
    return {
        "lumens": lumens,
        "crossing": crossing,
        "main": main,
        "healthy": healthy,
        "segment": segment,
        "truth": truth,
    }


def _scene(rng: np.random.Generator) -> dict:
    """What lies before and behind the heart, and how the device is set: the same for both frames."""
    return {
        "bands": [
            (rng.uniform(0, np.pi), rng.uniform(-60, 60), rng.uniform(8, 22), rng.uniform(2, 6))
            for _ in range(int(rng.integers(0, 3)))
        ],
        "step": (rng.uniform(0, 2 * np.pi), rng.uniform(-50, 70), max(0.0, rng.uniform(-6, 14)), rng.uniform(3, 14)),
        "texture": rng.uniform(0.5, 1.0),
        "catheter": rng.random() < 0.25,
        "photons": rng.uniform(350, 1500),
        "mean": rng.uniform(0.42, 0.66),
        "gain": rng.uniform(0.5, 0.9),
        "iodine": rng.uniform(90, 180),  # mg/ml
        "truth": {},
    }


def _moved(rng: np.random.Generator) -> tuple[Array, Array, float]:
    """A beat's motion of the reference frame: matrix, shift, bend."""
    turn, scale = rng.normal(0, 0.08), rng.normal(1, 0.04)
    matrix = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return matrix, SIZE / 2 + rng.normal(0, 4, 2), rng.normal(0, 0.0008)


def _draw(rng: np.random.Generator, tree: dict, scene: dict) -> tuple[Array, Array]:
    """One frame: uint8 (SIZE, SIZE) and the mask of the narrowed segment."""
    y, x = GRID
    matrix, shift, bend = _moved(rng)

    def place(points: Array) -> Array:
        bent = points + bend * np.square(points[:, ::-1])
        return bent @ matrix.T + shift

    def path(vessels: list) -> Array:
        if not vessels:
            return np.zeros((SIZE, SIZE), np.float32)
        points = np.concatenate([place(p) for p, _ in vessels])
        radii = np.concatenate([r for _, r in vessels])
        near = ((points > -12) & (points < SIZE + 12)).all(1)
        return chords(y, x, points[near], radii[near]) if near.any() else np.zeros((SIZE, SIZE), np.float32)

    fill = scene["iodine"] * rng.uniform(0.75, 1.2)
    uneven = 1 + cloud(rng, (SIZE, SIZE), (50, 0.12))
    iodine = fill * uneven * (path(tree["lumens"]) + rng.uniform(0.5, 1) * path(tree["crossing"])) * MM
    if scene["catheter"]:
        iodine = iodine + _catheter(rng, y, x)
    iodine = smear(iodine, rng.uniform(0, 4), rng.uniform(0, np.pi))
    soft = 90 + _background(rng, scene, y, x)
    share = transmitted({"soft": soft, "iodine": iodine})
    counts = detect(rng, share, photons=scene["photons"], scatter=0.3, spot=0.8, detector=0.7)
    grey = meter(np.log(counts), mean=scene["mean"], gain=scene["gain"])
    mask = np.zeros((SIZE, SIZE), bool)
    if len(tree["segment"]):
        at = tree["segment"]
        mask = chords(y, x, place(tree["main"][at]), tree["healthy"][at]) > 0
    return to_uint8(grey), mask


def _background(rng: np.random.Generator, scene: dict, y: Array, x: Array) -> Array:
    """Millimetres of soft tissue (bone counted as soft tissue of equal absorption), about 0 on average."""
    tissue = cloud(rng, (SIZE, SIZE), (60, 5.0), (22, 2.2), (9, 1.3), (4, 0.9)) * scene["texture"]
    for angle, offset, width, thick in scene["bands"]:
        d = (x - SIZE / 2) * np.cos(angle) + (y - SIZE / 2) * np.sin(angle) - offset
        tissue = tissue + thick * soft_step(np.abs(d) - width, 5)
    angle, offset, thick, edge = scene["step"]
    d = (x - SIZE / 2) * np.cos(angle) + (y - SIZE / 2) * np.sin(angle) - offset
    along = (y - SIZE / 2) * np.cos(angle) - (x - SIZE / 2) * np.sin(angle)
    return tissue + thick * soft_step(offset * 0.2 - d + 0.002 * along**2, edge)


def _catheter(rng: np.random.Generator, y: Array, x: Array) -> Array:
    """A thin tube with a denser wall that enters from a border and hooks: mg/ml x mm of iodine."""
    start = np.array([-6.0, rng.uniform(0.1, 0.9) * SIZE])
    line = _curve(rng, start, np.pi / 2, rng.uniform(0.3, 0.6) * SIZE, 0.2)
    hook = np.cumsum(np.full(22, rng.choice([-1, 1]) * 0.16))
    steps = 1.8 * np.stack([np.sin(np.pi / 2 + hook), np.cos(np.pi / 2 + hook)], 1)
    line = np.concatenate([line, line[-1] + np.cumsum(steps, 0)])
    if rng.random() < 0.5:
        line = line[:, ::-1]
    if rng.random() < 0.5:
        line = SIZE - line
    outer = chords(y, x, line, np.full(len(line), 4.0))
    inner = chords(y, x, line, np.full(len(line), 2.8))
    return ((outer - inner) * 160 + inner * rng.uniform(20, 140)) * MM
