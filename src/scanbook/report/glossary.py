"""The words that a page cannot do without, each in a sentence or two, one click from where they stand.

A definition is short enough to be read in passing and exact enough to be held to: it says of what a rate is a rate.
"""

from html import escape
from typing import NamedTuple

from bs4 import BeautifulSoup

from scanbook.report.words import Prose


class Term(NamedTuple):
    """A word, what it means, and under which other heads tables use it."""

    word: str
    meaning: str
    heads: tuple[str, ...] = ()


TERMS = (
    Term("accuracy", "The share of all test images that get their true class. It flatters whoever neglects a rare "
                     "class."),
    Term("AUROC", "Area under the ROC curve: the chance that a random image with the finding gets a higher score than "
         "a random image without it. 0.5 is guessing, 1 a perfect order; no threshold is involved. With several "
         "classes, the mean of each class against the rest.", ("auroc",)),
    Term("balanced accuracy", "The mean of the recalls of all classes, so that a rare class counts as much as a "
                              "common one."),
    Term("better, worse, equivalent, cannot tell", "The four verdicts on two networks. Equivalent: the whole interval "
         "of the difference lies within the margin. Cannot tell: these test data allow several of the others.",
         ("verdict",)),
    Term("bootstrap", "Drawing the tested groups again, with repeats, thousands of times; how much a score moves from "
         "draw to draw is how uncertain it is."),
    Term("Brier score", "The mean squared distance between the probability and what was true; 0 is perfect, lower is "
                        "better.",
         ("brier",)),
    Term("calibration", "Whether probabilities mean what they say: of all answers given at 0.8, eight in ten should "
                        "be right."),
    Term("ECE", "Expected calibration error: the mean distance between how sure a network is and how often it is "
         "right. In small test parts it is above 0 even for a perfectly calibrated network."),
    Term("epoch", "One pass over all training images. The epoch kept is the one with the lowest loss on the "
                  "validation part.",
         ("epochs", "best epoch", "epoch kept")),
    Term("F1", "The harmonic mean of precision and recall."),
    Term("fold", "One of several deals of the same groups; over all folds every group is tested exactly once."),
    Term("Grad-CAM", "A map of the places in an image that raised a network's score for its answer. It is shown as "
         "evidence only where it passes tests that a meaningless map would fail."),
    Term("group", "What is never divided between training and test: a patient, a scan, a block of neighbouring "
         "slices. The number of groups, not of images, decides how much a test can tell.",
         ("groups", "n groups", "patients", "blocks")),
    Term("interval", "The 95 % interval: a method that gives intervals like this one covers the true value in about "
         "95 of 100 studies. It covers the choice of test groups, not another training, hospital or device.",
         ("low", "high")),
    Term("leakage", "Anything by which a network is tested on what it has met in training: the same patient, the same "
         "picture, a choice made on the test part."),
    Term("margin", "The largest difference that does not matter, fixed in the parameter file before any result is "
                   "known."),
    Term("p (Holm)", "How often chance alone would part two equal networks this far, corrected for the number of "
         "comparisons on the page.", ("p holm",)),
    Term("phantom", "A drawn image whose anatomy and lesion are known. Its scores say that the machinery works and "
         "nothing about patients."),
    Term("precision", "Of the images said to show the finding, the share that do. It depends on how common the "
                      "finding is."),
    Term("recall", "Of the images of one class, the share that is given that class. For the class with the finding it "
         "is called sensitivity."),
    Term("seed", "The number from which all chance of a training starts: first weights, order of images, "
                 "augmentation."),
    Term("sensitivity", "Of the images with the finding, the share that is recognised."),
    Term("specificity", "Of the images without the finding, the share that is cleared."),
    Term("threshold", "The score from which an image is called positive. Without one, the answer is the likeliest "
                      "class."),
    Term("validation and test", "Validation chooses the epoch and whatever else is chosen; the test part is scored at "
         "the end and chooses nothing. Scores on validation are therefore too kind.", ("validation",)),
)  # fmt: skip


def anchor(word: str) -> str:
    """The id of a term on the page."""
    return "term-" + "".join(c if c.isalnum() else "-" for c in word.lower()).strip("-")


def glossary() -> Prose:
    """All terms as one list."""
    entries = "".join(
        f'<div id="{anchor(t.word)}"><dt>{escape(t.word)}</dt><dd>{escape(t.meaning)}</dd></div>' for t in TERMS
    )
    words = "\n".join(f"{t.word}: {t.meaning}" for t in TERMS)
    return Prose(f'<dl class="glossary">{entries}</dl>', words)


def link(soup: BeautifulSoup) -> None:
    """Let the heads of tables lead to the glossary, where the page has one; a head keeps its words."""
    places = {head: anchor(t.word) for t in TERMS for head in (t.word.lower(), *t.heads)}
    there = {str(tag["id"]) for tag in soup.select(".glossary [id]")}
    for head in soup.select("thead th"):
        text = head.get_text(" ", strip=True)
        place = places.get(text.lower())
        if place in there and head.find("a") is None:
            link = soup.new_tag("a", attrs={"class": "term", "href": f"#{place}"})
            link.string = text
            head.clear()
            head.append(link)
