"""Split captioned clips, and make batches of their frames or features and the subword ids of their captions."""

import re
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..common.cli import UserError
from ..common.files import read_json
from ..common.splits import hold_out
from ..common.text import END_ID, START_ID, Subwords

# MSVD's names: a video, and the seconds at which its part starts and ends.
_PART = re.compile(r"(.+)_\d+_\d+")


def split_clips(clips, config):
    """Split clips into train, validation and test, as the captions say, or at random.

    A random split keeps clips of the same content, and clips named as parts of the same video (`NAME_START_END`, as in
    MSVD), together.

    Args:
        clips: `Clips`.
        config: a `Config`.

    Returns:
        Dict of `Clips`; `test` may be empty.

    Raises:
        UserError: too few clips to split.
    """
    rows = np.arange(len(clips))
    if clips.splits[0] is not None:
        named = np.array(clips.splits)
        parts = {name: rows[named == name] for name in ("train", "validation", "test")}
    else:
        groups = _groups(clips)
        rest, test = hold_out(rows, groups, config.test_fraction, config.seed)
        fraction = config.validation_fraction / (1 - config.test_fraction)
        train, validation = hold_out(rest, groups, fraction, config.seed)
        parts = {"train": train, "validation": validation, "test": test}
    for name, part in parts.items():
        if not len(part) and name != "test":
            raise UserError(
                f"{config.data}: too few clips to split: {len(clips)} leave none for {name}; give more, or name the "
                "split of every clip in a column `split`"
            )
    return {name: clips.take(part) for name, part in parts.items()}


def _groups(clips):
    """Return int (clips,), the same for clips that must stay together."""
    of_video, of_content = {}, {}
    groups = []
    for path, content in zip(clips.paths, clips.hashes, strict=True):
        part = _PART.fullmatch(path.stem)
        video = part[1] if part else path.name
        group = of_video.setdefault(video, of_content.get(content, len(groups)))
        groups.append(of_content.setdefault(content, group))
    return np.array(groups)


def fit_subwords(clips, config):
    """Choose the subwords of the captions of `clips`, which must be training clips."""
    try:
        return Subwords.fit([caption for own in clips.captions for caption in own], config.vocabulary_size)
    except ValueError as error:
        raise UserError(
            f"--vocabulary-size {config.vocabulary_size}: too small for the characters of the captions ({error})"
        ) from None


def load_subwords(run_dir):
    """Load the subwords of a run."""
    path = Path(run_dir) / "vocabulary.json"
    pieces = read_json(path)
    if not isinstance(pieces, list) or not pieces:
        raise UserError(f"{path}: not a list of subwords; train into a new run directory")
    return Subwords(pieces)


def encode_captions(clips, subwords, config):
    """Encode captions as subword ids, and leave out those that are too long.

    Args:
        clips: `Clips`.
        subwords: `Subwords`.
        config: a `Config`.

    Returns:
        {row of `clips`: list of captions, each a list of ids with the end}, for the clips that keep a caption.

    Raises:
        UserError: all captions are too long.
    """
    texts = [caption for own in clips.captions for caption in own]
    parts = [subwords.encode(tf.constant(texts[at : at + 1024])).to_list() for at in range(0, len(texts), 1024)]
    ids = iter([row for part in parts for row in part])
    encoded = [[[*next(ids), END_ID] for _ in own] for own in clips.captions]
    fitting = [[caption for caption in own if len(caption) <= config.max_tokens + 1] for own in encoded]
    if dropped := len(texts) - sum(map(len, fitting)):
        print(f"left out {dropped} of {len(texts)} captions: longer than --max-tokens {config.max_tokens} subwords")
    if dropped == len(texts):
        raise UserError(f"--max-tokens {config.max_tokens}: all captions are longer; give more")
    return {row: own for row, own in enumerate(fitting) if own}


def caption_batches(captions, config, epochs=None):
    """Make batches of clips, each with some of its captions.

    Args:
        captions: {row of a clip: its captions}, of `encode_captions`.
        config: a `Config`.
        epochs: range of epochs. The order of the clips in each, and the captions that are drawn, depend only on the
            seed and the epoch, so a resumed training sees the same batches. None gives the clips once, in their order,
            with their first captions.

    Returns:
        A tf.data.Dataset of ((rows, decoder_inputs), targets, weights) for `load_frames`: int32 (batch,); int32
        (batch, captions, time) twice, where `decoder_inputs` are the start and the targets except the last; float32
        (batch, captions, time), 0 on padding. Its cardinality is the number of batches in all epochs.
    """
    rows = np.array(list(captions))
    steps = -(-len(rows) // config.batch_size)

    def batch(index):
        epoch, step = divmod(int(index), steps)
        # The order depends on the epoch, the captions on the batch, too.
        order = rows if epochs is None else np.random.default_rng([config.seed, epochs[epoch]]).permutation(rows)
        generator = None if epochs is None else np.random.default_rng([config.seed, epochs[epoch], step])
        chosen = order[step * config.batch_size : (step + 1) * config.batch_size]
        drawn = [_draw_captions(captions[row], config.captions_per_clip, generator) for row in chosen]
        return chosen.astype("int32"), *_decoder_arrays(drawn, config.captions_per_clip)

    def tensors(index):
        chosen, decoder_inputs, targets = tf.numpy_function(batch, [index], [tf.int32] * 3)
        shape = (None, config.captions_per_clip, None)
        decoder_inputs, targets = tf.ensure_shape(decoder_inputs, shape), tf.ensure_shape(targets, shape)
        return (tf.ensure_shape(chosen, (None,)), decoder_inputs), targets, tf.cast(targets != 0, tf.float32)

    # Not `from_generator`, with which TensorFlow keeps returning memory to the system, which slows every step.
    indices = tf.data.Dataset.range(steps * (1 if epochs is None else len(epochs)))
    return indices.map(tensors, num_parallel_calls=2, deterministic=True)


def load_frames(dataset, files, config):
    """Replace the rows of `caption_batches` by the frames or features of the clips.

    Args:
        dataset: batches of ((rows, decoder_inputs), targets, weights).
        files: file of each clip, in the order of the rows, see `features.py`.
        config: a `Config`.

    Returns:
        A tf.data.Dataset of ((frames, lengths, decoder_inputs), targets, weights): uint8 (batch, frames, height, width,
        3) or float32 (batch, frames, features), and int32 (batch,), the number of frames that are not padding.
    """
    # TensorFlow must know type and shape in advance.
    first = np.load(files[0], mmap_mode="r")

    def load(rows):
        arrays = [np.load(files[row]) for row in rows]
        return pad_frames(arrays, config.max_frames), np.array([len(array) for array in arrays], "int32")

    def tensors(inputs, targets, weights):
        rows, decoder_inputs = inputs
        frames, lengths = tf.numpy_function(load, [rows], [first.dtype, tf.int32])
        frames = tf.ensure_shape(frames, (rows.shape[0], config.max_frames, *first.shape[1:]))
        return (frames, tf.ensure_shape(lengths, rows.shape), decoder_inputs), targets, weights

    return dataset.map(tensors, num_parallel_calls=2, deterministic=True).prefetch(2)


def _draw_captions(captions, count, generator):
    """Return `count` captions, or all if there are fewer, drawn by `generator`; the first ones if it is None."""
    count = min(len(captions), count)
    chosen = range(count) if generator is None else generator.permutation(len(captions))[:count]
    return [captions[index] for index in chosen]


def _decoder_arrays(captions, captions_per_clip):
    """Return decoder inputs and targets, int32 (clips, captions_per_clip, time), of lists of ids."""
    longest = max(len(caption) for own in captions for caption in own)
    # Few lengths mean few shapes to compile.
    targets = np.zeros((len(captions), captions_per_clip, -(-longest // 8) * 8), "int32")
    for clip, own in enumerate(captions):
        for index, caption in enumerate(own):
            targets[clip, index, : len(caption)] = caption
    return np.pad(targets[..., :-1], [[0, 0], [0, 0], [1, 0]], constant_values=START_ID), targets


def pad_frames(arrays, count):
    """Stack arrays (frames, ...) of different lengths into (arrays, count, ...), followed by zeros."""
    padded = np.zeros((len(arrays), count, *arrays[0].shape[1:]), arrays[0].dtype)
    for index, array in enumerate(arrays):
        padded[index, : len(array)] = array
    return padded
