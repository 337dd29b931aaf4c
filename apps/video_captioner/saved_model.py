"""A captioner as a SavedModel, which needs nothing of this repository, or in ONNX."""

import numpy as np
import tensorflow as tf

from ..common import exports
from .captioner import Captioner
from .video import fit


@exports.by_tensorflow
def write_export(run_dir, search, format):
    """Write RUN_DIR/export/1 or RUN_DIR/export/model.onnx.

    Args:
        run_dir: folder of a trained run.
        search: a `Search`.
        format: `saved_model` or `onnx`.
    """
    captioner = Captioner(run_dir, search)
    config = captioner.config
    lengths = tf.TensorSpec([None], tf.int32, "lengths")

    def generate(frames, lengths):
        tokens, scores = captioner.searcher((frames, lengths))
        return {"tokens": tokens, "score": scores}

    def caption(frames, lengths):
        # TensorFlow's fused convolutions fail on an empty batch.
        clips = tf.shape(frames)[0]
        missing = tf.maximum(0, 1 - clips)
        padding = tf.zeros([missing, *frames.shape[1:]], frames.dtype), tf.ones([missing], lengths.dtype)
        generated = generate(tf.concat([frames, padding[0]], axis=0), tf.concat([lengths, padding[1]], axis=0))
        captions = captioner.subwords.decode(generated["tokens"])
        return {"caption": captions[:clips], "score": generated["score"][:clips]}

    def from_frames(frames, lengths):
        return caption(*sample(frames, lengths, config))

    def from_encoded(encoded):
        size = config.frame_size
        specs = tf.TensorSpec([config.max_frames, size, size, 3], tf.uint8), tf.TensorSpec([], tf.int32)
        return caption(*tf.map_fn(lambda images: decode(images, config), encoded, fn_output_signature=specs))

    if format == "onnx":
        shape = [config.max_frames, config.frame_size, config.frame_size, 3]
        example = {
            "frames": np.random.default_rng(0).integers(0, 256, [2, *shape], "uint8"),
            "lengths": np.array([shape[0], 1], "int32"),
        }
        specs = {"frames": tf.TensorSpec([None, *shape], tf.uint8), "lengths": lengths}
        print("written:", exports.write_onnx(run_dir, lambda inputs: generate(**inputs), specs, example))
        return
    inputs = [tf.TensorSpec([None, None, None, None, 3], tf.uint8, "frames"), lengths]
    encoded = [tf.TensorSpec([None, None], tf.string, "encoded")]
    folder = exports.write_saved_model(
        run_dir, from_frames, inputs, [captioner.subwords, captioner.model], {"encoded": (from_encoded, encoded)}
    )
    print(f"written: {folder} (frames, lengths -> caption, score; encoded -> caption, score; beam {search.beam})")


def sample(frames, lengths, config):
    """Sample frames and fit them to the size of the network.

    Args:
        frames: uint8 (batch, frames, height, width, 3).
        lengths: int32 (batch,), frames that are not padding.
        config: a `Config`.

    Returns:
        uint8 (batch, max_frames, frame_size, frame_size, 3), and int32 (batch,), frames that are not padding.
    """
    shape, size = tf.shape(frames), config.frame_size
    out_of_range = tf.strings.format("lengths {} must be from 1 to the {} frames that are given", (lengths, shape[1]))
    in_range = tf.reduce_all((lengths >= 1) & (lengths <= shape[1]))
    uneven = tf.strings.format("{} clips, {} lengths", (shape[0], tf.size(lengths)))
    even = tf.equal(tf.size(lengths), shape[0])
    with tf.control_dependencies([tf.debugging.Assert(in_range, [out_of_range]), tf.debugging.Assert(even, [uneven])]):
        chosen, counts = uniform_indices(lengths, config.max_frames)
    flat = tf.reshape(tf.gather(frames, chosen, batch_dims=1), tf.concat([[-1], shape[2:]], axis=0))
    return tf.reshape(fit(flat, size), [-1, config.max_frames, size, size, 3]), counts


def decode(images, config):
    """Decode the images of one clip, sample them and fit them to the size of the network.

    Args:
        images: string (images,), an animated GIF or JPEG files; empty ones are padding.
        config: a `Config`.

    Returns:
        uint8 (max_frames, frame_size, frame_size, 3), and int32, frames that are not padding.
    """
    size = config.frame_size

    def frames_of(image):
        frames = tf.io.decode_image(image, channels=3, expand_animations=True)
        # A GIF has an axis more.
        return fit(tf.reshape(frames, tf.concat([[-1], tf.shape(frames)[-3:]], axis=0)), size)

    images = tf.boolean_mask(images, tf.not_equal(images, ""))
    empty = "a clip has only empty strings; expected an animated GIF or JPEG frames"
    with tf.control_dependencies([tf.debugging.Assert(tf.size(images) > 0, [empty])]):
        spec = tf.RaggedTensorSpec([None, size, size, 3], tf.uint8, ragged_rank=0)
        frames = tf.map_fn(frames_of, images, fn_output_signature=spec).values
    chosen, count = uniform_indices(tf.shape(frames)[:1], config.max_frames)
    return tf.gather(frames, chosen[0]), count[0]


def uniform_indices(lengths, count):
    """Choose frames whose times are not known, as `choose_frames` does uniformly at a constant rate.

    Args:
        lengths: int32 (batch,), number of frames.
        count: largest number to choose.

    Returns:
        Indices, int32 (batch, count), followed by zeros if there are fewer, and how many are chosen, int32 (batch,).
    """
    indices = tf.range(count)
    middles = (2 * indices + 1) * lengths[:, None] // (2 * count)
    chosen = tf.where(lengths[:, None] > count, middles, indices)
    counts = tf.minimum(lengths, count)
    return tf.where(indices < counts[:, None], chosen, 0), counts
