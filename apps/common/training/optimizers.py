"""Adam with the same result on several devices as on one, and on TensorFlow as on JAX."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("engram")
class Adam(keras.optimizers.Adam):
    """Keras' Adam with `global_clipnorm` corrected on TensorFlow.

    Under MirroredStrategy Keras clips the gradient of each replica before they are summed; here the sum is clipped.
    Keras computes the norm of an embedding's gradient from unaggregated entries, several for one row; here they are
    summed first, as on JAX.
    """

    def _clip_gradients(self, grads):
        if keras.backend.backend() != "tensorflow" or not self.global_clipnorm:
            return super()._clip_gradients(grads)
        import tensorflow as tf

        grads = [tf.convert_to_tensor(gradient) for gradient in grads]
        count = tf.distribute.get_strategy().num_replicas_in_sync
        if count == 1:
            return super()._clip_gradients(grads)
        whole = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, grads)
        # Every replica now has the sum, and the optimizer is about to sum over replicas.
        return [gradient / count for gradient in super()._clip_gradients(whole)]


def built(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> Any:
    """Make the variables of an optimizer for a model, so that TensorFlow need not trace the training step twice."""
    optimizer.build(model.trainable_variables)
    return optimizer
