"""Grey DICOM pixels as their header wants them shown: rescaling, window, padding, and which end is black.

The rules stand on top of `dicom`; the formulas are those of the standard, PS3.3 C.11.1 and C.11.2.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from scanbook.loaders.decoding import pixels
from scanbook.loaders.decoding.formats import Unreadable

Shown = Callable[[np.ndarray], np.ndarray]  # rescaled values, float64 → 0 … 255


def as_shown(stored: np.ndarray, dataset: Any) -> np.ndarray:
    """Stored values (H, W) and the header they belong to → uint8 (H, W). Raises Unreadable where they make no
    sense together.
    """
    if stored.dtype.kind == "f" and not np.isfinite(stored).all():
        raise Unreadable("holds values that are not numbers")
    outside = _padding(stored, dataset)
    inside = None if outside is None else ~outside
    as_is = stored.dtype.kind == "u" and dataset.get("BitsStored") == 8
    slope, intercept = 1.0, 0.0
    if dataset.get("ModalityLUTSequence"):
        from pydicom.pixels.processing import apply_modality_lut

        stored, as_is = apply_modality_lut(stored, dataset), False
    else:
        slope, intercept = _rescaling(dataset)
    shown = None
    show = _window(dataset) or _voi_table(dataset)
    if show is not None:
        shown = pixels.pointwise(stored, lambda values: show(values * slope + intercept))
        if _flat(shown, inside) and not _flat(stored, inside):
            shown = None
    if shown is None and as_is and (slope, intercept) == (1, 0):
        shown = stored.astype(np.uint8)
    if shown is None:
        shown = pixels.stretch(stored, inside)
        if slope < 0:
            np.subtract(255, shown, out=shown)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        np.subtract(255, shown, out=shown)
    if outside is not None:
        shown[outside] = 0
    return shown


def _rescaling(dataset: Any) -> tuple[float, float]:
    """Slope and intercept."""
    group = "PixelValueTransformationSequence"
    slope, intercept = (_first(_functional(dataset, group, name)) for name in ("RescaleSlope", "RescaleIntercept"))
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if not np.isfinite([slope, intercept]).all() or slope == 0:
        raise Unreadable(f"DICOM damaged (rescale slope {slope:g}, intercept {intercept:g})")
    return slope, intercept


def _window(dataset: Any) -> Shown | None:
    """The file's first window, or None."""
    group = "FrameVOILUTSequence"
    centre = _first(_functional(dataset, group, "WindowCenter"))
    width = _first(_functional(dataset, group, "WindowWidth"))
    kind = str(_functional(dataset, group, "VOILUTFunction") or "LINEAR").upper()
    if centre is None or width is None or not np.isfinite([centre, width]).all():
        return None
    if kind == "SIGMOID" and width > 0:
        return lambda values: 255 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700)))
    if kind == "LINEAR" and width >= 1:
        return _ramp(centre - 0.5, max(width - 1, 1e-6))  # a width of 1 is a threshold
    if kind == "LINEAR_EXACT" and width > 0:
        return _ramp(centre, width)
    return None


def _ramp(centre: float, width: float) -> Shown:
    return lambda values: np.clip(((values - centre) / width + 0.5) * 255, 0, 255)


def _voi_table(dataset: Any) -> Shown | None:
    table = (dataset.get("VOILUTSequence") or [None])[0]
    if table is None or "LUTData" not in table or "LUTDescriptor" not in table:
        return None
    from pydicom.pixels.processing import apply_voi

    top = 2 ** int(table.LUTDescriptor[2]) - 1
    return lambda values: apply_voi(np.rint(values).astype(np.int64), dataset).astype(np.float64) * (255 / top)


def _padding(stored: np.ndarray, dataset: Any) -> np.ndarray | None:
    """bool (H, W) where the header marks pixels as outside the scan; None where it marks none."""
    value, limit = dataset.get("PixelPaddingValue"), dataset.get("PixelPaddingRangeLimit")
    if not isinstance(value, int):
        return None
    limit = limit if isinstance(limit, int) else value
    where = (stored >= min(value, limit)) & (stored <= max(value, limit))
    return where if where.any() else None


def _functional(dataset: Any, group: str, name: str) -> Any:
    """A value from the header, or from the functional groups of the first frame, where multi-frame files keep it."""
    if name in dataset:
        return dataset.get(name)
    for groups in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        for item in (dataset.get(groups) or [])[:1]:
            for inner in (item.get(group) or [])[:1]:
                if name in inner:
                    return inner.get(name)
    return None


def _flat(values: np.ndarray, inside: np.ndarray | None) -> bool:
    seen = values if inside is None or not inside.any() else values[inside]
    return bool(seen.min() == seen.max())


def _first(value: Any) -> float | None:
    """The number, or the first of several; None where there is none."""
    if value is None or value == "":
        return None
    if not isinstance(value, str | int | float) and hasattr(value, "__len__"):
        return _first(value[0]) if len(value) else None
    return float(value)
