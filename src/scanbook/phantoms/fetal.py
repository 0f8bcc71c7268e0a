"""Planes of a fetal scan (abdomen, brain, femur, thorax) with a label table that is wrong on purpose.

The layout is the real set's: one folder of images and `image_label.csv`, which is joined by name and never by
position; the rows come class by class, as the source has them. Like the real table it names wrong planes for
about 3 % of the images, in short runs (femur called brain, brain called femur, abdomen called femur, thorax
called abdomen), and names two images that do not exist. The code in an image's name tells the truth.

Modelled: a curved probe above a mother's belly and uterine wall, placenta or fluid around the fetus, the
sections drawn by `fetal_planes`, echoes and shadows as in `ultrasound`, the scanner's grey bar, ticks and
lettering (drawn for all classes alike). Not modelled: the rest of the fetus beyond a limb or two, growth
charts (sizes are spread, not tied to an age), and everything `ultrasound` leaves out.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from . import fetal_planes
from .fetal_planes import Pose, Scene
from .frame import Frame
from .shapes import ellipse_distance, patient_rng, soft_step, to_uint8, wobbles
from .ultrasound import Probe, Scanner, amplitude, echo_image, scan_convert, shadow

PATIENTS = 230
CODES = {"Fetal abdomen": 2, "Fetal brain": 3, "Fetal femur": 5, "Fetal thorax": 6}
SHARES = {"Fetal abdomen": 0.23, "Fetal brain": 0.28, "Fetal femur": 0.23, "Fetal thorax": 0.26}
# What the real table calls them, and how often: 52 of its 1,646 rows.
WRONG = {
    "Fetal abdomen": ("Fetal femur", 15 / 348),
    "Fetal brain": ("Fetal femur", 15 / 555),
    "Fetal femur": ("Fetal brain", 16 / 286),
    "Fetal thorax": ("Fetal abdomen", 6 / 457),
}
SOURCE_ORDER = ("Fetal brain", "Fetal femur", "Fetal thorax", "Fetal abdomen")
DRAW = {
    "Fetal abdomen": fetal_planes.abdomen,
    "Fetal brain": fetal_planes.brain,
    "Fetal femur": fetal_planes.femur,
    "Fetal thorax": fetal_planes.thorax,
}


def patient_frames(index: int, n_patients: int, seed: int) -> list[Frame]:
    """One to three images of patient `index`, of one plane or several."""
    rng = patient_rng(seed, index)
    mother = _draw_mother(rng)
    planes = list(rng.choice(list(SHARES), size=rng.integers(1, 4), p=list(SHARES.values())))
    patient = f"Patient{index + 1:05d}"
    frames, seen = [], dict.fromkeys(planes, 0)
    for plane in planes:
        seen[plane] += 1
        wrong, rate = WRONG[plane]
        label = wrong if rng.uniform() < rate else str(plane)
        image, mask, drawn = _draw_frame(str(plane), mother, rng)
        name = f"{patient}_Plane{CODES[plane]}_{seen[plane]}_of_{planes.count(plane)}"
        truth = {"true_label": str(plane), **drawn}
        frames.append(Frame(f"images/{name}.png", patient, label, image, mask, truth))
    return frames


def write_extras(folder: Path, frames_meta: pd.DataFrame) -> None:
    """Write `image_label.csv` (Image_name without suffix, Plane; CRLF) in the source's order.

    frames_meta  image_id, label, true_label of all frames
    """
    table = pd.DataFrame(
        {
            "Image_name": [Path(image_id).stem for image_id in frames_meta["image_id"]],
            "Plane": frames_meta["label"],
            "run": [SOURCE_ORDER.index(plane) for plane in frames_meta["true_label"]],
            "wrong": frames_meta["label"] != frames_meta["true_label"],
        }
    )
    highest = frames_meta["patient"].str[-5:].astype(int).max()
    missing = [
        {
            "Image_name": f"Patient{highest + step:05d}_Plane{CODES[plane]}_1_of_1",
            "Plane": plane,
            "run": SOURCE_ORDER.index(plane),
            "wrong": False,
        }
        for step, plane in ((1, "Fetal brain"), (2, "Fetal abdomen"))
    ]
    table = pd.concat([table, pd.DataFrame(missing)], ignore_index=True)
    table["rank"] = [hashlib.sha256(name.encode()).hexdigest() for name in table["Image_name"]]
    # Wrong rows sit together a third of the way into their class, as a tired hand would leave them.
    table.loc[table["wrong"], "rank"] = "55" + table["rank"].str[:8]
    table = table.sort_values(["run", "rank"])[["Image_name", "Plane"]]
    table.to_csv(folder / "image_label.csv", index=False, lineterminator="\r\n")


def _draw_mother(rng: np.random.Generator) -> dict:
    """What the images of one patient share: scanner, belly, placenta, size of the fetus."""
    height = int(rng.integers(90, 104))
    return {
        "height": height,
        "width": int(height * rng.uniform(1.4, 1.58)),
        "view_mm": rng.uniform(76, 116),
        "size": rng.uniform(0.82, 1.14),
        "wall_mm": rng.uniform(6, 24),
        "wall_db": rng.uniform(-26, -14),
        "around_db": rng.uniform(-36, -18),
        "fluid": rng.uniform(0.0, 1.0),
        "tone_db": rng.uniform(-29, -23),
        "half_angle": rng.uniform(0.5, 0.8),
        "style": int(rng.integers(0, 3)),
        "scanner": Scanner(
            gain_db=rng.uniform(-3, 6),
            range_db=rng.uniform(34, 48),
            pulse=rng.uniform(0.5, 0.85),
            width=rng.uniform(0.5, 1.0),
            focus=rng.uniform(0.35, 0.7),
            noise_db=rng.uniform(-74, -60),
            tgc_db=rng.uniform(8, 18),
            smooth=0.65,
        ),
    }


def _draw_frame(
    plane: str, mother: dict, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, dict[str, float | str]]:
    """Image, mask of the structure that names the plane, and what was drawn."""
    height, width = mother["height"], mother["width"]
    view = mother["view_mm"] * rng.uniform(0.9, 1.12)
    top = rng.uniform(-0.04, 0.12) * view
    probe = Probe(mother["half_angle"], depth=top + view, face=rng.uniform(50, 62), samples=122, beams=112)
    z, x = probe.points()
    mm = view / height
    size = mother["size"] * rng.uniform(0.9, 1.1)
    short = float(np.clip(31.0 * size, 0.24 * view, 0.46 * view))
    pose = Pose(
        centre=(top + view * rng.uniform(0.44, 0.58), rng.normal(0, 0.1) * view),
        angle=rng.normal(0, 0.28),
        long=short * rng.uniform(1.12, 1.36)
        if plane in ("Fetal brain", "Fetal femur")
        else short * rng.uniform(0.95, 1.2),
        short=short,
        mirrored=bool(rng.uniform() < 0.5),
    )
    scene = _surroundings(Scene(probe, z, x, np.zeros_like(z), np.zeros_like(z), rng), pose, mother)
    mask = DRAW[plane](scene, pose, mother["tone_db"])
    across = np.linspace(-1, 1, probe.beams, dtype=np.float32)[None, :]
    level = scene.level + shadow(scene.loss) + 3.0 * scene.noise(40.0, 14.0) - rng.uniform(0, 12) * across**4
    haze = amplitude(rng.uniform(-36, -18) - z / rng.uniform(1.2, 3.0)) + amplitude(rng.uniform(-66, -48))
    beams = echo_image(20.0 * np.log10(amplitude(level) + haze), mother["scanner"], rng)
    row, col = np.mgrid[0:height, 0:width].astype(np.float32)
    depth, lateral = top + row * mm, (col - (width - 1) / 2) * mm
    image = _lettering(scan_convert(beams, probe, depth, lateral), mother["style"], rng)
    inside = scan_convert(mask, probe, depth, lateral, order=0) > 0.5
    drawn = {"view_mm": view, "half_axis_mm": short, "angle": pose.angle, "gain_db": mother["scanner"].gain_db}
    return to_uint8(image), inside, drawn


def _surroundings(scene: Scene, pose: Pose, mother: dict) -> Scene:
    """Belly wall in layers, placenta or uterine wall, fluid about the fetus, sometimes a limb in it."""
    rng = scene.rng
    coarse = scene.noise(18.0, 18.0)
    scene.lay(np.ones_like(scene.z), mother["around_db"] + 2.5 * coarse + 2.0 * scene.noise(4.0, 6.0))
    wall = mother["wall_mm"] + 3.0 * coarse - scene.z
    scene.lay(soft_step(-wall, 2.0), mother["wall_db"] + 5.0 * scene.noise(2.5, 40.0))
    reach = 1.12 + 0.55 * mother["fluid"]
    fluid = ellipse_distance(
        scene.z,
        scene.x,
        pose.centre[0],
        pose.centre[1] + rng.normal(0, 0.4) * pose.long,
        pose.short * reach * rng.uniform(0.85, 1.0),
        pose.long * reach * rng.uniform(1.0, 1.4),
        pose.angle * 0.5,
        wobbles(rng, 0.12),
    )
    scene.lay(soft_step(np.maximum(fluid, wall), 1.5), fetal_planes.FLUID_DB)
    if rng.uniform() < 0.6:
        side, drop = rng.choice((-1, 1)), rng.uniform(-0.7, 0.7)
        at = pose.centre[0] + drop * pose.short, pose.centre[1] + side * pose.long * rng.uniform(1.2, 1.6)
        limb = ellipse_distance(scene.z, scene.x, *at, rng.uniform(6, 10), rng.uniform(6, 14), rng.uniform(-1, 1))
        scene.lay(soft_step(limb, 1.2), mother["tone_db"])
        scene.lay(soft_step(np.abs(limb) - 0.6, 1.0), mother["tone_db"] + 5.0)
        bone = ellipse_distance(scene.z, scene.x, *at, 1.6, rng.uniform(1.6, 7.0), pose.angle)
        scene.lay(soft_step(bone, 1.0), -14.0)
        scene.swallow(soft_step(bone, 1.0), 2.5)
    return scene


def _lettering(image: np.ndarray, style: int, rng: np.random.Generator) -> np.ndarray:
    """Grey bar, depth ticks and lines of unreadable text, as burnt in by three makes of scanner."""
    height, width = image.shape
    bar = np.linspace(0.95, 0.1, height // (3 if style else 6))[:, None]
    image[4 : 4 + len(bar), 1:3] = bar
    image[8 :: (9, 12, 15)[style], 4] = 0.45
    for line in range((6, 4, 8)[style]):
        letters = rng.integers(5, 14)
        ink = np.where(rng.uniform(size=(1, letters)) < 0.75, (0.6, 0.85, 0.4)[style], 0.0)
        row = 2 + 3 * line
        image[row, width - letters - 1 : width - 1] = np.maximum(image[row, width - letters - 1 : width - 1], ink[0])
    return image
