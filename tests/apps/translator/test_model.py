"""The network: a step is what a sequence is, padding changes nothing, it looks where it should, it learns and saves."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from apps.common.decoding import Search, Searcher
from apps.common.text import END_ID, START_ID
from apps.translator.config import Config
from apps.translator.data import Pairs, fit_subwords, make_dataset
from apps.translator.model import Attention, Memory, build_model, load_model
from apps.translator.train import SmoothedCrossentropy, compile_model

KINDS = {
    "gru": {},
    "lstm": {"family": "lstm", "attention": "multiplicative", "encoder_layers": 2, "tied_embeddings": False},
    "plain": {"attention": "none"},
    "plain lstm": {"family": "lstm", "attention": "none"},
}
SIZES = {"units": 8, "embedding_dim": 6}


@pytest.fixture(params=KINDS)
def model(request):
    keras.utils.set_random_seed(0)
    return build_model(Config(**SIZES, **KINDS[request.param]), 30, 40)


@pytest.fixture
def numbers():
    """Sources of 7, 4 and 1 subwords; the first five of three targets."""
    generator = np.random.default_rng(0)
    source = generator.integers(4, 30, size=(3, 7)).astype("int32")
    source[1, 4:] = source[2, 1:] = 0
    given = generator.integers(4, 40, size=(3, 5)).astype("int32")
    given[:, 0] = START_ID
    return source, given


def logits(model, source, given):
    return ops.convert_to_numpy(model((source, given)))


def test_step_by_step_gives_what_the_whole_sequence_gives(model, numbers):
    source, given = numbers
    whole = logits(model, source, given)
    memory, start = model.encode(source)
    # Two beginnings at a time: the right one, and one that is always the end.
    states = [ops.stack([state, state], axis=1) for state in start]
    for time in range(given.shape[1]):
        tokens = np.stack([given[:, time], np.full(3, END_ID)], axis=1)
        found, states = model.step(ops.convert_to_tensor(tokens), memory, states)
        np.testing.assert_allclose(ops.convert_to_numpy(found)[:, 0], whole[:, time], atol=1e-5)
    assert np.abs(ops.convert_to_numpy(found)[:, 1] - whole[:, -1]).max() > 1e-3


def test_decoder_starts_from_the_last_states_of_both_directions(model, numbers):
    source, _ = numbers
    memory, states = model.encode(source)
    values = ops.convert_to_numpy(memory.values)
    ahead = np.stack([values[row, length - 1, :8] for row, length in enumerate((7, 4, 1))])
    both = np.concatenate([ahead, values[:, 0, 8:]], axis=1)
    assert len(states) == len(model.bridges) == 2 * model.num_states
    for bridge, state in zip(model.bridges, states, strict=True):
        kernel, bias = map(ops.convert_to_numpy, (bridge.kernel, bridge.bias))
        expected = both @ kernel + bias
        expected = np.tanh(expected) if bridge.activation is keras.activations.tanh else expected
        np.testing.assert_allclose(ops.convert_to_numpy(state), expected, atol=1e-5)


def test_padding_changes_nothing(model, numbers):
    source, given = numbers
    together = logits(model, source, given)
    longer = logits(model, np.pad(source, [(0, 0), (0, 6)]), np.pad(given, [(0, 0), (0, 3)]))
    np.testing.assert_allclose(longer[:, :5], together, atol=1e-5)
    for row, length in enumerate((7, 4, 1)):
        alone = logits(model, source[row : row + 1, :length], given[row : row + 1])
        np.testing.assert_allclose(alone[0], together[row], atol=1e-5)


def test_what_comes_later_in_the_target_changes_nothing(model, numbers):
    source, given = numbers
    other = given.copy()
    other[:, 3:] = 7
    before, after = logits(model, source, given), logits(model, source, other)
    np.testing.assert_allclose(before[:, :3], after[:, :3], atol=1e-6)
    assert np.abs(before[:, 3:] - after[:, 3:]).max() > 1e-3


def test_untrained_loss_is_that_of_guessing(model, numbers):
    source, given = numbers
    found = logits(model, source, given)
    assert found.shape == (3, 5, 40)
    assert abs(float(SmoothedCrossentropy(0.1)(given, found)) - math.log(40)) < 0.3


def test_model_survives_save_and_load(model, numbers, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(logits(loaded, *numbers), logits(model, *numbers))
    assert loaded.get_config() == model.get_config()


def test_tied_embeddings_are_one_weight():
    def count(**options):
        return build_model(Config(**SIZES, **options), 30, 40).count_params()

    assert count(tied_embeddings=False) - count() == 40 * 6


@pytest.mark.parametrize("score", ["additive", "multiplicative"])
def test_attention_equals_the_equations(score):
    generator = np.random.default_rng(0)
    queries, keys, values = (
        generator.normal(size=shape).astype("float32") for shape in [(2, 3, 4), (2, 5, 4), (2, 5, 6)]
    )
    mask = np.array([[True] * 5, [True] * 3 + [False] * 2])
    layer = Attention(score)
    contexts, weights = layer(queries, Memory(*map(ops.convert_to_tensor, (values, keys, mask))))
    for row in range(2):
        for time in range(3):
            if score == "additive":
                vector = ops.convert_to_numpy(layer.vector)[:, 0]
                scores = np.array([vector @ np.tanh(queries[row, time] + key) for key in keys[row]])
            else:
                scores = keys[row] @ queries[row, time]
            expected = np.where(mask[row], np.exp(scores), 0)
            expected /= expected.sum()
            np.testing.assert_allclose(weights[row, time], expected, atol=1e-5)
            np.testing.assert_allclose(contexts[row, time], expected @ values[row], atol=1e-5)


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
def test_learns_eight_pairs_by_heart(kind):
    keras.utils.set_random_seed(0)
    free = {"dropout": 0.0, "output_dropout": 0.0, "label_smoothing": 0.0, "learning_rate": 0.02, "max_tokens": 30}
    sizes = {"units": 24, "embedding_dim": 16, "vocabulary_size": 60}
    config = Config(**sizes, **free, **KINDS[kind])
    pairs = Pairs(list(EIGHT), list(EIGHT.values()))
    subwords = fit_subwords(pairs, config)
    model = build_model(config, *(side.vocabulary_size for side in subwords))
    compile_model(model, config, steps=1)
    model.fit(make_dataset(pairs, subwords, config, range(70)), shuffle=False, verbose=0)
    for beam in (1, 4):
        searcher = Searcher(model, config.max_tokens + 1, Search(beam=beam))
        for source, target in EIGHT.items():
            ended = [*subwords[0].encode([source]).to_list()[0], END_ID]
            tokens, _ = searcher(np.array([ended]))
            assert subwords[1].decode(ops.convert_to_numpy(tokens)).numpy()[0].decode() == target
