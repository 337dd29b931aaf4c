#!/bin/bash
# Train on the GPUs of several machines, one process per GPU: sbatch deploy/slurm.sh
# Submit it from the repository's folder, on a shared file system. JAX detects the process group from Slurm's
# environment; a requeued job resumes after its last completed epoch.
#SBATCH --job-name=translator
#SBATCH --nodes=2
#SBATCH --gpus-per-node=4
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=4
#SBATCH --requeue

export KERAS_BACKEND=jax
srun --kill-on-bad-exit=1 .venv/bin/python -m apps.translator.train \
    --data pairs.tsv --run-dir runs/translations --batch-size 512 --precision mixed_bfloat16
