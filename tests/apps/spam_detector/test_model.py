"""The network: what it gives before training, what padding does to it, that it can learn, that it saves."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from apps.spam_detector.config import Config
from apps.spam_detector.data import Encoder, make_dataset
from apps.spam_detector.fit import compile_model
from apps.spam_detector.model import MaskedMaxPooling, TokenEmbedding, build_model
from apps.spam_detector.reading import read_examples


@pytest.fixture
def features():
    """Three messages of 9, 4 and 1 tokens."""
    generator = np.random.default_rng(0)
    numbers = generator.integers(2, 50, size=(3, 9, 32)).astype("int32")
    numbers[:, :, 20:] = 0
    numbers[1, 4:] = 0
    numbers[2, 1:] = 0
    return numbers


def test_untrained_loss_is_that_of_guessing(features):
    model = build_model(Config(), 50)
    probabilities = ops.convert_to_numpy(model(features))
    assert probabilities.shape == (3, 1)
    loss = -np.log(np.where([[1], [0], [1]], probabilities, 1 - probabilities)).mean()
    assert abs(loss - math.log(2)) < 0.1


def test_first_guess_is_the_share_of_the_class(features):
    model = build_model(Config(), 50, positive_fraction=0.1)
    np.testing.assert_allclose(ops.convert_to_numpy(model(features)), 0.1, atol=0.05)


def test_padding_changes_nothing(features):
    model = build_model(Config(), 50)
    together = ops.convert_to_numpy(model(features))
    longer = ops.convert_to_numpy(model(np.pad(features, [(0, 0), (0, 7), (0, 0)])))
    np.testing.assert_allclose(together, longer, rtol=1e-5)
    for row, tokens in enumerate((9, 4, 1)):
        alone = ops.convert_to_numpy(model(features[row : row + 1, :tokens]))
        np.testing.assert_allclose(together[row : row + 1], alone, rtol=1e-5)


def test_token_vector_is_the_sum_of_its_features_over_the_root_of_their_number():
    layer = TokenEmbedding(10, 4)
    numbers = np.array([[[2, 5, 5, 0], [0, 0, 0, 0]]], "int32")
    vectors = ops.convert_to_numpy(layer(numbers))
    table = layer.get_weights()[0]
    np.testing.assert_allclose(vectors[0, 0], (table[2] + 2 * table[5]) / math.sqrt(3), rtol=1e-5)
    np.testing.assert_array_equal(vectors[0, 1], 0)
    assert ops.convert_to_numpy(layer.compute_mask(numbers)).tolist() == [[True, False]]


def test_feature_dropout_hides_some_features_in_training_alone():
    layer = TokenEmbedding(1000, 1, feature_dropout=0.5)
    layer.build((None, None, None))
    layer.set_weights([np.arange(1000.0)[:, None] ** 0])
    numbers = np.full((1, 200, 64), 7, "int32")
    np.testing.assert_allclose(ops.convert_to_numpy(layer(numbers, training=False)), 8, rtol=1e-5)
    kept = np.square(ops.convert_to_numpy(layer(numbers, training=True)))
    assert abs(kept.mean() - 32) < 2
    assert kept.std() > 2


def test_pooling_looks_at_kept_steps_alone():
    sequences = np.array([[[-3.0, 1.0], [-1.0, -5.0], [9.0, 9.0]]], "float32")
    pooled = MaskedMaxPooling()(sequences, mask=np.array([[True, True, False]]))
    assert ops.convert_to_numpy(pooled).tolist() == [[-1.0, 1.0]]


def test_learns_eight_messages_by_heart():
    config = Config(feature_dropout=0.0, dropout=0.0, label_smoothing=0.0, learning_rate=0.01, min_count=1, patience=99)
    examples = read_examples(config)
    rows = np.concatenate([np.flatnonzero(examples.labels == label)[:4] for label in (0, 1)])
    eight = examples.take(rows)
    encoder = Encoder.fit(eight.texts, config)
    model = build_model(config, encoder.lookup.vocabulary_size())
    compile_model(model, config, 60)
    model.fit(make_dataset(eight, encoder, config, range(30)), shuffle=False, verbose=0)
    probabilities = ops.convert_to_numpy(model(encoder(eight.texts)))[:, 0]
    assert np.abs(probabilities - eight.labels).max() < 0.05


def test_model_survives_save_and_load(features, tmp_path):
    config = Config(feature_dropout=0.7, dropout=0.6, embedding_dim=8, units=5)
    model = build_model(config, 50)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(ops.convert_to_numpy(loaded(features)), ops.convert_to_numpy(model(features)))
    embedding = next(layer for layer in loaded.layers if isinstance(layer, TokenEmbedding))
    assert (embedding.vocabulary_size, embedding.embedding_dim, embedding.feature_dropout) == (50, 8, 0.7)
