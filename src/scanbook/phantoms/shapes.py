"""Small drawing helpers that every modality shares.

All of them take coordinates as arrays, never a picture, so that the same
anatomy can be drawn on a square raster (a radiograph) or along the beams of
an ultrasound probe. Edges are soft: a structure covers a pixel partly, as a
real detector would see it.
"""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray


def patient_rng(seed: int, index: int, stream: int = 0) -> np.random.Generator:
    """Random numbers of one patient, independent of every other patient.

    seed    the seed of the set; index the patient's number; stream tells apart several uses
    """
    return np.random.default_rng([int(seed), int(index), int(stream)])


def grid(height: int, width: int) -> tuple[Array, Array]:
    """Row and column of each pixel's centre: two float32 arrays (height, width)."""
    y, x = np.mgrid[0:height, 0:width]
    return y.astype(np.float32), x.astype(np.float32)


def soft_step(distance: Array, edge: float) -> Array:
    """1 inside (distance < 0), 0 outside, smooth over about `edge` (same unit) on either side."""
    t = np.clip(0.5 - np.asarray(distance) * (0.5 / max(float(edge), 1e-6)), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def turned(y: Array, x: Array, cy: float, cx: float, angle: float) -> tuple[Array, Array]:
    """Coordinates about (cy, cx), turned by `angle` (radians, positive from x towards y): (v, u)."""
    c, s = math.cos(angle), math.sin(angle)  # plain floats: NumPy's own would widen float32 arrays
    dy, dx = y - float(cy), x - float(cx)
    return dy * c - dx * s, dx * c + dy * s


def ellipse_distance(
    y: Array,
    x: Array,
    cy: float,
    cx: float,
    ry: float,
    rx: float,
    angle: float = 0.0,
    wobble: Array | None = None,
) -> Array:
    """Approximate signed distance to an ellipse's outline, negative inside, in the unit of the coordinates.

    ry, rx  half axes along v and u after turning by `angle` (radians); the distance is exact to first order
    wobble  coefficients from `wobbles`: the outline's radius is multiplied by a smooth periodic function
    """
    v, u = turned(y, x, cy, cx, angle)
    ry, rx = float(ry), float(rx)
    rho = np.sqrt((v / ry) ** 2 + (u / rx) ** 2) + 1e-6
    radius = 1.0 if wobble is None else wobbled(wobble, np.arctan2(v / ry, u / rx))
    half_axis = np.maximum(np.sqrt(v**2 + u**2) / rho, min(ry, rx))  # in this direction; rho is 0 at the centre
    return (rho - radius) * half_axis


def wobbles(rng: np.random.Generator, strength: float, harmonics: int = 5) -> Array:
    """Fourier coefficients (harmonics, 2) of a smooth random outline.

    strength  standard deviation of the relative radius; low harmonics (from the second) carry most of it
    """
    order = np.arange(2, 2 + harmonics)
    fall = 1.0 / order
    fall = fall / np.sqrt((fall**2).sum())
    return rng.normal(size=(harmonics, 2)) * (strength * fall)[:, None]


def wobbled(coefficients: Array, theta: Array) -> Array:
    """Relative radius (about 1) at the angles `theta` in [-pi, pi], from the coefficients of `wobbles`."""
    knots = np.linspace(-np.pi, np.pi, 181)  # a table costs a fifth of evaluating every pixel
    radius = np.ones_like(knots)
    for k, (a, b) in enumerate(coefficients, start=2):
        radius += a * np.cos(k * knots) + b * np.sin(k * knots)
    return np.interp(theta, knots, radius).astype(np.float32)


def polyline_distance(y: Array, x: Array, points: Array) -> tuple[Array, Array]:
    """Distance to a polyline and where along it (0 at its start, 1 at its end) the nearest point lies.

    points  (n, 2) rows of (y, x)
    """
    y, x = np.asarray(y, np.float32), np.asarray(x, np.float32)
    points = np.asarray(points, np.float64)
    steps = np.diff(points, axis=0)
    lengths = np.hypot(*steps.T)
    start = np.r_[0.0, np.cumsum(lengths)] / max(lengths.sum(), 1e-9)
    best = np.full(y.shape, np.inf, np.float32)
    where = np.zeros(y.shape, np.float32)
    for (y0, x0), (dy, dx), length, s0, s1 in zip(
        points[:-1].tolist(), steps.tolist(), lengths.tolist(), start[:-1].tolist(), start[1:].tolist(), strict=True
    ):
        v, u = y - y0, x - x0
        t = np.clip((v * dy + u * dx) / max(length**2, 1e-9), 0.0, 1.0)
        squared = (v - t * dy) ** 2 + (u - t * dx) ** 2
        nearer = squared < best
        np.copyto(best, squared, where=nearer)
        np.copyto(where, s0 + t * (s1 - s0), where=nearer)
    return np.sqrt(best), where


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float | tuple[float, float]) -> Array:
    """Noise field of mean 0 and standard deviation 1 whose bumps are about `scale` pixels wide, float32.

    Drawn on a coarse raster and interpolated by cubic B-splines, which costs the same whatever the scale.
    scale  one number, or one for the rows and one for the columns
    """
    scales = scale if isinstance(scale, tuple) else (scale, scale)
    spans = [max(float(s), 1.0) for s in scales]
    coarse = [int(n / span) + 5 for n, span in zip(shape, spans, strict=True)]
    field = rng.standard_normal(coarse, dtype=np.float32)
    for n, span in zip(shape, spans, strict=True):
        at = np.arange(n) / span + rng.uniform()
        low, t = at.astype(int), (at % 1.0).astype(np.float32)
        taps = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
        # No matrix product: its order of summation may depend on the number of threads.
        field = sum(tap[:, None] * field[low + k] for k, tap in enumerate(taps)).T
    sample = field[::2, ::2] if min(shape) > 40 else field
    return (field - sample.mean()) * np.float32(1.0 / max(float(sample.std()), 1e-9))


def to_uint8(values: Array) -> Array:
    """Grey values in [0, 1] (clipped) to uint8."""
    return np.round(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
