"""Gradients of a layer on the current Keras backend."""

import keras
from keras import ops


def gradients(layer, sequences, states, mask):
    """Return the gradients of the sum of squared outputs for the weights, the sequences and the initial states."""
    arguments = [weight.value for weight in layer.trainable_weights]
    arguments += [ops.convert_to_tensor(value) for value in (sequences, *states)]
    count = len(layer.trainable_weights)

    def loss(*arguments):
        weights, (inputs, *initial) = arguments[:count], arguments[count:]
        mapping = list(zip(layer.trainable_weights, weights, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            outputs = layer(inputs, initial_state=initial or None, mask=mask)
        return sum(ops.sum(ops.square(output)) for output in keras.tree.flatten(outputs))

    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(loss, argnums=tuple(range(len(arguments))))(*arguments)
    if keras.backend.backend() == "torch":
        import torch

        arguments = [argument.detach().requires_grad_() for argument in arguments]
        return torch.autograd.grad(loss(*arguments), arguments)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(arguments)
        value = loss(*arguments)
    return tape.gradient(value, arguments)
