"""Times of words, error rates, cuts, baselines, subtitles and the resampler of the exported model."""

import itertools

import numpy as np
import pysubs2
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from apps.common.cli import UserError
from apps.speech_recognizer.alignment import Word, align, words_of
from apps.speech_recognizer.baseline import MarkovModels, NearestRecording, fit_baselines
from apps.speech_recognizer.metrics import count_errors, interval
from apps.speech_recognizer.saved_model import resampled
from apps.speech_recognizer.silence import cut_at_silence
from apps.speech_recognizer.subtitles import lines_of, subtitle_file, write_subtitles

PIECES = ["", "?", "", "", " ", "a", "b", "c"]


def random_log_probabilities(frames, size, seed):
    return log_softmax(np.random.default_rng(seed).normal(0, 2, (frames, size)), axis=1)


@pytest.mark.parametrize("tokens", [[1], [1, 1], [1, 2], [2, 1, 2], [3, 3, 3]])
@pytest.mark.parametrize("seed", range(3))
def test_alignment_is_the_likeliest_path(tokens, seed):
    known = random_log_probabilities(6, 4, seed)
    paths = [
        path
        for path in itertools.product(range(4), repeat=6)
        if [token for token, _ in itertools.groupby(path) if token] == tokens
    ]
    best = max(paths, key=lambda path: known[range(6), path].sum())
    expected, at = [], 0
    for token, group in itertools.groupby(best):
        count = len(list(group))
        if token:
            expected.append([at, at + count - 1])
        at += count
    assert align(known, tokens).tolist() == expected


def test_alignment_needs_a_frame_for_each_token_and_a_blank_between_equal_ones():
    align(random_log_probabilities(3, 4, 0), [1, 1])
    with pytest.raises(ValueError, match="2 tokens need more than 2 frames"):
        align(random_log_probabilities(2, 4, 0), [1, 1])


def test_words_have_times_and_confidence():
    path = [0, 5, 5, 0, 6, 4, 4, 0, 7, 0]
    likely = np.full((10, 8), 0.01)
    likely[range(10), path] = 0.93
    likely[8] = [0.3, 0.01, 0.01, 0.01, 0.01, 0.08, 0.08, 0.5]
    words = words_of(np.log(likely), [5, 6, 4, 7], PIECES, 0.04, offset=10.0)
    assert words == [Word("ab", 10.04, 10.2, 0.93), Word("c", 10.32, 10.36, 0.5)]
    assert words_of(np.log(likely), [], PIECES, 0.04) == []
    # A space alone is no word.
    assert words_of(np.log(likely), [4, 4], PIECES, 0.04) == []


def test_errors_are_counted_by_kind():
    counts = count_errors(["turn the light on", "stop", "", "write it down"], ["turn light on now", "stop", "oh", ""])
    words = counts.words
    assert (words.substitutions, words.deletions, words.insertions, words.length) == (0, 4, 2, 8)
    assert words.rate == 6 / 8
    assert [row.errors for row in counts.word_rows] == [2, 0, 1, 3]
    assert count_errors(["abc"], ["axc"]).characters.rate == 1 / 3
    low, high = interval(counts.word_rows)
    assert 0 <= low < 6 / 8 < high
    assert interval(count_errors(["a b"] * 5, ["a b"] * 5).word_rows) == (0.0, 0.0)


def test_long_recordings_are_cut_where_it_is_silent():
    rate, draw = 1000, np.random.default_rng(0)
    samples = draw.normal(0, 0.2, 30_000).astype("float32")
    for pause in (7.0, 15.0, 20.5):
        samples[int(pause * rate) : int((pause + 0.3) * rate)] *= 0.001
    pieces = cut_at_silence(samples, rate, 10.0)
    starts = [start for start, _ in pieces]
    assert len(pieces) == 4 and all(
        abs(start / rate - pause - 0.15) < 0.15 for start, pause in zip(starts[1:], (7, 15, 20.5), strict=True)
    )
    np.testing.assert_array_equal(np.concatenate([part for _, part in pieces]), samples)
    assert all(len(part) <= 10 * rate for _, part in pieces)
    assert [len(part) for _, part in cut_at_silence(samples[:500], rate, 10.0)] == [500]
    assert [len(part) for _, part in cut_at_silence(samples[:0], rate, 10.0)] == [0]


def slow_distance(one, other):
    totals = np.full((len(one) + 1, len(other) + 1), np.inf)
    totals[0, 0] = 0
    for row, column in itertools.product(range(len(one)), range(len(other))):
        before = min(totals[row, column], totals[row, column + 1], totals[row + 1, column])
        totals[row + 1, column + 1] = before + np.linalg.norm(one[row] - other[column])
    return totals[-1, -1] / (len(one) + len(other))


def test_nearest_recording_is_by_dynamic_time_warping():
    draw = np.random.default_rng(0)
    features = [draw.normal(0, 1, (count, 3)).astype("float32") for count in (9, 16, 5, 12)]
    nearest = NearestRecording(features, list("abcd"))
    question = draw.normal(0, 1, (11, 3)).astype("float32")
    known = {text: slow_distance(question[::2], own[::2]) for text, own in zip("abcd", features, strict=True)}
    found = dict(zip(nearest.texts, nearest.distances(question), strict=True))
    for text, value in known.items():
        assert abs(found[text] - value) < 1e-4
    assert nearest(question) == min(known, key=known.get)
    assert nearest(features[1]) == "b"


def word(kind, draw, rate=8000):
    """Return a rising or a falling tone, of random length and pitch."""
    time = np.linspace(0, 1, int(rate * draw.uniform(0.3, 0.5)))
    pitch = draw.uniform(0.9, 1.1) * (400 + 1200 * (time if kind == "rising" else 1 - time))
    return (np.sin(2 * np.pi * np.cumsum(pitch) / rate) + draw.normal(0, 0.05, len(time))).astype("float32")


def test_baselines_tell_rising_from_falling_tones():
    draw = np.random.default_rng(0)
    texts = ["rising", "falling"] * 6
    found = fit_baselines([word(text, draw) for text in texts], texts, 8000)
    assert list(found) == ["nearest training recording", "hidden Markov models"]
    for answer in found.values():
        assert [answer(word(text, draw)) for text in texts[:6]] == texts[:6]
    # Sentences that do not repeat have no models.
    assert list(fit_baselines([word("rising", draw) for _ in range(4)], list("abcd"), 8000)) == [
        "nearest training recording"
    ]


def test_markov_models_follow_the_order_of_sounds():
    draw = np.random.default_rng(1)
    up = [np.repeat(np.arange(10), draw.integers(2, 5, 10))[:, None] + draw.normal(0, 0.3, (1, 1)) for _ in range(8)]
    features = [each + draw.normal(0, 0.2, each.shape) for each in up]
    models = MarkovModels([*features, *(each[::-1] for each in features)], ["up"] * 8 + ["down"] * 8)
    assert models(features[0]) == "up" and models(features[0][::-1]) == "down"


def test_subtitles_end_at_pauses_and_at_full_lines(tmp_path):
    words = [Word("one", 0.0, 0.4, 1.0), Word("two", 0.5, 0.9, 1.0), Word("three", 2.0, 2.4, 1.0)]
    assert [[each.text for each in line] for line in lines_of(words)] == [["one", "two"], ["three"]]
    long = [Word("abcdefghij", index * 0.5, index * 0.5 + 0.4, 1.0) for index in range(8)]
    assert [len(line) for line in lines_of(long)] == [3, 3, 2]
    file = subtitle_file(tmp_path / "a.wav", tmp_path / "new", False)
    write_subtitles(file, words)
    read = pysubs2.load(str(file))
    assert [(event.start, event.end, event.text) for event in read] == [(0, 900, "one two"), (2000, 2400, "three")]
    with pytest.raises(UserError, match="exists already"):
        subtitle_file(tmp_path / "a.wav", tmp_path / "new", False)


@pytest.mark.parametrize("own", [4000, 8000, 11025, 44100, 96000])
def test_resampler_keeps_tones_and_removes_what_the_new_rate_cannot_hold(own):
    rate, seconds = 8000, 0.5
    time = np.arange(int(own * seconds)) / own
    hertz = 500.0
    tone = np.sin(2 * np.pi * hertz * time).astype("float32")[None]
    found, lengths = resampled(tf.constant(tone), tf.constant([len(time)]), tf.constant([own]), rate)
    assert abs(int(lengths[0]) - rate * seconds) <= 1 and found.shape[1] == int(lengths[0])
    expected = np.sin(2 * np.pi * hertz * np.arange(found.shape[1]) / rate)
    middle = slice(400, -400)
    np.testing.assert_allclose(found[0, middle], expected[middle], atol=5e-3)
    if own > 2 * rate:
        high = np.sin(2 * np.pi * 6000 * time).astype("float32")[None]
        removed, _ = resampled(tf.constant(high), tf.constant([len(time)]), tf.constant([own]), rate)
        assert np.abs(removed[0, middle]).max() < 0.02
