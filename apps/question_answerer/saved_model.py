"""A question answerer as a SavedModel, which needs nothing of this repository."""

import tensorflow as tf

from ..common import exports
from .answerer import Answerer


@exports.by_tensorflow
def write_export(run_dir, limits):
    """Write RUN_DIR/export/1.

    Args:
        run_dir: folder of a trained run.
        limits: an `export.Limits`.
    """
    answerer = Answerer(run_dir)
    encoder, model = answerer.encoder, answerer.model
    names, has_memory = tf.constant(answerer.answers.names), answerer.has_memory
    most = limits.max_story
    if has_memory and answerer.config.max_sentences is None:
        most = min(most, answerer.config.memory_slots)

    def answer(story, question):
        checks = _require_texts(story, question, limits.max_characters)
        with tf.control_dependencies([*checks, _require_sentences(encoder.sentences(story), most)]):
            ids, sentences = encoder.stories(story)
            found = model.read({"story": ids, "question": encoder(question)})
        probabilities = tf.nn.softmax(found["logits"])
        answers = {
            "answer": tf.gather(names, tf.argmax(probabilities, axis=1)),
            "probability": tf.reduce_max(probabilities, axis=1),
        }
        if not has_memory:
            return answers
        return {
            **answers,
            "sentences": sentences,
            "sentence_weights": tf.reduce_mean(model.sentences_read(found), axis=1),
            "read_weights": found["read_weightings"],
            "write_weights": found["write_weighting"],
        }

    inputs = [tf.TensorSpec([None], tf.string, "story"), tf.TensorSpec([None], tf.string, "question")]
    folder = exports.write_saved_model(run_dir, answer, inputs, [encoder, model])
    more = ", sentences, sentence_weights, read_weights, write_weights" if has_memory else ""
    print(f"written: {folder} (story, question -> answer, probability{more})")


def _first(failed):
    """Return the number, counted from 1, of the first row that fails."""
    return tf.argmax(tf.cast(failed, tf.int32)) + 1


def _require_texts(story, question, most):
    """Return operations that fail if the numbers of texts differ, or a text has no words or too many characters."""
    message = tf.strings.format("{} stories and {} questions, expected as many", (tf.size(story), tf.size(question)))
    alike = tf.debugging.Assert(tf.equal(tf.size(story), tf.size(question)), [message])
    return [alike, *_require_words("story", story, most), *_require_words("question", question, most)]


def _require_words(name, texts, most):
    """Return operations that fail if a text has no words or too many characters."""
    # Of an empty batch nothing fails.
    texts = tf.concat([texts, ["a"]], axis=0)
    is_empty = tf.logical_not(tf.strings.regex_full_match(texts, r"(?s).*[\p{L}\p{N}].*"))
    lengths = tf.strings.length(texts, unit="UTF8_CHAR")
    at = _first(lengths > most)
    long = tf.strings.format(
        f"{name} {{}} has {{}} characters, expected at most {most}", (at, tf.gather(lengths, at - 1))
    )
    empty = tf.strings.format(f"{name} {{}} has no words, expected a text", _first(is_empty))
    return [
        tf.debugging.Assert(tf.reduce_all(lengths <= most), [long]),
        tf.debugging.Assert(tf.logical_not(tf.reduce_any(is_empty)), [empty]),
    ]


def _require_sentences(sentences, most):
    """Return an operation that fails if a story has too many sentences."""
    lengths = tf.concat([sentences.row_lengths(), [0]], axis=0)
    at = _first(lengths > most)
    message = tf.strings.format(
        f"story {{}} has {{}} sentences, expected at most {most}", (at, tf.gather(lengths, at - 1))
    )
    return tf.debugging.Assert(tf.reduce_all(lengths <= most), [message])
