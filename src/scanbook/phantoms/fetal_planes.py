"""The four planes of the fetal phantoms, drawn along the beams of a curved probe.

Each function lays one section through a fetus over a map of levels (dB), adds what its bones swallow to the
map of losses (dB a sample), and returns the mask of what makes a sonographer name the plane: the skull's
inside for the brain, the shaft for the femur, the heart for the thorax, stomach and umbilical vein for the
abdomen. Lengths are in millimetres. Bone is bright where it faces the beam and shadows what lies behind;
fluid scatters nothing and lets more sound through.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .shapes import Array, ellipse_distance, polyline_distance, smooth_noise, soft_step, turned, wobbles
from .ultrasound import Probe, facing, lay

FLUID_DB = -52.0


@dataclass
class Scene:
    """What is being drawn: levels in dB, extra losses in dB a sample, and where the samples lie (mm)."""

    probe: Probe
    z: Array
    x: Array
    level: Array
    loss: Array
    rng: np.random.Generator

    def lay(self, coverage: Array, value_db: Array | float) -> None:
        self.level = lay(self.level, coverage, value_db)

    def swallow(self, coverage: Array, db_per_mm: float) -> None:
        self.loss = self.loss + coverage * (db_per_mm * self.probe.depth / self.probe.samples)

    def noise(self, rows: float, cols: float) -> Array:
        return smooth_noise(self.rng, self.z.shape, (rows, cols))


@dataclass(frozen=True)
class Pose:
    """Where a section lies: centre (depth, lateral), turn in radians, half axes, all in mm."""

    centre: tuple[float, float]
    angle: float
    long: float
    short: float
    mirrored: bool

    def at(self, v: float, u: float) -> tuple[float, float]:
        """Depth and lateral of a point given along the short (v) and long (u) axis as shares of the half axes."""
        v, u = v * self.short, (-u if self.mirrored else u) * self.long
        c, s = np.cos(self.angle), np.sin(self.angle)
        return self.centre[0] + v * c + u * s, self.centre[1] + u * c - v * s


def section(scene: Scene, pose: Pose, outline: Array, inside_db: float, patch_db: float) -> tuple[Array, Array]:
    """Fill a round section of the body: (signed distance to its outline, how squarely that faces the beam)."""
    distance = ellipse_distance(scene.z, scene.x, *pose.centre, pose.short, pose.long, pose.angle, outline)
    texture = patch_db * (0.6 * scene.noise(14.0, 12.0) + 0.6 * scene.noise(5.0, 5.0))
    scene.lay(soft_step(distance, 1.5), inside_db + texture)
    return distance, facing(distance, scene.probe)


def brain(scene: Scene, pose: Pose, tone_db: float) -> Array:
    """Skull, midline broken by the cavum, ventricle walls, choroid plexus; the mask is the skull's inside."""
    rng = scene.rng
    distance, square = section(scene, pose, wobbles(rng, 0.025), tone_db - 11.0, 4.0)
    bone = soft_step(np.abs(distance) - rng.uniform(1.1, 1.8), 1.2)
    scene.lay(bone, rng.uniform(-16, -5) + 15.0 * (square - 0.35))
    scene.swallow(bone, 0.9)
    scene.swallow(bone * (square < 0.25), 2.5)  # grazing the skull, sound is turned away
    inside = soft_step(distance + 2.0, 1.5)
    gaps = soft_step(-(scene.noise(9.0, 9.0) + 1.4), 0.6)

    def line(points: list[tuple[float, float]], db: float, half: float = 0.8) -> None:
        reach, _ = polyline_distance(scene.z, scene.x, np.array([pose.at(*point) for point in points]))
        scene.lay(soft_step(reach - half, 0.9) * inside * gaps, tone_db + db)

    bow = rng.normal(0, 0.04)
    line([(0.0, -0.92), (bow, -0.25)], rng.uniform(8, 18))
    line([(bow, 0.05), (0.0, 0.4)], rng.uniform(4, 16))
    line([(0.0, 0.72), (0.0, 0.92)], rng.uniform(5, 14))
    for side in (-1, 1):  # the cavum's walls, two short parallel lines in the front third
        line([(0.11 * side, 0.42), (0.11 * side, 0.68)], rng.uniform(-2, 14))
    lobe = rng.choice((-1, 1))
    line([(0.32 * lobe, -0.6), (0.42 * lobe, -0.1), (0.36 * lobe, 0.35)], rng.uniform(-3, 9))
    if rng.uniform() < 0.6:
        ry, rx = 0.15 * pose.short, rng.uniform(0.16, 0.28) * pose.long
        plexus = ellipse_distance(scene.z, scene.x, *pose.at(0.42 * lobe, -0.38), ry, rx, pose.angle)
        scene.lay(soft_step(plexus, 1.5), tone_db + rng.uniform(0, 9) + 3.0 * gaps)
    if rng.uniform() < 0.35:  # cerebellum: a dumb-bell with a bright rim at the back
        for side in (-1, 1):
            lobule = ellipse_distance(
                scene.z, scene.x, *pose.at(0.26 * side, -0.62), 0.22 * pose.short, 0.15 * pose.long, pose.angle
            )
            scene.lay(soft_step(np.abs(lobule) - 0.4, 0.9), tone_db + 5.0)
    return soft_step(distance, 0.5)


def femur(scene: Scene, pose: Pose, tone_db: float) -> Array:
    """Thigh with skin, one bright shaft with its shadow, sometimes a second bone; the mask is the shaft."""
    rng = scene.rng
    thigh = Pose(pose.centre, pose.angle, 1.25 * pose.long, rng.uniform(0.5, 0.75) * pose.short, pose.mirrored)
    distance, square = section(scene, thigh, wobbles(rng, 0.07), tone_db - 2.0, 5.0)
    scene.lay(soft_step(np.abs(distance) - 0.8, 1.2), tone_db + 4.0 + 8.0 * (square - 0.5))
    streaks = scene.noise(3.0, 26.0)
    scene.lay(soft_step(distance + 3.0, 2.0) * 0.5, tone_db + 6.0 * streaks)
    bow, lift = rng.normal(0, 0.06), rng.uniform(-0.25, 0.25)
    half = rng.uniform(0.72, 0.98)
    ends = [(lift, -half), (lift + bow, -0.3), (lift + bow, 0.3), (lift, half)]
    reach, _ = polyline_distance(scene.z, scene.x, np.array([pose.at(*end) for end in ends]))
    shaft = soft_step(reach - rng.uniform(0.9, 1.8), 0.9)
    scene.lay(shaft, rng.uniform(-10, 0) + 2.5 * streaks)
    scene.swallow(shaft, rng.uniform(1.5, 6.0))
    for end in (ends[0], ends[-1]):  # the ends are cartilage, dark
        knob = ellipse_distance(scene.z, scene.x, *pose.at(end[0], end[1] * 1.1), 4.0, 4.5)
        scene.lay(soft_step(knob, 1.5) * (1 - shaft), tone_db - 12.0)
    if rng.uniform() < 0.4:
        other, _ = polyline_distance(
            scene.z, scene.x, np.array([pose.at(lift + 0.75, -0.7), pose.at(lift + rng.uniform(0.6, 0.9), 0.6)])
        )
        scene.lay(soft_step(other - 0.8, 1.0), rng.uniform(-26, -12))
    return soft_step(reach - 2.5, 0.5)


def _spine(scene: Scene, pose: Pose, towards: tuple[float, float], tone_db: float) -> None:
    """Three bright centres of bone at the rim and the shadow behind them; `towards` is a direction in shares."""
    v, u = towards
    for dv, du, db in ((0.0, 0.0, 2.0), (0.1, 0.12, 0.0), (0.1, -0.12, 0.0)):
        cv, cu = 0.8 * v - dv * v + du * u, 0.8 * u - dv * u - du * v
        spot = ellipse_distance(scene.z, scene.x, *pose.at(cv, cu), 1.9, 2.3, pose.angle)
        bright = soft_step(spot, 1.3)
        scene.lay(bright, max(tone_db + 12.0, -18.0) + db)
        scene.swallow(bright, 1.6)


def _ribs(scene: Scene, distance: Array, square: Array, tone_db: float, strength: float) -> None:
    """Short bright arcs under the skin, each with its shadow; strength 0 to 1."""
    arcs = soft_step(-(scene.noise(10.0, 8.0) - 0.2), 0.3)
    bone = soft_step(np.abs(distance + 3.2) - 1.0, 1.0) * arcs * strength
    scene.lay(bone, tone_db + 12.0 + 8.0 * (square - 0.3))
    scene.swallow(bone, 3.0)


def thorax(scene: Scene, pose: Pose, tone_db: float) -> Array:
    """Ribs, lungs, the heart's four chambers about their crux, aorta, spine; the mask is the heart."""
    rng = scene.rng
    distance, square = section(scene, pose, wobbles(rng, 0.05), tone_db - 1.0, 3.0)
    scene.lay(soft_step(np.abs(distance) - 1.0, 1.4), tone_db + 5.0 + 9.0 * (square - 0.4))
    _ribs(scene, distance, square, tone_db, rng.uniform(0.6, 1.0))
    turn = rng.uniform(0, 2 * np.pi)
    front = (np.sin(turn), np.cos(turn))
    _spine(scene, pose, (-front[0], -front[1]), tone_db)
    size = rng.uniform(0.54, 0.7) * pose.short
    centre = pose.at(0.18 * front[0] + rng.normal(0, 0.07), 0.18 * front[1] + rng.normal(0, 0.07))
    axis = turn + rng.normal(0, 0.3) + 0.7
    heart = ellipse_distance(scene.z, scene.x, *centre, 0.82 * size, 1.12 * size, axis, wobbles(rng, 0.04))
    scene.lay(soft_step(heart, 1.5), tone_db + rng.uniform(-1, 5))
    v, u = turned(scene.z, scene.x, *centre, axis)
    crux = -0.12 * size
    blood = FLUID_DB + rng.uniform(0, 9)
    for side in (-1, 1):
        chambers = (
            (0.32 * size * side, 0.44 * size, 0.25 * size, 0.5 * size),  # ventricles
            (0.34 * size * side, crux - 0.42 * size, 0.26 * size, 0.33 * size),  # atria
        )
        for cv, cu, ry, rx in chambers:
            ry *= rng.uniform(0.85, 1.15)
            scene.lay(soft_step(ellipse_distance(v, u, cv, cu, ry, rx, 0.12 * side), 1.2), blood)
    aorta = ellipse_distance(scene.z, scene.x, *pose.at(-0.5 * front[0], -0.5 * front[1]), 2.6, 2.6)
    scene.lay(soft_step(aorta, 1.0), blood)
    return soft_step(heart, 0.5)


def abdomen(scene: Scene, pose: Pose, tone_db: float) -> Array:
    """Liver, stomach bubble, umbilical vein, spine, faint ribs; the mask is stomach and vein."""
    rng = scene.rng
    distance, square = section(scene, pose, wobbles(rng, 0.05), tone_db + 0.0, 3.0)
    scene.lay(soft_step(np.abs(distance) - 1.0, 1.4), tone_db + 5.0 + 9.0 * (square - 0.4))
    _ribs(scene, distance, square, tone_db, rng.uniform(0.0, 0.45))
    turn = rng.uniform(0, 2 * np.pi)
    front = (np.sin(turn), np.cos(turn))
    left = (front[1], -front[0])
    _spine(scene, pose, (-front[0], -front[1]), tone_db)
    fluid = FLUID_DB + rng.uniform(0, 12)
    place = rng.uniform(0.32, 0.5), rng.uniform(-0.25, 0.1)
    at = pose.at(place[0] * left[0] + place[1] * front[0], place[0] * left[1] + place[1] * front[1])
    ry, rx = rng.uniform(0.17, 0.27) * pose.short, rng.uniform(0.24, 0.38) * pose.short
    stomach = ellipse_distance(scene.z, scene.x, *at, ry, rx, turn + rng.normal(0, 0.6), wobbles(rng, 0.1))
    bubble = soft_step(stomach, 1.2)
    scene.lay(bubble, fluid)
    scene.swallow(bubble, -0.25)
    hook = [(0.62, 0.0), (0.3, -0.02), (0.12, -0.16)]
    points = [pose.at(a * front[0] + b * left[0], a * front[1] + b * left[1]) for a, b in hook]
    reach, _ = polyline_distance(scene.z, scene.x, np.array(points))
    vein = soft_step(reach - rng.uniform(1.3, 2.3), 0.9)
    scene.lay(soft_step(reach - 3.0, 0.8), tone_db + 4.0)
    scene.lay(vein, fluid)
    aorta = ellipse_distance(scene.z, scene.x, *pose.at(-0.5 * front[0], -0.5 * front[1]), 2.2, 2.2)
    scene.lay(soft_step(aorta, 1.0), fluid)
    return np.maximum(soft_step(stomach, 0.5), soft_step(reach - 2.2, 0.5))
