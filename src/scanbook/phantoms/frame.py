"""One image of a phantom patient and everything that is known about it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Frame:
    """What a modality module hands over for each image.

    image_id  posix path inside the set's folder; its suffix decides the format (.png, .jpg, .jpeg)
    patient   identifier of the patient, the same for all frames of one patient
    label     the class as a loader will find it (folder or table), in the source's spelling
    image     uint8 (H, W), grey
    mask      bool (H, W), where the structure is that gives the class; all False if there is none
    truth     what was drawn: plain numbers and texts, e.g. {"ejection_fraction": 0.31}; `true_label`
              where it differs from `label`
    """

    image_id: str
    patient: str
    label: str
    image: np.ndarray
    mask: np.ndarray
    truth: dict[str, float | str] = field(default_factory=dict)
