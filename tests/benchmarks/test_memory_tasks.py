"""The algorithmic tasks' sequences against hand-written expectations, and tiny runs of each part."""

import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import memory_tasks, results
from benchmarks import memory_tasks_data as data
from benchmarks import memory_tasks_hopfield as hopfield
from benchmarks import memory_tasks_training as training
from tests.conftest import ROOT, assert_refused, run_module

JAX = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}


class Given:
    """A generator that returns given arrays in turn."""

    def __init__(self, *values):
        self.values = list(values)

    def integers(self, low, high, shape):
        value = np.broadcast_to(np.array(self.values.pop(0)), shape)
        assert value.min() >= low and value.max() < high
        return value

    def uniform(self, low, high, shape):
        return np.broadcast_to(np.array(self.values.pop(0)), shape)


A, B, C = np.eye(8, dtype=int)[[0, 1, 2]]
BLANK = np.zeros(8, int)


def rows(*parts):
    """Return a float array with one row for each part, a list of numbers or of arrays to concatenate."""
    return np.array([np.concatenate([np.atleast_1d(piece) for piece in part]) for part in parts], "float32")


def test_copy_asks_for_the_vectors_after_their_end():
    inputs, targets, weights = data.copy(Given([[A, B]]), 1, 2)
    np.testing.assert_array_equal(inputs[0], rows([A, 0], [B, 0], [BLANK, 1], [BLANK, 0], [BLANK, 0]))
    np.testing.assert_array_equal(targets[0], rows([BLANK], [BLANK], [BLANK], [A], [B]))
    np.testing.assert_array_equal(weights, [[0, 0, 0, 1, 1]])


def test_repeat_copy_asks_for_the_vectors_and_a_marker_and_for_nothing_after_it():
    inputs, targets, weights = data.repeat_copy(Given([[A, B]], [2]), 1, 2)
    blank = [BLANK, 0, 0]
    np.testing.assert_allclose(inputs[0], rows([A, 0, 0], [B, 0, 0], [BLANK, 1, 2 / 4], *[blank] * 9))
    answers = [[A, 0], [B, 0], [A, 0], [B, 0], [BLANK, 1]]
    nothing = [BLANK, 0]
    np.testing.assert_array_equal(targets[0], rows(*[nothing] * 3, *answers, *[nothing] * 4))
    np.testing.assert_array_equal(weights, [[0] * 3 + [1] * 5 + [0] * 4])


def test_associative_recall_asks_for_the_item_after_the_shown_one():
    vectors = np.eye(6, dtype=int)
    first, second, third = vectors[:3], vectors[3:], vectors[[5, 0, 2]]
    listed = np.concatenate([first, second, third])[None]
    inputs, targets, weights = data.associative_recall(Given(listed, [1]), 1, 3)
    none = np.zeros(6, int)
    items = [[[none, 1, 0], *([vector, 0, 0] for vector in item)] for item in (first, second, third)]
    query = [[none, 0, 1], *([vector, 0, 0] for vector in second), [none, 0, 1]]
    np.testing.assert_array_equal(inputs[0], rows(*itertools.chain(*items), *query, *[[none, 0, 0]] * 3))
    np.testing.assert_array_equal(targets[0], np.concatenate([np.zeros((17, 6)), third]))
    np.testing.assert_array_equal(weights, [[0] * 17 + [1] * 3])


def test_priority_sort_asks_for_four_fifths_by_falling_priority():
    vectors = np.eye(8, dtype=int)[:5]
    priorities = [0.1, -0.9, 0.8, -0.2, 0.4]
    inputs, targets, weights = data.priority_sort(Given(vectors[None], [priorities]), 1, 5)
    given = [[vector, priority, 0] for vector, priority in zip(vectors, priorities, strict=True)]
    np.testing.assert_allclose(inputs[0], rows(*given, [BLANK, 0, 1], *[[BLANK, 0, 0]] * 4))
    np.testing.assert_array_equal(targets[0], rows(*[[BLANK]] * 6, *([vectors[index]] for index in (2, 4, 0, 3))))
    np.testing.assert_array_equal(weights, [[0] * 6 + [1] * 4])


@pytest.mark.parametrize("name", data.TASKS)
def test_padding_of_training_sequences_has_no_weight(name):
    task = data.TASKS[name]
    inputs, targets, weights = data.training_sequences(task, np.random.default_rng(0), 50)
    longest = task.make(np.random.default_rng(0), 1, task.lengths[1])
    assert [each.shape[1:] for each in (inputs, targets, weights)] == [each.shape[1:] for each in longest]
    assert inputs.shape[2] == task.features and targets.shape[2] == task.bits
    ends = weights.shape[1] - np.argmax(weights[:, ::-1], axis=1)
    assert len(set(ends)) > 2
    for row, end in enumerate(ends):
        assert weights[row].max() == 1 and not inputs[row, end:].any() and not targets[row, end:].any()


def test_bit_error_counts_only_bits_asked_for():
    logits, targets = np.array([[[3.0, -1.0], [2.0, 2.0]]]), np.array([[[1.0, 1.0], [0.0, 0.0]]])
    assert data.bit_error(logits, targets, np.array([[1.0, 0.0]])) == 0.5


def test_copy_memory_asks_for_the_symbols_after_the_delimiter():
    symbols = np.arange(10) % 8
    sequences, targets = data.copy_memory(Given(symbols), 1, 3)
    np.testing.assert_array_equal(sequences.argmax(-1)[0], [*symbols, 8, 8, 9, *[8] * 10])
    np.testing.assert_array_equal(sequences.sum(-1), np.ones((1, 23)))
    np.testing.assert_array_equal(targets[0], [*[8] * 13, *symbols])


WITHOUT_TENSORFLOW = """
import json, sys
sys.modules["tensorflow"] = None
from benchmarks import memory_tasks_training
memory_tasks_training.main(["train", json.dumps({arguments})])
"""


def test_training_needs_no_tensorflow(tmp_path):
    arguments = {"task": "copy", "network": "LSTM", "seed": 0, "steps": 3, "minutes": 1.0, "folder": str(tmp_path)}
    code = WITHOUT_TENSORFLOW.format(arguments=arguments)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | JAX, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["steps"] == 3 and found["solved_at"] is None
    assert list(found["errors"]) == ["20", "40", "80"]
    assert all(0.3 < error < 0.7 for error in found["errors"].values())
    curve = np.load(tmp_path / "copy-LSTM-0.npz")["curve"]
    assert curve.shape == (1, 4) and curve[0, 0] == 3


def test_training_is_solved_at_the_first_of_checks_in_a_row():
    errors = (0.5, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5)
    curve = [(step, 0.0, 0.0, error) for step, error in enumerate(errors, 1)]
    assert training.PATIENCE == 3
    assert [training.solved_at(curve[:count]) for count in (0, 3, 6, 7, 8)] == [None, None, None, 5, 5]


def test_long_problem_is_given_up_after_minutes():
    options = {"problem": "copy memory", "layer": "LSTM, chrono start", "seed": 0, "minutes": 0.0, "length": 5}
    done = run_module("benchmarks.memory_tasks_training", "long", json.dumps(options), env=os.environ | JAX)
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["sequences"] == 6400 and 0 < last["wrong"] < 1


def test_memory_grows_with_the_length_and_keeps_the_weights():
    short = training.build_model("associative_recall", "NTM", 2)
    long = training.build_model("associative_recall", "NTM", 4, short)
    assert [model.layers[0].memory_slots for model in (short, long)] == [8 + training.SPARE, 16 + training.SPARE]
    for weights in zip(short.get_weights(), long.get_weights(), strict=True):
        np.testing.assert_array_equal(*weights)


def test_finished_trainings_are_not_repeated_and_tabulated(tmp_path, monkeypatch):
    for module in (memory_tasks, results):
        monkeypatch.setattr(module, "FOLDER", tmp_path / "results")
    model, found = training.build_model("copy", "DNC", 20), {}
    machine = {"cores": 1, "cpu": "a", "jax": "1", "device": "cpu"}
    for seed, error in ((0, 0.5), (1, 0.0), (2, 0.25)):
        weights = {f"weight_{index}": weight for index, weight in enumerate(model.get_weights())}
        np.savez(tmp_path / f"copy-DNC-{seed}.npz", curve=np.array([[200, 1.0, 0.1, error]]), **weights)
        found["copy", "DNC", seed] = {
            "solved_at": 100 if error == 0 else None,
            "steps": 200,
            "seconds": 1.0,
            "compile_seconds": 1.0,
            "errors": {"20": error, "40": 0.5, "80": 0.5},
            "weights": 1234,
            "machine": machine,
        }
        path = tmp_path / f"jax-train-copy-DNC-{seed}.json"
        path.write_text(json.dumps(found["copy", "DNC", seed]))
    memory_tasks.memory_tasks(parts=("algorithmic",), tasks=("copy",), models=("DNC",), folder=tmp_path)
    (row,) = json.loads((tmp_path / "results" / "memory_tasks.json").read_text())["rows"]
    assert (row["solved"], row["sequences until solved"], row["length"]) == ("1 of 3", "1,600", "20")
    assert (row["bit error"], row["at 2x"]) == ("0.2500 (0.5000)", "0.5000 (0.5000)")
    assert {path.name for path in (tmp_path / "results").glob("*.png")} == {"memory_tasks.png", "memory_tasks_copy.png"}


def test_unknown_part_is_refused(capsys):
    assert_refused(capsys, memory_tasks.memory_tasks, ["--parts", "hopfeld"], "--parts hopfeld", "hopfield")


def test_hebbian_storage_recalls_few_patterns_and_the_pseudo_inverse_many():
    assert hopfield.recalled("hebbian", 60, 0.05, 0.1, (0, 1)) > 0.9
    assert hopfield.recalled("hebbian", 60, 0.5, 0.1, (0, 1)) < 0.1
    assert hopfield.recalled("pseudo_inverse", 60, 0.5, 0.0, (0, 1)) == 1


def test_continuous_network_stores_more_patterns_in_more_dimensions():
    few, many = (hopfield.stored_patterns(size, (0,), 256, 64)[0] for size in (8, 14))
    assert 1 <= few < 14 < many <= 256


def test_results_of_hopfield_networks_are_written(tmp_path, monkeypatch):
    for module in (hopfield, results):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    hopfield.hopfield(units=(20,), dimensions=(6, 8), seeds=(0,), most_patterns=32)
    assert len(json.loads((tmp_path / "hopfield_binary.json").read_text())["rows"]) == 4
    assert len(json.loads((tmp_path / "hopfield_continuous.json").read_text())["rows"]) == 2
    assert (tmp_path / "hopfield_capacity.png").exists()


def test_steps_a_second_are_measured_for_the_same_network():
    found = training.steps(jit_compile=False, length=2, seconds=0.0)
    assert sorted(found) == ["keras", "ours"] and all(value > 0 for value in found.values())
