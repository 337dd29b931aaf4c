"""The variants against their papers' equations, and zoneout."""

import keras
import numpy as np
import pytest
from keras import ops

import layers
from tests import reference
from tests.layers.families import BATCH, FEATURES, MASKS, TIME, UNITS, assert_equal, random_weights
from tests.layers.gradients import gradients

VARIANTS = {
    layers.PeepholeLSTM: (reference.peephole_lstm_step, 2),
    layers.CoupledLSTM: (reference.coupled_lstm_step, 2),
    layers.LayerNormLSTM: (reference.layer_norm_lstm_step, 2),
    layers.LayerNormGRU: (reference.layer_norm_gru_step, 1),
}


@pytest.fixture(params=VARIANTS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


def make(kind, generator, **options):
    layer = kind(UNITS, **options)
    layer.build((BATCH, TIME, FEATURES))
    layer.set_weights(random_weights(layer, generator))
    return layer


def make_states(count, generator):
    return [generator.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(count)]


@pytest.mark.parametrize("mask", [None, *MASKS])
def test_values_equal_the_equations(kind, generator, sequences, mask):
    step, count = VARIANTS[kind]
    mask = MASKS.get(mask)
    layer, states = make(kind, generator, return_sequences=True, return_state=True), make_states(count, generator)
    outputs, *last = layer(sequences, initial_state=states, mask=mask)
    expected, *expected_last = reference.run(step, sequences, states, layer.get_weights(), mask)
    assert_equal(last, expected_last, rtol=1e-4)
    started = np.ones((BATCH, TIME, 1)) if mask is None else np.cumsum(mask, axis=1)[..., None] > 0
    assert_equal(ops.convert_to_numpy(outputs) * started, expected * started, rtol=1e-4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX has float64 only with jax_enable_x64")
def test_gradients_equal_finite_differences(kind, generator):
    step, count = VARIANTS[kind]
    sequences = generator.normal(size=(2, 4, 3))
    states = [generator.normal(size=(2, UNITS)) for _ in range(count)]
    layer = kind(UNITS, return_sequences=True, return_state=True, dtype="float64")
    layer.build(sequences.shape)
    weights = random_weights(layer, generator)
    layer.set_weights(weights)

    def loss(weights):
        return sum(np.sum(np.square(value)) for value in reference.run(step, sequences, states, weights))

    analytic = gradients(layer, sequences, states, None)[: len(weights)]
    count_checked = 0
    for position, (weight, gradient) in enumerate(zip(weights, analytic, strict=True)):
        for index in list(np.ndindex(weight.shape))[::5]:
            up, down = ([w.copy() for w in weights] for _ in range(2))
            up[position][index] += 1e-5
            down[position][index] -= 1e-5
            expected = (loss(up) - loss(down)) / 2e-5
            np.testing.assert_allclose(ops.convert_to_numpy(gradient)[index], expected, rtol=1e-5, atol=1e-7)
            count_checked += 1
    assert count_checked >= 20


def test_peephole_lstm_with_zero_peepholes_equals_lstm(generator, sequences):
    peephole, plain = layers.PeepholeLSTM(UNITS), layers.LSTM(UNITS)
    for layer in (peephole, plain):
        layer.build(sequences.shape)
    weights = random_weights(plain, generator)
    plain.set_weights(weights)
    peephole.set_weights([*weights, np.zeros((3, UNITS))])
    assert_equal(peephole(sequences), plain(sequences))


def test_coupled_forget_gate_bias_starts_at_one():
    layer = layers.CoupledLSTM(UNITS)
    layer.build((None, None, FEATURES))
    np.testing.assert_array_equal(layer.get_weights()[2], np.repeat([1.0, 0.0, 0.0], UNITS))


def test_layer_norm_is_invariant_to_the_scale_of_inputs(generator, sequences):
    for kind in (layers.LayerNormLSTM, layers.LayerNormGRU):
        layer = make(kind, generator)
        assert_equal(layer(100 * sequences), layer(sequences), rtol=1e-2, atol=1e-2)


def test_bidirectional_variant_survives_save_and_load(kind, tmp_path, sequences):
    model = keras.Sequential([keras.Input((None, FEATURES)), keras.layers.Bidirectional(kind(UNITS, dropout=0.1))])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[0].forward_layer) is kind
    assert loaded.layers[0].forward_layer.dropout == 0.1
    assert_equal(loaded(sequences), model(sequences))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_close_to_float32(kind, generator, sequences, policy):
    single, mixed = make(kind, generator), kind(UNITS, dtype=policy)
    mixed.build(sequences.shape)
    mixed.set_weights(single.get_weights())
    outputs = mixed(sequences)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    assert_equal(ops.cast(outputs, "float32"), single(sequences), rtol=0.1, atol=0.1)


def test_layer_norm_gru_without_reset_after_raises():
    with pytest.raises(ValueError, match="reset_after"):
        layers.LayerNormGRU(UNITS, reset_after=False).build((None, None, 3))


def test_to_keras_raises_for_variants_and_zoneout():
    with pytest.raises(ValueError, match="PeepholeLSTM"):
        layers.to_keras(layers.PeepholeLSTM(3))
    with pytest.raises(ValueError, match="zoneout"):
        layers.to_keras(layers.LSTM(3, zoneout=0.1))


@pytest.mark.parametrize("layer_class", [layers.SimpleRNN, layers.GRU, layers.LSTM])
def test_zoneout_averages_states_in_inference(layer_class, generator, sequences):
    """One step from a known state."""
    states = make_states(2 if layer_class is layers.LSTM else 1, generator)
    zoneout, plain = (layer_class(UNITS, zoneout=rate, return_state=True) for rate in (0.3, 0.0))
    for layer in (zoneout, plain):
        layer.build(sequences.shape)
    zoneout.set_weights(plain.get_weights())
    _, *averaged = zoneout(sequences[:, :1], initial_state=states)
    _, *new = plain(sequences[:, :1], initial_state=states)
    for one, before, after in zip(averaged, states, new, strict=True):
        assert_equal(one, 0.3 * before + 0.7 * ops.convert_to_numpy(after))


@pytest.mark.parametrize("layer_class", [layers.SimpleRNN, layers.GRU, layers.LSTM])
def test_zoneout_draws_a_new_mask_at_every_step(layer_class, generator):
    sequences = generator.normal(size=(1, 40, FEATURES)).astype("float32")
    layer = layer_class(200, zoneout=0.25, return_sequences=True, seed=1)
    outputs = ops.convert_to_numpy(layer(sequences, training=True))[0]
    unchanged = (
        outputs[1:] == outputs[:-1]
        if layer_class is not layers.LSTM
        else np.isclose(outputs[1:], outputs[:-1], atol=1e-7)
    )
    assert abs(unchanged.mean() - 0.25) < 0.03
    assert len(np.unique(unchanged, axis=0)) == len(unchanged), "a new mask at every step"
    again = ops.convert_to_numpy(layer(sequences, training=True))[0]
    assert not np.array_equal(outputs, again), "a new mask in every call"


def test_zoneout_accepts_a_rate_for_each_state(generator, sequences):
    layer = make(layers.LSTM, generator, zoneout=(0.0, 1.0), return_state=True)
    states = make_states(2, generator)
    for training in (False, True):
        _, hidden, cell = layer(sequences, initial_state=states, training=training)
        assert_equal(cell, states[1])
        assert not np.allclose(hidden, states[0])
    assert layers.LSTM.from_config(layer.get_config()).zoneout == [0.0, 1.0]


@pytest.mark.parametrize("rate", [-0.1, 1.5, (0.1,), (0.1, 0.2, 0.3)])
def test_invalid_zoneout_raises(rate):
    with pytest.raises(ValueError, match="zoneout"):
        layers.LSTM(UNITS, zoneout=rate)


def test_zoneout_cell_in_keras_rnn_raises(sequences):
    with pytest.raises(ValueError, match="zoneout"):
        keras.layers.RNN(layers.LSTMCell(UNITS, zoneout=0.1))(sequences, training=True)
