"""Base classes of the recurrent cells and layers: options, weights, dropout, and the choice of a kernel.

A subclass adds its gates and one step. `keras.layers.RNN` loops over time and handles masks, states and direction.
"""

import inspect
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import keras
from keras import ops

# keras.layers.RNN draws the dropout masks of a sequence before its loop only for cells of this class, which has no
# public name.
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

from . import kernels
from .typing import Config, Initializer, Shape, Tensor

_KERAS_MODULES = {
    "activation": keras.activations,
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}

# The arguments of a layer that its cell does not have, in Keras' order. The first one comes among the cell's.
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
LAYER_OPTIONS_WITHOUT_CUDNN = {name: value for name, value in LAYER_OPTIONS.items() if name != "use_cudnn"}


def _keras_module(option):
    """Return the Keras module that serializes an option's value, or None if the value is plain."""
    return _KERAS_MODULES.get(option.rpartition("_")[2])


def cell_parameters(cell_class: type[keras.layers.Layer]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a cell's constructor by name, without `self` and `**kwargs`."""
    parameters = inspect.signature(cell_class.__init__).parameters.values()
    return {p.name: p for p in parameters if p.name != "self" and p.kind is not p.VAR_KEYWORD}


def _is_compatible(shape, expected):
    """Return whether a static shape can be the expected one; None matches any size."""
    return len(shape) == len(expected) and all(
        None in pair or pair[0] == pair[1] for pair in zip(shape, expected, strict=True)
    )


def standardize_sequences(sequences: Tensor, mask: Any, dtype: str) -> tuple[Tensor, Tensor | None]:
    """Convert the sequences and the mask that a layer is called with.

    Args:
        sequences: (batch, time, features), of any dtype.
        mask: None, or (batch, time), (batch, time, 1) or (1, time) of any dtype, possibly in a list.
        dtype: of the returned sequences.

    Returns:
        The sequences, with masked steps set to zero, and the boolean mask (batch, time), or None.

    Raises:
        ValueError: for complex sequences, or a mask of another shape.
    """
    received = keras.backend.standardize_dtype(sequences.dtype)
    if received.startswith("complex"):
        raise ValueError(f"Received invalid `sequences`, expected real numbers, got {received}.")
    sequences = ops.cast(sequences, dtype)
    mask = next(iter(keras.tree.flatten(mask)), None)
    if mask is None:
        return sequences, None
    mask = ops.convert_to_tensor(mask)
    if len(mask.shape) == 3 and mask.shape[2] == 1:
        mask = mask[:, :, 0]
    expected = tuple(sequences.shape[:2])
    if not _is_compatible(mask.shape, expected) and not _is_compatible(mask.shape, (1, expected[1])):
        raise ValueError(
            f"Received an invalid `mask`, expected shape {expected}, (batch, time), got {tuple(mask.shape)}."
        )
    mask = ops.cast(mask, "bool")
    if mask.shape[0] == 1 != expected[0]:
        mask = ops.broadcast_to(mask, ops.shape(sequences)[:2])
    # Their gradient is zero, but zero times NaN or infinity would not be.
    return ops.where(mask[:, :, None], sequences, ops.zeros_like(sequences)), mask


def standardize_states(states: Any, sizes: Sequence[int], sequences: Tensor) -> list[Tensor]:
    """Convert the initial states that a layer is called with.

    Args:
        states: any structure of tensors (batch, size), or (1, size) or (size,) for all rows.
        sizes: the size of each.
        sequences: (batch, time, features).

    Returns:
        List of tensors (batch, size), of the dtype of the sequences.

    Raises:
        ValueError: for another number of states, or other shapes.
    """
    states = [ops.convert_to_tensor(state, dtype=sequences.dtype) for state in keras.tree.flatten(states)]
    states = [state[None] if len(state.shape) == 1 else state for state in states]
    batch = sequences.shape[0]
    expected, shapes = [(batch, size) for size in sizes], [tuple(state.shape) for state in states]
    if len(shapes) != len(sizes) or not all(
        _is_compatible(shape, full) or _is_compatible(shape, (1, full[1]))
        for shape, full in zip(shapes, expected, strict=True)
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


class _Signature:
    """The `__signature__` of a layer class. Instances do not have it: they are called with other arguments."""

    def __init__(self, value):
        self.value = value

    def __get__(self, instance, owner):
        if instance is not None:
            raise AttributeError("__signature__")
        return self.value


class RecurrentCell(DropoutRNNCell, keras.layers.Layer):
    """One step of a recurrent layer.

    A subclass sets `gates` (names, in the order of their blocks in the weights) and `num_states`, defines `equations`
    or `step`, and lists all arguments in its constructor, which passes them by name.
    """

    gates: tuple[str, ...] = ()
    num_states = 1
    # Seeds are drawn from a global sequence, and all later weights depend on the order: Keras' SimpleRNNCell makes its
    # generator first.
    seeds_before_initializers = False

    def __init__(self, *, implementation: int = 2, **arguments: Any):
        options = {name: arguments.pop(name) for name in cell_parameters(type(self)) if name in arguments}
        super().__init__(**arguments)
        # Keras chooses between two orders of the same sums by it. It is only stored here.
        self.implementation = implementation
        if self.seeds_before_initializers:
            self.seed_generator = keras.random.SeedGenerator(options["seed"])
        for option, value in options.items():
            module = _keras_module(option)
            setattr(self, option, module.get(value) if module else value)
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
    def bias_shape(self) -> Shape:
        return (len(self.gates) * self.units,)

    def build(self, input_shape: Shape) -> None:
        width = len(self.gates) * self.units
        self.kernel = self._weight("kernel", (input_shape[-1], width), self.kernel_initializer)
        self.recurrent_kernel = self._weight("recurrent_kernel", (self.units, width), self.recurrent_initializer)
        self.bias: Tensor = self._weight("bias", self.bias_shape, self.initial_bias) if self.use_bias else None

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
    def initial_bias(self) -> Initializer:
        """The initializer of the bias."""
        return self.bias_initializer

    @property
    def input_bias(self) -> Tensor | None:
        """The bias added to the input's product, or None."""
        return self.bias

    @property
    def recurrent_bias(self) -> Tensor | None:
        """The bias added to the hidden state's product, or None."""
        return None

    @property
    def equations(self) -> kernels.Equations | None:
        """The cell's `kernels.Equations`, or None if its backward pass is not derived."""
        return None

    @property
    def derived_equations(self) -> kernels.Equations | None:
        """`equations`, or None for a subclass that overrides what they describe."""
        described = ("call", "step", "project", "drop_recurrent")
        overrides = any(getattr(type(self), method) is not getattr(RecurrentCell, method) for method in described)
        return None if overrides else self.equations

    def project(self, inputs: Tensor, training: bool, bias: bool = True) -> Tensor:
        """Return the input's contributions to all gates: (batch, features) -> (batch, gates * units)."""
        if training and self.dropout:
            inputs = inputs * self.get_dropout_mask(inputs)
        projection = ops.matmul(inputs, self.kernel)
        return projection + self.input_bias if bias and self.use_bias else projection

    def drop_recurrent(self, h_prev: Tensor, training: bool) -> Tensor:
        """Return the previous hidden state, (batch, units), after recurrent dropout."""
        return h_prev * self.get_recurrent_dropout_mask(h_prev) if training and self.recurrent_dropout else h_prev

    def step(self, inputs: Tensor, states: list[Tensor], training: bool) -> list[Tensor]:
        """Return the new states, the first of which is the output.

        Args:
            inputs: (batch, features).
            states: list of the previous states, (batch, units) each.
            training: whether dropout is active.
        """
        x = ops.split(self.project(inputs, training), len(self.gates), axis=-1)
        h_in = self.drop_recurrent(states[0], training)
        # `project` has added the bias.
        weights = kernels.Weights(self.kernel, self.recurrent_kernel, None, self.recurrent_bias)
        # A cell without equations overrides this method.
        equations: Any = self.equations
        return equations.update(equations.preactivate(x, h_in, weights), states)

    def call(self, inputs: Tensor, states: Any, training: bool = False) -> tuple[Tensor, Any]:
        prev = keras.tree.flatten(states)
        noise = None
        if training and any(self.zoneout):
            inputs, noise = self._split_noise(inputs)
        new = self.step(inputs, prev, training)
        if any(self.zoneout):
            new = [self._zone_out(*pair, index, noise) for index, pair in enumerate(zip(prev, new, strict=True))]
        return new[0], keras.tree.pack_sequence_as(states, new)

    def add_zoneout_noise(self, sequences: Tensor) -> Tensor:
        """Append to the features of each step the uniform noise by which zoneout selects units."""
        shape = ops.shape(sequences)
        noise = keras.random.uniform((shape[0], shape[1], self.num_states * self.units), seed=self.seed_generator)
        return ops.concatenate([sequences, ops.cast(noise, sequences.dtype)], axis=-1)

    def _split_noise(self, inputs):
        features = self.kernel.shape[0]
        if inputs.shape[-1] == features:
            raise ValueError(
                "`zoneout` draws a new mask at every step, which a cell in keras.layers.RNN cannot. "
                "Use the layer of the same name in place of the cell."
            )
        return inputs[:, :features], inputs[:, features:]

    def _zone_out(self, prev, new, index, noise):
        rate = self.zoneout[index]
        if noise is None:
            return rate * prev + (1 - rate) * new
        return ops.where(noise[:, index * self.units : (index + 1) * self.units] < rate, prev, new)

    def get_initial_state(self, batch_size: int | None = None) -> list[Tensor]:
        return [ops.zeros((batch_size, self.units), dtype=self.compute_dtype) for _ in range(self.num_states)]

    def get_config(self) -> Config:
        config = super().get_config()
        for option in cell_parameters(type(self)):
            module, value = _keras_module(option), getattr(self, option)
            config[option] = module.serialize(value) if module else value
        # Keras' layers do not have this argument, so they can load the configuration only without it.
        if not any(self.zoneout):
            config.pop("zoneout", None)
        return config


class RecurrentLayer(keras.layers.RNN):
    """A layer that runs a cell over a sequence, with the arguments of the cell and of `keras.layers.RNN`.

    A subclass sets `cell_class` and `cell_name`. `inspect.signature` and `help` show every argument; the cell's
    arguments are also attributes of the layer.

    Call arguments:
        sequences: (batch, time, features), of any dtype.
        initial_state: one tensor for each state, (batch, units), or (1, units) for all rows; zeros by default.
        mask: (batch, time), True = keep, of any dtype. A masked step leaves the states unchanged and repeats the
            previous output; before the first unmasked step of a row the output is, as with Keras, the initial state on
            JAX and zeros on other backends.
        training: whether dropout is active.

    Returns:
        (batch, units), or (batch, time, units) with `return_sequences`; with `return_state` followed by the last
        states, (batch, units) each.
    """

    cell_class: type[keras.layers.Layer] = RecurrentCell
    cell_name: str | None = None
    layer_options: dict[str, Any] = LAYER_OPTIONS
    # Those of `layer_options` that are only attributes of the layer.
    own_options: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        options = cell_parameters(cls.cell_class)
        for option in options:
            setattr(cls, option, property(lambda self, option=option: getattr(self.cell, option)))  # type: ignore[misc]
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        options |= {name: inspect.Parameter(name, kind, default=value) for name, value in cls.layer_options.items()}
        # Positional arguments have the order of Keras' layer of the same name.
        keras_names = list(inspect.signature(getattr(keras.layers, cls.__name__, cls.cell_class)).parameters)
        order = sorted(options, key=lambda name: keras_names.index(name) if name in keras_names else len(keras_names))
        kwargs_parameter = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
        cls.__signature__ = _Signature(inspect.Signature([*(options[name] for name in order), kwargs_parameter]))

    def __init__(self, *args: Any, **kwargs: Any):
        arguments = inspect.signature(type(self)).bind(*args, **kwargs).arguments
        arguments.update(arguments.pop("kwargs", {}))
        cell_names = [*cell_parameters(self.cell_class), "implementation"]
        cell_options = {name: arguments.pop(name) for name in cell_names if name in arguments}
        if "use_cudnn" in self.layer_options:
            self.use_cudnn = arguments.pop("use_cudnn", "auto")
            if self.use_cudnn not in ("auto", True, False):
                raise ValueError(
                    "Received an invalid value for argument `use_cudnn`, expected 'auto', True or False, "
                    f"got {self.use_cudnn!r}."
                )
        for name in self.own_options:
            setattr(self, name, arguments.pop(name, self.layer_options[name]))
        cell_options |= {name: arguments[name] for name in ("dtype", "trainable") if name in arguments}
        super().__init__(self.cell_class(**cell_options, name=self.cell_name), **arguments)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        # keras.layers.RNN sets this differently in different versions of Keras.
        self.supports_masking = True
        # XLA cannot compile TensorFlow's cuDNN op.
        self.supports_jit = keras.backend.backend() != "tensorflow" or getattr(self, "use_cudnn", None) is not True

    def call(self, sequences: Tensor, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        sequences, mask, initial_state = self._standardize(sequences, mask, initial_state, self.compute_dtype)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def _standardize(self, sequences, mask, initial_state, dtype):
        sequences, mask = standardize_sequences(sequences, mask, dtype)
        if initial_state is not None:
            initial_state = standardize_states(initial_state, self.state_size, sequences)
        return sequences, mask, initial_state

    def compute_mask(self, sequences: Any, mask: Any = None) -> Any:
        """Propagate the mask only with `return_sequences`; states have none."""
        mask = keras.tree.flatten(mask)[0] if mask is not None and self.return_sequences else None
        return [mask] + [None] * len(self.state_size) if self.return_state else mask

    def choose_kernel(self, time: int | None, training: bool, device: str | None = None) -> kernels.Choice:
        """Choose the kernel for a call in this context; see `which_kernel`."""
        return kernels.choose(self, time, training, device)

    def inner_loop(
        self, sequences: Tensor, initial_state: list[Tensor], mask: Tensor | None, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        kernel = self.choose_kernel(sequences.shape[1], training).kernel
        if kernel == "portable":
            if training and any(self.cell.zoneout):
                sequences = self.cell.add_zoneout_noise(sequences)
            return super().inner_loop(sequences, initial_state, mask, training=training)
        args = self._kernel_arguments(sequences, initial_state, mask, training)
        hidden, states = kernels.run(kernel, self.cell, args, bool(self.return_sequences), bool(training))
        outputs = self._kernel_outputs(hidden, states, args.mask)
        return outputs[:, -1], outputs, states

    def _kernel_arguments(self, sequences, initial_state, mask, training):
        """Apply dropout and `go_backwards`, and return the `kernels.KernelArguments` of a call."""
        cell = self.cell
        sequences = ops.cast(sequences, cell.compute_dtype)
        if training and cell.dropout:
            sequences = sequences * cell.get_dropout_mask(sequences[:, 0])[:, None]
        drops_recurrent = training and cell.recurrent_dropout
        dropout_mask = cell.get_recurrent_dropout_mask(initial_state[0]) if drops_recurrent else None
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        return kernels.KernelArguments(sequences, kernels.weights_of(cell), list(initial_state), mask, dropout_mask)

    def _kernel_outputs(self, hidden, states, mask):
        """Return the layer's outputs, (batch, time or 1, units), from the results of a kernel."""
        outputs = hidden if self.return_sequences else states[0][:, None]
        output_mask = self._output_mask(mask)
        if output_mask is not None:
            output_mask = output_mask if self.return_sequences else output_mask[:, -1:]
            outputs = ops.where(output_mask[:, :, None], outputs, ops.zeros_like(outputs))
        return outputs

    def _output_mask(self, mask):
        """Return which steps output their hidden state, (batch, time), and which zeros; None if none outputs zeros."""
        if mask is None or self.zero_output_for_mask:
            return mask
        # Keras' loop outputs zeros before the first unmasked step, but on JAX the hidden state.
        return None if keras.backend.backend() == "jax" else ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0

    def get_config(self) -> Config:
        config = super().get_config()
        del config["cell"]
        cell_config = self.cell.get_config()
        config.update(
            {option: cell_config[option] for option in cell_parameters(self.cell_class) if option in cell_config}
        )
        config["activity_regularizer"] = keras.regularizers.serialize(self.activity_regularizer)
        if "use_cudnn" in self.layer_options:
            config["use_cudnn"] = self.use_cudnn
        return config | {name: getattr(self, name) for name in self.own_options}

    @classmethod
    def from_config(cls, config: Config) -> "RecurrentLayer":
        return cls(**config)


def which_kernel(
    layer: keras.layers.Layer, time: int | None = None, training: bool = False, device: str | None = None
) -> kernels.Choice:
    """Return the kernel that a call of a layer takes in this context, and the reason.

    The first rule that applies decides. Batch size and mask do not matter.

    1. Within `use_kernel(name)`: that kernel, or an error.
    2. `portable`, Keras' loop, if no backward pass is derived: on the torch backend; with `unroll`; with `zoneout` or
       a cell that defines its own step, such as the variants; with an activation whose derivative is not in
       `layers/kernels/derivatives.py`; for an empty sequence.
    3. `graph`, a faster loop of plain operations, or in training `portable`, on TensorFlow in every graph that is not
       traced by Keras' `fit`, `evaluate` or `predict`: it may be saved, and a saved model must not need XLA. This
       includes a custom training loop in `tf.function`; call its layers within `use_kernel("compiled")`.
       `use_cudnn=True` still takes cuDNN.
    4. `cudnn` on a GPU with `use_cudnn=True`, on TensorFlow also with "auto": LSTM, and on TensorFlow GRU with
       `reset_after`; tanh and sigmoid; float32; in training without `recurrent_dropout`; on TensorFlow not in a model
       that XLA compiles as a whole, which is the default of Keras' `compile` on a GPU: pass `jit_compile=False`.
    5. `portable` on TensorFlow under numeric debugging (`tf.debugging.enable_check_numerics`), which observes every
       operation.
    6. `compiled`, the hand-derived passes, in all other cases. Its gradient can be differentiated again and in forward
       mode; on TensorFlow both run an uncompiled loop.

    `MinGRU` and `MinLSTM` take `parallel` or `sequential`, as their argument `scan` says, and `MLSTM` takes
    `chunkwise`, on every backend and in every graph; with `unroll` or an empty sequence `portable`, the only one that
    `use_kernel` can force on them.

    Args:
        layer: one of this package's recurrent layers.
        time: number of steps of the sequences, if known.
        training: whether the call is in training.
        device: "cpu", "gpu" or "tpu"; by default where the backend runs.

    Returns:
        `Choice(kernel, reason)`.

    Raises:
        ValueError: for another layer, or if a kernel was requested that cannot run it.

    Example:
        >>> import layers
        >>> layers.which_kernel(layers.LSTM(3, unroll=True), training=True)
        Choice(kernel='portable', reason='unroll=True requires an unrolled loop')
    """
    if not isinstance(layer, RecurrentLayer):
        raise ValueError(f"Received an invalid `layer`, expected a recurrent layer of this package, got {layer!r}.")
    return layer.choose_kernel(time, training, device)
