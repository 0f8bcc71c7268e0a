"""What a page offers its reader beyond results: a quiz, the method in a few lines, two checklists, model cards, words."""

import numpy as np
import pandas as pd
from PIL import Image

from scanbook import cards, checking
from scanbook import quiz as asked
from scanbook.loaders.reading import read_image
from scanbook.names import MAIN, one, pretty
from scanbook.report import glossary as words
from scanbook.report.checklist import checklist as lists
from scanbook.report.quiz import quiz as shown
from scanbook.report.quiz import quiz_html
from scanbook.report.words import Prose
from scanbook.report.words import say as fill
from scanbook.show.integrity import shortcut
from scanbook.show.values import values
from scanbook.study import Study

SIDE = 220  # px of a picture in the quiz
DARK = 12  # grey value up to which a border is nothing


def quiz(study: Study) -> Prose:
    """Test images without answers, a choice under each, and the truth and both networks' answers folded below."""
    found = study.evidence.ask(asked.of)
    if not found.arms:
        return fill("The quiz needs the answers of ResNet or VGG, and neither is finished.", {})
    images, names = found.images, [pretty(study.experiment.arms[arm].network) for arm in found.arms]
    table = pd.DataFrame({"image": [f"Image {i + 1}" for i in range(len(images))], "truth": images["label"]})
    for arm, name in zip(found.arms, names, strict=True):
        table[name] = [f"{a} {p:.3f}" for a, p in zip(images[arm], images[f"{arm}_probability"], strict=True)]
    shown_images = study.data.names.table(images)
    table["image_id"], table[one(study.experiment.data.unit)] = shown_images["image_id"], shown_images["group"]
    html = quiz_html(
        [_picture(study, image_id) for image_id in images["image_id"]], study.classes, list(images["label"]),
        {name: list(images[arm]) for arm, name in zip(found.arms, names, strict=True)}, table, key=study.experiment.name,
        src={name: f"scores.csv:{arm}:{asked.METRIC}" for arm, name in zip(found.arms, names, strict=True)},
    )  # fmt: skip
    return shown(
        html, f"{len(images)} test images to read by eye; the answers of {' and '.join(names)} are folded on the page."
    )


def how(study: Study) -> Prose:
    """How the verdict was computed, behind one line: what is redrawn, what p is, and the rule that decides."""
    unit = study.experiment.data.unit
    inside = fill(
        f"Both networks answered the same {{n_test_images}} test images of {{n_test_groups}} {unit}. What is redrawn "
        f"is the {one(unit)}, for both networks at once, so the interval is that of their difference. p comes from "
        f"exchanging the two networks' answers within {unit}, and is corrected by Holm's method for the number of "
        f"comparisons on this page. A difference counts as better or worse only when its interval leaves out zero and "
        f"its corrected p is below the level; as equivalent when the whole interval lies within the margin; else "
        f"nobody can tell. Several seeds are averaged before the comparison, and none is picked.",
        values(study, "{n_test_images}{n_test_groups}"),
    )  # fmt: skip
    more = ('<p class="say">Formulas, simulations of how often such intervals cover the truth, and sources stand in '
            "<code>docs/methods.md</code>, sections Scores, Verdicts and Claims; the code is "
            "<code>metrics/uncertainty.py</code> and <code>metrics/verdicts.py</code>.</p>")  # fmt: skip
    html = f'<details class="fold" id="how"><summary>How this was computed</summary>{inside.html}{more}</details>'
    return Prose(html, inside.text)


def checklist(study: Study) -> Prose:
    """CLAIM's topics and the kinds of leakage, answered from this run: met, not met, for a human, or not possible."""
    return lists(checking.answers(study, shortcut(study)))


def model_cards(study: Study) -> Prose:
    """The cards of ResNet, VGG and the source's network, each folded; the same as Markdown lie beside the record."""
    found = [cards.of(study, arm) for arm in study.done_arms(*MAIN)]
    return Prose("".join(card.html() for card in found), "\n\n".join(card.markdown() for card in found))


def glossary() -> Prose:
    """The page's words, each in a sentence or two; heads of tables lead here."""
    return words.glossary()


def _picture(study: Study, image_id: str) -> np.ndarray:
    """uint8 (SIDE, SIDE): one file, grey, less its black surroundings, whole, on black where it is no square."""
    pixels = np.asarray(Image.fromarray(read_image(study.data.folder / image_id, shortest=2 * SIDE)).convert("L"))
    lit = pixels > DARK
    rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
    if len(rows):
        pixels = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    scale = SIDE / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    image = image.resize(size, Image.Resampling.LANCZOS)
    square = Image.new("L", (SIDE, SIDE))
    square.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
    return np.asarray(square)
