"""Find the devices of a training and decide how they share its batches."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from ..cli import UserError
from ..options import TrainingOptions
from . import groups
from .batches import whole_batches

# How devices share a batch.
DISTRIBUTIONS = {"tensorflow": "mirrored", "jax": "data_parallel"}


@dataclass(frozen=True)
class Placement:
    """The devices of a training, see `find_devices`.

    Attributes:
        backend: name of Keras' backend.
        devices: devices that share a batch, the backend's objects, of every process.
        kind: `CPU`, `GPU` or `TPU`.
        distribution: `none`, `mirrored` or `data_parallel`.
        precision: Keras' dtype policy.
        batch_size: rows of a step.
        process: index of this process.
        processes: number of processes.
    """

    backend: str
    devices: list
    kind: str
    distribution: str
    precision: str
    batch_size: int
    process: int = 0
    processes: int = 1

    def __str__(self):
        count = len(self.devices)
        devices = f"{count} {self.kind} devices" if count > 1 else self.kind
        group = f" of {self.processes} processes" if self.processes > 1 else ""
        rows = f", {self.batch_size // count} rows of a batch on each" if count > 1 else ""
        distribution = self.distribution if count > 1 else "one device"
        return f"{self.backend} on {devices}{group}, {self.precision}, {distribution}{rows}"

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Build, load and train models on the devices and in the precision."""
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            with self._scope_of_backend():
                yield
        finally:
            keras.config.set_dtype_policy(before)

    def _scope_of_backend(self):
        if self.backend == "tensorflow":
            names = [device.name for device in self.devices]
            if len(names) > 1:
                return tf.distribute.MirroredStrategy(names).scope()
            # TensorFlow itself takes the first GPU, and the CPU for operations that have no GPU kernel.
            return tf.device(names[0]) if self.kind == "CPU" else contextlib.nullcontext()
        if self.backend == "jax":
            import jax

            if len(self.devices) == 1:
                return jax.default_device(self.devices[0])
            return self._data_parallel()
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def _data_parallel(self):
        with groups.one_line_if_broken(self.processes):
            names = keras.distribution.list_devices(self.devices[0].platform)
            # Each process makes its own rows, see `batches`.
            with keras.distribution.DataParallel(devices=names, auto_shard_dataset=False).scope():
                yield

    def batches(self, dataset: tf.data.Dataset, rows: int) -> tf.data.Dataset:
        """Return batches that the devices can share, this process' part of them; see `whole_batches`."""
        return whole_batches(dataset, self.batch_size, rows, self.process, self.processes).prefetch(tf.data.AUTOTUNE)


def find_devices(options: TrainingOptions, batch_size: int) -> Placement:
    """Find the devices, wait for the group of processes if there is one, and print both in one line.

    Args:
        options: `TrainingOptions`.
        batch_size: rows of a step.

    Returns:
        A `Placement`.

    Raises:
        UserError: the devices are absent or cannot share a batch; the backend does not support an option; processes of
            the group are missing.
    """
    backend = keras.backend.backend()
    _require_distribution(options.distribute, backend)
    if options.distribute != "none":
        if backend == "jax":
            groups.join(options.group_timeout, requested=options.distribute == "data_parallel")
        else:
            _require_no_group(backend)
    kind, devices = _find(backend, options.device)
    process, processes = _process(backend)
    distribution = DISTRIBUTIONS.get(backend) if options.distribute == "auto" else options.distribute
    if distribution in (None, "none") or len(devices) == 1:
        if options.distribute not in ("auto", "none"):
            raise UserError(f"--distribute {options.distribute}: there is only one {kind}; leave the option out")
        distribution, devices = "none", devices[:1]
    _require_divisible(batch_size, len(devices), kind)
    placement = Placement(backend, devices, kind, distribution, options.precision, batch_size, process, processes)
    if process == 0:
        print(placement, flush=True)
    return placement


def _require_distribution(distribution, backend):
    if distribution in ("auto", "none", DISTRIBUTIONS.get(backend)):
        return
    right = {"tensorflow": "--distribute mirrored, or KERAS_BACKEND=jax", "jax": "--distribute data_parallel"}
    raise UserError(
        f"--distribute {distribution}: not supported on {backend}; use "
        f"{right.get(backend, 'KERAS_BACKEND=tensorflow or jax')}"
    )


def _require_no_group(backend):
    workers = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    variable = "TF_CONFIG" if sum(len(names) for names in workers.values()) > 1 else groups.launcher_variable()
    if variable:
        raise UserError(
            f"{variable} says that this is one of several processes, but {backend} trains in one "
            "(MultiWorkerMirroredStrategy does not work with Keras' fit): use KERAS_BACKEND=jax for the group, or "
            "--distribute none to train in this process only"
        )


def _require_divisible(batch_size, count, kind):
    if batch_size % count:
        below = batch_size // count * count
        possible = f"{below} or {below + count}" if below else count
        raise UserError(f"--batch-size {batch_size}: not divisible by {count} {kind} devices; use {possible}")


def _process(backend):
    """Return the index of this process and the number of processes."""
    if backend != "jax":
        return 0, 1
    import jax

    return jax.process_index(), jax.process_count()


def _find(backend, requested) -> tuple[str, list[Any]]:
    """Return the kind, CPU, GPU or TPU, and its devices."""
    try:
        found = _list(backend)
    except (RuntimeError, AssertionError) as error:
        # JAX raises either if JAX_PLATFORMS names a device that is absent.
        details = f" ({' '.join(str(error).split())[:200]})" if str(error) else ""
        raise UserError(
            f"JAX_PLATFORMS={os.environ.get('JAX_PLATFORMS')}: {backend} finds no such device{details}; unset it, or "
            "install what README.md says"
        ) from None
    kinds = [kind for kind in ("tpu", "gpu", "cpu") if found.get(kind)]
    kind = kinds[0] if requested == "auto" else requested
    if kind not in kinds:
        raise UserError(
            f"--device {requested}: {backend} finds only {' and '.join(each.upper() for each in kinds)}; README.md, "
            '"GPU, TPU, many machines", says what to install'
        )
    return kind.upper(), found[kind]


def _list(backend):
    if backend == "tensorflow":
        return {kind: tf.config.list_logical_devices(kind.upper()) for kind in ("tpu", "gpu", "cpu")}
    if backend == "jax":
        import jax

        found = {{"cuda": "gpu", "rocm": "gpu"}.get(jax.default_backend(), jax.default_backend()): jax.devices()}
        # A CPU is there beside any other device, unless JAX_PLATFORMS excludes it.
        with contextlib.suppress(RuntimeError):
            found.setdefault("cpu", jax.devices("cpu"))
        return found
    import torch

    return {"gpu": list(range(torch.cuda.device_count())), "cpu": [0]}
