"""The floor under the networks: what rules without anatomy reach on the same parts, in the same table of predictions."""

import pandas as pd

from scanbook.dataset import Dataset
from scanbook.loaders.views import WHOLE
from scanbook.models.baselines import RULES, answer, features_of
from scanbook.record import RULE


def predictions(data: Dataset, scheme: str, rules: tuple[str, ...] = tuple(RULES)) -> pd.DataFrame:
    """Answers of the rules on the test part of every fold, as predictions.csv has them; variant says which rule."""
    classes, tables = data.experiment.data.class_names, []
    columns = {name: data.used[name].to_numpy() for name in ("width", "height", "bytes", "mode", "image_id")}
    for rule in rules:
        features = features_of(rule, columns, data.views[:, WHOLE])
        for fold in sorted(data.split(scheme)["fold"].unique()):
            train, test = (data.rows(scheme, int(fold), part) for part in ("train", "test"))
            logits = answer(rule, features, data.labels, train, test, len(classes))
            about = {"split": "test", "scheme": scheme, "fold": int(fold), "arm": arm(rule, scheme, data), "network": rule,
                     "seed": 0, "variant": rule, "label": data.corrected.loc[test]}  # fmt: skip
            table = data.used.loc[test, ["image_id", "group"]].assign(**about)
            tables.append(table.assign(**{f"logit_{name}": logits[:, k] for k, name in enumerate(classes)}))
    return pd.concat(tables, ignore_index=True)


def arm(rule: str, scheme: str, data: Dataset) -> str:
    """What scores.csv calls a rule: rule_size on the experiment's own split, rule_size_random on another one."""
    return f"{RULE}{rule}" + ("" if scheme == data.experiment.split.scheme else f"_{scheme}")


def words(rule: str) -> str:
    """What a rule looks at."""
    return RULES[rule]
