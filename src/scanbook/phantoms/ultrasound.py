"""The physics of a pulse-echo picture that heart and fetal phantoms share.

Modelled, along the beams of the probe before they are laid out as a sector:

- *Speckle.* Many scatterers smaller than a wavelength lie in each resolution cell, so the demodulated echo is a
  complex Gaussian number whose envelope follows Rayleigh's distribution (Burckhardt 1978, IEEE Trans. Sonics
  Ultrason. 25; Wagner et al. 1983, same journal 30). Here: complex white noise times the local scattering
  strength, blurred by the pulse along the beam and by the beam's width across it.
- *Resolution that worsens with depth.* The blur across is constant in angle, hence wider in millimetres the
  deeper the echo; it is narrowest near the focus.
- *Attenuation and time-gain compensation.* What an echo loses on its way (in dB, there and back) is summed along
  the beam; the scanner gives back what an average tissue would have lost, so fluid leaves a brighter zone behind
  it and bone a shadow. The electronic noise is amplified with it.
- *Log compression.* The envelope in dB, a window of `range_db` of it shown from black to white.

Not modelled: refraction, wave-front aberration, side lobes, reverberation as such (a haze near the probe stands
for it), harmonic imaging, motion, and the scanners' edge enhancement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

Array = np.ndarray


@dataclass(frozen=True)
class Probe:
    """Where the beams run.

    half_angle  of the sector, in radians
    depth       length of a beam in millimetres
    face        radius of curvature of the probe's face in millimetres; 0 for a phased array (beams from a point)
    samples     echoes kept along a beam
    beams       number of beams
    """

    half_angle: float
    depth: float
    face: float = 0.0
    samples: int = 150
    beams: int = 96

    def points(self) -> tuple[Array, Array]:
        """Depth and lateral position in mm of each sample, two arrays (samples, beams).

        Depth is measured from the middle of the probe's face, lateral to the right of the middle beam.
        """
        r = self.face + np.linspace(0.0, self.depth, self.samples)[:, None]
        theta = np.linspace(-self.half_angle, self.half_angle, self.beams)[None, :]
        return (r * np.cos(theta) - self.face).astype(np.float32), (r * np.sin(theta)).astype(np.float32)


@dataclass(frozen=True)
class Scanner:
    """The knobs, the same for every image of one examination.

    gain_db    brightness; 0 shows an echo of strength 0 dB as white
    range_db   dynamic range on display
    pulse      standard deviation of the pulse along the beam, in samples
    width      standard deviation of the beam across, in beams, at the focus
    focus      depth of the focus as a share of the whole depth
    noise_db   electronic noise at the surface; it rises with the compensation
    tgc_db     compensation over the whole depth
    """

    gain_db: float = 0.0
    range_db: float = 50.0
    pulse: float = 0.7
    width: float = 0.8
    focus: float = 0.5
    noise_db: float = -60.0
    tgc_db: float = 25.0
    smooth: float = 0.55


def amplitude(level_db: Array | float) -> Array:
    """Scattering strength of a level in dB."""
    return np.power(10.0, np.asarray(level_db, np.float32) / 20.0)


def lay(level_db: Array, coverage: Array, value_db: Array | float) -> Array:
    """Put a structure of `value_db` over a map of levels (dB), where `coverage` (0..1) says how much of it."""
    value_db = np.asarray(value_db, np.float32)
    return level_db + coverage * (value_db - level_db)


def shadow(loss_db_per_sample: Array) -> Array:
    """What is left, in dB (<= 0), behind structures that swallow `loss_db_per_sample` beyond the average tissue.

    (samples, beams) in and out; a structure casts its shadow on what lies deeper, not on itself.
    """
    total = np.cumsum(loss_db_per_sample, axis=0)
    return -(total - loss_db_per_sample)


def facing(distance: Array, probe: Probe) -> Array:
    """How squarely the surfaces of constant `distance` face the beam: 1 across it, 0 along it.

    distance  (samples, beams) in mm, sampled at `probe.points()`; a smooth wall mirrors sound back only if it
              faces the beam, which is why outlines drop out at their sides
    """
    along, across = np.gradient(distance)
    spacing = probe.depth / probe.samples
    r = probe.face + np.linspace(0.0, probe.depth, probe.samples, dtype=np.float32)[:, None]
    arc = np.maximum(r * (2.0 * probe.half_angle / probe.beams), 0.05)
    along, across = np.abs(along) / spacing, np.abs(across) / arc
    return along / (along + across + 1e-6)


def echo_image(level_db: Array, scanner: Scanner, rng: np.random.Generator) -> Array:
    """Speckled, log-compressed echoes in [0, 1] along the beams.

    level_db  (samples, beams) scattering strength in dB after compensation and shadows; 0 dB is a strong reflector

    Returns float32 (samples, beams).
    """
    samples, _ = level_db.shape
    strength = amplitude(level_db)
    field = rng.standard_normal((2, *level_db.shape), dtype=np.float32) * strength
    depth = np.linspace(0.0, 1.0, samples, dtype=np.float32)[:, None]
    narrow = _blur(field, scanner.pulse, scanner.width)
    wide = _blur(field, scanner.pulse, scanner.width * 2.2)
    out_of_focus = np.clip(np.abs(depth - scanner.focus) / 0.7, 0.0, 1.0)
    field = narrow + out_of_focus * (wide - narrow)
    noise = amplitude(scanner.noise_db + scanner.tgc_db * depth)
    field = field + rng.standard_normal(field.shape, dtype=np.float32) * noise
    power = (field[0] ** 2 + field[1] ** 2) / 2.0
    envelope_db = 10.0 * np.log10(power + 1e-12)
    shown = np.clip((envelope_db + scanner.gain_db) / scanner.range_db + 1.0, 0.0, 1.0)
    return ndimage.gaussian_filter(shown.astype(np.float32), scanner.smooth, truncate=2.5)


def _blur(field: Array, pulse: float, width: float) -> Array:
    """Blur by the point spread function, kept at unit power: independent scatterers add in power."""
    blurred = ndimage.gaussian_filter(field, (0.0, pulse, width), truncate=2.5, mode="nearest")
    return blurred * np.sqrt(max(1.0, 2.0 * np.sqrt(np.pi) * pulse) * max(1.0, 2.0 * np.sqrt(np.pi) * width))


def scan_convert(beams: Array, probe: Probe, y: Array, x: Array, *, order: int = 1) -> Array:
    """Lay beams out as a sector: values at depth `y` and lateral `x` (mm, arrays of one shape); 0 outside it.

    order  1 interpolates, 0 takes the nearest sample (for masks)
    """
    z = y + probe.face
    row = (np.sqrt(z * z + x * x) - probe.face) * ((probe.samples - 1) / probe.depth)
    col = (np.arctan2(x, z) / probe.half_angle + 1.0) * ((probe.beams - 1) / 2.0)
    return ndimage.map_coordinates(beams, [row, col], order=order, mode="constant", cval=0.0, prefilter=False)
