"""What the recurrent families share: options, weights, dropout and the run over a whole sequence.

A family adds its gates and one step. The loop over time with its masks, states and direction is
`keras.layers.RNN`'s.
"""

import inspect
from numbers import Integral

import keras
from keras import ops

# keras.layers.RNN draws a sequence's dropout masks ahead of its loop for cells of this class alone,
# and Keras exports the class under no public name.
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

from . import kernels

_KINDS = {
    "activation": keras.activations,
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}

# The arguments of a layer that its cell does not have, in Keras' order. The first stands among the cell's.
LAYER_OPTIONS = {
    "activity_regularizer": None,
    "return_sequences": False,
    "return_state": False,
    "go_backwards": False,
    "stateful": False,
    "unroll": False,
    "use_cudnn": "auto",
    "zero_output_for_mask": False,
}


def _kind(option):
    """The Keras module that reads and writes such an option; None where the value is plain."""
    return _KINDS.get(option.rpartition("_")[2])


def _options(cell_class):
    """The cell's own constructor arguments by name, without `self` and `**kwargs`."""
    parameters = inspect.signature(cell_class.__init__).parameters.values()
    return {p.name: p for p in parameters if p.name != "self" and p.kind is not p.VAR_KEYWORD}


def _fits(shape, expected):
    """Whether a static shape can be the expected one; None is any size."""
    return len(shape) == len(expected) and all(
        None in pair or pair[0] == pair[1] for pair in zip(shape, expected, strict=True)
    )


def read_sequences(sequences, mask, dtype):
    """Converts what a layer is called with.

    Args:
        sequences: (batch, time, features), of any dtype.
        mask: None, or (batch, time), (batch, time, 1) or (1, time) of any dtype, alone or in a list.
        dtype: that of the result.

    Returns:
        The sequences, zero where they are masked, and the boolean mask (batch, time), or None.

    Raises:
        ValueError: for complex sequences, or a mask of another shape.
    """
    given = keras.backend.standardize_dtype(sequences.dtype)
    if given.startswith("complex"):
        raise ValueError(f"Received invalid `sequences`, expected real numbers, got {given}.")
    sequences = ops.cast(sequences, dtype)
    mask = next(iter(keras.tree.flatten(mask)), None)
    if mask is None:
        return sequences, None
    mask = ops.convert_to_tensor(mask)
    if len(mask.shape) == 3 and mask.shape[2] == 1:
        mask = mask[:, :, 0]
    expected = tuple(sequences.shape[:2])
    if not _fits(mask.shape, expected) and not _fits(mask.shape, (1, expected[1])):
        raise ValueError(
            f"Received an invalid `mask`, expected shape {expected}, (batch, time), got {tuple(mask.shape)}."
        )
    mask = ops.cast(mask, "bool")
    if mask.shape[0] == 1 != expected[0]:
        mask = ops.broadcast_to(mask, ops.shape(sequences)[:2])
    # A gradient is zero there, and zero times what is not finite would not be.
    return ops.where(mask[:, :, None], sequences, ops.zeros_like(sequences)), mask


def read_states(states, sizes, sequences):
    """Converts the states that a layer is called with.

    Args:
        states: tensors (batch, size), or (1, size) or (size,) for all rows alike, in any structure.
        sizes: the size of each.
        sequences: (batch, time, features).

    Returns:
        Tensors (batch, size), of the dtype of the sequences.

    Raises:
        ValueError: for another number of states, or other shapes.
    """
    states = [ops.convert_to_tensor(state, dtype=sequences.dtype) for state in keras.tree.flatten(states)]
    states = [state[None] if len(state.shape) == 1 else state for state in states]
    batch = sequences.shape[0]
    expected, shapes = [(batch, size) for size in sizes], [tuple(state.shape) for state in states]
    if len(shapes) != len(sizes) or not all(
        _fits(shape, wanted) or _fits(shape, (1, wanted[1])) for shape, wanted in zip(shapes, expected, strict=True)
    ):
        raise ValueError(
            f"Received an invalid `initial_state`, expected {len(sizes)} tensors of shapes {expected}, (batch, units), "
            f"got shapes {shapes}."
        )
    rows = ops.shape(sequences)[0]
    return [
        ops.broadcast_to(state, (rows, size)) if state.shape[0] == 1 != batch else state
        for state, size in zip(states, sizes, strict=True)
    ]


class _OfClass:
    """An attribute of a class that its instances do not have: they are called with other arguments."""

    def __init__(self, value):
        self.value = value

    def __get__(self, instance, owner):
        if instance is not None:
            raise AttributeError("__signature__")
        return self.value


class RecurrentCell(DropoutRNNCell, keras.layers.Layer):
    """One step of a recurrent layer.

    A family sets `gates` (their names, in the order of their blocks in the weights) and `num_states`,
    writes `step`, and spells out its constructor's arguments, which it hands on by name.
    """

    gates = ()
    num_states = 1
    # When seeds are drawn decides every weight that is drawn later: Keras' SimpleRNNCell makes its generator first.
    seeds_before_initializers = False

    def __init__(self, *, implementation=2, **arguments):
        options = {name: arguments.pop(name) for name in _options(type(self)) if name in arguments}
        super().__init__(**arguments)
        # Keras chooses by it between two orders of the same sums; nothing here depends on it.
        self.implementation = implementation
        if self.seeds_before_initializers:
            self.seed_generator = keras.random.SeedGenerator(options["seed"])
        for option, value in options.items():
            kind = _kind(option)
            setattr(self, option, kind.get(value) if kind else value)
        self._check_options()
        if not self.seeds_before_initializers:
            self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.state_size = [self.units] * self.num_states if self.num_states > 1 else self.units
        self.output_size = self.units

    def _check_options(self):
        if isinstance(self.units, bool) or not isinstance(self.units, Integral) or self.units <= 0:
            raise ValueError(
                f"Received an invalid value for argument `units`, expected a positive integer, got {self.units!r}."
            )
        self.units = int(self.units)
        for option in ("dropout", "recurrent_dropout"):
            if not 0 <= getattr(self, option) <= 1:
                raise ValueError(
                    f"Received an invalid value for argument `{option}`, expected a number from 0 to 1, "
                    f"got {getattr(self, option)!r}."
                )
        rates = self.zoneout if isinstance(self.zoneout, (list, tuple)) else [self.zoneout] * self.num_states
        if len(rates) != self.num_states or not all(0 <= rate <= 1 for rate in rates):
            raise ValueError(
                "Received an invalid value for argument `zoneout`, expected a number from 0 to 1 or one for each "
                f"of the {self.num_states} states, got {self.zoneout!r}."
            )
        self.zoneout = list(rates)

    @property
    def bias_shape(self):
        return (len(self.gates) * self.units,)

    def build(self, input_shape):
        width = len(self.gates) * self.units
        self.kernel = self._weight("kernel", (input_shape[-1], width), self.kernel_initializer)
        self.recurrent_kernel = self._weight("recurrent_kernel", (self.units, width), self.recurrent_initializer)
        self.bias = self._weight("bias", self.bias_shape, self.initial_bias) if self.use_bias else None

    def _weight(self, name, shape, initializer):
        role = name.removesuffix("_kernel")
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            regularizer=getattr(self, f"{role}_regularizer"),
            constraint=getattr(self, f"{role}_constraint"),
        )

    @property
    def initial_bias(self):
        """The initializer of the whole bias."""
        return self.bias_initializer

    @property
    def input_bias(self):
        """The bias that goes with the input; None without one."""
        return self.bias

    @property
    def recurrent_bias(self):
        """The bias that goes with the hidden state; None without one."""
        return None

    @property
    def equations(self):
        """The family's `kernels.Equations`; None for a family that has none."""
        return None

    @property
    def derived_equations(self):
        """`equations`, or None for a subclass that does something else in a step than they say."""
        described = ("call", "step", "project", "drop_recurrent")
        own = any(getattr(type(self), method) is not getattr(RecurrentCell, method) for method in described)
        return None if own else self.equations

    def project(self, inputs, training, bias=True):
        """What the input, and the bias, add to every gate: (batch, features) -> (batch, gates * units)."""
        if training and self.dropout:
            inputs = inputs * self.get_dropout_mask(inputs)
        projection = ops.matmul(inputs, self.kernel)
        return projection + self.input_bias if bias and self.use_bias else projection

    def drop_recurrent(self, h_prev, training):
        """The last hidden state as the gates see it: with `recurrent_dropout`, in training, less some units."""
        return h_prev * self.get_recurrent_dropout_mask(h_prev) if training and self.recurrent_dropout else h_prev

    def step(self, inputs, states, training):
        """The new states, the first of which is the output, from the input and the list of the last states."""
        x = ops.split(self.project(inputs, training), len(self.gates), axis=-1)
        seen = self.drop_recurrent(states[0], training)
        # `project` has added the bias.
        weights = kernels.Weights(self.kernel, self.recurrent_kernel, None, self.recurrent_bias)
        a = self.equations.preactivate(x, seen, weights)
        return self.equations.update(a, states)

    def call(self, inputs, states, training=False):
        last = keras.tree.flatten(states)
        noise = None
        if training and any(self.zoneout):
            inputs, noise = self._split_noise(inputs)
        new = self.step(inputs, last, training)
        if any(self.zoneout):
            new = [self._zone_out(*pair, index, noise) for index, pair in enumerate(zip(last, new, strict=True))]
        return new[0], keras.tree.pack_sequence_as(states, new)

    def add_noise(self, sequences):
        """Puts beside each step's features the numbers that decide which units keep their state there."""
        shape = ops.shape(sequences)
        noise = keras.random.uniform((shape[0], shape[1], self.num_states * self.units), seed=self.seed_generator)
        return ops.concatenate([sequences, ops.cast(noise, sequences.dtype)], axis=-1)

    def _split_noise(self, inputs):
        features = self.kernel.shape[0]
        if inputs.shape[-1] == features:
            raise ValueError(
                "`zoneout` draws anew at every step, for which keras.layers.RNN gives a cell no means. "
                "Use the layer of this family in place of the cell."
            )
        return inputs[:, :features], inputs[:, features:]

    def _zone_out(self, last, new, index, noise):
        rate = self.zoneout[index]
        if noise is None:
            return rate * last + (1 - rate) * new
        return ops.where(noise[:, index * self.units : (index + 1) * self.units] < rate, last, new)

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, self.units), dtype=self.compute_dtype) for _ in range(self.num_states)]

    def get_config(self):
        config = super().get_config()
        for option in _options(type(self)):
            kind, value = _kind(option), getattr(self, option)
            config[option] = kind.serialize(value) if kind else value
        # Keras has no such argument; without it the configuration is one that Keras reads.
        if not any(self.zoneout):
            config.pop("zoneout", None)
        return config


class RecurrentLayer(keras.layers.RNN):
    """A cell run over a whole sequence, with the arguments of both as its own.

    A family sets `cell_class` and `cell_name`. `inspect.signature` and `help` show every argument; the
    cell's are attributes of the layer too.

    Call arguments:
        sequences: (batch, time, features), of any dtype.
        initial_state: one tensor for each state, (batch, units), or (1, units) for all rows alike; zeros if absent.
        mask: (batch, time), True = keep, of any dtype. A masked step leaves the states as they were, and its output is
            the previous one; before a row begins it is, as with Keras, the start state on JAX and zeros elsewhere.
        training: whether dropout is active.

    Returns:
        (batch, units), or (batch, time, units) with `return_sequences`; with `return_state` followed by
        the last states, (batch, units) each.
    """

    cell_class = RecurrentCell
    cell_name = None
    layer_options = LAYER_OPTIONS

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        options = _options(cls.cell_class)
        for option in options:
            setattr(cls, option, property(lambda self, option=option: getattr(self.cell, option)))
        plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
        options |= {name: inspect.Parameter(name, plain, default=value) for name, value in cls.layer_options.items()}
        # Arguments given by position must mean what they mean in the layer that ours takes the place of.
        theirs = list(inspect.signature(getattr(keras.layers, cls.__name__, cls.cell_class)).parameters)
        order = sorted(options, key=lambda name: theirs.index(name) if name in theirs else len(theirs))
        rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
        cls.__signature__ = _OfClass(inspect.Signature([*(options[name] for name in order), rest]))

    def __init__(self, *args, **kwargs):
        arguments = inspect.signature(type(self)).bind(*args, **kwargs).arguments
        arguments.update(arguments.pop("kwargs", {}))
        cell_options = {o: arguments.pop(o) for o in [*_options(self.cell_class), "implementation"] if o in arguments}
        if "use_cudnn" in self.layer_options:
            self.use_cudnn = arguments.pop("use_cudnn", "auto")
            if self.use_cudnn not in ("auto", True, False):
                raise ValueError(
                    "Received an invalid value for argument `use_cudnn`, expected 'auto', True or False, "
                    f"got {self.use_cudnn!r}."
                )
        shared = {name: arguments[name] for name in ("dtype", "trainable") if name in arguments}
        super().__init__(self.cell_class(**cell_options, **shared, name=self.cell_name), **arguments)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        # Said here because Keras' versions differ in what keras.layers.RNN says.
        self.supports_masking = True
        # TensorFlow's cuDNN op is not for a model that XLA compiles whole.
        self.supports_jit = keras.backend.backend() != "tensorflow" or getattr(self, "use_cudnn", None) is not True

    def call(self, sequences, initial_state=None, mask=None, training=False):
        sequences, mask = read_sequences(sequences, mask, self.compute_dtype)
        if initial_state is not None:
            initial_state = read_states(initial_state, [self.units] * self.cell.num_states, sequences)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def compute_mask(self, sequences, mask=None):
        """The mask goes on with a sequence and ends where there is one output; states have none."""
        mask = keras.tree.flatten(mask)[0] if mask is not None and self.return_sequences else None
        return [mask] + [None] * self.cell.num_states if self.return_state else mask

    def inner_loop(self, sequences, initial_state, mask, training=False):
        kernel = kernels.choose(self, sequences.shape[1], training).kernel
        if kernel == "portable":
            if training and any(self.cell.zoneout):
                sequences = self.cell.add_noise(sequences)
            return super().inner_loop(sequences, initial_state, mask, training=training)
        run = self.prepare(sequences, initial_state, mask, training)
        hidden, states = kernels.run(kernel, self.cell, run, bool(self.return_sequences), bool(training))
        outputs = self.finish(hidden, states, run.mask)
        return outputs[:, -1], outputs, states

    def prepare(self, sequences, initial_state, mask, training):
        """What a kernel runs for a call with these arguments, in the direction in which the layer goes."""
        cell = self.cell
        if training and cell.dropout:
            sequences = sequences * cell.get_dropout_mask(sequences[:, 0])[:, None]
        drop = cell.get_recurrent_dropout_mask(initial_state[0]) if training and cell.recurrent_dropout else None
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        return kernels.Run(sequences, kernels.weights_of(cell), list(initial_state), mask, drop)

    def finish(self, hidden, states, mask):
        """The outputs, (batch, time or 1, units), from what the kernel made of a run with this mask."""
        outputs = hidden if self.return_sequences else states[0][:, None]
        shown = self._shown(mask)
        if shown is not None:
            shown = shown if self.return_sequences else shown[:, -1:]
            outputs = ops.where(shown[:, :, None], outputs, ops.zeros_like(outputs))
        return outputs

    def _shown(self, mask):
        """Which steps' outputs are the hidden state, (batch, time), where others are zeros; None if all are."""
        if mask is None or self.zero_output_for_mask:
            return mask
        # As Keras' loop has it before a row begins. On JAX it shows the hidden state there.
        return None if keras.backend.backend() == "jax" else ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0

    def get_config(self):
        config = super().get_config()
        del config["cell"]
        cell_config = self.cell.get_config()
        config.update({option: cell_config[option] for option in _options(self.cell_class) if option in cell_config})
        config["activity_regularizer"] = keras.regularizers.serialize(self.activity_regularizer)
        if "use_cudnn" in self.layer_options:
            config["use_cudnn"] = self.use_cudnn
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def which_kernel(layer, time=None, training=False, device=None):
    """The kernel that a call of a layer takes here and now, and why.

    The first of these that holds decides:

    1. Within `use_kernel(name)` it is that one, or an error.
    2. `portable`, Keras' loop, where no backward pass is derived: on the torch backend; with `unroll`; with `zoneout`
       or a cell that has a step of its own, such as the variants; with an activation whose derivative is not known
       (`layers/kernels/derivatives.py`); for a sequence without steps.
    3. `portable` on TensorFlow in every graph but those of Keras' `fit`, `evaluate` and `predict`, in training and
       inference: it may be saved, and a saved model must not need XLA. A training loop of your own under `tf.function`
       is such a graph; call its layers within `use_kernel("compiled")`. `use_cudnn=True` takes cuDNN nonetheless.
    4. `cudnn` on a GPU with `use_cudnn` "auto" or True: LSTM, and on TensorFlow GRU with `reset_after`; tanh and
       sigmoid; float32; in training without `recurrent_dropout`; on TensorFlow not in a model that XLA compiles
       whole, which Keras' `compile` does by itself on a GPU unless told `jit_compile=False`.
    5. `portable` on TensorFlow under numeric debugging (`tf.debugging.enable_check_numerics`), which watches every
       operation.
    6. `compiled`, the hand-derived pass, for all else. Its gradient can itself be differentiated, and forward mode
       works too; on TensorFlow both run a plain loop.

    Args:
        layer: one of this package's recurrent layers.
        time: steps of the sequences, if known.
        training: whether the call is one for training.
        device: "cpu", "gpu" or "tpu"; by default where the backend runs.

    Returns:
        `Choice(kernel, reason)`.

    Raises:
        ValueError: for another layer, or where the kernel that was asked for cannot run it.
    """
    if not isinstance(layer, RecurrentLayer):
        raise ValueError(f"Received an invalid `layer`, expected a recurrent layer of this package, got {layer!r}.")
    return kernels.choose(layer, time, training, device)
