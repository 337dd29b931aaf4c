"""The network: tokens as sums of feature vectors, a bidirectional LSTM over the tokens, one probability."""

import math

import keras
from keras import ops

import layers

from ..common import models

# A copy of the app under another name registers its classes under that name.
registered = keras.saving.register_keras_serializable(__package__.rpartition(".")[2])


@registered
class TokenEmbedding(keras.layers.Layer):
    """Sum of the vectors of a token's features, divided by the square root of their number.

    Input: int (batch, tokens, features), 0 for padding. Output: (batch, tokens, embedding_dim), with a mask that is
    False for tokens without features.

    Args:
        vocabulary_size: number of features, with padding (0) and unknown (1).
        embedding_dim: size of a vector.
        feature_dropout: fraction of the features dropped in training.
    """

    def __init__(self, vocabulary_size, embedding_dim, feature_dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.feature_dropout = feature_dropout
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.vocabulary_size, self.embedding_dim),
            initializer=keras.initializers.RandomNormal(stddev=0.1),
        )

    def call(self, features, training=False):
        present = ops.cast(ops.not_equal(features, 0), self.compute_dtype)
        if training and self.feature_dropout:
            # Dropout would rescale what remains; the division below already does.
            drawn = keras.random.uniform(ops.shape(present), seed=self.seed_generator)
            present = present * ops.cast(drawn >= self.feature_dropout, self.compute_dtype)
        vectors = ops.take(ops.cast(self.embeddings, self.compute_dtype), features, axis=0)
        total = ops.squeeze(ops.matmul(present[:, :, None, :], vectors), axis=2)
        return total / ops.sqrt(ops.maximum(ops.sum(present, axis=-1, keepdims=True), 1))

    def compute_mask(self, features, mask=None):
        return ops.any(ops.not_equal(features, 0), axis=-1)

    def get_config(self):
        names = ("vocabulary_size", "embedding_dim", "feature_dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@registered
class MaskedMaxPooling(keras.layers.Layer):
    """Maximum over the steps that are not padding.

    Input: (batch, time, channels) with its mask. Output: (batch, channels).
    """

    def call(self, sequences, mask=None):
        if mask is not None:
            lowest = ops.cast(-1e4, sequences.dtype)
            sequences = ops.where(ops.expand_dims(mask, -1), sequences, lowest)
        return ops.max(sequences, axis=1)

    def compute_mask(self, sequences, mask=None):
        return None


def build_model(config, vocabulary_size, positive_fraction=0.5):
    """Build the untrained network: int (batch, tokens, features) -> probability of the positive class (batch, 1).

    Args:
        config: a `Config`.
        vocabulary_size: number of features, with padding and unknown.
        positive_fraction: fraction of positive training rows, the initial prediction for every message; training need
            not first learn how frequent the classes are.
    """
    log_odds = math.log(positive_fraction / (1 - positive_fraction))
    features = keras.Input((None, config.max_features), dtype="int32", name="features")
    x = TokenEmbedding(vocabulary_size, config.embedding_dim, config.feature_dropout)(features)
    x = keras.layers.SpatialDropout1D(config.dropout)(x)
    x = keras.layers.Bidirectional(layers.LSTM(config.units, return_sequences=True))(x)
    x = MaskedMaxPooling()(x)
    x = keras.layers.Dropout(config.dropout)(x)
    x = keras.layers.Dense(config.dense_units, activation="relu")(x)
    x = keras.layers.Dropout(config.dropout)(x)
    probability = keras.layers.Dense(
        1,
        activation="sigmoid",
        bias_initializer=keras.initializers.Constant(log_odds),
        dtype="float32",
        name="probability",
    )(x)
    return keras.Model(features, probability, name="spam_detector")


def load_model(path):
    """Load a model of `build_model`; the classes of its layers are registered here."""
    return models.load_model(path)
