"""Derivatives of every order and mode, in any precision: ours equal Keras'."""

import keras
import numpy as np
import pytest
from keras import ops

import layers
from tests.layers.families import BATCH, FAMILIES, FEATURES, MASKS, TIME, UNITS, assert_equal, family_name
from tests.layers.gradients import gradients

BACKEND = keras.backend.backend()
only_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
only_jax = pytest.mark.skipif(BACKEND != "jax", reason="of JAX")


# Each family once, with and without what changes the way of a gradient.
CASES = [
    (family, {} if index % 2 else {"return_sequences": True, "go_backwards": True})
    for index, family in enumerate(FAMILIES)
]
cases = pytest.mark.parametrize("family,options", CASES, ids=[family_name(family) for family, _ in CASES])


def square(layer, inputs, mask, power=2):
    return ops.sum(layer(inputs, mask=mask, training=True) ** power)


def nested(layer, inputs, mask):
    """Gradients for inputs and weights of the squared gradient, on TensorFlow."""
    import tensorflow as tf

    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            value = square(layer, inputs, mask)
        penalty = tf.reduce_sum(inner.gradient(value, inputs) ** 2)
    return outer.gradient(penalty, [inputs, *(weight.value for weight in layer.trainable_weights)])


def thrice(layer, inputs, mask):
    import tensorflow as tf

    with tf.GradientTape() as third:
        third.watch(inputs)
        with tf.GradientTape() as second:
            second.watch(inputs)
            with tf.GradientTape() as first:
                first.watch(inputs)
                value = square(layer, inputs, mask, 3)
            value = tf.reduce_sum(first.gradient(value, inputs) ** 2)
        value = tf.reduce_sum(second.gradient(value, inputs) ** 2)
    return third.gradient(value, inputs)


def forward(function, value):
    """The derivative of a function along a direction, in forward mode, on TensorFlow."""
    import tensorflow as tf

    with tf.autodiff.ForwardAccumulator(value, tf.cos(value)) as accumulator:
        outputs = function()
    return accumulator.jvp(outputs)


def hessian_times_direction(layer, inputs, mask):
    import tensorflow as tf

    kernel = layer.trainable_weights[0].value

    def gradient():
        with tf.GradientTape() as tape:
            value = square(layer, inputs, mask)
        return tape.gradient(value, kernel)

    return forward(gradient, kernel)


@only_tensorflow
@cases
def test_derivatives_of_higher_order_and_in_forward_mode_equal_keras_on_tensorflow(
    family, options, generator, sequences
):
    import tensorflow as tf

    inputs, mask = tf.constant(sequences), tf.constant(MASKS["holes"]) if options else None
    ours, theirs = family.pair(generator, **options)
    in_a_graph = tf.function(lambda inputs: ours(inputs, mask=mask))
    expected = nested(theirs, inputs, mask)
    assert_equal(nested(ours, inputs, mask), expected, rtol=1e-4, atol=1e-5)
    with layers.use_kernel("compiled"):
        assert_equal(tf.function(nested)(ours, inputs, mask), expected, rtol=1e-4, atol=1e-5)
    assert_equal(thrice(ours, inputs, mask), thrice(theirs, inputs, mask), rtol=1e-4, atol=1e-5)
    direction = forward(lambda: theirs(inputs, mask=mask), inputs)
    assert_equal(forward(lambda: ours(inputs, mask=mask), inputs), direction, rtol=1e-4, atol=1e-5)
    with layers.use_kernel("compiled"):
        assert_equal(forward(lambda: in_a_graph(inputs), inputs), direction, rtol=1e-4, atol=1e-5)
    arguments = inputs, mask
    assert_equal(
        hessian_times_direction(ours, *arguments), hessian_times_direction(theirs, *arguments), rtol=1e-4, atol=1e-5
    )


@only_tensorflow
def test_a_gradient_penalty_trains_as_with_keras(family, generator, sequences):
    import tensorflow as tf

    class Penalized(keras.Model):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def call(self, inputs):
            return self.layer(inputs)

        def train_step(self, data):
            inputs, targets = data
            with tf.GradientTape() as outer:
                with tf.GradientTape() as inner:
                    inner.watch(inputs)
                    outputs = self(inputs, training=True)
                slope = inner.gradient(outputs, inputs)
                loss = self.compute_loss(y=targets, y_pred=outputs) + tf.reduce_mean(slope**2)
            self.optimizer.apply_gradients(
                zip(outer.gradient(loss, self.trainable_variables), self.trainable_variables, strict=True)
            )
            return {"loss": loss}

    weights = []
    for layer in family.pair(generator):
        model = Penalized(layer)
        model.compile("sgd", "mse")
        model.fit(sequences, np.ones((BATCH, UNITS), "float32"), epochs=2, verbose=0)
        weights.append(model.get_weights())
    assert_equal(*weights, rtol=1e-4, atol=1e-5)


def jax_derivatives(layer, inputs, mask):
    """Derivatives in every mode that JAX has, by name."""
    import jax

    weights = [weight.value for weight in layer.trainable_variables]
    others = [weight.value for weight in layer.non_trainable_variables]

    def outputs(kernel, inputs, mask=mask):
        return layer.stateless_call([kernel, *weights[1:]], others, inputs, mask=mask, training=True)[0]

    def loss(kernel, inputs, mask=mask):
        return (outputs(kernel, inputs, mask) ** 2).sum()

    def one(inputs, mask):
        return jax.grad(loss)(weights[0], inputs[None], None if mask is None else mask[None])

    at, along = (weights[0], inputs), (weights[0] + 1, inputs - 1)
    _, linear = jax.linearize(outputs, *at)
    return {
        "jvp": jax.jvp(outputs, at, along),
        "jvp of jit": jax.jvp(jax.jit(outputs), at, along),
        "jacfwd": jax.jacfwd(outputs, argnums=(0, 1))(*at),
        "jacrev": jax.jacrev(outputs, argnums=(0, 1))(*at),
        "linearize": linear(*along),
        "linear_transpose": jax.linear_transpose(linear, *at)(outputs(*at)),
        "hessian": jax.hessian(loss, argnums=1)(*at),
        "forward of forward": jax.jacfwd(jax.jacfwd(outputs))(*at),
        "reverse of reverse": jax.jacrev(jax.jacrev(loss))(*at),
        "per example": jax.vmap(one, in_axes=(0, None if mask is None else 0))(inputs, mask),
        "recomputed": jax.grad(lambda kernel: (jax.checkpoint(outputs)(kernel, inputs) ** 2).sum())(weights[0]),
    }


@only_jax
@cases
def test_derivatives_of_every_order_and_mode_equal_keras_on_jax(family, options, generator, sequences):
    inputs = ops.convert_to_tensor(sequences[:, :4])
    mask = ops.convert_to_tensor(MASKS["holes"][:, :4]) if options else None
    ours, theirs = family.pair(generator, **options)
    found, expected = (jax_derivatives(layer, inputs, mask) for layer in (ours, theirs))
    assert len(found) == 11
    for name in found:
        assert_equal(found[name], expected[name], rtol=1e-4, atol=1e-5)


@only_jax
def test_a_wrong_backward_pass_is_seen_in_reverse_mode_and_leaves_forward_mode_right(generator, sequences, monkeypatch):
    import jax

    from layers.kernels import jax as jax_kernels

    right = jax_kernels.backward_loop

    def wrong(*arguments):
        d_start, d_a = right(*arguments)
        return d_start, [1.001 * d for d in d_a]

    ours, theirs = FAMILIES[-1].pair(generator)
    inputs = ops.convert_to_tensor(sequences[:, :4])
    monkeypatch.setattr(jax_kernels, "backward_loop", wrong)
    jax_kernels._compiled.clear_cache()
    assert_equal(*(jax.jacfwd(layer)(inputs) for layer in (ours, theirs)), rtol=1e-4, atol=1e-5)
    with pytest.raises(AssertionError, match="Not equal"):
        assert_equal(*(jax.jacrev(layer)(inputs) for layer in (ours, theirs)), rtol=1e-4, atol=1e-5)
    jax_kernels._compiled.clear_cache()


POISON = [np.nan, np.inf, 1e38]


@pytest.mark.parametrize("name", [*[f.name for f in FAMILIES[:2]], "LSTM", "PeepholeLSTM", "LayerNormGRU", "DeepRNN"])
@pytest.mark.parametrize("kernel", ["portable", "compiled"])
def test_what_stands_in_the_padding_changes_neither_values_nor_gradients(generator, sequences, name, kernel):
    if kernel == "compiled" and (BACKEND == "torch" or name not in ("SimpleRNN", "GRU", "LSTM")):
        pytest.skip("it has the portable kernel alone")
    layer = layers.DeepRNN([layers.LSTMCell(3), layers.GRUCell(2)]) if name == "DeepRNN" else None
    layer = layer or getattr(layers, name)(UNITS)
    layer.build((BATCH, TIME, FEATURES))
    with layers.use_kernel(kernel):
        for mask in MASKS.values():
            found = []
            for value in (0.0, *POISON):
                padded = np.where(mask[:, :, None], sequences, value).astype("float32")
                found.append((layer(padded, mask=mask), gradients(layer, padded, [], mask)))
            for other in found[1:]:
                assert_equal(other, found[0])


@pytest.mark.parametrize("policy,exact", [("mixed_float16", 2e-3), ("mixed_bfloat16", 2e-2)])
def test_weight_gradients_of_half_precision_are_summed_in_single(family, generator, policy, exact):
    """Over 128 rows of 100 steps a sum in half precision loses its last digits, and overflows above 65,504."""
    if BACKEND == "torch":
        pytest.skip("it has the portable kernel alone")
    single, _ = family.pair(generator, return_sequences=True)
    mixed = family.make(UNITS, return_sequences=True, dtype=policy)
    mixed.build((BATCH, TIME, FEATURES))
    mixed.set_weights([0.3 * weight for weight in single.get_weights()])
    single.set_weights(mixed.get_weights())
    # Each step's gradient is 60 or so: their sum over 12,800 steps does not fit into float16.
    sequences = np.abs(generator.normal(size=(128, 100, FEATURES))).astype("float32")
    slopes = []
    for layer in (single, mixed):
        weighted = Weighted(layer)
        slopes.append([ops.convert_to_numpy(g) for g in gradients(weighted, sequences, [], None)])
    count = len(single.trainable_weights)
    assert max(np.abs(slope).max() for slope in slopes[0][:count]) > 65504
    for ours, expected in zip(slopes[1][:count], slopes[0][:count], strict=True):
        assert ours.dtype == "float32"
        assert np.isfinite(ours).all()
        assert np.abs(ours - expected).max() < exact * np.abs(expected).max()


class Weighted:
    """A layer whose outputs, squared and summed, have large gradients."""

    def __init__(self, layer):
        self.layer, self.trainable_weights = layer, layer.trainable_weights

    def __call__(self, inputs, **arguments):
        return 10.0 * self.layer(ops.cast(inputs, "float32"), training=True, **arguments)
