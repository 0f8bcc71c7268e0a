"""New images through a finished run: the same preparation as in training, class and probabilities out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scanbook.loaders import prepare, reading
from scanbook.models import networks, prediction

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif"}


class NoFinishedRun(ValueError):
    """There is no trained network to answer; the text says how to get one."""


class Predictor:
    """A trained network and the preparation it was trained with.

    folder       of a finished run
    description  which network, under which profile, in words
    """

    def __init__(self, folder: Path, description: str) -> None:
        blueprint = json.loads((folder / "network.json").read_text(encoding="utf-8"))
        self.classes, self.image, self.description = (
            blueprint.pop("classes"),
            blueprint.pop("image"),
            description,
        )
        self.network = networks.build(**blueprint)
        prediction.load_weights(self.network, folder / "best.safetensors")
        self.network.eval()

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
            if run.arm.name == arm and study.run_folder(run).state()["state"] == "done":
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
            pixels = reading.read_image(file)
        except (reading.Unreadable, OSError) as error:
            return {"error": str(error)}
        return self.answer_pixels(pixels)

    def answer_pixels(self, pixels: np.ndarray) -> dict[str, Any]:
        """The same for an image in memory: uint8 (H, W) or (H, W, 3)."""
        settings = {key: self.image[key] for key in ("size", "fit", "colour", "equalise")}
        ready = torch.from_numpy(prepare.prepare(pixels, **settings)).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            probs = torch.softmax(self.network(ready).double(), dim=1)[0]
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
