"""Conversion of models from Keras' layers to ours and back, including their state."""

import functools
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

import layers
from tests.conftest import clean_environment
from tests.layers.families import BATCH, FEATURES, TIME, assert_equal, random_weights

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
# Models that ignore a mask, and a layer without `build`, are meant to.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*will therefore destroy the mask:UserWarning"),
    pytest.mark.filterwarnings("ignore:`build\\(\\)` was called on layer:UserWarning"),
]


def make_model():
    """Build a model with shared, nested, wrapped, stacked and masked layers."""
    tokens = keras.Input((7,), dtype="int32")
    other = keras.Input((7,), dtype="int32")
    embedding = keras.layers.Embedding(20, 6, mask_zero=True)
    shared = keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True, unit_forget_bias=False))
    nested = keras.Sequential(
        [keras.Input((7, 8)), keras.layers.GRU(5, return_sequences=True), keras.layers.SimpleRNN(3)]
    )
    stacked = keras.layers.RNN([keras.layers.LSTMCell(3), keras.layers.GRUCell(2, reset_after=False)])
    one, two = shared(embedding(tokens)), shared(embedding(other))
    outputs = keras.layers.Concatenate()([nested(one), stacked(two), keras.layers.GRU(2, go_backwards=True)(one)])
    return keras.Model([tokens, other], keras.layers.Dense(2)(outputs), name="everything")


def recurrent_classes(model):
    """List the packages and class names of all recurrent layers and cells in a model."""
    classes = []

    def visit(node):
        if isinstance(node, dict):
            if str(node.get("class_name", "")).replace("Cell", "") in ("SimpleRNN", "LSTM", "GRU"):
                classes.append((node["module"].split(".")[0], node["class_name"]))
            for value in node.values():
                visit(value)
        elif isinstance(node, (list, tuple)):
            for value in node:
                visit(value)

    visit(keras.saving.serialize_keras_object(model))
    return classes


def stack(*parts, optimizer=None, loss="mse", **arguments):
    """Build a model of these layers, and compile it if an optimizer is passed."""
    model = keras.Sequential([keras.Input((TIME, FEATURES)), *parts, keras.layers.Dense(2)])
    if optimizer is not None:
        model.compile(optimizer, loss, **{"run_eagerly": ON_TENSORFLOW, **arguments})
    return model


def convert_both_ways(model):
    """Return the model converted to our layers, and that model converted back to Keras'."""
    ours = layers.from_keras(model)
    return ours, layers.to_keras(ours)


def assert_same_training(model, *others, sequences, targets):
    """Train all models; assert that losses, weights and optimizer variables stay equal."""
    for _ in range(2):
        losses = [one.train_on_batch(sequences, targets) for one in (model, *others)]
    for other, loss in zip(others, losses[1:], strict=True):
        np.testing.assert_allclose(loss, losses[0], rtol=1e-4)
        assert len(other.optimizer.variables) == len(model.optimizer.variables) > 1
        for ours, theirs in zip(
            [*other.variables, *other.optimizer.variables], [*model.variables, *model.optimizer.variables], strict=True
        ):
            assert_equal(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    tokens = generator.integers(1, 20, size=(2, 5, 7)).astype("int32")
    tokens[:, :, 4:] *= generator.integers(0, 2, size=(2, 5, 3)).astype("int32")
    return list(tokens)


@pytest.fixture
def targets(generator):
    return generator.normal(size=(BATCH, 2)).astype("float32")


def test_model_round_trip_gives_equal_outputs(data):
    model = make_model()
    model.set_weights(random_weights(model, np.random.default_rng(1)))
    expected = model.predict(data, verbose=0)
    ours = layers.from_keras(model)
    assert len(recurrent_classes(ours)) == len(recurrent_classes(model)) >= 7
    assert {package for package, _ in recurrent_classes(model)} == {"keras"}
    assert {package for package, _ in recurrent_classes(ours)} == {"layers"}
    assert_equal(ours.predict(data, verbose=0), expected)
    back = layers.to_keras(ours)
    assert recurrent_classes(back) == recurrent_classes(model)
    assert_equal(back.predict(data, verbose=0), expected)


def test_shared_layer_stays_shared():
    model = make_model()
    ours = layers.from_keras(model)
    assert len(ours.weights) == len(model.weights)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in model.layers]


def test_single_layer_is_converted(sequences):
    theirs = keras.layers.LSTM(3, return_sequences=True)
    expected = theirs(sequences)
    ours = layers.from_keras(theirs)
    assert type(ours) is layers.LSTM
    assert_equal(ours(sequences), expected)


NUMBERS = np.array([[1.0], [2.0], [4.0], [9.0], [3.0], [2.5]], "float32")
WORDS = np.array([["the cat"], ["the dog saw the cat"], ["a bird"]])
LINES = np.array([["line\nbreak"], ["line"], ["\u2028"], ["line"], ["trailing "]])
PREPROCESSING = {
    "Normalization": ([{}, {"axis": None}], NUMBERS),
    # Passes even if only weights are copied, because the boundaries are in the configuration.
    "Discretization": ([{"num_bins": 3}, {"num_bins": 3, "output_mode": "one_hot"}], NUMBERS),
    "IntegerLookup": ([{}, {"output_mode": "multi_hot"}, {"output_mode": "tf_idf"}], np.array([[5], [7], [5]])),
    "StringLookup": ([{}, {"output_mode": "tf_idf"}, {"num_oov_indices": 2}], LINES),
    "TextVectorization": ([{}, {"output_mode": "tf_idf"}, {"ngrams": 2}], WORDS),
}
PREPROCESSING_CASES = [(name, case) for name, (cases, _) in PREPROCESSING.items() for case in cases]


def test_every_layer_that_adapts_is_tested():
    names = {name for name in dir(keras.layers) if hasattr(getattr(keras.layers, name), "adapt")}
    assert names == PREPROCESSING.keys()
    assert len(names) == 5


@pytest.mark.parametrize(("name", "case"), PREPROCESSING_CASES)
@pytest.mark.filterwarnings("ignore:(.|\\n)*Explicitly requested dtype int64:UserWarning")  # Keras on JAX
def test_adapted_preprocessing_is_copied(name, case):
    inputs = PREPROCESSING[name][1]
    if inputs.dtype.kind == "U" and not ON_TENSORFLOW:
        pytest.skip("only TensorFlow has strings")
    layer = getattr(keras.layers, name)(**case)
    layer.adapt(inputs)
    data_type = "string" if inputs.dtype.kind == "U" else inputs.dtype.name
    start = keras.Input(inputs.shape[1:], dtype=data_type)
    model = keras.Model(start, layer(start))
    expected = ops.convert_to_numpy(layer(inputs))
    for source in (layer, model):
        for other in convert_both_ways(source):
            assert_equal(other(inputs), expected)
    if hasattr(layer, "get_vocabulary"):
        assert layers.from_keras(layer).get_vocabulary() == layer.get_vocabulary()


@pytest.mark.parametrize(("name", "case"), PREPROCESSING_CASES)
def test_preprocessing_that_has_not_adapted_is_copied(name, case):
    """Complements the test above; passes even if only weights are copied."""
    inputs = PREPROCESSING[name][1]
    if inputs.dtype.kind == "U" and not ON_TENSORFLOW:
        pytest.skip("only TensorFlow has strings")
    if (name, case) == ("TextVectorization", {"output_mode": "tf_idf"}):
        pytest.skip("Keras' configuration fixes the size of the vocabulary")
    layer = getattr(keras.layers, name)(**case)
    other = layers.from_keras(layer)
    for one in (layer, other):
        one.adapt(inputs)
    assert_equal(other(inputs), ops.convert_to_numpy(layer(inputs)))


def test_discretization_continues_to_adapt():
    layer = keras.layers.Discretization(num_bins=3)
    layer.update_state(NUMBERS)
    other = layers.from_keras(layer)
    for one in (layer, other):
        one.update_state(NUMBERS * 10)
        one.finalize_state()
    assert other.bin_boundaries == layer.bin_boundaries


@pytest.mark.skipif(not ON_TENSORFLOW, reason="only TensorFlow has strings")
def test_feature_space_is_copied():
    import tensorflow as tf

    features = {"size": NUMBERS[:3], "name": WORDS}
    space = keras.utils.FeatureSpace({"size": "float_normalized", "name": "string_categorical"}, output_mode="concat")
    space.adapt(tf.data.Dataset.from_tensor_slices(features).batch(2))
    assert_equal(layers.from_keras(space)(features), space(features))


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.layers.LSTM(3, stateful=True),
        lambda: keras.layers.Bidirectional(keras.layers.GRU(3, stateful=True)),
        lambda: keras.layers.RNN([keras.layers.LSTMCell(3), keras.layers.GRUCell(2)], stateful=True),
        lambda: keras.Sequential(
            [keras.Input(batch_shape=(BATCH, TIME, FEATURES)), keras.layers.GRU(3, stateful=True)]
        ),
    ],
)
def test_stateful_layer_continues_from_its_state(make, sequences):
    layer = make()
    first = ops.convert_to_numpy(layer(sequences))
    others = convert_both_ways(layer)
    second = ops.convert_to_numpy(layer(sequences))
    assert np.abs(second - first).max() > 1e-3
    for other in others:
        assert_equal(other(sequences), second)


def test_seeds_are_copied(sequences):
    model = stack(keras.layers.Dropout(0.5), keras.layers.LSTM(3, dropout=0.5), keras.layers.GaussianNoise(0.3))
    first = ops.convert_to_numpy(model(sequences, training=True))
    others = convert_both_ways(model)
    second = ops.convert_to_numpy(model(sequences, training=True))
    assert np.abs(second - first).max() > 1e-3
    for other in others:
        assert_equal(other(sequences, training=True), second)


class Holder(keras.layers.Layer):
    """An unregistered layer that holds layers in a list and in a dictionary, and a metric."""

    def __init__(self, parts, width=2, **kwargs):
        super().__init__(**kwargs)
        self.parts = parts
        self.table = {"dense": keras.layers.Dense(width)}
        self.calls = keras.metrics.Sum()

    def call(self, sequences):
        for part in self.parts:
            sequences = part(sequences)
        return self.table["dense"](sequences)

    def get_config(self):
        return {**super().get_config(), "parts": keras.saving.serialize_keras_object(self.parts)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("parts")), **config)


class Network(keras.Model):
    """An unregistered subclassed model."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.recurrent, self.dense = keras.layers.LSTM(width), keras.layers.Dense(2)

    def call(self, sequences):
        return self.dense(self.recurrent(sequences))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


class Distance(keras.losses.Loss):
    def call(self, targets, outputs):
        return ops.mean(ops.abs(targets - outputs), axis=-1)


class Descent(keras.optimizers.SGD):
    pass


def test_trainable_flags_are_copied(sequences):
    holder = Holder([keras.layers.LSTM(3, return_sequences=True), keras.layers.GRU(3)])
    model = stack(keras.layers.Bidirectional(keras.layers.GRU(2, return_sequences=True)), holder)
    model.layers[0].backward_layer.cell.trainable = False
    holder.trainable = False
    holder.parts[0].trainable = True
    holder.parts[0].cell.bias.trainable = False
    for other in convert_both_ways(model):
        assert [weight.trainable for weight in other.weights] == [weight.trainable for weight in model.weights]
        assert len(other.trainable_weights) == 3 + 2 + 2
        assert not other.layers[0].backward_layer.cell.trainable
        assert other.layers[0].backward_layer.trainable
        assert not other.layers[1].parts[1].trainable


def adamw_with_excluded_biases():
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def multi_optimizer():
    optimizers = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1, momentum=0.5))
    optimizers["kernel"] = keras.optimizers.Adam(0.01)
    return keras.optimizers.MultiOptimizer(optimizers)


OPTIMIZERS = [
    lambda: "adam",
    lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5), momentum=0.9),
    lambda: keras.optimizers.Adam(lambda: 0.01, use_ema=True, gradient_accumulation_steps=2),
    lambda: keras.optimizers.LossScaleOptimizer(Descent(0.1), dynamic_growth_steps=2),
    adamw_with_excluded_biases,
    multi_optimizer,
]


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_training_continues_with_optimizer_state(make, sequences, targets):
    # Without recurrent layers, which would only take time to compile; tests below train them.
    model = stack(keras.layers.Flatten(), keras.layers.Dense(3), optimizer=make())
    for _ in range(3):
        model.train_on_batch(sequences, targets)
    # The last model lacks what either direction loses.
    assert_same_training(model, convert_both_ways(model)[-1], sequences=sequences, targets=targets)


def test_unbuilt_optimizer_is_copied(sequences, targets):
    model = stack(keras.layers.SimpleRNN(3), optimizer="adam")
    model.optimizer.learning_rate = 0.5
    others = convert_both_ways(model)
    # The first step creates its variables; until then `trainable` flags may change.
    assert not any(one.optimizer.built for one in (model, *others))
    assert_same_training(model, others[-1], sequences=sequences, targets=targets)


def test_layer_frozen_after_training_keeps_its_optimizer_state(sequences, targets):
    model = stack(keras.layers.SimpleRNN(3), optimizer="adam")
    model.train_on_batch(sequences, targets)
    model.layers[0].trainable = False
    for other in convert_both_ways(model):
        assert len(other.optimizer.variables) == 2 + 2 * 5
        assert_equal(list(other.optimizer.variables), list(model.optimizer.variables))
    # The unfrozen layer trains again.
    other.layers[0].trainable = True
    other.train_on_batch(sequences, targets)


def test_frozen_cell_stays_frozen_in_training(sequences, targets):
    recurrent = keras.layers.LSTM(3)
    model = stack(recurrent)
    recurrent.cell.trainable = False
    model.compile("adam", "mse")
    model.fit(sequences, targets, verbose=0)
    others = convert_both_ways(model)
    assert_same_training(model, *others, sequences=sequences, targets=targets)
    # Training on JAX donates the memory of variables, so no two models may share it.
    for other in (model, *others):
        other.fit(sequences, targets, verbose=0)
    assert_equal(others[0].predict(sequences, verbose=0), model.predict(sequences, verbose=0))


def test_compile_arguments_are_copied(sequences, targets):
    model = stack(
        keras.layers.Flatten(),
        optimizer=Descent(0.1),
        # Keras' configuration of the loss lacks `delta`.
        loss=keras.losses.Huber(delta=0.1),
        loss_weights=[0.5],
        metrics=["mae", keras.metrics.RootMeanSquaredError()],
        weighted_metrics=[lambda targets, outputs: ops.mean(outputs, axis=-1)],
        steps_per_execution=2,
        jit_compile=False,
        run_eagerly=True,
    )
    model.fit(sequences, targets, verbose=0)
    for other in convert_both_ways(model):
        assert type(other.optimizer) is Descent
        assert other.run_eagerly and other.steps_per_execution == 2 and not other.jit_compile
        assert other.metrics[-1] is not model.metrics[-1]
        expected = model.evaluate(sequences, targets, verbose=0)
        assert len(expected) == 4
        np.testing.assert_allclose(other.evaluate(sequences, targets, verbose=0), expected, rtol=1e-5)


def scaled(factor):
    def loss(targets, outputs):
        return factor * ops.mean((targets - outputs) ** 2, axis=-1)

    return loss


def test_functions_of_equal_names_are_copied(sequences, targets):
    start = keras.Input((TIME, FEATURES))
    hidden = keras.layers.GRU(3)(start)
    model = keras.Model(start, [keras.layers.Dense(2, name=name)(hidden) for name in ("one", "two")])
    model.compile("sgd", [scaled(1.0), scaled(10.0)])
    expected = model.evaluate(sequences, [targets, targets], verbose=0, return_dict=True)
    assert len(expected) == 3
    other = layers.from_keras(model)
    assert other.evaluate(sequences, [targets, targets], verbose=0, return_dict=True) == pytest.approx(expected)
    assert [function.__name__ for function in model.loss] == ["loss", "loss"]


def relu(inputs):
    """A function with the name of one of Keras' activations."""
    return 3 * inputs


class Scale:
    def apply(self, inputs):
        return 5 * inputs


def test_functions_are_copied(sequences):
    twice = 2.0
    model = stack(
        keras.layers.Lambda(lambda inputs: inputs * twice * np.pi),
        keras.layers.Lambda(lambda inputs, by: inputs / by, arguments={"by": 3.0}, output_shape=lambda shape: shape),
        keras.layers.GRU(3, activation=lambda inputs: keras.ops.tanh(inputs * twice), return_sequences=True),
        keras.layers.SimpleRNN(3, activation=relu),
        keras.layers.Dense(3, activation="relu"),
        keras.layers.Dense(3, activation=Scale().apply),
    )
    expected = ops.convert_to_numpy(model(sequences))
    for other in convert_both_ways(model):
        assert_equal(other(sequences), expected)
        assert other.layers[0].function is model.layers[0].function
    assert model.layers[0].function.__name__ == "<lambda>" and relu.__name__ == "relu"


def test_unregistered_classes_are_converted(sequences, targets):
    parts = [keras.layers.LSTM(3, return_sequences=True), keras.layers.Bidirectional(keras.layers.GRU(2))]
    model = stack(Holder(parts), optimizer=Descent(0.1, momentum=0.9), loss=Distance())
    model.layers[0].calls.update_state(7)
    model.train_on_batch(sequences, targets)
    model.layers[0].calls.update_state(5)
    ours, back = convert_both_ways(model)
    assert [type(part) for part in ours.layers[0].parts] == [layers.LSTM, layers.Bidirectional]
    assert [type(part) for part in back.layers[0].parts] == [type(part) for part in parts]
    for other in (ours, back):
        assert float(other.layers[0].calls.result()) == 5
    assert_same_training(model, back, sequences=sequences, targets=targets)


def test_subclassed_model_is_converted(sequences, targets):
    model = Network(3)
    assert not layers.from_keras(model).built
    model.compile("adam", "mse", run_eagerly=ON_TENSORFLOW)
    model.train_on_batch(sequences, targets)
    ours, back = convert_both_ways(model)
    assert type(ours) is Network and ours.built
    assert_same_training(model, back, sequences=sequences, targets=targets)


def test_compiled_nested_model_is_converted(sequences, targets):
    inner = stack(keras.layers.LSTM(3), optimizer="adam")
    inner.train_on_batch(sequences, targets)
    start = keras.Input((TIME, FEATURES))
    other = layers.from_keras(keras.Model(start, inner(start)))
    assert not other.compiled
    assert_same_training(inner, other.layers[1], sequences=sequences, targets=targets)


class Adversary(Network):
    """A model with two optimizers and a custom `compile`."""

    def compile(self, first, second):
        super().compile(loss="mse")
        self.first, self.second = first, second

    def get_compile_config(self):
        return {"first": self.first, "second": self.second}

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))


def test_model_with_two_optimizers_is_converted(sequences):
    model = Adversary(3)
    model(sequences)
    model.compile(keras.optimizers.Adam(0.1), Descent(0.1, momentum=0.5))
    model.first.build(model.recurrent.trainable_variables)
    model.second.build(model.dense.trainable_variables)
    for variable in [*model.first.variables, *model.second.variables]:
        variable.assign(ops.ones_like(variable.value) * 3)
    other = layers.from_keras(model)
    assert len(other.first.variables) == 2 + 2 * 3
    assert_equal(list(other.first.variables), list(model.first.variables))
    assert_equal(list(other.second.variables), list(model.second.variables))


def test_loss_scaling_is_copied(sequences, targets):
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_float16")
        scaled, plain = (
            stack(keras.layers.LSTM(3), optimizer="sgd", auto_scale_loss=scale_loss) for scale_loss in (True, False)
        )
    finally:
        keras.config.set_dtype_policy(policy)
    scaled.train_on_batch(sequences, targets)
    for model in (scaled, plain):
        for other in convert_both_ways(model):
            assert type(other.optimizer) is type(model.optimizer)
            assert other.dtype_policy.name == "mixed_float16"
            assert [layer.compute_dtype for layer in other.layers] == ["float16", "float16"]
    assert isinstance(scaled.optimizer, keras.optimizers.LossScaleOptimizer)


def test_lora_and_quantized_layers_are_copied(sequences, targets):
    model = stack(keras.layers.LSTM(3), keras.layers.Dense(4), optimizer="adam")
    model.layers[1].enable_lora(1)
    # Quantization changes the order of the weights.
    model.layers[2].quantize("float8")
    model.layers[1].lora_kernel_b.assign(ops.ones((1, 4)))
    expected = ops.convert_to_numpy(model(sequences))
    for other in convert_both_ways(model):
        assert_equal(other(sequences), expected)
        assert_equal(other.layers[1].lora_kernel_a, model.layers[1].lora_kernel_a)
        assert [weight.trainable for weight in other.weights] == [weight.trainable for weight in model.weights]


def test_unbuilt_model_stays_unbuilt(sequences, targets):
    """Complements other tests; passes even if only weights are copied."""
    model = keras.Sequential([keras.layers.LSTM(3), keras.layers.Dense(2)])
    model.compile("adam", "mse", run_eagerly=ON_TENSORFLOW)
    other = layers.from_keras(model)
    assert not model.built and not other.built
    other.train_on_batch(sequences, targets)
    assert type(other.layers[0]) is layers.LSTM


def test_use_cudnn_is_copied():
    for layer in (keras.layers.LSTM(3, use_cudnn=False), keras.layers.GRU(3, use_cudnn=False)):
        for other in convert_both_ways(layer):
            assert other.use_cudnn is False


def test_source_is_unchanged(sequences, targets):
    """Complements other tests; without the lambda, passes even if less is copied."""
    recurrent = keras.layers.LSTM(3, dropout=0.5)
    model = stack(keras.layers.Lambda(lambda inputs: 2 * inputs), recurrent, optimizer="adam", metrics=["mae"])
    model.train_on_batch(sequences, targets)
    recurrent.trainable = False

    def state():
        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        return [variable.numpy().copy() for variable in variables], [v.trainable for v in model.variables]

    before, attributes = state(), {layer: set(vars(layer)) for layer in (model, *model.layers, recurrent.cell)}
    convert_both_ways(model)
    assert_equal(state(), before, rtol=0, atol=0)
    assert {layer: set(vars(layer)) for layer in attributes} == attributes


class Unwritten(keras.layers.Layer):
    """A layer with an argument that is not serializable, and without `get_config`."""

    def __init__(self, thing):
        super().__init__(name="unwritten")
        self.thing = thing

    def call(self, inputs):
        return inputs


class Forgetful(Unwritten):
    """A layer whose `get_config` leaves out an argument."""

    def get_config(self):
        return super(Unwritten, self).get_config()


class Hidden(keras.layers.Layer):
    """A layer that creates one of our layers without having it in its configuration."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.recurrent = layers.LSTM(3, name="hidden_lstm")

    def build(self, shape):
        self.recurrent.build(shape)

    def call(self, inputs):
        return self.recurrent(inputs)


def model_with_shared_layer():
    start, shared = keras.Input((TIME, FEATURES)), keras.layers.LSTM(3, name="shared")
    first, second = (keras.Model(start, keras.layers.Dense(2)(shared(start))) for _ in range(2))
    return keras.Model(start, keras.layers.Add()([first(start), second(start)]))


@pytest.mark.parametrize(
    ("make", "convert", "pattern"),
    [
        (
            lambda: stack(Unwritten(object()), keras.layers.LSTM(3)),
            layers.from_keras,
            "unwritten.*Unwritten.*get_config",
        ),
        (lambda: stack(Forgetful(1), keras.layers.LSTM(3)), layers.from_keras, "unwritten.*Forgetful"),
        (
            lambda: stack(keras.layers.Lambda(functools.partial(ops.add, 1), name="sum")),
            layers.from_keras,
            "sum.*partial",
        ),
        (lambda: stack(Hidden()), layers.to_keras, "hidden_lstm"),
        (lambda: stack(layers.PeepholeLSTM(3, name="eyes")), layers.to_keras, "eyes"),
        (model_with_shared_layer, layers.from_keras, "shared.*kernel"),
        (lambda: "model", layers.from_keras, "model"),
    ],
)
def test_error_names_what_cannot_be_converted(make, convert, pattern):
    model = make()
    with pytest.raises(ValueError, match=f"(?s).*{pattern}") as error:
        convert(model)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not ON_TENSORFLOW, reason="the file is the same on every backend")
def test_converted_model_loads_without_this_repository(sequences, tmp_path):
    cells = [keras.layers.LSTMCell(3), keras.layers.GRUCell(2)]
    ours = stack(layers.Bidirectional(layers.SimpleRNN(2, return_sequences=True)), keras.layers.RNN(cells))
    layers.to_keras(layers.from_keras(ours)).save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", inputs=sequences, expected=ops.convert_to_numpy(ours(sequences)))
    code = (
        "import importlib.util, keras, numpy as np\n"
        "assert not any(importlib.util.find_spec(name) for name in ('layers', 'apps', 'engram'))\n"
        "data = np.load('data.npz')\n"
        "outputs = keras.models.load_model('model.keras')(data['inputs'])\n"
        "np.testing.assert_allclose(keras.ops.convert_to_numpy(outputs), data['expected'], atol=1e-6)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, **clean_environment(tmp_path))
