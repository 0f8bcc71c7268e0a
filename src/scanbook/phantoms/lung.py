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
from .lung_anatomy import GRID, HU, SIZE, draw_body, draw_fixed, draw_lesion, keep_out, level_at, oval
from .radiograph import chords
from .shapes import ellipse_distance, patient_rng, soft_step, to_uint8

Array = np.ndarray
PATIENTS = 240
SLICES = 3
STREAM = 23
FOLDERS = {"benign": "Bengin", "malignant": "Malignant", "normal": "Normal"}  # the source's spelling
SHARES = (1.0, 2.5, 2.0)  # patients: benign, malignant, normal


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
    body = draw_body(rng)
    fixed = draw_fixed(rng, body)
    lesion = draw_lesion(rng, kind, body, fixed)
    step = rng.uniform(0.03, 0.06)  # between slices, in half widths of the body
    frames = []
    for k in range(SLICES):
        image, mask = _slice(rng, body, fixed, lesion, (k - 1) * step)
        name = f"{FOLDERS[kind]} cases/{FOLDERS[kind]} case ({within * SLICES + k + 1}).jpg"
        truth = {"slice": float(k), "level": body["level"], **lesion["truth"]}
        frames.append(Frame(name, f"{kind}-{within + 1:03d}", f"{FOLDERS[kind]} cases", image, mask, truth))
    return frames


def _slice(rng: np.random.Generator, body: dict, fixed: dict, lesion: dict, z: float) -> tuple[Array, Array]:
    """One slice at height z: uint8 (SIZE, SIZE) and the lesion's mask."""
    v, u, edge = fixed["v"], fixed["u"], fixed["edge"]
    beside = keep_out(body, fixed, z)
    shares = [soft_step(np.maximum(d, -beside), edge) for d in fixed["lungs"]]
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
    level = level_at(body, z)
    if level < 0.75:  # windpipe above the carina, two bronchi below it
        fork = max(0.0, level - 0.45)
        for side in (-1, 1) if fork else (0,):
            radius = 0.05 if fork else 0.065
            air = oval(v, u, 0.02, side * min(0.03 + 0.5 * fork, 0.14), radius, radius)
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
    hu = ndimage.gaussian_filter(hu + body["noise"] * 1.4 * grain, 0.55)
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
    return share * np.minimum(1, 4 * lungs), (d <= 0) & (lungs > 0.5)
