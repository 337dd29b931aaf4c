"""Measurements of `scaling`, each in its own process: a training on simulated devices, the memory of a step."""

import importlib
import json
import sys


def tensorflow(devices, app, *arguments):
    """Train on a number of logical CPUs of TensorFlow, which no environment variable sets."""
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * int(devices))
    from apps.common import cli

    return cli.run(importlib.import_module(f"apps.{app}.train").train, arguments)


def perturbed(app, *arguments):
    """Train from weights changed by about one unit in the last place."""
    import keras

    from apps.common import cli

    fit, verb = (importlib.import_module(f"apps.{app}.{name}") for name in ("fit", "train"))
    build_model = fit.build_model

    def build(*settings):
        model = build_model(*settings)
        for variable in model.trainable_variables:
            variable.assign(variable * (1 + 2 * keras.config.epsilon()))
        return model

    fit.build_model = build
    return cli.run(verb.train, arguments)


def memory(app, batch_size, *counts):
    """Print the GiB of a device for a training step, for each number of devices."""
    import jax

    from benchmarks.steps import memory_on, training_step

    step, state, batch = training_step(app, int(batch_size))
    found = [memory_on(jax.devices()[: int(count)], step, state, batch) for count in counts]
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit({f.__name__: f for f in (tensorflow, perturbed, memory)}[sys.argv[1]](*sys.argv[2:]))
