"""The network: each token a bag of its parts, a bidirectional LSTM over the tokens, one probability."""

import math

import keras
from keras import ops

import layers

from ..common import runs


@keras.saving.register_keras_serializable("spam_detector")
class TokenEmbedding(keras.layers.Layer):
    """Sums the vectors of a token's features into one, scaled by the root of their number.

    Input: int (batch, tokens, features), 0 = no feature. Output: (batch, tokens, embedding_dim), with a mask
    that is False where a token has no feature at all: the padding.

    Args:
        vocabulary_size: features, with the padding (0) and the unknown (1).
        embedding_dim: size of a vector.
        feature_dropout: share of the features left out in training.
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
            # Dropout would scale up what it keeps; the division below already does.
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


@keras.saving.register_keras_serializable("spam_detector")
class MaskedMaxPooling(keras.layers.Layer):
    """The largest value of each channel over the steps that are not padding.

    Input: (batch, time, channels) with its mask. Output: (batch, channels).
    """

    def call(self, sequences, mask=None):
        if mask is not None:
            lowest = ops.cast(-1e4, sequences.dtype)
            sequences = ops.where(ops.expand_dims(mask, -1), sequences, lowest)
        return ops.max(sequences, axis=1)

    def compute_mask(self, sequences, mask=None):
        return None


def build_model(config, vocabulary_size, positive_share=0.5):
    """Untrained network: int (batch, tokens, features) -> probability of the positive class (batch, 1).

    Args:
        vocabulary_size: features, with the padding and the unknown.
        positive_share: of the training rows; the first guess for every message, so that training does not
            begin with unlearning that classes are equally common.
    """
    log_odds = math.log(positive_share / (1 - positive_share))
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


def load_model(path, compile=False):
    """A model of `build_model` that a training saved; the classes of its layers are here.

    Args:
        compile: whether with its loss and optimizer, to train on.
    """
    return runs.load_model(path, compile)
