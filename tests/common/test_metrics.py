"""Figures of a detector by hand, and intervals that hold what they promise."""

import numpy as np
import pytest
from sklearn import metrics

from apps.common.metrics import (
    ForecastErrors,
    binary_metrics,
    bootstrap_intervals,
    caption_metrics,
    sentence_chrf,
    translation_metrics,
)


def test_figures_equal_those_worked_out_by_hand():
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.6, 0.5, 0.4, 0.3, 0.1, 0.0])
    figures = binary_metrics(labels, (scores > 0.55).astype(int), scores)
    assert figures["accuracy"] == pytest.approx(8 / 10)
    assert figures["precision"] == figures["recall"] == figures["f1"] == pytest.approx(3 / 4)
    assert figures["false_positive_rate"] == pytest.approx(1 / 6)
    assert figures["mcc"] == pytest.approx((3 * 5 - 1 * 1) / np.sqrt(4 * 4 * 6 * 6))
    assert figures["roc_auc"] == pytest.approx((6 + 6 + 6 + 2) / 24)
    assert figures["pr_auc"] == pytest.approx((1 + 1 + 1 + 4 / 8) / 4)


def test_detector_that_flags_nothing_has_figures():
    figures = binary_metrics(np.array([1, 0, 0]), np.zeros(3, int), np.zeros(3))
    assert (figures["precision"], figures["mcc"], figures["false_positive_rate"]) == (0, 0, 0)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    generator = np.random.default_rng(1)

    def share(labels, values):
        return {"mean": float(values.mean())}

    covered = 0
    for number in range(100):
        values = generator.random(80) < 0.3
        low, high = bootstrap_intervals(share, np.arange(80) % 2, values, resamples=200, seed=number)["mean"]
        covered += low <= 0.3 <= high
    assert 85 <= covered <= 100


def test_resamples_never_lack_a_class():
    labels = np.array([1] + [0] * 30)

    def count(labels):
        assert len(np.unique(labels)) == 2
        return {"positives": labels.sum()}

    assert bootstrap_intervals(count, labels, resamples=50)["positives"][0] >= 1


def test_translations_are_measured_by_what_they_share_with_the_references():
    references = ["the cat sat on the mat .", "a dog ran home quickly today ."]
    same = translation_metrics(references, references)
    assert {name: figures["value"] for name, figures in same.items()} == pytest.approx(
        {"bleu": 100, "bleu_lower": 100, "chrf": 100}
    )
    shouted = translation_metrics([text.upper() for text in references], references)
    assert shouted["bleu_lower"]["value"] == pytest.approx(100)
    assert shouted["bleu"]["value"] < 20
    nothing = translation_metrics(["", ""], references)
    assert nothing["bleu"]["value"] == nothing["chrf"]["value"] == 0
    assert "tok:13a" in same["bleu"]["signature"] and "case:lc" in same["bleu_lower"]["signature"]
    half = translation_metrics([references[0], "something else entirely was said here ."], references)
    low, high = half["bleu"]["interval"]
    assert low < half["bleu"]["value"] < high


def test_sentence_chrf_is_one_figure_a_sentence():
    best, middle, worst = sentence_chrf(["a red house", "a red mouse", "zzz"], ["a red house"] * 3)
    assert best == pytest.approx(100)
    assert best > middle > 30 > worst


LEVELS = (0.1, 0.5, 0.9)


@pytest.fixture
def forecasts():
    generator = np.random.default_rng(3)
    truth = generator.normal(5, 2, (40, 4, 2))
    observed = generator.random(truth.shape) < 0.8
    quantiles = np.sort(truth[..., None] + generator.normal(0, 1.5, (*truth.shape, 3)), axis=-1)
    return truth, observed, quantiles


def added(truth, observed, quantiles, pieces=1):
    errors = ForecastErrors(LEVELS, np.array([2.0, 4.0]), np.array([0.5, 0.25]), 4)
    for rows in np.array_split(np.arange(len(truth)), pieces):
        errors.add(truth[rows], observed[rows], quantiles[rows][..., 1], quantiles[rows])
    return errors


def test_forecast_errors_are_those_of_sklearn(forecasts):
    truth, observed, quantiles = forecasts
    errors = added(*forecasts, pieces=3)
    scale = np.broadcast_to([2.0, 4.0], truth.shape)
    expected = dict.fromkeys(("mse", "mae"), 0.0)
    point = quantiles[..., 1]
    weights = observed.ravel()
    pairs = ((truth / scale).ravel(), (point / scale).ravel())
    expected["mse"] = metrics.mean_squared_error(*pairs, sample_weight=weights)
    expected["mae"] = metrics.mean_absolute_error(*pairs, sample_weight=weights)
    expected["pinball"] = 2 * np.mean(
        [
            metrics.mean_pinball_loss(
                pairs[0], (quantiles[..., place] / scale).ravel(), sample_weight=weights, alpha=level
            )
            for place, level in enumerate(LEVELS)
        ]
    )  # fmt: skip
    inside = (quantiles[..., 0] <= truth) & (truth <= quantiles[..., 2])
    expected["coverage_80"] = inside[observed].mean()
    naive = np.broadcast_to([0.5, 0.25], truth.shape)
    expected["mase"] = np.mean((np.abs(truth - point) / naive)[observed])
    expected["smape"] = np.mean((200 * np.abs(truth - point) / (np.abs(truth) + np.abs(point)))[observed])
    figures = errors.figures()
    assert {name: figures[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(figures["below"], (truth[..., None] <= quantiles)[observed].mean(axis=0))


def test_forecast_errors_by_series_are_in_their_own_unit_and_by_step_in_deviations(forecasts):
    truth, observed, quantiles = forecasts
    errors, point = added(*forecasts), quantiles[..., 1]
    by_series, by_step = errors.figures(axis=0), errors.figures(axis=1)
    for place in range(2):
        here = observed[..., place]
        error = (truth - point)[..., place][here]
        assert by_series["rmse"][place] == pytest.approx(np.sqrt(np.mean(error**2)))
        assert by_series["mae_own_unit"][place] == pytest.approx(np.mean(np.abs(error)))
        assert by_series["mase"][place] == pytest.approx(np.mean(np.abs(error)) / (0.5, 0.25)[place])
    step = np.abs((truth - point) / [2, 4])[:, 2][observed[:, 2]]
    assert by_step["mae"].shape == (4,) and by_step["mae"][2] == pytest.approx(step.mean())
    assert by_step["below"].shape == (4, 3) and by_series["below"].shape == (2, 3)


def test_what_is_not_observed_changes_no_forecast_error(forecasts):
    truth, observed, quantiles = forecasts
    spoiled = np.where(observed, truth, 1e9)
    assert added(spoiled, observed, quantiles).figures()["mse"] == added(*forecasts).figures()["mse"]
    assert added(spoiled, observed, quantiles).figures()["pinball"] == added(*forecasts).figures()["pinball"]


def test_forecast_errors_of_points_alone_have_no_coverage(forecasts):
    truth, observed, quantiles = forecasts
    errors = ForecastErrors((), np.array([2.0, 4.0]), np.array([0.5, 0.0]), 4)
    errors.add(truth, observed, quantiles[..., 1])
    assert not {"pinball", "below", "coverage_80"} & errors.figures().keys()
    assert np.isnan(errors.figures(axis=0)["mase"][1])


def test_caption_figures_equal_those_worked_out_by_hand():
    """Two captions; the first is a reference, of the second's five words three are right, two of them in a row."""
    captions = ["A dog runs.", "the old cat sleeps here"]
    references = [["a dog is running", "a dog runs"], ["an old cat rests here"]]
    figures = caption_metrics(captions, references)
    # Words 3 + 3 of 8; pairs 2 + 1 of 2 + 4; no length penalty: 8 words against 3 + 5.
    assert figures["bleu_1"] == pytest.approx(100 * 6 / 8, abs=1e-3)
    assert figures["bleu_2"] == pytest.approx(100 * np.sqrt(6 / 8 * 3 / 6), abs=1e-3)
    # Longest common subsequence: 3 of 3, and `old cat here`, 3 of 5 on both sides.
    assert figures["rouge_l"] == pytest.approx(100 * (1 + 3 / 5) / 2)
    # Precision and recall 3/5; two chunks of three matches cost 0.5 * (2 / 3) ** 3.
    first = 1 - 0.5 * (1 / 3) ** 3
    assert figures["meteor"] == pytest.approx(100 * (first + 0.6 * (1 - 0.5 * (2 / 3) ** 3)) / 2)
    assert figures["exact"] == 50.0


def test_caption_figures_are_best_for_the_truth_and_bear_nothing_at_all():
    references = [["a red circle grows", "the red circle is growing"], ["a blue star moves up"], ["it bounces twice"]]
    right = caption_metrics([own[0] for own in references], references)
    assert right["exact"] == 100 and right["bleu_2"] == pytest.approx(100, abs=1e-3) and right["rouge_l"] == 100
    wrong = caption_metrics(["green square shrinks", "", "a blue star moves down"], references)
    assert all(0 <= wrong[name] < right[name] for name in right)


def test_marks_and_case_do_not_count_in_captions():
    assert caption_metrics(["A man's dog, RUNS!"], [["a man's dog runs"]])["exact"] == 100
    assert caption_metrics(["a man dog runs"], [["a man's dog runs"]])["exact"] == 0
