"""The network: a bidirectional encoder, a decoder of two recurrent layers, and attention between the two.

Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate", ICLR 2015.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

import layers

from ..common import models
from ..common.decoding import step_beams

# A copy of the app under another name registers its classes under that name.
registered = keras.saving.register_keras_serializable(__package__.rpartition(".")[2])


class Memory(NamedTuple):
    """The encoded source sentences.

    Attributes:
        values: (batch, source_time, 2 * units), the encoder's outputs.
        keys: (batch, source_time, units), compared with queries; None without attention.
        mask: bool (batch, source_time), False on padding.
    """

    values: Any
    keys: Any
    mask: Any


@registered
class EncoderDecoder(keras.Model):
    """Predict the next target subword from the ids of a source sentence and the target so far.

    The encoder's last states, projected, are the decoder's initial states. The decoder's first layer reads the target
    so far; its outputs are the queries of the attention; the second layer reads these outputs and the contexts; the
    readout reads the second layer's outputs, the contexts and the embedded target. This is the conditional decoder of
    Sennrich et al. ("Nematus", EACL 2017), but each layer has its own state, as in Wu et al. ("Google's Neural Machine
    Translation System", 2016, section 3): contexts do not enter the first layer, so in training each layer runs over
    the whole sentence at once and attention is a few large products.

    The attention weights are the softmax over source_time of the scores of query q and key k, which are projections:

        additive          v . tanh(q + k)       Bahdanau et al. 2015, appendix A.1.2
        multiplicative    q . k                 Luong, Pham and Manning, EMNLP 2015, section 3.1, `general`

    Args:
        source_vocabulary_size, target_vocabulary_size: number of subwords, with the special ones.
        family: `gru` or `lstm`.
        attention: `additive`, `multiplicative` or `none`.
        embedding_dim, units, encoder_layers, tied_embeddings, dropout, output_dropout: as in `Config`.

    Call arguments:
        inputs: (source, decoder_inputs), int (batch, source_time) and (batch, target_time), 0 for padding.

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
            keras.layers.Bidirectional(
                recurrent(units, return_sequences=True, return_state=True), name=f"encoder_{index}"
            )
            for index in range(encoder_layers)
        ]
        self.decoder = [recurrent(units, return_sequences=True, name=f"decoder_{index}") for index in range(2)]
        self.num_states = self.decoder[0].cell.num_states
        # A hidden state is between -1 and 1; a cell state has no bounds.
        self.bridges = [
            keras.layers.Dense(units, activation=None if index % self.num_states else "tanh", name=f"bridge_{index}")
            for index in range(2 * self.num_states)
        ]
        if self.has_attention:
            self.queries = keras.layers.Dense(units, use_bias=False, name="queries")
            self.keys = keras.layers.Dense(units, name="keys")
            kinds = {"additive": keras.layers.AdditiveAttention, "multiplicative": keras.layers.Attention}
            self.attention = kinds[attention](name="attention")
        self.readout = keras.layers.Dense(embedding_dim, activation="tanh", name="readout")
        self.dropout = keras.layers.Dropout(dropout)
        self.output_dropout = keras.layers.Dropout(output_dropout)

    def build(self, inputs_shape):
        self.call([keras.Input((None,), dtype="int32") for _ in inputs_shape])

    def call(self, inputs, training=False):
        source, decoder_inputs = inputs
        return self._decode_sequence(decoder_inputs, *self.encode(source, training), training)[0]

    def encode(self, source, training=False):
        """Encode sentences.

        Args:
            source: int (batch, source_time), 0 for padding.
            training: whether to apply dropout.

        Returns:
            `Memory`, and the decoder's initial states, a list of (batch, units).
        """
        mask = ops.not_equal(source, 0)
        values = self.dropout(self.source_embedding(source), training=training)
        for layer in self.encoder:
            values, *states = layer(values, mask=mask, training=training)
            values = self.dropout(values, training=training)
        summary = ops.concatenate([states[0], states[self.num_states]], axis=-1)
        keys = self.keys(values) if self.has_attention else None
        return Memory(values, keys, mask), [bridge(summary) for bridge in self.bridges]

    def step(self, tokens, memory, states):
        """Decode one step of several beams.

        Args:
            tokens: int (batch, beam), the last subwords.
            memory: `Memory`.
            states: list of (batch, beam, units).

        Returns:
            Logits, (batch, beam, target_vocabulary_size), and the list of new states.
        """

        def run_layer(layer, inputs, states):
            return step_beams(layer.cell, inputs, states)

        logits, _, states = self._decode(tokens, memory, states, run_layer, training=False)
        return logits, states

    def attention_weights(self, source, decoder_inputs):
        """Return the attention weights, (batch, target_time, source_time); None without attention."""
        return self._decode_sequence(decoder_inputs, *self.encode(source), training=False)[1]

    def _decode_sequence(self, decoder_inputs, memory, states, training):
        def run_layer(layer, inputs, states):
            return layer(inputs, initial_state=states, training=training), states

        return self._decode(decoder_inputs, memory, states, run_layer, training)

    def _decode(self, tokens, memory, states, run_layer, training):
        """Run the decoder over int (batch, target_time), or, in one step, (batch, beam).

        Args:
            run_layer: function of layer, inputs and states that returns outputs and new states.

        Returns:
            Logits, attention weights or None, and new states.
        """
        count = self.num_states
        embedded = self.dropout(self.target_embedding(tokens), training=training)
        outputs, first_states = run_layer(self.decoder[0], embedded, states[:count])
        weights, contexts, inputs = None, [], outputs
        if self.has_attention:
            found, weights = self.attention(
                [self.queries(outputs), memory.values, memory.keys],
                mask=[None, memory.mask],
                return_attention_scores=True,
            )
            contexts = [self.dropout(found, training=training)]
            inputs = ops.concatenate([outputs, *contexts], axis=-1)
        outputs, second_states = run_layer(self.decoder[1], inputs, states[count:])
        readout = self.readout(ops.concatenate([outputs, *contexts, embedded], axis=-1))
        readout = self.output_dropout(readout, training=training)
        return self.target_embedding(readout, reverse=True), weights, [*first_states, *second_states]

    def get_config(self):
        return {**super().get_config(), **self._settings}


def build_model(config, source_vocabulary_size, target_vocabulary_size):
    """Build the untrained network, an `EncoderDecoder` with weights.

    Args:
        config: a `Config`.
        source_vocabulary_size, target_vocabulary_size: number of subwords, with the special ones.
    """
    names = "family attention embedding_dim units encoder_layers tied_embeddings dropout output_dropout".split()
    settings = {name: getattr(config, name) for name in names}
    model = EncoderDecoder(source_vocabulary_size, target_vocabulary_size, **settings, name="encoder_decoder")
    model.build([(None, None), (None, None)])
    return model


def load_model(path):
    """Load a model of `build_model`; the classes of its layers are registered here."""
    return models.load_model(path)
