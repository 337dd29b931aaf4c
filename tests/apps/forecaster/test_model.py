"""The networks: shapes, ordered quantiles, normalization that is undone, and that they can learn."""

import keras
import numpy as np
import pytest

import layers
from apps.common.training import checkpoints
from apps.forecaster.config import Config
from apps.forecaster.heads import Head, Mixture, OrderedQuantiles
from apps.forecaster.losses import PinballLoss, SquaredError, make_loss
from apps.forecaster.model import build_model

NETWORKS = ("segments", "encoder_decoder", "lstm")
SERIES, COVARIATES = 3, 2


def small(**settings):
    return Config(**{"horizon": 10, "window_length": 24, "segment_length": 4, "season": 4, "units": 8, **settings})


def batch(config, count=5, covariates=COVARIATES, seed=0):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(count, config.window_length, SERIES)).astype("float32")
    known = generator.normal(size=(count, config.window_length + config.horizon, covariates)).astype("float32")
    return values, known


def forecast(model, inputs):
    return keras.ops.convert_to_numpy(model(inputs))


@pytest.mark.parametrize("network, covariates", [("segments", 0), ("encoder_decoder", COVARIATES), ("lstm", 0)])
def test_quantiles_never_cross(network, covariates):
    config = small(model=network)
    model = build_model(config, SERIES, covariates)
    for weight in model.trainable_variables:
        weight.assign(keras.random.normal(weight.shape, stddev=2, seed=len(weight.path)))
    answer = forecast(model, batch(config, covariates=covariates))
    assert answer.shape == (5, 10, SERIES, 7)
    assert (np.diff(answer, axis=-1) >= 0).all() and np.ptp(answer[..., 3]) > 1


def test_gaps_are_summed_from_the_point_outwards():
    points, gaps = np.array([[5.0]]), np.array([[1.0, 2, 3, 4]])
    np.testing.assert_array_equal(OrderedQuantiles(5, 2)(points, points, gaps), [[2, 3, 5, 8, 12]])
    np.testing.assert_array_equal(OrderedQuantiles(5, 0)(points, points, gaps), [[5, 6, 8, 11, 15]])
    np.testing.assert_array_equal(OrderedQuantiles(5, 4)(points, points + 1, gaps), [[-4, -3, -1, 2, 5]])


def test_scaled_quantiles_never_cross():
    quantiles = OrderedQuantiles(5, 2)
    points, gaps = np.array([[5.0]]), np.array([[1.0, 2, 3, 4]])
    quantiles(points, points, gaps)
    quantiles.scale.assign([2.0, 0.5, 2, 1])
    np.testing.assert_array_equal(quantiles(points, points, gaps), [[-1, 4, 5, 11, 12]])
    quantiles.scale.assign([0.1, 1, 1, 0.1])
    np.testing.assert_array_equal(quantiles(points, points, gaps), [[3, 3, 5, 8, 8]])


def test_mixture_is_linear_in_its_fraction_and_follows_the_mean_of_the_window():
    generator = np.random.default_rng(0)
    values, points = generator.normal(size=(2, 9, 3)), generator.normal(size=(2, 4, 3, 1))
    mixture = Mixture(5, 4)
    np.testing.assert_allclose(mixture(values, points), points, atol=1e-6)
    kernel = generator.normal(size=(5, 4))
    mixture.set(kernel, 0.25)
    last = values[:, 4:]
    mean = last.mean(axis=1, keepdims=True)
    expected = np.stack([(last[..., index] - mean[..., index]) @ kernel + mean[..., index] for index in range(3)], -1)
    np.testing.assert_allclose(mixture(values, points), 0.25 * points + 0.75 * expected[..., None], atol=1e-5)
    mixture.set(kernel, 0.0)
    np.testing.assert_allclose(mixture(values + 7, points), mixture(values, points) + 7, atol=1e-5)
    assert mixture.trainable_weights == []


def test_gradients_of_the_gaps_do_not_change_the_point():
    class Outer(keras.losses.Loss):
        def call(self, targets, forecasts):
            return keras.ops.mean(forecasts[..., 4:], axis=-1)

    model = build_model(small(), SERIES, 0)
    inputs = batch(small(), covariates=0)
    before = forecast(model, inputs)
    model.compile(keras.optimizers.SGD(1.0), loss=Outer(), run_eagerly=True)
    model.train_on_batch(inputs, np.zeros((5, 10, SERIES), "float32"))
    after = forecast(model, inputs)
    np.testing.assert_array_equal(after[..., :4], before[..., :4])
    assert (after[..., 4:] < before[..., 4:]).any()


@pytest.mark.parametrize("network, normalization", [*zip(NETWORKS, ("last", "mean", "standard"), strict=True)])
def test_normalization_is_undone_in_the_forecast(network, normalization):
    config = small(model=network, normalization=normalization)
    model = build_model(config, SERIES, COVARIATES)
    values, covariates = batch(config)
    answer = forecast(model, (values, covariates))
    np.testing.assert_allclose(forecast(model, (values + 5, covariates)), answer + 5, atol=1e-4)
    stretched = forecast(model, (3 * values, covariates))
    if normalization == "standard":
        np.testing.assert_allclose(stretched, 3 * answer, atol=1e-4)
    # Windows with more variation have wider intervals.
    assert (np.ptp(stretched, axis=-1) > 1.5 * np.ptp(answer, axis=-1)).all()


def test_without_normalization_the_level_of_the_window_matters():
    config = small(normalization="none")
    model = build_model(config, SERIES, 0)
    values, covariates = batch(config, covariates=0)
    difference = forecast(model, (values + 5, covariates)) - forecast(model, (values, covariates))
    assert np.abs(difference - 5).min() > 0.5


def test_forecast_of_a_constant_window_is_finite():
    model = build_model(small(normalization="standard"), SERIES, 0)
    answer = forecast(model, (np.ones((2, 24, SERIES), "float32"), np.zeros((2, 34, 0), "float32")))
    assert np.isfinite(answer).all() and np.abs(answer - 1).max() < 1


@pytest.mark.parametrize("network", NETWORKS)
def test_future_covariates_change_the_forecast(network):
    config = small(model=network)
    model = build_model(config, SERIES, COVARIATES)
    values, covariates = batch(config)
    before = forecast(model, (values, covariates))
    changed = covariates.copy()
    changed[:, -1] += 1
    after = forecast(model, (values, changed))
    assert np.abs(after - before)[:, -1].max() > 1e-4
    if network == "segments":
        # Only the last segment has that row.
        np.testing.assert_allclose(after[:, :8], before[:, :8], atol=1e-6)


def test_segment_network_equals_the_paper_step_by_step():
    """The network again, with a cell and without reshaped batches."""
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
            embedded = network.embedding(values[:, start : start + 4, series] - last)
            state, _ = cell(embedded, [state])
        for segment in range(2):
            vectors = network.segment_vectors[segment], network.series_vectors[series]
            hidden, _ = cell(np.tile(np.concatenate(vectors), (5, 1)), [state])
            answer = keras.ops.convert_to_numpy(network.head(hidden))[..., 0]
            expected[:, 4 * segment : 4 * segment + 4, series] = answer + last
    np.testing.assert_allclose(forecast(model, (values, covariates))[..., 0], expected, atol=1e-5)


def test_recurrent_layers_are_engrams():
    kinds = {"segments": {layers.GRU}, "encoder_decoder": {layers.LSTM}, "lstm": {layers.LSTM}}
    for network, expected in kinds.items():
        found = build_model(small(model=network), SERIES, 0)._flatten_layers()
        assert {type(layer) for layer in found if isinstance(layer, keras.layers.RNN)} == expected


@pytest.mark.parametrize("network", NETWORKS)
def test_model_survives_save_and_load(network, tmp_path):
    config = small(model=network, normalization="standard", quantiles=(0.25, 0.5))
    model = build_model(config, SERIES, COVARIATES)
    model.compile("adam", loss=make_loss(config))
    model.optimizer.build(model.trainable_variables)
    model.mixture.set(np.random.default_rng(0).normal(size=model.mixture.kernel.shape), 0.3)
    model.quantiles.scale.assign([0.5])
    (tmp_path / "config.json").write_text("{}")
    checkpoints.save_checkpoint(model, tmp_path / "model.keras")
    again = checkpoints.load_checkpoint(tmp_path / "model.keras")
    inputs = batch(config)
    np.testing.assert_array_equal(forecast(again, inputs), forecast(model, inputs))
    assert again.settings == model.settings and again.loss.quantiles == (0.25, 0.5) and again.point == 1


@pytest.mark.parametrize("network, quantiles", [("segments", (0.1, 0.5, 0.9)), ("lstm", ())])
def test_overfits_eight_windows(network, quantiles):
    config = small(model=network, quantiles=quantiles, units=32, dropout=0.0)
    keras.utils.set_random_seed(1)
    model = build_model(config, SERIES, 0)
    inputs = batch(config, count=8, covariates=0)
    targets = np.random.default_rng(5).normal(size=(8, 10, SERIES)).astype("float32")
    model.compile(keras.optimizers.Adam(0.01), loss=make_loss(config))
    steps = [np.tile(part, (200, *[1] * (part.ndim - 1))) for part in (*inputs, targets)]
    model.fit(tuple(steps[:2]), steps[2], batch_size=8, shuffle=False, verbose=0)
    first = make_loss(config)(targets, forecast(build_model(config, SERIES, 0), inputs))
    assert float(make_loss(config)(targets, forecast(model, inputs))) < 0.2 * float(first)


def test_pinball_loss_is_least_at_the_quantile():
    draws = np.random.default_rng(0).exponential(size=(2000, 1, 1)).astype("float32")
    values = np.linspace(0, 4, 81)
    for level in (0.1, 0.5, 0.9):
        loss = PinballLoss((level,))
        losses = [float(loss(draws, np.full((2000, 1, 1, 1), value, "float32"))) for value in values]
        assert values[int(np.argmin(losses))] == pytest.approx(np.quantile(draws, level), abs=0.06)


def test_losses_equal_those_by_hand_and_ignore_values_of_weight_0():
    targets = np.array([[[1.0], [2.0]]])
    forecasts = np.array([[[[0.0, 1.0, 3.0]], [[9.0, 9.0, 9.0]]]])
    weights = np.array([[[1.0], [0.0]]])
    # The mean over both values, of which one has weight 0.
    expected = np.mean([0.1 * 1, 0, 0.1 * 2])
    assert float(PinballLoss((0.1, 0.5, 0.9))(targets, forecasts, weights)) == pytest.approx(expected)
    assert float(PinballLoss((0.5,))(targets, forecasts[..., :1], weights)) == pytest.approx(0.5)
    assert float(SquaredError()(targets, forecasts[..., 2:], weights)) == pytest.approx(2.0)


def test_head_measures_gaps_from_points_without_dropout():
    head = Head((4,), 3, 0.5)
    inputs = np.ones((2, 50), "float32")
    answer = keras.ops.convert_to_numpy(head(inputs, training=True))
    points, center, gaps = answer[..., :1], answer[..., 1:2], answer[..., 2:]
    assert gaps.shape == (2, 4, 2) and (gaps > 0).all()
    without_dropout = keras.ops.convert_to_numpy(head(inputs))
    np.testing.assert_allclose(center, without_dropout[..., :1], rtol=1e-6)
    np.testing.assert_array_equal(without_dropout[..., 1], without_dropout[..., 0])
    assert np.abs(points - center).min() > 0
    assert Head((4,), 1, 0.0)(inputs).shape == (2, 4, 2)
