"""Associative memories: the network of Hopfield and its continuous successor.

Hopfield, "Neural networks and physical systems with emergent collective computational abilities", PNAS 79(8), 1982;
Ramsauer et al., "Hopfield Networks is All You Need", ICLR 2021.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from ..typing import Config, Initializer, Shape, Tensor
from .machine import check_positive_integers, fresh_initializer

RULES = ("hebbian", "pseudo_inverse")
MODES = ("association", "pooling", "lookup")
# A field as small as the rounding errors is a tie.
_TIE = 1e-9


class Recall(NamedTuple):
    """What `HopfieldNetwork.recall` returns.

    Attributes:
        states: int array of the shape of the argument, -1 and 1.
        sweeps: number of updates of all units that were made.
        converged: whether the last sweep changed no state.
    """

    states: np.ndarray
    sweeps: int
    converged: bool


class HopfieldNetwork:
    """Binary associative memory of Hopfield (1982), in NumPy.

    With p_1 ... p_P the stored patterns, the rows of X (P, units), of -1 and 1, and zeros on the diagonal of W:

        hebbian          W = X^T X / units
        pseudo_inverse   W = X^+ X, with X^+ the pseudo-inverse (Personnaz, Guyon and Dreyfus, "Collective computational
                         properties of neural networks: New learning mechanisms", Physical Review A 34(5), 1986)
        update           s_i = sign(sum over j of W_ij s_j), unchanged if the sum is 0
        energy           E(s) = -1/2 s^T W s

    Asynchronous updates, of one unit after the other, never increase the energy and so end in a fixed point.
    Synchronous updates, of all units at once, end in a fixed point or alternate between two states. Hebbian storage
    recalls about 0.138 * units random patterns with few errors (Amit, Gutfreund and Sompolinsky, Physical Review
    Letters 55(14), 1985); the pseudo-inverse stores up to `units` linearly independent patterns exactly.

    Args:
        units: number of units, the length of a pattern.
        rule: "hebbian" or "pseudo_inverse".

    Attributes:
        patterns: (P, units), what was stored.
        weights: W, (units, units).

    Example:
        >>> import layers
        >>> network = layers.HopfieldNetwork(units=6).store([[1, 1, 1, -1, -1, -1]])
        >>> network.recall([1, -1, 1, -1, -1, -1]).states  # the second unit is wrong
        array([ 1,  1,  1, -1, -1, -1])
    """

    def __init__(self, units: int, rule: str = "hebbian"):
        check_positive_integers(units=units)
        if rule not in RULES:
            raise ValueError(f"Received an invalid value for argument `rule`, expected one of {RULES}, got {rule!r}.")
        self.units = int(units)
        self.rule = rule
        self.patterns = np.zeros((0, self.units), int)
        self.weights = np.zeros((self.units, self.units))

    def store(self, patterns: ArrayLike) -> "HopfieldNetwork":
        """Store patterns, in addition to those already stored.

        Args:
            patterns: (P, units) or (units,), of -1 and 1.

        Returns:
            The network.

        Raises:
            ValueError: for other values or another shape.
        """
        self.patterns = np.concatenate([self.patterns, np.atleast_2d(self._binary(patterns, "patterns"))])
        stored = self.patterns.astype(float)
        if self.rule == "hebbian":
            self.weights = stored.T @ stored / self.units
        else:
            self.weights = np.linalg.pinv(stored) @ stored
        np.fill_diagonal(self.weights, 0)
        return self

    def recall(
        self, states: ArrayLike, asynchronous: bool = True, max_sweeps: int = 100, seed: int | np.random.Generator = 0
    ) -> Recall:
        """Update states until none changes.

        Args:
            states: (batch, units) or (units,), of -1 and 1, such as corrupted patterns.
            asynchronous: whether to update one unit after the other, in a new random order in each sweep; or all at
                once.
            max_sweeps: number of updates of all units after which to stop.
            seed: of the order, an integer or a `numpy.random.Generator`.

        Returns:
            `Recall(states, sweeps, converged)`.

        Raises:
            ValueError: for other values or another shape.
        """
        states = self._binary(states, "states")
        rows = np.atleast_2d(states).copy()
        generator = np.random.default_rng(seed)
        sweeps, converged = 0, False
        while sweeps < max_sweeps and not converged:
            before = rows.copy()
            if asynchronous:
                for unit in generator.permutation(self.units):
                    rows[:, unit] = self._signs(rows @ self.weights[:, unit], rows[:, unit])
            else:
                rows = self._signs(rows @ self.weights, rows)
            sweeps += 1
            converged = bool((rows == before).all())
        return Recall(rows.reshape(states.shape), sweeps, converged)

    @staticmethod
    def _signs(fields, otherwise):
        return np.where(np.abs(fields) <= _TIE, otherwise, np.where(fields > 0, 1, -1))

    def energy(self, states: ArrayLike) -> np.ndarray:
        """Return the energy of states, (batch,) or a number, of states (batch, units) or (units,)."""
        states = self._binary(states, "states")
        return -0.5 * np.sum((states @ self.weights) * states, axis=-1)

    def _binary(self, values, name):
        values = np.asarray(values)
        if values.ndim not in (1, 2) or values.shape[-1] != self.units:
            raise ValueError(
                f"Received an invalid value for argument `{name}`, expected shape (batch, {self.units}) or "
                f"({self.units},), got {values.shape}."
            )
        if not np.isin(values, (-1, 1)).all():
            raise ValueError(f"Received an invalid value for argument `{name}`, expected only -1 and 1.")
        return values.astype(int)


@keras.saving.register_keras_serializable(package="engram")
class Hopfield(keras.layers.Layer):
    """Continuous Hopfield network (Ramsauer et al. 2021): retrieves stored patterns by their similarity to a state.

    For each head, with xi the state patterns, K the stored patterns and V what is retrieved in their place, all in the
    head's space of `head_dim`:

        xi = softmax(beta * xi K^T) K                  update_steps - 1 times, equation 3
        Z  = softmax(beta * xi K^T) V                  equation 10
        output = sum over heads of Z W_output + b_output

    With one update step this is the attention of `keras.layers.MultiHeadAttention`; in mode "association" the weights,
    too, have its shapes and order. More steps move the states to fixed points: with a large beta single stored
    patterns, with a small one the mean of similar ones.

    Mode "association" compares `patterns` (batch, queries, features) with `stored` (batch, slots, stored_features), by
    default with themselves: xi = patterns W_query, K = stored W_key, V = stored W_value.
    Mode "pooling" compares weights with `patterns` (batch, slots, features): xi is learned, K = patterns W_key,
    V = patterns W_value.
    Mode "lookup" compares `patterns` (batch, queries, features) with weights: xi = patterns W_query; K and V are
    learned.

    These are the authors' layers `Hopfield`, `HopfieldPooling` and `HopfieldLayer`, without their layer normalization
    of the patterns, for which `keras.layers.LayerNormalization` can be put before this layer. Where weights take the
    place of patterns, they are in the heads' space; a projection would add nothing.

    Args:
        units: size of an output.
        num_heads: number of heads.
        head_dim: size of a head's space; `units` by default.
        mode: "association", "pooling" or "lookup".
        beta: inverse temperature; 1 / sqrt(head_dim) by default.
        update_steps: number of retrievals, the last of which gives the output.
        num_queries: number of state patterns in mode "pooling", or None for one without an axis for it.
        num_patterns: number of stored patterns in mode "lookup".
        use_bias: whether to add a bias to the projections.
        kernel_initializer, bias_initializer: of the weights.

    Call arguments:
        patterns, stored: see above.
        mask: (batch, queries or slots), True = keep; of `patterns`. A masked stored pattern is never retrieved; if all
            are masked, Z is zero.
        patterns_mask, stored_mask: masks of both arguments, when the layer is called with both; Keras passes them.
        return_attention_scores: whether to also return the last softmax, (batch, num_heads, queries, slots).

    Returns:
        (batch, queries, units); in mode "pooling" (batch, units), or (batch, num_queries, units) if that is set. With
        `return_attention_scores` a tuple of this and the softmax.

    Example:
        >>> import keras
        >>> import layers
        >>> patterns = keras.Input((5, 4))  # 5 patterns of 4 features
        >>> layers.Hopfield(3)(patterns).shape
        (None, 5, 3)
        >>> layers.Hopfield(3, mode="pooling")(patterns).shape
        (None, 3)
    """

    def __init__(
        self,
        units: int,
        num_heads: int = 1,
        head_dim: int | None = None,
        mode: str = "association",
        beta: float | None = None,
        update_steps: int = 1,
        num_queries: int | None = None,
        num_patterns: int | None = None,
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.num_heads = num_heads
        self.head_dim = units if head_dim is None else head_dim
        self.mode = mode
        self.beta = beta
        self.update_steps = update_steps
        self.num_queries = num_queries
        self.num_patterns = num_patterns
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True
        self._check_options()

    def _check_options(self):
        check_positive_integers(
            units=self.units, num_heads=self.num_heads, head_dim=self.head_dim, update_steps=self.update_steps
        )
        if self.mode not in MODES:
            raise ValueError(
                f"Received an invalid value for argument `mode`, expected one of {MODES}, got {self.mode!r}."
            )
        if self.beta is not None and not self.beta > 0:
            raise ValueError(
                f"Received an invalid value for argument `beta`, expected None or a positive number, got {self.beta!r}."
            )
        if self.num_queries is not None:
            check_positive_integers(num_queries=self.num_queries)
        if self.mode == "lookup":
            check_positive_integers(num_patterns=self.num_patterns)
        for name, mode in {"num_queries": "pooling", "num_patterns": "lookup"}.items():
            if getattr(self, name) is not None and self.mode != mode:
                raise ValueError(f"Argument `{name}` is only for mode {mode!r}, and the mode is {self.mode!r}.")

    def build(self, patterns_shape: Shape, stored_shape: Shape | None = None) -> None:
        stored_shape = patterns_shape if stored_shape is None else stored_shape
        space = (self.num_heads, self.head_dim)
        if self.mode == "pooling":
            self.state_patterns = self._add_kernel("state_patterns", (self.num_queries or 1, *space))
        else:
            self.query_kernel, self.query_bias = self._add_projection("query", (patterns_shape[-1], *space), space)
        if self.mode == "lookup":
            self.stored_keys = self._add_kernel("stored_keys", (self.num_patterns, *space))
            self.stored_values = self._add_kernel("stored_values", (self.num_patterns, *space))
        else:
            self.key_kernel, self.key_bias = self._add_projection("key", (stored_shape[-1], *space), space)
            self.value_kernel, self.value_bias = self._add_projection("value", (stored_shape[-1], *space), space)
        self.output_kernel, self.output_bias = self._add_projection("output", (*space, self.units), (self.units,))

    def _add_kernel(self, name, shape):
        return self.add_weight(name=name, shape=shape, initializer=fresh_initializer(self.kernel_initializer))

    def _add_projection(self, name, shape, bias_shape):
        kernel = self._add_kernel(f"{name}_kernel", shape)
        if not self.use_bias:
            return kernel, None
        return kernel, self.add_weight(name=f"{name}_bias", shape=bias_shape, initializer=self.bias_initializer)

    def call(
        self,
        patterns: Tensor,
        stored: Tensor | None = None,
        mask: Tensor | None = None,
        patterns_mask: Tensor | None = None,
        stored_mask: Tensor | None = None,
        return_attention_scores: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        if stored is not None and self.mode != "association":
            raise ValueError(f"Argument `stored` is only for mode 'association', and the mode is {self.mode!r}.")
        if stored is None:
            stored, stored_mask = patterns, mask if patterns_mask is None else patterns_mask
        stored_mask = None if self.mode == "lookup" or stored_mask is None else ops.cast(stored_mask, "bool")
        if stored_mask is not None:
            # Their weight is zero, but zero times NaN would not be.
            stored = ops.where(stored_mask[:, :, None], stored, ops.zeros_like(stored))
        states = self._states(patterns)
        keys, values = self._stored(stored)
        for _ in range(self.update_steps - 1):
            states = ops.matmul(self._associate(states, keys, stored_mask), keys)
        scores = self._associate(states, keys, stored_mask)
        output = ops.einsum("bhqd,hdu->bqu", ops.matmul(scores, values), self.output_kernel)
        output = output + self.output_bias if self.use_bias else output
        output = output[:, 0] if self.mode == "pooling" and self.num_queries is None else output
        return (output, scores) if return_attention_scores else output

    def _project(self, patterns, kernel, bias):
        """Return (batch, heads, patterns, head_dim) of (batch, patterns, features)."""
        projected = ops.einsum("bsf,fhd->bhsd", patterns, kernel)
        return projected + bias[:, None] if self.use_bias else projected

    def _states(self, patterns):
        """Return the state patterns, (batch, heads, queries, head_dim)."""
        if self.mode != "pooling":
            return self._project(patterns, self.query_kernel, self.query_bias)
        states = ops.transpose(ops.cast(self.state_patterns, self.compute_dtype), (1, 0, 2))
        return ops.broadcast_to(states, (ops.shape(patterns)[0], *states.shape))

    def _stored(self, stored):
        """Return what is compared and what is retrieved, (batch or 1, heads, slots, head_dim) each."""
        if self.mode != "lookup":
            keys = self._project(stored, self.key_kernel, self.key_bias)
            return keys, self._project(stored, self.value_kernel, self.value_bias)
        weights = (ops.cast(weight, self.compute_dtype) for weight in (self.stored_keys, self.stored_values))
        return tuple(ops.transpose(weight, (1, 0, 2))[None] for weight in weights)

    def _associate(self, states, keys, mask):
        """Return the softmax over the stored patterns, (batch, heads, queries, slots)."""
        beta = self.head_dim**-0.5 if self.beta is None else self.beta
        scores = ops.matmul(states * beta, ops.swapaxes(keys, 2, 3))
        if mask is None:
            return ops.softmax(scores, axis=-1)
        mask = mask[:, None, None]
        scores = ops.softmax(ops.where(mask, scores, -6e4 if self.compute_dtype == "float16" else -1e30), axis=-1)
        return ops.where(mask, scores, ops.zeros_like(scores))

    def compute_mask(self, patterns: Any, mask: Any = None) -> Any:
        """Propagate the mask of the patterns, where there is one output for each."""
        return None if self.mode == "pooling" else mask

    def get_config(self) -> Config:
        names = "units num_heads head_dim mode beta update_steps num_queries num_patterns use_bias".split()
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
