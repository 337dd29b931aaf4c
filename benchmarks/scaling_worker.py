"""What `scaling` measures in processes of their own: a training on simulated devices, the memory of a step."""

import importlib
import json
import sys


def tensorflow(devices, app, *arguments):
    """Trains on so many logical processors of TensorFlow, which no environment variable makes."""
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * int(devices))
    from apps.common import cli

    return cli.run(importlib.import_module(f"apps.{app}.train").train, arguments)


def nudged(app, *arguments):
    """Trains from weights that are about one in their last binary place off."""
    import keras

    from apps.common import cli

    training = importlib.import_module(f"apps.{app}.train")
    build_model = training.build_model

    def build(*settings):
        model = build_model(*settings)
        for variable in model.trainable_variables:
            variable.assign(variable * (1 + 2 * keras.config.epsilon()))
        return model

    training.build_model = build
    return cli.run(training.train, arguments)


def memory(app, batch_size, *counts):
    """Prints GiB of a device for a training step of so many rows, for each number of devices."""
    import jax

    from benchmarks.steps import memory_on, training_step

    step, state, batch = training_step(app, int(batch_size))
    found = [memory_on(jax.devices()[: int(count)], step, state, batch) for count in counts]
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit({f.__name__: f for f in (tensorflow, nudged, memory)}[sys.argv[1]](*sys.argv[2:]))
