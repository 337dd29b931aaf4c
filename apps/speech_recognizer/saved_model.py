"""A recogniser as a SavedModel, which takes samples or a WAV file and needs nothing of this repository."""

import math

import numpy as np
import tensorflow as tf

from ..common import exports
from .decoding import BLANK
from .model import FRAMES
from .recognizer import Recognizer

# Zero crossings on each side of the kernel that resamples, and the largest ratio of rates.
CROSSINGS, MOST = 16, 12


@exports.by_tensorflow
def write_export(run_dir, beam):
    """Write RUN_DIR/export/1.

    Args:
        run_dir: folder of a trained run.
        beam: width of the search.
    """
    recognizer = Recognizer(run_dir, beam)
    model, vocabulary, rate = recognizer.model, recognizer.encoder.vocabulary, recognizer.config.rate

    def transcribe(samples, lengths):
        # TensorFlow's fused convolutions fail on an empty batch, and on a recording without a frame.
        rows, count = tf.shape(samples)[0], tf.shape(samples)[1]
        missing = tf.maximum(0, 1 - rows)
        samples = tf.pad(samples, [[0, missing], [0, tf.maximum(0, model.hop - count)]])
        lengths = tf.pad(lengths, [[0, missing]])
        tokens, scores, logits, frames = recognizer.transcriber((samples, lengths))
        likely = tf.reduce_max(tf.nn.softmax(logits), axis=-1)
        said = tf.cast(tf.argmax(logits, axis=-1) != BLANK, tf.float32)
        said *= tf.sequence_mask(frames, tf.shape(logits)[1], tf.float32)
        confidence = tf.math.divide_no_nan(tf.reduce_sum(likely * said, axis=1), tf.reduce_sum(said, axis=1))
        text = tf.strings.strip(tf.strings.regex_replace(vocabulary.decode(tokens), " +", " "))
        return {name: value[:rows] for name, value in (("text", text), ("confidence", confidence), ("score", scores))}

    def answer(samples, own_rate):
        few = tf.debugging.Assert(
            tf.reduce_all((own_rate >= 1000) & (own_rate <= MOST * rate)),
            [tf.strings.format("rate {}: expected samples a second, 1000 to " + f"{MOST * rate}", [own_rate])],
        )
        with tf.control_dependencies([few]):
            count = tf.fill([tf.shape(samples)[0]], tf.shape(samples)[1])
        # Recordings of a batch have the same rate, as most have.
        same = tf.debugging.Assert(tf.reduce_all(own_rate == own_rate[:1]), ["rate: expected one for all of a batch"])
        with tf.control_dependencies([same]):
            return transcribe(*resampled(samples, count, own_rate, rate))

    def from_wav(wav):
        def decoded(content):
            samples, own = tf.audio.decode_wav(content)
            # A channel that is silent must not halve the level.
            alive = tf.reduce_max(tf.abs(samples), axis=0) > 0
            mono = tf.reduce_sum(samples, axis=1) / tf.maximum(1.0, tf.reduce_sum(tf.cast(alive, tf.float32)))
            found, count = resampled(mono[None], tf.shape(mono)[:1], own[None], rate)
            return found[0], count[0]

        spec = tf.RaggedTensorSpec([None], tf.float32, ragged_rank=0), tf.TensorSpec([], tf.int32)
        ragged, counts = tf.map_fn(decoded, wav, fn_output_signature=spec)
        return transcribe(ragged.to_tensor(), counts)

    samples = tf.TensorSpec([None, None], tf.float32, "samples")
    rates = tf.TensorSpec([None], tf.int32, "rate")
    more = {"wav": (from_wav, [tf.TensorSpec([None], tf.string, "wav")])}
    if recognizer.config.streaming:
        more["step"] = _step(recognizer)
    folder = exports.write_saved_model(run_dir, answer, [samples, rates], [recognizer.transcriber, vocabulary], more)
    print(f"written: {folder} (samples, rate -> text, confidence; wav -> text, confidence; beam {beam})")


def _step(recognizer):
    """Return the signature that reads further samples of a stream, and its inputs."""
    model, vocabulary = recognizer.model, recognizer.encoder.vocabulary
    shapes = model.state_shapes
    sizes = [math.prod(shape) for shape in shapes]

    def step(samples, state, last):
        even = tf.debugging.Assert(
            tf.shape(samples)[1] % model.hop == 0, [f"samples: expected a multiple of {model.hop} ({10 * FRAMES} ms)"]
        )
        with tf.control_dependencies([even]):
            parts = tf.split(state, sizes, axis=1)
        parts = [tf.reshape(part, [-1, *shape]) for part, shape in zip(parts, shapes, strict=True)]
        logits, new = model.step(samples, parts)
        path = tf.cast(tf.argmax(logits, axis=-1), tf.int32)
        known = tf.concat([last[:, None], path], axis=1)
        tokens = tf.where(known[:, 1:] == known[:, :-1], BLANK, path)
        new = tf.concat([tf.reshape(part, [-1, size]) for part, size in zip(new, sizes, strict=True)], axis=1)
        return {"text": vocabulary.decode(tokens), "state": new, "last": known[:, -1]}

    specs = [
        tf.TensorSpec([None, None], tf.float32, "samples"),
        tf.TensorSpec([None, sum(sizes)], tf.float32, "state"),
        tf.TensorSpec([None], tf.int32, "last"),
    ]
    return step, specs


def resampled(samples, lengths, own, rate):
    """Return samples at another rate, by a windowed sinc.

    Args:
        samples: float32 (batch, samples).
        lengths: int32 (batch,), samples that are no padding.
        own: int32 (batch,), their rate, the same for all.
        rate: wanted rate.

    Returns:
        Float32 (batch, new samples), and int32 (batch,), their lengths.
    """
    if_same = tf.reduce_all(own == rate)

    def convert():
        step = tf.cast(own[0], tf.float64) / rate
        # Below half of both rates nothing is lost or folded.
        cutoff = tf.cast(1 / tf.maximum(step, 1), tf.float32)
        count = tf.cast(tf.math.ceil(tf.cast(tf.shape(samples)[1], tf.float64) / step), tf.int32)
        reach = tf.cast(tf.math.ceil(CROSSINGS / cutoff), tf.int32)
        position = tf.cast(tf.range(count), tf.float64) * step
        first = tf.cast(tf.floor(position), tf.int32)
        offsets = tf.range(1 - reach, reach + 1)
        distance = tf.cast(offsets, tf.float32) - tf.cast(position - tf.floor(position), tf.float32)[:, None]
        x = np.pi * cutoff * distance
        sinc = tf.where(tf.abs(x) < 1e-6, 1.0, tf.sin(x) / tf.where(tf.abs(x) < 1e-6, 1.0, x))
        window = 0.5 + 0.5 * tf.cos(np.pi * tf.clip_by_value(distance / tf.cast(reach, tf.float32), -1.0, 1.0))
        padded = tf.pad(samples, [[0, 0], [reach, reach]])
        kernel = cutoff * sinc * window

        # All at once would take memory of the kernel's length.
        def add(index, total):
            return index + 1, total + tf.gather(padded, first + offsets[index] + reach, axis=1) * kernel[:, index]

        _, total = tf.while_loop(
            lambda index, total: index < tf.size(offsets), add, [0, tf.zeros([tf.shape(samples)[0], count])],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, None])],
        )  # fmt: skip
        return total, tf.cast(tf.math.ceil(tf.cast(lengths, tf.float64) / step), tf.int32)

    return tf.cond(if_same, lambda: (tf.identity(samples), tf.identity(lengths)), convert)
