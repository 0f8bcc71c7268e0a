"""New images through a finished run: the same preparation as in training, class and probabilities out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from scanbook.loaders import prepare, reading
from scanbook.models import prediction

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".dcm"}


class NoFinishedRun(ValueError):
    """There is no trained network to answer; the text says how to get one."""


class Predictor:
    """A trained network and the preparation it was trained with.

    folder       of a finished run
    description  which network, under which profile, in words
    """

    def __init__(self, folder: Path, description: str) -> None:
        self.network, self.classes = prediction.load_network(folder / "best.safetensors")
        determined_by = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
        image = determined_by["arm"]["image"]
        self.preparation = {key: image[key] for key in ("size", "fit", "colour", "equalise", "resize")}
        self.description = description

    @classmethod
    def of(
        cls, name: str, profile: str = "sample", overrides: dict[str, Any] | None = None, arm: str = "resnet"
    ) -> "Predictor":
        """The first finished run (fold 0, first seed) of one arm.

        Raises NoFinishedRun when there is none, ParamsError when name or arm is unknown.
        """
        from scanbook import open_study, params

        study = open_study(name, profile, overrides)
        if arm not in study.experiment.arms:
            raise params.ParamsError(f"{name}: {params.unknown(arm, list(study.experiment.arms))}")
        for run in study.runs:
            if run.arm.name == arm and study.run_folder(run).done:
                return cls(
                    study.folder / run.name,
                    f"{study.label_of(arm)}, {study.experiment.title}, profile {profile}",
                )
        raise NoFinishedRun(f"{name}, profile {profile}: arm {arm!r} has no finished run with these parameters; "
                            f"make one with: scanbook train {name} --profile {profile}")  # fmt: skip

    def answer(self, file: Path) -> dict[str, Any]:
        """Class and probabilities of one image file, or the reason why it cannot be read.

        Returns {"class": name, "probabilities": {name: share, …}} or {"error": reason}.
        """
        try:
            return self._answer(prepare.prepare_file(file, **self.preparation))
        except (reading.Unreadable, OSError) as error:
            return {"error": str(error)}

    def _answer(self, ready: np.ndarray) -> dict[str, Any]:
        image = torch.from_numpy(np.ascontiguousarray(ready)).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            probs = torch.softmax(self.network(image).double(), dim=1)[0]
        return {
            "class": self.classes[int(probs.argmax())],
            "probabilities": {name: float(p) for name, p in zip(self.classes, probs, strict=True)},
        }


def image_files(paths: list[Path]) -> Iterator[Path]:
    """Files as given, and the images inside folders, sorted; a path that does not exist is passed on to be named."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        else:
            yield path
