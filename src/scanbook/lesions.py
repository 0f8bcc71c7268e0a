"""Whether maps point at the lesion, where its place is known: phantoms come with a mask for every image.

A mask goes through the same geometry as its image, so that a cell of the map and a cell of the mask are one place.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scanbook import looking
from scanbook.experiment import Image
from scanbook.loaders import prepare
from scanbook.metrics import maps as judging
from scanbook.models import attribution, map_checks
from scanbook.names import MAIN

if TYPE_CHECKING:
    from scanbook.study import Study


@dataclass
class Lesions:
    """How well maps point at lesions whose place is known: one row an arm, and the rows of scores.csv."""

    table: pd.DataFrame
    scores: pd.DataFrame


def pointing(study: "Study") -> Lesions:
    """Whether the highest cell of each main arm's map touches the lesion, and how much of the map lies inside it.

    Only where the place of the lesion is known, which is so of phantoms. Asked are `evidence.maps` test images with a
    lesion, and explained is their true class, whatever was answered. An edge detector and a blob in the middle are asked
    the same.
    """
    tables, scores = [], []
    for arm in study.done_arms(*MAIN):
        masks, asked = Masks(study, study.experiment.arms[arm].image), looking.predicted(study, arm)
        asked = looking.chosen(asked[asked["image_id"].map(masks.has)], study.experiment.evidence.maps)
        if asked.empty:  # no phantoms, or none with a lesion
            continue
        asked = asked.sort_values("fold", kind="stable")
        try:
            found = _pointing(study, arm, asked, masks)
        except attribution.NoMap:
            continue
        unit, groups, labels = study.experiment.data.unit, asked["group"].tolist(), asked["label"].tolist()
        rows = pd.DataFrame(judging.rows_of(found, groups, labels, unit))
        scores.append(looking.score_rows(study, arm, rows))
        tables.append(rows.assign(arm=arm, network=study.label_of(arm)))
    nothing = pd.DataFrame()
    return Lesions(
        pd.concat(tables, ignore_index=True) if tables else nothing,
        pd.concat(scores, ignore_index=True) if scores else nothing,
    )


class Masks:
    """Lesion masks of a study's phantoms at the size of one arm's images; of real images there are none."""

    def __init__(self, study: "Study", image: Image) -> None:
        self._image = image
        file = study.data.folder.parent / "truth" / f"{study.data.folder.name}-masks.npz"
        self._sheets = np.load(file) if study.experiment.phantoms and file.is_file() else None
        self._known: dict[str, np.ndarray] = {}

    def of(self, image_id: str) -> np.ndarray:
        """bool (S, S): where the structure is that gives the image its class; all False where there is none."""
        if image_id not in self._known:
            side = self._image.size
            drawn = self._sheets[image_id] if self._sheets is not None else np.zeros((side, side), bool)
            self._known[image_id] = placed(drawn, size=side, fit=self._image.fit, resize=self._image.resize)
        return self._known[image_id]

    def has(self, image_id: str) -> bool:
        """Whether any of it is left at the size of the network's images."""
        return bool(self.of(image_id).any())


def placed(mask: np.ndarray, *, size: int, fit: str, resize: int | None) -> np.ndarray:
    """A mask (H, W) of an image, in the pixels that the network is shown: bool (size, size), half covered or more."""
    drawn = mask.astype(np.uint8) * 255
    ready = prepare.prepare(drawn, size=size, fit=fit, colour="grey", equalise="none", resize=resize)
    return ready[..., 0] >= 128


def _pointing(study: "Study", arm: str, asked: pd.DataFrame, masks: Masks) -> dict[str, np.ndarray]:
    parts = []
    for run, network, rows in looking.networks_of(study, arm, asked):
        images = looking.pixels(study, run, rows)
        own = attribution.grad_cam(network, images, rows["truth"].to_numpy()).numpy()
        cells = own.shape[-1]
        covered = judging.in_cells(np.stack([masks.of(name) for name in rows["image_id"]]), cells)
        edges = map_checks.edge_map(None, images, cells=cells).numpy()
        blob = map_checks.blob_map(len(own), cells).numpy()
        chance, share = (covered > 0).mean((1, 2)), covered.mean((1, 2))
        hits, inside = judging.pointing(own, covered), judging.energy(own, covered)
        parts.append({
            "map_pointing": hits, "map_pointing_chance": chance, "map_pointing_gain": hits - chance,
            "map_pointing_edges": judging.pointing(edges, covered), "map_pointing_blob": judging.pointing(blob, covered),
            "map_energy": inside, "map_energy_chance": share, "map_energy_gain": inside - share,
        })  # fmt: skip
    return {metric: np.concatenate([part[metric] for part in parts]) for metric in parts[0]}
