"""What others report, set beside what the source's own network reaches here, as far as the two can be compared.

A claim without its circumstances is a trap: another split, other images or phantoms make two numbers of two different
things, however near they lie. So every claim is judged, and most are judged not comparable, with the reason.
"""

from typing import TYPE_CHECKING, Any

from scanbook import record
from scanbook.metrics.verdicts import against_claim

if TYPE_CHECKING:
    from scanbook.experiment import Claim, Experiment
    from scanbook.study import Study

ARM = "source"


def why_not(experiment: "Experiment", claim: "Claim") -> str:
    """Why a claim measures something else than this page does, in a few words; empty where it can be compared."""
    if experiment.phantoms:
        return "phantoms"
    if claim.differs:
        return claim.differs
    return "" if experiment.profile == "full" else f"profile {experiment.profile}: other sizes and fewer images"


def judged(study: "Study") -> list[dict[str, Any]]:
    """Every claim that states a number: words, kind and what `verdicts.against_claim` says of it.

    A claim about a score that the source's network does not have here is left out.
    """
    found = []
    for claim in study.experiment.claims:
        row = None if claim.metric is None else record.score(study.scores, ARM, claim.metric)
        if claim.value is not None and claim.metric is not None and row is not None:
            why = why_not(study.experiment, claim)
            said = against_claim(row["value"], row["low"], row["high"], claim.value, not why, why, metric=claim.metric)
            found.append({"words": claim.words, "kind": claim.kind, **said})
    return found
