"""Every number a sentence may use, by name, with the row it comes from."""

import string

import pandas as pd

from scanbook import record
from scanbook.report.words import Value, with_interval
from scanbook.study import Study

SHOWN_UNITS = ("s", "px", "images/s")


def values(study: Study, template: str) -> dict[str, Value]:
    """The values that a template's names stand for.

    Facts by their key ({n_images}), {folds} in words; scores as arm_metric ({resnet_auroc}), test part, with their interval.
    """
    found = {str(key): _fact(row) for key, row in study.facts.set_index("key").iterrows()}
    folds = int(found["n_folds"].value)
    found["folds"] = Value("one fold" if folds == 1 else f"{folds} folds", "facts.csv:n_folds")
    wanted = {name for _, name, _, _ in string.Formatter().parse(template) if name}
    for name in wanted - set(found):
        for arm in study.experiment.arms:
            row = record.score(study.scores, arm, name.removeprefix(f"{arm}_")) if name.startswith(f"{arm}_") else None
            if row is not None:
                found[name] = Value(with_interval(row), f"scores.csv:{arm}:{row['metric']}")
    return found


def _fact(row: pd.Series) -> Value:
    number = row["value"]
    number = int(number) if float(number).is_integer() else float(number)
    return Value(number, f"facts.csv:{row.name}", row["unit"] if row["unit"] in SHOWN_UNITS else "")
