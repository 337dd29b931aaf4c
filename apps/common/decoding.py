"""Writing a sequence one token at a time: greedy and beam search over a step function, on every backend."""

import dataclasses

import keras
from keras import ops

from .cli import UserError
from .text import END_ID, PAD_ID, START_ID, UNKNOWN_ID

# What a beam that cannot be is worth. The sum of two must still be a number.
_NEVER = -1e9


def beam_search(step, states, batch, beam, max_steps, start_id, end_id, length_penalty=0.0, forbidden=()):
    """The likeliest sequences that a step function gives, by beam search; greedy search with a beam of 1.

    A sequence of n tokens, the end among them, is scored

        log p / ((5 + n) / 6) ** length_penalty

    (Wu et al., "Google's Neural Machine Translation System", 2016, section 7). A finished sequence keeps its place
    in the beam only while it is among the best; the search ends when every beam of the batch is finished.

    Args:
        step: function of the last tokens, int (batch, beam), and the states that returns logits
            (batch, beam, vocabulary_size) and the new states.
        states: list of (batch, ...) tensors that the first step sees, the same for all beams; what steps only read
            need not be here.
        batch: number of sequences; may be a tensor.
        beam: sequences kept at a time for each; 1 is greedy.
        max_steps: most tokens of a sequence; one that has not ended by then is cut.
        start_id, end_id: numbers of the tokens before the first and after the last.
        length_penalty: 0 favours short sequences, 1 none.
        forbidden: numbers of the tokens never written, padding among them.

    Returns:
        tokens, int32 (batch, max_steps), the best sequence without start and end, then zeros; and its score,
        float32 (batch,).
    """
    states = [ops.broadcast_to(state[:, None], (batch, beam, *state.shape[1:])) for state in states]
    # All beams begin alike, so all but one must lose.
    alone = ops.where(ops.arange(beam) == 0, 0.0, _NEVER)
    start = (
        0,
        ops.broadcast_to(ops.cast(start_id, "int32"), (batch, beam)),
        ops.zeros((batch, beam, max_steps), "int32"),
        ops.broadcast_to(alone, (batch, beam)),
        ops.zeros((batch, beam), "bool"),
        ops.zeros((batch, beam), "int32"),
        *states,
    )

    def unfinished(time, last, tokens, log_probabilities, finished, lengths, *states):
        return ops.logical_and(time < max_steps, ops.logical_not(ops.all(finished)))

    def extend(time, last, tokens, log_probabilities, finished, lengths, *states):
        logits, states = step(last, list(states))
        vocabulary_size = logits.shape[-1]
        ids = ops.arange(vocabulary_size)
        steps = ops.log_softmax(ops.cast(logits, "float32"))
        for token in forbidden:
            steps = ops.where(ids == token, _NEVER, steps)
        # A finished sequence has one way to go on, which costs nothing.
        steps = ops.where(finished[:, :, None], ops.where(ids == end_id, 0.0, _NEVER), steps)
        lengths = lengths + ops.cast(ops.logical_not(finished), "int32")
        totals = log_probabilities[:, :, None] + steps
        scores = ops.reshape(totals / _penalty(lengths, length_penalty)[:, :, None], (batch, -1))
        _, best = ops.top_k(scores, beam)
        log_probabilities = ops.take_along_axis(ops.reshape(totals, (batch, -1)), best, axis=1)
        parent, last = best // vocabulary_size, ops.cast(best % vocabulary_size, "int32")
        tokens, finished, lengths, *states = (_choose(part, parent) for part in (tokens, finished, lengths, *states))
        finished = ops.logical_or(finished, last == end_id)
        written = ops.where(finished, 0, last)[:, :, None]
        tokens = ops.where(ops.arange(max_steps) == time, written, tokens)
        return (time + 1, last, tokens, log_probabilities, finished, lengths, *states)

    _, _, tokens, log_probabilities, _, lengths, *_ = ops.while_loop(unfinished, extend, start)
    return tokens[:, 0], log_probabilities[:, 0] / _penalty(lengths[:, 0], length_penalty)


def _penalty(lengths, exponent):
    return ((5.0 + ops.cast(lengths, "float32")) / 6.0) ** exponent


def _choose(part, parent):
    """(batch, beam, ...) in the order of `parent`, int (batch, beam)."""
    beam, rest = part.shape[1], part.shape[2:]
    if beam == 1:
        return part
    rows = ops.arange(ops.shape(part)[0], dtype="int32")[:, None] * beam + ops.cast(parent, "int32")
    chosen = ops.take(ops.reshape(part, (-1, *rest)), ops.reshape(rows, (-1,)), axis=0)
    return ops.reshape(chosen, (-1, beam, *rest))


@dataclasses.dataclass(frozen=True)
class Search:
    """How the likeliest text is looked for."""

    beam: int = 5
    """Texts kept at a time for each answer; 1 is greedy: faster, and a little worse."""
    length_penalty: float = 1.0
    """How much a long text is made up for being less likely; 0 not at all (Wu 2016, section 7)."""

    def __post_init__(self):
        if not 1 <= self.beam <= 64:
            raise UserError(f"--beam {self.beam}: expected a whole number from 1 to 64")
        if not 0 <= self.length_penalty <= 5:
            raise UserError(f"--length-penalty {self.length_penalty}: expected a number from 0 to 5")


class Searcher(keras.Model):
    """Inputs -> the best text's subwords, int32 (batch, max_steps), and its score, float32 (batch,).

    A model of its own, so that Keras compiles the whole search on every backend.

    Args:
        model: has `encode`, of the inputs to a memory and the start states, and `step`, of the last subwords, int
            (batch, beam), the memory and the states to logits and new states.
        max_steps: most subwords, with the end.
        search: a `Search`.
    """

    def __init__(self, model, max_steps, search):
        super().__init__()
        self.model, self.max_steps, self.search = model, max_steps, search
        # XLA would compile TensorFlow's loop anew for every length.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs):
        memory, states = self.model.encode(inputs)
        return beam_search(
            lambda tokens, states: self.model.step(tokens, memory, states),
            states,
            ops.shape(states[0])[0],
            self.search.beam,
            self.max_steps,
            START_ID,
            END_ID,
            self.search.length_penalty,
            forbidden=(PAD_ID, UNKNOWN_ID, START_ID),
        )
