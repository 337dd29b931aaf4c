"""A classifier as a SavedModel, which needs nothing of this repository."""

import tensorflow as tf

from ..common import exports
from .classifier import Classifier


@exports.by_tensorflow
def write_export(run_dir, limits):
    """Write RUN_DIR/export/1.

    Args:
        run_dir: folder of a trained run.
        limits: an `export.Limits`.
    """
    classifier = Classifier(run_dir)
    encoder, model = classifier.encoder, classifier.model
    names, temperature = tf.constant(classifier.class_names), classifier.temperature

    def read(ids, kept):
        return model.read([ids], masks=[kept])

    def padded(ragged, value):
        # A recurrent layer needs a step, even for an empty text.
        return ragged.to_tensor(value, shape=tf.maximum(ragged.bounding_shape(), [0, 1]))

    def probabilities(text):
        with tf.control_dependencies([_require_length(text, limits.max_characters)]):
            ids = padded(encoder(text), 0)
        return model.probabilities(read(ids, ids != 0)[0], temperature)

    def answer(text):
        found = probabilities(text)
        return {
            "label": tf.gather(names, tf.argmax(found, axis=1)),
            "probability": tf.reduce_max(found, axis=1),
            "probabilities": found,
        }

    def answer_by_class(text):
        found = probabilities(text)
        classes = tf.broadcast_to(names, tf.shape(found))
        return {"label": tf.gather(names, tf.argmax(found, axis=1)), "classes": classes, "scores": found}

    def explain(text):
        with tf.control_dependencies([_require_length(text, limits.max_explained)]):
            ids, (words, of_tokens) = padded(encoder(text), 0), encoder.words(text)
        of_tokens, words = padded(of_tokens, -1), padded(words, "")
        logits, attention = read(ids, ids != 0)
        found = model.probabilities(logits, temperature)
        count = tf.shape(words)[1]
        of_words = tf.one_hot(of_tokens, count)
        by_word = tf.einsum("bt,btw->bw", tf.cast(attention, tf.float32), of_words)
        best = tf.argmax(found, axis=1)

        def effects(row):
            ids, of_tokens, by_word, logits, best = row
            chosen = tf.math.top_k(by_word, tf.minimum(limits.measured, count)).indices
            kept = (of_tokens[None] != chosen[:, None]) & (ids != 0)[None]
            without = read(tf.repeat(ids[None], tf.shape(chosen)[0], axis=0), kept)[0]
            logits = tf.concat([logits[None], without], axis=0)
            odds = model.log_odds(logits, tf.fill(tf.shape(logits)[:1], best), temperature)
            fall = odds[0] - odds[1:]
            return tf.tensor_scatter_nd_update(tf.zeros([count]), chosen[:, None], fall)

        rows = ids, of_tokens, by_word, logits, best
        effect = tf.map_fn(effects, rows, fn_output_signature=tf.TensorSpec([None], tf.float32))
        return {
            "label": tf.gather(names, best),
            "probability": tf.reduce_max(found, axis=1),
            "classes": tf.broadcast_to(names, tf.shape(found)),
            "scores": found,
            "words": words,
            "attention": by_word,
            "effect": effect,
        }

    inputs = [tf.TensorSpec([None], tf.string, "text")]
    more = {"classes": (answer_by_class, inputs), "explain": (explain, inputs)}
    folder = exports.write_saved_model(run_dir, answer, inputs, [encoder, model], more)
    print(f"written: {folder} (text -> label, probability, probabilities; also classes, explain)")


def _require_length(text, most):
    """Return an operation that fails if a text has too many characters."""
    lengths = tf.strings.length(text, unit="UTF8_CHAR")
    # Of an empty batch the largest is 0.
    longest = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
    number = tf.argmax(tf.concat([lengths, [0]], axis=0)) + 1
    message = tf.strings.format("text {} has {} characters, expected at most {}", (number, longest, most))
    return tf.debugging.Assert(longest <= most, [message])
