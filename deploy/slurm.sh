#!/bin/bash
# Trains on the GPUs of several machines, one process for each GPU: sbatch deploy/slurm.sh
# Run it in the repository's folder, on a file system that the machines share. JAX finds the group by itself; a job that
# is put back in the queue goes on after its last whole epoch.
#SBATCH --job-name=translator
#SBATCH --nodes=2
#SBATCH --gpus-per-node=4
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=4
#SBATCH --requeue

export KERAS_BACKEND=jax
srun --kill-on-bad-exit=1 .venv/bin/python -m apps.translator.train \
    --data pairs.tsv --run-dir runs/translations --batch-size 512 --precision mixed_bfloat16
