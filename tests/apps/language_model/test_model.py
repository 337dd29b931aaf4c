"""The network: its carried state, its losses, and that it learns across chunks."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from apps.language_model.config import Config
from apps.language_model.fit import compile_model
from apps.language_model.model import build_model, build_trunk, load_model, nats_themselves

SIZES = {"units": 7, "embedding_dim": 5, "batch_size": 3, "num_layers": 2}
KINDS = {
    "lstm": {},
    "gru": {"cell": "gru"},
    "simple_rnn": {"cell": "simple_rnn", "tied_embeddings": False},
    "normalized": {"normalization": True},
}
VOCABULARY = 11


@pytest.fixture(params=KINDS)
def model(request):
    keras.utils.set_random_seed(0)
    dropped = {"dropout": 0.0, "output_dropout": 0.0}
    return build_model(Config(**SIZES, **dropped, **KINDS[request.param]), VOCABULARY)


def batches(tokens, fresh, length):
    """Return a dataset of chunks of (rows, time) tokens."""
    parts = [slice(at, at + length) for at in range(0, tokens.shape[1] - 1, length)]
    chunks = np.stack([tokens[:, :-1][:, part] for part in parts])
    targets = np.stack([tokens[:, 1:][:, part] for part in parts])
    inputs = {"tokens": chunks, "fresh": np.array(fresh, "int32")}
    return tf.data.Dataset.from_tensor_slices((inputs, targets, np.ones(targets.shape, "float32")))


def zeros(model, rows):
    return [np.zeros((rows, size), "float32") for size in model.state_sizes]


@pytest.fixture
def tokens():
    return np.random.default_rng(0).integers(4, VOCABULARY, (3, 13)).astype("int32")


def test_carried_state_equals_one_long_sequence(model, tokens):
    outputs, states = model.run(tokens[:, :-1], zeros(model, 3))
    whole = ops.convert_to_numpy(model.nats(outputs, tokens[:, 1:]))
    model.compile(loss=nats_themselves)
    fresh = [[True] * 3, [False] * 3, [False] * 3]
    loss = model.evaluate(batches(tokens, fresh, 4), verbose=0)
    assert loss == pytest.approx(whole.mean(), rel=1e-5)
    for carried, state in zip(model.carried[False], states, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(carried), ops.convert_to_numpy(state), atol=1e-5)


def test_gradients_of_a_chunk_are_those_of_the_sequence_with_a_fixed_start(model, tokens):
    _, states = model.run(tokens[:, :4], zeros(model, 3))
    states = [tf.constant(ops.convert_to_numpy(state)) for state in states]
    with tf.GradientTape() as tape:
        outputs, _ = model.run(tokens[:, 4:8], states)
        loss = ops.mean(model.nats(outputs, tokens[:, 5:9]))
    expected = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    before = [variable.numpy() for variable in model.trainable_variables]
    model.compile(keras.optimizers.SGD(1.0), loss=nats_themselves)
    for variable, value in zip(model.carried[True], states, strict=True):
        variable.assign(value)
    model.fit(batches(tokens[:, 4:9], [[False] * 3], 4), verbose=0, shuffle=False)
    for variable, old, gradient in zip(model.trainable_variables, before, expected, strict=True):
        np.testing.assert_allclose(old - variable.numpy(), tf.convert_to_tensor(gradient).numpy(), atol=2e-6)


def test_fresh_rows_do_not_see_what_was_before(model, tokens):
    model.compile(loss=nats_themselves)
    for other in (tokens[:, :7], (tokens[:, :7] + 1) % 6 + 4):
        fresh = [[True] * 3, [False, True, False]]
        data = batches(np.concatenate([other[:, :6], tokens[:, 6:]], axis=1), fresh, 6)
        model.evaluate(data, verbose=0)
        states = [ops.convert_to_numpy(state)[1] for state in model.carried[False]]
        _, alone = model.run(tokens[1:2, 6:12], zeros(model, 1))
        for state, expected in zip(states, alone, strict=True):
            np.testing.assert_allclose(state, ops.convert_to_numpy(expected)[0], atol=1e-5)


def test_evaluation_leaves_the_state_of_training(model, tokens):
    model.compile(keras.optimizers.SGD(0.0), loss=nats_themselves)
    model.fit(batches(tokens, [[True] * 3] * 3, 4), verbose=0, shuffle=False)
    before = [variable.numpy() for variable in model.carried[True]]
    assert max(np.abs(state).max() for state in before) > 0
    model.evaluate(batches(tokens[::-1], [[True] * 3] * 3, 4), verbose=0)
    for variable, value in zip(model.carried[True], before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_steps_and_masked_rows_equal_the_sequence(model, tokens):
    lengths = np.array([12, 5, 0])
    mask = np.arange(12) < lengths[:, None]
    _, states = model.run(tokens[:, :12], zeros(model, 3), mask=mask)
    for row, length in enumerate(lengths):
        one = zeros(model, 1)
        for token in tokens[row, :length]:
            one = model.step(np.array([token]), one)
        for state, expected in zip(states, one, strict=True):
            np.testing.assert_allclose(ops.convert_to_numpy(state)[row], ops.convert_to_numpy(expected)[0], atol=1e-5)
    outputs, states = model.run(tokens, zeros(model, 3))
    last = ops.convert_to_numpy(model.logits(outputs))[:, -1]
    np.testing.assert_allclose(ops.convert_to_numpy(model.next_logits(states)), last, atol=1e-5)


def test_untrained_loss_is_that_of_chance(model, tokens):
    outputs, _ = model.run(tokens[:, :-1], zeros(model, 3))
    assert float(ops.mean(model.nats(outputs, tokens[:, 1:]))) == pytest.approx(math.log(VOCABULARY), abs=0.25)


def test_saved_model_and_trunk_have_the_same_weights(model, tokens, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    for one, other in zip(model.run(tokens, zeros(model, 3))[1], loaded.run(tokens, zeros(model, 3))[1], strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))
    build_trunk(loaded).save(tmp_path / "trunk.keras")
    trunk = keras.models.load_model(tmp_path / "trunk.keras")
    outputs, _ = model.run(tokens, zeros(model, 3))
    expected = ops.convert_to_numpy(model.logits(outputs))
    np.testing.assert_allclose(trunk.predict(tokens, verbose=0), expected, atol=1e-5)


def test_sampled_loss_estimates_the_exact_one():
    keras.utils.set_random_seed(1)
    model = build_model(Config(**{**SIZES, "units": 5}, sampled=400), 3000)
    model.output_bias.assign(np.random.default_rng(0).normal(size=3000))
    generator = np.random.default_rng(0)
    outputs = generator.normal(size=(2, 6, 5)).astype("float32")
    targets = generator.integers(4, 3000, (2, 6))
    exact = ops.convert_to_numpy(model.nats(outputs, targets))
    drawn = np.stack([ops.convert_to_numpy(model.sampled_nats(outputs, targets)) for _ in range(300)])
    np.testing.assert_allclose(np.log(np.exp(drawn.astype("float64")).mean(axis=0)), exact, atol=0.05)
    assert np.abs(drawn - exact).max() > 0.05


@pytest.mark.parametrize(("sampled", "used"), [(2, True), (3, False)])
def test_training_uses_the_sample_only_for_large_vocabularies(tokens, monkeypatch, sampled, used):
    model, calls = build_model(Config(**SIZES, sampled=sampled), VOCABULARY), []

    def sampled_nats(outputs, targets):
        calls.append(targets)
        return model.nats(outputs, targets)

    monkeypatch.setattr(model, "sampled_nats", sampled_nats)
    model.compile(keras.optimizers.SGD(0.0), loss=nats_themselves)
    data = batches(tokens, [[True] * 3] * 3, 4)
    model.evaluate(data, verbose=0)
    assert not calls
    model.fit(data, verbose=0, shuffle=False)
    assert bool(calls) == used


def test_training_carries_the_state_from_chunk_to_chunk():
    """Every sixth token differs; a chunk of three does not show which step comes next, the state before it does."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    config = Config(
        units=24, embedding_dim=8, batch_size=32, dropout=0, output_dropout=0, learning_rate=0.02, clip_norm=1
    )
    model = build_model(config, 8)
    compile_model(model, config, 720)

    def stories(count):
        first = generator.integers(4, 6, (32, count))
        text = np.full((32, count, 6), 6)
        text[:, :, 0] = first
        text[:, :, 5] = first
        return text.reshape(32, -1).astype("int32")

    text = stories(121)
    steps = (text.shape[1] - 1) // 3
    fresh = np.zeros((steps, 32), bool)
    fresh[0] = True
    data = batches(text[:, : 3 * steps + 1], fresh, 3)
    model.fit(data, epochs=3, verbose=0, shuffle=False)
    outputs, _ = model.run(stories(20), zeros(model, 32))
    found = ops.convert_to_numpy(ops.softmax(model.logits(outputs)))
    # With fresh chunks in training this is 0.
    assert found[:, 4::6, 4:6].sum(-1).mean() > 0.9
