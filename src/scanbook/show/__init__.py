"""What a notebook's cells show: one function a picture, table or sentence, each given the study.

    from scanbook import open_study, show
    show.samples(study)

Every function returns an object that shows itself in a notebook and in the rendered page. Numbers come from the
study's record (facts, scores, comparisons); the drawing is `report.figures`'.
"""

from scanbook.show.balancing import balance
from scanbook.show.charts import budget, claimed, confusions, counts, curves, gap, roc, stages, versus
from scanbook.show.elsewhere import external, strangers
from scanbook.show.grouping import grouping
from scanbook.show.headline import answer, conclude, headline
from scanbook.show.integrity import flow, pairs, published, rules, suspects, telltales, twice
from scanbook.show.looking import lesion, map_checks, map_verdict, maps
from scanbook.show.mistakes import feature_map, mistakes
from scanbook.show.pictures import (
    augmented,
    label_check,
    one_image,
    residual_block,
    samples,
    twins,
)
from scanbook.show.probabilities import calibration, deferral, recalls, slider, working_point
from scanbook.show.reader import checklist, glossary, how, model_cards, quiz
from scanbook.show.robustness import ladder, shift_verdicts, shifted, steady
from scanbook.show.searching import grid, spread
from scanbook.show.tables import cost, experiment, files, networks, provenance, results, say, training, verdicts

__all__ = [
    "answer", "augmented", "balance", "budget", "calibration", "checklist", "claimed", "conclude", "confusions", "cost",
    "counts", "curves", "deferral", "experiment", "external", "feature_map", "files", "flow", "gap", "glossary", "grid",
    "grouping", "headline", "how", "label_check", "ladder", "lesion", "map_checks", "map_verdict", "maps", "mistakes",
    "model_cards", "networks", "one_image", "pairs", "provenance", "published", "quiz", "recalls", "residual_block",
    "results", "roc", "rules", "samples", "say", "shift_verdicts", "shifted", "slider", "spread", "stages", "steady",
    "strangers", "suspects", "telltales", "training", "twice", "twins", "verdicts", "versus", "working_point",
]  # fmt: skip
