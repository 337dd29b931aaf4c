"""The network: padding, what its memory did, learning, saving."""

import keras
import numpy as np
import pytest
from keras import ops

from apps.question_answerer.config import Config
from apps.question_answerer.fit import compile_model
from apps.question_answerer.memory_pictures import temporal_links, written_by
from apps.question_answerer.model import build_model, load_model

NETWORKS = ["lstm", "gru", "dnc"]


def inputs_of(rows=3, sentences=5, seed=1):
    draw = np.random.default_rng(seed)
    return {"story": draw.integers(1, 20, (rows, sentences, 4)), "question": draw.integers(1, 20, (rows, 4))}


@pytest.mark.parametrize("network", NETWORKS)
def test_padding_before_the_story_changes_nothing(small, network):
    model, inputs = small(model=network), inputs_of()
    logits = np.asarray(model(inputs))
    padded = np.concatenate([np.zeros((3, 4, 4), int), inputs["story"]], axis=1)
    np.testing.assert_allclose(model({**inputs, "story": padded}), logits, atol=1e-5)
    np.testing.assert_allclose(model.read({**inputs, "story": padded})["logits"], logits, atol=1e-5)
    # Padding behind the words of a sentence, too.
    narrow = {name: value[..., :3] for name, value in inputs.items()}
    wider = {name: np.pad(value, [(0, 0)] * (value.ndim - 1) + [(0, 1)]) for name, value in narrow.items()}
    np.testing.assert_allclose(model(wider), model(narrow), atol=1e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_order_of_sentences_and_of_words_matters(small, network):
    model, inputs = small(model=network), inputs_of()
    logits = np.asarray(model(inputs))
    assert np.abs(logits - model({**inputs, "story": inputs["story"][:, ::-1]})).max() > 1e-3
    assert np.abs(logits - model({**inputs, "question": inputs["question"][:, ::-1]})).max() > 1e-3


def test_weights_of_slots_are_those_of_the_layer(small):
    model, inputs = small(), inputs_of()
    found = {name: np.asarray(value) for name, value in model.read(inputs).items()}
    assert found["write_weighting"].shape == (3, 5 + 4, 7) and found["read_weightings"].shape == (3, 9, 2, 7)
    steps, mask = model.steps(inputs)
    layer = model.recurrent
    layer.return_state = True
    _, *states = layer(steps, mask=mask)
    states = layer.unpack_states(states)
    for row in range(3):
        links = temporal_links(found["write_weighting"][row])
        np.testing.assert_allclose(links, states["links"][row], atol=1e-5)
    np.testing.assert_allclose(found["memory"][:, -1], states["memory"], atol=1e-5)


def test_sentences_read_follow_the_writes(small):
    model, inputs = small(), inputs_of()
    trace = model.read(inputs)
    found = np.asarray(model.sentences_read(trace))
    assert found.shape == (3, 4, 5)
    written, read = np.asarray(trace["write_weighting"]), np.asarray(trace["read_weightings"]).mean(axis=2)
    for row in range(3):
        for step in range(4):
            left = written_by(written[row, : 5 + step + 1], 5)
            np.testing.assert_allclose(found[row, step], left @ read[row, 5 + step], atol=1e-5)
    assert (found >= 0).all() and (found.sum(axis=-1) <= 1 + 1e-5).all()


def test_memory_starts_by_writing_each_sentence_into_a_free_slot():
    keras.utils.set_random_seed(0)
    model = build_model(Config(), 20, 5, max_words=4, max_age=6)
    written = np.asarray(model.read(inputs_of())["write_weighting"])
    for row in written:
        slots = row[:5].argmax(axis=-1)
        assert len(set(slots.tolist())) == 5 and (row[:5].max(axis=-1) > 0.5).all()
    bias = np.asarray(model.recurrent.cell.interface_bias)
    # The write gate and the allocation gate, and the free gates of two heads.
    assert (bias == 2).sum() == 2 and (bias == -2).sum() == 2 and (bias != 0).sum() == 4


@pytest.mark.parametrize(("network", "controller"), [("gru", "dense"), ("dnc", "dense"), ("dnc", "lstm")])
def test_network_learns_eight_questions(network, controller):
    keras.utils.set_random_seed(0)
    config = Config(model=network, controller=controller, units=24, embedding_dim=16, memory_slots=6, slot_size=8,
                    dropout=0.0, learning_rate=0.01, epochs=1)  # fmt: skip
    model, inputs = build_model(config, 20, 5, max_words=4, max_age=6), inputs_of(8, 3)
    labels = np.arange(8) % 5
    compile_model(model, config, 150)
    first = model.evaluate(inputs, labels, batch_size=8, verbose=0)[0]
    assert abs(first - np.log(5)) < 0.5
    dataset = [inputs, labels]
    model.fit(*dataset, batch_size=8, epochs=100, verbose=0)
    loss, accuracy = model.evaluate(*dataset, batch_size=8, verbose=0)
    assert accuracy == 1 and loss < 0.5


def test_saved_network_answers_the_same(small, tmp_path):
    model = small(controller="lstm", thinking_steps=2, read_heads=3)
    model.save(tmp_path / "model.keras")
    restored = load_model(tmp_path / "model.keras")
    assert restored.get_config() == model.get_config()
    inputs = inputs_of()
    np.testing.assert_allclose(ops.convert_to_numpy(restored(inputs)), ops.convert_to_numpy(model(inputs)), atol=1e-6)
