"""A detector as a SavedModel, which takes readings in the user's units and needs nothing of this repository."""

import math

import numpy as np
import tensorflow as tf

from ..common import exports
from .detector import Detector
from .scoring import MOST_STEPS


@exports.by_tensorflow
def write_export(run_dir):
    """Write RUN_DIR/export/1.

    Args:
        run_dir: folder of a trained run.
    """
    detector = Detector(run_dir)
    scorer, count = detector.scorer, len(detector.names)
    shapes = scorer.state_shapes
    sizes = [math.prod(shape) for shape in shapes]
    threshold, parts = np.float32(detector.threshold), len(scorer.parts)

    def outputs(found):
        scores, contributions = found[:2]
        return {"score": scores, "alarm": scores > threshold, "contributions": contributions}

    def answer(values):
        few = tf.debugging.Assert(
            tf.shape(values)[1] <= MOST_STEPS,
            [tf.strings.format("{} rows, expected at most {}", (tf.shape(values)[1], MOST_STEPS))],
        )
        with tf.control_dependencies([few]):
            batch = tf.shape(values)[0]
            state = [tf.zeros([batch, *shape]) for shape in shapes]
        found = outputs(scorer([values, *state]))
        return found | {"threshold": tf.fill([batch], threshold)}

    def step(values, state):
        split = tf.split(state, sizes, axis=1)
        split = [tf.reshape(each, [-1, *shape]) for each, shape in zip(split, shapes, strict=True)]
        found = scorer([values[:, None], *split])
        new = tf.concat([tf.reshape(each, [-1, size]) for each, size in zip(found[2 + parts :], sizes, strict=True)], 1)
        return {name: value[:, 0] for name, value in outputs(found).items()} | {"state": new}

    values = tf.TensorSpec([None, None, count], tf.float32, "values")
    one = [tf.TensorSpec([None, count], tf.float32, "values"), tf.TensorSpec([None, sum(sizes)], tf.float32, "state")]
    folder = exports.write_saved_model(run_dir, answer, [values], [scorer.networks], {"step": (step, one)})
    print(f"written: {folder} (values (batch, rows, {count}) -> score, alarm, contributions; also step)")
