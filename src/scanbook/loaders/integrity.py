"""What must stay together, and what cannot be believed: groups and conflicts from pairs of equal pictures.

A split is only as honest as its groups. Patients come from names or tables; where a picture of one patient occurs
under another name, or a set holds turned copies of its own images, or numbers its slices without saying whose they
are, a split by patient leaks all the same. So what looks the same goes into one group, and a picture that carries two
labels is set aside.
"""

import hashlib
import re

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scanbook.loaders import duplicates
from scanbook.loaders.duplicates import SAME

DUPLICATES = ("group", "drop", "keep")
CONFLICTS = ("exclude", "keep")
_NUMBER = re.compile(r"(\d+)\D*$")


def pairs_of(manifest: pd.DataFrame, views: np.ndarray) -> pd.DataFrame:
    """Every picture of the used images that occurs twice; see `duplicates.find_pairs`.

    manifest  one row an image
    views     uint8 (N, 2, SIDE, SIDE), row by row

    Returns a and b (image_id), kind, turn, likeness, label_a, label_b, and conflict: one picture under two labels.
    """
    used = np.flatnonzero(manifest["status"] == "used")
    rows = manifest.iloc[used]
    pairs = duplicates.find_pairs(rows["sha256"].to_numpy(), rows["pixel_hash"].to_numpy(), views, used)
    names, labels = rows["image_id"].to_numpy(), rows["label"].to_numpy()
    first, second = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    pairs = pairs.assign(a=names[first], b=names[second], label_a=labels[first], label_b=labels[second])
    differ = pairs["label_a"] != pairs["label_b"]
    return pairs.assign(conflict=differ & (pairs["likeness"] >= SAME))


def regroup(
    manifest: pd.DataFrame,
    pairs: pd.DataFrame,
    *,
    duplicates: str = "group",
    conflicts: str = "exclude",
    copies: str = "",
) -> pd.DataFrame:
    """Tie together what is the same picture, and set aside what contradicts itself.

    manifest    one row an image, with `group` as patients, tables or `runs_of` give it
    pairs       of `pairs_of`
    duplicates  group: pairs share a group (the default); drop: of one picture the first name is kept, and what is only
                near shares a group; keep: pairs change nothing, to show what that is worth
    conflicts   exclude: a picture with two labels is set aside under all its names; keep
    copies      regular expression for the ending of a name, without its extension, that marks a copy made of another
                image; what is left of the name ties copies and original of one class together. "" for none

    Returns a copy in which `group`, `status` and `reason` are settled. A group that joins several is called by the
    first of them and how many more there are.
    Raises ValueError for an unknown policy.
    """
    for value, known, key in ((duplicates, DUPLICATES, "duplicates"), (conflicts, CONFLICTS, "conflicts")):
        if value not in known:
            raise ValueError(f"data.{key}: {value!r} is not known; allowed: {', '.join(known)}")
    manifest = manifest.copy()
    if conflicts == "exclude":
        of = pairs[pairs["conflict"].to_numpy(bool)]
        called = pd.concat([pd.Series(of["label_b"].to_numpy(), of["a"]), pd.Series(of["label_a"].to_numpy(), of["b"])])
        _set_aside(manifest, "conflict: the same picture is called " + called.astype(str) + " elsewhere")
    if duplicates == "drop":
        dropped: set[str] = set()
        for a, b in pairs.loc[pairs["likeness"] >= SAME, ["a", "b"]].itertuples(index=False, name=None):
            if a not in dropped:
                dropped.add(b)
        _set_aside(manifest, pd.Series("a copy of an image that is used", sorted(dropped), dtype=object))
    ties = [] if duplicates == "keep" else list(pairs[["a", "b"]].itertuples(index=False, name=None))
    ties += _copies_of(manifest, copies) if copies else []
    manifest["group"] = _joined(manifest, ties)
    return manifest


def at_most(manifest: pd.DataFrame, cap: int) -> pd.DataFrame:
    """Keep whole groups, in the order of a hash, as long as a class has not reached its number of images.

    manifest  one row an image, groups settled
    cap       images a class

    Returns a copy in which what lies beyond is excluded.
    """
    used = manifest[manifest["status"] == "used"]
    sizes = used.groupby(["label", "group"]).size().rename("n").reset_index()
    sizes["order"] = [hashlib.sha256(str(group).encode()).hexdigest() for group in sizes["group"]]
    before = sizes.sort_values("order").groupby("label")["n"].transform(lambda n: n.cumsum() - n)
    left_out = set(sizes.loc[before >= cap, ["label", "group"]].itertuples(index=False, name=None))
    pairs = pd.Series(list(zip(manifest["label"], manifest["group"], strict=True)), index=manifest.index)
    beyond = pairs.isin(left_out) & (manifest["status"] == "used")
    return manifest.assign(
        status=manifest["status"].mask(beyond, "excluded"),
        reason=manifest["reason"].mask(beyond, f"beyond the {cap} images a class that this run takes (cap_per_class)"),
    )


def runs_of(manifest: pd.DataFrame, views: np.ndarray, cut: float) -> pd.Series:
    """Groups for numbered slices without a patient: runs of neighbouring numbers that resemble each other.

    manifest  one row an image; its name's last number is its place in the class
    views     uint8 (N, 2, SIDE, SIDE), row by row
    cut       correlation of fine structure (see `duplicates.likeness`) from which two neighbours belong to one run

    Returns the group of every row: label, first and last number of its run; unchanged where a patient is known, the
    name holds no number or the image is not used. Raises ValueError for a cut outside 0 to 1.
    """
    if not 0 < cut < 1:
        raise ValueError(f"data.runs: {cut} is no correlation between 0 and 1")
    stems = manifest["image_id"].str.rsplit("/", n=1).str[-1].str.rsplit(".", n=1).str[0]
    found = [_NUMBER.search(stem) for stem in stems]
    numbers = np.array([int(match.group(1)) if match else -1 for match in found])
    free = ((manifest["status"] == "used") & (manifest["patient"] == "")).to_numpy() & (numbers >= 0)
    rows = np.flatnonzero(free)
    labels = manifest["label"].to_numpy()
    rows = rows[np.lexsort((numbers[rows], labels[rows]))]
    if not len(rows):
        return manifest["group"].copy()
    alike = duplicates.likeness(views, rows[:-1], rows[1:]) >= cut
    alike &= labels[rows[:-1]] == labels[rows[1:]]
    run = np.concatenate([[0], np.cumsum(~alike)])
    groups = manifest["group"].to_numpy(dtype=object, copy=True)
    for members in np.split(rows, np.flatnonzero(np.diff(run)) + 1):
        first, last = numbers[members[0]], numbers[members[-1]]
        groups[members] = f"{labels[members[0]]}-{first:04d}" + (f"-{last:04d}" if last > first else "")
    return pd.Series(groups, index=manifest.index)


def crossing(manifest: pd.DataFrame, groups: pd.Series, pairs: pd.DataFrame) -> dict[str, int]:
    """What the published parts of a set share between test and the rest: counts by kind.

    manifest  one row an image, with given_split
    groups    image_id -> group before equal pictures joined any: patients, where they are known
    pairs     of `pairs_of`

    Returns patients (groups on both sides), images (of these groups, on the test side), pixels (pairs of equal pixels)
    and near (other pairs of near copies), each between test and train or val.
    """
    used = manifest[manifest["status"] == "used"].set_index("image_id")
    side = used["given_split"].map({"train": "train", "val": "train", "test": "test"}).dropna()
    sides = pd.DataFrame({"group": groups.reindex(side.index), "side": side}).drop_duplicates()
    both = sides["group"].value_counts()
    shared = set(both.index[both > 1])
    across = pairs[pairs["a"].map(side).notna() & pairs["b"].map(side).notna()]
    across = across[across["a"].map(side) != across["b"].map(side)]
    equal = across["kind"] != "near"
    images = (groups.reindex(side.index[side == "test"]).isin(shared)).sum()
    return {"patients": len(shared), "images": int(images), "pixels": int(equal.sum()), "near": int((~equal).sum())}


def _set_aside(manifest: pd.DataFrame, reasons: pd.Series) -> None:
    """Exclude what `reasons` names (image_id -> reason; of several the last)."""
    reasons = reasons[~reasons.index.duplicated(keep="last")]
    rows = manifest["image_id"].isin(reasons.index)
    manifest.loc[rows, "status"] = "excluded"
    manifest.loc[rows, "reason"] = manifest.loc[rows, "image_id"].map(reasons)


def _copies_of(manifest: pd.DataFrame, ending: str) -> list[tuple[str, str]]:
    """Ties between images of one class whose names differ in the ending alone; only where some name carries it."""
    stems = manifest["image_id"].str.rsplit("/", n=1).str[-1].str.rsplit(".", n=1).str[0]
    plain = stems.str.replace(ending, "", regex=True)
    used = manifest.assign(plain=plain, marked=plain != stems)[(manifest["status"] == "used").to_numpy()]
    same = used.groupby(["label", "plain"])
    used = used.assign(first=same["image_id"].transform("first"))[same["marked"].transform("any").to_numpy()]
    ties = used.loc[used["first"] != used["image_id"], ["first", "image_id"]]
    return list(ties.itertuples(index=False, name=None))


def _joined(manifest: pd.DataFrame, ties: list[tuple[str, str]]) -> list[str]:
    """The groups of all rows, those united that a tie connects."""
    names, of_row = np.unique(manifest["group"].to_numpy(dtype=str), return_inverse=True)
    place = dict(zip(manifest["image_id"], of_row, strict=True))
    ends = np.array([(place[a], place[b]) for a, b in ties], np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(names), len(names)))
    _, united = connected_components(graph, directed=False)
    members: dict[int, list[str]] = {}
    for name, component in zip(names, united, strict=True):  # sorted, as np.unique leaves them
        members.setdefault(int(component), []).append(str(name))
    called = {c: m[0] if len(m) == 1 else f"{m[0]} +{len(m) - 1}" for c, m in members.items()}
    return [called[int(united[group])] for group in of_row]
