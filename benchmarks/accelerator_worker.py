"""One measurement of `benchmarks.accelerator`, run in its own process and printed as a line of JSON."""

import contextlib

from .speed_worker import GRID, LARGE, calls, cases, grid, inputs, interleaved, layer_pair, main, torch_grid

# Steps by which loops are unrolled.
UNROLLED = (1, 2, 8)


def grids(family: str, seconds: float, tolerance: float):
    """Measure ours and Keras' at all shapes, without and with a mask, in this process."""
    return [grid(family, *case, seconds, tolerance) for case in cases(GRID)]


def torch_grids(family: str, seconds: float):
    """Measure PyTorch at all shapes, without and with a mask, in this process."""
    return [torch_grid(family, *case, seconds) for case in cases(GRID)]


def kernels(seconds: float):
    """Measure the LSTM's kernels of a GPU at the shapes of `GRID` and of `LARGE`, without and with a mask."""
    import layers

    found = []
    for shape, masked in cases((*GRID, *LARGE)):
        forward, train = {}, {}
        for kernel in ("compiled", "cudnn"):
            with layers.use_kernel(kernel):
                layer = layer_pair("LSTM", shape)["ours"]
                forward[kernel], train[kernel] = calls(layer, *inputs(shape, masked))
                # Compile while the kernel is forced.
                forward[kernel](), train[kernel]()
        found.append({"forward": interleaved(forward, seconds), "training": interleaved(train, seconds)})
    return found


def unroll(family: str, seconds: float):
    """Measure our layer at the shapes of `GRID`, its loops unrolled by `UNROLLED` steps."""
    import jax

    from layers.kernels import jax as kernel

    found = []
    for shape in GRID:
        forward, train = {}, {}
        for steps in UNROLLED:
            kernel.UNROLL = steps
            # JAX caches traces by function, so a new one is needed.
            kernel._compiled = jax.jit(lambda *arguments: kernel._through_time(*arguments), static_argnums=(0, 1, 2))
            forward[steps], train[steps] = calls(layer_pair(family, shape)["ours"], *inputs(shape, False))
            forward[steps](), train[steps]()
        found.append({"forward": interleaved(forward, seconds), "training": interleaved(train, seconds)})
    return found


def app_step(app: str, batch_size: int, seconds: float):
    """Measure an app's training step on JAX, with the kernels that its layers choose and with Keras' loop."""
    import jax
    import keras
    import numpy as np

    import layers

    from .steps import training_step

    def array(shape):
        is_integer = np.issubdtype(shape.dtype, np.integer)
        values = generator.integers(1, 16, shape.shape) if is_integer else generator.normal(size=shape.shape)
        return values.astype(shape.dtype)

    generator, functions = np.random.default_rng(0), {}
    for name in ("ours", "portable"):
        step, state, shapes = training_step(app, batch_size)
        batch = keras.tree.map_structure(array, shapes)
        with layers.use_kernel(name) if name == "portable" else contextlib.nullcontext():
            compiled = jax.jit(step).lower(state, batch).compile()
        functions[name] = lambda step=compiled, inputs=(state, batch): jax.block_until_ready(step(*inputs))
    return interleaved(functions, seconds)


if __name__ == "__main__":
    main(grids, torch_grids, kernels, unroll, app_step)
