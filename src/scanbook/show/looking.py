"""Where the networks look: maps over images, what the maps were put through, and whether they find the lesion."""

from html import escape

import numpy as np
import pandas as pd

from scanbook import lesions, looking
from scanbook.metrics.maps import CHECKS, points
from scanbook.models import attribution
from scanbook.names import MAIN, pretty
from scanbook.report import figures
from scanbook.report.plates import Plate, show_table
from scanbook.report.words import Prose
from scanbook.study import Study

NOTHING = "No network is finished, so there is no map yet."


def map_verdict(study: Study) -> Prose:
    """For each network whether its map is evidence, in one sentence."""
    found = study.evidence.ask(looking.checks)
    text = " ".join(sentence for _, sentence in found.verdicts.values()) or NOTHING
    return Prose(f'<p class="say" data-src="scores.csv">{escape(text)}</p>', text)


def maps(study: Study, images: int = 4) -> Plate:
    """Test images with the map of every network over them, the class it answered and how probable it held it.

    images  how many; the same for every network, classes in turn, chosen by a hash of their names and not by the answer
    """
    arms = study.done_arms(*MAIN)
    if not arms:
        return show_table(pd.DataFrame({"maps": [0]}), NOTHING, title="Where the networks look", key="maps")
    verdicts = study.evidence.ask(looking.checks).verdicts
    shown = looking.chosen(looking.predicted(study, arms[0]), images).sort_values("fold", kind="stable")
    settings = study.experiment.arms[arms[0]].image
    masks, rows = lesions.Masks(study, settings), []
    outlines = np.stack([masks.of(name) for name in shown["image_id"]])
    columns = []
    for arm in arms:
        own = (
            looking.predicted(study, arm)
            .set_index("image_id", drop=False)
            .loc[shown["image_id"]]
            .reset_index(drop=True)
        )
        found: list[np.ndarray] = []
        try:
            for run, network, part in looking.networks_of(study, arm, own):
                pixels = looking.pixels(study, run, part)
                found.append(attribution.grad_cam(network, pixels, part["predicted"].to_numpy()).numpy())
        except attribution.NoMap:
            found = []
        answers = [study.classes[k] for k in own["predicted"]]
        sure = [float(row[f"p_{answer}"]) for answer, (_, row) in zip(answers, own.iterrows(), strict=True)]
        columns.append(figures.Column(
            pretty(study.experiment.arms[arm].network), verdicts[arm][0], np.concatenate(found) if found else None,
            [f"{answer} {p:.2f}" for answer, p in zip(answers, sure, strict=True)], list(own["predicted"] != own["truth"]),
        ))  # fmt: skip
        rows += [{"image": name, "group": group, "label": label, "network": pretty(study.experiment.arms[arm].network),
                  "answer": answer, "probability": p}
                 for name, group, label, answer, p in zip(own["image_id"], own["group"], own["label"], answers, sure,
                                                          strict=True)]  # fmt: skip
    names = study.data.names
    captions = [f"{row.label}, {names.group(str(row.group))}" for row in shown.itertuples()]
    pictures = study.data.images(settings)[shown["row"].to_numpy()]
    known = bool(outlines.any())
    picture = figures.maps_sheet(pictures, captions, columns, outlines if known else None)
    caption = ("Grad-CAM for the class that was answered: the brighter, the more this place speaks for it. Brightness is "
               "scaled in each picture by itself; one without colour has no place that speaks for its class."
               + (" The line in the image surrounds what makes its class, as it was drawn." if known else "")
               + " Under each name stands whether its map is evidence.")  # fmt: skip
    states = "; ".join(f"{column.name}: {column.state}" for column in columns)
    alt = f"{len(shown)} test images, each beside the maps of {len(columns)} networks. {states}."
    return Plate(picture, caption, alt, names.table(pd.DataFrame(rows)), kind="photo", title="Where the networks look",
                 key="maps", src="predictions.csv")  # fmt: skip


def map_checks(study: Study) -> Plate:
    """Every check of every network's map: what was found, what is allowed, and how it ended."""
    found = study.evidence.ask(looking.checks)
    if found.checks.empty:
        return show_table(pd.DataFrame({"checks": [0]}), NOTHING, title="Maps put to the test", key="map-checks")
    table = found.checks
    table = table.assign(interval=list(zip(table["low"], table["high"], strict=True)))
    table = table[["network", "check", "value", "interval", "allowed", "outcome", "n_images", "n_groups"]]
    caption = ("How alike the map and another one are is Spearman's rank correlation of their cells, 0 for unlike and 1 for "
               "the same order; of taking out, how much less probable the answer becomes than by taking out at random. "
               f"Brackets of 95 %, {study.experiment.data.unit} redrawn. A map is shown as evidence only if it passes all "
               f"{len(CHECKS)}.")  # fmt: skip
    return show_table(table, caption, title="Maps put to the test", key="map-checks", src="scores.csv")


def lesion(study: Study) -> Plate:
    """How often the map's highest cell touches the lesion, and how much of the map lies inside it, by network."""
    table = study.evidence.ask(lesions.pointing).table
    unit, title = study.experiment.data.unit, "Do the maps find the lesion?"
    if table.empty:
        nothing = pd.DataFrame({"what": ["images whose lesion is outlined"], "number": [0]})
        return show_table(nothing, "In these images nobody has outlined what makes the class, so a map cannot be held "
                          "against it; the phantoms of the sample profile have it.", title=title, key="lesion")  # fmt: skip
    table = table.assign(network=[pretty(study.experiment.arms[arm].network) for arm in table["arm"]])
    gains = table[table["metric"] == "map_pointing_gain"]
    said = "; ".join(f"{r.network} {points(r.low, r.high)}" for r in gains.itertuples())
    n = table.iloc[0]
    caption = (f"{n['n_images']} test images of {n['n_groups']} {unit} in which the place of what makes the class is known; "
               f"the map is that of the true class. Bars are 95 % intervals, {unit} redrawn; chance is a finger put down "
               f"anywhere. The highest cell hits: {said}.")  # fmt: skip
    own = table[table["metric"].isin(("map_pointing", "map_energy"))]
    alt = "; ".join(f"{r.network} {'hits' if r.metric == 'map_pointing' else 'has inside'} {r.value:.2f}"
                    for r in own.itertuples())  # fmt: skip
    shown = table[["network", "metric", "value", "low", "high", "n_images", "n_groups"]]
    return Plate(figures.lesion_forest(table), caption, f"{alt}.", shown, title=title, key="lesion", src="scores.csv")
