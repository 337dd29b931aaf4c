"""Adam that is the same on several devices as on one."""

import keras


@keras.saving.register_keras_serializable("engram")
class Adam(keras.optimizers.Adam):
    """Keras' Adam, whose clipping is right under MirroredStrategy, too.

    There Keras clips what each replica has of the gradient, before they are summed: the norm of a part says nothing of
    the norm of the whole. Here the sum is clipped.
    """

    def _clip_gradients(self, grads):
        count = 1
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            count = tf.distribute.get_strategy().num_replicas_in_sync
        if count == 1:
            return super()._clip_gradients(grads)
        dense = [tf.convert_to_tensor(gradient) for gradient in grads]
        whole = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, dense)
        # Each replica has the whole now, and they are about to be summed.
        return [gradient / count for gradient in super()._clip_gradients(whole)]
