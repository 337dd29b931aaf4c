"""Features, the network, its masks, its streaming, and its loss."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import log_softmax, logsumexp

from apps.speech_recognizer import model as networks
from apps.speech_recognizer.config import Config
from apps.speech_recognizer.features import (
    FLOOR,
    RANGE,
    SPREAD,
    STRETCH,
    LogMel,
    masked_at_random,
    mel_filters,
    normalized,
    relative_to_loudest,
    warped_at_random,
)
from apps.speech_recognizer.model import FRAMES, build_model, frames_of, load_model, loss_itself

RATE, SIZE = 8000, 9
SMALL = {"rate": RATE, "units": 8, "num_layers": 2, "filters": 12, "channels": 4, "dropout": 0.0}


def small(seed=0, **settings):
    """Return a network with random weights."""
    model = build_model(Config(**{**SMALL, "spec_augment": False, **settings}), SIZE)
    draw = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(draw.normal(0, 0.3, weight.shape))
    if model.streaming:
        model.loc.assign(draw.normal(-6, 1, model.loc.shape))
        model.scale.assign(draw.uniform(0.5, 2, model.scale.shape))
    return model


def sounds(*lengths, seed=1):
    draw = np.random.default_rng(seed)
    samples = np.zeros((len(lengths), max(lengths)), "float32")
    for row, length in enumerate(lengths):
        samples[row, :length] = draw.normal(0, 0.1, length)
    return samples, np.array(lengths, "int32")


def numpy_of(tensors):
    return [ops.convert_to_numpy(each) for each in tensors]


@pytest.mark.parametrize("hertz", [100, 440, 1000, 3000])
def test_a_tone_is_loudest_in_its_filter(hertz):
    layer = LogMel(RATE, 40)
    tone = np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE).astype("float32")[None]
    found = ops.convert_to_numpy(layer(tone))[0]
    assert found.shape == (100, 40)
    filters = mel_filters(layer.fft_length // 2 + 1, RATE, 40)
    expected = int(np.argmax(filters[round(hertz * layer.fft_length / RATE)]))
    assert abs(int(np.argmax(found[50])) - expected) <= 1
    silent = ops.convert_to_numpy(layer(np.zeros((1, RATE), "float32")))
    np.testing.assert_allclose(silent, np.log(FLOOR), rtol=1e-5)


def test_filters_cover_the_spectrum_evenly():
    for rate, count in itertools.product((4000, 8000, 16000, 44100), (12, 40, 80)):
        bins = LogMel(rate, count).fft_length // 2 + 1
        filters = mel_filters(bins, rate, count)
        assert filters.shape == (bins, count) and np.all(filters.max(axis=0) > 0) and filters.max() <= 1 + 1e-6
        assert np.all(np.diff(np.argmax(filters, axis=0)) >= 0)


def test_features_are_normalized_without_padding():
    features = np.random.default_rng(0).normal(3, 2, (2, 20, 5)).astype("float32")
    found = ops.convert_to_numpy(normalized(ops.convert_to_tensor(features), np.array([20, 8])))
    np.testing.assert_allclose(found[1, :8].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(found[1, :8].std(axis=0), 1, atol=0.01)
    assert np.all(found[1, 8:] == 0)
    constant = ops.convert_to_numpy(normalized(ops.ones((1, 5, 3)), np.array([5])))
    assert np.all(constant == 0)


def test_features_relative_to_the_loudest_are_without_padding():
    features = np.random.default_rng(0).normal(-3, 2, (2, 20, 5)).astype("float32")
    features[1, 3, 2] = -30
    features[1, 8:] = 100
    found = ops.convert_to_numpy(relative_to_loudest(ops.convert_to_tensor(features), np.array([20, 8])))
    assert np.all(found[1, 8:] == 0)
    # A level changes nothing; what lies below the range does not count.
    np.testing.assert_allclose(found[1, :8].max(), RANGE / 2 / SPREAD, rtol=1e-6)
    np.testing.assert_allclose(found[1, 3, 2], -RANGE / 2 / SPREAD, rtol=1e-6)
    louder = ops.convert_to_numpy(relative_to_loudest(ops.convert_to_tensor(features + 2), np.array([20, 8])))
    np.testing.assert_allclose(louder, found, atol=1e-5)
    difference = features[0, 4] - features[0, 5]
    near = np.minimum(features[0, 4], features[0, 5]) > features[0].max() - RANGE
    np.testing.assert_allclose((found[0, 4] - found[0, 5])[near], difference[near] / SPREAD, atol=1e-5)


def test_warping_moves_filters_by_the_same_factor_in_all_frames():
    seed = keras.random.SeedGenerator(1)
    features = np.zeros((50, 3, 40), "float32")
    features[:, :, 20] = 1
    found = ops.convert_to_numpy(warped_at_random(ops.convert_to_tensor(features), seed))
    np.testing.assert_array_equal(found[:, 0], found[:, 2])
    center = (found[:, 0] * np.arange(40)).sum(axis=1) / found[:, 0].sum(axis=1)
    assert 20 / (1 + STRETCH) - 0.5 < center.min() < 18 and 22 < center.max() < 20 / (1 - STRETCH) + 0.5


def test_masks_hide_frames_and_filters():
    seed = keras.random.SeedGenerator(1)
    lengths = np.array([400] * 20)
    found = ops.convert_to_numpy(masked_at_random(ops.ones((20, 400, 40)), lengths, seed))
    assert set(np.unique(found)) == {0.0, 1.0}
    assert 0.02 < 1 - found.mean() < 0.5
    assert len({row.tobytes() for row in found}) > 15


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_padding_changes_nothing(streaming, cell):
    model = small(streaming=streaming, cell=cell)
    samples, lengths = sounds(8000, 5000, 3333, 700)
    whole, frames = numpy_of(model.logits(samples, lengths))
    assert frames.tolist() == [frames_of(length, RATE) for length in lengths]
    noisy = samples.copy()
    for row, length in enumerate(lengths):
        noisy[row, length:] = 0.7
        alone, _ = numpy_of(model.logits(samples[row : row + 1, :length], lengths[row : row + 1]))
        assert alone.shape[1] == frames[row]
        np.testing.assert_allclose(alone[0], whole[row, : frames[row]], atol=2e-5)
    again, _ = numpy_of(model.logits(noisy, lengths))
    for row, count in enumerate(frames):
        np.testing.assert_allclose(again[row, :count], whole[row, :count], atol=2e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_stream_in_pieces_is_the_whole(cell):
    model = small(streaming=True, cell=cell)
    samples, _ = sounds(model.hop * 24, model.hop * 24)
    whole, _ = numpy_of(model.logits(samples, np.array([samples.shape[1]] * 2)))
    for pieces in ([24], [1] * 24, [5, 1, 10, 8]):
        state = [np.zeros((2, *shape), "float32") for shape in model.state_shapes]
        found, at = [], 0
        for count in pieces:
            logits, state = model.step(samples[:, at : at + count * model.hop], state)
            found.append(ops.convert_to_numpy(logits))
            at += count * model.hop
            assert [tuple(each.shape[1:]) for each in state] == [tuple(shape) for shape in model.state_shapes]
        np.testing.assert_allclose(np.concatenate(found, axis=1), whole, atol=2e-5)


def test_only_the_model_for_streaming_does_not_look_ahead():
    samples, lengths = sounds(8000)
    later = samples.copy()
    later[:, 4800:] += 0.3
    for streaming in (False, True):
        model = small(streaming=streaming)
        one, other = (ops.convert_to_numpy(model.logits(each, lengths)[0])[0] for each in (samples, later))
        kept = 4800 // model.hop
        assert np.allclose(one[:kept], other[:kept], atol=1e-6) == streaming
        assert not np.allclose(one[kept:], other[kept:], atol=1e-3)


def test_loss_is_the_sum_over_all_paths():
    model = small()
    samples, lengths = sounds(1900, 1500)
    tokens = np.array([[5, 5, 0], [7, 4, 6]], "int32")
    found = ops.convert_to_numpy(model({"samples": samples, "lengths": lengths, "tokens": tokens}))
    logits, frames = numpy_of(model.logits(samples, lengths))
    for row, own in enumerate(([5, 5], [7, 4, 6])):
        likely = log_softmax(logits[row, : frames[row]], axis=1)
        paths = itertools.product([0, *sorted(set(own))], repeat=int(frames[row]))
        values = [
            likely[range(frames[row]), path].sum()
            for path in map(list, paths)
            if [token for token, _ in itertools.groupby(path) if token] == own
        ]
        np.testing.assert_allclose(found[row, 0], -logsumexp(values), rtol=1e-4)


@pytest.mark.parametrize("streaming", [False, True])
def test_network_learns_eight_recordings_and_survives_saving(tmp_path, streaming):
    keras.utils.set_random_seed(0)
    model = build_model(Config(**{**SMALL, "units": 32, "streaming": streaming, "spec_augment": False}), SIZE)
    rng = np.random.default_rng(0)
    tokens = np.array([[4, 5, 6], [5, 4, 0], [6, 6, 0], [7, 8, 4], [8, 0, 0], [4, 8, 0], [7, 0, 0], [5, 6, 7]], "int32")
    time = np.arange(int(0.25 * RATE)) / RATE
    samples = np.zeros((8, 3 * len(time)), "float32")
    for row, own in enumerate(tokens):
        for place, token in enumerate(own[own > 0]):
            tone = np.sin(2 * np.pi * (300 * (token - 3)) * time) * np.hanning(len(time))
            samples[row, place * len(time) : (place + 1) * len(time)] = tone
    samples += rng.normal(0, 0.01, samples.shape)
    inputs = {"samples": samples, "lengths": np.full(8, samples.shape[1], "int32"), "tokens": tokens}
    model.compile(keras.optimizers.Adam(1e-2), loss=loss_itself)
    before = model.evaluate(inputs, np.zeros((8, 1)), batch_size=3, verbose=0)
    model.fit(inputs, np.zeros((8, 1)), batch_size=3, epochs=40, verbose=0)
    after = model.evaluate(inputs, np.zeros((8, 1)), batch_size=3, verbose=0)
    assert np.isfinite(before) and after < 0.2 * before
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert loaded.settings == model.settings
    own = {name: inputs[name] for name in ("samples", "lengths")}
    for one, other in zip(model.predict(own, verbose=0), loaded.predict(own, verbose=0), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_layers_can_be_exchanged_for_those_of_keras(monkeypatch):
    ours = small()
    monkeypatch.setattr(networks, "CELLS", {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM})
    theirs = small()
    theirs.set_weights(ours.get_weights())
    samples, lengths = sounds(4000, 2500)
    one, other = (ops.convert_to_numpy(model.logits(samples, lengths)[0]) for model in (ours, theirs))
    np.testing.assert_allclose(one[0], other[0], atol=1e-5)
    count = frames_of(2500, RATE)
    np.testing.assert_allclose(one[1, :count], other[1, :count], atol=1e-5)
    assert FRAMES == 4
