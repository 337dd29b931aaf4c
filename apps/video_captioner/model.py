"""The networks: a CNN over the frames, and a decoder of two LSTMs, in three variants from the literature.

The output layer reads the frames directly, too (deep output: Pascanu et al., "How to Construct Deep Recurrent Neural
Networks", ICLR 2014); without that, a CNN that starts untrained learns far slower. The variants differ in how the
frames reach the LSTMs:

    MeanPooling    their mean, at every token     Venugopalan et al., "Translating Videos to Natural Language Using Deep
                                                  Recurrent Neural Networks", NAACL 2015 (LSTM-YT)
    S2VT           one after another, before      Venugopalan et al., "Sequence to Sequence - Video to Text", ICCV 2015
                   the first token
    SoftAttention  weighted by attention, anew    Yao et al., "Describing Videos by Exploiting Temporal Structure", ICCV
                   for every token                2015 (SA-LSTM)
"""

from typing import Any, NamedTuple

import keras
from keras import ops

import layers

from ..common import models
from ..common.decoding import step_beams
from .backbone import build_backbone, unfreeze

# A copy of the app under another name registers its classes under that name.
registered = keras.saving.register_keras_serializable(__package__.rpartition(".")[2])


class Memory(NamedTuple):
    """The encoded frames.

    Attributes:
        values: (batch, frames, units).
        keys: (batch, frames, units), with which queries are compared; None without attention.
        mask: bool (batch, frames), False on padding.
        mean: (batch, units), of the values.
    """

    values: Any
    keys: Any
    mask: Any
    mean: Any

    def repeat(self, count):
        """Repeat each clip for `count` captions."""
        return Memory(*(part if part is None else repeat(part, count) for part in self))


def repeat(part, count):
    """Repeat each row: (batch, ...) -> (batch * count, ...)."""
    rows, *rest = ops.shape(part)
    return ops.reshape(ops.broadcast_to(part[:, None], (rows, count, *rest)), (-1, *rest))


@registered
class CaptionModel(keras.Model):
    """Compute the logits of the next subword from frames and the subwords so far; the base of all variants.

    Args:
        vocabulary_size: number of subwords, with the special ones.
        backbone, frame_size, embedding_dim, units, dropout: as in `Config`.
        tuned_layers: number of the last layers of the backbone that are trained; 0 trains all of a small backbone and
            none of another.

    Call arguments:
        inputs: (frames, lengths, decoder_inputs): uint8 (batch, frames, frame_size, frame_size, 3), or float32 (batch,
            frames, features) of `frame_features`; int (batch,), frames that are not padding; int (batch, captions,
            time).

    Returns:
        Logits, float32 (batch, captions, time, vocabulary_size).
    """

    def __init__(
        self, vocabulary_size, backbone, frame_size, embedding_dim, units, dropout=0.0, tuned_layers=0, **kwargs
    ):
        super().__init__(**kwargs)
        self._settings = {
            "vocabulary_size": vocabulary_size,
            "backbone": backbone,
            "frame_size": frame_size,
            "embedding_dim": embedding_dim,
            "units": units,
            "dropout": dropout,
        }
        self.tuned_layers, self.units = tuned_layers, units
        self.backbone = build_backbone(backbone, frame_size)
        if backbone != "small":
            self.backbone.trainable = False
        if tuned_layers:
            unfreeze(self.backbone, tuned_layers)
        self.project = keras.layers.Dense(units, activation="tanh", name="project")
        self.embedding = keras.layers.Embedding(vocabulary_size, embedding_dim, name="embedding")
        self.decoder = [
            layers.LSTM(units, return_sequences=True, return_state=True, name=f"decoder_{index}") for index in range(2)
        ]
        self.readout = keras.layers.Dense(embedding_dim, activation="tanh", name="readout")
        self.logits = keras.layers.Dense(vocabulary_size, dtype="float32", name="logits")
        self.drop = keras.layers.Dropout(dropout)

    def fine_tune(self, count):
        """Make the last `count` layers of the backbone trainable; the model must then be compiled."""
        self.tuned_layers = count
        unfreeze(self.backbone, count)

    def build(self, inputs_shape):
        size = self._settings["frame_size"]
        self.call(
            (ops.zeros((1, 2, size, size, 3), "uint8"), ops.ones((1,), "int32"), ops.zeros((1, 1, 2), "int32")),
        )

    def call(self, inputs, training=False):
        frames, lengths, decoder_inputs = inputs
        captions, time = ops.shape(decoder_inputs)[1:]
        memory, states = self.encode((frames, lengths), training)
        memory, states = memory.repeat(captions), [repeat(state, captions) for state in states]
        tokens = ops.reshape(decoder_inputs, (-1, time))
        logits, _, _ = self._decode(tokens, memory, states, self._run_sequence, training)
        return ops.reshape(logits, (-1, captions, time, logits.shape[-1]))

    def frame_features(self, frames):
        """Apply the backbone.

        Args:
            frames: uint8 (batch, frames, frame_size, frame_size, 3).

        Returns:
            float32 (batch, frames, features).
        """
        count = ops.shape(frames)[1]
        images = ops.cast(ops.reshape(frames, (-1, *frames.shape[2:])), "float32")
        # Fine-tuning, too, keeps the statistics of batch normalization that the weights came with.
        features = self.backbone(images, training=False)
        return ops.reshape(features, (-1, count, features.shape[-1]))

    def encode(self, inputs, training=False):
        """Encode frames.

        Args:
            inputs: (frames, lengths) as in `call`.

        Returns:
            A `Memory`, and the initial states of the decoder, four tensors (batch, units).
        """
        frames, lengths = inputs
        features = self.frame_features(frames) if len(frames.shape) == 5 else frames
        mask = ops.arange(ops.shape(features)[1]) < ops.cast(lengths, "int32")[:, None]
        return self._encode_values(self.project(self.drop(features, training=training)), mask, training)

    def step(self, tokens, memory, states):
        """Run one step of the decoder for several beams.

        Args:
            tokens: int (batch, beam), the last subwords.
            memory: of `encode`.
            states: list of (batch, beam, units).

        Returns:
            Logits (batch, beam, vocabulary_size) and the new states.
        """

        def run_step(index, inputs, states):
            return step_beams(self.decoder[index].cell, inputs, states)

        logits, _, states = self._decode(tokens, memory, states, run_step, training=False)
        return logits, states

    def attention_weights(self, frames, lengths, decoder_inputs):
        """Return the weights of the frames at every subword, (batch, time, frames); None without attention.

        Args:
            frames, lengths: as in `call`.
            decoder_inputs: int (batch, time).
        """
        memory, states = self.encode((frames, lengths))
        return self._decode(decoder_inputs, memory, states, self._run_sequence, training=False)[1]

    def _run_sequence(self, index, inputs, states):
        outputs, *states = self.decoder[index](inputs, initial_state=states)
        return outputs, states

    def _decode(self, tokens, memory, states, run, training):
        """Run the decoder over sequences, or over one step of several beams, which then take the place of the time.

        Args:
            run: function of a layer's index, its inputs and its states that returns its outputs and new states.

        Returns:
            Logits, attention weights or None, new states.
        """
        words = self.drop(self.embedding(tokens), training=training)
        outputs, weights, states = self._decode_words(words, memory, states, run, training)
        read = self.drop(self.readout(ops.concatenate([*outputs, words], axis=-1)), training=training)
        return self.logits(read), weights, states

    def _encode_values(self, values, mask, training):
        """Return what `encode` returns.

        Args:
            values: (batch, frames, units), projected features.
            mask: bool (batch, frames).
        """
        raise NotImplementedError

    def _decode_words(self, words, memory, states, run, training):
        """Return the inputs of the readout beside the words, attention weights or None, and the new states."""
        raise NotImplementedError

    def get_config(self):
        return {**super().get_config(), **self._settings, "tuned_layers": self.tuned_layers}


def _masked_mean(values, mask):
    real = ops.cast(mask, values.dtype)[..., None]
    return ops.sum(values * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1)


def _at_every_word(part, words):
    """Broadcast (batch, units) along the time of words (batch, time, ...)."""
    return part[:, None] + ops.zeros_like(words[..., :1])


@registered
class MeanPooling(CaptionModel):
    """Both layers start from zero; the first reads each word and the mean of the frames, and so does the readout."""

    def _encode_values(self, values, mask, training):
        mean = _masked_mean(values, mask)
        return Memory(values, None, mask, mean), [ops.zeros_like(mean)] * 4

    def _decode_words(self, words, memory, states, run, training):
        inputs = ops.concatenate([words, _at_every_word(memory.mean, words)], axis=-1)
        outputs, first = run(0, inputs, states[:2])
        outputs, second = run(1, self.drop(outputs, training=training), states[2:])
        return [outputs, _at_every_word(memory.mean, words)], None, [*first, *second]


@registered
class S2VT(CaptionModel):
    """Both layers read first the frames, with zeros for the words, then the words, with zeros for the frames.

    The readout reads both layers; in the paper only the second.
    """

    def _encode_values(self, values, mask, training):
        outputs, *first = self.decoder[0](values, mask=mask, training=training)
        words = ops.zeros((*ops.shape(values)[:2], self._settings["embedding_dim"]))
        _, *second = self.decoder[1](ops.concatenate([outputs, words], axis=-1), mask=mask, training=training)
        return Memory(values, None, mask, _masked_mean(values, mask)), [*first, *second]

    def _decode_words(self, words, memory, states, run, training):
        encoded, first = run(0, _at_every_word(ops.zeros_like(memory.mean), words), states[:2])
        inputs = ops.concatenate([self.drop(encoded, training=training), words], axis=-1)
        outputs, second = run(1, inputs, states[2:])
        return [outputs, encoded], None, [*first, *second]


@registered
class SoftAttention(CaptionModel):
    """The first layer reads the words and gives the queries; the second reads the first and the contexts.

    Both start from the mean of the frames. The contexts are not fed back into the first layer, so in training each
    layer runs over whole captions.

    Args:
        encoder: whether a bidirectional LSTM encodes the frames; attention by itself ignores their order.
    """

    def __init__(self, *args, encoder=True, **kwargs):
        super().__init__(*args, **kwargs)
        self._settings["encoder"] = encoder
        units = self.units
        self.encoder = (
            keras.layers.Bidirectional(layers.LSTM(units, return_sequences=True), name="encoder") if encoder else None
        )
        self.start = [
            keras.layers.Dense(units, activation=None if index % 2 else "tanh", name=f"start_{index}")
            for index in range(4)
        ]
        self.queries = keras.layers.Dense(units, use_bias=False, name="queries")
        self.keys = keras.layers.Dense(units, name="keys")
        # Bahdanau's scores, v . tanh(query + key).
        self.attention = keras.layers.AdditiveAttention(name="attention")

    def _encode_values(self, values, mask, training):
        if self.encoder:
            values = ops.concatenate([values, self.encoder(values, mask=mask, training=training)], axis=-1)
            values = self.drop(values, training=training)
        mean = _masked_mean(values, mask)
        return Memory(values, self.keys(values), mask, mean), [start(mean) for start in self.start]

    def _decode_words(self, words, memory, states, run, training):
        hidden, first = run(0, words, states[:2])
        contexts, weights = self.attention(
            [self.queries(hidden), memory.values, memory.keys],
            mask=[None, memory.mask],
            return_attention_scores=True,
        )
        contexts = self.drop(contexts, training=training)
        outputs, second = run(1, ops.concatenate([hidden, contexts], axis=-1), states[2:])
        return [outputs, contexts], weights, [*first, *second]


def build_model(config, vocabulary_size):
    """Build an untrained network with its weights.

    Args:
        config: a `Config`.
        vocabulary_size: number of subwords, with the special ones.
    """
    settings = {name: getattr(config, name) for name in "backbone frame_size embedding_dim units dropout".split()}
    variants = {"attention": SoftAttention, "s2vt": S2VT, "mean": MeanPooling}
    if config.model == "attention":
        settings["encoder"] = config.encoder
    model = variants[config.model](vocabulary_size, **settings, name="captioner")
    model.build(None)
    return model


def load_model(path):
    """Load a model of `build_model`; the classes of its layers are registered here."""
    return models.load_model(path)
