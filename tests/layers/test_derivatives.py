"""Derivatives in any order, mode and precision equal Keras'."""

import keras
import numpy as np
import pytest
from keras import ops

import layers
from tests.layers.families import (
    BATCH,
    FAMILIES,
    FEATURES,
    MASKS,
    TIME,
    UNITS,
    assert_equal,
    family_name,
    quick_families,
)
from tests.layers.gradients import gradients

BACKEND = keras.backend.backend()
only_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow only")
only_jax = pytest.mark.skipif(BACKEND != "jax", reason="JAX only")


# Each family once, with or without options that change the path of the gradient.
cases = pytest.mark.parametrize(
    "family,options",
    [
        pytest.param(
            family,
            {} if index % 2 else {"return_sequences": True, "go_backwards": True},
            id=family_name(family),
            # The equations of all families are differentiated in the same way.
            marks=pytest.mark.slow if family.name == "GRU" else [],
        )
        for index, family in enumerate(FAMILIES)
    ],
)


def loss_of(layer, inputs, mask, power=2):
    return ops.sum(layer(inputs, mask=mask, training=True) ** power)


def gradient_of_penalty(layer, inputs, mask):
    """Return the gradients of a gradient penalty for inputs and weights, on TensorFlow."""
    import tensorflow as tf

    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            value = loss_of(layer, inputs, mask)
        penalty = tf.reduce_sum(inner.gradient(value, inputs) ** 2)
    return outer.gradient(penalty, [inputs, *(weight.value for weight in layer.trainable_weights)])


def third_derivative(layer, inputs, mask):
    import tensorflow as tf

    with tf.GradientTape() as third:
        third.watch(inputs)
        with tf.GradientTape() as second:
            second.watch(inputs)
            with tf.GradientTape() as first:
                first.watch(inputs)
                value = loss_of(layer, inputs, mask, 3)
            value = tf.reduce_sum(first.gradient(value, inputs) ** 2)
        value = tf.reduce_sum(second.gradient(value, inputs) ** 2)
    return third.gradient(value, inputs)


def jvp(function, value):
    """Return the derivative of a function along a direction, in forward mode, on TensorFlow."""
    import tensorflow as tf

    with tf.autodiff.ForwardAccumulator(value, tf.cos(value)) as accumulator:
        outputs = function()
    return accumulator.jvp(outputs)


def hessian_vector_product(layer, inputs, mask):
    import tensorflow as tf

    kernel = layer.trainable_weights[0].value

    def gradient():
        with tf.GradientTape() as tape:
            value = loss_of(layer, inputs, mask)
        return tape.gradient(value, kernel)

    return jvp(gradient, kernel)


@only_tensorflow
@cases
def test_higher_derivatives_and_forward_mode_equal_keras_on_tensorflow(family, options, generator, sequences):
    import tensorflow as tf

    inputs, mask = tf.constant(sequences), tf.constant(MASKS["holes"]) if options else None
    ours, theirs = family.pair(generator, **options)
    in_a_graph = tf.function(lambda inputs: ours(inputs, mask=mask))
    expected = gradient_of_penalty(theirs, inputs, mask)
    assert_equal(gradient_of_penalty(ours, inputs, mask), expected, rtol=1e-4, atol=1e-5)
    with layers.use_kernel("compiled"):
        assert_equal(tf.function(gradient_of_penalty)(ours, inputs, mask), expected, rtol=1e-4, atol=1e-5)
    assert_equal(third_derivative(ours, inputs, mask), third_derivative(theirs, inputs, mask), rtol=1e-4, atol=1e-5)
    expected_jvp = jvp(lambda: theirs(inputs, mask=mask), inputs)
    assert_equal(jvp(lambda: ours(inputs, mask=mask), inputs), expected_jvp, rtol=1e-4, atol=1e-5)
    with layers.use_kernel("compiled"):
        assert_equal(jvp(lambda: in_a_graph(inputs), inputs), expected_jvp, rtol=1e-4, atol=1e-5)
    arguments = inputs, mask
    assert_equal(
        hessian_vector_product(ours, *arguments), hessian_vector_product(theirs, *arguments), rtol=1e-4, atol=1e-5
    )


@quick_families("SimpleRNN")
@only_tensorflow
def test_gradient_penalty_trains_as_with_keras(family, generator, sequences):
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
                input_gradient = inner.gradient(outputs, inputs)
                loss = self.compute_loss(y=targets, y_pred=outputs) + tf.reduce_mean(input_gradient**2)
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
    """Return derivatives in every mode of JAX, by name."""
    import jax

    weights = [weight.value for weight in layer.trainable_variables]
    others = [weight.value for weight in layer.non_trainable_variables]

    def outputs(kernel, inputs, mask=mask):
        return layer.stateless_call([kernel, *weights[1:]], others, inputs, mask=mask, training=True)[0]

    def loss(kernel, inputs, mask=mask):
        return (outputs(kernel, inputs, mask) ** 2).sum()

    def example_gradient(inputs, mask):
        return jax.grad(loss)(weights[0], inputs[None], None if mask is None else mask[None])

    primals, tangents = (weights[0], inputs), (weights[0] + 1, inputs - 1)
    _, linear = jax.linearize(outputs, *primals)
    return {
        "jvp": jax.jvp(outputs, primals, tangents),
        "jvp of jit": jax.jvp(jax.jit(outputs), primals, tangents),
        "jacfwd": jax.jacfwd(outputs, argnums=(0, 1))(*primals),
        "jacrev": jax.jacrev(outputs, argnums=(0, 1))(*primals),
        "linearize": linear(*tangents),
        "linear_transpose": jax.linear_transpose(linear, *primals)(outputs(*primals)),
        "hessian": jax.hessian(loss, argnums=1)(*primals),
        "forward of forward": jax.jacfwd(jax.jacfwd(outputs))(*primals),
        "reverse of reverse": jax.jacrev(jax.jacrev(loss))(*primals),
        "per example": jax.vmap(example_gradient, in_axes=(0, None if mask is None else 0))(inputs, mask),
        "checkpoint": jax.grad(lambda kernel: (jax.checkpoint(outputs)(kernel, inputs) ** 2).sum())(weights[0]),
    }


@only_jax
@cases
def test_derivatives_of_every_order_and_mode_equal_keras_on_jax(family, options, generator, sequences):
    inputs = ops.convert_to_tensor(sequences[:, :4])
    mask = ops.convert_to_tensor(MASKS["holes"][:, :4]) if options else None
    ours, theirs = family.pair(generator, **options)
    actual, expected = (jax_derivatives(layer, inputs, mask) for layer in (ours, theirs))
    assert len(actual) == 11
    for name in actual:
        assert_equal(actual[name], expected[name], rtol=1e-4, atol=1e-5)


@only_jax
def test_wrong_backward_pass_changes_only_reverse_mode(generator, sequences, monkeypatch):
    import jax

    from layers.kernels import jax as jax_kernels

    original = jax_kernels.backward_loop

    def wrong(*arguments):
        d_initial_states, d_a = original(*arguments)
        return d_initial_states, [1.001 * d for d in d_a]

    ours, theirs = FAMILIES[-1].pair(generator)
    inputs = ops.convert_to_tensor(sequences[:, :4])
    monkeypatch.setattr(jax_kernels, "backward_loop", wrong)
    jax_kernels._compiled.clear_cache()
    assert_equal(*(jax.jacfwd(layer)(inputs) for layer in (ours, theirs)), rtol=1e-4, atol=1e-5)
    with pytest.raises(AssertionError, match="Not equal"):
        assert_equal(*(jax.jacrev(layer)(inputs) for layer in (ours, theirs)), rtol=1e-4, atol=1e-5)
    jax_kernels._compiled.clear_cache()


@pytest.mark.parametrize("name", [*[f.name for f in FAMILIES[:2]], "LSTM", "PeepholeLSTM", "LayerNormGRU", "DeepRNN"])
@pytest.mark.parametrize("kernel", ["portable", "compiled"])
def test_padding_values_change_neither_outputs_nor_gradients(generator, sequences, name, kernel):
    if kernel == "compiled" and (BACKEND == "torch" or name not in ("SimpleRNN", "GRU", "LSTM")):
        pytest.skip("only the portable kernel")
    layer = layers.DeepRNN([layers.LSTMCell(3), layers.GRUCell(2)]) if name == "DeepRNN" else None
    layer = layer or getattr(layers, name)(UNITS)
    layer.build((BATCH, TIME, FEATURES))
    values = np.resize(np.array([np.nan, np.inf, 1e38], "float32"), sequences.shape)
    with layers.use_kernel(kernel):
        for mask in (MASKS["holes"], MASKS["empty row"]):
            results = []
            for padding in (0.0, values):
                padded = np.where(mask[:, :, None], sequences, padding).astype("float32")
                results.append((layer(padded, mask=mask), gradients(layer, padded, [], mask)))
            assert_equal(*results)


@quick_families("LSTM")
@pytest.mark.parametrize("policy,tolerance", [("mixed_float16", 2e-3), ("mixed_bfloat16", 2e-2)])
def test_half_precision_weight_gradients_are_summed_in_float32(family, generator, policy, tolerance):
    """Over 128 rows of 100 steps a sum in float16 loses its last digits, and overflows above 65,504."""
    if BACKEND == "torch":
        pytest.skip("only the portable kernel")
    single, _ = family.pair(generator, return_sequences=True)
    mixed = family.make(UNITS, return_sequences=True, dtype=policy)
    mixed.build((BATCH, TIME, FEATURES))
    mixed.set_weights([0.3 * weight for weight in single.get_weights()])
    single.set_weights(mixed.get_weights())
    # The gradient of a step is about 60, so the sum over 12,800 steps does not fit into float16.
    sequences = np.abs(generator.normal(size=(128, 100, FEATURES))).astype("float32")
    grads = []
    for layer in (single, mixed):
        scaled = Scaled(layer)
        grads.append([ops.convert_to_numpy(g) for g in gradients(scaled, sequences, [], None)])
    count = len(single.trainable_weights)
    assert max(np.abs(grad).max() for grad in grads[0][:count]) > 65504
    for ours, expected in zip(grads[1][:count], grads[0][:count], strict=True):
        assert ours.dtype == "float32"
        assert np.isfinite(ours).all()
        assert np.abs(ours - expected).max() < tolerance * np.abs(expected).max()


class Scaled:
    """A layer with scaled outputs, so that the sum of their squares has large gradients."""

    def __init__(self, layer):
        self.layer, self.trainable_weights = layer, layer.trainable_weights

    def __call__(self, inputs, **arguments):
        return 10.0 * self.layer(ops.cast(inputs, "float32"), training=True, **arguments)
