"""What leakage is worth on the whole public copies: ResNet, VGG and the 1-NN rule, dealt by image and kept apart.

    DATA_DIR=… python -m benchmarks.whole heart artery xray fetal lung [--root FOLDER]
    DATA_DIR=… python -m benchmarks.whole --table      # docs/results/leakage.csv, from the runs that are finished
    python -m benchmarks.whole --show                  # the figure beside it and the table in README.md, from that file

Trains the light siblings of the profile quick (64 px, from scratch) on every image of DATA_DIR, once with single images
dealt at random and once as the page's own split keeps groups apart: same network, same epochs, same seeds. Runs are
kept under --root and taken up again. The table holds one row a set, network and split, and the machine it ran on.
"""

import argparse
import hashlib
import re
import subprocess
from pathlib import Path

import matplotlib
import pandas as pd

from scanbook import params, record
from scanbook.making import make_runs
from scanbook.metrics.scores import score_table
from scanbook.names import pretty
from scanbook.report import figures, provenance
from scanbook.study import Study

REPOSITORY = Path(__file__).parent.parent
NAMES = ("heart", "artery", "xray", "fetal", "lung")
SEEDS = {"resnet": [0, 1, 2], "vgg": [0]}  # by arm of the page; one of VGG takes over an hour of two cores
# every image tested once where sets are small; elsewhere as the set asks for
FOLDS = {"heart": 3, "lung": 3, "fetal": 1}
EPOCHS = {"xray": 5}  # of 4,000 images: as many steps as the other sets take in eight
METRICS = ("auroc", "accuracy", "balanced_accuracy")
RESULTS = REPOSITORY / "docs" / "results" / "leakage.csv"
README = REPOSITORY / "README.md"
BEGIN, END = "<!-- leakage: written by benchmarks.whole -->", "<!-- /leakage -->"


def study_of(name: str, root: Path) -> Study:
    """The quick profile without its cap, its arms replaced by ResNet and VGG under two splits."""
    overrides: dict = {"cap_per_class": None, "seeds": [0]}  # of the rules; the networks have theirs
    if name in FOLDS:
        overrides["split.folds"] = FOLDS[name]
    if name in EPOCHS:
        overrides["training.stages"] = [{"train": "all", "epochs": EPOCHS[name], "rate": 1e-3}]
    experiment = params.load(REPOSITORY / "params" / f"{name}.yaml", "quick", overrides)
    arms = {}
    for network, seeds in SEEDS.items():
        arm = experiment.arms[network].model_copy(update={"seeds": seeds})
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


def pairs_of(table: pd.DataFrame, metric: str = "accuracy") -> pd.DataFrame:
    """One row a set and network that has both scores: dealt by image, and kept apart with its interval."""
    rows = []
    for (name, network), both in table[table["metric"] == metric].groupby(["assignment", "network"], sort=False):
        dealt, apart = both[both["split"] == "random"], both[both["split"] != "random"]
        if len(dealt) and len(apart):
            rows.append({"assignment": name, "network": network, "dealt": dealt["value"].iloc[0]}
                        | apart.iloc[0].rename({"value": "apart"}).to_dict())  # fmt: skip
    return pd.DataFrame(rows)


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def draw(results: Path, file: Path) -> None:
    """Claimed, as the source split, honest: the accuracies of the table, all assignments at one glance."""
    experiments = {name: params.load(REPOSITORY / "params" / f"{name}.yaml", "quick") for name in NAMES}
    pairs, claims = pairs_of(pd.read_csv(results)), []
    for experiment in experiments.values():
        claims += [{"assignment": experiment.title, "claim": c.value} for c in experiment.claims
                   if c.value is not None and c.metric == "accuracy" and c.kind != "recorded"][:1]  # fmt: skip
    titled = pairs.assign(assignment=[experiments[name].title for name in pairs["assignment"]])
    figure = figures.leakage_arrows(titled, pd.DataFrame(claims))
    with matplotlib.rc_context({"svg.hashsalt": results.name}):  # the same table, the same file
        figure.savefig(file, metadata={"Date": None, "Description": f"drawn from {results.name} {digest_of(results)}"})


def readme_block(table: pd.DataFrame) -> str:
    """The README's table of accuracies, in Markdown: a row a set, a column a network, each from dealt to apart."""
    pairs = pairs_of(table)
    networks = list(dict.fromkeys(pairs["network"]))
    seeds = pairs.groupby("network")["seeds"].max()
    heads = [network + (f", {seeds[network]} seeds" if seeds[network] > 1 else "") for network in networks]
    lines = [f"| set | {' | '.join(heads)} | tested |", "| --- " * (len(networks) + 2) + "|"]
    for name, rows in pairs.groupby("assignment", sort=False):
        cells = []
        for network in networks:
            row = rows[rows["network"] == network]
            cells += [_arrow(row.iloc[0]) if len(row) else "not run"]
        one = rows.iloc[0]
        lines.append(
            f"| {name} | {' | '.join(cells)} | {one['n_images']:,} images of {one['n_groups']:,} {one['unit']} |"
        )
    return "\n".join([BEGIN, "", *lines, "", END])


def _arrow(row: pd.Series) -> str:
    interval = "no interval" if pd.isna(row["low"]) else f"{row['low']:.2f} to {row['high']:.2f}"
    return f"{row['dealt']:.2f} → **{row['apart']:.2f}** ({interval})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="sets to train; none: only the table")
    parser.add_argument("--root", type=Path, default=REPOSITORY / "runs" / "whole")
    parser.add_argument("--table", action="store_true", help=f"write {RESULTS.name} from the runs that are finished")
    parser.add_argument("--show", action="store_true", help="draw the figure and write README's table from that file")
    asked = parser.parse_args()
    for network in SEEDS:  # one network on all sets before the next: whoever cuts the run short has a whole column
        for name in asked.names:
            study = study_of(name, asked.root)
            print(f"{network}: {study}", flush=True)
            runs = [run for run in study.runs if run.arm.name.startswith(network)]
            make_runs(runs, study.folder, study.data, study.machine_of, study.world, fresh=False)
    if asked.table:
        rows = [row for name in NAMES for row in rows_of(study_of(name, asked.root))]
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True)
        made = {"commit": commit.stdout.strip(), "machine": f"{provenance.cores()} cores, {provenance.processor()}"}
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).assign(**made).to_csv(RESULTS, index=False)
        print(f"{len(rows)} rows in {RESULTS.name}")
    if asked.show:
        draw(RESULTS, RESULTS.with_suffix(".svg"))
        block = readme_block(pd.read_csv(RESULTS))
        README.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: block, README.read_text(encoding="utf-8"), flags=re.S))


if __name__ == "__main__":
    main()
