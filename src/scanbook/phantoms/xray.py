"""Frontal chest radiographs of children, with clear lungs or with the opacities of pneumonia.

Modelled: the path through soft tissue, air-filled lung and bone in an analytic child's chest (trunk, neck,
arms, lungs bounded by chest wall, mediastinum, heart and diaphragm; back and front ribs, vertebrae, clavicles,
shoulder blades; windpipe, hilar vessels, gas in the stomach), absorbed by Beer and Lambert, with scatter, quantum noise,
automatic exposure and a device's gamma (`radiograph`). Bacterial pneumonia is drawn as one or two consolidated
regions, water where air was; viral pneumonia as a haze around both hila with coarse streaks. That is the
textbook pattern, and the rule by which the phantoms are made; real films keep to it less.

As in the published set, the test folder is drawn differently: most of its NORMAL films come from a device
with a softer curve and a tighter field. Numbers under `bacteria` and `virus` count different children.

Not modelled: lateral views, tubes and wires, scoliosis, effusion, the energy spectrum, burnt-in text except R.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .frame import Frame
from .radiograph import chords, cloud, detect, expose, transmitted
from .shapes import grid, patient_rng, soft_step, to_uint8, wobbled, wobbles

Array = np.ndarray
PATIENTS = 260
STREAM = 22
# Persons: share of the set by part, then of NORMAL in the part.
TEST, VAL, NORMAL_IN = 80 / 260, 14 / 260, {"train": 1 / 2.7, "val": 0.5, "test": 0.38}
DEPTH = 130.0  # mm from front to back
LUNG_DEPTH = 95.0


def role_of(index: int, n_patients: int) -> tuple[str, str, int]:
    """Part, kind (normal, bacteria, virus) and number within the kind of a person; a function of the index alone.

    Test persons come first, as in the published names, so that their numbers are the low ones.
    """
    kinds = {"normal": 0, "bacteria": 0, "virus": 0}
    part = kind = ""
    start = 0
    n_test, n_val = round(TEST * n_patients), min(14, round(VAL * n_patients))
    for part, n in (("test", n_test), ("val", n_val), ("train", n_patients - n_test - n_val)):
        for k in range(n):
            well = int((k + 1) * NORMAL_IN[part]) > int(k * NORMAL_IN[part])
            sick_before = k - int(k * NORMAL_IN[part])
            kind = "normal" if well else ("virus" if sick_before % 3 == 2 else "bacteria")
            kinds[kind] += 1
            if start + k == index:
                return part, kind, kinds[kind]
        start += n
    raise ValueError(f"xray: patient {index} of {n_patients}; allowed: 0 to {n_patients - 1}")


def patient_frames(index: int, n_patients: int, seed: int) -> list[Frame]:
    """One to three films of a person; see `Frame`."""
    part, kind, number = role_of(index, n_patients)
    rng = patient_rng(seed, index, STREAM)
    label = "NORMAL" if kind == "normal" else "PNEUMONIA"
    if kind == "normal":
        other_series = number % 2 == 0
        person = f"{'NORMAL2-' if other_series else ''}IM-{number + 114 * (part != 'test'):04d}"
    else:
        person = f"person{number}_{kind}"
    chest = _chest(rng, kind)
    n_images = 1 if part == "val" else int(rng.choice([1, 2, 3], p=[0.45, 0.4, 0.15]))
    shifted = part == "test" and rng.random() < (0.75 if kind == "normal" else 0.15)
    frames = []
    for k in range(n_images):
        image, mask = _film(rng, chest, shifted)
        file = f"{person}-{k + 1:04d}" if kind == "normal" else f"{person}_{3 * number + k}"
        truth = {"part": part, "kind": kind, "other_device": float(shifted), **chest["truth"]}
        frames.append(Frame(f"{part}/{label}/{file}.jpeg", person, label, image, mask, truth))
    return frames


def _chest(rng: np.random.Generator, kind: str) -> dict:
    """Anatomy of one child. Across, 1 is the inner chest wall; down, 0 the lungs' top and 1 the right dome."""
    chest: dict[str, Any] = {
        "kind": kind,
        "heart": (rng.uniform(0.01, 0.06), rng.uniform(0.24, 0.42), rng.uniform(0.04, 0.15)),
        "thymus": rng.uniform(0.02, 0.12),
        "wall": rng.uniform(1.07, 1.17),
        "domes": (rng.normal(1.0, 0.03), rng.normal(1.04, 0.03)),
        "ribs": rng.uniform(0.098, 0.118),
        "rib_start": rng.uniform(-0.06, 0.04),
        "rib_slope": rng.uniform(0.16, 0.34),
        "bone": rng.uniform(1.6, 2.6),
        "vessels": rng.uniform(3, 8),
        "haze": rng.uniform(0.0, 0.12),
        "tall": rng.uniform(0.95, 1.3),
        "arms": rng.uniform(-0.6, 0.9),
        "gas": rng.random() < 0.6,
        "lesions": [],
        "interstitial": 0.0,
    }
    if kind == "bacteria":
        for _ in range(1 if rng.random() < 0.65 else 2):
            chest["lesions"].append(
                (
                    rng.uniform(0.15, 0.9),
                    rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 0.7),
                    rng.uniform(0.24, 0.41),
                    rng.uniform(0.38, 0.72),
                    wobbles(rng, 0.18),
                )
            )
    if kind == "virus":
        chest["interstitial"] = rng.uniform(0.33, 0.62)
    chest["truth"] = {
        "lesions": float(len(chest["lesions"])),
        "consolidation": float(max((one[3] for one in chest["lesions"]), default=0.0)),
        "interstitial": float(chest["interstitial"]),
    }
    return chest


def _film(rng: np.random.Generator, chest: dict, shifted: bool) -> tuple[Array, Array]:
    """One exposure: uint8 (H, W) and the mask of the opacities."""
    width = int(rng.integers(136, 161))
    height = int(min(160, max(112, width * rng.uniform(0.78, 1.02))))
    y, x = grid(height, width)
    half = width * (rng.uniform(0.355, 0.42) if not shifted else rng.uniform(0.38, 0.44))
    down = min(half * 1.35 * chest["tall"], height * rng.uniform(0.68, 0.82))
    turn = rng.normal(0, 0.035)
    dx = x - width * rng.normal(0.5, 0.02)
    dy = y - height * rng.uniform(0.05, 0.15)
    u = ((dx + turn * dy) / half).astype(np.float32)
    v = ((dy - turn * dx) / down).astype(np.float32)
    breath = rng.normal(0, 0.03)
    paths, mask = _paths(rng, chest, v, u, breath)
    share = transmitted(paths)
    scatter = rng.uniform(0.02, 0.06) * (1.6 if shifted else 1.0)
    counts = detect(rng, share, photons=rng.uniform(1000, 4000), scatter=scatter, spot=0.5, detector=0.45)
    low, high = (rng.uniform(0.26, 0.34), 0.9) if shifted else (rng.uniform(0.14, 0.3), 0.94)
    grey = expose(-np.log(counts / counts.max()), paths["soft"] > 25, mean=rng.uniform(0.5, 0.66), low=low, high=high)
    if rng.random() < 0.6:
        _letter_r(grey, int(rng.integers(3, 9)) + int(height * rng.uniform(0.02, 0.3)), int(rng.integers(3, 9)))
    return to_uint8(grey), mask


def _letter_r(grey: Array, top: int, left: int) -> None:
    """The lead letter on the patient's right."""
    letter = np.array([[1, 1, 1, 0], [1, 0, 0, 1], [1, 1, 1, 0], [1, 0, 1, 0], [1, 0, 0, 1]], bool)
    grey[top : top + 5, left : left + 4][letter] = 0.97


def _paths(rng: np.random.Generator, chest: dict, v: Array, u: Array, breath: float) -> tuple[dict, Array]:
    """Millimetres of soft tissue, lung and bone through each pixel, and the mask of the opacities."""
    side, across = np.sign(u), np.abs(u)
    wall = chest["wall"]
    # Trunk, neck, shoulders and arms: soft tissue whose depth falls to the sides.
    body = DEPTH * np.sqrt(np.clip(1 - np.square(u / wall) ** 1.6, 0, 1))
    shoulder = -0.12 + 0.22 * np.square(across / wall) ** 1.5
    body = body * soft_step(shoulder - v, 0.05)
    neck = 0.75 * DEPTH * np.sqrt(np.clip(1 - np.square(u / 0.36), 0, 1)) * soft_step(v - 0.1, 0.15)
    body = np.maximum(body, neck)
    t = np.linspace(0, 1, 14)[:, None]
    tips = np.array([[0.05, 1.0 * wall * 0.9]]) + t * np.array([[chest["arms"], 0.8]])
    for sign in (-1, 1):
        arm = chords(v, u, tips * (1, sign), np.full(len(t), 0.2))
        body = np.maximum(body, arm * 150)
    air, border = _lungs(chest, v, u, across, side, breath)
    # Opacities fill air with water.
    filled = np.zeros_like(air)
    for cy, cx, radius, strength, outline in chest["lesions"]:
        dv, du = (v - cy) / radius, (u - cx) / (0.8 * radius)
        rho = np.hypot(dv, du) / wobbled(outline, np.arctan2(dv, du))
        ragged = rho + 0.25 * cloud(rng, v.shape, (9, 0.5), (25, 0.5))
        filled = np.maximum(filled, strength * soft_step(ragged - 1, 0.45))
    hila = np.exp(-(np.square((across - 0.3) / 0.35) + np.square((v - 0.5) / 0.4)))
    streaks = _streaks(rng, v, across, side)
    if chest["interstitial"]:
        patchy = np.clip(0.75 + 0.5 * cloud(rng, v.shape, (14, 0.6), (6, 0.6)) + 0.35 * streaks, 0, 1.6)
        filled = np.maximum(filled, chest["interstitial"] * hila * patchy)
    mask = (filled > 0.2) & (air > 0.25 * LUNG_DEPTH)
    base_haze = chest["haze"] * np.clip(v, 0, 1) + 0.03 * cloud(rng, v.shape, (30, 1.0))
    filled = np.clip(np.maximum(filled, base_haze), 0, 0.95)
    vessels = np.clip(streaks, 0, 3) * (0.25 + hila) * chest["vessels"] * (air > 5)
    gas = np.zeros_like(air)
    if chest["gas"]:
        gas = 45 * np.sqrt(np.clip(1 - np.square((u - 0.5) / 0.25) - np.square((v - 1.22 - breath) / 0.09), 0, 1))
    windpipe = 14 * np.sqrt(np.clip(1 - np.square((u + 0.01) / 0.06), 0, 1)) * soft_step(v - 0.32, 0.06)
    aired = air * (1 - filled)
    soft = np.maximum(body - aired - gas - windpipe + vessels, 0)
    soft = soft + 1.5 * cloud(rng, v.shape, (12, 1.0), (40, 2.0))
    bone = _bones(chest, v, u, across, border, breath)
    return {"soft": soft, "lung": aired, "bone": bone * (body > 8) * chest["bone"]}, mask


def _lungs(chest: dict, v: Array, u: Array, across: Array, side: Array, breath: float) -> tuple[Array, Array]:
    """Millimetres of lung along the ray, and the half width of the rib cage at each height."""
    dome_r, dome_l = chest["domes"]
    rise = np.clip(v / 0.95, 0, 1)
    border = 0.97 * np.power(1 - np.power(1 - rise, 3.0), 0.5)
    dome = np.where(side < 0, dome_r, dome_l) + breath + 0.5 * np.square(np.maximum(across - 0.42, 0)) - 0.03
    # The shadow of heart and great vessels: its border at each height, left with the aortic knob and the apex.
    knob, ventricle, atrium = chest["heart"]
    fall = np.clip((v - 0.36) / 0.5, 0, 1)
    left = 0.13 + knob * np.exp(-np.square((v - 0.27) / 0.08)) + ventricle * fall * fall * (3 - 2 * fall)
    left = left - 0.5 * np.square(np.maximum(v - 0.92, 0))
    right = 0.13 + atrium * np.exp(-np.square((v - 0.74) / 0.2))
    inner = np.where(side < 0, right, left) + chest["thymus"] * soft_step(v - 0.35, 0.25)
    profile = np.sqrt(np.clip(1 - np.square((across - 0.5) / 0.56), 0, 1))
    air = LUNG_DEPTH * np.clip(profile * 1.1, 0, 1)
    air = air * soft_step(across - border + 0.03, 0.05) * soft_step(v - dome, 0.03)
    air = air * (0.1 + 0.9 * soft_step(inner - across, 0.045))  # some lung lies before and behind the heart
    return air, border


def _streaks(rng: np.random.Generator, v: Array, across: Array, side: Array) -> Array:
    """Vessel-like lines that leave each hilum: noise in polar coordinates, stretched along the radius."""
    table = cloud(rng, (180, 24), (3, 1.0), (7, 0.7))
    angle = np.arctan2(v - 0.48, across - 0.18)
    radius = np.hypot(v - 0.48, across - 0.18)
    row = ((angle / (2 * np.pi) + 0.5) * 89).astype(int) + 90 * (side > 0)
    return table[np.clip(row, 0, 179), np.clip((radius * 22).astype(int), 0, 23)]


def _bones(chest: dict, v: Array, u: Array, across: Array, border: Array, breath: float) -> Array:
    """Millimetres of bone: ribs behind and in front, vertebrae, clavicles, shoulder blades."""
    step, start, slope = chest["ribs"], chest["rib_start"] + 0.5 * breath, chest["rib_slope"]
    cage = np.clip(border + 0.07, 0.2, 1.06)
    reach = across / cage
    inside = soft_step(reach - 1, 0.04) * soft_step(-v - 0.02, 0.05)
    tangent = 1 + 1.6 * np.exp(-np.square((reach - 0.95) / 0.06))  # the ray runs along the rib at the side
    back = (v - start - slope * reach**2.2 + 0.06 * reach) / step
    front = (v - start - 0.03 - slope - 0.75 * slope * (1 - reach)) / step
    bone = _rows(back, 10, 0.27) * 4.2 * inside * tangent * (across > 0.09)
    bone = bone + _rows(front, 8, 0.28) * 2.0 * inside * soft_step(0.45 - reach, 0.12)
    spine = np.sqrt(np.clip(1 - np.square(u / 0.125), 0, 1))
    gap = 0.78 + 0.22 * np.cos(2 * np.pi * v / (0.92 * step))
    bone = bone + 4.5 * spine * gap + 2 * np.exp(-np.square((across - 0.075) / 0.02)) * gap
    t = np.linspace(0, 1, 30)[:, None]
    for sign in (-1, 1):
        line = np.concatenate([0.04 - 0.1 * t + 0.04 * np.sin(2 * np.pi * t), sign * (0.1 + 0.85 * t)], 1)
        bone = bone + 40 * chords(v, u, line, np.full(30, 0.035))
    blade = np.maximum(np.abs(across - 0.98 + 0.12 * v) - 0.16, np.abs(v - 0.22) - 0.28)
    return bone + 1.2 * soft_step(blade, 0.03)


def _rows(phase: Array, count: int, half: float) -> Array:
    """Cross-section of `count` parallel hollow ribs: 0 between them, denser at both edges of each."""
    nearest = np.clip(np.round(phase), 0, count)
    d = np.abs(phase - nearest) / half
    outer = np.sqrt(np.clip(1 - d**2, 0, 1))
    inner = np.sqrt(np.clip(1 - np.square(d / 0.75), 0, 1))
    return outer - 0.55 * inner
