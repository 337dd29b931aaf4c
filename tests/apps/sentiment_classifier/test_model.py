"""The network: pieces and chunks, padding, the prior, dropout, losses, and what it can learn."""

import keras
import numpy as np
import pytest
from keras import ops

from apps.sentiment_classifier import model as networks
from apps.sentiment_classifier.config import Config
from apps.sentiment_classifier.long_documents import CHUNK, LongReader
from apps.sentiment_classifier.model import OrderedCrossentropy, load_model

TRUNK = {"cell": "lstm", "units": 9, "num_layers": 2, "normalization": False, "zoneout": 0.0}
NETWORKS = {
    "lstm": {},
    "gru": {"cell": "gru"},
    "deep_rnn": {"skip_connections": True},
    "on a language model": {"trunk": TRUNK, "num_layers": 1},
    "on one of other layers": {"trunk": {**TRUNK, "cell": "gru", "normalization": True}, "num_layers": 1},
}
PRIOR = [0.2, 0.3, 0.5]


def tokens(*shape, seed=1):
    return np.random.default_rng(seed).integers(4, 50, shape).astype("int32")


def logits(model, *pieces):
    names = ("tokens",) if len(pieces) == 1 else ("before", "tokens")
    return model.predict(dict(zip(names, pieces, strict=True)), verbose=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_pieces_of_a_document_are_read_as_the_whole(small, name):
    model, ids = small(**NETWORKS[name]), tokens(3, 20)
    whole = logits(model, ids)
    for cut in (1, 7, 19):
        np.testing.assert_allclose(logits(model, ids[:, :cut], ids[:, cut:]), whole, atol=1e-5)
    found, weights = model.read([ids[:, :5], ids[:, 5:6], ids[:, 6:]])
    np.testing.assert_allclose(ops.convert_to_numpy(found), whole, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(weights), ops.convert_to_numpy(model.read([ids])[1]), atol=1e-5)
    # Order and every part matter.
    assert np.abs(logits(model, ids[:, ::-1]) - whole).max() > 1e-3
    assert np.abs(logits(model, ids[:, 7:]) - whole).max() > 1e-3


@pytest.mark.parametrize("name", ["lstm", pytest.param("deep_rnn", marks=pytest.mark.slow), "on a language model"])
def test_chunks_of_a_long_document_are_read_as_the_whole(small, name):
    model, ids = small(**NETWORKS[name]), tokens(2 * CHUNK + 100)
    kept = np.arange(len(ids)) % 7 != 0
    found, weights = LongReader(model)(ids, kept)
    expected, attention = model.read([ids[None]], masks=[kept[None]])
    np.testing.assert_allclose(found, ops.convert_to_numpy(expected)[0], atol=1e-4)
    np.testing.assert_allclose(weights, ops.convert_to_numpy(attention)[0], atol=1e-6)
    assert weights[~kept].max() == 0 and abs(weights.sum() - 1) < 1e-4


def test_padding_anywhere_changes_nothing(small):
    model, ids = small(), tokens(1, 12)
    alone = logits(model, ids)
    padded = np.zeros((2, 20), "int32")
    padded[0, :12], padded[1, 8:] = ids, ids
    np.testing.assert_allclose(logits(model, padded), np.repeat(alone, 2, 0), atol=1e-5)
    holes = np.zeros((1, 24), "int32")
    holes[0, ::2] = ids
    np.testing.assert_allclose(logits(model, holes), alone, atol=1e-5)


def test_without_a_word_the_answer_is_the_prior(small):
    model = small()
    empty = model.probabilities(logits(model, np.zeros((2, 9), "int32")), temperature=0.3)
    np.testing.assert_allclose(empty, [PRIOR, PRIOR], atol=1e-6)
    ids = tokens(1, 9)
    found, weights = model.read([ids], masks=[np.zeros((1, 9), bool)])
    np.testing.assert_allclose(model.probabilities(found), [PRIOR], atol=1e-6)
    assert np.all(ops.convert_to_numpy(weights) == 0)
    assert np.abs(model.probabilities(logits(model, ids)) - np.array(PRIOR)).max() > 0.01


def test_untrained_network_answers_about_the_prior():
    model = networks.build_model(Config(units=8), 50, PRIOR)
    np.testing.assert_allclose(model.probabilities(logits(model, tokens(4, 30))), [PRIOR] * 4, atol=0.05)


def test_log_odds_are_those_of_the_probabilities(small):
    model = small()
    found = logits(model, tokens(5, 8))
    probabilities = ops.convert_to_numpy(model.probabilities(found, 0.7))
    chosen = np.array([0, 1, 2, 0, 1])
    p = probabilities[np.arange(5), chosen]
    np.testing.assert_allclose(model.log_odds(found, chosen, 0.7), np.log(p / (1 - p)), rtol=1e-4, atol=1e-4)


def test_gradients_flow_through_the_last_piece_only(small):
    model = small()
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    ids, targets = tokens(2, 10), np.eye(3, dtype="float32")[:2]
    ids[:, :5] = np.where(ids[:, :5] < 25, ids[:, :5], 24)
    ids[:, 5:] = np.where(ids[:, 5:] < 25, ids[:, 5:] + 25, ids[:, 5:])
    before = model.embedding.get_weights()[0]
    model.fit({"before": ids[:, :5], "tokens": ids[:, 5:]}, targets, verbose=0)
    changed = np.flatnonzero(np.any(model.embedding.get_weights()[0] != before, axis=1))
    assert set(changed) == set(ids[:, 5:].ravel())
    model.fit({"tokens": ids}, targets, verbose=0)
    assert np.any(model.embedding.get_weights()[0][ids[0, 0]] != before[ids[0, 0]])


def test_token_dropout_leaves_out_words_in_training_only(small):
    model, ids = small(token_dropout=0.5), tokens(4, 200)
    kept = ops.convert_to_numpy(model.kept(ids, training=True))
    assert 0.35 < kept.mean() < 0.65
    assert ops.convert_to_numpy(model.kept(ids)).all()
    np.testing.assert_array_equal(logits(model, ids), logits(model, ids))


def test_every_setting_survives_saving(small, tmp_path):
    model = small(**NETWORKS["on a language model"], token_dropout=0.3, dropout=0.2)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    ids = tokens(2, 15)
    np.testing.assert_array_equal(logits(loaded, ids), logits(model, ids))


def test_layers_can_be_exchanged_for_those_of_keras(small, monkeypatch):
    ours = small()
    for name, kind in (("lstm", keras.layers.LSTM),):
        monkeypatch.setitem(networks.CELLS, name, kind)
    theirs = small()
    ids = tokens(3, 17)
    ids[0, :4] = 0
    np.testing.assert_allclose(logits(ours, ids[:, :6], ids[:, 6:]), logits(theirs, ids[:, :6], ids[:, 6:]), atol=1e-5)


def test_loss_of_ordered_classes_grows_with_the_distance():
    loss = OrderedCrossentropy()
    truth = np.eye(4, dtype="float32")[[0]]
    # The same probability of the true class; the rest is near, or far.
    near, far = np.log([[0.4, 0.5, 0.05, 0.05]]), np.log([[0.4, 0.05, 0.05, 0.5]])
    assert float(loss(truth, far)) > float(loss(truth, near)) + 0.3
    cumulative = np.cumsum([0.4, 0.5, 0.05, 0.05]) - np.ones(4)
    np.testing.assert_allclose(float(loss(truth, near)), -np.log(0.4) + np.sum(cumulative**2), rtol=1e-5)
    assert float(loss(truth, 30 * truth)) < 1e-6
    assert OrderedCrossentropy.from_config(OrderedCrossentropy(0.1).get_config()).label_smoothing == 0.1


def test_learns_eight_documents_by_heart():
    keras.utils.set_random_seed(0)
    model = networks.build_model(Config(units=8, dropout=0.0, token_dropout=0.0), 50, [0.25] * 4)
    ids, labels = tokens(8, 12), np.arange(8) % 4
    model.compile(keras.optimizers.Adam(0.02), keras.losses.CategoricalCrossentropy(from_logits=True))
    first = model.evaluate({"tokens": ids}, np.eye(4)[labels], verbose=0)
    assert abs(first - np.log(4)) < 0.1
    model.fit({"tokens": ids}, np.eye(4)[labels], epochs=60, verbose=0)
    assert np.array_equal(logits(model, ids).argmax(axis=1), labels)
