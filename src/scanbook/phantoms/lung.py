"""Axial chest CT slices in a lung window: normal, a small smooth nodule (benign), a large spiculated mass.

Modelled: Hounsfield units of air, lung, fat, muscle, blood and bone in an analytic thorax (body with fat and
muscle, rib arcs, vertebra, sternum, mediastinum with trachea or main bronchi, aorta and heart by level),
pulmonary vessels as a branching tree in three dimensions, so that neighbouring slices of a patient share and
lose them as real ones do; a nodule is a ball, a mass a knobbly ball with spicules and a halo, both cut by the
slice. CT noise has little power at low frequency, because reconstruction weights frequency by a ramp (Riederer,
Pelc and Chesler 1978); the table and the round field of view are drawn; the display is a window of given
centre and width.

Numbers follow the scans: three slices a patient, consecutive numbers within a class, no patient in the name,
as in the published set; whoever splits by image puts neighbours on both sides.

Not modelled: projections and their reconstruction (streaks, partial volume along z), contrast timing, fissures,
emphysema or other disease, arms.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .frame import Frame
from .radiograph import chords, cloud
from .shapes import ellipse_distance, grid, patient_rng, soft_step, to_uint8, turned, wobbles

Array = np.ndarray
PATIENTS = 240
SLICES = 3
SIZE = 128
STREAM = 23
FOLDERS = {"benign": "Bengin", "malignant": "Malignant", "normal": "Normal"}  # the source's spelling
SHARES = (1.0, 2.5, 2.0)  # patients: benign, malignant, normal
HU = {"air": -1000.0, "lung": -850.0, "fat": -100.0, "muscle": 45.0, "blood": 55.0, "bone": 550.0}
GRID = grid(SIZE, SIZE)


def class_of(index: int, n_patients: int) -> tuple[str, int]:
    """Class of a patient and his number within it: patients are counted class by class."""
    ends = np.round(np.cumsum(SHARES) / sum(SHARES) * n_patients).astype(int)
    kind = int(np.searchsorted(ends, index, side="right"))
    return list(FOLDERS)[kind], index - (int(ends[kind - 1]) if kind else 0)


def patient_frames(index: int, n_patients: int, seed: int) -> list[Frame]:
    """Three neighbouring slices of a patient; see `Frame`."""
    if not 0 <= index < n_patients:
        raise ValueError(f"lung: patient {index} of {n_patients}; allowed: 0 to {n_patients - 1}")
    rng = patient_rng(seed, index, STREAM)
    kind, within = class_of(index, n_patients)
    body = _body(rng)
    lesion = _lesion(rng, kind, body)
    fixed = _fixed(rng, body)
    step = rng.uniform(0.03, 0.06)  # between slices, in half widths of the body
    frames = []
    for k in range(SLICES):
        image, mask = _slice(rng, body, fixed, lesion, (k - 1) * step)
        name = f"{FOLDERS[kind]} cases/{FOLDERS[kind]} case ({within * SLICES + k + 1}).jpg"
        truth = {"slice": float(k), "level": body["level"], **lesion["truth"]}
        frames.append(Frame(name, f"{kind}-{within + 1:03d}", f"{FOLDERS[kind]} cases", image, mask, truth))
    return frames


def _body(rng: np.random.Generator) -> dict:
    """Anatomy and device of one patient. Lengths in half widths of the body; x to the picture's right."""
    level = rng.random()  # 0 at the aortic arch, 1 at the heart
    depth = rng.uniform(0.62, 0.78)
    body = {
        "level": level,
        "depth": depth,
        "fat": rng.uniform(0.03, 0.12),
        "wobble": wobbles(rng, 0.022, 4),
        "scale": SIZE * rng.uniform(0.37, 0.485),
        "centre": (SIZE * rng.normal(0.46, 0.025), SIZE * rng.normal(0.5, 0.02)),
        "turn": rng.normal(0, 0.05),
        "heart": (rng.uniform(0.27, 0.36), rng.uniform(0.06, 0.16), rng.uniform(0.32, 0.42)),
        "table": rng.uniform(0.04, 0.15),
        "wedge": rng.random() < 0.4,
        "window": (rng.normal(-500, 75), rng.uniform(1250, 1650)),
        "noise": rng.uniform(10, 45) if rng.random() < 0.85 else rng.uniform(60, 120),
        "tissue": rng.normal(HU["lung"], 25),
        "field": rng.random() < 0.7,
        "lungs": [],
    }
    for side in (-1, 1):
        lung = {
            "side": side,
            "cx": side * rng.uniform(0.41, 0.45),
            "cy": rng.normal(0.01, 0.03),
            "rx": rng.uniform(0.30, 0.345) + 0.03 * level,
            "ry": depth * rng.uniform(0.66, 0.73),
            "angle": side * rng.uniform(-0.05, 0.2),
            "wobble": wobbles(rng, 0.04, 4),
        }
        lung["vessels"] = _vessels(rng, side)
        body["lungs"].append(lung)
    return body


def _vessels(rng: np.random.Generator, side: int) -> tuple[Array, Array]:
    """Balls (n, 3) (y, x, z) and radii of a tree that forks five times from the hilum to the periphery.

    Only what the slices of this patient can cut is kept.
    """
    n_roots, n_steps, stride = 12, 7, 0.02
    tips = np.array([0.03, side * 0.22, 0.0]) + rng.normal(0, 0.05, (n_roots, 3))
    ways = rng.normal(0, 1, (n_roots, 3)) * (1, 0.6, 0.6) + (0, side * 1.0, 0)
    radius = rng.uniform(0.014, 0.027, n_roots)
    points, radii = [], []
    for _ in range(5):
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        wander = np.cumsum(rng.normal(0, 0.1, (len(tips), n_steps, 3)), 1)
        steps = np.arange(1, n_steps + 1)[None, :, None]
        lines = tips[:, None] + stride * (steps * ways[:, None] + wander)
        points.append(lines.reshape(-1, 3))
        radii.append(np.repeat(radius, n_steps))
        ends = lines[:, -1]
        tips = np.concatenate([ends, ends])
        ways = np.concatenate([ways, ways]) + rng.normal(0, 0.45, (len(tips), 3)) + (0, 0.15 * side, 0)
        radius = np.concatenate([radius * 0.85, radius * rng.uniform(0.5, 0.75, len(radius))])
    at, size = np.concatenate(points), np.concatenate(radii)
    near = np.abs(at[:, 2]) < 0.06 + size
    return at[near], size[near]


def _lesion(rng: np.random.Generator, kind: str, body: dict) -> dict:
    """What gives the class: place (y, x) in body coordinates, radius, shape; radius 0 for none."""
    radius = {"normal": 0.0, "benign": rng.uniform(0.10, 0.145), "malignant": rng.uniform(0.19, 0.3)}[kind]
    lung = body["lungs"][int(rng.integers(2))]
    angle, out = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0.05, 0.55))
    centre = np.array([lung["cy"] + np.sin(angle) * out * lung["ry"], lung["cx"] + np.cos(angle) * out * lung["rx"]])
    spikes = rng.integers(9, 17) if kind == "malignant" else 0
    return {
        "kind": kind,
        "radius": radius,
        "centre": centre,
        "wobble": wobbles(rng, 0.16 if kind == "malignant" else 0.03),
        "spikes": np.sort(rng.uniform(0, 2 * np.pi, spikes)),
        "reach": rng.uniform(1.2, 1.7, spikes),
        "hu": rng.uniform(-20, 60),
        "truth": {
            "lesion_radius_px": float(radius * body["scale"]),
            "spicules": float(spikes),
            "side": ("", "right", "left")[0 if kind == "normal" else (1 if lung["side"] < 0 else 2)],
        },
    }


def _oval(v: Array, u: Array, cy: float, cx: float, ry: float, rx: float) -> Array:
    """Rough signed distance to an upright ellipse, negative inside; cheap, and exact enough for soft edges."""
    return (np.hypot((v - cy) / ry, (u - cx) / rx) - 1) * float(np.sqrt(ry * rx))


def _fixed(rng: np.random.Generator, body: dict) -> dict:
    """What neighbouring slices share: coordinates, body wall, ribs, spine, the lungs' outer border."""
    v, u = turned(*GRID, *body["centre"], body["turn"])
    v, u = (v / body["scale"]).astype(np.float32), (u / body["scale"]).astype(np.float32)
    edge, depth, level = 0.9 / body["scale"], body["depth"], body["level"]
    outline = ellipse_distance(v, u, 0, 0, depth, 1.0, 0, body["wobble"]).astype(np.float32)
    wall = outline + body["fat"]
    hu = HU["air"] + (HU["fat"] - HU["air"]) * soft_step(outline, edge)
    marbling = 20 * cloud(rng, hu.shape, (6, 1.0))
    hu = hu + (HU["muscle"] + marbling - hu) * soft_step(wall, 2 * edge)
    fat_inside = cloud(rng, hu.shape, (9, 1.0)) - 1.2  # planes of fat between the muscles of the wall
    hu = hu - 110 * np.clip(fat_inside, 0, 1) * soft_step(wall + 0.02, edge)
    lungs = [
        ellipse_distance(v, u, one["cy"], one["cx"], one["ry"], one["rx"], one["angle"], one["wobble"])
        for one in body["lungs"]
    ]
    lungs = [np.maximum(d, wall + 0.075).astype(np.float32) for d in lungs]
    theta = np.arctan2(v / depth, u)
    ring = np.abs(np.minimum(*lungs) - 0.035) - 0.02  # ribs hug the lungs
    arcs = soft_step(0.1 - np.cos(5 * theta + 6 * level + np.sin(theta)), 0.2) * soft_step(ring, edge)
    arcs = arcs * (np.abs(u) > 0.22)
    hu = hu + arcs * (HU["bone"] - hu) * 0.85
    spine = _oval(v, u, depth * 0.56, 0.0, 0.125, 0.135)
    hu = hu + soft_step(spine, edge) * (300 + 90 * soft_step(-spine - 0.03, edge) - hu)
    canal = _oval(v, u, depth * 0.56 + 0.17, 0.0, 0.05, 0.06)
    away = np.abs(u) - 0.11 - 0.4 * np.maximum(0, v - depth * 0.6)
    process = np.maximum(np.abs(away) - 0.03, np.abs(v - depth * 0.56 - 0.15) - 0.07)
    hu = hu + soft_step(process, edge) * (400 - hu) * 0.85
    hu = hu + soft_step(canal, edge) * (30 - hu)
    sternum = _oval(v, u, -depth + body["fat"] + 0.07, 0.0, 0.035, 0.13)
    hu = hu + soft_step(sternum, edge) * (350 - hu)
    aorta = _oval(v, u, depth * 0.36, 0.14, 0.085, 0.085)
    tissue = body["tissue"] + 60 * v / depth + 25 * cloud(rng, hu.shape, (10, 1.0))
    hu = _table(body, v, u, edge, hu)
    return {
        "v": v,
        "u": u,
        "edge": edge,
        "hu": hu,
        "lungs": lungs,
        "tissue": tissue,
        "keep_out": np.minimum(spine - 0.03, aorta),
    }


def _slice(rng: np.random.Generator, body: dict, fixed: dict, lesion: dict, z: float) -> tuple[Array, Array]:
    """One slice at height z: uint8 (SIZE, SIZE) and the lesion's mask."""
    v, u, edge, depth = fixed["v"], fixed["u"], fixed["edge"], body["depth"]
    level = min(max(body["level"] + 2 * z, 0.0), 1.0)
    width, aside, height = body["heart"]
    grown = level**0.7
    middle = _oval(v, u, -0.02, 0.02, depth * 0.66, 0.14 + 0.04 * level)
    heart = _oval(
        v + 0.35 * u,
        u - 0.2 * v,
        -0.16 * depth,
        aside * grown,
        height * (0.35 + 0.75 * grown),
        width * (0.35 + 0.8 * grown),
    )
    keep_out = np.minimum(np.minimum(middle, heart), fixed["keep_out"])
    shares = [soft_step(np.maximum(d, -keep_out), edge) for d in fixed["lungs"]]
    lungs = np.minimum(shares[0] + shares[1], 1)
    hu = fixed["hu"] + (fixed["tissue"] - fixed["hu"]) * lungs
    for lung, share in zip(body["lungs"], shares, strict=True):
        points, radii = lung["vessels"]
        squared = radii**2 - (points[:, 2] - z) ** 2
        cut = squared > 0
        if cut.any():
            # A tube thinner than a pixel fills the share of it that its chord, in pixels, says.
            length = chords(v, u, points[cut, :2], np.sqrt(squared[cut]))
            hu = hu + share * np.minimum(1, length / edge) * (40 - hu) * 0.9
    if level < 0.75:  # windpipe above the carina, two bronchi below it
        fork = max(0.0, level - 0.45)
        for side in (-1, 1) if fork else (0,):
            radius = 0.05 if fork else 0.065
            air = _oval(v, u, 0.02, side * min(0.03 + 0.5 * fork, 0.14), radius, radius)
            hu = hu + soft_step(air, edge) * (HU["air"] - hu)
    mask = np.zeros(hu.shape, bool)
    if lesion["radius"] > 0:
        tissue, mask = _growth(lesion, z, v, u, edge, lungs)
        hu = hu + tissue * (lesion["hu"] - hu)
    return to_uint8(_display(rng, body, hu)), mask


def _display(rng: np.random.Generator, body: dict, hu: Array) -> Array:
    """Noise, the kernel's blur, the window, and the round field of view: grey in about [0, 1]."""
    grain = rng.standard_normal(hu.shape, dtype=np.float32)
    grain = grain - 0.8 * ndimage.uniform_filter(grain, 5)
    hu = ndimage.gaussian_filter(hu + body["noise"] * 1.4 * grain, 0.45)
    centre, width = body["window"]
    grey = (hu - centre) / width + 0.5
    if body["field"]:
        y, x = GRID
        grey = np.where(np.hypot(y - SIZE / 2, x - SIZE / 2) > SIZE / 2, grey - 0.04, grey)
    return grey


def _growth(lesion: dict, z: float, v: Array, u: Array, edge: float, lungs: Array) -> tuple[Array, Array]:
    """Share of each pixel that the lesion fills, and its mask (body of the lesion inside the picture)."""
    radius = np.sqrt(max(lesion["radius"] ** 2 - z**2, (0.5 * lesion["radius"]) ** 2))
    cy, cx = lesion["centre"]
    d = ellipse_distance(v, u, cy, cx, radius, radius, 0, lesion["wobble"])
    share = soft_step(d, edge)
    if len(lesion["spikes"]):
        points, radii = [], []
        for angle, reach in zip(lesion["spikes"], lesion["reach"], strict=True):
            t = np.linspace(0.7, reach, 10)[:, None] * radius
            points.append(np.array([cy, cx]) + t * np.array([np.sin(angle), np.cos(angle)]))
            radii.append(np.linspace(0.13, 0.03, 10) * radius)
        spikes = chords(v, u, np.concatenate(points), np.concatenate(radii))
        share = np.maximum(share, np.minimum(1, spikes / edge))
        share = np.maximum(share, 0.25 * soft_step(d - 0.35 * radius, 0.3 * radius))
    return share * lungs, (d <= 0) & (lungs > 0.5)


def _table(body: dict, v: Array, u: Array, edge: float, hu: Array) -> Array:
    """The couch under the patient: two thin curved sheets, some with a support between them."""
    top = body["depth"] + body["table"] - 0.16 * np.square(u)
    air = hu < -700
    for gap, thick in ((0.0, 0.012), (0.14, 0.012)):
        sheet = soft_step(np.abs(v - top - gap * (1 - 0.35 * np.square(u))) - thick, edge) * (np.abs(u) < 1.08)
        hu = np.where(air, hu + sheet * (150 - hu), hu)
    if body["wedge"]:
        block = np.maximum(np.abs(v - top - 0.2) - 0.05, np.abs(u) - 0.3 + (v - top - 0.15))
        hu = np.where(air, hu + soft_step(block, edge) * (300 - hu), hu)
    return hu
