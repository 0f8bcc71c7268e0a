"""What leakage is worth on the whole public copies: ResNet, VGG and the 1-NN rule, dealt by image and kept apart.

    DATA_DIR=… python -m benchmarks.whole heart artery xray fetal lung [--seeds 0 1 2] [--root FOLDER]
    DATA_DIR=… python -m benchmarks.whole --table docs/results/leakage.csv     # from the runs that are finished
    python -m benchmarks.whole --figure docs/results/leakage.svg               # from docs/results/leakage.csv

Trains the light siblings of the profile quick (64 px, from scratch) on every image of DATA_DIR, once with single images
dealt at random and once as the page's own split keeps groups apart: same network, same epochs, same seeds. Runs are
kept under --root and taken up again. The table holds one row a set, network and split, and the machine it ran on.
"""

import argparse
import subprocess
from pathlib import Path

import pandas as pd

from scanbook import params, record
from scanbook.making import make_runs
from scanbook.metrics.scores import score_table
from scanbook.names import pretty
from scanbook.report import figures, provenance
from scanbook.study import Study

REPOSITORY = Path(__file__).parent.parent
NAMES = ("heart", "artery", "xray", "fetal", "lung")
FOLDS = {"heart": 5, "lung": 5, "fetal": 1}  # narrow intervals where a fold is cheap; elsewhere as the set asks for
METRICS = ("auroc", "accuracy", "balanced_accuracy")


def study_of(name: str, root: Path, seeds: list[int]) -> Study:
    """The quick profile without its cap, its arms replaced by ResNet and VGG under two splits."""
    overrides = {"cap_per_class": None, "seeds": seeds} | ({"split.folds": FOLDS[name]} if name in FOLDS else {})
    experiment = params.load(REPOSITORY / "params" / f"{name}.yaml", "quick", overrides)
    arms = {}
    for network in ("resnet", "vgg"):
        arm = experiment.arms[network]
        arms |= {
            network: arm,
            f"{network}_random": arm.model_copy(update={"name": f"{network}_random", "scheme": "random"}),
        }
    lesson = {"as_source": "resnet_random", "honest": "resnet"}
    changed = experiment.model_copy(update={"arms": arms, "comparisons": [], "tuning": None, "lesson": lesson})
    return Study(changed, root, overrides)


def rows_of(study: Study) -> list[dict]:
    """One row a network or rule and split; nothing for an arm that is not finished."""
    spec, rows = study.experiment.data, []
    tables = {arm: study.test_predictions(arm) for arm in study.done_arms()}
    tables |= {arm: table for arm, table in study.rules.groupby("arm") if arm.startswith(f"{record.RULE}neighbour")}
    for arm, table in tables.items():
        scores = score_table(table, study.classes, spec.positive, unit=spec.unit).set_index("metric")
        done = study.states[study.states["arm"] == arm]
        network = "1-NN rule" if arm not in study.experiment.arms else pretty(study.experiment.arms[arm].network)
        for metric in METRICS:
            score = scores.loc[metric]
            rows.append({
                "assignment": study.experiment.name, "network": network, "split": table["scheme"].iloc[0],
                "metric": metric, "value": round(score["value"], 4), "low": round(score["low"], 4),
                "high": round(score["high"], 4), "n_images": score["n_images"], "n_groups": score["n_groups"],
                "unit": spec.unit, "folds": table["fold"].nunique(), "seeds": table["seed"].nunique(),
                "seconds": round(done["seconds"].sum()) if len(done) else 0, "data": study.data.fingerprint,
            })  # fmt: skip
    return rows


def draw(table: pd.DataFrame, file: Path) -> None:
    """Claimed, as the source split, honest: the accuracies of the table, all assignments at one glance."""
    found = table[table["metric"] == "accuracy"]
    experiments = {name: params.load(REPOSITORY / "params" / f"{name}.yaml", "quick") for name in NAMES}
    rows, claims = [], []
    for (name, network), both in found.groupby(["assignment", "network"], sort=False):
        dealt, apart = both[both["split"] == "random"], both[both["split"] != "random"]
        if len(dealt) and len(apart):
            rows.append({"assignment": experiments[name].title, "network": network, "dealt": dealt["value"].iloc[0]}
                        | apart.iloc[0][["value", "low", "high"]].rename({"value": "apart"}).to_dict())  # fmt: skip
    for experiment in experiments.values():
        claims += [{"assignment": experiment.title, "claim": c.value} for c in experiment.claims
                   if c.value is not None and c.metric == "accuracy" and c.kind != "recorded"][:1]  # fmt: skip
    figure = figures.leakage_arrows(pd.DataFrame(rows), pd.DataFrame(claims))
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="sets to train; none: only the table")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--root", type=Path, default=REPOSITORY / "runs" / "whole")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    for name in asked.names:
        study = study_of(name, asked.root, asked.seeds)
        print(study, flush=True)
        make_runs(study.runs, study.folder, study.data, study.machine_of, study.world, fresh=False)
    if asked.table:
        rows = [row for name in NAMES for row in rows_of(study_of(name, asked.root, asked.seeds))]
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True)
        made = {"commit": commit.stdout.strip(), "machine": f"{provenance.cores()} cores, {provenance.processor()}"}
        asked.table.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).assign(**made).to_csv(asked.table, index=False)
        print(f"{len(rows)} rows in {asked.table.name}")
    if asked.figure:
        draw(pd.read_csv(asked.figure.with_suffix(".csv")), asked.figure)


if __name__ == "__main__":
    main()
