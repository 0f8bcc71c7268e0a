"""What the networks' probabilities are worth: calibration, a threshold that was chosen beforehand, and knowing when to ask.

Each run's own validation part sets its own temperature and threshold, also in cross-validation, where every fold has
another network and another validation part. The test part is then looked at with both, and chooses nothing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from scanbook.evidence import rows as evidence_rows
from scanbook.metrics import calibration as calibrating
from scanbook.metrics import deferral as deferring
from scanbook.metrics import operating
from scanbook.metrics.redrawn import Draws, table
from scanbook.metrics.scores import Part, as_part, log_odds
from scanbook.names import MAIN

if TYPE_CHECKING:
    from scanbook.study import Study

SCALED, POINT = "temperature", "working_point"  # variants of scores.csv


class Answers(NamedTuple):
    """One arm on the test part, and of each of its runs the validation part."""

    part: Part
    val: dict[tuple[int, int], Part]  # (seed, fold) -> the validation part of that run
    fold: np.ndarray  # int (N,): the fold whose network answered the image
    draws: Draws

    def laid(self, of_run: dict[tuple[int, int], float]) -> np.ndarray:
        """A number of each run, laid on the test images that it answered: float64 (S, N)."""
        return np.array([[of_run[seed, fold] for fold in self.fold] for seed in self.part.seeds])


class Calibration(NamedTuple):
    """How far what the networks say lies from what comes."""

    scores: pd.DataFrame  # as in scores.csv
    verdicts: dict[tuple[str, str], str]  # (arm, variant) -> one of calibration.VERDICTS
    why: dict[str, str]  # arm -> why a temperature is 1 or at its limit, where one is


class WorkingPoint(NamedTuple):
    """What frozen thresholds give, and for each arm what a slider over thresholds needs."""

    scores: pd.DataFrame  # as in scores.csv, counts among them
    thresholds: dict[str, list[float]]  # arm -> log-odds, one a run
    log_odds: dict[str, np.ndarray]  # arm -> float (S, N) of the test part
    ill: dict[str, np.ndarray]  # arm -> bool (N,)
    why: str  # why there is no threshold; empty where there is one


def event(study: "Study") -> int | None:
    """The class whose probability is looked at: the positive one of two, or `evidence.against_rest`; None: no such class."""
    spec = study.experiment
    name = spec.data.positive if len(study.classes) == 2 else spec.evidence.against_rest
    return None if name is None else study.classes.index(name)


def event_name(study: "Study") -> str:
    """The event in words; empty where there is none."""
    k = event(study)
    return "" if k is None else study.classes[k] + (" against the rest" if len(study.classes) > 2 else "")


def answers(study: "Study") -> dict[str, Answers]:
    """The answers of ResNet, VGG and the source's network, as far as they are finished."""
    return {arm: _answers(study, arm) for arm in study.done_arms(*MAIN)}


def _answers(study: "Study", arm: str) -> Answers:
    table = study.predictions[study.predictions["arm"] == arm]
    test = table[table["split"] == "test"]
    part = as_part(test, study.classes)
    fold_of = test.drop_duplicates("image_id").set_index("image_id")["fold"]
    val = {
        (int(seed), int(fold)): as_part(rows, study.classes)
        for (seed, fold), rows in table[table["split"] == "val"].groupby(["seed", "fold"])
    }
    draws = Draws(part.groups, part.truth, study.experiment.data.unit)
    return Answers(part, val, fold_of.loc[part.image_ids].to_numpy(), draws)


def calibration(study: "Study") -> Calibration:
    """Reliability, ECE beside its bias and Brier score, as the networks are and after a temperature from validation."""
    k, found = event(study), []
    verdicts: dict[tuple[str, str], str] = {}
    why: dict[str, str] = {}
    for arm, a in study.evidence.ask(answers).items():
        fits = {run: calibrating.fit_temperature(val.logits[0], val.truth) for run, val in a.val.items()}
        divisor = a.laid({run: fit.value for run, fit in fits.items()})
        after = a.part._replace(logits=a.part.logits / divisor[..., None])
        why[arm] = _counted([fit.why for fit in fits.values()])
        for variant, part in (("", a.part), (SCALED, after)):
            rows = calibrating.calibration(part, k, a.draws)
            verdicts[arm, variant] = calibrating.verdict(rows)
            if variant:
                mean = float(np.mean([fit.value for fit in fits.values()]))
                method = f"fitted on validation, mean of {len(fits)}" if len(fits) > 1 else "fitted on validation"
                change = calibrating.brier_change(a.part, after, k, a.draws)
                extra = table([a.draws.plain("temperature", mean, method), change])
                rows = pd.concat([rows, extra], ignore_index=True)
            rows = pd.concat([rows, calibrating.reliability(part, k, a.draws)], ignore_index=True)
            found.append(evidence_rows(study, arm, rows, variant=variant))
    scores = pd.concat(found, ignore_index=True) if found else study.scores.head(0)
    return Calibration(scores, verdicts, why)


def working_point(study: "Study") -> WorkingPoint:
    """Sensitivity, specificity and counts at the threshold that each run's validation part chose."""
    k, wanted, found = event(study), study.experiment.evidence.working_point, []
    thresholds: dict[str, list[float]] = {}
    scores: dict[str, np.ndarray] = {}
    ill: dict[str, np.ndarray] = {}
    if k is None:
        why = "With several classes, and none of them set against the rest, there is no threshold to choose."
        return WorkingPoint(study.scores.head(0), {}, {}, {}, why)
    for arm, a in study.evidence.ask(answers).items():
        try:
            chosen = {
                run: operating.choose_threshold(log_odds(val.logits[0])[:, k], val.truth == k, wanted)
                for run, val in a.val.items()
            }
        except ValueError:
            why = f"No threshold: a validation part of {arm} shows one of the two kinds only, and choosing needs both."
            return WorkingPoint(study.scores.head(0), {}, {}, {}, why)
        scores[arm], ill[arm] = log_odds(a.part.logits)[..., k], a.part.truth == k
        thresholds[arm] = list(chosen.values())
        rates, counts = operating.at_threshold(scores[arm], a.laid(chosen), ill[arm], a.draws)
        middle = float(np.mean([operating.as_probability(cut) for cut in chosen.values()]))
        method = f"chosen on validation, mean of {len(chosen)}" if len(chosen) > 1 else "chosen on validation"
        own = table([a.draws.plain("threshold", middle, method)])
        found.append(evidence_rows(study, arm, pd.concat([own, rates, counts], ignore_index=True), variant=POINT))
        found.append(evidence_rows(study, arm, _promised(a, chosen, k), split="val", variant=POINT))
    return WorkingPoint(pd.concat(found, ignore_index=True), thresholds, scores, ill, "")


def _promised(a: Answers, chosen: dict[tuple[int, int], float], k: int) -> pd.DataFrame:
    """What the validation parts promised at their own thresholds: means over the runs, too kind and without interval."""
    rates = []
    for run, val in a.val.items():
        called, ill = log_odds(val.logits[0])[:, k] >= chosen[run], val.truth == k
        rates.append((called[ill].mean(), (~called[~ill]).mean()))
    method = "no interval: this part chose the threshold"
    names, means = ("sensitivity", "specificity"), np.mean(rates, axis=0)
    n_images = round(float(np.mean([len(val.truth) for val in a.val.values()])))
    n_groups = round(float(np.mean([len(np.unique(val.groups)) for val in a.val.values()])))
    rows = [{**a.draws.plain(name, value, method), "n_images": n_images, "n_groups": n_groups}
            for name, value in zip(names, means, strict=True)]  # fmt: skip
    return table(rows)


def deferral(study: "Study") -> pd.DataFrame:
    """Accuracy of what is kept when the least sure answers go to a human, as rows of scores.csv."""
    return _of_arms(study, lambda a: deferring.deferred(a.part, a.draws))


def confusion_shares(study: "Study") -> pd.DataFrame:
    """Share of each class answered as each other class, as rows of scores.csv."""
    return _of_arms(study, lambda a: deferring.taken_for(a.part, a.draws, study.classes))


def _of_arms(study: "Study", asked: Callable[[Answers], pd.DataFrame]) -> pd.DataFrame:
    found = [evidence_rows(study, arm, asked(a)) for arm, a in study.evidence.ask(answers).items()]
    return pd.concat(found, ignore_index=True) if found else study.scores.head(0)


def _counted(reasons: list[str]) -> str:
    """Reasons that occur, with how many of the runs they hold for."""
    given, n = [why for why in dict.fromkeys(reasons) if why], len(reasons)
    return "; ".join(why + (f" (in {reasons.count(why)} of {n} runs)" if n > 1 else "") for why in given)
