"""Options that several apps have; imports no framework, so that `--help` is quick."""

import dataclasses
from pathlib import Path
from typing import Literal

import tyro

from .cli import UserError

# A dataclass whose fields are options without a prefix.
Flat = tyro.conf.OmitArgPrefixes

ExportFormat = Literal["saved_model", "onnx"]


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """Where a training writes, and what it runs on."""

    run_dir: Path
    """Folder for everything that the training writes. The same command resumes an interrupted training."""
    overwrite: bool = False
    """Replace the run in --run-dir."""
    check: bool = False
    """Show what is read of the data, and stop."""
    tensorboard: bool = False
    """Write a TensorBoard log to --run-dir/tensorboard."""
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    """Kind of device to train on; auto takes TPUs if there are any, else GPUs, else the CPU."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Precision of the computation; weights stay float32. bfloat16 suits TPUs and GPUs since 2020, float16 older
    GPUs."""
    distribute: Literal["auto", "none", "mirrored", "data_parallel"] = "auto"
    """How devices share each batch: mirrored on TensorFlow, data_parallel on JAX, where processes can form a group.
    auto takes what fits the backend if there are several devices."""
    group_timeout: int = 300
    """Seconds to wait for the other processes of a group."""


@dataclasses.dataclass(frozen=True)
class Search:
    """Beam search for the most likely text."""

    beam: int = 5
    """Beam width; 1 is greedy search: faster, and slightly worse."""
    length_penalty: float = 1.0
    """Exponent of the length penalty (Wu et al. 2016, section 7); 0 for none."""

    def __post_init__(self):
        if not 1 <= self.beam <= 64:
            raise UserError(f"--beam {self.beam}: expected a whole number from 1 to 64")
        if not 0 <= self.length_penalty <= 5:
            raise UserError(f"--length-penalty {self.length_penalty}: expected a number from 0 to 5")
