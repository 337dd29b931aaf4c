"""The networks, the score of rows, its state, and what it must not depend on."""

import keras
import numpy as np
import pytest
from keras import ops

from apps.anomaly_detector import model as networks
from apps.anomaly_detector.config import Config
from apps.anomaly_detector.model import FREEDOM, LIMIT, build_model, load_model, nats_themselves
from apps.anomaly_detector.scoring import LARGEST, OUTSIDE, Errors, Normal, Scorer

SENSORS = 3
SMALL = {"units": 6, "code_units": 4, "window_length": 5, "chunk_length": 12, "horizon": 2}
KINDS = ("both", "forecaster", "reconstructor")


def small(seed=0, **settings):
    """Return networks with random weights."""
    model = build_model(Config(**{**SMALL, **settings}), SENSORS)
    draw = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(draw.normal(0, 0.4, weight.shape))
    return model


def scorer_of(model, error_smoothing=1.0, smoothing=2.0, reach=100.0, seed=3):
    """Return a scorer with correlated errors, and a range of `reach` on both sides of 0."""
    draw, errors = np.random.default_rng(seed), {}
    for name, size in (("forecaster", 2 * SENSORS), ("reconstructor", SENSORS)):
        root = draw.normal(0, 0.3, (size, size))
        errors[name] = Errors(draw.normal(0, 0.2, size), (root @ root.T + np.eye(size)).astype("float32"))
    normal = Normal(np.full(SENSORS, -reach), np.full(SENSORS, reach), errors)
    return Scorer(model, [1.0, 2.0, 3.0], [1.0, 0.5, 2.0], normal, error_smoothing, smoothing)


def readings(rows=40, seed=1):
    return np.random.default_rng(seed).normal([1, 2, 3], [1, 0.5, 2], (1, rows, SENSORS)).astype("float32")


def score(scorer, values, state=None):
    """Return outputs and the new state, as arrays."""
    found = scorer.predict_on_batch([values, *(state or scorer.initial_state(len(values)))])
    found = [ops.convert_to_numpy(each) for each in found]
    count = 2 + len(scorer.parts)
    return found[:count], found[count:]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_one_by_one_are_scored_as_all_together(kind):
    scorer = scorer_of(small(model=kind))
    values = readings()
    whole, last = score(scorer, values)
    for size in (1, 7):
        state, found = None, []
        for start in range(0, 40, size):
            outputs, state = score(scorer, values[:, start : start + size], state)
            found.append(outputs)
        for one, parts in zip(whole, zip(*found, strict=True), strict=True):
            np.testing.assert_allclose(np.concatenate(parts, axis=1), one, atol=2e-5)
        for one, other in zip(last, state, strict=True):
            np.testing.assert_allclose(other, one, atol=2e-5)
    assert [each.shape[1:] for each in last] == scorer.state_shapes


@pytest.mark.parametrize("kind", KINDS)
def test_scores_do_not_depend_on_later_rows(kind):
    scorer = scorer_of(small(model=kind))
    values = readings()
    before, _ = score(scorer, values)
    values[:, 25:] += 50
    after, _ = score(scorer, values)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one[:, :25], other[:, :25])
    assert np.all(after[0][:, 25] > before[0][:, 25])


def test_score_is_that_of_the_distribution_of_the_errors():
    scorer = scorer_of(small(), smoothing=0.0)
    (scores, contributions, forecasts, reconstructions), _ = score(scorer, readings())
    expected = []
    for name, errors in (("forecaster", forecasts), ("reconstructor", reconstructions)):
        known = scorer.errors[name]
        centered = (errors - known.mean).astype("float64")
        distance = np.einsum("bti,ij,btj->bt", centered, known.precision, centered)
        expected.append(0.5 * np.log1p(distance / errors.shape[-1]))
    warm = scorer.warm_up
    assert warm == 4
    np.testing.assert_allclose(scores[:, warm:], np.mean(expected, axis=0)[:, warm:], rtol=1e-4)
    assert np.all(scores[:, :warm] == 0)
    np.testing.assert_allclose(contributions.sum(axis=-1), scores, atol=1e-5)


def test_errors_and_score_are_moving_averages():
    single, _ = score(scorer_of(small(), error_smoothing=0.0), readings())
    errors, _ = score(scorer_of(small(), smoothing=0.0), readings())
    both, _ = score(scorer_of(small()), readings())
    for one, other, rows in (
        *((*each, 1.0) for each in zip(single[2:], errors[2:], strict=True)),
        (errors[1], both[1], 2),
    ):
        decay, average = 0.5 ** (1 / rows), 0.0
        assert np.all(one[0, :4] == 0)
        for row in range(40):
            average = decay * average + (1 - decay) * one[0, row]
            np.testing.assert_allclose(other[0, row], average, atol=1e-5)


def test_readings_outside_the_range_so_far_raise_the_score_once():
    inside, outside = scorer_of(small()), scorer_of(small(), reach=10.0)
    values = readings()
    values[0, 20:22, 1], values[0, 25, 1], values[0, 30, 1] = 11.0, 11.5, 12.0 - 1e-3
    values[0, 35, 2] = -10.0 - 0.5 * OUTSIDE * 20
    (before, parts, *_), _ = score(inside, values)
    (after, other, *_), _ = score(outside, values)
    most = 0.5 * np.log1p(LARGEST**2) / SENSORS
    expected = np.zeros((40, SENSORS))
    # The range is 20 wide at first, then 21 and 21.5.
    expected[20, 1], expected[25, 1], expected[30, 1], expected[35, 2] = (
        1,
        0.5 / 21 / OUTSIDE,
        0.499 / 21.5 / OUTSIDE,
        0.5,
    )
    np.testing.assert_allclose((other - parts)[0], most * expected, atol=1e-4)
    np.testing.assert_allclose((after - before)[0], most * expected.sum(axis=1), atol=1e-4)


def test_errors_are_those_of_the_networks():
    model = small()
    scorer, values = scorer_of(model, error_smoothing=0.0), readings()
    outputs, _ = score(scorer, values)
    rows = ((values - scorer.loc) / scorer.scale).astype("float32")
    means, spreads, _ = (
        ops.convert_to_numpy(each) if not isinstance(each, list) else each for each in model.forecaster(rows)
    )
    for ahead in (1, 2):
        expected = (rows[:, 10] - means[:, 10 - ahead, ahead - 1]) / spreads[:, 10 - ahead, ahead - 1]
        part = slice((ahead - 1) * SENSORS, ahead * SENSORS)
        np.testing.assert_allclose(outputs[2][:, 10, part], expected, rtol=1e-3, atol=1e-4)
    means, spreads = map(ops.convert_to_numpy, model.reconstructor(rows[:, 6:11]))
    np.testing.assert_allclose(outputs[3][:, 10], (rows[:, 10] - means[:, -1]) / spreads[:, -1], rtol=1e-3, atol=1e-4)


def test_missing_readings_count_as_the_last_ones_without_an_error():
    scorer = scorer_of(small(), error_smoothing=0.0)
    values = readings()
    values[0, 15:20, 1] = np.nan
    values[0, 0] = np.nan
    outputs, _ = score(scorer, values)
    assert all(np.isfinite(each).all() for each in outputs)
    assert np.all(outputs[2][0, 15:20, [1, 4]] == 0) and np.all(outputs[3][0, 15:20, 1] == 0)
    assert np.all(outputs[2][0, 15:20, 0] != 0)
    filled = np.where(np.isnan(values), 0, values)
    filled[0, 15:20, 1], filled[0, 0] = values[0, 14, 1], scorer.loc
    other, _ = score(scorer, filled)
    np.testing.assert_allclose(outputs[2][0, 16, [0, 2, 3, 5]], other[2][0, 16, [0, 2, 3, 5]], atol=1e-5)


def test_far_readings_do_not_saturate_the_networks():
    model = small()
    rows = np.full((1, 6, SENSORS), 1e6, "float32")
    near = np.full((1, 6, SENSORS), LIMIT, "float32")
    for one, other in zip(model.reconstructor(rows), model.reconstructor(near), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.isfinite(score(scorer_of(model), np.full((1, 8, SENSORS), 1e9, "float32"))[0][0]).all()


def test_untrained_forecast_is_that_nothing_changes():
    model = build_model(Config(**SMALL), SENSORS)
    rows = np.random.default_rng(0).normal(0, 1, (2, 7, SENSORS)).astype("float32")
    means, spreads, _ = model.forecaster(rows)
    for ahead in range(2):
        np.testing.assert_allclose(means[:, :, ahead], rows, atol=1e-6)
    assert np.all(ops.convert_to_numpy(spreads) > 0.5)


def test_loss_is_that_of_students_t():
    model = small(model="reconstructor")
    rows = np.random.default_rng(0).normal(0, 1, (4, 12, SENSORS)).astype("float32")
    means, spreads = (ops.convert_to_numpy(each) for each in model.reconstructor(rows[:, -5:]))
    from scipy import stats

    expected = -stats.t(FREEDOM, means, spreads).logpdf(rows[:, -5:])
    constant = -stats.t(FREEDOM).logpdf(0)
    model.compile("sgd", nats_themselves)
    found = model.evaluate(rows, np.zeros((4, 1)), verbose=0)
    assert abs(found - (expected - constant).mean()) < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_networks_learn_and_survive_saving(kind, tmp_path):
    keras.utils.set_random_seed(0)
    model = build_model(Config(**SMALL, model=kind, num_layers=2, dropout=0.2), SENSORS)
    time = np.arange(12)[None, :, None] + np.arange(16)[:, None, None] * 3 + np.arange(SENSORS)
    rows = np.sin(time / 2).astype("float32")
    model.compile(keras.optimizers.Adam(0.02), nats_themselves)
    history = model.fit(rows, np.zeros((16, 1)), epochs=30, verbose=0).history["loss"]
    assert history[-1] < history[0] - 0.5
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(loaded.predict(rows, verbose=0), model.predict(rows, verbose=0))


def test_layers_can_be_exchanged_for_those_of_keras(monkeypatch):
    ours = scorer_of(small())
    monkeypatch.setitem(networks.CELLS, "lstm", keras.layers.LSTM)
    theirs = scorer_of(small())
    for one, other in zip(score(ours, readings())[0], score(theirs, readings())[0], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
