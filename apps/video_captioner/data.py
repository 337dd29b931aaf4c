"""From clips with captions to batches of frames, or features, and subword numbers: split, and cut into subwords."""

import re
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..common import runs
from ..common.cli import UserError
from ..common.splits import hold_out
from ..common.text import END_ID, START_ID, Subwords

# MSVD's names: what of a longer video it is, from second to second.
_PART = re.compile(r"(.+)_\d+_\d+")


def split_clips(clips, config):
    """Cuts the clips into train, validation and test, as the captions say or by chance.

    By chance, clips of the same content, and clips named as parts of the same video (`NAME_START_END`, as MSVD's are),
    stay together.

    Returns:
        Dict of `Clips`; `test` may be empty.
    """
    rows = np.arange(len(clips))
    if clips.splits[0] is not None:
        named = np.array(clips.splits)
        parts = {name: rows[named == name] for name in ("train", "validation", "test")}
    else:
        groups = _groups(clips)
        rest, test = hold_out(rows, groups, config.test_fraction, config.seed)
        train, held = hold_out(rest, groups, config.validation_fraction / (1 - config.test_fraction), config.seed)
        parts = {"train": train, "validation": held, "test": test}
    for name, part in parts.items():
        if not len(part) and name != "test":
            raise UserError(
                f"{config.data}: too few clips to split: {len(clips)} leave none for {name}; give more, or name every "
                "clip's split in a column `split`"
            )
    return {name: clips.take(part) for name, part in parts.items()}


def _groups(clips):
    """Int (clips,): those that must stay together have the same number."""
    of_video, of_content = {}, {}
    found = []
    for path, content in zip(clips.paths, clips.hashes, strict=True):
        part = _PART.fullmatch(path.stem)
        video = part[1] if part else path.name
        group = of_video.setdefault(video, of_content.get(content, len(found)))
        found.append(of_content.setdefault(content, group))
    return np.array(found)


def fit_subwords(clips, config):
    """The subwords of the training clips' captions."""
    try:
        return Subwords.fit([caption for row in clips.captions for caption in row], config.vocabulary_size)
    except ValueError as error:
        raise UserError(
            f"--vocabulary-size {config.vocabulary_size}: too few for the characters of the captions ({error})"
        ) from None


def load_subwords(run_dir):
    """The subwords of a run."""
    path = Path(run_dir) / "vocabulary.json"
    pieces = runs.read_json(path)
    if not isinstance(pieces, list) or not pieces:
        raise UserError(f"{path}: not a list of subwords; train into a new run directory")
    return Subwords(pieces)


def make_dataset(clips, files, subwords, config, epochs=None, share=None):
    """Batches of clips with some of their captions.

    Args:
        files: by a clip's hash the file with its frames or features, see `features.py`.
        epochs: the epochs to run through, a range, each with clips in an order and captions drawn by chances that hang
            on the seed and the epoch alone, so that a resumed training sees what an unbroken one would. If absent, the
            clips come once as they stand, with their first captions.
        share: `devices.Placement.share`, to train on whole batches; a process loads the frames of its own clips alone.

    Returns:
        A tf.data.Dataset of ((frames, lengths, given), target, weights): uint8 (batch, frames, height, width, 3) or
        float32 (batch, frames, features); int32 (batch,); int32 (batch, captions, time) twice, of which `given` is
        the target one step later with the start before it; float32 like it, 0 on padding. Its cardinality is the
        number of batches over all epochs.
    """
    captions = _encoded(clips, subwords, config)
    arrays = [files[content] for content in clips.hashes]
    rows = np.array([row for row, own in enumerate(captions) if own])
    if not len(rows):
        raise UserError(f"--max-tokens {config.max_tokens}: all captions are longer; give more")
    steps = -(-len(rows) // config.batch_size)

    def batch(number):
        epoch, place = divmod(int(number), steps)
        # Of the epoch the order; of the batch, besides, which captions.
        order = rows if epochs is None else np.random.default_rng([config.seed, epochs[epoch]]).permutation(rows)
        drawing = None if epochs is None else np.random.default_rng([config.seed, epochs[epoch], place])
        chosen = order[place * config.batch_size : (place + 1) * config.batch_size]
        return chosen.astype("int32"), *_written([_drawn(captions[row], config, drawing) for row in chosen], config)

    # TensorFlow wants to know types and shapes before it sees a batch.
    sample = np.load(arrays[rows[0]], mmap_mode="r")
    of_frames, of_text = (None, config.max_frames, *sample.shape[1:]), (None, config.captions_per_clip, None)

    def write(number):
        chosen, given, target = tf.numpy_function(batch, [number], [tf.int32] * 3)
        given, target = tf.ensure_shape(given, of_text), tf.ensure_shape(target, of_text)
        return (tf.ensure_shape(chosen, (None,)), given), target, tf.cast(tf.not_equal(target, 0), tf.float32)

    def load(inputs, target, weights):
        chosen, given = inputs
        frames, lengths = tf.numpy_function(
            lambda own: _loaded([arrays[row] for row in own], config), [chosen], [sample.dtype, tf.int32]
        )
        frames = tf.ensure_shape(frames, (chosen.shape[0], *of_frames[1:]))
        return (frames, tf.ensure_shape(lengths, chosen.shape), given), target, weights

    # Not `from_generator`, which makes TensorFlow give memory back all the time and slows every step.
    numbers = tf.data.Dataset.range(steps * (1 if epochs is None else len(epochs)))
    dataset = numbers.map(write, num_parallel_calls=2, deterministic=True)
    if share:
        dataset = share(dataset, len(rows), epochs)
    return dataset.map(load, num_parallel_calls=2, deterministic=True).prefetch(2)


def _encoded(clips, subwords, config):
    """For each clip its captions that are not too long, as lists of numbers with the end."""
    flat = [caption for own in clips.captions for caption in own]
    parts = [subwords.encode(tf.constant(flat[at : at + 1024])).to_list() for at in range(0, len(flat), 1024)]
    numbers = iter([row for part in parts for row in part])
    encoded = [[[*next(numbers), END_ID] for _ in own] for own in clips.captions]
    fitting = [[row for row in own if len(row) <= config.max_tokens + 1] for own in encoded]
    if dropped := len(flat) - sum(map(len, fitting)):
        print(f"left out {dropped} of {len(flat)} captions: longer than --max-tokens {config.max_tokens} subwords")
    return fitting


def _drawn(captions, config, generator):
    count = min(len(captions), config.captions_per_clip)
    chosen = range(count) if generator is None else generator.permutation(len(captions))[:count]
    return [captions[place] for place in chosen]


def _written(captions, config):
    longest = max(len(caption) for own in captions for caption in own)
    # Few lengths are few shapes to compile for.
    target = np.zeros((len(captions), config.captions_per_clip, -(-longest // 8) * 8), "int32")
    for clip, own in enumerate(captions):
        for place, caption in enumerate(own):
            target[clip, place, : len(caption)] = caption
    return np.pad(target[..., :-1], [[0, 0], [0, 0], [1, 0]], constant_values=START_ID), target


def _loaded(files, config):
    loaded = [np.load(file) for file in files]
    return padded_frames(loaded, config.max_frames), np.array([len(part) for part in loaded], "int32")


def padded_frames(parts, count):
    """Arrays (frames, ...) of different lengths -> (parts, count, ...), zeros behind them."""
    padded = np.zeros((len(parts), count, *parts[0].shape[1:]), parts[0].dtype)
    for place, part in enumerate(parts):
        padded[place, : len(part)] = part
    return padded
