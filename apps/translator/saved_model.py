"""A translator as a SavedModel that takes strings, which needs nothing of this repository."""

import tensorflow as tf

from ..common import exports
from ..common.text import END_ID
from .data import encode_texts, shift_right
from .translator import Translator


@exports.by_tensorflow
def write_export(run_dir, search):
    """Write RUN_DIR/export/1.

    Args:
        run_dir: folder of a trained run.
        search: a `Search`.
    """
    translator = Translator(run_dir, search)

    def translate(text):
        ids = _encode_short(translator, text)
        tokens, scores = translator.searcher(ids)
        some = ids[:, 0] != END_ID
        translations = tf.where(some, translator.target.decode(tokens), "")
        return {"translation": translations, "score": tf.where(some, scores, 0.0)}, ids, tokens

    def answer(text):
        return translate(text)[0]

    def answer_with_attention(text):
        found, source, tokens = translate(text)
        target = _append_end(tokens)
        return {
            **found,
            "source_pieces": translator.source.spell(source),
            "target_pieces": translator.target.spell(target),
            "attention": translator.model.attention_weights(source, shift_right(target)),
        }

    inputs = [tf.TensorSpec([None], tf.string, "text")]
    more = {"attention": (answer_with_attention, inputs)} if translator.model.has_attention else {}
    tracked = [translator.source, translator.target, translator.model]
    folder = exports.write_saved_model(run_dir, answer, inputs, tracked, more)
    print(f"written: {folder} (text -> translation, score; beam {search.beam})")


def _encode_short(translator, texts):
    """Return the ids of texts with their end, int32 (batch, time); assert that none is too long."""
    ids = encode_texts(translator.source, texts)
    limit = translator.config.max_tokens
    # The batch may be empty.
    lengths = tf.concat([ids.row_lengths() - 1, [0]], axis=0)
    message = "text {} has {} subwords, the model translates at most " + f"{limit} at a time; split it into sentences"
    message = tf.strings.format(message, (tf.argmax(lengths) + 1, tf.reduce_max(lengths)))
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(lengths <= limit), [message])]):
        # A recurrent layer needs a step, even for an empty batch.
        return ids.to_tensor(shape=tf.maximum(ids.bounding_shape(), [0, 1]))


def _append_end(tokens):
    """Return padded ids, int32 (batch, time), with the end after each row, cut to the longest row."""
    lengths = tf.math.count_nonzero(tokens, axis=1, keepdims=True, dtype=tf.int32)
    indices = tf.range(tf.reduce_max(tf.concat([lengths[:, 0], [0]], axis=0)) + 1)
    padded = tf.pad(tokens, [[0, 0], [0, 1]])[:, : tf.size(indices)]
    return tf.where(indices == lengths, END_ID, padded)
