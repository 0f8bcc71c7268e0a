"""Give every image a part: train, val or test, once or fold by fold.

What moves is the group (a patient, a video, a block of slices), never the single image. Two frames of one
heart in different parts would reward a network for recognising the patient.

Groups are dealt stratum by stratum, a stratum being the set of classes that a group shows, in the order of a
hash of (seed, group): neither the order of rows nor files that come to another stratum move a group. A
stratum of fewer than three groups cannot fill three parts by itself; it joins the largest other stratum with
which it shares a class (the smallest such stratum first, names break ties), and only then can a new file move
a group of another stratum. Where a class is still missing from a part, one group that shows it is moved there
from a part that keeps the class.
"""

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

SPLITS = ("train", "val", "test")
SCHEMES = ("grouped", "block", "random", "provided")
Classes = dict[str, frozenset[str]]  # unit (group or image) -> the classes it shows
Parts = dict[str, str]  # unit -> train, val or test


def make_splits(
    manifest: pd.DataFrame,
    scheme: str,
    *,
    fractions: tuple[float, float, float] = (0.70, 0.15, 0.15),
    folds: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """Deal the used images of a manifest.

    scheme     grouped; block (the same, the groups being blocks); random (image by image, only to show what
               leakage is worth); provided (the published test part is kept as it is, also where it shares
               groups with the rest: see `crossing_groups`; train and val are pooled and val is carved by
               group)
    fractions  share of the groups for train, val and test; sums to 1
    folds      1: a hold-out; k: each fold tests a k-th of the groups; -1: each fold tests one group. In
               folds, val is carved from the rest as val / (train + val), at least one group a stratum that
               has two
    seed       another seed is another deal

    Returns image_id, scheme, fold, split: each used image once a fold, sorted by fold and image_id.
    Raises ValueError for an unknown scheme, too few groups, and a class that cannot reach train (in folds),
    or train, val and test (in a hold-out).
    """
    used = manifest.loc[manifest["status"] == "used", ["image_id", "label", "group", "given_split"]]
    used = used.sort_values("image_id", ignore_index=True)
    _check(used, scheme, fractions, folds)
    unit = used["image_id"] if scheme == "random" else used["group"]
    if scheme == "provided":
        parts_of_images = [_keep_test(used, fractions, seed)]
    else:
        shown = _shown(used["label"], unit)
        deals = [_hold_out(shown, fractions, seed)] if folds == 1 else _folds(shown, fractions, folds, seed)
        parts_of_images = [unit.map(parts) for parts in deals]
    tables = [
        pd.DataFrame({"image_id": used["image_id"], "scheme": scheme, "fold": fold, "split": parts})
        for fold, parts in enumerate(parts_of_images)
    ]
    return pd.concat(tables, ignore_index=True)


def choose_folds(n_groups: int, fractions: tuple[float, float, float] = (0.70, 0.15, 0.15)) -> int:
    """How to test a set of this size: 1 hold-out; 5 below 60 groups, or 10 in its test part; -1 (each once)
    below 30.
    """
    if n_groups < 30:
        return -1
    return 5 if n_groups < 60 or round(n_groups * fractions[2]) < 10 else 1


def crossing_groups(split: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Groups that stand in more than one part of a fold: columns fold, group, splits ("train+test"),
    n_images.

    Empty for grouped and block; what a provided or a random split shares is what leaks.
    """
    table = split.merge(manifest[["image_id", "group"]], on="image_id")
    parts = table.groupby(["fold", "group"])["split"].agg(
        splits=lambda parts: "+".join(part for part in SPLITS if part in set(parts)), n_images="size"
    )
    return parts[parts["splits"].str.contains("+", regex=False)].reset_index()


def _shown(labels: pd.Series, unit: pd.Series) -> Classes:
    return {str(name): frozenset(seen) for name, seen in labels.groupby(unit)}


def _hold_out(shown: Classes, fractions: tuple[float, float, float], seed: int) -> Parts:
    parts: Parts = {}
    for members in _strata(shown).values():
        groups = sorted(members, key=_rank(f"{seed}"))
        n = len(groups)
        if n < len(SPLITS):  # alone with its class: `_mend` says what is missing
            parts |= dict.fromkeys(groups, "train")
            continue
        first, second = np.round(np.cumsum(fractions[:2]) * n).astype(int)
        first = int(np.clip(first, 1, n - 2))  # at least one group each
        second = int(np.clip(second, first + 1, n - 1))
        parts |= dict.fromkeys(groups[:first], "train")
        parts |= dict.fromkeys(groups[first:second], "val")
        parts |= dict.fromkeys(groups[second:], "test")
    return _mend(parts, shown, SPLITS, SPLITS, _rank(f"{seed}/mend"))


def _folds(shown: Classes, fractions: tuple[float, float, float], folds: int, seed: int) -> list[Parts]:
    if folds == -1:
        tested = {group: fold for fold, group in enumerate(sorted(shown))}
        folds = len(shown)
    else:
        tested = {}
        for name, members in _strata(shown).items():
            start = int.from_bytes(_hash(f"{seed}/{name}")[:4], "big")  # or early folds would get all the remainders
            for place, group in enumerate(sorted(members, key=_rank(f"{seed}"))):
                tested[group] = (start + place) % folds
    deals = []
    for fold in range(folds):
        rest = {group: classes for group, classes in shown.items() if tested[group] != fold}
        if len(rest) == len(shown):
            raise ValueError(
                f"{len(shown)} groups in {folds} folds leave nothing to test in fold {fold}; "
                f"use fewer folds, or -1 (each group once)"
            )
        parts = dict.fromkeys(shown, "test") | _carve(rest, fractions, f"{seed}/val{fold}")
        deals.append(_mend(parts, shown, ("train",), ("train", "val"), _rank(f"{seed}/mend{fold}")))
    return deals


def _keep_test(used: pd.DataFrame, fractions: tuple[float, float, float], seed: int) -> pd.Series:
    pool = used[used["given_split"].isin(("train", "val"))]
    shown = _shown(pool["label"], pool["group"])
    parts = _carve(shown, fractions, f"{seed}/val")
    parts = _mend(parts, shown, ("train", "val"), ("train", "val"), _rank(f"{seed}/mend"))
    missing = set(used["label"]) - set(used.loc[used["given_split"] == "test", "label"])
    if missing or set(used["label"]) != set(pool["label"]):
        missing = missing or set(used["label"]) - set(pool["label"])
        raise ValueError(
            f"the provided split lacks class {', '.join(sorted(missing))} in test, or in train and val; "
            f"add its images, or use split.scheme grouped"
        )
    return used["group"].map(parts).where(used["given_split"] != "test", "test")


def _carve(shown: Classes, fractions: tuple[float, float, float], salt: str) -> Parts:
    """Train and val for the groups outside test: at least one group each in a stratum of two or more."""
    share = fractions[1] / (fractions[0] + fractions[1])
    parts: Parts = {}
    for members in _strata(shown).values():
        groups = sorted(members, key=_rank(salt))
        n_val = int(np.clip(round(share * len(groups)), 1, len(groups) - 1)) if len(groups) > 1 else 0
        parts |= dict.fromkeys(groups[:n_val], "val") | dict.fromkeys(groups[n_val:], "train")
    return parts


def _strata(shown: Classes) -> dict[str, list[str]]:
    """Name of a stratum -> its groups, small strata joined to large ones as the module's first lines say."""
    strata: dict[str, list[str]] = {}
    for group, classes in shown.items():
        strata.setdefault("+".join(sorted(classes)), []).append(group)
    classes_of = {name: frozenset.union(*(shown[group] for group in groups)) for name, groups in strata.items()}
    alone = set()
    while small := [name for name in strata if len(strata[name]) < len(SPLITS) and name not in alone]:
        name = min(small, key=lambda name: (len(strata[name]), name))
        related = [other for other in strata if other != name and classes_of[other] & classes_of[name]]
        if not related:
            alone.add(name)
            continue
        host = min(related, key=lambda other: (-len(strata[other]), other))
        strata[host] = strata[host] + strata.pop(name)
        classes_of[host] |= classes_of.pop(name)
    return strata


def _mend(parts: Parts, shown: Classes, needed: Iterable[str], open_parts: Iterable[str], rank: Callable) -> Parts:
    """Move single groups until each part of `open_parts` shows every class; ValueError where a `needed` one
    cannot.
    """
    parts = dict(parts)
    counts: dict[str, dict[str, int]] = {part: {} for part in SPLITS}
    for group, part in parts.items():
        for label in shown[group]:
            counts[part][label] = counts[part].get(label, 0) + 1
    for part in open_parts:
        for label in sorted(frozenset.union(*shown.values())):
            if counts[part].get(label, 0):
                continue
            donors = [
                group
                for group, other in parts.items()
                if other in open_parts and other != part and label in shown[group]
                if all(counts[other][each] > 1 for each in shown[group])
            ]
            if donors:
                # train gives first: it has the most to give
                group = min(donors, key=lambda group: (SPLITS.index(parts[group]), rank(group)))
                for each in shown[group]:
                    counts[parts[group]][each] -= 1
                    counts[part][each] = counts[part].get(each, 0) + 1
                parts[group] = part
            elif part in needed:
                n = sum(label in classes for classes in shown.values())
                raise ValueError(
                    f"class {label!r} has {n} group(s), too few to have it in {part}: "
                    f"train, val and test each need one; add patients, use split.folds, or merge the class"
                )
    return parts


def _check(used: pd.DataFrame, scheme: str, fractions: tuple[float, float, float], folds: int) -> None:
    if scheme not in SCHEMES:
        raise ValueError(f"unknown split scheme {scheme!r}; known: {', '.join(SCHEMES)}")
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"fractions: three positive shares that sum to 1, not {tuple(fractions)}")
    if folds == 0 or folds < -1:
        raise ValueError(f"folds: 1 (hold-out), 2 or more, or -1 (each group once), not {folds}")
    n = used["image_id" if scheme == "random" else "group"].nunique()
    if n < max(3, folds):
        raise ValueError(f"{n} group(s) cannot be dealt into {max(3, folds)}; add patients, or use fewer folds")
    if scheme == "provided":
        found = sorted(set(used["given_split"]) - {""})
        if folds != 1:
            raise ValueError(f"a provided split has one test part, so folds must be 1, not {folds}")
        if not {"train", "test"} <= set(found) or (used["given_split"] == "").any():
            raise ValueError(
                f"the set provides no split (parts found: {', '.join(found) or 'none'}; needed: train and test); "
                f"use split.scheme grouped"
            )


def _rank(salt: str) -> Callable[[str], bytes]:
    return lambda group: _hash(f"{salt}/{group}")


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
