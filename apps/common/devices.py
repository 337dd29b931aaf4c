"""What a training runs on: which devices, how they share its batches, and in which precision."""

import contextlib
import json
import os
from dataclasses import dataclass
from typing import Any, Literal

import keras

from . import groups
from .cli import UserError

# How devices share a batch.
WAYS = {"tensorflow": "mirrored", "jax": "data_parallel"}


@dataclass(frozen=True)
class Devices:
    """What a training runs on."""

    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    """With auto TPUs if there are any, else GPUs, else the processor."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Of the computation; weights stay float32. bfloat16 suits TPUs and GPUs since 2020, float16 older GPUs."""
    distribute: Literal["auto", "none", "mirrored", "data_parallel"] = "auto"
    """How devices share each batch: mirrored on TensorFlow, data_parallel on JAX, where processes can be a group. With
    auto they do what fits the backend, if there are several."""
    group_timeout: int = 300
    """Seconds to wait for the processes of a group."""


@dataclass(frozen=True)
class Placement:
    """Where a training runs, of `settle`."""

    backend: str
    devices: list
    """That share a batch: the backend's own objects, of every process."""
    kind: str
    way: str
    precision: str
    batch_size: int
    process: int = 0
    processes: int = 1

    def __str__(self):
        count = len(self.devices)
        what = f"{count} {self.kind} devices" if count > 1 else self.kind
        group = f" of {self.processes} processes" if self.processes > 1 else ""
        shared = f", {self.batch_size // count} rows of a batch on each" if count > 1 else ""
        return f"{self.backend} on {what}{group}, {self.precision}, {self.way if count > 1 else 'one device'}{shared}"

    @contextlib.contextmanager
    def scope(self):
        """What is built, loaded and trained within is on the devices and of the precision."""
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            with self._scope_of_backend():
                yield
        finally:
            keras.config.set_dtype_policy(before)

    def _scope_of_backend(self):
        if self.backend == "tensorflow":
            import tensorflow as tf

            names = [device.name for device in self.devices]
            if len(names) > 1:
                return tf.distribute.MirroredStrategy(names).scope()
            # Left alone, TensorFlow takes the first GPU, and what only the processor can do to that.
            return tf.device(names[0]) if self.kind == "CPU" else contextlib.nullcontext()
        if self.backend == "jax":
            import jax

            if len(self.devices) == 1:
                return jax.default_device(self.devices[0])
            return self._data_parallel()
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def _data_parallel(self):
        with groups.watched(self.processes):
            names = keras.distribution.list_devices(self.devices[0].platform)
            # Each process makes its own rows, see `share`.
            with keras.distribution.DataParallel(devices=names, auto_shard_dataset=False).scope():
                yield

    def share(self, dataset, rows, epochs=None):
        """Batches that the devices can share, of which this process gets its part: see `batches.whole_batches`.

        Args:
            rows: that the dataset has, in each of the `epochs` if these are given.
        """
        from .batches import whole_batches

        rows *= 1 if epochs is None else len(epochs)
        return whole_batches(dataset, self.batch_size, rows, self.process, self.processes)


def settle(on, batch_size):
    """Finds the devices, waits for the group if there is one, and says in a line what there is.

    Args:
        on: `Devices`.
        batch_size: rows of a training step.

    Raises:
        UserError: the devices are not there, or cannot share a batch, or the backend cannot do what is asked; a group
            is not complete in time.
    """
    backend = keras.backend.backend()
    _require_way(on.distribute, backend)
    if on.distribute != "none":
        if backend == "jax":
            groups.join(on.group_timeout, asked=on.distribute == "data_parallel")
        else:
            _require_no_group(backend)
    kind, devices = _find(backend, on.device)
    process, processes = _number(backend)
    way = WAYS.get(backend) if on.distribute == "auto" else on.distribute
    if way in (None, "none") or len(devices) == 1:
        if on.distribute not in ("auto", "none"):
            raise UserError(f"--distribute {on.distribute}: there is one {kind} only; leave it out")
        way, devices = "none", devices[:1]
    _require_shares(batch_size, len(devices), kind)
    placement = Placement(backend, devices, kind, way, on.precision, batch_size, process, processes)
    if process == 0:
        print(placement, flush=True)
    return placement


def _require_way(way, backend):
    if way in ("auto", "none", WAYS.get(backend)):
        return
    right = {"tensorflow": "--distribute mirrored, or KERAS_BACKEND=jax", "jax": "--distribute data_parallel"}
    raise UserError(
        f"--distribute {way}: does nothing on {backend}; take {right.get(backend, 'KERAS_BACKEND=tensorflow or jax')}"
    )


def _require_no_group(backend):
    workers = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    sign = "TF_CONFIG" if sum(len(names) for names in workers.values()) > 1 else groups.sign()
    if sign:
        raise UserError(
            f"{sign} says that this is one of several processes, and {backend} trains in one (MultiWorkerMirrored does "
            "not work with Keras' fit): take KERAS_BACKEND=jax for the group, or --distribute none to train alone"
        )


def _require_shares(batch_size, count, kind):
    if batch_size % count:
        below = batch_size // count * count
        could = f"{below} or {below + count}" if below else count
        raise UserError(f"--batch-size {batch_size}: {count} {kind} devices cannot share it equally; {could} would do")


def _number(backend):
    """Of this process, and of processes."""
    if backend != "jax":
        return 0, 1
    import jax

    return jax.process_index(), jax.process_count()


def _find(backend, asked) -> tuple[str, list[Any]]:
    """The kind, CPU, GPU or TPU, and the devices of it."""
    try:
        found = _list(backend)
    except (RuntimeError, AssertionError) as error:
        # JAX, by the one or the other, told of a device that is not there.
        told = f"JAX_PLATFORMS={os.environ.get('JAX_PLATFORMS')}"
        said = f" ({' '.join(str(error).split())[:200]})" if str(error) else ""
        raise UserError(
            f"{told}: {backend} finds no such device{said}; unset it, or install what README.md says"
        ) from None
    kinds = [kind for kind in ("tpu", "gpu", "cpu") if found.get(kind)]
    kind = kinds[0] if asked == "auto" else asked
    if kind not in kinds:
        raise UserError(
            f"--device {asked}: {backend} finds {' and '.join(each.upper() for each in kinds)} alone; README.md, "
            '"GPU, TPU, many machines", says what to install'
        )
    return kind.upper(), found[kind]


def _list(backend):
    if backend == "tensorflow":
        import tensorflow as tf

        return {kind: tf.config.list_logical_devices(kind.upper()) for kind in ("tpu", "gpu", "cpu")}
    if backend == "jax":
        import jax

        found = {{"cuda": "gpu", "rocm": "gpu"}.get(jax.default_backend(), jax.default_backend()): jax.devices()}
        # Beside any other device there is the processor, unless JAX_PLATFORMS leaves it out.
        with contextlib.suppress(RuntimeError):
            found.setdefault("cpu", jax.devices("cpu"))
        return found
    import torch

    return {"gpu": list(range(torch.cuda.device_count())), "cpu": [0]}
