"""The commands that ask a network which is already trained: predict, external, export. See `cli` for the others."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[[argparse.Namespace], int]
Overrides = Callable[[argparse.Namespace], dict[str, Any]]


def add(commands: Any, common: Callable[[argparse.ArgumentParser, Command], None], overrides: Overrides) -> None:
    """Add the three to the command line; `common` gives each its profile and --set, `overrides` reads the latter."""
    predict = commands.add_parser("predict", help="class and probabilities of new images, from a finished run")
    predict.add_argument("name", metavar="NAME")
    predict.add_argument("images", nargs="+", metavar="IMAGE|FOLDER")
    predict.add_argument("--arm", default="resnet", help="which trained network answers (default: resnet)")
    predict.add_argument("--json", action="store_true", help="one JSON object an image")
    common(predict, _predict)
    predict.set_defaults(changes=overrides)

    external = commands.add_parser("external", help="another folder of images, answered without training on it")
    external.add_argument("name", metavar="NAME")
    external.add_argument("folder", type=Path, metavar="FOLDER", help="class folders, a label table, or only images")
    external.add_argument("--json", action="store_true", help="one JSON object an image and network")
    common(external, _external)
    external.set_defaults(changes=overrides)

    export = commands.add_parser("export", help="a trained network as a file for other programs, checked first")
    export.add_argument("name", metavar="NAME")
    export.add_argument("--onnx", action="store_true", required=True, help="the format; there is one")
    export.add_argument("--arm", default="resnet", help="which trained network (default: resnet)")
    export.add_argument("--out", type=Path, metavar="FILE", help="default: NAME-ARM-PROFILE.onnx here")
    common(export, _export)
    export.set_defaults(changes=overrides)


def _predict(args: argparse.Namespace) -> int:
    from scanbook.predict import Predictor, image_files

    predictor = Predictor.of(args.name, args.profile, args.changes(args), args.arm)
    unreadable = 0
    for file in image_files([Path(name) for name in args.images]):
        answer = predictor.answer(file)
        unreadable += "error" in answer
        if args.json:
            print(json.dumps({"image": file.as_posix(), **answer}))
        elif "error" in answer:
            print(f"{file.as_posix()}: {answer['error']}", file=sys.stderr)
        else:
            shares = "  ".join(f"{name} {p:.3f}" for name, p in answer["probabilities"].items())
            print(f"{file.as_posix()}: {answer['class']}  ({shares})")
    if not args.json:
        print(f"answered by {predictor.description}; not for clinical use", file=sys.stderr)
    return 1 if unreadable else 0


def _external(args: argparse.Namespace) -> int:
    from scanbook import external, open_study

    found = external.answer_folder(open_study(args.name, args.profile, args.changes(args)), args.folder.resolve())
    print("\n".join(external.in_lines(found, as_json=args.json)))
    return 1 if found.missing else 0


def _export(args: argparse.Namespace) -> int:
    from scanbook import exporting, open_study

    print(exporting.export_onnx(open_study(args.name, args.profile, args.changes(args)), args.arm, args.out))
    return 0
