"""The judge on trial: studies whose truth was planted, and how often the book says it.

    python -m benchmarks.trial [--only drawn leaks shortcuts labels trained maps] [--scale 1.0]
                               [--table docs/results/trial.csv] [--root FOLDER]

drawn      predictions of two networks with known AUROCs (0.90 and less), two images a patient that resemble each other,
           the two networks as well: no difference, and differences of 0.05 and 0.10. Five comparisons make a page, p is
           corrected over it, and `metrics.verdicts` decides
leaks      X-ray phantoms in published folders, a few of whose test patients were put into the train folder too: under
           their name, under another, mirrored, or not at all. Caught: the published split is not kept, or the page
           counts near copies across it
shortcuts  the same phantoms, where the file or the frame tells the class: file quality, size, a grey border, brightness.
           Caught: the sentence above the headline, beside a network that ranks 0.90 right
labels     out-of-fold answers of networks that are right so often, five in a hundred labels wrong: `metrics.suspects`
trained    small networks trained on heart phantoms: taught against untaught, and class weights on equal classes
maps       maps that show no network: an edge detector, a blob in the middle, chance. Caught: said to fail

Every row of the table is a share with Wilson's interval, and the last two sum up what pages quote. A goal stands where there
are studies enough to hold it. Nothing is downloaded. About a quarter of an hour on one core.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from benchmarks.trial_planted import AUROC, REPOSITORY, Rows, leaks, maps, row, shortcuts, trained
from scanbook.metrics import verdicts
from scanbook.metrics.suspects import find_suspects, recall_and_precision

PATIENTS, GAPS, PAGE = (30, 60, 120, 300), (0.0, 0.05, 0.10), 5
MARGIN, SHARED = 0.02, 0.5


def answers(rng: np.random.Generator, n_patients: int, areas: tuple[float, float]) -> list[pd.DataFrame]:
    """Predictions of two networks on the same patients, half of them ill, two images of each."""
    patient = np.repeat(np.arange(n_patients), 2)
    ill = patient % 2 == 1

    def noise() -> np.ndarray:
        return np.sqrt(0.7) * rng.normal(size=n_patients)[patient] + np.sqrt(0.3) * rng.normal(size=len(patient))

    both = noise()
    scores = [np.sqrt(2) * norm.ppf(a) * ill + np.sqrt(SHARED) * both + np.sqrt(1 - SHARED) * noise() for a in areas]
    about = {"image_id": [f"{p:04d}_{i % 2}" for i, p in enumerate(patient)], "group": [f"{p:04d}" for p in patient],
             "label": np.where(ill, "ill", "well"), "logit_well": 0.0}  # fmt: skip
    return [pd.DataFrame({**about, "logit_ill": score}) for score in scores]


def drawn(scale: float, root: Path) -> Rows:
    """False verdicts where there is nothing to find, and how often a known gap is found."""
    for n in PATIENTS:
        for gap in GAPS:
            pages = max(2, round((20 if gap == 0 else 10) * scale))
            rng, found, wrong = np.random.default_rng([n, round(100 * gap)]), [], 0
            for _ in range(pages):
                page = []
                for _ in range(PAGE):
                    a, b = answers(rng, n, (AUROC, AUROC - gap))
                    page.append(verdicts.compare(a, b, ["well", "ill"], "ill", "auroc", MARGIN))
                judged = verdicts.correct(page)
                wrong += any(one["verdict"] in ("better", "worse") for one in judged)
                found += [alone["verdict"] for alone in page] if gap == 0 else [one["verdict"] for one in judged]
            what = f"{n} patients, " + (f"AUROC {gap:.2f} apart" if gap else "no difference")
            said = {name: found.count(name) for name in verdicts.VERDICTS}
            if gap == 0:
                yield row("drawn", what, "better or worse", said["better"] + said["worse"], len(found))
                yield row("drawn", what, f"any of {PAGE} on a page, corrected", wrong, pages)
                yield row("drawn", what, "equivalent", said["equivalent"], len(found))
            else:
                yield row("drawn", what, "better", said["better"], len(found))
                yield row(
                    "drawn", what, "worse or equivalent", said["worse"] + said["equivalent"], len(found), "<= 0.05"
                )


def labels(scale: float, root: Path) -> Rows:
    """Wrong labels among answers of networks of known quality, each image answered by one that has not seen it."""
    for right in (0.85, 0.90, 0.95, 0.98):
        found = wrong = named = 0
        for seed in range(max(2, round(20 * scale))):
            rng = np.random.default_rng([seed, round(100 * right)])
            truth = np.arange(600) % 2
            given = np.where(rng.permutation(600) < 30, 1 - truth, truth)
            apart = norm.ppf(right)
            sure = 2 * apart * (apart + rng.normal(size=600))  # calibrated log-odds, above 0 where it is right
            table = pd.DataFrame({"image_id": [f"{i:03d}" for i in range(600)], "logit_well": 0.0,
                                  "logit_ill": np.where(truth == 1, sure, -sure)})  # fmt: skip
            names = np.array(["well", "ill"])[given]
            suspects = find_suspects(table, ["well", "ill"], list(names))
            counts = recall_and_precision(suspects, table["image_id"][given != truth].tolist())
            found, wrong, named = found + counts["found"], wrong + counts["wrong"], named + counts["suspects"]
        what, goals = (
            f"5 % of labels, networks right in {right:.0%}",
            (">= 0.8", ">= 0.5") if right >= 0.95 else ("", ""),
        )
        yield row("labels", what, "wrong labels that are suspects (recall)", int(found), int(wrong), goals[0])
        yield row("labels", what, "suspects that are wrong (precision)", int(found), int(named), goals[1])


def summed(table: pd.DataFrame) -> list[dict]:
    """The two lines that pages quote: comparisons of equal networks, and planted leaks and shortcuts."""
    planted = table["trial"].isin(["leaks", "shortcuts"]) & (table["planted"] != "nothing")
    asked = (("equal networks", (table["said"] == "better or worse"), "better or worse", "<= 0.05"),
             ("leaks and shortcuts", planted, "caught", ">= 0.95"))  # fmt: skip
    return [row("all", what, said, int(table.loc[which, "hits"].sum()), int(table.loc[which, "of"].sum()), goal)
            for what, which, said, goal in asked if which.any()]  # fmt: skip


TRIALS = {"drawn": drawn, "leaks": leaks, "shortcuts": shortcuts, "labels": labels, "trained": trained, "maps": maps}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(TRIALS), default=list(TRIALS))
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of studies")
    parser.add_argument("--table", type=Path, default=REPOSITORY / "docs" / "results" / "trial.csv")
    parser.add_argument("--root", type=Path, help="for what is made and removed again")
    asked = parser.parse_args()
    known = pd.read_csv(asked.table, keep_default_na=False) if asked.table.exists() else pd.DataFrame(columns=["trial"])
    with tempfile.TemporaryDirectory(dir=asked.root) as root:
        for name in asked.only:
            rows = list(TRIALS[name](asked.scale, Path(root)))
            known = pd.concat([known[~known["trial"].isin([name, "all"])], pd.DataFrame(rows)], ignore_index=True)
            known = known.sort_values(
                "trial", key=lambda t: t.map(list(TRIALS).index), kind="stable", ignore_index=True
            )
            known = pd.concat([known, pd.DataFrame(summed(known))], ignore_index=True)
            known = known.astype({"hits": int, "of": int})
            asked.table.parent.mkdir(parents=True, exist_ok=True)
            known.to_csv(asked.table, index=False)
            print(pd.DataFrame(rows).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
