"""The experiment, as a person writes it: one YAML file an assignment, read once and refused where it is unclear.

The full experiment stands on top of the file; a profile says what it changes (smaller images, light siblings,
fewer arms), an override of the notebook or the command line changes single values, and an arm says in what it
differs from the rest. The order is: file, profile, overrides, arm. Nothing here knows images or networks.
"""

import difflib
import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from scanbook.experiment import Experiment

PROFILES = ("sample", "quick", "full")


class ParamsError(ValueError):
    """A parameter file or override that cannot be followed; the text says where, what and what is allowed."""


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
    keys = [loader.construct_object(key) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise ParamsError(f"line {node.start_mark.line + 1}: key written twice: {', '.join(map(str, sorted(twice)))}")
    loader.flatten_mapping(node)  # `<<: *lab1` puts the keys of that mapping first, so that those written here win
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
