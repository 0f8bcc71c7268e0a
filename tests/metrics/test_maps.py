"""Maps are compared by the order of their cells, and become evidence by one rule only."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from scanbook.metrics import maps


def test_likeness_is_spearmans_correlation_image_by_image():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, (6, 4, 4)).astype(float), rng.random((6, 4, 4))
    expected = [spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(maps.likeness(a, b), expected)
    np.testing.assert_allclose(maps.likeness(a, 3 * a + 1), 1)


def test_a_flat_map_resembles_nothing_and_other_cells_are_refused():
    rng = np.random.default_rng(0)
    assert maps.likeness(np.zeros((1, 3, 3)), rng.random((1, 3, 3))).tolist() == [0]
    with pytest.raises(ValueError, match="bring both to the same cells"):
        maps.likeness(np.zeros((1, 3, 3)), np.zeros((1, 4, 4)))


def test_a_cell_is_covered_as_far_as_the_mask_reaches():
    mask = np.zeros((1, 8, 8))
    mask[0, :2, :1] = 1
    covered = maps.in_cells(mask, 4)
    assert covered[0, 0, 0] == 0.5
    assert covered.sum() == 0.5
    assert maps.in_cells(np.ones((1, 9, 9)), 4).tolist() == np.ones((1, 4, 4)).tolist()


def test_pointing_and_energy_on_a_map_one_can_count():
    found = np.array([[[4.0, 1.0], [0.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]]])
    covered = np.array([[[0.5, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]])
    assert maps.pointing(found, covered).tolist() == [1, 0.25]  # an empty map hits as chance does
    np.testing.assert_allclose(maps.energy(found, covered), [(4 * 0.5 + 3) / 8, 0.25])


def test_an_outcome_needs_the_whole_interval():
    assert maps.outcome("map_edges", 0.1, 0.4) == "passed"
    assert maps.outcome("map_edges", 0.4, 0.6) == "cannot tell"
    assert maps.outcome("map_edges", 0.6, 0.9) == "failed"
    assert maps.outcome("map_edges", np.nan, np.nan) == "cannot tell"
    assert [maps.outcome("map_deletion", *bounds) for bounds in ((0.01, 0.2), (-0.1, 0.1), (-0.2, -0.01))] == [
        "passed", "cannot tell", "failed"]  # fmt: skip


def rows(**changed):
    """Five passed checks as rows, with other bounds for some."""
    bounds = dict.fromkeys(maps.CHECKS, (0.1, 0.2)) | changed
    return [{"metric": name, "value": sum(b) / 2, "low": b[0], "high": b[1], "n_images": 20, "n_groups": 20, "method": ""}
            for name, b in bounds.items() if b]  # fmt: skip


def test_only_five_passed_checks_make_evidence():
    state, sentence = maps.verdict(maps.judge(rows()), "A")
    assert (state, sentence) == ("shown as evidence", "The map of A is shown as evidence: it passed all 5 checks.")


def test_the_map_of_a_network_that_may_be_guessing_is_no_evidence():
    state, sentence = maps.verdict(maps.judge(rows()), "A", guessing=True)
    assert state == "not shown as evidence"
    assert sentence.endswith("passed all 5 checks, but one cannot tell the network's answers from guessing.")


def test_a_check_that_was_not_run_is_never_passed():
    checks = maps.judge(rows(map_shuffled=None))
    assert checks.set_index("metric").loc["map_shuffled", "outcome"] == "not run"
    state, sentence = maps.verdict(checks, "A")
    assert state == "not shown as evidence"
    assert "not run in this profile: another network, trained on shuffled labels" in sentence


def test_one_failed_check_is_enough_to_fail_and_the_sentence_says_why():
    state, sentence = maps.verdict(maps.judge(rows(map_edges=(0.6, 0.8), map_blob=(0.4, 0.6))), "A")
    assert (state, sentence) == ("fails", "The map of A fails: it is much what an edge detector shows.")


def test_a_doubt_is_no_evidence_and_no_failure():
    state, sentence = maps.verdict(maps.judge(rows(map_deletion=(-0.1, 0.1))), "A")
    assert state == "not shown as evidence"
    assert "one cannot tell whether what it marks matters more" in sentence


def test_means_come_with_intervals_over_groups_and_correlations_may_be_negative():
    rng = np.random.default_rng(0)
    groups = np.repeat([f"p{i:02d}" for i in range(20)], 3)
    found = {"map_edges": rng.normal(-0.3, 0.1, 60), "map_pointing": (rng.random(60) < 0.5).astype(float)}
    table = pd.DataFrame(maps.rows_of(found, groups.tolist(), ["a"] * 60, "patients")).set_index("metric")
    assert table.loc["map_edges", "low"] < -0.3 < table.loc["map_edges", "high"] < 0
    assert table.loc["map_edges", "n_groups"] == 20
    assert table.loc["map_pointing", "n_images"] == 60


def test_pointing_has_three_words():
    assert [maps.points(0.1, 0.2), maps.points(-0.2, -0.1), maps.points(-0.1, 0.1), maps.points(np.nan, np.nan)] == [
        "more often than chance", "less often than chance", "cannot tell", "cannot tell"]  # fmt: skip
