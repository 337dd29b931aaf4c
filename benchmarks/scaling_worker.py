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
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    from benchmarks.steps import training_step

    step, state, batch = training_step(app, int(batch_size))
    found = []
    for count in map(int, counts):
        mesh = Mesh(np.array(jax.devices()[:count]), ("batch",))
        whole, shared = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), ("batch",)))
        jitted = jax.jit(step, in_shardings=(whole, shared), out_shardings=whole, donate_argnums=0)
        used = jitted.lower(state, batch).compile().memory_analysis()
        total = used.argument_size_in_bytes + used.output_size_in_bytes - used.alias_size_in_bytes
        found.append((total + used.temp_size_in_bytes) / 2**30)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit({f.__name__: f for f in (tensorflow, nudged, memory)}[sys.argv[1]](*sys.argv[2:]))
