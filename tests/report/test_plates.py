"""A plate shows itself with caption, alternative text and numbers, wherever it is shown."""

import base64
import io
import re
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from scanbook.report import style
from scanbook.report.plates import PHOTO_BYTES, Plate, show_table, slug, webp
from scanbook.report.words import Value, say, table_html, tidy, written

matplotlib.use("agg")
TABLE = pd.DataFrame({"network": ["ResNet-18", "VGG <16>"], "auroc": [0.91234, np.nan], "images": [1234, 56]})


def drawn():
    with style.paper(4):
        figure = style.blank(4, 3)
        figure.subplots().plot([1, 2, 3], [0.5, 0.2, 0.123456])
    return figure


def picture(plate):
    mime, data = re.search(r'src="data:([^;]+);base64,([^"]+)"', plate._repr_html_()).groups()
    return mime, base64.b64decode(data)


class Balanced(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(html):
    reader = Balanced()
    reader.feed(html)
    assert not reader.open
    return reader.seen


def test_a_plate_is_one_figure_with_picture_caption_and_folded_numbers():
    plate = Plate(drawn(), "Loss <falls>. n = 3.", 'From "0.5" to 0.12.', TABLE, title="Loss & rate", key="loss curve")
    tags = parsed(plate._repr_html_())
    names = [tag for tag, _ in tags]
    assert names[:2] == ["figure", "img"]
    assert tags[0][1] == {"class": "plate", "id": "plate-loss-curve"}
    assert tags[1][1]["alt"] == 'From "0.5" to 0.12.'
    assert names.count("figcaption") == 1
    assert names.index("details") < names.index("summary") < names.index("table")
    assert "Loss &lt;falls&gt;. n = 3." in plate._repr_html_()


def test_a_notebook_gets_html_and_plain_text():
    bundle = Plate(drawn(), "Loss falls.", "From 0.5 to 0.12.", TABLE)._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert "From 0.5 to 0.12." in bundle["text/plain"]
    assert "0.912" in bundle["text/plain"]


def test_a_line_plate_is_small_svg_that_asks_for_nothing_and_names_no_font():
    mime, data = picture(Plate(drawn(), "Loss falls.", "From 0.5 to 0.12."))
    assert mime == "image/svg+xml"
    assert data.startswith(b"<svg")
    assert len(data) < 30_000
    text = data.decode()
    assert "font-family" not in text
    assert not re.search(r'(?:href|src)="(?!#)', text)
    assert "matplotlib" not in text
    assert "<metadata" not in text


def test_the_same_figure_gives_the_same_bytes():
    assert picture(Plate(drawn(), "c", "a")) == picture(Plate(drawn(), "c", "a"))


def test_the_figure_is_closed_and_no_setting_has_changed():
    before = dict(matplotlib.rcParams)
    figure, ax = plt.subplots()
    ax.plot([1, 2])
    Plate(figure, "c", "a")
    assert not plt.fignum_exists(figure.number)
    assert dict(matplotlib.rcParams) == before


def test_a_photograph_is_webp_under_its_limit():
    noise = np.random.default_rng(0).integers(0, 255, (600, 1000, 3), dtype=np.uint8)
    mime, data = picture(Plate(Image.fromarray(noise // 4 + 90), "c", "a", kind="photo"))
    assert mime == "image/webp"
    assert len(data) < PHOTO_BYTES
    assert Image.open(io.BytesIO(data)).size == (1000, 600)
    mime, _ = picture(Plate(drawn(), "c", "a", kind="photo"))
    assert mime == "image/webp"


def test_a_flat_image_keeps_quality_and_its_grey():
    image = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (64, 1)))
    back = np.asarray(Image.open(io.BytesIO(webp(image))).convert("L")).astype(int)
    assert abs(back - np.arange(256)).max() <= 3


def test_a_wide_plate_scrolls_in_a_region_that_the_keyboard_reaches():
    plate = Plate(Image.new("L", (1100, 300)), "Nine tiles. n = 9.", "Nine grey tiles.", kind="photo", least=720)
    region = next(attrs for tag, attrs in parsed(plate._repr_html_()) if tag == "div")
    assert region["tabindex"] == "0"
    assert region["role"] == "region"
    assert region["aria-label"] == "Nine tiles"
    assert "min-width:720px" in plate._repr_html_()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"figure": None, "caption": "c"}, "neither figure nor table"),
        ({"figure": Image.new("L", (9, 9)), "caption": "c"}, "needs alt"),
        ({"figure": None, "caption": " ", "table": TABLE}, "empty caption"),
        ({"figure": None, "caption": "c", "table": TABLE, "kind": "pie"}, "known: line, photo"),
    ],
)
def test_a_plate_that_would_leave_a_reader_out_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Plate(**given)


def test_a_table_alone_stands_open_and_can_be_read_by_rows():
    tags = parsed(show_table(TABLE, "Scores of two networks. n = 56.", src="scores.csv")._repr_html_())
    names = [tag for tag, _ in tags]
    assert "details" not in names
    assert names.count("caption") == 1
    assert [attrs["scope"] for tag, attrs in tags if tag == "th"] == ["col"] * 3 + ["row"] * 2
    assert next(attrs for tag, attrs in tags if tag == "table")["data-src"] == "scores.csv"
    numbers = [attrs for tag, attrs in tags if tag == "td"]
    assert all(attrs["class"] == "num" for attrs in numbers)


def test_cells_are_escaped_and_empty_ones_get_a_dash():
    html = table_html(TABLE, "two")
    assert "VGG &lt;16&gt;" in html
    assert ">–</td>" in html
    assert ">1,234</td>" in html


def test_a_long_table_says_how_much_of_it_is_shown():
    html = table_html(pd.DataFrame({"n": range(500)}), "counts")
    assert "the first 200 of 500 rows" in html
    assert html.count("<tr>") == 201


def test_an_index_with_a_name_becomes_the_first_column():
    counts = pd.DataFrame([[3, 1], [0, 4]], index=pd.Index(["well", "sick"], name="truth"), columns=["well", "sick"])
    assert list(tidy(counts).columns) == ["truth", "well", "sick"]
    assert '<th scope="row">sick</th>' in table_html(counts, "c")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (np.int64(12), "12"),
        (0.91251, "0.913"),
        (1.0, "1.000"),
        (12.345, "12.3"),
        (4321.9, "4,322"),
        (float("nan"), "–"),
        (None, "–"),
        (True, "yes"),
        ((0.83, 0.912), "0.830 to 0.912"),
        ("cannot tell", "cannot tell"),
    ],
)
def test_a_value_is_written_one_way(value, text):
    assert written(value) == text


def test_a_column_has_one_number_of_decimals():
    table = tidy(pd.DataFrame({"seconds": [0.5, 123.4], "rate": [0.5, 0.25], "step": [1e-4, 3e-5]}))
    assert table["seconds"].tolist() == ["0", "123"]
    assert table["rate"].tolist() == ["0.500", "0.250"]
    assert table["step"].tolist() == ["0.0001", "3e-05"]


def test_a_sentence_carries_the_origin_of_its_numbers():
    prose = say(
        "The test part has {n_images} images of {n_patients} patients & {size}.",
        {
            "n_images": Value(2070, "facts.csv:n_test_images"),
            "n_patients": Value(60, "facts.csv:n_test_patients"),
            "size": Value(1.5, "facts.csv:size", "MB", 1),
        },
    )
    assert '<span class="number" data-src="facts.csv:n_test_images">2,070</span>' in prose.html
    assert prose.html.startswith('<p class="say">The test part has ')
    assert "patients &amp; " in prose.html
    assert prose._repr_mimebundle_()["text/plain"].endswith("60 patients & 1.5\u00a0MB.")


@pytest.mark.parametrize(
    ("template", "values", "message"),
    [
        ("{n} images", {}, "no value for {n}"),
        ("{n} images", {"n": 5}, "a number needs an origin"),
        ("{n:.2f} images", {"n": Value(5, "facts.csv:n")}, "may hold a name only"),
    ],
)
def test_a_number_without_origin_is_refused(template, values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        say(template, values)


def test_an_anchor_holds_letters_digits_and_dashes():
    assert slug("ResNet/VGG: the test!") == "ResNet-VGG-the-test"


def test_a_family_has_one_colour_under_any_spelling():
    assert style.color_of("resnet18") == style.color_of("ResNet-18")
    assert style.color_of("vgg16_bn") == style.color_of("VGG-16-BN")
    five = ["resnet18", "vgg16_bn", "densenet121", "mobilenet_v2", "separable_cnn", "small_cnn", "majority"]
    assert len({style.color_of(name) for name in five}) == len(five)
    assert style.color_of("resnet101") != style.color_of("resnet18")


def test_a_cell_with_a_sentence_keeps_a_width_to_read_it_in_and_a_word_does_not():
    from bs4 import BeautifulSoup

    from scanbook.report import markup

    table = pd.DataFrame({"question": ["one?"], "answer": ["cannot tell, " * 6], "arm": ["resnet"]})
    body, _ = markup.tidy(table_html(table, "Questions"))
    assert [cell.text.split(",")[0] for cell in BeautifulSoup(body, "html.parser").select("td.words")] == [
        "cannot tell"
    ]
