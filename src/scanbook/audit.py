"""What is wrong with the images of one assignment, before any network is trained: tables for the page and the terminal.

Nothing here changes anything; groups and exclusions are `loaders.integrity`'s. Here is counted what was found, what it
touches, and whether something that is not anatomy tells the class or the part.
"""

import numpy as np
import pandas as pd

from scanbook.dataset import Dataset
from scanbook.loaders import integrity
from scanbook.loaders.views import WHOLE
from scanbook.metrics.scores import score_table
from scanbook.models import baselines
from scanbook.names import one

PARTS = ("train", "val", "test")
TELLS = ("size", "mode", "ending")  # properties of a file that anatomy does not decide
_LEFT_AS = {"unreadable": "unreadable", "cannot be opened": "unreadable", "conflict": "one picture, two labels",
            "a copy": "copies dropped", "beyond": "beyond what this run takes"}  # fmt: skip
_OTHER = "no image of a class"
_RARE = 1e-3  # chance that so many images of one class meet by accident, below which a property is named


def flow(data: Dataset) -> pd.DataFrame:
    """From files found to images tested: step, files, and what left the way there (words and number)."""
    manifest = data.manifest
    out = manifest.loc[manifest["status"] == "excluded", "reason"]
    left_as = out.map(
        lambda reason: next((words for start, words in _LEFT_AS.items() if reason.startswith(start)), _OTHER)
    )
    rows, left = [{"step": "files found", "files": len(manifest), "groups": None, "left": ""}], len(manifest)
    for words in dict.fromkeys((_OTHER, *_LEFT_AS.values())):
        if n := int((left_as == words).sum()):
            left -= n
            rows.append({"step": "remain", "files": left, "groups": None, "left": f"{n} {words}"})
    parts = data.split(data.experiment.split.scheme).merge(data.used[["image_id", "group"]], on="image_id")
    first = parts[parts["fold"] == parts["fold"].min()]
    rows[-1]["step"] = "images used" if len(rows) > 1 else rows[-1]["step"]
    rows[-1]["groups"] = data.used["group"].nunique()
    for part in PARTS:
        of = first[first["split"] == part]
        rows.append({"step": part, "files": len(of), "groups": of["group"].nunique(), "left": ""})
    return pd.DataFrame(rows).astype({"groups": "Int64"})


def equal_pictures(data: Dataset) -> pd.DataFrame:
    """What `Dataset.pairs` found, counted: kind, pairs, of them inside one group, across groups, under two labels."""
    pairs, groups = data.pairs, data.named_groups
    across = pairs["a"].map(groups) != pairs["b"].map(groups)
    two = pairs["label_a"] != pairs["label_b"]
    unit = one(data.experiment.data.unit)
    rows = [{"what": kind, "pairs": int(of.sum()), f"inside one {unit}": int((of & ~across).sum()),
             f"across {data.experiment.data.unit}": int((of & across).sum()), "under two labels": int((of & two).sum()),
             "set aside": int((of & pairs["conflict"]).sum())}
            for kind in ("same file", "same pixels", "near") for of in [pairs["kind"] == kind]]  # fmt: skip
    return pd.DataFrame(rows)


def worst(data: Dataset, most: int = 12) -> pd.DataFrame:
    """The pairs that matter most: conflicts, then two labels, then different groups, then the rest; the likest first.

    No picture is in more than two of them, so that one slice that resembles many does not hide the others.
    """
    pairs, groups = data.pairs, data.named_groups
    rank = (4 * pairs["conflict"] + 2 * (pairs["label_a"] != pairs["label_b"])
            + (pairs["a"].map(groups) != pairs["b"].map(groups)))  # fmt: skip
    seen: dict[str, int] = {}
    chosen: list[int] = []
    for place in np.lexsort((pairs["a"], -pairs["likeness"], -rank)):
        names = pairs["a"].iloc[place], pairs["b"].iloc[place]
        if len(chosen) < most and all(seen.get(name, 0) < 2 for name in names):
            chosen.append(place)
            seen |= {name: seen.get(name, 0) + 1 for name in names}
    return pairs.iloc[chosen].reset_index(drop=True)


def published(data: Dataset) -> dict[str, float] | None:
    """What crosses the parts the set was published in, and how far they differ; None where it has no test part.

    Returns the counts of `integrity.crossing`, the share of each class in both parts (train_<class>, test_<class>), and
    the AUROC with interval with which the part of an image is told in groups not seen before, 0.5 where the parts were
    drawn alike: by a linear classifier on thumbnails (shift, shift_low, shift_high), and by the rule that knows only
    the file's width and height (size, size_low, size_high).
    """
    used = data.used
    test, rest = used["given_split"] == "test", used["given_split"].isin(["train", "val"])
    if not (test.any() and rest.any()):
        return None
    found: dict[str, float] = dict(integrity.crossing(data.manifest, data.named_groups, data.pairs))
    for name in data.experiment.data.class_names:
        found[f"train_{name}"] = float((used.loc[rest, "label"] == name).mean())
        found[f"test_{name}"] = float((used.loc[test, "label"] == name).mean())
    rows = np.flatnonzero(test | rest)
    labels, groups = test.to_numpy()[rows].astype(int), used["group"].to_numpy()[rows]
    for name, looks_at, rule in (("shift", "neighbour", ""), ("size", "size", "size")):
        features = baselines.features_of(looks_at, used.iloc[rows], data.views[rows, WHOLE])
        logits = baselines.out_of_fold(features, labels, groups, 2, rule=rule)
        told = pd.DataFrame({"image_id": used["image_id"].to_numpy()[rows], "group": groups,
                             "label": np.where(labels, "test", "train"), "logit_train": logits[:, 0],
                             "logit_test": logits[:, 1]})  # fmt: skip
        row = score_table(told, ["train", "test"], "test").set_index("metric").loc["auroc"]
        found |= {name: row["value"], f"{name}_low": row["low"], f"{name}_high": row["high"]}
    return found


def telltales(data: Dataset) -> pd.DataFrame:
    """Values of a property of the file that one class alone has: property, value, images, class, share of that class.

    A value is named when so many images of one class would meet by chance less than once in a thousand, each value of
    each property being asked once.
    """
    used = data.used
    shares = used["label"].value_counts(normalize=True)
    values = {
        "size": used["width"].astype(str) + "×" + used["height"].astype(str) + " px",
        "mode": used["mode"],
        "ending": used["image_id"].str.extract(r"(\.\w{1,5})$")[0].str.lower().fillna("none"),
    }
    rows = []
    for name in TELLS:
        for value, labels in used["label"].groupby(values[name]):
            label = labels.iloc[0]
            if (labels == label).all() and shares[label] ** len(labels) < _RARE:
                rows.append({"property": name, "value": value, "images": len(labels), "class": label,
                             "share of the class": len(labels) / int((used["label"] == label).sum())})  # fmt: skip
    columns = ["property", "value", "images", "class", "share of the class"]
    return pd.DataFrame(rows, columns=columns).sort_values("images", ascending=False, ignore_index=True)


def in_words(data: Dataset, name_pairs: bool = False) -> list[str]:
    """The audit for a terminal, line by line; the person who asks sees the files' own names.

    name_pairs  every pair, in place of the twelve that matter most
    """
    spec = data.experiment
    lines = [f"{spec.title}, profile {spec.profile}: {len(data.manifest)} files, {len(data.used)} images used, "
             f"{data.used['group'].nunique()} {spec.data.unit}"]  # fmt: skip
    for reason, files in data.manifest[data.manifest["status"] == "excluded"].groupby("reason")["image_id"]:
        lines.append(f"  set aside: {len(files)} × {reason} (such as {files.iloc[0]})")
    if data.chose_split:
        lines.append(f"  split {spec.split.scheme}: {data.chose_split}")
    lines += ["", equal_pictures(data).to_string(index=False), ""]
    pairs = data.pairs if name_pairs else worst(data)
    for row in pairs.itertuples():
        mark = "CONFLICT " if row.conflict else "two labels " if row.label_a != row.label_b else ""
        turn = "" if row.turn == "as it is" else f", {row.turn}"
        lines.append(
            f"  {mark}{row.kind}: {row.a} ({row.label_a}) and {row.b} ({row.label_b}), {row.likeness:.3f}{turn}"
        )
    found, unit = published(data), spec.data.unit
    if found is not None:
        lines.append(f"\n  published parts share {found['patients']:.0f} {unit}, {found['pixels']:.0f} pictures with equal "
                     f"pixels and {found['near']:.0f} near copies; a thumbnail tells the part with an AUROC of "
                     f"{found['shift']:.3f} ({found['shift_low']:.3f} to {found['shift_high']:.3f}), width and height of "
                     f"the file with {found['size']:.3f} ({found['size_low']:.3f} to {found['size_high']:.3f})")  # fmt: skip
    wrong = data.corrected != data.used["label"]
    if wrong.any():
        example = data.used.loc[wrong.idxmax(), "image_id"]
        lines.append(
            f"\n  {wrong.sum()} labels contradict the name of their file (such as {example}): scores use the name"
        )
    tells = telltales(data)
    lines += [f"  only {row['class']} has {row['property']} {row['value']}: {row['images']} images, "
              f"{row['share of the class']:.0%} of the class" for _, row in tells.iterrows()]  # fmt: skip
    return lines
