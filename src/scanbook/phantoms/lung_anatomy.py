"""The chest that a CT slice cuts: body wall, lungs, vessels, bones, couch, and what grows in a lung.

Lengths are in half widths of the body, v downwards (to the back), u to the picture's right (the patient's
left); densities in Hounsfield units. What neighbouring slices share is drawn once a patient.

A lesion is drawn larger than life: a nodule of 10 mm would be two pixels wide where networks see 64 pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .radiograph import cloud
from .shapes import ellipse_distance, grid, soft_step, turned, wobbles

Array = np.ndarray
SIZE = 128
HU = {"air": -1000.0, "lung": -850.0, "fat": -100.0, "muscle": 45.0, "bone": 550.0}
GRID = grid(SIZE, SIZE)


def draw_body(rng: np.random.Generator) -> dict:
    """Anatomy and device of one patient. Lengths in half widths of the body; x to the picture's right."""
    level = rng.random()  # 0 at the aortic arch, 1 at the heart
    depth = rng.uniform(0.62, 0.78)
    body: dict[str, Any] = {
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
        "window": (rng.normal(-400, 40), rng.uniform(950, 1100)),  # air outside the body is black, as in the real set
        "noise": rng.uniform(10, 30) if rng.random() < 0.85 else rng.uniform(35, 60),
        "tissue": rng.normal(HU["lung"], 25),
        "field": rng.random() < 0.7,
        "lungs": [],
    }
    for side in (-1, 1):
        lung: dict[str, Any] = {
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


def draw_lesion(rng: np.random.Generator, kind: str, body: dict, fixed: dict) -> dict:
    """What gives the class: place (y, x), radius, shape; radius 0 for none.

    The centre is a pixel deep enough inside a lung: a nodule lies free, a mass may touch the chest wall.
    """
    radius = {"normal": 0.0, "benign": rng.uniform(0.10, 0.145), "malignant": rng.uniform(0.19, 0.3)}[kind]
    depth = -np.maximum(np.minimum(*fixed["lungs"]), -keep_out(body, fixed, 0.0))
    wanted = min(radius * (0.8 if kind == "benign" else 0.3), 0.9 * float(depth.max()))
    rows, columns = np.nonzero(depth >= wanted)
    pick = int(rng.integers(len(rows)))
    at = rows[pick], columns[pick]
    centre = (float(fixed["v"][at]), float(fixed["u"][at]))
    spikes = rng.integers(9, 17) if kind == "malignant" else 0
    side = "" if kind == "normal" else ("right" if centre[1] < 0 else "left")
    return {
        "radius": radius,
        "centre": centre,
        "wobble": wobbles(rng, 0.16 if kind == "malignant" else 0.03),
        "spikes": np.sort(rng.uniform(0, 2 * np.pi, spikes)),
        "reach": rng.uniform(1.2, 1.7, spikes),
        "hu": rng.uniform(-20, 60),
        "truth": {
            "lesion_radius_px": float(radius * body["scale"]),
            "spicules": float(spikes),
            "side": side,
        },
    }


def keep_out(body: dict, fixed: dict, z: float) -> Array:
    """Signed distance to what displaces the lungs at height z (mediastinum, heart, spine), negative inside."""
    v, u = fixed["v"], fixed["u"]
    level = level_at(body, z)
    width, aside, height = body["heart"]
    grown = level**0.7
    middle = oval(v, u, -0.02, 0.02, body["depth"] * 0.66, 0.14 + 0.04 * level)
    ry, rx = height * (0.35 + 0.75 * grown), width * (0.35 + 0.8 * grown)
    heart = oval(v + 0.35 * u, u - 0.2 * v, -0.16 * body["depth"], aside * grown, ry, rx)
    return np.minimum(np.minimum(middle, heart), fixed["keep_out"])


def level_at(body: dict, z: float) -> float:
    """Where in the chest the slice at height z lies: 0 at the aortic arch, 1 at the heart."""
    return min(max(body["level"] + 2 * z, 0.0), 1.0)


def oval(v: Array, u: Array, cy: float, cx: float, ry: float, rx: float) -> Array:
    """Rough signed distance to an upright ellipse, negative inside; cheap, and exact enough for soft edges."""
    return (np.hypot((v - cy) / ry, (u - cx) / rx) - 1) * float(np.sqrt(ry * rx))


def draw_fixed(rng: np.random.Generator, body: dict) -> dict:
    """What neighbouring slices share: coordinates, body wall, ribs, spine, the lungs' outer border."""
    (y, x), (cy, cx) = GRID, body["centre"]
    v, u = turned(y, x, cy, cx, body["turn"])
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
    spine = oval(v, u, depth * 0.56, 0.0, 0.125, 0.135)
    hu = hu + soft_step(spine, edge) * (300 + 90 * soft_step(-spine - 0.03, edge) - hu)
    canal = oval(v, u, depth * 0.56 + 0.17, 0.0, 0.05, 0.06)
    away = np.abs(u) - 0.11 - 0.4 * np.maximum(0, v - depth * 0.6)
    process = np.maximum(np.abs(away) - 0.03, np.abs(v - depth * 0.56 - 0.15) - 0.07)
    hu = hu + soft_step(process, edge) * (400 - hu) * 0.85
    hu = hu + soft_step(canal, edge) * (30 - hu)
    sternum = oval(v, u, -depth + body["fat"] + 0.07, 0.0, 0.035, 0.13)
    hu = hu + soft_step(sternum, edge) * (350 - hu)
    aorta = oval(v, u, depth * 0.36, 0.14, 0.085, 0.085)
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
