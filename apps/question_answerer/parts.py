"""Parts of the network: vectors of sentences, and a DNC's controller and initial bias."""

import math

import keras
from keras import ops

# A copy of the app under another name registers its classes under that name.
registered = keras.saving.register_keras_serializable(__package__.rpartition(".")[2])


@registered
class Controller(keras.layers.Layer):
    """A controller without a state: a dense layer with layer normalization, so that only the memory remembers.

    Args:
        units: size of the output.

    Call arguments:
        inputs: (batch, features).

    Returns:
        (batch, units).
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy)
        self.normalization = keras.layers.LayerNormalization(dtype=self.dtype_policy)

    def build(self, input_shape):
        self.dense.build(input_shape)
        self.normalization.build((*input_shape[:-1], self.units))

    def call(self, inputs):
        return ops.relu(self.normalization(self.dense(inputs)))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@registered
class SentenceVectors(keras.layers.Layer):
    """Vectors of sentences: the sum of the vectors of their words, weighted by learned weights of their positions.

    Args:
        vocabulary_size: number of words, with the special ones.
        dim: size of a vector.
        max_words: largest number of words of a sentence.

    Call arguments:
        inputs: int (..., words), at most `max_words`; 0 for padding.

    Returns:
        (..., dim).
    """

    def __init__(self, vocabulary_size, dim, max_words, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size, self.dim, self.max_words = vocabulary_size, dim, max_words

    def build(self, input_shape=None):
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.vocabulary_size, self.dim),
            initializer=keras.initializers.RandomNormal(stddev=0.3),
        )
        self.positions = self.add_weight(
            name="positions",
            shape=(self.max_words, self.dim),
            initializer=keras.initializers.RandomNormal(mean=1.0, stddev=0.5),
        )

    def call(self, inputs):
        vectors = ops.take(self.embeddings, inputs, axis=0)
        kept = ops.cast(ops.not_equal(inputs, 0), vectors.dtype)[..., None]
        return ops.sum(vectors * kept * self.positions[: ops.shape(inputs)[-1]], axis=-2)

    def get_config(self):
        sizes = {"vocabulary_size": self.vocabulary_size, "dim": self.dim, "max_words": self.max_words}
        return {**super().get_config(), **sizes}


# Initial bias of gates of a DNC: write each sentence into a free slot, and free none.
GATES = {"write_gate": 2.0, "allocation_gate": 2.0, "free_gates": -2.0}


def initial_bias(interface_parts):
    """Return the initial bias of a DNC's interface vector, a list of numbers.

    Args:
        interface_parts: of the DNC's cell.
    """
    values = []
    for name, part in interface_parts.items():
        values += [GATES.get(name, 0.0)] * math.prod(part.shape)
    return values
