"""Exports a translator as a SavedModel that takes strings: nothing of this repository is needed to run it."""

import sys

import tensorflow as tf
import tyro

from ..common import cli, exports
from ..common.decoding import Search
from ..common.text import END_ID, START_ID
from .data import encode_ended
from .predict import Translator


@exports.by_tensorflow
def export(
    run_dir: cli.RunDir,
    search: tyro.conf.OmitArgPrefixes[Search] = Search(),
):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel: a batch of texts in, translations and scores out.

    Its signature `attention`, where the model has it, answers as well with what it looked at for each piece it wrote.

    Args:
        run_dir: Folder of a trained run.
        search: How the best translation is looked for.
    """
    translator = Translator(run_dir, search)
    limit = translator.config.max_tokens

    def translate(text):
        numbers = encode_ended(translator.source, text)
        lengths = numbers.row_lengths() - 1
        longest = tf.argmax(tf.concat([lengths, [0]], axis=0))
        told = "text {} has {} subwords, this model translates at most " + f"{limit} at a time; cut it into sentences"
        told = tf.strings.format(told, (longest + 1, tf.reduce_max(tf.concat([lengths, [0]], axis=0))))
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(lengths <= limit), [told])]):
            # A recurrent layer needs a step, even for no texts at all.
            shape = tf.maximum(numbers.bounding_shape(), [0, 1])
            tokens, scores = translator.searcher(numbers.to_tensor(shape=shape))
        some = lengths > 0
        translations = tf.where(some, translator.target.decode(tokens), "")
        answer = {"translation": translations, "score": tf.where(some, scores, 0.0)}
        return answer, numbers.to_tensor(shape=shape), tokens

    def translate_alone(text):
        return translate(text)[0]

    def translate_and_look(text):
        answer, source, tokens = translate(text)
        lengths = tf.math.count_nonzero(tokens, axis=1, keepdims=True, dtype=tf.int32)
        places = tf.range(tf.reduce_max(tf.concat([lengths[:, 0], [0]], axis=0)) + 1)
        written = tf.pad(tokens, [[0, 0], [0, 1]])[:, : tf.size(places)]
        written = tf.where(places == lengths, END_ID, written)
        given = tf.pad(written, [[0, 0], [1, 0]], constant_values=START_ID)[:, :-1]
        weights = translator.model.look(source, given)
        sides = {"source_pieces": translator.source.spell(source), "target_pieces": translator.target.spell(written)}
        return {**answer, **sides, "attention": weights}

    inputs = [tf.TensorSpec([None], tf.string, "text")]
    more = {"attention": (translate_and_look, inputs)} if translator.model.has_attention else {}
    folder = exports.write_saved_model(
        run_dir, translate_alone, inputs, [translator.source, translator.target, translator.model], more
    )
    print(f"written: {folder} (text -> translation, score; beam {search.beam})")


if __name__ == "__main__":
    sys.exit(cli.run(export))
