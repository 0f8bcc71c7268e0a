"""The experiment, as a person writes it: one YAML file an assignment, read once and refused where it is unclear.

The full experiment stands on top of the file; a profile says what it changes (smaller images, light siblings,
fewer arms), an override of the notebook or the command line changes single values, and an arm says in what it
differs from the rest. The order is: file, profile, overrides, arm. Nothing here knows images or networks.
"""

import difflib
import os
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

PROFILES = ("sample", "quick", "full")


class ParamsError(ValueError):
    """A parameter file or override that cannot be followed; the text says where, what and what is allowed."""


class Strict(BaseModel):
    """Unknown keys and silent conversions are errors: a misspelt key that is ignored looks like a result."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Check(Strict):
    """A second opinion on the label, read from the file's name; never a feature."""

    pattern: str
    meaning: dict[str, str]


class Data(Strict):
    folder: str
    layout: Literal["class_folders", "split_folders", "label_table"]
    classes: list[str] | dict[str, str]  # the source's spelling, or {source's spelling: ours}
    positive: str | None = None
    group: str = ""
    unit: Literal["patients", "blocks", "images"] = "patients"
    block: int | None = Field(default=None, ge=2)
    images: str = "."
    table: str | None = None
    name_column: str | None = None
    label_column: str | None = None
    check: Check | None = None

    @property
    def class_map(self) -> dict[str, str]:
        """The source's spelling of each class -> ours, in the order of the logits."""
        return dict(self.classes) if isinstance(self.classes, dict) else {c: c for c in self.classes}

    @property
    def class_names(self) -> list[str]:
        return list(self.class_map.values())

    @model_validator(mode="after")
    def _consistent(self) -> "Data":
        if len(set(self.class_names)) < 2:
            raise ValueError("classes: at least two different classes are needed")
        if self.positive is not None and self.positive not in self.class_names:
            raise ValueError(f"positive: {self.positive!r} is none of the classes {self.class_names}")
        if len(self.class_names) == 2 and self.positive is None:
            raise ValueError("positive: with two classes, say which one sensitivity is the rate for")
        if self.layout == "label_table" and not (self.table and self.name_column and self.label_column):
            raise ValueError("layout label_table needs table, name_column and label_column")
        return self


class Split(Strict):
    scheme: Literal["grouped", "provided", "random", "block"] = "grouped"
    fractions: list[float] = [0.70, 0.15, 0.15]
    folds: int | Literal["auto"] = "auto"
    seed: int = 0

    @model_validator(mode="after")
    def _consistent(self) -> "Split":
        if len(self.fractions) != 3 or min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise ValueError(f"fractions: three positive shares that sum to 1, not {self.fractions}")
        if self.folds != "auto" and (self.folds == 0 or self.folds < -1):
            raise ValueError("folds: auto, 1 (hold-out), 2 or more, or -1 (leave one group out)")
        return self


class Image(Strict):
    size: int = Field(default=224, ge=16, le=2048)
    fit: Literal["pad", "squeeze", "crop"] = "pad"
    colour: Literal["grey", "rgb"] = "grey"
    equalise: Literal["none", "histogram", "clahe"] = "none"
    normalise: Literal["imagenet", "training"] = "imagenet"


class Augment(Strict):
    """Strengths; every default is neutral. See `loaders.augment`."""

    flip_horizontal: float = Field(default=0.0, ge=0, le=1)
    flip_vertical: float = Field(default=0.0, ge=0, le=1)
    rotate_deg: float = Field(default=0.0, ge=0, le=180)
    zoom: float = Field(default=0.0, ge=0, lt=1)
    shift: float = Field(default=0.0, ge=0, lt=1)
    crop: float = Field(default=0.0, ge=0, lt=1)
    brightness: float = Field(default=0.0, ge=0, le=1)
    contrast: float = Field(default=0.0, ge=0, lt=1)
    grey: float = Field(default=0.0, ge=0, le=1)
    gain_stops: float = Field(default=0.0, ge=0, le=4)


Optimiser = Literal["adam", "adamw", "sgd", "rmsprop"]


class Schedule(Strict):
    name: Literal["constant", "step", "exponential", "plateau", "cosine"] = "constant"
    factor: float = Field(default=0.1, gt=0, le=1)
    every: int = Field(default=1, ge=1)
    patience: int = Field(default=3, ge=1)


class Stage(Strict):
    train: str = Field(default="all", pattern=r"^(head|all|from:.+)$")
    epochs: int = Field(ge=1, le=1000)
    rate: float = Field(gt=0, le=10)
    optimiser: Optimiser | None = None
    schedule: Schedule | None = None
    early_stopping: int | None = Field(default=None, ge=1)


class Training(Strict):
    stages: list[Stage] = Field(min_length=1)
    batch: int = Field(default=32, ge=1, le=4096)
    optimiser: Optimiser = "adam"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    loss: Literal["cross_entropy", "bce"] = "cross_entropy"
    schedule: Schedule = Schedule()
    early_stopping: int | None = Field(default=None, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    head: Literal["pooled", "own"] = "pooled"
    balance: Literal["none", "class_weights"] = "none"
    initial_bias: bool = False
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int | Literal["auto"] = "auto"


class Settings(Strict):
    """What one arm trains with: the part of the experiment that an arm can change."""

    image: Image
    augment: Augment
    training: Training


class Arm(Settings):
    name: str
    network: str
    stands_for: str | None = None  # the source's network, where a light sibling runs in its place
    weights: str = "none"
    scheme: Literal["grouped", "provided", "random", "block"]
    seeds: list[int]
    about: str = ""


class Comparison(Strict):
    question: str
    a: str
    b: str
    metric: str = "auroc"
    margin: float = Field(default=0.02, ge=0)


class Claim(Strict):
    words: str
    metric: str | None = None
    value: float | None = None
    kind: Literal["claimed", "recorded", "published"] = "claimed"


class Experiment(Settings):
    """Everything that determines an assignment under one profile, nothing left to resolve."""

    name: str
    profile: str
    title: str
    question: str
    phantoms: bool
    cap_per_class: int | None
    claims: list[Claim]
    data: Data
    split: Split
    seeds: list[int]
    arms: dict[str, Arm]
    comparisons: list[Comparison]
    lesson: dict[str, str]  # arms of the section "claimed / as the source split / honest"


def find(path: str | os.PathLike) -> Path:
    """The parameter file, looked for from the working folder upwards, so that it is found wherever Jupyter starts.

    path  "params/heart.yaml", or only "heart"

    Returns the absolute path. Raises ParamsError naming the files there are.
    """
    wanted = Path(path)
    if wanted.suffix not in (".yaml", ".yml"):
        wanted = Path("params") / f"{wanted}.yaml"
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / wanted).is_file():
            return (folder / wanted).resolve()
    known = sorted(p.stem for d in (Path.cwd(), *Path.cwd().parents) for p in (d / "params").glob("*.yaml"))
    hint = nearest(wanted.stem, known)
    raise ParamsError(f"no parameter file {os.fspath(path)!r} here or in a folder above; known: "
                      f"{', '.join(known) or 'none'}{hint}")  # fmt: skip


def root() -> Path:
    """The book's folder: the nearest one, from the working folder upwards, that holds params/*.yaml.

    Raises ParamsError when there is none.
    """
    for folder in (Path.cwd(), *Path.cwd().parents):
        if any((folder / "params").glob("*.yaml")):
            return folder
    raise ParamsError("no folder params/ with parameter files here or above; run this inside the repository")


def load(path: str | os.PathLike, profile: str = "sample", overrides: dict[str, Any] | None = None) -> Experiment:
    """Read a parameter file and resolve it for one profile.

    profile    one of PROFILES
    overrides  dotted keys to values, {"training.batch": 8}; `arms.vgg.network` reaches into one arm

    Raises ParamsError for an unknown key, a wrong type or an impossible value, with file, key and what is allowed.
    """
    from scanbook import resolve  # the second half of this room: how the layers are laid over one another

    file = find(path)
    return resolve.experiment(file, _read_yaml(file), profile, dict(overrides or {}))


class _NoDuplicates(yaml.SafeLoader):
    """YAML keeps the last of two equal keys without a word; here the second one is an error."""


def _mapping(loader: _NoDuplicates, node: yaml.MappingNode) -> dict:
    keys = [loader.construct_object(key) for key, _ in node.value]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise ParamsError(f"line {node.start_mark.line + 1}: key written twice: {', '.join(map(str, sorted(twice)))}")
    return {loader.construct_object(k): loader.construct_object(v, deep=True) for k, v in node.value}


_NoDuplicates.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _read_yaml(file: Path) -> dict:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=_NoDuplicates)
    except ParamsError as error:
        raise ParamsError(f"{shown(file)}: {error}") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{shown(file)}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise ParamsError(f"{shown(file)}: a mapping of keys to values is needed, found {type(content).__name__}")
    return content


def shown(file: Path) -> str:
    """The file as people name it: params/heart.yaml, without the machine's folders."""
    return f"{file.parent.name}/{file.name}"


def explain(error: ValidationError, file: Path, model: type[BaseModel], where: str = "") -> ParamsError:
    """Turn pydantic's finding into one sentence a line: file, key, what was found, what is allowed."""
    lines = []
    for item in error.errors():
        key = where + ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            lines.append(unknown(key, known_keys(model, item["loc"][:-1])))
            continue
        found = item.get("input")
        message = item["msg"].removeprefix("Value error, ")
        text = f"{key.rstrip('.')}: {message}" if key else message
        if not isinstance(found, dict | list | BaseModel):
            text += f", found {found!r}"
        if isinstance(found, str) and item["type"] == "float_type" and "e" in found.lower():
            text += " (YAML reads 3e-4 as text: write it with a dot, 3.0e-4)"
        if isinstance(found, bool) and item["type"] != "bool_type":
            text += " (YAML reads yes, no, on, off as true and false: put the word in quotes)"
        lines.append(text)
    return ParamsError("\n".join(f"{shown(file)}: {line}" for line in lines))


def unknown(key: str, known: list[str]) -> str:
    """The sentence for a key nobody knows, with the nearest known one."""
    last = key.rsplit(".", 1)[-1]
    return f"unknown key {key!r}; known: {', '.join(sorted(known))}{nearest(last, known)}"


def known_keys(model: type[BaseModel], loc: tuple) -> list[str]:
    """The fields allowed at a place inside a model, following its nested models."""
    for part in loc:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        if field is None:
            continue
        inner = [a for a in (field.annotation, *getattr(field.annotation, "__args__", ()))
                 if isinstance(a, type) and issubclass(a, BaseModel)]  # fmt: skip
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)


def nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {near[0]}?)" if near else ""
