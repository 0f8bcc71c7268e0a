"""Probabilities on a page: what they mean, the threshold and what it gives, when to ask a human, who is taken for whom."""

import numpy as np
import pandas as pd

from scanbook import probabilities, record
from scanbook.metrics.redrawn import direction
from scanbook.metrics.verdicts import signed
from scanbook.names import MAIN, PAIR, pretty
from scanbook.probabilities import POINT, SCALED
from scanbook.report import figures
from scanbook.report.plates import Plate, show_table
from scanbook.report.slider import Moved, Slider
from scanbook.report.words import Prose, cited, short_interval
from scanbook.report.words import say as fill
from scanbook.study import Study

HANDED = 80  # per cent kept in the sentence about handing over, set before any result was seen
AS_TRAINED, AFTER = "as trained", "after the temperature"


def calibration(study: Study) -> Plate:
    """Reliability of ResNet and VGG before and after the temperature, with ECE beside its bias and the Brier score."""
    found = study.evidence.ask(probabilities.calibration)
    scores, arms = found.scores, _pair(study)
    if not arms:
        return _nothing("Calibration", "calibration")
    bins = [_bins(scores, arm, variant).assign(network=_name(study, arm), after=bool(variant))
            for arm in arms for variant in ("", SCALED)]  # fmt: skip
    event, words = probabilities.event_name(study), []
    for arm in arms:
        row, after = _rows(scores, arm, ""), _rows(scores, arm, SCALED)
        floor, change = row.loc["ece_if_calibrated"], after.loc["brier_change"]
        words.append(
            f"{_name(study, arm)}: ECE {row.loc['ece', 'value']:.3f}, where perfect calibration would show "
            f"{floor['low']:.3f} to {floor['high']:.3f}: {found.verdicts[arm, '']}. Temperature "
            f"{after.loc['temperature', 'value']:.2f}{', ' * bool(found.why[arm])}{found.why[arm]}: Brier score "
            f"{_judged(change, -1)}."
        )
    said = f"probability of {event}" if event else "probability of the likeliest class"
    came = f"share that is {event.removesuffix(' against the rest')}" if event else "share that is right"
    alt = "; ".join(
        f"{r.network} {AFTER if r.after else AS_TRAINED}, said {r.said:.3f} came {r.came:.3f}"
        for r in pd.concat(bins).itertuples()
    )
    caption = f"What the networks say beside what comes, bars are 95 % intervals. {' '.join(words)}"
    picture = figures.reliability_diagram(pd.concat(bins), said, came)
    return Plate(picture, caption, f"Reliability: {alt}.", _shown(study, scores), title="What a probability is worth",
                 key="calibration", src="scores.csv")  # fmt: skip


def working_point(study: Study) -> Plate | Prose:
    """Sensitivity and specificity at the threshold that validation chose, beside what validation promised."""
    found = study.evidence.ask(probabilities.working_point)
    if found.why:
        return fill(found.why, {})
    rows, words = [], []
    wanted = study.experiment.evidence.working_point
    for arm in found.thresholds:
        test, val = (_rows(found.scores, arm, POINT, part) for part in ("test", "val"))
        rows.append({
            "network": _name(study, arm), "threshold": cited(test.loc["threshold"]),
            **{f"{name}, {part}": cited(table.loc[name]) for name in ("sensitivity", "specificity")
               for part, table in (("validation", val), ("test", test))},
            "balanced accuracy gained": _signed(test.loc["balanced_accuracy_gain"]),
        })  # fmt: skip
        words.append(f"{_name(study, arm)}: {_verdict(test, wanted)}.")
    how = ("the largest sensitivity + specificity (Youden)" if wanted is None
           else f"the highest that finds {100 * wanted:.0f} % of the ill")  # fmt: skip
    against = " Against a threshold of one half:" if wanted is None else ""
    caption = (f"The threshold of each run is {how} on its own validation part, frozen before the test part was looked "
               f"at.{against} {' '.join(words)}")  # fmt: skip
    return show_table(pd.DataFrame(rows), caption, title="A threshold chosen beforehand", key="working-point",
                      src="scores.csv")  # fmt: skip


def slider(study: Study) -> Slider | Prose:
    """Confusion matrices of ResNet and VGG at the chosen threshold, and with the page's script at any other."""
    found = study.evidence.ask(probabilities.working_point)
    if found.why:
        return fill(found.why, {})
    moved = []
    for arm in _pair(study):
        rows = _rows(found.scores, arm, POINT)
        cells = ("true_positives", "false_negatives", "false_positives", "true_negatives")
        moved.append(Moved(
            arm, _name(study, arm), found.log_odds[arm][:, found.ill[arm]], found.log_odds[arm][:, ~found.ill[arm]],
            found.thresholds[arm], float(rows.loc["threshold", "value"]),
            {name: float(rows.loc[name, "value"]) for name in cells},
            {name: (rows.loc[name, "value"], rows.loc[name, "low"], rows.loc[name, "high"])
             for name in ("sensitivity", "specificity")}, POINT,
        ))  # fmt: skip
    k = probabilities.event(study)
    positive = study.classes[k or 0]
    rest = study.classes[1 - (k or 0)] if len(study.classes) == 2 else "the rest"
    return Slider(moved, positive, rest)


def deferral(study: Study) -> Plate:
    """Accuracy on what is kept when the least sure answers go to a human."""
    scores, arms = study.evidence.ask(probabilities.deferral), _pair(study)
    if not arms:
        return _nothing("When to ask a human", "deferral")
    rows, words = [], []
    for arm in arms:
        own = _rows(scores, arm, "")
        for metric, row in own.iterrows():
            if str(metric).startswith("accuracy_kept_"):
                share = 1 - int(str(metric).rsplit("_", 1)[1]) / 100
                rows.append({"network": _name(study, arm), "handed_over": share, "metric": metric,
                             **row[["value", "low", "high", "n_images", "n_groups"]]})  # fmt: skip
        gain = own.loc[f"kept_gain_{HANDED}"]
        words.append(f"{_name(study, arm)} without its least sure {100 - HANDED} %: accuracy {_judged(gain)}.")
        rows.append({"network": _name(study, arm), "handed_over": np.nan, "metric": f"kept_gain_{HANDED}",
                     **gain[["value", "low", "high", "n_images", "n_groups"]]})  # fmt: skip
    table = pd.DataFrame(rows)
    drawn = table[table["handed_over"].notna()]
    alt = "; ".join(f"{r.network}, {100 * r.handed_over:.0f} % handed over: {r.value:.3f}" for r in drawn.itertuples())
    caption = f"The least sure answers go to a human and the network keeps the rest. {' '.join(words)}"
    shares = [f"{100 * share:.0f} %" if share == share else "" for share in table["handed_over"]]
    shown = table.assign(handed_over=shares)
    return Plate(figures.handed_over(drawn), caption, f"Accuracy on the rest. {alt}.", shown,
                 title="When to ask a human", key="deferral", src="scores.csv")  # fmt: skip


def recalls(study: Study) -> Plate:
    """Recall of each class with its interval, by network; the table says who is taken for whom, with intervals too."""
    shares, rows = study.evidence.ask(probabilities.confusion_shares), []
    two, positive = len(study.classes) == 2, study.experiment.data.positive
    arms = study.done_arms(*MAIN)
    for name in study.classes:
        metric = f"recall_{name}" if not two else "sensitivity" if name == positive else "specificity"
        for arm in arms:
            row = record.score(study.scores, arm, metric)
            if row is not None:
                rows.append({"network": _name(study, arm), "metric": f"recall_{name}",
                             **row[["value", "low", "high"]]})  # fmt: skip
    if not rows:
        return _nothing("Class by class", "recalls")
    recall = pd.DataFrame(rows)
    others = shares.assign(network=[_name(study, arm) for arm in shares["arm"]])
    table = pd.concat([recall, others[list(recall)]], ignore_index=True)
    worst = recall.loc[recall.groupby("network", sort=False)["value"].idxmin()]
    words = "; ".join(f"{r.network} {r.value:.3f} on {r.metric.removeprefix('recall_')}" for r in worst.itertuples())
    caption = (f"Of the images of each class, the share that is answered rightly, with 95 % intervals. Lowest: {words}. The "
               f"table below also has the share of each class that is taken for each other one.")  # fmt: skip
    alt = "; ".join(f"{r.network} {r.metric.replace('_', ' of ', 1)} {r.value:.3f}" for r in recall.itertuples())
    return Plate(figures.scores_forest(recall), caption, f"{alt}.", table, title="Class by class", key="recalls",
                 src="scores.csv")  # fmt: skip


def _verdict(test: pd.DataFrame, wanted: float | None) -> str:
    if wanted is None:
        return f"balanced accuracy {_judged(test.loc['balanced_accuracy_gain'])}"
    row = test.loc["sensitivity"]
    word = "reached" if row["low"] >= wanted else "missed" if row["high"] < wanted else "cannot tell"
    return f"sensitivity {short_interval(row)} where {wanted:.2f} was asked: {word}"


def _bins(scores: pd.DataFrame, arm: str, variant: str) -> pd.DataFrame:
    own, rows = _rows(scores, arm, variant), []
    for metric in own.index[own.index.str.match(r"bin_\d+_came$")]:
        came = own.loc[metric]
        said = own.loc[str(metric).replace("_came", "_said"), "value"]
        rows.append({"said": said, "came": came["value"], "low": came["low"], "high": came["high"]})
    return pd.DataFrame(rows)


def _shown(study: Study, scores: pd.DataFrame) -> pd.DataFrame:
    """Rows of scores.csv as they are read: temperatures and rates are no one column of numbers."""
    return pd.DataFrame({
        "network": [_name(study, arm) for arm in scores["arm"]],
        "probabilities": scores["variant"].map({"": AS_TRAINED, SCALED: AFTER}),
        "metric": scores["metric"], "value": [cited(row) for _, row in scores.iterrows()],
        "n_images": scores["n_images"], "n_groups": scores["n_groups"],
    })  # fmt: skip


def _rows(scores: pd.DataFrame, arm: str, variant: str, split: str = "test") -> pd.DataFrame:
    own = scores[(scores["arm"] == arm) & (scores["variant"] == variant) & (scores["split"] == split)]
    return own.set_index("metric", drop=False)


def _judged(row: pd.Series, good: int = 1) -> str:
    """A change in the fixed grammar: +0.012 (95 % interval +0.003 to +0.021): better.

    good   the direction that is better: 1 for accuracies, -1 for the Brier score
    """
    if pd.isna(row["low"]):
        return "the same" if row["value"] == 0 else f"{signed(row['value'])} ({row['method']}): cannot tell"
    word = {good: "better", -good: "worse", 0: "cannot tell"}[direction(row)]
    return f"{signed(row['value'])} (95 % interval {signed(row['low'])} to {signed(row['high'])}): {word}"


def _signed(row: pd.Series) -> str:
    bounds = "" if pd.isna(row["low"]) else f" ({signed(row['low'])} to {signed(row['high'])})"
    return f"{signed(row['value'])}{bounds}"


def _pair(study: Study) -> list[str]:
    return study.done_arms(*PAIR) or study.done_arms(*MAIN)[:1]


def _name(study: Study, arm: str) -> str:
    """The network, with its arm where two of those that are shown train the same one."""
    networks = {other: study.experiment.arms[other].network for other in study.done_arms(*MAIN)}
    twice = list(networks.values()).count(networks[arm]) > 1
    return pretty(networks[arm]) + (f" ({arm})" if twice else "")


def _nothing(title: str, key: str) -> Plate:
    table = pd.DataFrame({"what": ["finished networks"], "number": [0]})
    return show_table(table, "No network is finished, so there is nothing to ask yet.", title=title, key=key)
