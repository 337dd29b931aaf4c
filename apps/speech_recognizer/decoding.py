"""Decode the distributions of connectionist temporal classification into tokens.

Graves and Jaitly, "Towards End-to-End Speech Recognition with Recurrent Neural Networks", ICML 2014, algorithm 1
(prefix search); Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional
Recurrent DNNs", arXiv:1408.2873, 2014 (with a language model and a bonus for length).
"""

from keras import ops

from .model import BLANK

# Log probability of what is impossible. Sums of a few must be finite.
_NEVER = -1e9
# Factor of the hash of a prefix.
_PRIME = 1_000_003


def greedy_search(logits, lengths):
    """Return the tokens of the likeliest path.

    Args:
        logits: float (batch, frames, vocabulary_size).
        lengths: int (batch,), frames that are no padding.

    Returns:
        Tokens, int32 (batch, frames), followed by zeros, and the log probability of the path, float32 (batch,).
    """
    log_probabilities, lengths = ops.log_softmax(ops.cast(logits, "float32")), ops.cast(lengths, "int32")
    inside = ops.arange(ops.shape(logits)[1])[None] < lengths[:, None]
    best = ops.where(inside, ops.cast(ops.argmax(log_probabilities, axis=-1), "int32"), BLANK)
    scores = ops.sum(ops.where(inside, ops.max(log_probabilities, axis=-1), 0.0), axis=1)
    new = ops.not_equal(best, ops.pad(best, [[0, 0], [1, 0]])[:, :-1])
    return _packed(best, ops.logical_and(new, ops.not_equal(best, BLANK))), scores


def _packed(tokens, kept):
    """Return the tokens that are kept, int32 (batch, frames), followed by zeros."""
    # A stable sort: those that are kept first, in their order.
    order = ops.argsort(ops.where(kept, 0, ops.shape(kept)[1]) + ops.arange(ops.shape(kept)[1])[None], axis=1)
    return ops.take_along_axis(ops.where(kept, tokens, 0), order, axis=1)


def beam_search(logits, lengths, beam, language_model=None, weight=0.0, bonus=0.0, max_tokens=None):
    """Search for the likeliest tokens, over all paths that give them.

    With a language model the score of tokens y of a recording x is

        log p(y | x) + weight * log p(y, end) + bonus * length of y

    (shallow fusion).

    Args:
        logits: float (batch, frames, vocabulary_size).
        lengths: int (batch,), frames that are no padding.
        beam: number of prefixes that are kept.
        language_model: has `initial(batch)`, which returns states, list of (batch, units), and log probabilities of
            the first token, (batch, vocabulary_size); `step(tokens, states)`, the same after tokens, int (rows,);
            and `end(log_probabilities)`, those that the text ends, (...,), of (..., vocabulary_size). None for none.
        weight: of the language model.
        bonus: for each token.
        max_tokens: most tokens of a text; None for as many as frames.

    Returns:
        Tokens, int32 (batch, max_tokens), followed by zeros; and their score, float32 (batch,).
    """
    log_probabilities, lengths = ops.log_softmax(ops.cast(logits, "float32")), ops.cast(lengths, "int32")
    batch, frames, size = ops.shape(log_probabilities)
    longest = frames if max_tokens is None else max_tokens
    # Padding says for certain that there is no token, which changes no score.
    nothing = ops.where(ops.arange(size) == BLANK, 0.0, _NEVER)
    inside = ops.arange(frames)[None] < lengths[:, None]
    by_time = ops.transpose(ops.where(inside[..., None], log_probabilities, nothing), (1, 0, 2))
    first = ops.arange(beam) == 0

    def zeros(*shape, dtype="int32"):
        return ops.zeros((batch, beam, *shape), dtype)

    states, following = [], zeros(size, dtype="float32")
    if language_model is not None:
        states, following = language_model.initial(batch)
        states = [_spread(state, beam) for state in states]
        following = _spread(following, beam)
    start = [
        0,
        zeros(longest),
        # Length, last token, hash, and hash without the last token.
        zeros(), zeros(), zeros(), zeros() - 1,
        # Log probabilities of the paths that end with a blank, and that do not.
        ops.broadcast_to(ops.where(first, 0.0, _NEVER), (batch, beam)),
        zeros(dtype="float32") + _NEVER,
        # Part of the score that is not of the sound.
        zeros(dtype="float32"),
        following,
        *states,
    ]  # fmt: skip

    def unread(time, *rest):
        return time < frames

    def read(time, tokens, count, last, code, parent, blank, token, extra, following, *states):
        now = ops.take(by_time, time, axis=0)
        stay_blank, stay_token, extended = _continued(now, count, last, code, parent, blank, token, longest)
        gained = weight * following + bonus if language_model is not None else ops.zeros_like(following)
        stay = ops.logaddexp(stay_blank, stay_token)[..., None]
        scores = ops.concatenate([stay, extended + gained], axis=2) + extra[..., None]
        _, best = ops.top_k(ops.reshape(scores, (batch, beam * (size + 1))), beam)
        source, new = best // (size + 1), ops.cast(best % (size + 1), "int32") - 1
        grows = new >= 0
        new = ops.maximum(new, 0)
        extended, gained = (
            ops.take_along_axis(ops.reshape(part, (batch, -1)), source * size + new, axis=1)
            for part in (extended, gained)
        )
        tokens, count, last, code, parent, extra, stay_blank, stay_token, following, *states = (
            _chosen(part, source)
            for part in (tokens, count, last, code, parent, extra, stay_blank, stay_token, following, *states)
        )
        written = ops.logical_and(grows[..., None], ops.arange(longest) == count[..., None])
        tokens = ops.where(written, new[..., None], tokens)
        parent = ops.where(grows, code, parent)
        code = ops.where(grows, code * _PRIME + new + 1, code)
        last = ops.where(grows, new, last)
        extra = ops.where(grows, extra + gained, extra)
        if language_model is not None:
            after, likely = language_model.step(
                ops.reshape(new, (-1,)), [ops.reshape(each, (-1, each.shape[-1])) for each in states]
            )
            states = [
                ops.where(grows[..., None], ops.reshape(one, (batch, beam, one.shape[-1])), other)
                for one, other in zip(after, states, strict=True)
            ]
            following = ops.where(grows[..., None], ops.reshape(likely, (batch, beam, size)), following)
        count = count + ops.cast(grows, "int32")
        new_blank = ops.where(grows, _NEVER, stay_blank)
        new_token = ops.where(grows, extended, stay_token)
        return [
            time + 1, tokens, count, last, code, parent,
            ops.maximum(new_blank, _NEVER), ops.maximum(new_token, _NEVER), extra, following, *states,
        ]  # fmt: skip

    _, tokens, _, _, _, _, blank, token, extra, following, *states = ops.while_loop(unread, read, start)
    scores = ops.logaddexp(blank, token) + extra
    if language_model is not None:
        scores = scores + weight * language_model.end(following)
    best = ops.argmax(scores, axis=1)
    return ops.take_along_axis(tokens, best[:, None, None], axis=1)[:, 0], ops.max(scores, axis=1)


def _continued(now, count, last, code, parent, blank, token, longest):
    """Return the log probabilities of prefixes after one more frame.

    Args:
        now: log probabilities of the frame, (batch, vocabulary_size).
        count, last, code, parent, blank, token, longest: as in `beam_search`.

    Returns:
        Those of the same prefixes, by paths that end with a blank and that do not, (batch, beam) each; and those of
        each prefix with one more token, (batch, beam, vocabulary_size).
    """
    batch, beam = ops.shape(count)
    ids, total = ops.arange(ops.shape(now)[1]), ops.logaddexp(blank, token)
    stay_token = ops.where(count > 0, token + ops.take_along_axis(now, last, axis=1), _NEVER)
    extended = ops.where(ids == last[..., None], blank[..., None], total[..., None]) + now[:, None]
    extended = ops.where(ops.logical_or(ids == BLANK, (count >= longest)[..., None]), _NEVER, extended)
    # A prefix may be another one with one more token: both are one.
    same = ops.logical_and(code[:, :, None] == parent[:, None], (count[:, :, None] + 1) == count[:, None])
    # Unused places of the beam may hold copies.
    same = ops.logical_and(same, (total > _NEVER / 2)[:, None])
    into = ops.take_along_axis(extended, ops.broadcast_to(last[:, None], (batch, beam, beam)), axis=2)
    stay_token = ops.logaddexp(stay_token, ops.logsumexp(ops.where(same, into, _NEVER), axis=1))
    taken = ops.any(ops.logical_and(same[..., None], (ids == last[..., None])[:, None]), axis=2)
    return total + now[:, None, BLANK], stay_token, ops.where(taken, _NEVER, extended)


def _spread(part, beam):
    """Return (batch, beam, ...), with the values of (batch, ...) in each beam."""
    return ops.repeat(part[:, None], beam, axis=1)


def _chosen(part, source):
    """Select from (batch, beam, ...) the beams `source`, int (batch, beam)."""
    source = ops.reshape(source, (*ops.shape(source), *[1] * (len(part.shape) - 2)))
    return ops.take_along_axis(part, source, axis=1)
