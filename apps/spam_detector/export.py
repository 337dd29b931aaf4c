"""Exports a detector as a SavedModel that takes strings: nothing of this repository is needed to run it."""

import sys
from pathlib import Path

import keras
import tensorflow as tf
import tyro

from ..common import cli, runs
from .predict import Detector, Threshold


def export(
    run_dir: cli.RunDir,
    threshold: tyro.conf.OmitArgPrefixes[Threshold] = Threshold(),
):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel: a batch of texts in, labels and probabilities out.

    Args:
        run_dir: Folder of a trained run.
        threshold: Where the line is drawn.
    """
    if keras.backend.backend() != "tensorflow":
        raise cli.UserError(
            f"a SavedModel is made by TensorFlow, the backend is {keras.backend.backend()}; run the same command with "
            "KERAS_BACKEND=tensorflow, whichever backend trained the run"
        )
    detector = Detector(run_dir)
    limit = threshold.resolve(run_dir)
    names = tf.constant(detector.class_names)

    def answer(text):
        probability = detector.model(detector.encoder(text), training=False)[:, 0]
        return {"label": tf.gather(names, tf.cast(probability >= limit, tf.int32)), "probability": probability}

    archive = keras.export.ExportArchive()
    archive.track(detector.encoder)
    archive.add_endpoint("serving_default", answer, [tf.TensorSpec([None], tf.string, "text")])
    folder = Path(run_dir) / "export" / "1"
    folder.parent.mkdir(exist_ok=True)
    try:
        with runs.replacing(folder) as part:
            archive.write_out(part, verbose=False)
    except tf.errors.OpError as error:
        raise cli.UserError(f"{folder}: cannot be written ({error.message.splitlines()[0][-120:]})") from error
    print(f"written: {folder} (text -> label, probability; threshold {limit:.4g})")


if __name__ == "__main__":
    sys.exit(cli.run(export))
