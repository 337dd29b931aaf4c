"""Run a training: its devices, group of processes, run directory, checkpoints, and how it resumes.

An app calls this package, which calls nothing of the app: data, model, loss and Keras' `fit` are the app's.
"""

from .run import Run, start

__all__ = ["Run", "start"]
