"""Graphs that contain the layers: their kernels and their static shapes."""

import concurrent.futures
import subprocess
import sys

import keras
import numpy as np
import pytest

import layers
from tests.conftest import ROOT
from tests.layers.families import BATCH, FAMILIES, FEATURES, MASKS, TIME, UNITS, assert_equal, quick_families

BACKEND = keras.backend.backend()
# Models that ignore a mask or an output are meant to.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*will therefore destroy the mask:UserWarning"),
    pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning"),
]
only_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow only")


@only_tensorflow
def test_only_graphs_of_keras_loops_take_the_compiled_kernel(kernels_run, sequences, tmp_path):
    import tensorflow as tf

    model = keras.Sequential([keras.Input((None, FEATURES)), layers.LSTM(UNITS)])
    model.compile("sgd", "mse")
    targets = np.zeros((BATCH, UNITS), "float32")
    for run in (
        lambda: model.fit(sequences, targets, verbose=0),
        lambda: model.evaluate(sequences, targets, verbose=0),
        lambda: model.predict(sequences, verbose=0),
        lambda: model.train_on_batch(sequences, targets),
        lambda: model.test_on_batch(sequences, targets),
        lambda: model.predict_on_batch(sequences),
    ):
        kernels_run.clear()
        run()
        assert "compiled" in kernels_run
    for kernel, run in (
        ("graph", lambda: model.export(tmp_path / "model", verbose=False)),
        ("graph", lambda: tf.function(model)(sequences)),
        ("portable", lambda: tf.function(lambda: model(sequences, training=True))()),
        ("portable", lambda: tf.function(lambda: tf.function(lambda: model(sequences, training=True))())()),
        ("graph", lambda: list(tf.data.Dataset.from_tensors(sequences).map(model))),
    ):
        kernels_run.clear()
        run()
        assert kernels_run and set(kernels_run) == {kernel}
    kernels_run.clear()
    with layers.use_kernel("compiled"):
        tf.function(model)(sequences)
    assert set(kernels_run) == {"compiled"}


def assert_contains_no_xla(folder):
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    assert len(functions) > 3
    for function in functions:
        nodes = [function.attr, *(node.attr for node in function.node_def)]
        assert not any(attributes["_XlaMustCompile"].b for attributes in nodes if "_XlaMustCompile" in attributes)


@quick_families("LSTM")
@only_tensorflow
@pytest.mark.parametrize("wrapper", [lambda layer: layer, keras.layers.Bidirectional])
def test_exported_model_contains_no_xla(family, sequences, tmp_path, wrapper):
    import tensorflow as tf

    model = keras.Sequential([keras.Input((None, FEATURES)), wrapper(family.make(UNITS))])
    model.compile("sgd", "mse")
    model.fit(sequences, np.zeros((BATCH, model.output_shape[-1])), verbose=0)
    model.predict(sequences, verbose=0)
    model.export(tmp_path / "exported", verbose=False)
    tf.saved_model.save(model, tmp_path / "saved")
    for folder in ("exported", "saved"):
        assert_contains_no_xla(tmp_path / folder)
    loaded = tf.saved_model.load(tmp_path / "exported")
    assert_equal(loaded.serve(sequences), model(sequences))


@quick_families("LSTM")
@only_tensorflow
def test_saved_training_step_contains_no_xla(family, sequences, tmp_path):
    """Models for on-device training are saved like this."""
    import tensorflow as tf

    class Learner(tf.Module):
        def __init__(self):
            self.layer = family.make(UNITS)
            self.layer.build(sequences.shape)
            self.weights = [weight.value for weight in self.layer.trainable_weights]

        @tf.function(input_signature=[tf.TensorSpec((None, TIME, FEATURES))])
        def train(self, inputs):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(self.layer(inputs, training=True) ** 2)
            for weight, gradient in zip(self.weights, tape.gradient(loss, self.weights), strict=True):
                weight.assign_sub(0.1 * gradient)
            return loss

    learner = Learner()
    tf.saved_model.save(learner, tmp_path / "learner")
    assert_contains_no_xla(tmp_path / "learner")
    loaded = tf.saved_model.load(tmp_path / "learner")
    losses = [float(loaded.train(sequences)) for _ in range(5)]
    assert losses[-1] < losses[0]


@only_tensorflow
@pytest.mark.filterwarnings("ignore")
def test_onnx_model_gives_the_same_outputs(generator, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    inputs = keras.Input((None, FEATURES))
    hidden = layers.LSTM(UNITS, return_sequences=True)(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, layers.GRU(UNITS, return_sequences=True)(hidden))
    model(np.zeros((1, TIME, FEATURES), "float32"))
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for batch, time in ((1, 8), (3, 21)):
        sequences = generator.normal(size=(batch, time, FEATURES)).astype("float32")
        sequences[:, time // 2] = 0
        (outputs,) = session.run(None, {session.get_inputs()[0].name: sequences})
        assert_equal(outputs, model.predict(sequences, verbose=0))


DEBUGGING = """
import os, sys, tempfile
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np, tensorflow as tf
import layers
sequences, targets = np.ones((4, 6, 3), "float32"), np.ones((4, 1), "float32")
def run(kind):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((None, 3)), kind(5), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    loss = model.fit(sequences, targets, verbose=0).history["loss"][0]
    return [loss, *model.predict(sequences, verbose=0).ravel()[:2], *model(sequences).numpy().ravel()[:2]]
names = sys.argv[2:]
before = [run(getattr(layers, name)) for name in names]
if sys.argv[1] == "check":
    tf.debugging.enable_check_numerics()
else:
    tf.debugging.experimental.enable_dump_debug_info(tempfile.mkdtemp(), "FULL_HEALTH")
for name, expected in zip(names, before):
    np.testing.assert_allclose(run(getattr(layers, name)), expected, rtol=1e-4)
    print(layers.which_kernel(getattr(layers, name)(3)).kernel)
try:
    with layers.use_kernel("compiled"):
        layers.LSTM(3)(sequences)
except ValueError as error:
    print(error)
"""


@only_tensorflow
@pytest.mark.parametrize("mode", ["check", pytest.param("dump", marks=pytest.mark.slow)])
def test_numeric_debugging_takes_the_portable_kernel(mode):
    names = ["LSTM"] if mode == "check" else ["SimpleRNN", "GRU", "LSTM"]
    command = [sys.executable, "-c", DEBUGGING, mode, *names]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[: len(names)] == ["portable"] * len(names)
    assert "numeric debugging" in result.stdout


def test_forced_kernel_applies_to_threads_that_force_none(family):
    layer = family.make(UNITS)

    def kernel():
        return layers.which_kernel(layer).kernel

    def forced_kernel():
        with layers.use_kernel("compiled"):
            return kernel()

    has_compiled = BACKEND in ("tensorflow", "jax")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        default = kernel()
        assert pool.submit(kernel).result() == default
        with layers.use_kernel("portable"):
            assert pool.submit(kernel).result() == "portable"
            if has_compiled:
                assert pool.submit(forced_kernel).result() == "compiled"
            assert kernel() == "portable"
        assert kernel() == pool.submit(kernel).result() == default


@only_tensorflow
def test_forced_kernel_applies_to_replicas_of_a_strategy(kernels_run, sequences):
    import tensorflow as tf

    devices = ["CPU:0", "CPU:0"]
    strategy = tf.distribute.MirroredStrategy(devices[:1])
    with strategy.scope():
        layer = layers.LSTM(UNITS)
        layer.build(sequences.shape)
    for kernel in ("portable", "compiled"):
        kernels_run.clear()
        with layers.use_kernel(kernel):
            strategy.run(tf.function(lambda: layer(sequences)))
        assert set(kernels_run) == {kernel}


class Shapes(keras.layers.Layer):
    """Records the static shapes of its inputs."""

    def __init__(self):
        super().__init__()
        self.recorded = []

    def call(self, *tensors):
        self.recorded.append([tuple(tensor.shape) for tensor in tensors])
        return tensors[0]


@only_tensorflow
@pytest.mark.parametrize(
    "batch,time,masked,backwards",
    [
        (None, 7, False, False),
        (4, None, True, True),
        pytest.param(4, 300, True, False, marks=pytest.mark.slow),
        (None, None, False, True),
    ],
)
def test_static_shapes_are_known_as_with_keras(generator, batch, time, masked, backwards):
    sequences = generator.normal(size=(4, time or 5, FEATURES)).astype("float32")
    options = {"return_sequences": True, "return_state": True, "go_backwards": backwards}
    recorded = []
    for kind in ("ours", "theirs"):
        inputs = keras.Input(batch_shape=(batch, time, FEATURES))
        masked_inputs = keras.layers.Masking()(inputs) if masked else inputs
        shapes, results = Shapes(), []
        for family in FAMILIES:
            recurrent = getattr(family, kind)
            outputs = recurrent(UNITS, **family.options, **options)(masked_inputs)
            results += [*outputs, recurrent(UNITS, **family.options)(outputs[0])]
        model = keras.Model(inputs, shapes(*results))
        model.compile("sgd", "mse")
        shapes.recorded.clear()
        batch_size = 2 if batch is None else batch
        model.fit(sequences, np.zeros((4, time or 5, UNITS)), batch_size=batch_size, verbose=0)
        model.predict(sequences, batch_size=batch_size, verbose=0)
        recorded.append(shapes.recorded)
    assert len(recorded[0]) == len(recorded[1]) >= 2
    for ours, theirs in zip(*recorded, strict=True):
        assert len(ours) == 13
        # Our layers may know more than Keras'.
        for one, other in zip(ours, theirs, strict=True):
            assert len(one) == len(other)
            assert all(b is None or a == b for a, b in zip(one, other, strict=True)), (one, other)


def test_masks_of_any_dtype_and_shape_give_equal_outputs(family, sequences):
    layer = family.make(UNITS, return_sequences=True)
    expected = layer(sequences, mask=MASKS["holes"])
    for mask in (MASKS["holes"].astype(dtype) for dtype in ("int32", "uint8", "float32")):
        assert_equal(layer(sequences, mask=mask), expected)
    assert_equal(layer(sequences, mask=MASKS["holes"][:, :, None]), expected)
    assert_equal(layer(sequences, mask=[MASKS["holes"]]), expected)
    one = np.repeat(MASKS["holes"][:1], BATCH, axis=0)
    assert_equal(layer(sequences, mask=one[:1]), layer(sequences, mask=one))
