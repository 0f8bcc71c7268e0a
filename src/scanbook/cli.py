"""The command line: report, train, predict, external, export, new, data, audit, params, diff: all that make does."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import yaml

from scanbook import finished_cli, params

_COLUMNS = {"name": "names the file", "label": "the class", "patient": "whose image", "split": "train, val or test"}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status. Errors a person can mend are one sentence, without a traceback."""
    args = _parser().parse_args(argv)
    try:
        return args.command(args)
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept; RESUME=1 goes on from there", file=sys.stderr)
        return 130
    except (ValueError, RuntimeError, OSError) as error:
        if os.environ.get("SCANBOOK_DEBUG"):
            raise
        print(f"scanbook: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scanbook", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    report = commands.add_parser("report", help="execute notebooks and render their pages")
    report.add_argument("names", nargs="*", metavar="NAME", help="heart, artery, xray, fetal, lung, summary …")
    report.add_argument("--all", action="store_true", help="all of them, then summary and index")
    report.add_argument("--resume", action="store_true", help="keep finished runs, make only what is missing")
    report.add_argument("--jobs", type=int, help="notebooks side by side (default: three on two cores)")
    report.add_argument("--why", action="store_true", help="make nothing: say what RESUME=1 would make again, and why")
    _common(report, _report)

    train = commands.add_parser("train", help="make the runs of one assignment without a notebook")
    train.add_argument("name", metavar="NAME")
    train.add_argument("--fresh", action="store_true", help="make finished runs again")
    train.add_argument("--only", "--run", metavar="RUN", help="one run, arm-network-scheme-fFOLD-sSEED; see --list")
    train.add_argument("--list", action="store_true", help="make nothing: name the planned runs and their states")
    _common(train, _train)

    finished_cli.add(commands, _common, _overrides)

    new = commands.add_parser("new", help="a parameter file and a notebook for images of your own")
    new.add_argument("name", metavar="NAME", help="of the new assignment, such as knee")
    new.add_argument("path", metavar="PATH", type=Path, help="folder of the images (only read), or an .npz")
    new.add_argument(
        "--labels", type=Path, metavar="TABLE", help="CSV that says which image is what, there or elsewhere"
    )
    new.add_argument("--classes", default="", metavar="A,B", help="which classes, in this order; names for an .npz")
    new.add_argument("--positive", default="", metavar="CLASS", help="with two classes: the finding")
    new.add_argument("--group", default="", metavar="PATTERN", help="regular expression: the patient in a file's name")
    for column in ("name", "label", "patient", "split"):
        new.add_argument(f"--{column}-column", default="", metavar="COLUMN", help=f"of the table: {_COLUMNS[column]}")
    new.set_defaults(command=_new)

    audit = commands.add_parser("audit", help="what is wrong with the images: copies, conflicts, leaks, shortcuts")
    audit.add_argument("name", metavar="NAME")
    audit.add_argument("--pairs", action="store_true", help="name every picture that occurs twice")
    _common(audit, _audit)

    show = commands.add_parser("params", help="the experiment as resolved for a profile")
    show.add_argument("name", metavar="NAME")
    _common(show, _params)

    diff = commands.add_parser("diff", help="two finished runs side by side: parameters, data, versions, scores")
    diff.add_argument("first", metavar="RUN", help="a run's folder, or a part of its name that only it has")
    diff.add_argument("second", metavar="RUN")
    diff.set_defaults(command=_diff)

    data = commands.add_parser("data", help="bring the public sets to DATA_DIR; without a name: say what is there")
    data.add_argument("names", nargs="*", metavar="NAME")
    data.add_argument("--all", action="store_true", help="every set that names a source")
    data.set_defaults(command=_data)
    return parser


def _common(parser: argparse.ArgumentParser, command: Any) -> None:
    parser.add_argument("--profile", default="sample", choices=params.PROFILES)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
                        help="override one value, for example training.batch=8")  # fmt: skip
    parser.set_defaults(command=command)


def _overrides(args: argparse.Namespace) -> dict[str, Any]:
    found = {}
    for item in args.overrides:
        key, equals, value = item.partition("=")
        if not equals:
            raise params.ParamsError(f"--set {item}: write KEY=VALUE, for example --set training.batch=8")
        found[key] = yaml.safe_load(value)
    return found


def _report(args: argparse.Namespace) -> int:
    from scanbook import reports

    root = params.root()
    known = [*reports.notebooks(root), reports.SUMMARY]
    names = args.names
    if args.all:
        names = [name for name in known if name == reports.SUMMARY or reports.has_images(root, name, args.profile)]
        for name in set(known) - set(names):
            print(f"{name}: left out, it has no phantoms; run it with PROFILE=quick or full and DATA_DIR")
    if not names:
        raise params.ParamsError(f"name a notebook or give --all; there are: {', '.join(known)}")
    for name in names:
        if name not in known:
            raise params.ParamsError(
                f"no notebook {name!r}; there are: {', '.join(known)}{params.nearest(name, known)}"
            )
    if args.why:
        for name in names:
            _why(root, name, args)
        return 0
    results = reports.make_reports(
        names,
        args.profile,
        overrides=dict.fromkeys(names, _overrides(args)),
        resume=args.resume,
        jobs=args.jobs,
        root=root,
    )
    failed = [r for r in results if r.state not in ("done", "unchanged")]
    print(f"open reports/{'index' if len(results) > 1 else results[0].name}.html"
          if not failed else "failed: " + ", ".join(f"{r.name} (reports/{r.page.name})" for r in failed))  # fmt: skip
    return 1 if failed else 0


def _why(root: Path, name: str, args: argparse.Namespace) -> None:
    """What would be made again for one page, and why: the page itself, then its runs."""
    from scanbook import open_study, reports
    from scanbook.differences import why_made

    reasons = reports.why(root, name, args.profile, {} if name == reports.SUMMARY else _overrides(args))
    print(f"{name} ({args.profile}): " + ("nothing has changed" if not reasons else "the page would be made again"))
    print("".join(f"  {reason}\n" for reason in reasons), end="")
    if not reasons or name == reports.SUMMARY:
        return
    study = open_study(name, args.profile, _overrides(args))
    if study.tuning_runs and not study.chosen:
        print("  the tuning grid is not finished; which runs follow is known after it")
    for run in [*study.tuning_runs, *study.runs]:
        state = study.run_folder(run).state()["state"]
        if state != "done":
            print(f"  run {run.stem} ({state}): {'; '.join(why_made(run, study.folder))}")


def _train(args: argparse.Namespace) -> int:
    from scanbook import open_study
    from scanbook.models import parallel

    study = open_study(args.name, args.profile, _overrides(args))
    try:
        if args.list:
            print("\n".join(f"{run.stem}  {study.run_folder(run).state()['state']}" for run in study.runs))
            return 0
        if study.world.leads:
            print(study)
        states = study.train(fresh=args.fresh, only=args.only)
        if study.world.leads:
            print(states[["name", "state", "seconds"]].to_string(index=False))
    finally:
        parallel.leave()
    return 0 if (states["state"] == "done").all() else 1


def _diff(args: argparse.Namespace) -> int:
    from scanbook.differences import find_run, side_by_side

    first, second = (find_run(name, params.root()) for name in (args.first, args.second))
    table = side_by_side(first, second)
    print(f"a  {first.name}\nb  {second.name}\n")
    for section, rows in table.groupby("section", sort=False):
        print(f"{section}\n{rows[['key', 'a', 'b']].to_string(index=False, header=False, na_rep='-')}\n")
    return 0


def _data(args: argparse.Namespace) -> int:
    from scanbook.getting import get_sets

    return get_sets(params.root(), args.names, everything=args.all)


def _new(args: argparse.Namespace) -> int:
    from scanbook.loaders.label_table import Columns
    from scanbook.starting import Wishes, start

    columns = Columns(args.name_column, args.label_column, args.patient_column, args.split_column)
    classes = tuple(name.strip() for name in args.classes.split(",") if name.strip())
    print(start(args.name, args.path, params.root(), Wishes(args.labels, columns, classes, args.group, args.positive)))
    return 0


def _audit(args: argparse.Namespace) -> int:
    from scanbook.audit import in_words
    from scanbook.dataset import Dataset

    experiment = params.load(args.name, args.profile, _overrides(args))
    print("\n".join(in_words(Dataset(experiment, params.root()), name_pairs=args.pairs)))
    return 0


def _params(args: argparse.Namespace) -> int:
    experiment = params.load(args.name, args.profile, _overrides(args))
    print(yaml.safe_dump(experiment.model_dump(), sort_keys=False, allow_unicode=True), end="")
    return 0
