"""A model card: the page and the Markdown file say the same."""

import pandas as pd

from scanbook.report.model_card import Card
from scanbook.report.words import Value, cited, say

ROW = pd.Series({"arm": "resnet", "metric": "auroc", "split": "test", "variant": "", "value": 0.9123, "low": 0.85,
                 "high": 0.96, "method": ""})  # fmt: skip
CARD = Card("resnet", "Model card: ResNet-18", {
    "Data": [say("{n} images", {"n": Value(1234, "facts.csv:n_images")})],
    "Scores": [(pd.DataFrame({"measure": ["AUROC"], "value": [cited(ROW)], "n|m": [7]}), "scores.csv")],
})  # fmt: skip


def test_markdown_has_the_headings_sentences_and_tables_of_the_page():
    assert CARD.markdown().splitlines() == [
        "# Model card: ResNet-18", "", "## Data", "", "1,234 images", "", "## Scores", "",
        "| measure | value | n\\|m |", "| --- | --- | --- |", "| AUROC | 0.912 (0.850–0.960) | 7 |",
    ]  # fmt: skip


def test_on_the_page_every_number_names_its_row():
    assert 'data-src="facts.csv:n_images">1,234<' in CARD.html()
    assert 'data-src="scores.csv:resnet:auroc">0.912 (0.850–0.960)<' in CARD.html()
    assert CARD.html().startswith('<details class="fold model-card" id="card-resnet">')


def test_a_cell_names_its_part_and_variant_where_they_are_not_the_plain_test():
    assert cited(ROW).src == "scores.csv:resnet:auroc"
    assert cited(ROW.replace("test", "val")).src == "scores.csv:resnet:auroc:val"
    assert cited(pd.concat([ROW.drop("variant"), pd.Series({"variant": "shift:blur:2"})])).src.endswith(
        ":test:shift:blur:2"
    )
    assert cited(None) == "–"
