"""Exports a video captioner as a SavedModel that takes frames or pictures: nothing of this repository is needed."""

import sys

import numpy as np
import tensorflow as tf
import tyro

from ..common import cli, exports
from ..common.decoding import Search
from .predict import Describer
from .video import fit


@exports.by_tensorflow
def export(
    run_dir: cli.RunDir,
    search: tyro.conf.OmitArgPrefixes[Search] = Search(),
    format: exports.Format = "saved_model",
):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel: clips in, captions and scores out.

    Its signature `serving_default` takes frames and their number, `encoded` animated GIFs or JPEG frames.

    Args:
        run_dir: Folder of a trained run.
        search: How the best caption is looked for.
        format: Or write RUN_DIR/export/model.onnx, for onnxruntime, which knows no text: it takes frames of the model's
            number and size and answers with the numbers of subwords in vocabulary.json and the score.
    """
    describer = Describer(run_dir, search)
    config = describer.config

    def write(frames, lengths):
        tokens, scores = describer.searcher((frames, lengths))
        return {"tokens": tokens, "score": scores}

    def describe(frames, lengths):
        written = write(frames, lengths)
        return {"caption": describer.subwords.decode(written["tokens"]), "score": written["score"]}

    def from_frames(frames, lengths):
        return describe(*looked_at(frames, lengths, config))

    def from_encoded(encoded):
        size = config.frame_size
        specs = tf.TensorSpec([config.max_frames, size, size, 3], tf.uint8), tf.TensorSpec([], tf.int32)
        return describe(*tf.map_fn(lambda parts: decoded(parts, config), encoded, fn_output_signature=specs))

    lengths = tf.TensorSpec([None], tf.int32, "lengths")
    if format == "onnx":
        shape = [config.max_frames, config.frame_size, config.frame_size, 3]
        example = {
            "frames": np.random.default_rng(0).integers(0, 256, [2, *shape], "uint8"),
            "lengths": np.array([shape[0], 1], "int32"),
        }
        specs = {"frames": tf.TensorSpec([None, *shape], tf.uint8), "lengths": lengths}
        print("written:", exports.write_onnx(run_dir, lambda given: write(**given), specs, example))
        return
    inputs = [tf.TensorSpec([None, None, None, None, 3], tf.uint8, "frames"), lengths]
    encoded = [tf.TensorSpec([None, None], tf.string, "encoded")]
    folder = exports.write_saved_model(
        run_dir, from_frames, inputs, [describer.subwords, describer.model], {"encoded": (from_encoded, encoded)}
    )
    print(f"written: {folder} (frames, lengths -> caption, score; encoded -> caption, score; beam {search.beam})")


def looked_at(frames, lengths, config):
    """Of frames, uint8 (batch, frames, height, width, 3), those that are looked at, fitted; and how many."""
    shape, size = tf.shape(frames), config.frame_size
    told = tf.strings.format("lengths {} must be from 1 to the {} frames that are given", (lengths, shape[1]))
    fits = tf.reduce_all((lengths >= 1) & (lengths <= shape[1]))
    counted = tf.strings.format("{} clips, {} lengths", (shape[0], tf.size(lengths)))
    same = tf.equal(tf.size(lengths), shape[0])
    with tf.control_dependencies([tf.debugging.Assert(fits, [told]), tf.debugging.Assert(same, [counted])]):
        chosen, counts = spread(lengths, config.max_frames)
    flat = tf.reshape(tf.gather(frames, chosen, batch_dims=1), tf.concat([[-1], shape[2:]], axis=0))
    return tf.reshape(fit(flat, size), [-1, config.max_frames, size, size, 3]), counts


def decoded(parts, config):
    """Of one clip's pictures as files hold them, strings, the frames that are looked at, fitted; and how many."""
    size = config.frame_size

    def frames_of(part):
        pictures = tf.io.decode_image(part, channels=3, expand_animations=True)
        # A GIF has an axis more.
        return fit(tf.reshape(pictures, tf.concat([[-1], tf.shape(pictures)[-3:]], axis=0)), size)

    parts = tf.boolean_mask(parts, tf.not_equal(parts, ""))
    told = "a clip has nothing but empty strings; expected an animated GIF or JPEG frames"
    with tf.control_dependencies([tf.debugging.Assert(tf.size(parts) > 0, [told])]):
        spec = tf.RaggedTensorSpec([None, size, size, 3], tf.uint8, ragged_rank=0)
        frames = tf.map_fn(frames_of, parts, fn_output_signature=spec).values
    chosen, count = spread(tf.shape(frames)[:1], config.max_frames)
    return tf.gather(frames, chosen[0]), count[0]


def spread(lengths, count):
    """Which frames are looked at where their times are not known: `choose_frames`, uniform, of a constant rate.

    Args:
        lengths: int32 (batch,), frames that there are.
        count: most frames to look at.

    Returns:
        Int32 (batch, count), 0 where there are fewer, and (batch,), how many are looked at.
    """
    places = tf.range(count)
    middles = (2 * places + 1) * lengths[:, None] // (2 * count)
    chosen = tf.where(lengths[:, None] > count, middles, places)
    counts = tf.minimum(lengths, count)
    return tf.where(places < counts[:, None], chosen, 0), counts


if __name__ == "__main__":
    sys.exit(cli.run(export))
