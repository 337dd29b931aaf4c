"""The network: embedding, a deep bidirectional stack, attention over all that it read, and a class.

Yang et al., "Hierarchical Attention Networks for Document Classification", NAACL 2016, section 2.2 (attention over the
steps of a bidirectional layer); Dai and Le, "Semi-supervised Sequence Learning", NeurIPS 2015 (the lower layers are
those of a language model).
"""

import keras
from keras import ops

import layers

from ..common import models

# A copy of the app under another name registers its classes under that name.
registered = keras.saving.register_keras_serializable(__package__.rpartition(".")[2])

CELLS = {"lstm": layers.LSTM, "gru": layers.GRU, "simple_rnn": layers.SimpleRNN}
STEPS = {"lstm": layers.LSTMCell, "gru": layers.GRUCell}
NORMALIZED = {"lstm": layers.LayerNormLSTM, "gru": layers.LayerNormGRU}
# Score of a step that is padding.
_NEVER = -1e9


@registered
class DocumentClassifier(keras.Model):
    """Read documents of any length, and return the logits of their classes.

    A document is read in one piece, or in pieces with the states carried from piece to piece, in both directions, with
    the same result. What attention and maximum over the steps find is added to the logarithms of `prior`, so that a
    document without a token has the prior's probabilities.

    Args:
        vocabulary_size: number of tokens, with the special ones.
        prior: list of probabilities of the classes.
        embedding_dim, cell, units, num_layers, skip_connections, attention_units, dense_units, dropout, token_dropout:
            as in `Config`.
        trunk: {"cell", "units", "num_layers", "normalization", "zoneout"} of the layers of a language model under the
            bidirectional ones; None for no such layers.

    Call arguments:
        inputs: {"tokens": int (batch, time)}, 0 for padding anywhere; optionally also "before", int (batch, time),
            what precedes them in the documents, which is read without gradients.

    Returns:
        Logits, float32 (batch, classes).
    """

    def __init__(
        self,
        vocabulary_size,
        prior,
        embedding_dim=128,
        cell="lstm",
        units=128,
        num_layers=2,
        skip_connections=False,
        attention_units=128,
        dense_units=128,
        dropout=0.0,
        token_dropout=0.0,
        trunk=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._settings = {
            "vocabulary_size": vocabulary_size,
            "prior": list(prior),
            "embedding_dim": embedding_dim,
            "cell": cell,
            "units": units,
            "num_layers": num_layers,
            "skip_connections": skip_connections,
            "attention_units": attention_units,
            "dense_units": dense_units,
            "dropout": dropout,
            "token_dropout": token_dropout,
            "trunk": trunk,
        }
        self.token_dropout = token_dropout
        self.embedding = keras.layers.Embedding(vocabulary_size, embedding_dim, name="embedding")
        self.embedding_dropout = keras.layers.SpatialDropout1D(dropout)
        self.trunk = [_trunk_layer(trunk, index) for index in range(trunk["num_layers"])] if trunk else []
        self.stack = _stack(cell, units, num_layers, skip_connections, dropout)
        self.attention = keras.layers.Dense(attention_units, activation="tanh", name="attention")
        self.attention_score = keras.layers.Dense(1, use_bias=False, name="attention_score")
        self.dropout = keras.layers.Dropout(dropout)
        # Without biases: without evidence the prior remains.
        self.dense = keras.layers.Dense(dense_units, activation="relu", use_bias=False, name="dense")
        self.evidence = keras.layers.Dense(len(prior), use_bias=False, dtype="float32", name="evidence")
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape=None):
        width = self._settings["embedding_dim"]
        self.embedding.build((None, None))
        for layer in self.trunk:
            layer.build((None, None, width))
            width = layer.units
        for layer in self.stack:
            layer.build((None, None, width))
            outputs, *_ = layer.compute_output_shape((None, None, width))
            width = outputs[-1]
        self.attention.build((None, None, width))
        self.attention_score.build((None, None, self._settings["attention_units"]))
        self.dense.build((None, 2 * width))
        self.evidence.build((None, self._settings["dense_units"]))

    @property
    def directions(self):
        """List of levels from the bottom up, each a list of its layers: a forward one, then perhaps a backward one."""
        levels = [[layer] for layer in self.trunk]
        return levels + [[layer.forward_layer, layer.backward_layer] for layer in self.stack]

    def call(self, inputs, training=False):
        pieces = [inputs["before"], inputs["tokens"]] if "before" in inputs else [inputs["tokens"]]
        return self.read(pieces, training=training)[0]

    def read(self, pieces, training=False, masks=None):
        """Read the pieces of documents.

        Args:
            pieces: list of int (batch, time), which follow each other. Gradients flow through the last.
            training: whether to apply dropout.
            masks: list of bool (batch, time), False for tokens to leave out; None leaves out padding.

        Returns:
            Logits, float32 (batch, classes), and the weights of attention, (batch, time), over all pieces.
        """
        if masks is None:
            masks = [self.kept(tokens, training) for tokens in pieces]
        xs = [self.embed(tokens, training) for tokens in pieces]
        for level in self.directions:
            sides = [self._read_side(layer, xs, masks, training) for layer in level]
            xs = [ops.concatenate(parts, axis=-1) if len(level) > 1 else parts[0] for parts in zip(*sides, strict=True)]
            xs = [*map(ops.stop_gradient, xs[:-1]), xs[-1]]
        x, mask = ops.concatenate(xs, axis=1), ops.concatenate(masks, axis=1)
        return self.decide(x, mask, training)

    def kept(self, tokens, training=False):
        """Return which tokens are read, bool (batch, time): no padding, and in training not those that are dropped."""
        kept = ops.not_equal(tokens, 0)
        if training and self.token_dropout:
            drawn = keras.random.uniform(ops.shape(tokens), seed=self.seed_generator)
            kept = ops.logical_and(kept, drawn >= self.token_dropout)
        return kept

    def embed(self, tokens, training=False):
        """Return the vectors of tokens, (batch, time, embedding_dim)."""
        return self.embedding_dropout(self.embedding(tokens), training=training)

    def _read_side(self, layer, xs, masks, training):
        """Run a layer of one direction over pieces, and return its outputs in the order of the text."""
        backwards, outputs, states = layer.go_backwards, [], None
        pieces = list(zip(xs, masks, strict=True))
        for x, mask in reversed(pieces) if backwards else pieces:
            output, *states = layer(x, initial_state=states, mask=mask, training=training)
            outputs.append(ops.flip(output, axis=1) if backwards else output)
            if not backwards:
                states = [ops.stop_gradient(state) for state in states]
        return outputs[::-1] if backwards else outputs

    def decide(self, x, mask, training=False):
        """Return logits, float32 (batch, classes), and weights of attention, (batch, time).

        Args:
            x: outputs of the last layer, (batch, time, width).
            mask: bool (batch, time).
            training: whether to apply dropout.
        """
        kept = ops.cast(mask, x.dtype)
        scores = ops.cast(self.attention_score(self.attention(x))[..., 0], "float32")
        weights = ops.softmax(ops.where(mask, scores, _NEVER), axis=-1)
        weights = ops.cast(weights, x.dtype) * kept
        context = ops.einsum("bt,btw->bw", weights, x)
        largest = ops.max(ops.where(mask[..., None], x, ops.cast(-1e4, x.dtype)), axis=1)
        largest = largest * ops.cast(ops.any(mask, axis=1), x.dtype)[:, None]
        found = self.dropout(ops.concatenate([context, largest], axis=-1), training=training)
        evidence = self.evidence(self.dropout(self.dense(found), training=training))
        return ops.cast(evidence, "float32") + self.log_prior, weights

    @property
    def log_prior(self):
        """Logarithms of the prior, float32 (classes,)."""
        return ops.log(ops.convert_to_tensor(self._settings["prior"], "float32"))

    def calibrated(self, logits, temperature):
        """Return logits, float32 (batch, classes), of which `temperature` divides what a document adds to the prior."""
        return self.log_prior + (ops.cast(logits, "float32") - self.log_prior) / temperature

    def probabilities(self, logits, temperature=1.0):
        """Return the probabilities of the classes, float32 (batch, classes)."""
        return ops.softmax(self.calibrated(logits, temperature), axis=-1)

    def log_odds(self, logits, classes, temperature=1.0):
        """Return log(p / (1 - p)) of the classes, int (batch,), as float32 (batch,)."""
        logits = self.calibrated(logits, temperature)
        chosen = ops.one_hot(classes, len(self._settings["prior"]), dtype="float32")
        return ops.sum(chosen * logits, axis=-1) - ops.logsumexp(logits + _NEVER * chosen, axis=-1)

    def parts(self):
        """Return lists of the layers that begin to learn together, from the output down."""
        head = [self.attention, self.attention_score, self.dense, self.evidence]
        return [head, *([layer] for layer in [*self.trunk, *self.stack][::-1]), [self.embedding]]

    def get_config(self):
        return {**super().get_config(), **self._settings}


def _trunk_layer(trunk, index):
    recurrent = (NORMALIZED if trunk["normalization"] else CELLS)[trunk["cell"]]
    # Only this project's layers have it.
    options = {"zoneout": trunk["zoneout"]} if trunk["zoneout"] else {}
    return recurrent(trunk["units"], return_sequences=True, return_state=True, name=f"recurrent_{index}", **options)


def _stack(cell, units, num_layers, skip_connections, dropout):
    options = {"return_sequences": True, "return_state": True}
    if skip_connections:
        deep = layers.DeepRNN([STEPS[cell](units, dropout=dropout) for _ in range(num_layers)], **options)
        return [layers.Bidirectional(deep, name="bidirectional")]
    return [
        layers.Bidirectional(CELLS[cell](units, dropout=dropout, **options), name=f"bidirectional_{index}")
        for index in range(num_layers)
    ]


@registered
class OrderedCrossentropy(keras.losses.Loss):
    """Cross-entropy of logits, plus the squared distance between the cumulative distributions.

    The second part is larger the farther probability is from the true class. Hou, Yu and Samaras, "Squared Earth
    Mover's Distance-based Loss for Training Deep Neural Networks", arXiv:1611.05916, 2016, equation 9.

    Args:
        label_smoothing: of the cross-entropy.
    """

    def __init__(self, label_smoothing=0.0, name="ordered_crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        nats = keras.losses.categorical_crossentropy(y_true, y_pred, True, self.label_smoothing)
        difference = ops.cumsum(ops.softmax(y_pred, axis=-1) - y_true, axis=-1)
        return nats + ops.sum(ops.square(difference), axis=-1)

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


def build_model(config, vocabulary_size, prior, **settings):
    """Build the untrained network, a `DocumentClassifier` with weights.

    Args:
        config: a `Config`.
        vocabulary_size: number of tokens, with the special ones.
        prior: probabilities of the classes, the initial answer for every document.
        **settings: of `DocumentClassifier`, in place of those of `config`.
    """
    names = "cell units skip_connections attention_units dense_units dropout token_dropout"
    chosen = {name: getattr(config, name) for name in names.split()}
    chosen |= {"embedding_dim": config.embedding_dim or 128}
    chosen |= {"num_layers": config.num_layers or (1 if settings.get("trunk") else 2)}
    model = DocumentClassifier(vocabulary_size, prior, **{**chosen, **settings}, name="sentiment_classifier")
    model.build()
    return model


def load_model(path):
    """Load a model of `build_model`; the classes of its layers are registered here."""
    return models.load_model(path)
