"""The images of one assignment in the hall's hand: manifest, splits, prepared pixels.

Joins the loaders' rooms for one experiment and keeps what they made, so that notebooks and runs ask once.
"""

import functools
import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd

from scanbook import naming, sources
from scanbook.experiment import Augment, Experiment, Image
from scanbook.loaders import augment, cache, files, integrity, manifest, splits
from scanbook.names import one

SEEING = (
    "loaders/scanning.py",
    "loaders/reading.py",
    "loaders/views.py",
)  # the rooms that decide what is seen of a file
CROSSFIT = 5
COMPARING = ("loaders/integrity.py",)  # and which pictures are taken for the same


class NoData(ValueError):
    """The images of a set are not there; the text says where they were looked for and what to do."""


class Dataset:
    """Images, labels, groups and parts of one experiment.

    experiment  resolved parameters
    root        the repository: phantoms, caches and runs lie below it
    data_dir    folder of real sets; DATA_DIR when None
    """

    def __init__(self, experiment: Experiment, root: Path, data_dir: Path | None = None) -> None:
        self.experiment, self.root = experiment, root
        self.folder = self._folder(data_dir)
        self.chose_split = ""  # why, where the parameters leave it to the data
        if experiment.split.scheme == "auto":
            self._settle_split()

    def _folder(self, data_dir: Path | None) -> Path:
        spec = self.experiment.data
        if self.experiment.phantoms:
            from scanbook.phantoms import NAMES, make_phantoms

            if spec.folder not in NAMES:
                raise NoData(f"no phantoms for {spec.folder!r}; there are: {', '.join(NAMES)}. "
                             f"Use profile quick or full with DATA_DIR")  # fmt: skip
            return make_phantoms(spec.folder, self.root / "data" / "phantoms")
        base = Path(data_dir or os.environ.get("DATA_DIR") or self.root / "data").resolve()
        folder = base / spec.folder
        if not folder.is_dir():
            raise NoData(
                f"profile {self.experiment.profile!r} needs real images in DATA_DIR/{spec.folder}/, and there is "
                f"no such folder ({'DATA_DIR is set' if data_dir or 'DATA_DIR' in os.environ else 'DATA_DIR is not set'}). "
                f"Put the set there (scanbook data {self.experiment.name} brings it, or says how), or use profile sample, "
                f"which draws its own phantoms"
            )
        return folder

    @functools.cached_property
    def _looked(self) -> tuple[pd.DataFrame, np.ndarray]:
        """Manifest and views of every file, groups as patients and tables give them; remembered in the cache."""
        spec = self.experiment.data
        known = hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:16]
        return manifest.build_manifest(
            self.folder, layout=spec.layout, classes=spec.class_map, group=spec.group, images=spec.images,
            table=self._table(), name_column=spec.name_column, label_column=spec.label_column,
            patient_column=spec.patient_column, split_column=spec.split_column, exclude=spec.exclude,
            check=spec.check.model_dump() if spec.check else None,
            memory=self.root / "cache" / f"seen-{known}.sqlite", rules=sources.of_rooms(*SEEING),
        )  # fmt: skip

    @functools.cached_property
    def pairs(self) -> pd.DataFrame:
        """Every picture that occurs twice among the readable images; see `integrity.pairs_of`."""
        table, views = self._looked
        used = table.loc[table["status"] == "used", ["image_id", "label", "sha256", "pixel_hash"]]
        text = sources.of_rooms(*COMPARING) + used.to_csv(index=False)
        file = self.root / "cache" / f"pairs-{hashlib.sha256(text.encode()).hexdigest()[:16]}.csv"
        if not file.exists():
            files.write_csv_atomically(integrity.pairs_of(table, views), file)
        found = files.read_csv(file, {"a", "b", "kind", "turn", "label_a", "label_b"})
        return found.astype({"likeness": float, "conflict": bool})

    @functools.cached_property
    def named_groups(self) -> pd.Series:
        """image_id -> group as patients, tables or running numbers give it, before equal pictures join any."""
        table, views = self._looked
        cut = self.experiment.data.runs
        groups = integrity.runs_of(table, views, cut) if cut else table["group"]
        return pd.Series(groups.to_numpy(), index=table["image_id"])

    @functools.cached_property
    def manifest(self) -> pd.DataFrame:
        """One row a file found, used or excluded; the columns are `manifest.COLUMNS`."""
        spec = self.experiment.data
        table = self._looked[0].assign(group=self.named_groups.to_numpy())
        table = integrity.regroup(
            table, self.pairs, duplicates=spec.duplicates, conflicts=spec.conflicts, copies=spec.copies
        )
        return integrity.at_most(table, self.experiment.cap_per_class) if self.experiment.cap_per_class else table

    @functools.cached_property
    def views(self) -> np.ndarray:
        """uint8 (N, 2, SIDE, SIDE): the two small views of the used images; see `loaders.views`."""
        return self._looked[1][(self.manifest["status"] == "used").to_numpy()]

    def _table(self) -> str | None:
        """Where the label table lies: in the set's folder, or else below the repository, as params/NAME.csv does."""
        name = self.experiment.data.table
        if name and not (self.folder / name).is_file() and (self.root / name).is_file():
            return str(self.root / name)
        return name

    def _settle_split(self) -> None:
        """Write into the experiment which split `auto` stands for: the published one where nothing crosses it."""
        spec = self.experiment
        leaks = integrity.crossing(self.manifest, self.named_groups, self.pairs)
        own = "block" if spec.data.runs else "grouped"
        if not (self.used["given_split"] == "test").any():
            scheme, why = own, "the set comes without a test part"
        elif leaks["patients"] or leaks["pixels"]:
            scheme = own
            why = (f"its published parts share {leaks['patients']} {spec.data.unit} and {leaks['pixels']} pictures with "
                   f"equal pixels between test and training")  # fmt: skip
        else:
            scheme, why = "provided", f"no {one(spec.data.unit)} and no equal picture crosses its published parts"
        self.chose_split = why
        arms = {name: arm.model_copy(update={"scheme": scheme}) if arm.scheme == "auto" else arm
                for name, arm in spec.arms.items()}  # fmt: skip
        split = spec.split.model_copy(update={"scheme": scheme})
        self.experiment = spec.model_copy(update={"split": split, "arms": arms})

    @functools.cached_property
    def used(self) -> pd.DataFrame:
        """The rows of the manifest that are used; their position is the row of every image array."""
        return self.manifest[self.manifest["status"] == "used"].reset_index(drop=True)

    @functools.cached_property
    def names(self) -> naming.PageNames:
        """What pages call the images and groups of this set; everything that shows one asks here."""
        return naming.of(self.manifest, self.experiment.data.ids, self.experiment.data.unit)

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """int64 (N,), the column of the logits for each used image, as the set labels it."""
        return self._columns(self.used["label"])

    @functools.cached_property
    def corrected(self) -> pd.Series:
        """The label of each used image as its second opinion has it (`data.check`), or as given where it has none."""
        given = self.used["label"]
        if "check_label" not in self.used:
            return given
        said = self.used["check_label"]
        return given.where((said == "") | ~said.isin(self.experiment.data.class_names), said)

    def labels_for(self, which: str, rows: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
        """int64 (N,): what a training learns from, "as_given", "corrected" or "shuffled".

        rows, seed  of "shuffled" only: the images of training and validation, among whom labels change places. Where
                    each of their groups has one label, whole groups are dealt one, so that a patient stays in one class
        """
        if which != "shuffled":
            return self.labels if which == "as_given" else self._columns(self.corrected)
        rows = np.arange(len(self.used)) if rows is None else np.sort(rows)
        groups, labels = self.used["group"].to_numpy()[rows], self.labels.copy()
        names, first, group_of_row = np.unique(groups, return_index=True, return_inverse=True)
        whole = bool((labels[rows][first][group_of_row] == labels[rows]).all())
        dealt = labels[rows][first] if whole else labels[rows]
        dealt = np.random.default_rng([seed, len(names)]).permutation(dealt)
        labels[rows] = dealt[group_of_row] if whole else dealt
        return labels

    def _columns(self, names: pd.Series) -> np.ndarray:
        position = {name: k for k, name in enumerate(self.experiment.data.class_names)}
        return names.map(position).to_numpy(np.int64)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change when an image, a label or a group does."""
        return manifest.fingerprint(self.manifest)

    @property
    def fractions(self) -> tuple[float, float, float]:
        """Share of the groups for train, val and test."""
        train, val, test = self.experiment.split.fractions
        return train, val, test

    @functools.cached_property
    def folds(self) -> int:
        """1 for a hold-out, k for grouped cross-validation, -1 for leave one group out."""
        wanted = self.experiment.split.folds
        if wanted != "auto":
            return wanted
        if self.experiment.split.scheme == "provided":
            return 1
        return splits.choose_folds(self.used["group"].nunique(), self.fractions)

    @functools.cache  # noqa: B019 a study lives as long as its notebook
    def split(self, scheme: str) -> pd.DataFrame:
        """The parts under one scheme: image_id, scheme, fold, split.

        `crossfit` is five folds by group, so that every image is predicted once by a network that has not seen it.
        """
        spec = self.experiment.split
        if scheme == "crossfit":
            folds = splits.make_splits(self.used, "grouped", fractions=self.fractions, folds=CROSSFIT, seed=spec.seed)
            return folds.assign(scheme=scheme)
        folds = 1 if scheme == "provided" else self.folds
        if scheme == "random" and folds == -1:
            folds = 5  # one image at a time would be hundreds of trainings; five folds show the leak as well
        return splits.make_splits(self.used, scheme, fractions=self.fractions, folds=folds, seed=spec.seed)

    def parts(self, scheme: str) -> dict[int, str]:
        """Fold -> a hash of which image lies in which part."""
        table = self.split(scheme).sort_values(["fold", "image_id"])
        return {
            int(fold): hashlib.sha256("\n".join(rows["image_id"] + "\t" + rows["split"]).encode()).hexdigest()[:16]
            for fold, rows in table.groupby("fold")
        }

    def rows(self, scheme: str, fold: int, part: str) -> np.ndarray:
        """int64 rows of the image array that lie in one part of one fold."""
        table = self.split(scheme)
        names = table.loc[(table["fold"] == fold) & (table["split"] == part), "image_id"]
        return np.flatnonzero(self.used["image_id"].isin(names)).astype(np.int64)

    def images(self, image: Image) -> np.ndarray:
        """uint8 (N, S, S, C) of the used images, memory-mapped; made once for each preparation."""
        return cache.cached_images(
            self.manifest, self.folder, self.root / "cache", size=image.size, fit=image.fit, colour=image.colour,
            equalise=image.equalise, resize=image.resize,
        )  # fmt: skip


def augment_spec(spec: Augment) -> augment.AugmentSpec | None:
    """The loaders' own plain strengths, or None where nothing is augmented."""
    plain = augment.AugmentSpec(**spec.model_dump())
    return None if plain == augment.AugmentSpec() else plain
