"""The network: sentences as vectors, read one a step by an LSTM, a GRU or a DNC, and an answer.

Sukhbaatar et al., "End-To-End Memory Networks", NeurIPS 2015, section 4.1 (a sentence as the sum of its words, weighted
by their positions; a vector for the age of a sentence); Graves et al., Nature 538, 2016 (the DNC).
"""

import keras
from keras import ops

import layers

from ..common import models
from .parts import Controller, SentenceVectors, initial_bias, registered

RECURRENT = {"lstm": layers.LSTM, "gru": layers.GRU}


@registered
class QuestionAnswerer(keras.Model):
    """Read a story sentence by sentence, then think about the question, and return the logits of the answers.

    A step's input is a sentence and the question. After the story come `thinking_steps`, whose inputs are a learned
    vector in place of the sentence; the answer is made from the output of the last.

    Args:
        vocabulary_size: number of words, with the special ones.
        num_answers: number of answers.
        max_words: largest number of words of a sentence.
        max_age: number of ages: the sentence before the question has age 0. Those of older ones are equal.
        network: `lstm`, `gru` or `dnc`.
        embedding_dim, units, thinking_steps, memory_slots, slot_size, read_heads, controller, dropout: as in `Config`.

    Call arguments:
        inputs: {"story": int (batch, sentences, words), "question": int (batch, words)}, 0 for padding, also of whole
            sentences before the first.

    Returns:
        Logits, float32 (batch, answers).
    """

    def __init__(
        self,
        vocabulary_size,
        num_answers,
        max_words,
        max_age,
        network="dnc",
        embedding_dim=64,
        units=128,
        thinking_steps=4,
        memory_slots=20,
        slot_size=32,
        read_heads=2,
        controller="dense",
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._settings = {
            "vocabulary_size": vocabulary_size,
            "num_answers": num_answers,
            "max_words": max_words,
            "max_age": max_age,
            "network": network,
            "embedding_dim": embedding_dim,
            "units": units,
            "thinking_steps": thinking_steps,
            "memory_slots": memory_slots,
            "slot_size": slot_size,
            "read_heads": read_heads,
            "controller": controller,
            "dropout": dropout,
        }
        self.max_age, self.dim, self.thinking_steps = max_age, embedding_dim, thinking_steps
        self.sentence_vectors = SentenceVectors(vocabulary_size, embedding_dim, max_words, name="sentences")
        self.input_dropout, self.output_dropout = keras.layers.Dropout(dropout), keras.layers.Dropout(dropout)
        if network == "dnc":
            self.recurrent = layers.DNC(
                units,
                memory_slots,
                slot_size,
                read_heads,
                controller=Controller(units) if controller == "dense" else layers.LSTMCell(units),
                name="recurrent",
            )
        else:
            self.recurrent = RECURRENT[network](units, name="recurrent")
        self.logits = keras.layers.Dense(num_answers, dtype="float32", name="logits")

    def build(self, input_shape=None):
        normal = keras.initializers.RandomNormal
        self.ages = self.add_weight(name="ages", shape=(self.max_age, self.dim), initializer=normal(stddev=0.1))
        shape = (self.thinking_steps, self.dim)
        self.thoughts = self.add_weight(name="thoughts", shape=shape, initializer=normal(stddev=0.3))
        self.sentence_vectors.build(None)
        self.recurrent.build((None, None, 2 * self.dim))
        if self._settings["network"] == "dnc":
            cell = self.recurrent.cell
            cell.interface_bias.assign(initial_bias(cell.interface_parts))
        self.logits.build((None, self._settings["units"]))

    def call(self, inputs, training=False):
        steps, mask = self.steps(inputs, training)
        output = self.recurrent(steps, mask=mask, training=training)
        return self.logits(self.output_dropout(output, training=training))

    def steps(self, inputs, training=False):
        """Return the inputs of the recurrent layer, (batch, steps, features), and their mask, bool (batch, steps)."""
        story, question = self.sentence_vectors(inputs["story"]), self.sentence_vectors(inputs["question"])
        batch, count = ops.shape(story)[0], ops.shape(story)[1]
        ages = ops.minimum(count - 1 - ops.arange(count), self.max_age - 1)
        story = story + ops.cast(ops.take(self.ages, ages, axis=0), story.dtype)
        thoughts = ops.cast(self.thoughts, story.dtype)[None]
        thoughts = ops.broadcast_to(thoughts, (batch, self.thinking_steps, self.dim))
        steps = ops.concatenate([story, thoughts], axis=1)
        question = ops.broadcast_to(question[:, None], (batch, count + self.thinking_steps, self.dim))
        steps = self.input_dropout(ops.concatenate([steps, question], axis=-1), training=training)
        is_sentence = ops.any(ops.not_equal(inputs["story"], 0), axis=-1)
        return steps, ops.concatenate([is_sentence, ops.ones((batch, self.thinking_steps), "bool")], axis=1)

    def read(self, inputs):
        """Return the logits, and of a DNC what its memory did at every step.

        Returns:
            {"logits": float32 (batch, answers)}, and of a DNC `layers.DNC.trace`'s values with the axes batch, steps.
        """
        steps, mask = self.steps(inputs)
        if self._settings["network"] != "dnc":
            return {"logits": self.logits(self.recurrent(steps, mask=mask))}
        trace = self.recurrent.trace(steps, mask=mask)
        return {"logits": self.logits(trace["output"][:, -1]), **trace}

    def sentences_read(self, trace):
        """Return how much of each sentence the thinking steps read, float32 (batch, thinking_steps, sentences).

        A slot holds what was written into it last: a write of weight w leaves 1 - w of what was there before.

        Args:
            trace: what `read` returns of a DNC.
        """
        written, read = trace["write_weighting"], ops.mean(trace["read_weightings"], axis=2)
        count = self.thinking_steps
        kept = ops.cumsum(ops.log(ops.maximum(1.0 - written, 1e-6)), axis=1)
        # How much of the write of each step each thinking step finds in each slot: (batch, thinking, steps, slots).
        left = ops.exp(ops.minimum(kept[:, -count:, None] - kept[:, None], 0.0)) * written[:, None]
        return ops.einsum("bks,bkts->bkt", read[:, -count:], left)[:, :, :-count]

    def get_config(self):
        return {**super().get_config(), **self._settings}


def build_model(config, vocabulary_size, num_answers, max_words, max_age):
    """Build the untrained network, a `QuestionAnswerer` with weights.

    Args:
        config: a `Config`.
        vocabulary_size: number of words, with the special ones.
        num_answers: number of answers.
        max_words: largest number of words of a sentence.
        max_age: number of sentences of the longest story.
    """
    names = "embedding_dim thinking_steps memory_slots slot_size read_heads controller dropout"
    chosen = {"units": config.chosen_units, **{name: getattr(config, name) for name in names.split()}}
    model = QuestionAnswerer(
        vocabulary_size, num_answers, max_words, max_age, config.model, **chosen, name="question_answerer"
    )
    model.build()
    return model


def load_model(path):
    """Load a model of `build_model`; the classes of its layers are registered here."""
    return models.load_model(path)
