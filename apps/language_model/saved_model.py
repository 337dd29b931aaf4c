"""A language model as a SavedModel, which needs nothing of this repository."""

import tensorflow as tf

from ..common import exports
from .answers import Answers
from .writer import Writer


@exports.by_tensorflow
def write_export(run_dir, limits):
    """Write RUN_DIR/export/1.

    Args:
        run_dir: folder of a trained run.
        limits: an `options.Limits`.
    """
    writer = Writer(run_dir)
    answers, model = Answers(writer.model, writer.vocabulary, limits), writer.model
    sizes = model.state_sizes

    def continuation(prompt, length, temperature, seed):
        states, _, _ = answers.read(answers.start(prompt), prompt)
        return {"continuation": answers.generate(states, length, temperature, seed, 1)[0]}

    def step(text, state, length, temperature, seed):
        # States of zeros are those before a start.
        states = tf.split(state, sizes, axis=1)
        is_new = tf.reduce_all(state == 0, axis=1, keepdims=True)
        states = [tf.where(is_new, new, old) for new, old in zip(answers.start(text), states, strict=True)]
        states, nats, _ = answers.read(states, text)
        continuation, states = answers.generate(states, length, temperature, seed, 0)
        best = tf.math.top_k(tf.nn.softmax(model.next_logits(states)), min(10, writer.vocabulary.size))
        return {
            "state": tf.concat(states, axis=1),
            "continuation": continuation,
            "nats": nats,
            "next": tf.gather(tf.constant(writer.vocabulary.texts), best.indices),
            "probabilities": best.values,
        }

    def score(text):
        _, nats, unknown = answers.read(answers.start(text), text)
        characters = tf.strings.length(text, unit="UTF8_CHAR")
        each = tf.math.divide_no_nan(nats, tf.cast(characters, tf.float32))
        return {"nats": nats, "nats_per_character": each, "characters": characters, "unknown": unknown}

    def complete(text):
        words, probabilities = answers.completer(text)
        return {"words": words, "probabilities": probabilities}

    texts = tf.TensorSpec([None], tf.string, "text")
    choices = [
        tf.TensorSpec([None], tf.int32, "length"),
        tf.TensorSpec([None], tf.float32, "temperature"),
        tf.TensorSpec([None], tf.int32, "seed"),
    ]
    more = {
        "step": (step, [texts, tf.TensorSpec([None, sum(sizes)], tf.float32, "state"), *choices]),
        "score": (score, [texts]),
        "complete": (complete, [texts]),
    }
    prompt = [tf.TensorSpec([None], tf.string, "prompt"), *choices]
    folder = exports.write_saved_model(run_dir, continuation, prompt, [answers, model], more)
    print(f"written: {folder} (prompt, length, temperature, seed -> continuation; also step, score, complete)")
