"""A detector as a SavedModel, which needs nothing of this repository."""

import tensorflow as tf

from ..common import exports
from .detector import Detector


@exports.by_tensorflow
def write_export(run_dir, threshold):
    """Write RUN_DIR/export/1.

    Args:
        run_dir: folder of a trained run.
        threshold: probability from which a message is labelled as the class to detect.
    """
    detector = Detector(run_dir)
    names = tf.constant(detector.class_names)

    def answer(text):
        probability = detector.model(detector.encoder(text), training=False)[:, 0]
        return {"label": tf.gather(names, tf.cast(probability >= threshold, tf.int32)), "probability": probability}

    def answer_by_class(text):
        found = answer(text)
        scores = tf.stack([1 - found["probability"], found["probability"]], axis=1)
        return {"label": found["label"], "classes": tf.broadcast_to(names, tf.shape(scores)), "scores": scores}

    inputs = [tf.TensorSpec([None], tf.string, "text")]
    folder = exports.write_saved_model(
        run_dir, answer, inputs, [detector.encoder], {"classes": (answer_by_class, inputs)}
    )
    print(f"written: {folder} (text -> label, probability; threshold {threshold:.4g})")
