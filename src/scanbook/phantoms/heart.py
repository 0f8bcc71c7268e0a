"""Apical four-chamber views whose ejection fraction is known, in the layout of a set of class folders.

Laid out as the real frames are: the probe at the left, depth running to the right, the right heart above the
septum, the left ventricle below it, the atria at the right.

Modelled: a left ventricle as a truncated half-ellipsoid, whose volume by the area-length rule 8A²/(3πL) is the
long axis L and the area A of its outline (the same rule gives the ejection fraction); shortening of the long axis
and thickening of the wall of constant area between end-diastole and end-systole; a failing heart is wider,
rounder and contracts less (remodelling), with overlap in everything. Right ventricle, atria, mitral and tricuspid
leaflets, pericardium. Echoes as in `ultrasound`; walls that run along the beam reflect less, so they drop out.
Probe, pose, size of the patient, wall thickness, gain, dynamic range and haze are drawn whatever the class.

Not modelled: motion between the two phases other than contraction, regional wall motion, trabeculae and papillary
muscles beyond a few bright specks, and everything `ultrasound` leaves out.
"""

from __future__ import annotations

import numpy as np

from .frame import Frame
from .shapes import (
    ellipse_distance,
    patient_rng,
    polyline_distance,
    smooth_noise,
    soft_step,
    to_uint8,
    turned,
    wobbles,
)
from .ultrasound import Probe, Scanner, amplitude, echo_image, facing, lay, scan_convert

PATIENTS = 200
REDUCED_AT_MOST = 0.45  # the cut that names the real set's folders
BASE_AT = 0.62  # centre of the ventricle's ellipse along its long axis
MM_PER_PIXEL = 1.25


def patient_frames(index: int, n_patients: int, seed: int) -> list[Frame]:
    """End-diastolic and end-systolic frame of patient `index`; every other patient's heart is failing."""
    rng = patient_rng(seed, index)
    heart, probe, scanner = _draw_heart(rng, reduced=index % 2 == 1), *_draw_examination(rng)
    folder = "reduced_ef" if heart["ejection_fraction"] <= REDUCED_AT_MOST else "normal_ef"
    patient = f"patient{index + 1:04d}"
    frames = []
    for phase in ("ED", "ES"):
        image, mask = _draw_frame(heart, phase, probe, scanner, rng)
        truth = {
            "ejection_fraction": heart["ejection_fraction"],
            "phase": phase,
            "volume_ml": _volume(heart, phase),
            "long_axis_mm": _axes(heart, phase)[0],
            "wall_mm": _wall(heart, phase),
            "gain_db": scanner.gain_db,
            "range_db": scanner.range_db,
        }
        frames.append(Frame(f"{folder}/{patient}_4CH_{phase}.png", patient, folder, image, mask, truth))
    return frames


def _draw_heart(rng: np.random.Generator, reduced: bool) -> dict:
    """Anatomy of one patient in millimetres; both classes draw from the same ranges but for size and function."""
    if reduced:
        ef = float(np.clip(rng.normal(0.31, 0.065), 0.15, REDUCED_AT_MOST - 0.01))
    else:
        ef = float(np.clip(rng.normal(0.60, 0.06), REDUCED_AT_MOST + 0.03, 0.75))
    body = rng.normal(1.0, 0.06)
    failing = np.clip((0.58 - ef) / 0.28, 0.0, 1.3)
    length = 84.0 * body * (1.0 + 0.05 * failing) * rng.normal(1.0, 0.05)
    width = 21.5 * body * (1.0 + 0.48 * failing) * rng.normal(1.0, 0.055)
    return {
        "ejection_fraction": ef,
        "length": length,
        "width": width,
        "wall": rng.uniform(7.0, 12.0),
        "left_atrium": (rng.uniform(19, 27) * body, rng.uniform(17, 24) * body),
        "right_atrium": (rng.uniform(17, 25) * body, rng.uniform(15, 22) * body),
        "right_width": rng.uniform(11, 19) * body,
        "right_reach": rng.uniform(0.55, 0.8),
        "apex": (rng.uniform(14, 30), rng.uniform(-5, 11)),
        "tilt": rng.normal(0.03, 0.13),
        "outline": wobbles(rng, 0.03),
        "atria": (wobbles(rng, 0.08), wobbles(rng, 0.08)),
        "atria_db": rng.uniform(0, 8, size=3),
        "leaflets_open": {"ED": rng.uniform(0.1, 1.0), "ES": rng.uniform(0.05, 0.35)},  # radians
        "leaflet_db": rng.uniform(-12, -3),
        "pericardium_db": rng.uniform(-8, 4),
        "muscle_db": rng.uniform(-22, -14),
        "septum_db": rng.uniform(1, 8),
        "blood_db": rng.uniform(-56, -38),
        "outside_db": rng.uniform(-46, -20),
        "behind_db": rng.uniform(-26, -3),
    }


def _draw_examination(rng: np.random.Generator) -> tuple[Probe, Scanner]:
    probe = Probe(half_angle=rng.uniform(0.58, 0.72), depth=rng.uniform(142, 168), samples=144, beams=88)
    scanner = Scanner(
        gain_db=rng.uniform(-4, 8),
        range_db=rng.uniform(36, 50),
        pulse=rng.uniform(0.6, 0.95),
        width=rng.uniform(0.55, 0.95),
        focus=rng.uniform(0.35, 0.65),
        noise_db=rng.uniform(-74, -54),
        tgc_db=rng.uniform(12, 22),
    )
    return probe, scanner


def _axes(heart: dict, phase: str) -> tuple[float, float]:
    """Long axis and half width of the cavity in mm; the volume goes as length times width squared."""
    length, width, ef = heart["length"], heart["width"], heart["ejection_fraction"]
    if phase == "ED":
        return length, width
    shortening = 0.03 + 0.20 * ef
    return length * (1.0 - shortening), width * float(np.sqrt((1.0 - ef) / (1.0 - shortening)))


def _area(length: float, width: float) -> float:
    """Area in mm² of the ellipse of half axes BASE_AT·length and width, cut off at the mitral plane."""
    cut = (1.0 - BASE_AT) / BASE_AT
    return BASE_AT * length * width * (np.pi / 2 + np.arcsin(cut) + cut * np.sqrt(1.0 - cut**2))


def _volume(heart: dict, phase: str) -> float:
    """Area-length volume in millilitres."""
    length, width = _axes(heart, phase)
    return float(8.0 * _area(length, width) ** 2 / (3.0 * np.pi * length) / 1000.0)


def _wall(heart: dict, phase: str) -> float:
    """Thickness of the wall in mm: the muscle keeps its cross-section around the cavity."""
    width = _axes(heart, "ED")[1]
    outer = (width + heart["wall"]) ** 2 - width**2
    now = _axes(heart, phase)[1]
    return float(np.sqrt(now**2 + outer) - now)


def _draw_frame(
    heart: dict, phase: str, probe: Probe, scanner: Scanner, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask of the left ventricle's cavity, uint8 and bool (H, W)."""
    level, cavity = _anatomy(probe, heart, phase, rng)
    z, shape = probe.points()[0], level.shape
    # Contact of the probe and ribs dim whole beams; haze near the probe hides the apex.
    across = np.linspace(-1, 1, shape[1], dtype=np.float32)
    dim = 3.0 * smooth_noise(rng, (1, shape[1]), 14.0)[0] - rng.uniform(0, 14) * across**4
    level = level + dim[None, :]
    haze = amplitude(rng.uniform(-30, -12) - z / rng.uniform(1.5, 5.0)) + amplitude(rng.uniform(-62, -38))
    level = 20.0 * np.log10(amplitude(level) + haze)
    beams = echo_image(level, scanner, rng)
    half = int(np.ceil(probe.depth * np.sin(probe.half_angle) / MM_PER_PIXEL))
    width = int(np.ceil(probe.depth / MM_PER_PIXEL))
    row, col = np.mgrid[-half : half + 1, 0:width].astype(np.float32) * np.float32(MM_PER_PIXEL)
    image = scan_convert(beams, probe, col, row)
    mask = scan_convert(cavity, probe, col, row, order=0) > 0.5
    return to_uint8(image), mask


def _anatomy(probe: Probe, heart: dict, phase: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Levels in dB along the beams and the cavity's coverage, both (samples, beams)."""
    z, x = probe.points()
    length, width = _axes(heart, phase)
    wall = _wall(heart, phase)
    # The apex hardly moves; the base comes towards it.
    v, u = turned(z, x, heart["apex"][0], heart["apex"][1], -heart["tilt"])
    inner = ellipse_distance(v, u, BASE_AT * length, 0.0, BASE_AT * length, width, 0.0, heart["outline"])
    cavity = soft_step(np.maximum(inner, v - length), 1.2)
    above = soft_step(v - length, 2.0)  # the ventricles' side of the valve plane
    coarse = smooth_noise(rng, z.shape, (16.0, 12.0))
    patchy = smooth_noise(rng, z.shape, (5.0, 8.0))

    # Tissue behind the heart is layered across the beams and brighter than lung beside it.
    behind = soft_step(1.35 * length - v + 10.0 * coarse, 22.0)
    level = heart["outside_db"] + 5.0 * coarse + 3.0 * patchy
    level = lay(level, behind, heart["behind_db"] + 3.0 * coarse + 5.0 * smooth_noise(rng, z.shape, (6.0, 30.0)))
    # Along the beam a wall shows least of itself: its normal is then square to the sound.
    square = facing(inner, probe)
    muscle = soft_step(inner - wall, 2.0) * above
    on_septum = soft_step(u + 0.4 * width, 8.0)
    tone = heart["muscle_db"] + 3.0 * coarse + 3.5 * patchy + heart["septum_db"] * on_septum + 5.0 * (square - 0.3)
    level = lay(level, muscle, tone)

    right_u = -(width + wall + 0.55 * heart["right_width"])
    reach = heart["right_reach"] * length
    right = ellipse_distance(v, u, length - 0.45 * reach, right_u, 0.62 * reach, heart["right_width"], 0.14)
    right = np.maximum(np.maximum(right, -(inner - wall)), v - length)
    level = lay(level, soft_step(right - 4.0, 1.5) * above * (1 - muscle), heart["muscle_db"] + 4.0 * patchy)
    level = lay(level, soft_step(right, 2.0), heart["blood_db"] + heart["atria_db"][2] + 3.0 * patchy)
    specks = np.exp(-((inner + 4.0) ** 2) / 14.0) * soft_step(patchy * -1.0 + 1.1, 0.3)  # trabeculae
    level = lay(level, cavity, heart["blood_db"] + 22.0 * specks)

    for side, centre in enumerate((0.1 * width, right_u - 2.0)):
        ra, rb = heart[("left_atrium", "right_atrium")[side]]
        atrium = ellipse_distance(v, u, length + 0.86 * ra, centre, ra, rb, 0.0, heart["atria"][side])
        atrium = np.maximum(atrium, length - v)
        rim = soft_step(np.abs(atrium - 1.5) - 1.2, 1.4) * (0.25 + 0.75 * square)
        level = lay(level, rim, np.maximum(level, heart["muscle_db"] + 4.0 + 6.0 * patchy))
        level = lay(level, soft_step(atrium, 2.5), heart["blood_db"] + heart["atria_db"][side] + 3.0 * coarse)
    crux = -(0.79 * width + 0.5 * wall)
    septum = soft_step(np.abs(u - crux) - 1.2, 1.4) * soft_step(length - v, 2.0) * soft_step(v - length - 34.0, 6.0)
    level = lay(level, septum, heart["muscle_db"] + 4.0 + 6.0 * patchy)

    level = _valves(level, v, u, heart, phase, patchy)
    outer = soft_step(np.abs(inner - wall - 2.0) - 1.4, 1.8) * soft_step(-u, 8.0) * soft_step(v - length - 10.0, 10.0)
    return lay(level, outer * np.clip(0.3 + square, 0, 1), heart["pericardium_db"] + 4.0 * coarse), cavity


def _valves(level: np.ndarray, v: np.ndarray, u: np.ndarray, heart: dict, phase: str, patchy: np.ndarray) -> np.ndarray:
    """Lay mitral and tricuspid leaflets and their hinges over the levels, at `v` along and `u` across (mm)."""
    length, width = _axes(heart, phase)
    annulus, opening = 0.79 * width, heart["leaflets_open"][phase]
    tricuspid = -(annulus + _wall(heart, phase))
    for hinge, towards, reach in (
        (-annulus, 1.0, 1.05 * annulus),
        (annulus, -1.0, 0.9 * annulus),
        (tricuspid, -1.0, heart["right_width"]),
        (tricuspid - 1.9 * heart["right_width"], 1.0, heart["right_width"]),
    ):
        middle = (
            length - 0.6 * reach * np.sin(0.7 * opening),
            hinge + towards * 0.6 * reach * np.cos(0.7 * opening),
        )
        tip = (
            middle[0] - 0.45 * reach * np.sin(opening),
            middle[1] + towards * 0.45 * reach * np.cos(opening),
        )
        distance, _ = polyline_distance(v, u, np.array([(length, hinge), middle, tip]))
        level = lay(level, soft_step(distance - 0.9, 1.1), heart["leaflet_db"] + 5.0 * patchy)
        level = lay(level, soft_step(np.hypot(v - length, u - hinge) - 2.0, 2.0), heart["leaflet_db"] + 4.0)
    return level
