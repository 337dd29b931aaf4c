"""The networks: shapes, quantiles in order, a level that is taken off and put back, and that they can learn."""

import keras
import numpy as np
import pytest

import layers
from apps.common import runs
from apps.forecaster.config import Config
from apps.forecaster.heads import Bands, Head, Line
from apps.forecaster.model import build_model, load_model
from apps.forecaster.train import PinballLoss, SquaredError, loss_of

NETWORKS = ("segments", "encoder_decoder", "lstm")
SERIES, COVARIATES = 3, 2


def small(**settings):
    return Config(**{"horizon": 10, "window_length": 24, "segment_length": 4, "season": 4, "units": 8, **settings})


def batch(config, count=5, covariates=COVARIATES, seed=0):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(count, config.window_length, SERIES)).astype("float32")
    given = generator.normal(size=(count, config.window_length + config.horizon, covariates)).astype("float32")
    return values, given


@pytest.mark.parametrize("covariates", [0, COVARIATES])
@pytest.mark.parametrize("network", NETWORKS)
def test_quantiles_never_cross(network, covariates):
    config = small(model=network)
    model = build_model(config, SERIES, covariates)
    for weight in model.trainable_variables:
        weight.assign(keras.random.normal(weight.shape, stddev=2, seed=len(weight.path)))
    answer = model.predict(batch(config, covariates=covariates), verbose=0)
    assert answer.shape == (5, 10, SERIES, 7)
    assert (np.diff(answer, axis=-1) >= 0).all() and np.ptp(answer[..., 3]) > 1


def test_gaps_are_added_up_from_the_point_outwards():
    points, gaps = np.array([[5.0]]), np.array([[1.0, 2, 3, 4]])
    np.testing.assert_array_equal(Bands(5, 2)(points, points, gaps), [[2, 3, 5, 8, 12]])
    np.testing.assert_array_equal(Bands(5, 0)(points, points, gaps), [[5, 6, 8, 11, 15]])
    np.testing.assert_array_equal(Bands(5, 4)(points, points + 1, gaps), [[-4, -3, -1, 2, 5]])


def test_bands_that_are_moved_never_cross():
    bands = Bands(5, 2)
    points, gaps = np.array([[5.0]]), np.array([[1.0, 2, 3, 4]])
    bands(points, points, gaps)
    bands.widths.assign([2.0, 0.5, 2, 1])
    np.testing.assert_array_equal(bands(points, points, gaps), [[-1, 4, 5, 11, 12]])
    bands.widths.assign([0.1, 1, 1, 0.1])
    np.testing.assert_array_equal(bands(points, points, gaps), [[3, 3, 5, 8, 8]])


def test_line_is_mixed_in_by_its_share_and_rises_with_the_window():
    generator = np.random.default_rng(0)
    values, points = generator.normal(size=(2, 9, 3)), generator.normal(size=(2, 4, 3, 1))
    line = Line(5, 4)
    np.testing.assert_allclose(line(values, points), points, atol=1e-6)
    kernel = generator.normal(size=(5, 4))
    line.mix(kernel, 0.25)
    read = values[:, 4:]
    mean = read.mean(axis=1, keepdims=True)
    expected = np.stack([(read[..., place] - mean[..., place]) @ kernel + mean[..., place] for place in range(3)], -1)
    np.testing.assert_allclose(line(values, points), 0.25 * points + 0.75 * expected[..., None], atol=1e-5)
    line.mix(kernel, 0.0)
    np.testing.assert_allclose(line(values + 7, points), line(values, points) + 7, atol=1e-5)
    assert line.trainable_weights == []


def test_what_the_gaps_learn_does_not_move_the_point():
    class Outer(keras.losses.Loss):
        def call(self, targets, forecasts):
            return keras.ops.mean(forecasts[..., 4:], axis=-1)

    model = build_model(small(), SERIES, 0)
    given = batch(small(), covariates=0)
    before = model.predict(given, verbose=0)
    model.compile(keras.optimizers.SGD(1.0), loss=Outer())
    model.train_on_batch(given, np.zeros((5, 10, SERIES), "float32"))
    after = model.predict(given, verbose=0)
    np.testing.assert_array_equal(after[..., :4], before[..., :4])
    assert (after[..., 4:] < before[..., 4:]).any()


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("normalization", ["last", "mean", "standard"])
def test_a_level_that_is_taken_off_comes_back(network, normalization):
    config = small(model=network, normalization=normalization)
    model = build_model(config, SERIES, COVARIATES)
    values, covariates = batch(config)
    answer = model.predict((values, covariates), verbose=0)
    lifted = model.predict((values + 5, covariates), verbose=0)
    np.testing.assert_allclose(lifted, answer + 5, atol=1e-4)
    stretched = model.predict((3 * values, covariates), verbose=0)
    width, stretched_width = np.ptp(answer, axis=-1), np.ptp(stretched, axis=-1)
    if normalization == "standard":
        np.testing.assert_allclose(stretched, 3 * answer, atol=1e-4)
    # Wilder windows are forecast with wider bands.
    assert (stretched_width > 1.5 * width).all()


def test_without_normalization_the_level_matters():
    config = small(normalization="none")
    model = build_model(config, SERIES, 0)
    values, covariates = batch(config, covariates=0)
    difference = model.predict((values + 5, covariates), verbose=0) - model.predict((values, covariates), verbose=0)
    assert np.abs(difference - 5).min() > 0.5


def test_a_window_that_stands_still_is_forecast_with_finite_numbers():
    config = small(normalization="standard")
    answer = build_model(config, SERIES, 0).predict(
        (np.ones((2, 24, SERIES), "float32"), np.zeros((2, 34, 0), "float32")), verbose=0
    )
    assert np.isfinite(answer).all() and np.abs(answer - 1).max() < 1


@pytest.mark.parametrize("network", NETWORKS)
def test_covariates_ahead_change_the_forecast(network):
    config = small(model=network)
    model = build_model(config, SERIES, COVARIATES)
    values, covariates = batch(config)
    before = model.predict((values, covariates), verbose=0)
    changed = covariates.copy()
    changed[:, -1] += 1
    after = model.predict((values, changed), verbose=0)
    assert np.abs(after - before)[:, -1].max() > 1e-4
    if network == "segments":
        # The last segment alone asked for that row.
        np.testing.assert_allclose(after[:, :8], before[:, :8], atol=1e-6)


def test_segments_follow_the_paper_step_by_step():
    """The network again with one cell and no reshaping of batches."""
    config = small(quantiles=(), horizon=8)
    model = build_model(config, SERIES, 0)
    network = model.network
    values, covariates = batch(config, covariates=0)
    cell = keras.layers.GRUCell(config.units)
    cell.build((None, config.units))
    cell.set_weights(network.gru.get_weights())
    expected = np.zeros((5, 8, SERIES))
    for series in range(SERIES):
        last = values[:, -1:, series]
        state = np.zeros((5, config.units), "float32")
        for start in range(0, 24, 4):
            read = network.embedding(values[:, start : start + 4, series] - last)
            state, _ = cell(read, [state])
        for segment in range(2):
            asked = np.concatenate([network.place[segment], network.kind[series]])
            hidden, _ = cell(np.tile(asked, (5, 1)), [state])
            answer = keras.ops.convert_to_numpy(network.head(hidden))[..., 0]
            expected[:, 4 * segment : 4 * segment + 4, series] = answer + last
    np.testing.assert_allclose(model.predict((values, covariates), verbose=0)[..., 0], expected, atol=1e-5)


def test_recurrent_layers_are_ours():
    kinds = {"segments": {layers.GRU}, "encoder_decoder": {layers.LSTM}, "lstm": {layers.LSTM}}
    for network, expected in kinds.items():
        found = build_model(small(model=network), SERIES, 0)._flatten_layers()
        assert {type(layer) for layer in found if isinstance(layer, keras.layers.RNN)} == expected


@pytest.mark.parametrize("network", NETWORKS)
def test_model_survives_save_and_load(network, tmp_path):
    config = small(model=network, normalization="standard", quantiles=(0.25, 0.5))
    model = build_model(config, SERIES, COVARIATES)
    model.compile("adam", loss=loss_of(config))
    model.optimizer.build(model.trainable_variables)
    model.line.mix(np.random.default_rng(0).normal(size=model.line.kernel.shape), 0.3)
    model.bands.widths.assign([0.5])
    (tmp_path / "config.json").write_text("{}")
    runs.save_checkpoint(model, tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras", compile=True)
    given = batch(config)
    np.testing.assert_array_equal(again.predict(given, verbose=0), model.predict(given, verbose=0))
    assert again.settings == model.settings and again.loss.quantiles == (0.25, 0.5) and again.point == 1


@pytest.mark.parametrize(
    "network, quantiles", [("segments", ()), *((network, (0.1, 0.5, 0.9)) for network in NETWORKS)]
)
def test_learns_eight_windows_by_heart(network, quantiles):
    config = small(model=network, quantiles=quantiles, units=32, dropout=0.0)
    keras.utils.set_random_seed(1)
    model = build_model(config, SERIES, 0)
    given = batch(config, count=8, covariates=0)
    targets = np.random.default_rng(5).normal(size=(8, 10, SERIES)).astype("float32")
    model.compile(keras.optimizers.Adam(0.01), loss=loss_of(config))
    first = model.evaluate(given, targets, verbose=0)
    steps = [np.tile(part, (200, *[1] * (part.ndim - 1))) for part in (*given, targets)]
    model.fit(tuple(steps[:2]), steps[2], batch_size=8, shuffle=False, verbose=0)
    assert model.evaluate(given, targets, verbose=0) < 0.2 * first


def test_pinball_loss_is_least_at_the_quantile():
    draws = np.random.default_rng(0).exponential(size=(2000, 1, 1)).astype("float32")
    loss = PinballLoss((0.1, 0.5, 0.9))
    values = np.linspace(0, 4, 81)
    for place, level in enumerate((0.1, 0.5, 0.9)):
        losses = []
        for value in values:
            forecasts = np.zeros((2000, 1, 1, 3), "float32")
            forecasts[..., place] = value
            losses.append(float(loss(draws, forecasts)))
        assert values[int(np.argmin(losses))] == pytest.approx(np.quantile(draws, level), abs=0.06)


def test_losses_by_hand_leave_out_what_has_no_weight():
    targets = np.array([[[1.0], [2.0]]])
    forecasts = np.array([[[[0.0, 1.0, 3.0]], [[9.0, 9.0, 9.0]]]])
    weights = np.array([[[1.0], [0.0]]])
    # The mean over both values, of which one weighs nothing.
    expected = np.mean([0.1 * 1, 0, 0.1 * 2])
    assert float(PinballLoss((0.1, 0.5, 0.9))(targets, forecasts, weights)) == pytest.approx(expected)
    assert float(PinballLoss((0.5,))(targets, forecasts[..., :1], weights)) == pytest.approx(0.5)
    assert float(SquaredError()(targets, forecasts[..., 2:], weights)) == pytest.approx(2.0)


def test_head_counts_gaps_from_points_without_dropout():
    head = Head((4,), 3, 0.5)
    inputs = np.ones((2, 50), "float32")
    answer = keras.ops.convert_to_numpy(head(inputs, training=True))
    points, center, gaps = answer[..., :1], answer[..., 1:2], answer[..., 2:]
    assert gaps.shape == (2, 4, 2) and (gaps > 0).all()
    calm = keras.ops.convert_to_numpy(head(inputs))
    np.testing.assert_allclose(center, calm[..., :1], rtol=1e-6)
    np.testing.assert_array_equal(calm[..., 1], calm[..., 0])
    assert np.abs(points - center).min() > 0
    assert Head((4,), 1, 0.0)(inputs).shape == (2, 4, 2)
