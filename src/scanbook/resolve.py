"""From the written layers to one experiment: file, then profile, then overrides, then what each arm changes.

`params` holds the shapes and the words of the errors; this room lays one layer over the other. It is kept apart
because the order of the layers is a decision one wants to find again, and to read without the rest.
"""

import copy
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from scanbook import data_section, params
from scanbook import experiment as shapes
from scanbook.params import ParamsError, shown, unknown

T = TypeVar("T", bound=BaseModel)
SECTIONS = ("data", "split", "image", "augment", "training", "tuning", "evidence")
ARM_SECTIONS = ("image", "augment", "training")
TOP = (
    *SECTIONS,
    "title",
    "question",
    "claims",
    "weights",
    "seeds",
    "arms",
    "comparisons",
    "lesson",
    "profiles",
)
PROFILE_KEYS = ("images", "cap_per_class", "siblings", "weights", "seeds", "arms")
ARM_KEYS = ("network", "weights", "scheme", "seeds", "about", "profiles", "planted")
OVERRIDE_KEYS = ("seeds", "weights", "cap_per_class")


def experiment(file: Path, raw: dict, profile: str, overrides: dict[str, Any]) -> shapes.Experiment:
    """Lay profile, overrides and arms over the file.

    file       where `raw` was read from, for the errors
    profile    one of params.PROFILES
    overrides  dotted keys to values

    Raises ParamsError with the file, the key, what was found and what is allowed.
    """
    if profile not in params.PROFILES:
        raise ParamsError(f"unknown profile {profile!r}; known: {', '.join(params.PROFILES)}"
                          f"{params.nearest(str(profile), list(params.PROFILES))}")  # fmt: skip
    _refuse_unknown(file, "", raw, TOP)
    missing = [key for key in ("title", "question", "data", "training", "arms") if key not in raw]
    if missing:
        raise ParamsError(f"{shown(file)}: missing: {', '.join(missing)}")
    base = {key: copy.deepcopy(raw.get(key, {})) for key in SECTIONS}
    chosen = dict(raw.get("profiles", {}).get(profile) or {})
    _refuse_unknown(file, f"profiles.{profile}.", chosen, (*PROFILE_KEYS, *SECTIONS))
    plain = {"seeds": raw.get("seeds", [0]), "weights": raw.get("weights", "none"), "cap_per_class": None}
    plain |= {key: chosen[key] for key in plain if key in chosen}
    _lay(file, base, chosen, PROFILE_KEYS, f"profiles.{profile}.")

    _refuse_unknown(file, "overrides: ", overrides, (*OVERRIDE_KEYS, *SECTIONS, "arms"))
    plain |= {key: overrides[key] for key in OVERRIDE_KEYS if key in overrides}
    arms_raw = {name: arm or {} for name, arm in copy.deepcopy(raw["arms"]).items()}
    for name, changes in (chosen.get("arms") or {}).items():
        if name not in arms_raw:
            raise ParamsError(f"{shown(file)}: profiles.{profile}.arms: {unknown(name, list(arms_raw))}")
        arms_raw[name] = {**arms_raw[name], **changes}
    for key, value in overrides.items():
        if key.startswith("arms."):
            _, name, *rest = key.split(".", 2)
            if name not in arms_raw or not rest:
                raise ParamsError(f"{shown(file)}: overrides: {unknown(name, list(arms_raw))} "
                                  f"(write arms.NAME.KEY)")  # fmt: skip
            arms_raw[name] = {**arms_raw[name], rest[0]: value}
    _lay(
        file,
        base,
        {k: v for k, v in overrides.items() if not k.startswith("arms")},
        OVERRIDE_KEYS,
        "overrides: ",
    )

    data = _validated(file, data_section.Data, base["data"], "data.")
    split = _validated(file, data_section.Split, base["split"], "split.")
    _validated(file, shapes.Settings, {key: base[key] for key in ARM_SECTIONS}, "")  # errors before the arms' copies
    arms = {
        name: _arm(file, name, arm, base, plain, chosen.get("siblings", {}), split.scheme)
        for name, arm in arms_raw.items()
        if profile in (arm.get("profiles") or params.PROFILES)
    }
    if not arms:
        raise ParamsError(f"{shown(file)}: profile {profile!r} leaves no arm to train")
    tuning = _validated(file, shapes.Tuning, base["tuning"], "tuning.") if base["tuning"] else None
    evidence = _validated(file, shapes.EvidenceSection, base["evidence"], "evidence.")
    for name in tuning.arms if tuning else []:
        if name not in arms:
            raise ParamsError(f"{shown(file)}: tuning.arms: {unknown(str(name), list(arms))}")
    comparisons = [c for c in raw.get("comparisons", []) if c.get("a") in arms and c.get("b") in arms]
    for c in raw.get("comparisons", []):
        for side in (c.get("a"), c.get("b")):
            if side not in arms_raw:
                raise ParamsError(f"{shown(file)}: comparisons: {unknown(str(side), list(arms_raw))}")
    whole = {
        "name": file.stem, "profile": profile, "title": raw["title"], "question": raw["question"],
        "phantoms": chosen.get("images", "phantoms" if profile == "sample" else "folder") == "phantoms",
        "cap_per_class": plain["cap_per_class"], "claims": raw.get("claims", []), "data": data, "split": split,
        "seeds": plain["seeds"], "arms": arms, "comparisons": comparisons, "tuning": tuning,
        "lesson": raw.get("lesson", {}), "evidence": evidence,
        **{key: base[key] for key in ARM_SECTIONS},
    }  # fmt: skip
    return _validated(file, shapes.Experiment, whole, "")


def _arm(file: Path, name: str, arm: dict, base: dict, plain: dict, siblings: dict, scheme: str) -> shapes.Arm:
    where = f"arms.{name}."
    _refuse_unknown(file, where, arm, (*ARM_KEYS, *ARM_SECTIONS))
    if "network" not in arm:
        raise ParamsError(f"{shown(file)}: {where}network is missing: name a network, for example resnet18")
    own = {key: copy.deepcopy(base[key]) for key in ARM_SECTIONS}
    _lay(file, own, arm, ARM_KEYS, where)
    if own["training"].get("threads") != base["training"].get("threads"):
        raise ParamsError(f"{shown(file)}: {where}training.threads: one number of threads serves all arms of a notebook; "
                          f"set training.threads, without an arm")  # fmt: skip
    network = siblings.get(arm["network"], arm["network"])
    whole = {
        "name": name, "network": network, "stands_for": arm["network"] if network != arm["network"] else None,
        "weights": arm.get("weights", plain["weights"]), "scheme": arm.get("scheme", scheme),
        "seeds": arm.get("seeds", plain["seeds"]), "about": arm.get("about", ""),
        "planted": arm.get("planted", False), **own,
    }  # fmt: skip
    return _validated(file, shapes.Arm, whole, where)


def _lay(file: Path, sections: dict, layer: dict, skip: tuple[str, ...], where: str) -> None:
    """Write a layer's values into `sections`; keys are dotted, or a section with its own mapping."""
    for key, value in layer.items():
        if key in skip:
            continue
        section, _, rest = key.partition(".")
        if key == "tuning" and value is None:  # a profile without it
            sections["tuning"] = {}
            continue
        values = {rest: value} if rest else value
        if not isinstance(values, dict):
            raise ParamsError(f"{shown(file)}: {where}{key}: a mapping is needed, found {values!r}")
        for inner, item in values.items():
            place, parts = sections[section], inner.split(".")
            for part in parts[:-1]:
                place[part] = dict(place.get(part) or {})
                place = place[part]
            place[parts[-1]] = copy.deepcopy(item)


def _refuse_unknown(file: Path, where: str, found: dict, known: tuple[str, ...]) -> None:
    for key in found:
        if str(key).split(".")[0] not in known:
            raise ParamsError(f"{shown(file)}: {where}{unknown(str(key).split('.')[0], list(known))}")


def _validated(file: Path, model: type[T], whole: dict, where: str) -> T:
    try:
        return model(**whole)
    except ValidationError as error:
        raise params.explain(error, file, model, where) from None
