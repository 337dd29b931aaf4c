"""A SavedModel is written whole, and one that cannot be written leaves the one before."""

import os
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.common import exports
from apps.common.cli import UserError
from tests.conftest import unchanged

INPUTS = [tf.TensorSpec([None], tf.float32, "x")]


def test_written_model_answers_and_is_replaced_by_the_next(tmp_path):
    variable = tf.Variable(3.0)
    held = tf.Module()
    held.variable = variable
    for factor in (1.0, 2.0):
        folder = exports.write_saved_model(tmp_path, lambda x, f=factor: {"y": f * variable * x}, INPUTS, [held])
        assert folder == tmp_path / "export" / "1"
        answer = tf.saved_model.load(str(folder)).signatures["serving_default"](x=tf.constant([2.0]))
        assert answer["y"].numpy().tolist() == [6 * factor]
    assert [path.name for path in (tmp_path / "export").iterdir()] == ["1"]


def test_further_signatures_answer_beside_the_first(tmp_path):
    texts = [tf.TensorSpec([], tf.string, "text")]
    more = {"lengths": (lambda text: {"length": tf.strings.length(text)}, texts)}
    folder = exports.write_saved_model(tmp_path, lambda x: {"y": -x}, INPUTS, more=more)
    signatures = tf.saved_model.load(str(folder)).signatures
    assert signatures["serving_default"](x=tf.constant([2.0]))["y"].numpy() == [-2]
    assert signatures["lengths"](text=tf.constant("four"))["length"].numpy() == 4


def test_failure_leaves_the_model_before(tmp_path, monkeypatch):
    exports.write_saved_model(tmp_path, lambda x: {"y": x}, INPUTS)

    def fail(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "no room")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with unchanged(tmp_path), pytest.raises(UserError, match=r"export/1: cannot be written \(no room"):
        exports.write_saved_model(tmp_path, lambda x: {"y": x}, INPUTS)


def test_other_backends_leave_it_to_a_process_with_tensorflow(monkeypatch):
    assert whose() == ("tensorflow", os.getpid())
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    backend, process = whose()
    assert backend == "tensorflow" and process != os.getpid()
    assert os.environ["KERAS_BACKEND"] == "jax"
    with pytest.raises(UserError, match="no such run"):
        whose("no such run")


@exports.by_tensorflow
def whose(refusal=None):
    if refusal:
        raise UserError(refusal)
    return keras.backend.backend(), os.getpid()


SPECS = {"x": tf.TensorSpec([None], tf.float32), "n": tf.TensorSpec([None], tf.int64)}
EXAMPLE = {"x": np.array([1.0, -2.0], "float32"), "n": np.array([3, 4])}


def test_onnx_answers_as_tensorflow_does(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    factor = tf.Variable(3.0)
    file = exports.write_onnx(tmp_path, lambda given: {"y": factor * given["x"], "m": given["n"] + 1}, SPECS, EXAMPLE)
    assert file == tmp_path / "export" / "model.onnx"
    session = onnxruntime.InferenceSession(str(file))
    y, m = session.run(["y", "m"], {"x": np.array([5], "float32"), "n": np.array([6])})
    assert (y.tolist(), m.tolist()) == ([15], [7])


def test_onnx_that_cannot_be_is_refused_and_leaves_what_was(tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    exports.write_onnx(tmp_path, lambda given: {"y": given["x"]}, SPECS, EXAMPLE)
    for answer, words in (
        (lambda given: {"y": tf.math.bessel_i0(given["x"])}, "cannot be converted to ONNX"),
        (lambda given: {"y": given["x"] + float(tf.inside_function())}, "differs from TensorFlow's"),
    ):
        with unchanged(tmp_path), pytest.raises(UserError, match=rf"model\.onnx: not written, .*{words}"):
            exports.write_onnx(tmp_path, answer, SPECS, EXAMPLE)


def test_onnx_without_its_packages_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(UserError, match="pip install tf2onnx onnxruntime"):
        exports.write_onnx(tmp_path, lambda given: given, SPECS, EXAMPLE)
