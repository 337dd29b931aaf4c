"""minGRU, minLSTM, sLSTM and mLSTM against their papers' equations in NumPy, and as Keras layers."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import layers
from tests import reference
from tests.layers.families import BATCH, FEATURES, MASKS, TIME, UNITS, assert_equal, random_weights
from tests.layers.gradients import gradients
from tests.layers.modern import CLASSES, KINDS

JAX = keras.backend.backend() == "jax"
only_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow only")


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture(params=CLASSES)
def class_kind(request):
    return CLASSES[request.param]


@pytest.fixture(scope="module", autouse=True)
def shared_programs():
    """Keep layers with which those of all tests share compiled programs."""
    kept = []
    for name, returns in itertools.product(("SLSTM", "SLSTM heads"), (False, True)):
        kept.append(KINDS[name].built(np.random.default_rng(0), return_sequences=returns))
        kept[-1](np.zeros((BATCH, TIME, FEATURES), "float32"))
    yield
    assert len(kept) == 4


def quick(values, *quick_values):
    """Return parameters of which all but some are slow."""
    return [pytest.param(value, marks=[] if value in quick_values else pytest.mark.slow) for value in values]


def single(states):
    return [state.astype("float32") for state in states]


@pytest.mark.parametrize("mask", quick([None, *MASKS], "holes", "empty row"))
def test_values_equal_the_equations(kind, generator, sequences, mask):
    mask = MASKS.get(mask)
    layer = kind.built(generator, return_sequences=True, return_state=True)
    states = kind.states(generator)
    outputs, *last = layer(sequences, initial_state=single(states), mask=mask)
    expected, *expected_last = reference.run(kind.step, sequences, states, layer.get_weights(), mask)
    assert_equal(last, expected_last, rtol=1e-4)
    # Before the first unmasked step the output is zeros or the initial state, depending on the backend.
    started = np.ones((BATCH, TIME, 1)) if mask is None else np.cumsum(mask, axis=1)[..., None] > 0
    assert_equal(ops.convert_to_numpy(outputs) * started, expected * started, rtol=1e-4)


def test_swapped_blocks_are_detected(kind, generator, sequences):
    layer = kind.built(generator, return_sequences=True)
    states = kind.states(generator)
    expected, *_ = reference.run(kind.step, sequences, states, layer.get_weights())
    weights = [np.roll(weight, weight.shape[-1] // 2, axis=-1) for weight in layer.get_weights()]
    layer.set_weights(weights)
    with pytest.raises(AssertionError):
        assert_equal(layer(sequences, initial_state=single(states)), expected, rtol=1e-2, atol=1e-2)


def results(kind, form, weights, sequences, states, mask):
    """Return outputs, last states and gradients of a new layer."""
    layer = kind.make(return_sequences=True, return_state=True, **form)
    layer.build(sequences.shape)
    layer.set_weights(weights)
    outputs = layer(sequences, initial_state=states, mask=mask)
    found = gradients(layer, sequences, states, mask)
    # An mLSTM without a mask does not read its hidden state.
    found = [np.zeros(()) if gradient is None else gradient for gradient in found]
    return layers.which_kernel(layer).kernel, [outputs, found]


@pytest.mark.parametrize("mask", quick([None, "holes", "empty row"], "holes"))
def test_all_forms_equal_the_loop_of_keras(kind, generator, mask):
    """Over more steps than a block of the parallel scan or a chunk has."""
    sequences = generator.normal(size=(BATCH, 18, FEATURES)).astype("float32")
    arguments = (
        [weight.astype("float32") for weight in random_weights(kind.built(generator), generator)],
        sequences,
        single(kind.states(generator)),
        None if mask is None else np.tile(MASKS[mask], 3),
    )
    with layers.use_kernel("portable"):
        kernel, expected = results(kind, {}, *arguments)
    assert kernel == "portable"
    for form in kind.forms:
        kernel, found = results(kind, form, *arguments)
        assert kernel == form.get("scan", kernel) != "portable"
        assert_equal(found, expected, rtol=1e-4, atol=1e-5)


@only_tensorflow
def test_forms_are_equal_in_float64(kind, generator):
    sequences = generator.normal(size=(2, 40, 3))
    weights, states = random_weights(kind.built(generator, sequences.shape), generator), kind.states(generator, 2)
    with layers.use_kernel("portable"):
        _, expected = results(kind, {"dtype": "float64"}, weights, sequences, states, None)
    for form in kind.forms:
        _, found = results(kind, {"dtype": "float64", **form}, weights, sequences, states, None)
        assert_equal(found, expected, rtol=1e-9, atol=1e-9)


@only_tensorflow
def test_gradients_equal_finite_differences(kind, generator):
    sequences = generator.normal(size=(2, 5, 3))
    states = kind.states(generator, 2)
    layer = kind.built(generator, sequences.shape, return_sequences=True, return_state=True, dtype="float64")
    weights = layer.get_weights()

    def loss(weights):
        return sum(np.sum(np.square(value)) for value in reference.run(kind.step, sequences, states, weights))

    analytic = gradients(layer, sequences, states, None)[: len(weights)]
    count = 0
    for position, (weight, gradient) in enumerate(zip(weights, analytic, strict=True)):
        for index in list(np.ndindex(weight.shape))[::5]:
            up, down = ([w.copy() for w in weights] for _ in range(2))
            up[position][index] += 1e-6
            down[position][index] -= 1e-6
            expected = (loss(up) - loss(down)) / 2e-6
            np.testing.assert_allclose(ops.convert_to_numpy(gradient)[index], expected, rtol=1e-5, atol=1e-6)
            count += 1
    assert count >= 6


@pytest.mark.parametrize("name", quick(MASKS, "left", "empty row"))
def test_masked_batch_equals_each_sequence_alone(class_kind, generator, sequences, name):
    mask = MASKS[name]
    layer = class_kind.built(generator, return_state=True)
    spoiled = np.where(mask[..., None], sequences, np.nan)
    together = layer(spoiled, mask=mask)
    for row in range(BATCH):
        if mask[row].any():
            alone = layer(sequences[row : row + 1, mask[row]])
            assert_equal([value[row] for value in together], [value[0] for value in alone], rtol=1e-4, atol=1e-5)
        else:
            assert_equal([value[row] for value in together], [np.zeros(value.shape[1]) for value in together])


def test_values_under_the_mask_do_not_affect_gradients(class_kind, generator, sequences):
    layer, mask = class_kind.built(generator, return_sequences=True), MASKS["holes"]
    spoiled = np.where(mask[..., None], sequences, np.nan).astype("float32")
    expected = gradients(layer, np.where(mask[..., None], sequences, 0).astype("float32"), (), mask)
    assert_equal(gradients(layer, spoiled, (), mask), expected)


def test_go_backwards_equals_reversed_input(class_kind, generator, sequences):
    forward = class_kind.built(generator, return_sequences=True)
    backward = class_kind.built(generator, return_sequences=True, go_backwards=True)
    backward.set_weights(forward.get_weights())
    mask = MASKS["holes"]
    assert_equal(backward(sequences, mask=mask), forward(sequences[:, ::-1], mask=mask[:, ::-1]))


def test_stateful_parts_equal_the_whole(class_kind, generator, sequences):
    whole = class_kind.built(generator, return_state=True)
    stateful = class_kind.built(generator, return_state=True, stateful=True)
    stateful.set_weights([*whole.get_weights(), *stateful.get_weights()[len(whole.weights) :]])
    for _ in range(2):
        for start in range(0, TIME, 2):
            parts = stateful(sequences[:, start : start + 2])
        assert_equal(parts, whole(sequences), rtol=1e-4, atol=1e-5)
        stateful.reset_state()


def test_unrolled_and_single_steps_equal_the_sequence(class_kind, generator, sequences):
    layer = class_kind.built(generator, return_sequences=True)
    unrolled = class_kind.make(return_sequences=True, unroll=True)
    unrolled.build(sequences.shape)
    unrolled.set_weights(layer.get_weights())
    expected = layer(sequences)
    assert layers.which_kernel(unrolled).kernel == "portable"
    assert_equal(unrolled(sequences), expected, rtol=1e-4, atol=1e-5)
    states = layer.cell.get_initial_state(BATCH)
    for step in range(TIME):
        output, states = layer.cell(sequences[:, step], states)
        assert_equal(output, expected[:, step], rtol=1e-4, atol=1e-5)


def test_layer_in_wrappers_and_cell_in_keras_rnn(class_kind, generator, sequences):
    layer = class_kind.built(generator, return_sequences=True)
    expected = layer(sequences, mask=MASKS["holes"])
    rnn = keras.layers.RNN(layer.cell, return_sequences=True)
    assert_equal(rnn(sequences, mask=MASKS["holes"]), expected, rtol=1e-4, atol=1e-5)
    both = keras.layers.Bidirectional(layer)
    joined = both(sequences, mask=MASKS["holes"])
    assert joined.shape == (BATCH, TIME, 2 * UNITS)
    assert type(both.backward_layer) is class_kind.layer_class and both.backward_layer.go_backwards
    both.set_weights([*layer.get_weights(), *random_weights(layer, generator)])
    # In Bidirectional masked steps output zeros.
    assert_equal(both(sequences, mask=MASKS["holes"])[..., :UNITS], expected * MASKS["holes"][..., None])
    each = keras.layers.TimeDistributed(class_kind.make())
    assert each(np.stack([sequences] * 2, axis=1)).shape == (BATCH, 2, UNITS)


def test_fit_and_predict_take_any_batch_and_time(class_kind, generator):
    """Batches of 4 and 1, other lengths and masks, in graphs that know neither; the loss falls."""
    sequences = generator.normal(size=(5, 7, FEATURES)).astype("float32")
    sequences[1, 5:] = 0
    keras.utils.set_random_seed(0)
    layer = class_kind.make(dropout=0.1, seed=1)
    inputs = keras.Input((None, FEATURES))
    model = keras.Model(inputs, keras.layers.Dense(1)(layer(keras.layers.Masking()(inputs))))
    model.compile(keras.optimizers.Adam(0.05), "mse")
    options = {"batch_size": 4, "epochs": 3 if JAX else 40, "verbose": 0}
    losses = model.fit(sequences, generator.normal(size=(5, 1)), **options).history["loss"]
    assert np.isfinite(losses).all()
    assert min(losses[1:]) < (1 if JAX else 0.5) * losses[0]
    for rows, time in ((1, 7), (5, 7), (5, 2)):
        given = sequences[:rows, :time]
        assert_equal(model.predict(given, batch_size=4, verbose=0), model(given), rtol=1e-4, atol=1e-5)


@only_tensorflow
def test_exported_model_needs_no_custom_op(class_kind, generator, sequences, tmp_path):
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    layer = keras.layers.Bidirectional(class_kind.make(return_sequences=True))
    model = keras.Sequential([keras.Input((None, FEATURES)), keras.layers.Masking(), layer])
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    for given in (sequences, sequences[:1, :3]):
        assert_equal(loaded.serve(given), model(given), rtol=1e-4, atol=1e-5)
    saved = saved_model_pb2.SavedModel.FromString((tmp_path / "exported" / "saved_model.pb").read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    nodes = [node for function in functions for node in function.node_def]
    assert len(nodes) > 50
    assert not any("_XlaMustCompile" in node.attr and node.attr["_XlaMustCompile"].b for node in nodes)
    assert not {node.op for node in nodes} & {"PyFunc", "EagerPyFunc", "XlaLaunch"}


@pytest.mark.parametrize("policy", quick(["mixed_bfloat16", "mixed_float16"], "mixed_bfloat16"))
def test_mixed_precision_is_close_to_float32(class_kind, generator, sequences, policy):
    exact = class_kind.built(generator, return_sequences=True)
    mixed = class_kind.built(generator, return_sequences=True, dtype=policy, dropout=0.1)
    mixed.set_weights(exact.get_weights())
    outputs = mixed(sequences)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    assert mixed.cell.compute_dtype == "float32"
    assert_equal(ops.cast(outputs, "float32"), exact(sequences), rtol=0.05, atol=0.05)
    assert np.isfinite(ops.convert_to_numpy(ops.cast(mixed(sequences, training=True), "float32"))).all()


@pytest.mark.parametrize("dropped", ["dropout", "recurrent_dropout"])
def test_dropout_is_active_only_in_training(class_kind, sequences, dropped):
    if dropped == "recurrent_dropout" and class_kind.layer_class is not layers.SLSTM:
        with pytest.raises(ValueError, match=dropped):
            class_kind.make(recurrent_dropout=0.5)
        return
    layer = class_kind.make(**{dropped: 0.5}, seed=1)
    inference = layer(sequences)
    assert_equal(layer(sequences), inference)
    one, other = (ops.convert_to_numpy(layer(sequences, training=True)) for _ in range(2))
    assert not np.allclose(one, inference)
    assert not np.allclose(one, other)


@pytest.mark.parametrize("scan", ["parallel", "sequential"])
def test_scan_of_a_long_sequence_is_exact(scan, generator):
    """In float32 sums of logarithms over the whole sequence, an alternative, are off by 1e-4 and more."""
    sequences = generator.normal(size=(1, 4000, 2))
    layer = layers.MinGRU(16, return_sequences=True, scan=scan)
    layer.build(sequences.shape)
    states = [np.zeros((1, 16))]
    expected, _ = reference.run(reference.min_gru_step, sequences.astype("float32"), states, layer.get_weights())
    error = np.abs(ops.convert_to_numpy(layer(sequences)) / expected - 1).max()
    assert error < 2e-5


# Extreme pre-activations

STEPS = 5000


@only_tensorflow
@pytest.mark.parametrize("name", quick(KINDS, "MinLSTM", "SLSTM heads", "MLSTM"))
def test_extreme_gates_do_not_overflow(name, generator):
    """Pre-activations are -80 or 80, at random at every step, or for long stretches."""
    import tensorflow as tf

    kind = KINDS[name]
    layer = kind.built(generator, (2, STEPS, 3), return_state=True)
    weights = layer.get_weights()
    weights[0] = 80 * np.sign(weights[0]) * (np.arange(len(weights[0])) == 0)[:, None]
    layer.set_weights(weights)
    sequences = generator.normal(size=(2, STEPS, 3)).astype("float32")
    sequences[0, :, 0] = generator.choice([-1, 1], STEPS)
    sequences[1, :, 0] = np.where(np.arange(STEPS) // 900 % 2, 1, -1)
    with tf.GradientTape() as tape:
        call = layer if kind.layer_class is layers.SLSTM else tf.function(layer)
        outputs = call(sequences)
        loss = tf.reduce_sum(outputs[0] ** 2)
    values = [*outputs, *tape.gradient(loss, layer.trainable_weights)]
    assert len(values) >= 4
    for value in values:
        assert np.isfinite(value.numpy()).all()


def test_stabilized_slstm_equals_the_exponentials_themselves(generator, sequences):
    """Without stabilizer: c = exp(log f) c + exp(a_i) z, n likewise, from an empty memory."""
    kind = KINDS["SLSTM"]
    layer = kind.built(generator, return_sequences=True)
    kernel, recurrent_kernel, bias = layer.get_weights()

    def step(x, states, *_):
        h, c, n = states
        i, f, z, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
        c = reference.sigmoid(f) * c + np.exp(i) * np.tanh(z)
        n = reference.sigmoid(f) * n + np.exp(i)
        return [reference.sigmoid(o) * c / n, c, n]

    expected, *_ = reference.run(step, sequences, [np.zeros((BATCH, UNITS))] * 3, [])
    assert_equal(layer(sequences), expected, rtol=1e-4, atol=1e-5)


def test_stabilized_mlstm_equals_the_exponentials_themselves(generator, sequences):
    """Without stabilizer: C = f C + exp(a_i) k v^T, h = o C^T q / max(|n^T q|, 1), from an empty memory."""
    layer = KINDS["MLSTM"].built(generator, return_sequences=True)
    kernel, bias = layer.get_weights()
    memory, n = np.zeros((BATCH, UNITS, UNITS)), np.zeros((BATCH, UNITS))
    for time, output in enumerate(np.moveaxis(ops.convert_to_numpy(layer(sequences)), 1, 0)):
        q, k, v, o, i, f = np.split(sequences[:, time] @ kernel + bias, [4, 8, 12, 16, 17], axis=1)
        memory = reference.sigmoid(f)[..., None] * memory + np.exp(i)[..., None] * (k / 2)[..., None] * v[:, None]
        n = reference.sigmoid(f) * n + np.exp(i) * k / 2
        overlap = np.abs(np.sum(n * q, axis=1, keepdims=True))
        read = np.einsum("bkv,bk->bv", memory, q) / np.maximum(overlap, 1)
        assert_equal(output, reference.sigmoid(o) * read, rtol=1e-4, atol=1e-5)


# Configuration

COMMON = {
    "units": 6,
    "use_bias": False,
    "kernel_initializer": "he_normal",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l1",
    "activity_regularizer": "l2",
    "kernel_constraint": "non_neg",
    "bias_constraint": "unit_norm",
    "dropout": 0.25,
    "seed": 7,
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "zero_output_for_mask": True,
}
OWN = {
    layers.MinGRU: {"activation": "tanh", "scan": "sequential"},
    layers.MinLSTM: {"activation": "softplus", "scan": "parallel"},
    layers.SLSTM: {
        "num_heads": 3,
        "activation": "softsign",
        "recurrent_activation": "hard_sigmoid",
        "forget_activation": "exponential",
        "recurrent_initializer": "glorot_uniform",
        "recurrent_regularizer": "l1",
        "recurrent_constraint": "unit_norm",
        "recurrent_dropout": 0.5,
        "unit_forget_bias": False,
    },
    layers.MLSTM: {
        "num_heads": 2,
        "key_dim": 5,
        "forget_activation": "exponential",
        "forget_bias": [1.0, 2.5],
        "chunk_size": 8,
    },
}


@pytest.mark.parametrize("layer_class", OWN)
def test_every_argument_survives_save_and_load(layer_class, tmp_path, sequences):
    arguments = {**COMMON, **OWN[layer_class]}
    default = layer_class(4, name="recurrent").get_config()
    assert set(default) - {"name", "trainable", "dtype"} == set(arguments)
    layer = layer_class(**arguments, name="recurrent")
    config = layer.get_config()
    assert not [name for name in arguments if config[name] == default[name]]
    inputs = keras.Input(batch_shape=sequences.shape)
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("recurrent").get_config() == config
    assert_equal(loaded(sequences), model(sequences))


def test_default_model_survives_save_and_load(class_kind, tmp_path, sequences):
    model = keras.Sequential([keras.Input((None, FEATURES)), class_kind.layer_class(UNITS)])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[0]) is class_kind.layer_class
    assert_equal(loaded(sequences), model(sequences))


def test_initial_biases():
    bias = layers.MLSTM(4, num_heads=4)
    bias.build((None, None, 3))
    np.testing.assert_allclose(bias.get_weights()[1][-4:], [3, 4, 5, 6])
    bias = layers.MLSTM(4, num_heads=2, forget_bias=None, bias_initializer="ones")
    bias.build((None, None, 3))
    np.testing.assert_array_equal(bias.get_weights()[1], 1)
    bias = layers.SLSTM(2)
    bias.build((None, None, 3))
    np.testing.assert_array_equal(bias.get_weights()[2], [0, 0, 1, 1, 0, 0, 0, 0])


def test_heads_of_an_slstm_are_initialized_independently():
    layer = layers.SLSTM(6, num_heads=2)
    layer.build((None, None, 3))
    kernel = layer.get_weights()[1]
    assert kernel.shape == (6, 12)
    for head in (kernel[:3], kernel[3:]):
        np.testing.assert_allclose(head @ head.T, np.eye(3), atol=1e-5)
    assert not np.allclose(kernel[:3], kernel[3:])


def test_kernels_are_as_documented(class_kind):
    kernel = layers.which_kernel(class_kind.make()).kernel
    if class_kind.layer_class is layers.MLSTM:
        assert kernel == "chunkwise"
    elif class_kind.layer_class is layers.SLSTM:
        assert kernel == "compiled"
    else:
        assert layers.which_kernel(class_kind.make(), device="cpu").kernel == ("sequential" if JAX else "parallel")
        assert layers.which_kernel(class_kind.make(), device="gpu").kernel == "parallel"
        with layers.use_kernel("compiled"), pytest.raises(ValueError, match="compiled"):
            layers.which_kernel(class_kind.make())
    assert layers.which_kernel(class_kind.make(), time=0).kernel == "portable"


@pytest.mark.parametrize(
    ("layer_class", "arguments", "word"),
    [
        (layers.MinGRU, {"units": 0}, "units"),
        (layers.MinGRU, {"units": 3, "scan": "fast"}, "scan"),
        (layers.MinLSTM, {"units": 3, "dropout": 1.5}, "dropout"),
        (layers.MinLSTM, {"units": 3, "zoneout": 0.1}, "zoneout"),
        (layers.SLSTM, {"units": 4, "num_heads": 3}, "num_heads"),
        (layers.SLSTM, {"units": 4, "forget_activation": "tanh"}, "forget_activation"),
        (layers.MLSTM, {"units": 4, "num_heads": 0}, "num_heads"),
        (layers.MLSTM, {"units": 4, "key_dim": -1}, "key_dim"),
        (layers.MLSTM, {"units": 4, "forget_bias": (1, 2, 3)}, "forget_bias"),
        (layers.MLSTM, {"units": 4, "chunk_size": 0}, "chunk_size"),
    ],
)
def test_invalid_argument_raises(layer_class, arguments, word):
    with pytest.raises(ValueError, match=word):
        layer_class(**arguments)


def test_to_keras_raises(class_kind):
    with pytest.raises(ValueError, match=class_kind.layer_class.__name__):
        layers.to_keras(class_kind.make())


@pytest.mark.parametrize("order", ["second", "forward"])
@pytest.mark.parametrize("name", ["MinGRU", "MLSTM heads"])
def test_further_derivatives_equal_those_of_the_loop(name, order, generator):
    sequences = generator.normal(size=(2, 5, 3)).astype("float32")
    layer = KINDS[name].built(generator, sequences.shape)
    found = derivative(order, layer, sequences)
    with layers.use_kernel("portable"):
        assert_equal(found, derivative(order, layer, sequences), rtol=1e-3, atol=1e-4)


def derivative(order, layer, sequences):
    """Return a second derivative for the sequences, or the outputs' tangent in forward mode."""
    direction = np.ones_like(sequences)
    if JAX:
        import jax

        def loss(x):
            return ops.sum(layer(x) ** 2)

        if order == "forward":
            return jax.jvp(layer, (sequences,), (direction,))[1]
        return jax.grad(lambda x: ops.sum(jax.grad(loss)(x) ** 2))(sequences)
    tf = pytest.importorskip("tensorflow")
    sequences = tf.constant(sequences)
    if order == "forward":
        with tf.autodiff.ForwardAccumulator(sequences, tf.constant(direction)) as accumulator:
            outputs = layer(sequences)
        return accumulator.jvp(outputs)
    with tf.GradientTape() as outer:
        outer.watch(sequences)
        with tf.GradientTape() as inner:
            inner.watch(sequences)
            loss = tf.reduce_sum(layer(sequences) ** 2)
        penalty = tf.reduce_sum(inner.gradient(loss, sequences) ** 2)
    return outer.gradient(penalty, sequences)
