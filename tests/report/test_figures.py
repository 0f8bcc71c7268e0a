"""Figures: what is drawn is what was given, readable on a phone, and nothing leaks out of them."""

import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from scanbook.report import figures
from scanbook.report.figures.raster import font, tile, wrap
from scanbook.report.plates import Plate
from scanbook.report.style import color_of, readable

NETWORKS = ["ResNet-18", "VGG-16-BN", "DenseNet-121"]
FOUR = ["Fetal brain", "Fetal thorax", "Fetal femur", "Fetal abdomen"]
PHONE = 350  # pixels left for a figure on a screen 390 pixels wide


def counts(classes, seed=0):
    cells = np.random.default_rng(seed).integers(0, 60, (len(classes), len(classes)))
    return pd.DataFrame(cells, pd.Index(classes, name="truth"), pd.Index(classes, name="predicted"))


def history(network, epochs=6, border=3):
    epoch = np.arange(1, epochs + 1)
    loss = np.linspace(0.7, 0.3, epochs)
    return pd.DataFrame(
        {
            "network": network, "epoch": epoch, "stage": np.where(epoch <= border, 1, 2),
            "train_loss": loss, "val_loss": loss + 0.1, "train_accuracy": 1 - loss / 2,
            "val_accuracy": 0.9 - loss / 2, "best": (epoch == epochs - 1).astype(int),
        }
    )  # fmt: skip


def roc(network, curve):
    rate = np.linspace(0, 1, 20)
    return pd.DataFrame(
        {"network": network, "curve": curve, "false_positive_rate": rate, "true_positive_rate": rate**0.3}
    )


AREAS = pd.DataFrame(
    {"network": NETWORKS, "value": [0.93, 0.9, np.nan], "low": [0.88, np.nan, np.nan], "high": [0.97, np.nan, np.nan]}
)
BALANCE = pd.DataFrame(
    [(s, c, n, n // 3) for s, n in (("train", 300), ("val", 60), ("test", 90)) for c in FOUR],
    columns=["split", "label", "n_images", "n_groups"],
)
SCORES = pd.DataFrame(
    [(n, m, 0.8, 0.7, 0.9) for m in ("accuracy", "sensitivity", "auroc") for n in NETWORKS],
    columns=["network", "metric", "value", "low", "high"],
)
SETS = pd.DataFrame(
    [
        ("heart", "ResNet-18", 0.8, 0.7, 0.9),
        ("heart", "VGG-16-BN", 0.7, 0.6, 0.8),
        ("lung", "ResNet-18", 0.6, np.nan, np.nan),
    ],
    columns=["assignment", "network", "value", "low", "high"],
)
CLAIMS = pd.DataFrame({"assignment": ["heart", "lung"], "claim": [0.92, 0.8], "comparable": [True, False]})
STEPS = pd.DataFrame(
    [
        ("claimed", "", 0.92, np.nan, np.nan),
        ("split as the source", "ResNet-18", 0.9, 0.85, 0.95),
        ("honest", "ResNet-18", 0.8, 0.7, 0.9),
    ],
    columns=["step", "network", "value", "low", "high"],
)
COMPARISONS = pd.DataFrame(
    [
        ("ResNet-18", "VGG-16-BN", "auroc", 0.012, -0.03, 0.054, 0.02, "cannot tell"),
        ("a", "b", "auroc", 0.1, np.nan, np.nan, 0, "cannot tell"),
    ],
    columns=["a", "b", "metric", "difference", "low", "high", "margin", "verdict"],
)


def steps(shifts, n):
    rows = [(name, shift, "sigma, % of the longer side", "–" if k == 0 else f"{k / 2:g}", k, 0.95 - 0.05 * k / n, 0.8, 0.99)
            for name in NETWORKS[:2] for shift in shifts for k in range(n + 1)]  # fmt: skip
    return pd.DataFrame(rows, columns=["network", "shift", "unit", "strength", "place", "value", "low", "high"])


SHIFTS = ["brightness", "contrast", "blur", "noise", "JPEG", "rotation", "sideways"]
DRAWN = {
    "two shifts": lambda: figures.strength_ladder(steps(SHIFTS[:2], 2)),
    "all shifts": lambda: figures.strength_ladder(steps(SHIFTS, 6)),
    "two classes": lambda: figures.confusion_matrices({n: counts(["NORMAL", "PNEUMONIA"]) for n in NETWORKS}),
    "four classes": lambda: figures.confusion_matrices({n: counts(FOUR) for n in NETWORKS}),
    "one network": lambda: figures.confusion_matrices({"ResNet-18": counts(FOUR)}),
    "matrix": lambda: figures.network_set_matrix(SETS),
    "curves": lambda: figures.learning_curves(pd.concat([history(n) for n in NETWORKS])),
    "five curves": lambda: figures.learning_curves(pd.concat([history(f"ResNet-{n}") for n in range(5)])),
    "roc": lambda: figures.roc_curves(pd.concat([roc(n, "sick") for n in NETWORKS]), AREAS),
    "four roc": lambda: figures.roc_curves(pd.concat([roc(n, c) for n in NETWORKS for c in FOUR]), AREAS),
    "balance": lambda: figures.class_balance(BALANCE),
    "scores": lambda: figures.scores_forest(SCORES),
    "sets": lambda: figures.assignment_forest(SETS, CLAIMS),
    "ladder": lambda: figures.claim_ladder(STEPS),
    "differences": lambda: figures.differences_forest(COMPARISONS),
    "block": figures.residual_block,
}


@pytest.fixture(scope="module")
def drawn():
    return {name: draw() for name, draw in DRAWN.items()}


def words(figure):
    return [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]


def texts(figure):
    return [t.get_text() for t in words(figure)]


@pytest.mark.parametrize("name", DRAWN)
def test_every_figure_can_be_read_on_a_phone(drawn, name):
    shrunk = min(1, PHONE / (96 * drawn[name].get_size_inches()[0]))
    smallest = min(t.get_fontsize() for t in words(drawn[name])) * 96 / 72 * shrunk
    assert smallest >= 7.5


@pytest.mark.parametrize("name", DRAWN)
def test_every_figure_becomes_a_small_plate_without_overlapping_labels(name):
    figure = DRAWN[name]()
    figure.canvas.draw()
    for ax in filter(Axes.get_visible, figure.axes):
        bottom, top = sorted(ax.get_ylim())
        ticks = [(tick.get_loc(), tick.label1) for tick in ax.yaxis.get_major_ticks()]
        labels = [t for y, t in ticks if bottom <= y <= top and t.get_visible() and t.get_text()]
        boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
        assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))
    plate = Plate(figure, "caption", "alt")
    assert len(plate.picture) < 90_000


def test_no_figure_is_known_to_pyplot_and_no_setting_changes():
    before = dict(matplotlib.rcParams)
    for draw in DRAWN.values():
        assert isinstance(draw(), Figure)
    assert dict(matplotlib.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_a_confusion_matrix_says_counts_and_percent_of_the_true_class():
    table = pd.DataFrame([[30, 10], [0, 0]], index=["well", "sick"], columns=["well", "sick"])
    shown = texts(figures.confusion_matrices({"ResNet-18": table}))
    assert {"30", "10", "75 %", "25 %"} <= set(shown)
    assert shown.count("–") == 2  # no sick image: no percent


def test_matrices_of_other_classes_are_refused():
    with pytest.raises(ValueError, match="VGG-16-BN has other classes than ResNet-18"):
        figures.confusion_matrices({"ResNet-18": counts(["a", "b"]), "VGG-16-BN": counts(["b", "a"])})


def test_the_chosen_epoch_and_the_border_between_stages_are_marked(drawn):
    ax = drawn["curves"].axes[0]
    rings = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in rings] == [[5]]
    assert any(set(line.get_xdata()) == {3.5} for line in ax.lines)
    assert "stage 2" in texts(drawn["curves"])


def test_colour_is_the_network_and_line_style_the_part(drawn):
    curves = [line for line in drawn["curves"].axes[1].lines if len(line.get_xdata()) == 6]
    assert {to_hex(line.get_color()) for line in curves} == {color_of("VGG-16-BN")}
    assert {line.get_linestyle() for line in curves} == {":", "-"}


def test_the_legend_of_a_roc_curve_says_area_and_interval(drawn):
    shown = texts(drawn["roc"])
    assert "ResNet-18: AUROC 0.93 (0.88 to 0.97)" in shown
    assert "VGG-16-BN: AUROC 0.90 (no interval)" in shown
    assert "DenseNet-121" in shown


def test_class_balance_shows_images_and_groups_and_one_panel_where_they_are_the_same():
    assert len(figures.class_balance(BALANCE, "patients").axes) == 2
    assert "300" in texts(figures.class_balance(BALANCE))
    assert len(figures.class_balance(BALANCE.assign(n_groups=BALANCE["n_images"])).axes) == 1


def test_a_claim_that_cannot_be_compared_is_a_hollow_diamond(drawn):
    diamonds = [line for line in drawn["sets"].axes[0].lines if line.get_marker() == "D"]
    fills = {float(line.get_xdata()[0]): to_hex(line.get_markerfacecolor()) for line in diamonds}
    assert fills[0.8] == "#ffffff"
    assert fills[0.92] != "#ffffff"


def test_a_pair_that_was_not_run_is_a_dash_in_the_matrix(drawn):
    assert texts(drawn["matrix"]).count("–") == 1
    assert "0.70–0.90" in texts(drawn["matrix"])


def test_every_difference_ends_with_its_verdict(drawn):
    assert texts(drawn["differences"]).count("cannot tell") == 2


def test_the_residual_block_has_three_convolutions_and_adds_its_input(drawn):
    shown = texts(drawn["block"])
    assert [t for t in shown if "convolution" in t] == ["1×1 convolution", "3×3 convolution", "1×1 convolution"]
    assert "+" in shown
    assert "64 → 256 channels" in shown


def test_the_cost_table_takes_what_is_there():
    costs = pd.DataFrame(
        {"network": NETWORKS[:1], "trainable": [11_170_000], "seconds": [30.0], "epochs": [6], "auroc": [0.9]}
    )
    table = figures.cost_table(costs).iloc[0].to_dict()
    assert table == {
        "network": "ResNet-18", "trained, millions": 11.17, "training, s": 30, "s an epoch": 5, "AUROC": 0.9
    }  # fmt: skip


def pictures(n=4, side=64, channels=1):
    return np.random.default_rng(0).integers(0, 255, (n, side, side, channels), dtype=np.uint8)


def test_the_augmented_grid_is_nine_tiles_wide_and_four_high():
    originals = pictures()
    augmented = np.repeat(originals[:, None], 8, axis=1) / 255.0
    grid = figures.augmentation_grid(originals, augmented, FOUR, [["mirrored, turned 8°, contrast −0.05"] * 8] * 4)
    assert grid.width > 9 * 116
    assert grid.height > 4 * 116


def test_the_augmented_grid_shows_the_original_first_and_every_version_as_given():
    originals = np.zeros((1, 116, 116, 1), dtype=np.uint8) + 40
    levels = np.array([100, 180], dtype=np.uint8)
    augmented = np.broadcast_to(levels[None, :, None, None, None], (1, 2, 116, 116, 1))
    grid = np.asarray(figures.augmentation_grid(originals, augmented, ["well"], [["darker", "lighter"]]))
    row = grid[100, :, 0]
    seen = [int(v) for v, same in zip(row, np.r_[row[1:] == row[:-1], False], strict=True) if same]
    assert list(dict.fromkeys(v for v in seen if v in (40, 100, 180))) == [40, 100, 180]
    assert seen.count(40) >= 110


def test_numbers_of_rows_and_descriptions_that_differ_are_refused():
    augmented = np.repeat(pictures()[:, None], 8, axis=1)
    with pytest.raises(ValueError, match="4 originals, 4 augmented, 3 labels"):
        figures.augmentation_grid(pictures(), augmented, FOUR[:3], [["x"] * 8] * 4)
    with pytest.raises(ValueError, match=r"8 versions a row, but \[7\] descriptions"):
        figures.augmentation_grid(pictures(), augmented, FOUR, [["x"] * 7] * 4)
    with pytest.raises(ValueError, match="0 images"):
        figures.samples_by_class(pictures(0), [])


def test_samples_have_one_row_a_class_in_the_order_asked_for():
    images = np.stack([np.full((132, 132, 1), v, dtype=np.uint8) for v in (50, 90, 130)])
    sheet = np.asarray(figures.samples_by_class(images, ["b", "a", "a"], classes=["a", "none", "b"]))
    levels = [v for v in sheet[:, 70, 0] if v in (50, 90, 130)]
    assert list(dict.fromkeys(levels)) == [90, 50]
    assert sheet[:, 210, 0].tolist().count(130) > 100


def test_wrong_answers_have_a_red_frame_and_right_ones_a_dark_one():
    def red(wrong):
        image = pictures(1)[0]
        case = figures.Case("worst", image, "true: well, said: sick 0.90", wrong, [(image, "sick, p2, alike 0.98")])
        return int((np.asarray(figures.neighbour_sheet([case])) == (179, 38, 30)).all(-1).sum())

    assert red(False) == 0
    assert red(True) > 1000


def test_a_test_image_has_a_bar_a_class_below_its_words():
    image = np.full((32, 32, 1), 200, np.uint8)
    case = figures.Case("worst", image, "true: well", False, [(image, "sick")], {"well": 0.25, "sick": 0.75})
    drawn = np.asarray(figures.neighbour_sheet([case], side=120))
    below = drawn[-(2 * 33 + 8) :]  # two bars and the gap under them
    assert (below == (31, 35, 40)).all(-1).sum(1).max() == 90
    assert (below == (122, 132, 143)).all(-1).sum(1).max() == 30


def test_a_bar_is_as_long_as_its_probability():
    sheet = np.asarray(figures.image_and_bars(np.full((64, 64), 200), np.array([0.25, 0.75]), ["well", "sick"]))
    dark = (sheet == (31, 35, 40)).all(-1).sum(1)
    grey = (sheet == (122, 132, 143)).all(-1).sum(1)
    assert dark.max() == 240
    assert grey.max() == 80


def test_a_tile_keeps_aspect_and_colour():
    wide = np.zeros((10, 20, 3), dtype=np.uint8)
    wide[..., 0] = 200
    square = np.asarray(tile(wide, 40))
    assert square.shape == (40, 40, 3)
    assert (square[20] == (200, 0, 0)).all()
    assert (square[5] == 0).all()
    with pytest.raises(ValueError, match="an image is"):
        tile(np.zeros((3, 3, 2)), 40)


def test_small_print_is_broken_at_commas_and_never_wider_than_its_tile():
    lines = wrap("mirrored, turned 8°, zoom 1.12, an unbreakablelongwordthatcannotfit", 100, font(13), 7)
    assert lines[0] == "mirrored"
    assert all(font(13).getlength(line) <= 100 for line in lines)
    assert lines[-1].endswith("…")


def test_a_photograph_plate_takes_a_raster():
    sheet = figures.samples_by_class(pictures(channels=3), FOUR)
    assert isinstance(sheet, Image.Image)
    assert Plate(sheet, "Four images.", "Noise.", kind="photo").mime == "image/webp"


@pytest.mark.parametrize("ground", ["#ffffff", "#0072b2", "#d55e00", "#1f2328", "#e8eef2"])
def test_ink_can_be_read_on_any_ground(ground):
    def light(colour):
        return sum(w * (int(colour[i : i + 2], 16) / 255) ** 2.2 for w, i in ((0.2126, 1), (0.7152, 3), (0.0722, 5)))

    bright, dark = sorted((light(ground), light(readable(ground))), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) > 3.8


def test_differences_of_one_pair_name_it_once_and_others_beside_each_row():
    same = COMPARISONS.assign(a="ResNet-18", b="VGG-16-BN", question=["Heart ultrasound", "Lung CT"])
    shown = texts(figures.differences_forest(same))
    assert "Heart ultrasound" in shown
    assert sum("ResNet-18 minus VGG-16-BN" in text for text in shown) == 1
    mixed = [text.replace("\n", " ") for text in texts(figures.differences_forest(same.assign(a=["x", "y"])))]
    assert "Heart ultrasound x minus VGG-16-BN" in mixed


def test_long_names_are_broken_at_spaces_and_keep_their_colour():
    long = "ResNet-34 (standing for ResNet-101)"
    assert color_of(long) == color_of("resnet34")
    shown = texts(figures.confusion_matrices({long: counts(["a", "b"])}))
    assert "ResNet-34\n(standing for\nResNet-101)" in shown


def grid(losses, chosen):
    rows = [("ResNet-18", rate, fold, loss, (rate, fold) in chosen) for (rate, fold), loss in losses.items()]
    return pd.DataFrame(rows, columns=["network", "point", "fold", "val_loss", "chosen"])


def test_the_tuning_grid_draws_each_points_mean_and_rings_what_was_taken():
    losses = {("0.001", 0): 0.5, ("0.001", 1): 0.7, ("0.01", 0): 90.0, ("0.01", 1): 110.0}
    (ax,) = figures.tuning_grid(grid(losses, {("0.001", 0), ("0.001", 1)}), "rate").axes
    means = next(line for line in ax.lines if line.get_label() == "ResNet-18")
    assert means.get_ydata().tolist() == pytest.approx([0.6, 100.0])
    rings = next(line for line in ax.lines if line.get_linestyle() == "None")
    assert sorted(rings.get_ydata()) == [0.5, 0.7]
    assert ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("rate", "validation loss")


def test_a_point_that_could_not_be_trained_leaves_a_gap_and_no_error():
    (ax,) = figures.tuning_grid(grid({("0.1", 0): float("nan"), ("0.001", 0): 0.4}, {("0.001", 0)})).axes
    means = next(line for line in ax.lines if line.get_label() == "ResNet-18")
    assert np.isnan(means.get_ydata()).tolist() == [True, False]


def test_an_arrow_runs_from_the_dealt_score_to_the_one_kept_apart():
    import pandas as pd

    from scanbook.report.figures import leakage_arrows

    scores = pd.DataFrame({"assignment": ["Lung CT", "Lung CT"], "network": ["small CNN", "1-NN rule"], "dealt": [0.9, 0.99],
                           "apart": [0.6, 0.55], "low": [0.5, float("nan")], "high": [0.7, float("nan")]})  # fmt: skip
    claims = pd.DataFrame({"assignment": ["Lung CT"], "claim": [0.995]})
    ax = leakage_arrows(scores, claims).axes[0]
    arrows = [(note.xyann[0], note.xy[0]) for note in ax.texts if getattr(note, "arrow_patch", None) is not None]
    assert arrows == [(0.9, 0.6), (0.99, 0.55)]
    assert [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "D"] == [0.995]
    words = [text.get_text() for text in ax.texts]
    assert "small CNN 0.60" in words
    assert "1-NN rule 0.55" in words
    (alike,) = leakage_arrows(scores.iloc[:1].assign(apart=0.905)).axes
    assert not [note for note in alike.texts if getattr(note, "arrow_patch", None) is not None]


def test_a_ladder_draws_a_line_a_network_and_a_band_only_where_there_is_an_interval():
    points = steps(["blur"], 3)
    points.loc[points["network"] == "VGG-16-BN", ["low", "high"]] = np.nan
    (ax,) = [ax for ax in figures.strength_ladder(points).axes if ax.get_visible()]
    drawn = {to_hex(line.get_color()): line.get_ydata() for line in ax.lines if len(line.get_ydata()) == 4}
    for name in NETWORKS[:2]:
        wanted = points.loc[points["network"] == name, "value"]
        assert list(drawn[color_of(name)]) == list(wanted)
    filled = [band for band in ax.collections if sum(len(path.vertices) for path in band.get_paths())]
    assert [to_hex(band.get_facecolor()[0]) for band in filled] == [color_of("ResNet-18")]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["–", "0.5", "1", "1.5"]
    with pytest.raises(ValueError, match="no points"):
        figures.strength_ladder(points.head(0))
