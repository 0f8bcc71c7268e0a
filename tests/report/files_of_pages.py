"""The files that the numbers of a page may name: the record, and the data and runs from which the record was made.

What is computed from pixels for a page alone is computed once more here.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from report import origins

from scanbook import audit, record, show
from scanbook.dataset import Dataset
from scanbook.loaders.duplicates import NEAR, SAME
from scanbook.metrics.scores import class_probs
from scanbook.study import Study


def files_of(study: Study, folder: Path) -> origins.Files:
    """What a page of one assignment may name: its record, and the data and runs that the record was made from."""
    e, data = study.experiment, study.data
    tables = {f"{name}.csv": pd.read_csv(folder / f"{name}.csv") for name in record.TABLES}
    tables["manifest.csv"], tables["history.csv"] = data.manifest, study.history
    shown, probs = _answers(study)
    states = [study.run_folder(run).state() for run in (*study.runs, *study.tuning_runs)]
    params = set(map(float, _flat([e.model_dump(), data.chose_split, list(study.overrides)])))
    loose = {
        "scores.csv": set(map(float, _flat(tables["scores.csv"]["method"].dropna().to_list()))),
        "state.json": set(map(float, _flat(states))), "params": params, "params.yaml": params, "predictions.csv": probs,
        "manifest.csv": _of_files(data), "split.csv": _of_parts(data, {arm.scheme for arm in e.arms.values()}),
        "images": _of_images(study), "draws": _all(show.augmented(study).table),
        "features": _all(show.mistakes(study).table) | _all(show.feature_map(study).table),
        "record": set().union(*(origins.within(tables[f"{name}.csv"]) for name in ("facts", "scores")), params),
        "method": {NEAR, SAME, 0.98, 0.5},
    }  # fmt: skip
    if "images" in tables["facts.csv"]["unit"].to_list():
        loose["record"] |= loose["split.csv"]
    groups = {data.names.group(group) for group in data.used["group"]}
    images = {data.names.image(image_id) for image_id in data.manifest["image_id"]}
    named = frozenset(sorted((name for name in groups | images if re.search(r"\d", name)), key=len, reverse=True))
    return origins.Files(tables, loose, named, shown)


def files_of_all(held: Mapping[str, origins.Files]) -> origins.Files:
    """What the summary and the index may name: the records of all assignments together."""
    tables = {
        file: pd.concat([files.tables[file] for files in held.values()], ignore_index=True)
        for file in ("facts.csv", "scores.csv", "comparisons.csv")
    }
    main = tables["comparisons.csv"]
    main = main[(main["arm_a"] == "resnet") & (main["arm_b"] == "vgg")]
    params = set().union(*(files.loose["params"] for files in held.values()))
    loose = {
        "params": params,
        "scores.csv": set().union(*(files.loose["scores.csv"] for files in held.values())),
        "comparisons.csv": origins.within(main),
        "facts.csv": {float(len(held))},
    }
    return origins.Files(tables, loose)


def _answers(study: Study) -> tuple[dict[str, set[float]], set[float]]:
    """Probabilities by image; and counts of right and wrong answers by arm and seed, as matrices show them."""
    by_image: dict[str, set[float]] = {}
    counts: set[float] = set()
    for _, rows in study.predictions[study.predictions["split"] == "test"].groupby(["arm", "seed"]):
        probs = class_probs(rows, study.classes)
        for image_id, p in zip(rows["image_id"], probs, strict=True):
            by_image.setdefault(study.data.names.image(image_id), set()).update(float(v) for v in p)
        pred = np.array(study.classes)[probs.argmax(1)]
        table = pd.crosstab(rows["label"].to_numpy(), pred).reindex(
            index=study.classes, columns=study.classes, fill_value=0
        )
        counts |= {float(n) for n in table.to_numpy().ravel()} | {
            float(len(rows)),
            float((pred == rows["label"]).sum()),
        }
        counts |= {len(rows) - float((pred == rows["label"]).sum())}
    return by_image, counts | set().union(*by_image.values())


def _of_files(data: Dataset) -> set[float]:
    used = data.used
    found = {float(n) for n in data.manifest.groupby(["status", "reason"], dropna=False).size()}
    sizes = used.groupby(["width", "height"]).size().sort_values(ascending=False)
    found |= {float(len(sizes)), float(sizes.iloc[0]), *map(float, sizes.index[0]), float(used["group"].nunique())}
    found |= {float(n) for n in data.manifest["status"].value_counts()} | {float(len(data.manifest))}
    for _, part in used.groupby("label"):
        found |= {float(len(part)), float(part["group"].nunique())}
    reasons = " ".join(map(str, data.manifest["reason"].unique()))
    return found | {number.value for number in origins.numbers(reasons)}


def _of_parts(data: Dataset, schemes: set[str]) -> set[float]:
    found: set[float] = set()
    for scheme in schemes:
        parts = data.split(scheme).merge(data.used[["image_id", "label", "group"]], on="image_id")
        for by in (["fold"], ["fold", "split"], ["fold", "split", "label"], ["fold", "label"]):
            for _, part in parts.groupby(by):
                found |= {float(len(part)), float(part["group"].nunique())}
    return found


def _of_images(study: Study) -> set[float]:
    """What is computed from the pixels for a page alone, computed once more."""
    data = study.data
    tables = [
        data.pairs,
        audit.equal_pictures(data),
        audit.worst(data, 40),
        audit.telltales(data),
        show.twins(study).table,
    ]
    readable = float(data.manifest["pixel_hash"].ne("").sum())
    return {readable}.union(*map(_all, tables), map(float, (audit.published(data) or {}).values()))


def _all(table: pd.DataFrame) -> set[float]:
    """Numbers of a table, those that stand in words among them."""
    return origins.within(table) | set(map(float, _flat(table.astype(str).to_numpy().tolist())))


def _flat(tree: object) -> Iterable[float]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _flat(value)
    elif isinstance(tree, list | tuple):
        yield float(len(tree))
        for value in tree:
            yield from _flat(value)
    elif isinstance(tree, bool):
        return
    elif isinstance(tree, int | float):
        yield float(tree)
    elif isinstance(tree, str):
        yield from (number.value for number in origins.numbers(tree))
