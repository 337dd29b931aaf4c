"""The network: embedding, a stack of recurrent layers whose state is carried from chunk to chunk, tied output weights.

Zaremba, Sutskever and Vinyals, "Recurrent Neural Network Regularization", 2014 (the stack); Merity, Keskar and Socher,
"Regularizing and Optimizing LSTM Language Models", ICLR 2018 (variational and embedding dropout, tied weights).
"""

import math

import keras
from keras import ops

import layers

from ..common import models

# A copy of the app under another name registers its classes under that name.
registered = keras.saving.register_keras_serializable(__package__.rpartition(".")[2])

CELLS = {"lstm": layers.LSTM, "gru": layers.GRU, "simple_rnn": layers.SimpleRNN}
NORMALIZED = {"lstm": layers.LayerNormLSTM, "gru": layers.LayerNormGRU}
# Logit of what is not a candidate.
_NEVER = -1e9


@registered
class LanguageModel(keras.Model):
    """Predict each token from those before it.

    Called as by `fit`, it keeps the last states and begins the next call with them; training and evaluation have their
    own. `run` takes and returns states.

    The loss is the cross-entropy in nats per token. In training with a large vocabulary its normalizer is estimated
    from a sample of the vocabulary by importance sampling (Bengio and Senécal, "Adaptive Importance Sampling to
    Accelerate Training of a Neural Probabilistic Language Model", IEEE Transactions on Neural Networks 19(4), 2008),
    the same sample for the whole batch (as in Jean et al., ACL 2015). Tokens are drawn log-uniformly, because ids are
    ordered by frequency. Evaluation is exact.

    Args:
        vocabulary_size: number of tokens, with the special ones.
        batch_size: rows of a batch of `fit`.
        cell, normalization, zoneout, embedding_dim, units, num_layers, tied_embeddings, dropout, recurrent_dropout,
            output_dropout, embedding_dropout, sampled: as in `Config`.

    Call arguments:
        inputs: {"tokens": int (batch, time), "fresh": int (batch,)}; a row with fresh 1 begins with zero states.

    Returns:
        Outputs, (batch, time, embedding_dim), from which `logits` and `nats` follow.
    """

    def __init__(
        self,
        vocabulary_size,
        batch_size=1,
        cell="lstm",
        normalization=False,
        zoneout=0.0,
        embedding_dim=128,
        units=256,
        num_layers=1,
        tied_embeddings=True,
        dropout=0.0,
        recurrent_dropout=0.0,
        output_dropout=0.0,
        embedding_dropout=0.0,
        sampled=1024,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._settings = {
            "vocabulary_size": vocabulary_size,
            "batch_size": batch_size,
            "cell": cell,
            "normalization": normalization,
            "zoneout": zoneout,
            "embedding_dim": embedding_dim,
            "units": units,
            "num_layers": num_layers,
            "tied_embeddings": tied_embeddings,
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "output_dropout": output_dropout,
            "embedding_dropout": embedding_dropout,
            "sampled": sampled,
        }
        self.vocabulary_size, self.embedding_dropout, self.sampled = vocabulary_size, embedding_dropout, sampled
        self.embedding = keras.layers.Embedding(
            vocabulary_size,
            embedding_dim,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=embedding_dim**-0.5),
            name="embedding",
        )
        recurrent = (NORMALIZED if normalization else CELLS)[cell]
        options = {"dropout": dropout, "recurrent_dropout": recurrent_dropout}
        # Only this project's layers have it.
        options |= {"zoneout": zoneout} if zoneout else {}
        self.stack = [
            recurrent(units, return_sequences=True, return_state=True, **options, name=f"recurrent_{index}")
            for index in range(num_layers)
        ]
        self.output_dropout = keras.layers.SpatialDropout1D(output_dropout)
        needs_projection = units != embedding_dim
        self.projection = keras.layers.Dense(embedding_dim, name="projection") if needs_projection else None
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape=None):
        self.embedding.build((None, None))
        width = self.embedding.output_dim
        for layer in self.stack:
            layer.build((None, None, width))
            width = layer.units
        if self.projection is not None:
            self.projection.build((None, None, width))
        self.output_bias = self.add_weight(name="output_bias", shape=(self.vocabulary_size,), initializer="zeros")
        self.output_kernel = None
        if not self._settings["tied_embeddings"]:
            shape = (self.vocabulary_size, self.embedding.output_dim)
            self.output_kernel = self.add_weight(name="output_kernel", shape=shape, initializer="glorot_uniform")
        self.carried = {
            training: [self._carried(size, training, index) for index, size in enumerate(self.state_sizes)]
            for training in (False, True)
        }

    def _carried(self, size, training, index):
        # `add_weight` cannot make a variable of which each device has its own on TensorFlow.
        return keras.Variable(
            "zeros",
            (self._settings["batch_size"], size),
            trainable=False,
            aggregation="only_first_replica",
            synchronization="on_read",
            name=f"carried_{'training' if training else 'evaluation'}_{index}",
        )

    @property
    def state_sizes(self):
        """Sizes of the states, in the order of `run`: of each layer first the hidden state."""
        return [size for layer in self.stack for size in keras.tree.flatten(layer.cell.state_size)]

    def call(self, inputs, training=False):
        carried = self.carried[bool(training)]
        kept = ops.cast(ops.equal(inputs["fresh"], 0), "float32")[:, None]
        # Where devices share a batch on TensorFlow, each has its own state, and uses its first rows.
        rows = ops.shape(inputs["tokens"])[0]
        states = [state[:rows] * kept for state in carried]
        outputs, states = self.run(inputs["tokens"], states, training=training)
        for variable, state in zip(carried, states, strict=True):
            variable.assign(ops.concatenate([ops.cast(state, variable.dtype), variable[rows:]]))
        return outputs

    def run(self, tokens, states, mask=None, training=False):
        """Read tokens from given states.

        Args:
            tokens: int (batch, time).
            states: list of (batch, units) in the order of `state_sizes`.
            mask: bool (batch, time), False for padding, which leaves the states as they are.
            training: whether to apply dropout.

        Returns:
            Outputs, (batch, time, embedding_dim), and the list of new states.
        """
        x = self.embedding(tokens)
        if training and self.embedding_dropout:
            x = x * ops.cast(ops.take(self._kept_tokens(), tokens, axis=0), x.dtype)[..., None]
        states, new = [ops.cast(state, self.compute_dtype) for state in states], []
        for layer in self.stack:
            count = _num_states(layer)
            own, states = states[:count], states[count:]
            x, *last = layer(x, initial_state=own, mask=mask, training=training)
            new += last
        return self.read_out(x, training), new

    def step(self, tokens, states):
        """Read one token in each row.

        Args:
            tokens: int (batch,).
            states: list of (batch, units).

        Returns:
            The list of new states.
        """
        x, states, new = self.embedding(tokens), list(states), []
        for layer in self.stack:
            count = _num_states(layer)
            own, states = states[:count], states[count:]
            x, last = layer.cell(x, own)
            new += last
        return new

    def next_logits(self, states):
        """Return the logits of the tokens after given states, float32 (batch, vocabulary_size)."""
        top = states[-_num_states(self.stack[-1])]
        return self.logits(self.read_out(top[:, None])[:, 0])

    def read_out(self, hidden, training=False):
        """Return outputs, (batch, time, embedding_dim), of the hidden states of the last layer."""
        hidden = self.output_dropout(hidden, training=training)
        return hidden if self.projection is None else self.projection(hidden)

    def _kept_tokens(self):
        """Return a scale for each token, float32 (vocabulary_size,), 0 for those that the batch drops."""
        drawn = keras.random.uniform((self.vocabulary_size,), seed=self.seed_generator)
        return ops.cast(drawn >= self.embedding_dropout, "float32") / (1 - self.embedding_dropout)

    @property
    def output_weights(self):
        return self.embedding.embeddings if self.output_kernel is None else self.output_kernel

    def logits(self, outputs):
        """Return the logits of the next tokens, float32 (..., vocabulary_size), of outputs (..., embedding_dim)."""
        weights = ops.cast(self.output_weights, outputs.dtype)
        return ops.cast(ops.matmul(outputs, ops.transpose(weights)), "float32") + self.output_bias

    def nats(self, outputs, targets):
        """Return -log p of the targets, int (batch, time), as float32 (batch, time)."""
        logits = self.logits(outputs)
        chosen = ops.take_along_axis(logits, ops.cast(targets, "int32")[..., None], axis=-1)
        return ops.logsumexp(logits, axis=-1) - chosen[..., 0]

    def sampled_nats(self, outputs, targets):
        """Estimate `nats` from `sampled` tokens: exp of it is unbiased."""
        targets = ops.cast(targets, "int32")
        log_range = math.log(self.vocabulary_size + 1)
        drawn = keras.random.uniform((self.sampled,), seed=self.seed_generator)
        ids = ops.cast(ops.exp(drawn * log_range), "int32") - 1
        ids = ops.clip(ids, 0, self.vocabulary_size - 1)
        # How often each was to be expected in the sample.
        counts = self.sampled * ops.log1p(1 / (ops.cast(ids, "float32") + 1)) / log_range
        weights, bias = ops.cast(self.output_weights, outputs.dtype), self.output_bias
        own = ops.sum(outputs * ops.take(weights, targets, axis=0), axis=-1)
        own = ops.cast(own, "float32") + ops.take(bias, targets)
        others = ops.matmul(outputs, ops.transpose(ops.take(weights, ids, axis=0)))
        others = ops.cast(others, "float32") + ops.take(bias, ids) - ops.log(counts)
        others = ops.where(ids == targets[..., None], _NEVER, others)
        return ops.logaddexp(ops.logsumexp(others, axis=-1), own) - own

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        estimated = training and self.vocabulary_size > 4 * self.sampled
        nats = (self.sampled_nats if estimated else self.nats)(y_pred, y)
        # Keras scales the loss for the devices that share a batch.
        return super().compute_loss(x, y, nats, sample_weight, training)

    def get_config(self):
        return {**super().get_config(), **self._settings}


@registered
def nats_themselves(targets, nats):
    """Return the nats that `LanguageModel.compute_loss` has computed: the loss to compile with."""
    return nats


def _num_states(layer):
    return len(keras.tree.flatten(layer.cell.state_size))


def build_model(config, vocabulary_size):
    """Build the untrained network, a `LanguageModel` with weights.

    Args:
        config: a `Config`.
        vocabulary_size: number of tokens, with the special ones.
    """
    names = "batch_size cell normalization zoneout embedding_dim units num_layers tied_embeddings dropout"
    names += " recurrent_dropout output_dropout embedding_dropout sampled"
    model = LanguageModel(
        vocabulary_size, **{name: getattr(config, name) for name in names.split()}, name="language_model"
    )
    model.build()
    return model


def build_trunk(model):
    """Return a `LanguageModel` without what only its training needs.

    Returns:
        A keras.Model of Keras' and this project's layers only, int (batch, time) -> logits of the next tokens (batch,
        time, vocabulary_size): `embedding`, `recurrent_0` and so on, perhaps `projection`, and `logits`.
    """
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = model.embedding(tokens)
    for layer in model.stack:
        x, *_ = layer(x)
    if model.projection is not None:
        x = model.projection(x)
    head = keras.layers.Dense(model.vocabulary_size, dtype="float32", name="logits")
    trunk = keras.Model(tokens, head(x), name="trunk")
    head.set_weights(
        [ops.convert_to_numpy(weights) for weights in (ops.transpose(model.output_weights), model.output_bias)]
    )
    return trunk


def load_model(path):
    """Load a model of `build_model`; the classes of its layers are registered here."""
    return models.load_model(path)
