"""The network: log-mel features, two strided convolutions, recurrent layers, a distribution of tokens in each frame.

Graves, Fernandez, Gomez and Schmidhuber, "Connectionist Temporal Classification", ICML 2006 (the loss); Amodei et al.,
"Deep Speech 2", ICML 2016 (convolutions over time and frequency below deep bidirectional recurrent layers).
"""

import keras
from keras import ops

import layers

from ..common import models
from .features import LogMel, masked_at_random, normalized, relative_to_loudest, warped_at_random

# A copy of the app under another name registers its classes under that name.
registered = keras.saving.register_keras_serializable(__package__.rpartition(".")[2])

CELLS = {"lstm": layers.LSTM, "gru": layers.GRU}
# Frames of features for each frame of output: two convolutions of stride 2.
STRIDE, KERNEL = 2, 3
FRAMES = STRIDE * STRIDE
# Token that stands for none.
BLANK = 0


@registered
class SpeechRecognizer(keras.Model):
    """Compute a distribution of tokens, or none, for every 40 ms of sound.

    With `streaming` nothing depends on later samples: the convolutions are causal, the recurrent layers have one
    direction, and the features are normalized by constants, the moments of the training's. Otherwise they are
    normalized within each recording: over time, or, of a single word, by its loudest part.

    Args:
        vocabulary_size: number of tokens, with the special ones; 0 stands for no token.
        rate: samples a second.
        streaming, cell, units, num_layers, filters, channels, dropout, spec_augment: as in `Config`.
        single_words: whether a recording holds a single word, see `Config.utterances`.

    Call arguments:
        inputs: {"samples": float (batch, samples), "lengths": int (batch,), samples that are no padding}; in training
            also "tokens", int (batch, tokens), 0 for padding.

    Returns:
        With tokens the loss, float32 (batch, 1): -log p of them, for each. Otherwise logits, float32 (batch, frames,
        vocabulary_size), and frames that are no padding, int (batch,).
    """

    def __init__(
        self,
        vocabulary_size,
        rate=16_000,
        streaming=False,
        cell="gru",
        units=128,
        num_layers=3,
        filters=64,
        channels=32,
        dropout=0.0,
        spec_augment=False,
        single_words=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.settings = {
            "vocabulary_size": vocabulary_size, "rate": rate, "streaming": streaming, "cell": cell, "units": units,
            "num_layers": num_layers, "filters": filters, "channels": channels, "dropout": dropout,
            "spec_augment": spec_augment, "single_words": single_words,
        }  # fmt: skip
        self.streaming, self.spec_augment, self.single_words = streaming, spec_augment, single_words
        self.log_mel = LogMel(rate, filters)
        self.convolutions = [
            keras.layers.Conv2D(channels, KERNEL, STRIDE, activation="relu", name=f"convolution_{index}")
            for index in range(2)
        ]
        options = {"return_sequences": True, "return_state": True}
        self.stack = []
        for index in range(num_layers):
            layer = CELLS[cell](units, **options, name=f"recurrent_{index}")
            self.stack.append(layer if streaming else layers.Bidirectional(layer, name=f"bidirectional_{index}"))
        self.norms = [keras.layers.LayerNormalization(name=f"norm_{index}") for index in range(num_layers)]
        self.dropout = keras.layers.Dropout(dropout)
        self.head = keras.layers.Dense(vocabulary_size, dtype="float32", name="head")
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape=None):
        filters, channels = self.settings["filters"], 1
        for convolution in self.convolutions:
            convolution.build((None, None, filters + 2, channels))
            filters, channels = -(-filters // STRIDE), convolution.filters
        width = filters * channels
        for layer, norm in zip(self.stack, self.norms, strict=True):
            layer.build((None, None, width))
            width = self.settings["units"] * (1 if self.streaming else 2)
            norm.build((None, None, width))
        self.head.build((None, None, width))
        if self.streaming:
            shape = (self.settings["filters"],)
            self.loc = self.add_weight(name="loc", shape=shape, initializer="zeros", trainable=False)
            self.scale = self.add_weight(name="scale", shape=shape, initializer="ones", trainable=False)

    @property
    def hop(self):
        """Samples of a frame of output."""
        return self.log_mel.hop * FRAMES

    def call(self, inputs, training=False):
        logits, lengths = self.logits(inputs["samples"], inputs["lengths"], training)
        if "tokens" not in inputs:
            return logits, lengths
        tokens = inputs["tokens"]
        count = ops.sum(ops.cast(ops.not_equal(tokens, 0), "int32"), axis=1)
        return ops.ctc_loss(tokens, logits, count, lengths, mask_index=BLANK)[:, None]

    def logits(self, samples, lengths, training=False):
        """Return logits, float32 (batch, frames, vocabulary_size), and frames that are no padding, int (batch,)."""
        x = self.log_mel(samples)
        if training and self.single_words:
            x = warped_at_random(x, self.seed_generator)
        lengths = ops.cast(lengths, "int32") // self.log_mel.hop
        if self.streaming:
            x = _kept((x - self.loc) / self.scale, lengths)
        else:
            x = (relative_to_loudest if self.single_words else normalized)(x, lengths)
        if training and self.spec_augment:
            x = masked_at_random(x, lengths, self.seed_generator)
        x = ops.cast(x, self.compute_dtype)[..., None]
        for convolution in self.convolutions:
            left = KERNEL - 1 if self.streaming else 1
            x = convolution(ops.pad(x, [[0, 0], [left, KERNEL - 1 - left], [1, 1], [0, 0]]))
            lengths = -(-lengths // STRIDE)
            x = _kept(x, lengths)
        x = ops.reshape(x, (*ops.shape(x)[:2], x.shape[2] * x.shape[3]))
        mask = ops.arange(ops.shape(x)[1])[None] < lengths[:, None]
        for layer, norm in zip(self.stack, self.norms, strict=True):
            x = norm(layer(self.dropout(x, training=training), mask=mask)[0])
        return ops.cast(self.head(self.dropout(x, training=training)), "float32"), lengths

    @property
    def state_shapes(self):
        """Shapes of the tensors of the state of `step`, without the batch."""
        filters, channels, shapes = self.settings["filters"], 1, [(self.log_mel.context,)]
        for convolution in self.convolutions:
            shapes.append((KERNEL - 1, filters, channels))
            filters, channels = -(-filters // STRIDE), convolution.filters
        return shapes + [(size,) for layer in self.stack for size in keras.tree.flatten(layer.cell.state_size)]

    def step(self, samples, state):
        """Read further samples, of a model for streaming.

        Args:
            samples: float (batch, samples), a multiple of `hop`.
            state: list of tensors as `state_shapes`, zeros at first.

        Returns:
            Logits, float32 (batch, samples // hop, vocabulary_size), and the new state.
        """
        before, *tails = state
        new = [ops.concatenate([before, samples], axis=1)[:, -self.log_mel.context :]]
        x = ((self.log_mel(samples, before) - self.loc) / self.scale)[..., None]
        for convolution, tail in zip(self.convolutions, tails[:2], strict=True):
            x = ops.concatenate([tail, x], axis=1)
            new.append(x[:, 1 - KERNEL :])
            x = convolution(ops.pad(x, [[0, 0], [0, 0], [1, 1], [0, 0]]))
        x, rest = ops.reshape(x, (*ops.shape(x)[:2], x.shape[2] * x.shape[3])), tails[2:]
        for layer, norm in zip(self.stack, self.norms, strict=True):
            count = len(keras.tree.flatten(layer.cell.state_size))
            x, *last = layer(x, initial_state=rest[:count])
            x, rest, new = norm(x), rest[count:], [*new, *last]
        return ops.cast(self.head(x), "float32"), new

    def get_config(self):
        return {**super().get_config(), **self.settings}


def _kept(x, lengths):
    """Return x, (batch, frames, ...), with 0 in padding, which a convolution would see."""
    kept = ops.arange(ops.shape(x)[1])[None] < lengths[:, None]
    return x * ops.cast(ops.reshape(kept, (*ops.shape(kept), *[1] * (len(x.shape) - 2))), x.dtype)


@registered
def loss_itself(targets, losses):
    """Return the losses that `SpeechRecognizer` has computed: the loss to compile with."""
    return losses


def frames_of(samples, rate):
    """Return the frames of output of so many samples."""
    frames = samples // LogMel(rate, 1).hop
    for _ in range(2):
        frames = -(-frames // STRIDE)
    return frames


def build_model(config, vocabulary_size, single_words=False):
    """Build the untrained network, a `SpeechRecognizer` with weights.

    Args:
        config: a `Config`.
        vocabulary_size: number of tokens, with the special ones.
        single_words: whether a recording holds a single word.
    """
    names = "rate streaming cell units num_layers filters channels dropout spec_augment"
    settings = {name: getattr(config, name) for name in names.split()}
    model = SpeechRecognizer(vocabulary_size, single_words=single_words, **settings, name="speech_recognizer")
    model.build()
    return model


def load_model(path):
    """Load a model of `build_model`; the classes of its layers are registered here."""
    return models.load_model(path)
