"""The network: steps equal the sequence, padding has no effect, attention equals its equations, it learns and saves."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from apps.common.decoding import Searcher
from apps.common.options import Search
from apps.common.text import END_ID, START_ID
from apps.translator.config import Config
from apps.translator.data import encode_pairs, fit_subwords, shift_right
from apps.translator.fit import SmoothedCrossentropy, compile_model
from apps.translator.model import build_model, load_model
from apps.translator.reading import Pairs

KINDS = {
    "gru": {},
    "lstm": {"family": "lstm", "attention": "multiplicative", "encoder_layers": 2, "tied_embeddings": False},
    "plain": {"attention": "none"},
}
SIZES = {"units": 8, "embedding_dim": 6}


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    """An untrained model; tests do not change it."""
    keras.utils.set_random_seed(0)
    return build_model(Config(**SIZES, **KINDS[request.param]), 30, 40)


@pytest.fixture(scope="module")
def ids():
    """Sources of 7, 4 and 2 subwords; the first five of three targets."""
    generator = np.random.default_rng(0)
    source = generator.integers(4, 30, size=(3, 7)).astype("int32")
    source[1, 4:] = source[2, 2:] = 0
    decoder_inputs = generator.integers(4, 40, size=(3, 5)).astype("int32")
    decoder_inputs[:, 0] = START_ID
    return source, decoder_inputs


def logits(model, source, decoder_inputs):
    return ops.convert_to_numpy(model((source, decoder_inputs)))


def test_steps_give_the_logits_of_the_sequence(model, ids):
    source, decoder_inputs = ids
    expected = logits(model, source, decoder_inputs)
    memory, initial = model.encode(source)
    # Two beams: the right one, and one in which every subword is the end.
    states = [ops.stack([state, state], axis=1) for state in initial]
    for time in range(decoder_inputs.shape[1]):
        tokens = np.stack([decoder_inputs[:, time], np.full(3, END_ID)], axis=1)
        found, states = model.step(ops.convert_to_tensor(tokens), memory, states)
        np.testing.assert_allclose(ops.convert_to_numpy(found)[:, 0], expected[:, time], atol=1e-5)
    assert np.abs(ops.convert_to_numpy(found)[:, 1] - expected[:, -1]).max() > 1e-3


def test_decoder_starts_from_the_last_states_of_both_directions(model, ids):
    source, _ = ids
    memory, states = model.encode(source)
    values = ops.convert_to_numpy(memory.values)
    forward = np.stack([values[row, length - 1, :8] for row, length in enumerate((7, 4, 2))])
    both = np.concatenate([forward, values[:, 0, 8:]], axis=1)
    assert len(states) == len(model.bridges) == 2 * model.num_states
    for bridge, state in zip(model.bridges, states, strict=True):
        kernel, bias = map(ops.convert_to_numpy, (bridge.kernel, bridge.bias))
        expected = both @ kernel + bias
        expected = np.tanh(expected) if bridge.activation is keras.activations.tanh else expected
        np.testing.assert_allclose(ops.convert_to_numpy(state), expected, atol=1e-5)


def test_padding_has_no_effect(model, ids):
    source, decoder_inputs = ids
    together = logits(model, source, decoder_inputs)
    longer = logits(model, np.pad(source, [(0, 0), (0, 6)]), np.pad(decoder_inputs, [(0, 0), (0, 3)]))
    np.testing.assert_allclose(longer[:, :5], together, atol=1e-5)
    for row, length in enumerate((7, 4, 2)):
        alone = logits(model, source[row : row + 1, :length], decoder_inputs[row : row + 1])
        np.testing.assert_allclose(alone[0], together[row], atol=1e-5)


def test_later_target_subwords_have_no_effect(model, ids):
    source, decoder_inputs = ids
    other = decoder_inputs.copy()
    other[:, 3:] = 7
    before, after = logits(model, source, decoder_inputs), logits(model, source, other)
    np.testing.assert_allclose(before[:, :3], after[:, :3], atol=1e-6)
    assert np.abs(before[:, 3:] - after[:, 3:]).max() > 1e-3


def test_untrained_loss_is_that_of_guessing(model, ids):
    found = logits(model, *ids)
    assert found.shape == (3, 5, 40)
    assert abs(float(SmoothedCrossentropy(0.1)(ids[1], found)) - math.log(40)) < 0.3


def test_model_survives_save_and_load(model, ids, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(logits(loaded, *ids), logits(model, *ids))
    assert loaded.get_config() == model.get_config()


def test_tied_embeddings_are_one_weight():
    def count(**options):
        return build_model(Config(**SIZES, **options), 30, 40).count_params()

    assert count(tied_embeddings=False) - count() == 40 * 6


def test_attention_weights_equal_the_equations(model, ids):
    source, decoder_inputs = ids
    found = model.attention_weights(source, decoder_inputs)
    if not model.has_attention:
        assert found is None
        return
    memory, states = model.encode(source)
    outputs = model.decoder[0](model.target_embedding(decoder_inputs), initial_state=states[: model.num_states])
    queries, keys = (ops.convert_to_numpy(part) for part in (model.queries(outputs), memory.keys))
    if isinstance(model.attention, keras.layers.AdditiveAttention):
        vector = ops.convert_to_numpy(model.attention.scale)
        assert vector.std() == pytest.approx(8**-0.5, rel=0.5)
        scores = np.tanh(queries[:, :, None] + keys[:, None]) @ vector
    else:
        scores = queries @ keys.transpose(0, 2, 1)
    expected = np.where(source[:, None] != 0, np.exp(scores), 0)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected / expected.sum(axis=-1, keepdims=True), atol=1e-5)


def test_loss_equals_the_smoothed_cross_entropy():
    generator = np.random.default_rng(0)
    found, targets = generator.normal(size=(2, 3, 5)).astype("float32"), np.array([[1, 2, 0], [4, 0, 0]])
    weights = np.array([[1, 1, 0], [1, 0, 0]], "float32")
    log_probabilities = found - np.log(np.exp(found).sum(axis=-1, keepdims=True))
    smoothed = 0.8 * np.eye(5)[targets] + 0.2 / 5
    expected = -(smoothed * log_probabilities).sum(axis=-1)
    loss = SmoothedCrossentropy(0.2)(targets, found, sample_weight=weights)
    assert float(loss) == pytest.approx((expected * weights).sum() / weights.size, rel=1e-5)


EIGHT = {
    "a red house": "ein rotes Haus",
    "the red house": "das rote Haus",
    "a green book": "ein grünes Buch",
    "the green book": "das grüne Buch",
    "two red books": "zwei rote Bücher",
    "Is it a book?": "Ist es ein Buch?",
    "It is 12.": "Es ist 12.",
    "It is a house!": "Es ist ein Haus!",
}


@pytest.mark.parametrize("kind", ["gru", pytest.param("lstm", marks=pytest.mark.slow)])
def test_eight_pairs_are_memorized(kind):
    keras.utils.set_random_seed(0)
    free = {"dropout": 0.0, "output_dropout": 0.0, "label_smoothing": 0.0, "learning_rate": 0.02, "max_tokens": 30}
    sizes = {"units": 24, "embedding_dim": 16, "vocabulary_size": 60}
    config = Config(**sizes, **free, **KINDS[kind])
    pairs = Pairs(list(EIGHT), list(EIGHT.values()))
    subwords = fit_subwords(pairs, config)
    model = build_model(config, *(side.vocabulary_size for side in subwords))
    compile_model(model, config, steps=1)
    encoded = encode_pairs(pairs, subwords, config)
    source, target = encoded.sources.to_tensor(), encoded.targets.to_tensor()
    inputs, weights = (source, shift_right(target)), tf.cast(target != 0, "float32")
    model.fit(inputs, target, sample_weight=weights, epochs=100, shuffle=False, verbose=0)
    for beam in (1, 4):
        searcher = Searcher(model, config.max_tokens + 1, Search(beam=beam))
        tokens, _ = searcher(source)
        decoded = subwords[1].decode(ops.convert_to_numpy(tokens)).numpy()
        assert [text.decode() for text in decoded] == pairs.targets
