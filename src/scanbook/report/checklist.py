"""Two lists of what a study should report, answered from the run: met, needs a human, or not possible with these data.

The first follows the topics of CLAIM, the Checklist for Artificial Intelligence in Medical Imaging, in its 2024 form
(Tejani et al. 2024, Radiology: Artificial Intelligence 6(4) e240300), the second the kinds of leakage of Kapoor and
Narayanan (2023, Patterns 4(9) 100804). Topics are in our words. A topic that nobody has answered needs a human: the list
never grows greener by itself.
"""

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from scanbook.report.words import Prose

MET, UNMET, HUMAN, IMPOSSIBLE = "met", "not met", "needs a human", "not possible with these data"
STATES = (MET, UNMET, HUMAN, IMPOSSIBLE)


class Topic(NamedTuple):
    """One line of a list: the numbers its source gives it, what it asks, and the name under which it is answered."""

    numbers: str
    words: str
    key: str


class Answer(NamedTuple):
    """What a run says to a topic: one of `STATES`, a few words, and the anchor on the page where it can be seen."""

    state: str
    words: str
    link: str = ""


CLAIM = (
    Topic("1, 2", "Named as a study of AI; summary of design, results and conclusion", "summary"),
    Topic("3, 41", "Background, intended use, what follows for practice", "use"),
    Topic("4, 6", "Aim and hypotheses", "aim"),
    Topic("5, 34", "Prospective or not; registration", "design"),
    Topic("7", "Where the images come from", "source"),
    Topic("8, 35", "Who was taken in and who was left out, in numbers", "flow"),
    Topic("9", "What was done to the images before training", "preparation"),
    Topic("10", "Subsets, if any", "subset"),
    Topic("11", "De-identification", "privacy"),
    Topic("12", "Missing data", "missing"),
    Topic("13", "How the images were acquired", "acquisition"),
    Topic("14 to 18", "Reference standard: how, why, by whom, and how far readers agree", "reference"),
    Topic("19", "How images were dealt to the parts", "parts"),
    Topic("20", "The level at which parts are disjoint", "disjoint"),
    Topic("21", "Intended size of the test", "size"),
    Topic("22, 24", "The model, and where its weights start", "model"),
    Topic("23", "Software and versions", "software"),
    Topic("25", "Details of the training", "training"),
    Topic("26, 27", "How the final model is chosen; ensembles", "selection"),
    Topic("28, 29", "Measures, and their uncertainty", "measures"),
    Topic("30", "Robustness", "robustness"),
    Topic("31", "Explanations of the answers", "maps"),
    Topic("32, 37, 38", "Results on the test part, each with its interval", "results"),
    Topic("33", "Test on data from elsewhere", "external"),
    Topic("36", "Age, sex and illness in each part", "demography"),
    Topic("39", "What goes wrong", "failures"),
    Topic("40", "Limits", "limits"),
    Topic("42", "Protocol and further technical details", "protocol"),
    Topic("43", "Where software, weights and data can be had", "availability"),
    Topic("44", "Funding", "funding"),
)
LEAKAGE = (
    Topic("L1.1", "A test set that is none of the training", "test_set"),
    Topic("L1.2", "Preparation and balancing on training images alone", "fitted_on_train"),
    Topic("L1.3", "Nothing chosen on the test part", "chosen_on_test"),
    Topic("L1.4", "No picture on both sides", "duplicates"),
    Topic("L2", "Nothing but what a reader would also have: no shortcut to the label", "shortcut"),
    Topic("L3.1", "Test images not older than the training images", "time"),
    Topic("L3.2", "Test images independent of the training images", "groups"),
    Topic("L3.3", "Test images drawn from those the claim is about", "sampling"),
)
LISTS = {
    "CLAIM 2024, by topic": CLAIM,
    "Leakage, after Kapoor and Narayanan (2023)": LEAKAGE,
}


def checklist(answers: Mapping[str, Answer]) -> Prose:
    """Both lists, every topic with its answer.

    answers  the name of a topic -> its Answer; a topic without one needs a human

    Raises ValueError for an unknown topic or state.
    """
    known = {topic.key for topics in LISTS.values() for topic in topics}
    if strangers := sorted(set(answers) - known):
        raise ValueError(f"checklist: no topic {', '.join(strangers)}; known: {', '.join(sorted(known))}")
    if wrong := sorted({a.state for a in answers.values()} - set(STATES)):
        raise ValueError(f"checklist: state {', '.join(wrong)}; known: {', '.join(STATES)}")
    html, text = [], []
    for title, topics in LISTS.items():
        given = [(topic, answers.get(topic.key, Answer(HUMAN, ""))) for topic in topics]
        counted = {state: sum(answer.state == state for _, answer in given) for state in STATES}
        told = f"{title}: {', '.join(f'{n} {state}' for state, n in counted.items() if n)}, of {len(given)} topics."
        text += [told, *(f"  {t.numbers} {t.words}: {a.state}. {a.words}".rstrip() for t, a in given)]
        rows = "".join(_row(topic, answer) for topic, answer in given)
        html.append(
            f'<figure class="plate plate-of-numbers"><div class="table-scroll" tabindex="0" role="region" '
            f'aria-label="Table: {escape(title)}"><table class="checklist" data-src="record"><caption>{escape(title)}'
            f'</caption><thead><tr><th scope="col">topic</th><th scope="col">item</th><th scope="col">answer</th>'
            f'<th scope="col">what the run says</th></tr></thead><tbody>{rows}</tbody></table></div>'
            f"<figcaption>{escape(told)}</figcaption></figure>"
        )
    return Prose("".join(html), "\n".join(text))


def _row(topic: Topic, answer: Answer) -> str:
    words = escape(answer.words)
    if answer.link:
        words = f'{words} <a href="#{escape(answer.link)}">See there</a>'.strip()
    return (
        f'<tr><th scope="row">{escape(topic.words)}</th><td class="item">{escape(topic.numbers)}</td>'
        f'<td class="state-{STATES.index(answer.state)}">{escape(answer.state)}</td><td>{words}</td></tr>'
    )
