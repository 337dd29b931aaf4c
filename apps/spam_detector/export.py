"""Exports a detector as a SavedModel that takes strings: nothing of this repository is needed to run it."""

import sys

import tensorflow as tf
import tyro

from ..common import cli, exports
from .predict import Detector, Threshold


@exports.by_tensorflow
def export(
    run_dir: cli.RunDir,
    threshold: tyro.conf.OmitArgPrefixes[Threshold] = Threshold(),
):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel: a batch of texts in, labels and probabilities out.

    Its signature `classes` gives the label with each class and its score, as TensorFlow Serving names them.

    Args:
        run_dir: Folder of a trained run.
        threshold: Where the line is drawn.
    """
    detector = Detector(run_dir)
    limit = threshold.resolve(run_dir)
    names = tf.constant(detector.class_names)

    def answer(text):
        probability = detector.model(detector.encoder(text), training=False)[:, 0]
        return {"label": tf.gather(names, tf.cast(probability >= limit, tf.int32)), "probability": probability}

    def answer_by_class(text):
        told = answer(text)
        scores = tf.stack([1 - told["probability"], told["probability"]], axis=1)
        return {"label": told["label"], "classes": tf.broadcast_to(names, tf.shape(scores)), "scores": scores}

    inputs = [tf.TensorSpec([None], tf.string, "text")]
    folder = exports.write_saved_model(
        run_dir, answer, inputs, [detector.encoder], {"classes": (answer_by_class, inputs)}
    )
    print(f"written: {folder} (text -> label, probability; threshold {limit:.4g})")


if __name__ == "__main__":
    sys.exit(cli.run(export))
