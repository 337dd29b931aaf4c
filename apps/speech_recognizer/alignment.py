"""Find out when each word was said."""

from dataclasses import dataclass

import numpy as np

from .decoding import BLANK


@dataclass(frozen=True)
class Word:
    """A word of a transcript.

    Attributes:
        text: string.
        start, end: seconds from the beginning of the recording.
        confidence: mean probability of its tokens in their frames, 0 to 1.
    """

    text: str
    start: float
    end: float
    confidence: float


def align(log_probabilities, tokens):
    """Return the frames of tokens on the likeliest path that gives them (Viterbi).

    Args:
        log_probabilities: float (frames, vocabulary_size).
        tokens: list of int.

    Returns:
        Int (tokens, 2), first and last frame of each token.

    Raises:
        ValueError: there are too few frames.
    """
    # Between tokens, before and behind them is a blank or nothing.
    states = np.full(2 * len(tokens) + 1, BLANK)
    states[1::2] = tokens
    emitted = log_probabilities[:, states]
    skips = np.zeros(len(states), bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    best, back = np.full(len(states), -np.inf), np.zeros(emitted.shape, "int8")
    best[:2] = emitted[0, :2]
    for frame in range(1, len(emitted)):
        one, two = np.r_[-np.inf, best[:-1]], np.r_[-np.inf, -np.inf, best[:-2]][: len(best)]
        choices = np.stack([best, one, np.where(skips, two, -np.inf)])
        back[frame] = choices.argmax(axis=0)
        best = choices.max(axis=0) + emitted[frame]
    state = len(states) - 1 if len(states) == 1 or best[-1] >= best[-2] else len(states) - 2
    if not np.isfinite(best[state]):
        raise ValueError(f"{len(tokens)} tokens need more than {len(emitted)} frames")
    spans = np.full((len(tokens), 2), -1)
    for frame in range(len(emitted) - 1, -1, -1):
        if state % 2:
            token = state // 2
            spans[token, 0] = frame
            spans[token, 1] = frame if spans[token, 1] < 0 else spans[token, 1]
        state -= back[frame, state]
    return spans


def words_of(log_probabilities, tokens, pieces, seconds, offset=0.0):
    """Return the words of a transcript with their times.

    Args:
        log_probabilities: float (frames, vocabulary_size).
        tokens: list of int.
        pieces: list of what each id adds to a text.
        seconds: of a frame.
        offset: seconds before the first frame.
    """
    if not len(tokens):
        return []
    words, spans = [], align(log_probabilities, tokens)
    for token, (first, last) in zip(tokens, spans, strict=True):
        piece, likely = pieces[token], np.exp(log_probabilities[first : last + 1, token].max())
        if piece.startswith(" ") or not words:
            words.append([])
        if piece.strip():
            words[-1].append((piece.strip(), first, last, likely))
    return [
        Word(
            "".join(text for text, *_ in parts),
            round(offset + seconds * parts[0][1], 3),
            round(offset + seconds * (parts[-1][2] + 1), 3),
            round(float(np.mean([likely for *_, likely in parts])), 4),
        )
        for parts in words
        if parts
    ]
