"""The networks: a CNN sees the frames, recurrent layers write the sentence, in three ways that the literature compares.

All write with two LSTMs, one above the other, and what is read out has a short way to the frames (deep output, Pascanu
et al., "How to Construct Deep Recurrent Neural Networks", ICLR 2014): without it a CNN that starts from nothing learns
far slower. What differs is how the frames get into the LSTMs:

    MeanPooling    their mean, at every word      Venugopalan et al., "Translating Videos to Natural Language Using Deep
                                                  Recurrent Neural Networks", NAACL 2015 (LSTM-YT)
    S2VT           one after the other, before    Venugopalan et al., "Sequence to Sequence - Video to Text", ICCV 2015
                   the first word
    SoftAttention  those that a word asks for     Yao et al., "Describing Videos by Exploiting Temporal Structure", ICCV
                                                  2015 (SA-LSTM)
"""

from typing import Any, NamedTuple

import keras
from keras import ops

import layers

from ..common import runs
from .backbone import build_backbone, unfreeze


class Memory(NamedTuple):
    """What the writing layers know of the clips.

    Attributes:
        values: (batch, frames, units), what is known of each frame.
        keys: (batch, frames, units), what queries are compared with; None without attention.
        mask: bool (batch, frames), False on padding.
        mean: (batch, units), of the values.
    """

    values: Any
    keys: Any
    mask: Any
    mean: Any

    def repeated(self, count):
        """The same for `count` captions of each clip, one after the other."""
        return Memory(*(part if part is None else repeat(part, count) for part in self))


def repeat(part, count):
    """(batch, ...) -> (batch * count, ...), each row `count` times."""
    rows, *rest = ops.shape(part)
    return ops.reshape(ops.broadcast_to(part[:, None], (rows, count, *rest)), (-1, *rest))


class Captioner(keras.Model):
    """Frames of clips and their captions so far -> logits of the next subword.

    Args:
        vocabulary_size: subwords, with the special ones.
        backbone, frame_size, embedding_dim, units, dropout: as in `Config`.
        tuned_layers: last layers of the backbone that learn; with 0 all of a small one and none of another.

    Call arguments:
        inputs: (frames, lengths, given): uint8 (batch, frames, frame_size, frame_size, 3), or float32 (batch, frames,
            features) as `see` gives them; int (batch,), frames that are not padding; int (batch, captions, time).

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
        self.writing = [
            layers.LSTM(units, return_sequences=True, return_state=True, name=f"writing_{number}")
            for number in range(2)
        ]
        self.readout = keras.layers.Dense(embedding_dim, activation="tanh", name="readout")
        self.logits = keras.layers.Dense(vocabulary_size, dtype="float32", name="logits")
        self.drop = keras.layers.Dropout(dropout)

    def fine_tune(self, count):
        """Lets the last `count` layers of the backbone learn from now on."""
        self.tuned_layers = count
        unfreeze(self.backbone, count)

    def build(self, inputs_shape):
        size = self._settings["frame_size"]
        self.call(
            (ops.zeros((1, 2, size, size, 3), "uint8"), ops.ones((1,), "int32"), ops.zeros((1, 1, 2), "int32")),
        )

    def call(self, inputs, training=False):
        frames, lengths, given = inputs
        captions, time = ops.shape(given)[1:]
        memory, states = self.encode((frames, lengths), training)
        memory, states = memory.repeated(captions), [repeat(state, captions) for state in states]
        logits, _, _ = self._write(ops.reshape(given, (-1, time)), memory, states, self._recur_whole, training)
        return ops.reshape(logits, (-1, captions, time, logits.shape[-1]))

    def see(self, frames):
        """Frames, uint8 (batch, frames, frame_size, frame_size, 3) -> features, float32 (batch, frames, features)."""
        count = ops.shape(frames)[1]
        pictures = ops.cast(ops.reshape(frames, (-1, *frames.shape[2:])), "float32")
        # Not even fine-tuning moves the statistics of normalisation that its weights came with.
        features = self.backbone(pictures, training=False)
        return ops.reshape(features, (-1, count, features.shape[-1]))

    def encode(self, inputs, training=False):
        """(frames or features, lengths) -> `Memory` and the writing layers' start states, four times (batch, units)."""
        frames, lengths = inputs
        features = self.see(frames) if len(frames.shape) == 5 else frames
        mask = ops.arange(ops.shape(features)[1]) < ops.cast(lengths, "int32")[:, None]
        return self._remember(self.project(self.drop(features, training=training)), mask, training)

    def step(self, tokens, memory, states):
        """One subword further, for several beginnings of each caption.

        Args:
            tokens: int (batch, beam), the last subwords.
            memory: of `encode`.
            states: list of (batch, beam, units).

        Returns:
            logits (batch, beam, vocabulary_size) and the new states.
        """
        beam = tokens.shape[1]

        def flat(part):
            return ops.reshape(part, (-1, part.shape[-1]))

        def beams(rows):
            return ops.reshape(rows, (-1, beam, self.units))

        def recur(index, inputs, last):
            output, new = self.writing[index].cell(flat(inputs), [flat(state) for state in last])
            return beams(output), [beams(state) for state in new]

        logits, _, states = self._write(tokens, memory, states, recur, training=False)
        return logits, states

    def look(self, frames, lengths, given):
        """The attention weights, (batch, time, frames), of the subwords after `given`, int (batch, time)."""
        return self._write(given, *self.encode((frames, lengths)), self._recur_whole, training=False)[1]

    def _recur_whole(self, index, inputs, start):
        outputs, *last = self.writing[index](inputs, initial_state=start)
        return outputs, last

    def _write(self, tokens, memory, states, recur, training):
        """The writing layers over a sentence, or, with the beam in the place of time, over one step of several.

        Args:
            recur: (layer's index, inputs, states) -> outputs, new states.

        Returns:
            logits, attention weights or None, new states.
        """
        words = self.drop(self.embedding(tokens), training=training)
        parts, weights, states = self._recur(words, memory, states, recur, training)
        read = self.drop(self.readout(ops.concatenate([*parts, words], axis=-1)), training=training)
        return self.logits(read), weights, states

    def get_config(self):
        return {**super().get_config(), **self._settings, "tuned_layers": self.tuned_layers}


def _mean(values, mask):
    kept = ops.cast(mask, values.dtype)[..., None]
    return ops.sum(values * kept, axis=1) / ops.maximum(ops.sum(kept, axis=1), 1)


def _everywhere(part, words):
    """(batch, units) at each place of words (batch, time, ...)."""
    return part[:, None] + ops.zeros_like(words[..., :1])


@keras.saving.register_keras_serializable("video_captioner")
class MeanPooling(Captioner):
    """Both layers start from nothing; the first reads each word beside the frames' mean, and so does the readout."""

    def _remember(self, values, mask, training):
        mean = _mean(values, mask)
        return Memory(values, None, mask, mean), [ops.zeros_like(mean)] * 4

    def _recur(self, words, memory, states, recur, training):
        inputs = ops.concatenate([words, _everywhere(memory.mean, words)], axis=-1)
        outputs, first = recur(0, inputs, states[:2])
        outputs, second = recur(1, self.drop(outputs, training=training), states[2:])
        return [outputs, _everywhere(memory.mean, words)], None, [*first, *second]


@keras.saving.register_keras_serializable("video_captioner")
class S2VT(Captioner):
    """First the frames go through both layers, the second with no word beside them; then the words, with no frame.

    The readout reads both layers, in the paper the second alone.
    """

    def _remember(self, values, mask, training):
        outputs, *first = self.writing[0](values, mask=mask, training=training)
        words = ops.zeros((*ops.shape(values)[:2], self._settings["embedding_dim"]))
        _, *second = self.writing[1](ops.concatenate([outputs, words], axis=-1), mask=mask, training=training)
        return Memory(values, None, mask, _mean(values, mask)), [*first, *second]

    def _recur(self, words, memory, states, recur, training):
        told, first = recur(0, _everywhere(ops.zeros_like(memory.mean), words), states[:2])
        inputs = ops.concatenate([self.drop(told, training=training), words], axis=-1)
        outputs, second = recur(1, inputs, states[2:])
        return [outputs, told], None, [*first, *second]


@keras.saving.register_keras_serializable("video_captioner")
class SoftAttention(Captioner):
    """The first layer reads the words and asks; the second reads, beside, what attention found in the frames.

    Both start from the frames' mean. Nothing that attention finds goes back into the first layer, so in training each
    layer runs over whole captions at once.

    Args:
        encoder: whether a bidirectional LSTM reads the frames first. Attention alone finds the same in any order.
    """

    def __init__(self, *args, encoder=True, **kwargs):
        super().__init__(*args, **kwargs)
        self._settings["encoder"] = encoder
        units = self.units
        self.encoder = (
            layers.Bidirectional(layers.LSTM(units, return_sequences=True), name="encoder") if encoder else None
        )
        self.start = [
            keras.layers.Dense(units, activation=None if number % 2 else "tanh", name=f"start_{number}")
            for number in range(4)
        ]
        self.queries = keras.layers.Dense(units, use_bias=False, name="queries")
        self.keys = keras.layers.Dense(units, name="keys")
        # Bahdanau's scores, v . tanh(query + key).
        self.attention = keras.layers.AdditiveAttention(name="attention")

    def _remember(self, values, mask, training):
        if self.encoder:
            values = ops.concatenate([values, self.encoder(values, mask=mask, training=training)], axis=-1)
            values = self.drop(values, training=training)
        mean = _mean(values, mask)
        return Memory(values, self.keys(values), mask, mean), [start(mean) for start in self.start]

    def _recur(self, words, memory, states, recur, training):
        asked, first = recur(0, words, states[:2])
        contexts, weights = self.attention(
            [self.queries(asked), memory.values, memory.keys],
            mask=[None, memory.mask],
            return_attention_scores=True,
        )
        contexts = self.drop(contexts, training=training)
        outputs, second = recur(1, ops.concatenate([asked, contexts], axis=-1), states[2:])
        return [outputs, contexts], weights, [*first, *second]


def build_model(config, vocabulary_size):
    """An untrained captioner with its weights made; those of a frozen backbone are read."""
    settings = {name: getattr(config, name) for name in "backbone frame_size embedding_dim units dropout".split()}
    kinds = {"attention": SoftAttention, "s2vt": S2VT, "mean": MeanPooling}
    if config.model == "attention":
        settings["encoder"] = config.encoder
    model = kinds[config.model](vocabulary_size, **settings, name="captioner")
    model.build(None)
    return model


def load_model(path, compile=False):
    """A model of `build_model` that a training saved; the classes of its layers are here.

    Args:
        compile: whether with the loss and the optimizer of `train.py`, to train on.
    """
    return runs.load_model(path, compile)
