"""Generate sequences token by token: greedy and beam search over a step function, on every backend."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from .options import Search
from .text import END_ID, PAD_ID, START_ID, UNKNOWN_ID

# Log probability of an impossible beam. The sum of two must be finite.
_NEVER = -1e9


def beam_search(
    step: Callable,
    states: list,
    batch: Any,
    beam: int,
    max_steps: int,
    start_id: int,
    end_id: int,
    length_penalty: float = 0.0,
    forbidden: Sequence[int] = (),
) -> tuple[Any, Any]:
    """Search for the most likely sequences of a step function.

    A sequence of n tokens, with the end token, has the score

        log p / ((5 + n) / 6) ** length_penalty

    (Wu et al., "Google's Neural Machine Translation System", 2016, section 7). A finished sequence stays in the beam
    only while it is among the best; the search ends when every beam of the batch is finished.

    Args:
        step: function of the last tokens, int (batch, beam), and the states that returns logits
            (batch, beam, vocabulary_size) and the new states.
        states: list of (batch, ...) tensors, the initial states of all beams; tensors that steps only read need not be
            among them.
        batch: number of sequences; may be a tensor.
        beam: beam width; 1 is greedy search.
        max_steps: largest number of tokens; a sequence that has not ended is truncated.
        start_id, end_id: ids of the tokens before the first and after the last.
        length_penalty: exponent of the length penalty; 0 for none, which favours short sequences.
        forbidden: ids that are never generated, padding among them.

    Returns:
        Token ids, int32 (batch, max_steps), of the best sequence without start and end, followed by zeros; and its
        score, float32 (batch,).
    """
    states = [ops.broadcast_to(state[:, None], (batch, beam, *state.shape[1:])) for state in states]
    # All beams start equal, so all but one must lose.
    initial = ops.where(ops.arange(beam) == 0, 0.0, _NEVER)
    start = (
        0,
        ops.broadcast_to(ops.cast(start_id, "int32"), (batch, beam)),
        ops.zeros((batch, beam, max_steps), "int32"),
        ops.broadcast_to(initial, (batch, beam)),
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
        # A finished sequence has one continuation, of probability 1.
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
    """Select from (batch, beam, ...) the beams `parent`, int (batch, beam)."""
    beam, rest = part.shape[1], part.shape[2:]
    if beam == 1:
        return part
    rows = ops.arange(ops.shape(part)[0], dtype="int32")[:, None] * beam + ops.cast(parent, "int32")
    chosen = ops.take(ops.reshape(part, (-1, *rest)), ops.reshape(rows, (-1,)), axis=0)
    return ops.reshape(chosen, (-1, beam, *rest))


def step_beams(cell: keras.layers.Layer, inputs: Any, states: list) -> tuple[Any, list]:
    """Run one step of a recurrent cell for several beams.

    Args:
        cell: Keras RNN cell.
        inputs: (batch, beam, features).
        states: list of (batch, beam, units).

    Returns:
        Outputs, (batch, beam, units), and the list of new states.
    """
    beam = inputs.shape[1]

    def merge(part):
        return ops.reshape(part, (-1, part.shape[-1]))

    def split(part):
        return ops.reshape(part, (-1, beam, part.shape[-1]))

    outputs, new = cell(merge(inputs), [merge(state) for state in states])
    return split(outputs), [split(state) for state in new]


class Searcher(keras.Model):
    """Beam search as a Keras model, so that `predict` compiles the whole search on every backend.

    Returns the ids of the best text, int32 (batch, max_steps), and its score, float32 (batch,).

    Args:
        model: has `encode(inputs)`, which returns a memory and the initial states, and `step(tokens, memory, states)`,
            which returns logits and new states; tokens are int (batch, beam).
        max_steps: largest number of subwords, with the end.
        search: a `Search`.
    """

    def __init__(self, model: Any, max_steps: int, search: Search):
        super().__init__()
        self.model, self.max_steps, self.search = model, max_steps, search
        # XLA would compile TensorFlow's loop again for every length.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs: Any) -> tuple[Any, Any]:
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
