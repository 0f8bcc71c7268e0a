"""A quiz on a page: images without answers, a choice under each, and the answers folded below.

Everything works without a script: the choices are plain radio buttons and the answers a folded table. With the page's
script (`theme/quiz.js`) the reader's choices are counted beside the networks'. Nothing is sent anywhere.
"""

import base64
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd
from PIL import Image

from scanbook.report.plates import slug, webp
from scanbook.report.words import Prose, table_html

BYTES = 16_000  # of one picture


def quiz_html(
    pictures: Sequence[np.ndarray],
    classes: Sequence[str],
    labels: Sequence[str],
    answers: Mapping[str, Sequence[str]],
    table: pd.DataFrame,
    *,
    key: str,
    src: Mapping[str, str],
) -> str:
    """The quiz as HTML.

    pictures  uint8 (H, W) or (H, W, C) each, in the order of the questions
    classes   what can be chosen
    labels    the truth, one of the classes for each picture
    answers   network's name -> its answer to each picture
    table     the folded answers, a row a picture
    key       anchor: the quiz is quiz-KEY
    src       network's name -> where its share of right answers stands, for data-src

    Raises ValueError when pictures, labels and answers differ in number.
    """
    if {len(pictures), len(labels), len(table), *map(len, answers.values())} != {len(pictures)}:
        raise ValueError(
            f"quiz: {len(pictures)} pictures, {len(labels)} labels, {len(table)} rows of answers; one of each"
        )
    questions = "".join(_question(i, pixels, classes, labels[i], key) for i, pixels in enumerate(pictures))
    n = len(pictures)
    right = {name: sum(a == b for a, b in zip(given, labels, strict=True)) for name, given in answers.items()}
    scores = "".join(
        f'<div><dt>{escape(name)}</dt><dd><span class="number" data-src="{escape(src[name])}">{right[name]} of {n}</span>'
        f"</dd></div>" for name in answers
    )  # fmt: skip
    folded = table_html(table, "Truth and answers, image by image", "predictions.csv")
    return (
        f'<section class="quiz" id="quiz-{slug(key)}" data-n="{n}" aria-label="Read {n} test images yourself">'
        f'<div class="questions">{questions}</div>'
        f'<p class="quiz-you" role="status" hidden></p>'
        f'<details class="quiz-answers"><summary>The answers, and what the networks said</summary>'
        f'<dl class="numbers">{scores}<div class="you" hidden><dt>You</dt><dd></dd></div></dl>{folded}</details></section>'
    )


def quiz(html: str, words: str) -> Prose:
    """The quiz as an output that a notebook and a page can show."""
    return Prose(html, words)


def _question(i: int, pixels: np.ndarray, classes: Sequence[str], label: str, key: str) -> str:
    image = Image.fromarray(pixels if pixels.ndim == 2 or pixels.shape[2] == 3 else pixels[..., 0])
    data = base64.b64encode(webp(image, BYTES)).decode()
    choices = "".join(
        f'<label><input type="radio" name="{slug(key)}-{i}" value="{escape(name)}"> {escape(name)}</label>'
        for name in classes
    )
    return (
        f'<fieldset data-truth="{escape(label)}"><legend>Image {i + 1}</legend>'
        f'<img src="data:image/webp;base64,{data}" alt="Test image {i + 1} of the quiz, to be read by eye" '
        f'width="{image.width}" height="{image.height}"><div class="choices">{choices}</div></fieldset>'
    )
