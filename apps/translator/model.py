"""The network: a bidirectional encoder, a decoder of two recurrent layers, and attention between the two.

Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate", ICLR 2015.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

import layers

from ..common import runs


class Memory(NamedTuple):
    """What the decoder knows of the source sentences.

    Attributes:
        values: (batch, source_time, 2 * units), the encoder's outputs.
        keys: (batch, source_time, units), what queries are compared with.
        mask: bool (batch, source_time), False on padding.
    """

    values: Any
    keys: Any
    mask: Any


@keras.saving.register_keras_serializable("translator")
class Attention(keras.layers.Layer):
    """Reads from a memory what each query asks for.

    The weights are the softmax over source_time of the scores of query q and key k:

        additive          v . tanh(q + k)       Bahdanau et al. 2015, appendix A.1.2
        multiplicative    q . k                 Luong, Pham and Manning, EMNLP 2015, section 3.1, `general`

    in both of which q and k are projections, made outside.

    Args:
        score: `additive` or `multiplicative`.

    Call arguments:
        queries: (batch, target_time, units).
        memory: a `Memory`.

    Returns:
        contexts (batch, target_time, 2 * units) and weights (batch, target_time, source_time).
    """

    def __init__(self, score, **kwargs):
        super().__init__(**kwargs)
        self.score = score

    def build(self, queries_shape, memory_shape):
        if self.score == "additive":
            deviation = queries_shape[-1] ** -0.5
            self.vector = self.add_weight(
                name="vector",
                shape=(queries_shape[-1], 1),
                initializer=keras.initializers.RandomNormal(stddev=deviation),
            )

    def call(self, queries, memory):
        if self.score == "additive":
            compared = ops.tanh(queries[:, :, None] + memory.keys[:, None])
            scores = ops.squeeze(ops.matmul(compared, self.vector), axis=-1)
        else:
            scores = ops.matmul(queries, ops.transpose(memory.keys, (0, 2, 1)))
        scores = ops.where(memory.mask[:, None], scores, ops.cast(-1e4, scores.dtype))
        weights = ops.softmax(scores)
        return ops.matmul(weights, memory.values), weights

    def get_config(self):
        return {**super().get_config(), "score": self.score}


@keras.saving.register_keras_serializable("translator")
class EncoderDecoder(keras.Model):
    """Numbers of source subwords and of the target so far -> logits of the next target subword.

    The encoder's last states start the decoder. Of the decoder's layers the first reads the target so far and asks;
    the second reads, beside the first one's answer, the context that attention found for it; the readout sees the
    second's output, the context and the last subword. It is the conditional decoder of Sennrich et al. ("Nematus",
    EACL 2017) with a state of its own for each layer, as in Wu et al. ("Google's Neural Machine Translation System",
    2016, section 3): nothing that attention finds goes back into the first layer, so in training each layer runs over
    the whole sentence at once and attention is a few large products.

    Args:
        source_vocabulary_size, target_vocabulary_size: subwords, with the special ones.
        family: `gru` or `lstm`.
        attention: `additive`, `multiplicative` or `none`.
        embedding_dim, units, encoder_layers, tied_embeddings, dropout, output_dropout: as in `Config`.

    Call arguments:
        inputs: (source, given), int (batch, source_time) and (batch, target_time), 0 = padding.

    Returns:
        Logits, float32 (batch, target_time, target_vocabulary_size).
    """

    def __init__(
        self,
        source_vocabulary_size,
        target_vocabulary_size,
        family="gru",
        attention="additive",
        embedding_dim=256,
        units=256,
        encoder_layers=1,
        tied_embeddings=True,
        dropout=0.0,
        output_dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._settings = {
            "source_vocabulary_size": source_vocabulary_size,
            "target_vocabulary_size": target_vocabulary_size,
            "family": family,
            "attention": attention,
            "embedding_dim": embedding_dim,
            "units": units,
            "encoder_layers": encoder_layers,
            "tied_embeddings": tied_embeddings,
            "dropout": dropout,
            "output_dropout": output_dropout,
        }
        self.has_attention = attention != "none"
        recurrent = {"gru": layers.GRU, "lstm": layers.LSTM}[family]
        self.source_embedding = keras.layers.Embedding(source_vocabulary_size, embedding_dim, name="source_embedding")
        self.target_embedding = keras.layers.ReversibleEmbedding(
            target_vocabulary_size,
            embedding_dim,
            tie_weights=tied_embeddings,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=embedding_dim**-0.5),
            reverse_dtype="float32",
            name="target_embedding",
        )
        self.encoder = [
            layers.Bidirectional(recurrent(units, return_sequences=True, return_state=True), name=f"encoder_{number}")
            for number in range(encoder_layers)
        ]
        self.decoder = [recurrent(units, return_sequences=True, name=f"decoder_{number}") for number in range(2)]
        self.num_states = self.decoder[0].cell.num_states
        # A hidden state lies between -1 and 1; a cell may be anything.
        self.bridges = [
            keras.layers.Dense(units, activation=None if number % self.num_states else "tanh", name=f"bridge_{number}")
            for number in range(2 * self.num_states)
        ]
        if self.has_attention:
            self.queries = keras.layers.Dense(units, use_bias=False, name="queries")
            self.keys = keras.layers.Dense(units, name="keys")
            self.attention = Attention(attention, name="attention")
        self.readout = keras.layers.Dense(embedding_dim, activation="tanh", name="readout")
        self.drop = keras.layers.Dropout(dropout)
        self.drop_output = keras.layers.Dropout(output_dropout)

    def build(self, inputs_shape):
        self.call([keras.Input((None,), dtype="int32") for _ in inputs_shape])

    def call(self, inputs, training=False):
        source, given = inputs
        return self._decode_whole(given, *self.encode(source, training), training)[0]

    def encode(self, source, training=False):
        """Int (batch, source_time) -> `Memory` and the decoder's start states, a list of (batch, units)."""
        mask = ops.not_equal(source, 0)
        values = self.drop(self.source_embedding(source), training=training)
        for layer in self.encoder:
            values, *last = layer(values, mask=mask, training=training)
            values = self.drop(values, training=training)
        summary = ops.concatenate([last[0], last[self.num_states]], axis=-1)
        keys = self.keys(values) if self.has_attention else None
        return Memory(values, keys, mask), [bridge(summary) for bridge in self.bridges]

    def step(self, tokens, memory, states):
        """One subword further, for several beginnings of each translation.

        Args:
            tokens: int (batch, beam), the last subwords.
            memory: of `encode`.
            states: list of (batch, beam, units).

        Returns:
            logits (batch, beam, target_vocabulary_size) and the new states.
        """
        beam = tokens.shape[1]

        def flat(part):
            return ops.reshape(part, (-1, part.shape[-1]))

        def beams(rows):
            return ops.reshape(rows, (-1, beam, rows.shape[-1]))

        def recur(index, inputs, last):
            output, new = self.decoder[index].cell(flat(inputs), [flat(state) for state in last])
            return beams(output), [beams(state) for state in new]

        logits, _, states = self._decode(tokens, memory, states, recur, training=False)
        return logits, states

    def look(self, source, given):
        """The attention weights, (batch, target_time, source_time), of the subwords after `given`; None without."""
        return self._decode_whole(given, *self.encode(source), training=False)[1]

    def _decode_whole(self, given, memory, states, training):
        def recur(index, inputs, start):
            return self.decoder[index](inputs, initial_state=start, training=training), start

        return self._decode(given, memory, states, recur, training)

    def _decode(self, tokens, memory, states, recur, training):
        """The decoder over a sentence, or, with the beam in the place of time, over one step of several.

        Args:
            recur: (layer's index, inputs, states) -> outputs, new states.
        """
        count = self.num_states
        embedded = self.drop(self.target_embedding(tokens), training=training)
        seen, first = recur(0, embedded, states[:count])
        weights, parts = None, [seen]
        if self.has_attention:
            contexts, weights = self.attention(self.queries(seen), memory)
            parts = [seen, self.drop(contexts, training=training)]
        outputs, second = recur(1, ops.concatenate(parts, axis=-1), states[count:])
        read = self.readout(ops.concatenate([outputs, *parts[1:], embedded], axis=-1))
        read = self.drop_output(read, training=training)
        return self.target_embedding(read, reverse=True), weights, [*first, *second]

    def get_config(self):
        return {**super().get_config(), **self._settings}


def build_model(config, source_vocabulary_size, target_vocabulary_size):
    """An untrained `EncoderDecoder` with its weights made."""
    names = "family attention embedding_dim units encoder_layers tied_embeddings dropout output_dropout".split()
    settings = {name: getattr(config, name) for name in names}
    model = EncoderDecoder(source_vocabulary_size, target_vocabulary_size, **settings, name="encoder_decoder")
    model.build([(None, None), (None, None)])
    return model


def load_model(path, compile=False):
    """A model of `build_model` that a training saved; the classes of its layers are here.

    Args:
        compile: whether with the loss and the optimizer of `train.py`, to train on.
    """
    return runs.load_model(path, compile)
