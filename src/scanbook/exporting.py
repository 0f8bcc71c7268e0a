"""A finished run's network as an ONNX file: written, held against the original on the test part, and only then kept."""

import os
from dataclasses import dataclass
from pathlib import Path

from scanbook import params
from scanbook.fitting import EVALUATION_BATCH
from scanbook.loaders.batches import Batches
from scanbook.models import exchange, prediction
from scanbook.predict import NoFinishedRun
from scanbook.study import Study

TOLERANCE = 1e-4  # of a probability, in float32; rounding moves the sixth place


@dataclass(frozen=True)
class Exported:
    """What was written, and how it was checked.

    difference  the largest absolute difference of a probability from the original's, over n_images of the test part
    megabytes   of the file
    """

    file: Path
    network: str
    difference: float
    n_images: int
    megabytes: float

    def __str__(self) -> str:
        checked = f"on {self.n_images} test images its probabilities differ from the original's by at most"
        return (f"{self.file.name}: {self.network}, {self.megabytes:.1f} MB; {checked} {self.difference:.1g} "
                f"(allowed: {TOLERANCE:g})")  # fmt: skip


def export_onnx(
    study: Study, arm: str = "resnet", out: Path | None = None, *, tolerance: float = TOLERANCE
) -> Exported:
    """Write the network of an arm's first finished run as ONNX, and check it on the test part of that run.

    out  the file; None: ASSIGNMENT-ARM-PROFILE.onnx in the working folder. A file of that name is replaced

    The file takes images as preparation leaves them, float32 (batch, channels, size, size) in [0, 1]; classes, size and
    preparation are its metadata.
    Raises ParamsError for an unknown arm, NoFinishedRun where it has no finished run, ValueError where packages are
    missing or the two answer differently: then no file is left.
    """
    exchange.require_packages()
    name, profile = study.experiment.name, study.experiment.profile
    if arm not in study.experiment.arms:
        raise params.ParamsError(f"{name}: {params.unknown(arm, list(study.experiment.arms))}")
    run = next((run for run in study.runs if run.arm.name == arm and study.run_folder(run).done), None)
    if run is None:
        raise NoFinishedRun(f"{name}, profile {profile}: arm {arm!r} has no finished run with these parameters; "
                            f"make one with: scanbook train {name} --profile {profile}")  # fmt: skip
    file = out or Path(f"{name}-{arm}-{profile}.onnx")
    network, classes = prediction.load_network(study.folder / run.name)
    about = {
        "classes": classes, "preparation": run.arm.image.model_dump(exclude={"normalise"}), "assignment": name,
        "profile": profile, "arm": arm, "network": run.arm.network, "fold": run.fold, "seed": run.seed, "run": run.name,
        "input": "float32 (batch, channels, size, size) in [0, 1]; normalisation lies inside",
        "use": "education and research; not for clinical use",
    }  # fmt: skip
    images, rows = study.data.images(run.arm.image), study.data.rows(run.scheme, run.fold, "test")
    batches = Batches(
        images, study.data.labels, rows, image_ids=list(study.data.used["image_id"]), batch=EVALUATION_BATCH
    )
    unproven = file.with_name(f"{file.name}.unproven")
    try:
        exchange.write_onnx(network, unproven, size=run.arm.image.size, about=about)
        worst, n = exchange.largest_difference(network, unproven, (shown for shown, _, _ in batches.epoch(1)))
        if not worst <= tolerance:
            raise ValueError(f"{file.name}: on {n} test images a probability differs from the original's by {worst:.2g}, "
                             f"allowed is {tolerance:g}; no file is left")  # fmt: skip
        os.replace(unproven, file)
    finally:
        unproven.unlink(missing_ok=True)
    return Exported(file, study.label_of(arm), worst, n, file.stat().st_size / 1e6)
