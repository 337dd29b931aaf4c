"""DNC and NTM against their papers' equations in NumPy, and as Keras layers."""

import keras
import numpy as np
import pytest
from keras import ops

import layers
from layers.memory import addressing
from tests.layers.families import BATCH, FEATURES, MASKS, TIME, assert_equal, random_weights
from tests.layers.gradients import gradients
from tests.layers.memory import reference

UNITS, SLOTS, WIDTH = 4, 6, 3
DNC_OPTIONS = ("dealloc_by_content", "mask_content", "normalize_links")
KINDS = {
    "DNC": (layers.DNC, reference.dnc_step, {"read_heads": 2}, {}),
    "NTM": (layers.NTM, reference.ntm_step, {"read_heads": 2, "write_heads": 2}, {"shift_range": 1}),
}
ALL = dict.fromkeys(DNC_OPTIONS, True)
VARIANTS = {
    **KINDS,
    **{name: (*KINDS["DNC"][:2], {"read_heads": 2, name: True}, {name: True}) for name in DNC_OPTIONS},
    "all options": (*KINDS["DNC"][:2], {"read_heads": 3, **ALL}, ALL),
    "wide shifts": (*KINDS["NTM"][:2], {"shift_range": 2}, {"shift_range": 2}),
}
JAX = keras.backend.backend() == "jax"


@pytest.fixture(params=KINDS)
def kind(request):
    """Function that makes a small layer."""
    layer_class, _, sizes, _ = KINDS[request.param]

    def make(**options):
        options = {"units": UNITS, "memory_slots": SLOTS, "slot_size": WIDTH, "controller_units": 5, **sizes, **options}
        return layer_class(**options)

    return make


def make_layer(variant, generator, features=FEATURES, **options):
    layer_class, _, sizes, _ = VARIANTS[variant]
    layer = layer_class(UNITS, SLOTS, WIDTH, controller_units=5, return_sequences=True, **sizes, **options)
    layer.build((BATCH, TIME, features))
    layer.set_weights(random_weights(layer, generator, scale=0.8))
    return layer


def make_states(layer, generator, batch=BATCH):
    """Return random states by name, of which the weightings are not negative and sum to at most 1."""
    states = {name: generator.normal(size=(batch, *shape)) for name, shape in layer.cell.state_shapes.items()}
    for name in states:
        if "weighting" in name or name in ("usage", "precedence", "links"):
            states[name] = generator.random(states[name].shape)
            states[name] /= 1 if name == "usage" else 2 * SLOTS
    return states


def flat(states, dtype="float32"):
    return [value.reshape(len(value), -1).astype(dtype) for value in states.values()]


def expected_history(variant, layer, sequences, states, mask=None):
    _, step, _, options = VARIANTS[variant]
    return reference.run(step, sequences.astype("float64"), states, layer.get_weights(), mask, **options)


@pytest.mark.parametrize(
    "variant, mask",
    [(variant, mask) for variant in VARIANTS for mask in (None, "holes")]
    + [(variant, mask) for variant in ("all options", "NTM") for mask in ("right", "empty row")],
)
def test_values_equal_the_equations(variant, mask, generator, sequences):
    mask = MASKS.get(mask)
    layer = make_layer(variant, generator, return_state=True)
    states = make_states(layer, generator)
    outputs, *last = layer(sequences, initial_state=flat(states), mask=mask)
    expected = expected_history(variant, layer, sequences, states, mask)
    for name, value in layer.unpack_states(last).items():
        assert_equal(value, expected[name][:, -1], rtol=1e-3, atol=1e-5)
    started = np.ones((BATCH, TIME, 1)) if mask is None else np.cumsum(mask, axis=1)[..., None] > 0
    assert_equal(ops.convert_to_numpy(outputs) * started, expected["output"] * started, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_trace_equals_the_equations(variant, generator, sequences):
    mask = MASKS["holes"]
    layer = make_layer(variant, generator)
    states = make_states(layer, generator)
    trace = layer.trace(sequences, initial_state=flat(states), mask=mask)
    expected = expected_history(variant, layer, sequences, states, mask)
    compared = 0
    for name, value in trace.items():
        assert value.shape[:2] == (BATCH, TIME)
        if name in expected:
            kept = mask.reshape(BATCH, TIME, *[1] * (len(value.shape) - 2))
            assert_equal(value, expected[name] * kept, rtol=1e-3, atol=1e-5)
            compared += 1
    assert compared == (5 if "usage" in expected else 4)


WRONG = {
    "DNC": {
        "allocation_weighting": lambda used: used[:, ::-1] * 0 + (1 - used),
        "follow_links": lambda links, reads: addressing.follow_links(links, reads)[::-1],
        "retention": lambda gates, reads: 1 - gates[:, 0, None] * reads[:, 0],
        "usage": lambda previous, write, retained: previous * retained,
        "update_precedence": lambda previous, write: write,
        "update_links": lambda links, precedence, write: ops.swapaxes(
            addressing.update_links(ops.swapaxes(links, 1, 2), precedence, write), 1, 2
        ),
        "oneplus": lambda x: ops.softplus(x),
    },
    "NTM": {
        "shift": lambda weightings, shifts: addressing.shift(weightings, shifts[:, :, ::-1]),
        "interpolate": lambda content, previous, gates: addressing.interpolate(previous, content, gates),
        "sharpen": lambda weightings, exponents: weightings,
        "oneplus": lambda x: ops.softplus(x),
    },
}


@pytest.mark.parametrize("variant, name", [(variant, name) for variant in WRONG for name in WRONG[variant]])
def test_wrong_addressing_fails_the_comparison(variant, name, generator, sequences, monkeypatch):
    layer = make_layer(variant, generator)
    states = make_states(layer, generator)
    expected = expected_history(variant, layer, sequences, states)["output"]
    assert_equal(layer(sequences, initial_state=flat(states)), expected, rtol=1e-3, atol=1e-5)
    right, wrong = getattr(addressing, name), WRONG[variant][name]

    def call(*arguments):
        # The wrong function may call the right one.
        with monkeypatch.context() as patch:
            patch.setattr(addressing, name, right)
            return wrong(*arguments)

    monkeypatch.setattr(addressing, name, call)
    with pytest.raises(AssertionError):
        assert_equal(layer(sequences, initial_state=flat(states)), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(JAX, reason="JAX has float64 only with jax_enable_x64")
@pytest.mark.parametrize("variant", ["DNC", "all options", "NTM"])
def test_gradients_equal_finite_differences(variant, generator):
    sequences = generator.normal(size=(1, 3, 2))
    layer = make_layer(variant, generator, features=2, return_state=True, dtype="float64")
    states = make_states(layer, generator, batch=1)
    weights = layer.get_weights()

    def loss(weights):
        history = reference.run(VARIANTS[variant][1], sequences, states, weights, **VARIANTS[variant][3])
        return np.sum(np.square(history["output"])) + sum(np.sum(np.square(value[:, -1])) for value in history.values())

    analytic = gradients(layer, sequences, flat(states, "float64"), None)
    count = 0
    for position, (weight, gradient) in enumerate(zip(weights, analytic, strict=False)):
        indices = list(np.ndindex(weight.shape))
        for index in indices[:: 1 + len(indices) // 6]:
            up, down = ([w.copy() for w in weights] for _ in range(2))
            up[position][index] += 1e-5
            down[position][index] -= 1e-5
            expected = (loss(up) - loss(down)) / 2e-5
            np.testing.assert_allclose(ops.convert_to_numpy(gradient)[index], expected, rtol=1e-5, atol=1e-7)
            count += 1
    assert count >= 30


def test_every_sequence_starts_with_a_fresh_memory(kind, sequences):
    layer = kind(return_state=True)
    first = layer(sequences)
    assert_equal(layer(sequences), first)
    initial = layer.unpack_states(layer.get_initial_state(BATCH))
    assert_equal(layer(sequences, initial_state=layer.get_initial_state(BATCH)), first)
    for name, value in initial.items():
        value = ops.convert_to_numpy(value)
        assert value.shape == (BATCH, *layer.cell.state_shapes[name])
        if isinstance(layer, layers.NTM) and name == "memory":
            np.testing.assert_array_equal(value, np.float32(1e-6))
        elif isinstance(layer, layers.NTM) and "weightings" in name:
            np.testing.assert_array_equal(value[..., 0], 1)
            np.testing.assert_array_equal(value[..., 1:], 0)
        else:
            np.testing.assert_array_equal(value, 0)


def test_first_step_from_a_fresh_memory_has_finite_gradients(kind, sequences):
    for dtype in ("float32", "mixed_float16"):
        layer = kind(dtype=dtype)
        layer.build(sequences.shape)
        for gradient in gradients(layer, sequences, (), None):
            assert np.isfinite(ops.convert_to_numpy(gradient)).all()


@pytest.mark.parametrize("name", ["right", "left", "holes"])
def test_masked_batch_equals_each_sequence_alone(kind, generator, sequences, name):
    mask = MASKS[name]
    layer = kind(return_state=True)
    layer.build(sequences.shape)
    # From a fresh memory rounding would decide which of its equal slots is written.
    initial = [generator.uniform(0.05, 0.3, (BATCH, size)).astype("float32") for size in layer.cell.state_size]
    spoiled = np.where(mask[..., None], sequences, np.nan)
    together = layer(spoiled, initial_state=initial, mask=mask)
    for row in range(BATCH):
        own = [state[row : row + 1] for state in initial]
        alone = layer(sequences[row][mask[row]][None], initial_state=own)
        assert_equal([value[row] for value in together], [value[0] for value in alone], rtol=1e-4)


def test_go_backwards_equals_reversed_input(kind, generator, sequences):
    forward, backward = kind(return_sequences=True), kind(return_sequences=True, go_backwards=True)
    for layer in (forward, backward):
        layer.build(sequences.shape)
    backward.set_weights(forward.get_weights())
    mask = MASKS["holes"]
    assert_equal(backward(sequences, mask=mask), forward(sequences[:, ::-1], mask=mask[:, ::-1]))
    for one, other in zip(
        backward.trace(sequences, mask=mask).values(),
        forward.trace(sequences[:, ::-1], mask=mask[:, ::-1]).values(),
        strict=True,
    ):
        assert_equal(one, other)


def test_unrolled_equals_loop(kind, sequences):
    loop, unrolled = kind(return_sequences=True), kind(return_sequences=True, unroll=True)
    for layer in (loop, unrolled):
        layer.build(sequences.shape)
    unrolled.set_weights(loop.get_weights())
    assert_equal(unrolled(sequences), loop(sequences), rtol=1e-4)


def test_stateful_halves_equal_the_whole(kind, sequences):
    whole, stateful = kind(return_state=True), kind(return_state=True, stateful=True)
    for layer in (whole, stateful):
        layer.build(sequences.shape)
    stateful.set_weights([*whole.get_weights(), *stateful.get_weights()[len(whole.weights) :]])
    for _ in range(2):
        stateful(sequences[:, :3])
        traced = stateful.trace(sequences)["output"]
        assert_equal(stateful(sequences[:, 3:]), whole(sequences), rtol=1e-4)
        assert_equal(traced, whole.trace(sequences)["output"])
        stateful.reset_state()
        assert_equal(list(stateful.states), whole.get_initial_state(BATCH))


def test_outputs_have_the_computed_shapes(kind, sequences):
    for options in ({}, {"return_sequences": True}, {"return_sequences": True, "return_state": True}):
        layer = kind(**options)
        shapes = layer.compute_output_shape(sequences.shape)
        actual = [tuple(value.shape) for value in keras.tree.flatten(layer(sequences))]
        assert actual == ([shapes] if isinstance(shapes[0], int) else list(shapes))


ARGUMENTS = {
    "units": 7,
    "memory_slots": 9,
    "slot_size": 5,
    "read_heads": 3,
    "controller_units": 6,
    "clip_value": 2.5,
    "kernel_initializer": "he_normal",
    "bias_initializer": "ones",
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "zero_output_for_mask": True,
    "dtype": "mixed_bfloat16",
    "trainable": False,
    "name": "memory",
}
OWN_ARGUMENTS = {
    layers.DNC: dict.fromkeys(DNC_OPTIONS, True),
    layers.NTM: {"write_heads": 2, "shift_range": 2},
}


def plain(config):
    """Return a configuration without the shapes by which nested layers are built."""
    if isinstance(config, (list, tuple)):
        return [plain(value) for value in config]
    if not isinstance(config, dict):
        return config
    return {name: plain(value) for name, value in config.items() if name != "build_config"}


@pytest.mark.parametrize("layer_class", OWN_ARGUMENTS)
def test_every_argument_survives_save_and_load(layer_class, tmp_path, sequences):
    arguments = {**ARGUMENTS, **OWN_ARGUMENTS[layer_class]}
    expected = {**layer_class(3).get_config(), **arguments}
    assert set(expected) - set(arguments) == {"controller", "activity_regularizer"}
    layer = layer_class(**arguments)
    inputs = keras.Input((TIME, FEATURES), batch_size=BATCH)
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    config = loaded.get_layer("memory").get_config()
    for name, value in arguments.items():
        assert getattr(layer.cell, name, None) is not None or hasattr(layer, name), name
        if name == "dtype":
            assert config[name]["config"]["name"] == value
        elif name.endswith("_initializer"):
            assert config[name]["class_name"] == type(keras.initializers.get(value)).__name__
        else:
            assert config[name] == value, name
    assert plain(config) == plain(layer.get_config())
    assert_equal(loaded(sequences), model(sequences))


CONTROLLERS = {
    "LSTMCell": lambda: layers.LSTMCell(5),
    "GRUCell": lambda: layers.GRUCell(5, dropout=0.2, recurrent_dropout=0.3),
    "keras.LSTMCell": lambda: keras.layers.LSTMCell(5, dropout=0.2),
    "stack": lambda: keras.layers.StackedRNNCells([layers.LSTMCell(3, dropout=0.1), keras.layers.GRUCell(5)]),
    "Dense": lambda: keras.layers.Dense(5, activation="relu"),
}


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_any_controller_trains_and_survives_save_and_load(kind, controller, tmp_path, sequences):
    layer = kind(controller=CONTROLLERS[controller](), return_sequences=True, name="memory")
    model = keras.Sequential([keras.Input((None, FEATURES)), keras.layers.Masking(), layer, keras.layers.Dense(1)])
    before = model.get_weights()
    # Not in a graph, which takes seconds to trace.
    model.compile("adam", "mse", run_eagerly=not JAX, jit_compile=JAX)
    model.fit(sequences, np.ones((BATCH, TIME, 1)), verbose=0)
    assert not any(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(loaded(sequences), model(sequences))
    assert plain(loaded.get_layer("memory").get_config()) == plain(layer.get_config())
    assert type(loaded.get_layer("memory").controller) is type(layer.controller)


def test_dropout_of_the_controller_is_active_only_in_training(kind, sequences):
    layer = kind(controller=layers.LSTMCell(5, dropout=0.5, seed=1))
    inference = layer(sequences)
    assert_equal(layer(sequences), inference)
    one, other = (ops.convert_to_numpy(layer(sequences, training=True)) for _ in range(2))
    assert not np.allclose(one, inference)
    assert not np.allclose(one, other)


# XLA takes long to compile these.
@pytest.mark.parametrize("name", ["DNC", pytest.param("NTM", marks=pytest.mark.slow)])
def test_compiled_training_equals_uncompiled(name, generator):
    layer_class, _, sizes, _ = KINDS[name]
    sequences = generator.normal(size=(2, 3, FEATURES)).astype("float32")
    targets = generator.normal(size=(2, UNITS)).astype("float32")
    initial, trained = None, []
    for jit_compile in (True, False):
        layer = layer_class(UNITS, SLOTS, WIDTH, controller_units=5, **sizes)
        model = keras.Sequential([keras.Input((3, FEATURES)), layer])
        initial = initial or model.get_weights()
        model.set_weights(initial)
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
        losses = model.fit(sequences, targets, epochs=3, verbose=0).history["loss"]
        trained.append([np.array(losses), *model.get_weights()])
    assert_equal(*trained, rtol=1e-3, atol=1e-5)
    assert not np.allclose(trained[0][1], initial[0])


@pytest.mark.parametrize("name, controller", [("DNC", "GRUCell"), pytest.param("NTM", "stack", marks=pytest.mark.slow)])
def test_fit_and_predict_take_any_batch_and_time(name, controller, generator):
    """Batches of 4 and 1, and other lengths; with dropout, whose masks are drawn before the graph's loop."""
    layer_class, _, sizes, _ = KINDS[name]
    sequences = generator.normal(size=(5, 7, FEATURES)).astype("float32")
    layer = layer_class(UNITS, SLOTS, WIDTH, controller=CONTROLLERS[controller](), **sizes)
    model = keras.Sequential([keras.Input((None, FEATURES)), layer])
    model.compile("sgd", "mse", jit_compile=JAX)
    losses = model.fit(sequences, np.ones((5, UNITS)), batch_size=4, epochs=3, verbose=0).history["loss"]
    assert len(set(losses)) == 3
    assert np.isfinite(losses).all()
    for rows, time in ((1, 7), (5, 7), (5, 2)):
        given = sequences[:rows, :time]
        assert_equal(model.predict(given, batch_size=4, verbose=0), layer(given), rtol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_close_to_float32(kind, sequences, policy):
    single, mixed = kind(return_sequences=True), kind(return_sequences=True, dtype=policy)
    for layer in (single, mixed):
        layer.build(sequences.shape)
    mixed.set_weights(single.get_weights())
    outputs = mixed(sequences)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    assert mixed.cell.controller.compute_dtype == policy.removeprefix("mixed_")
    assert mixed.cell.compute_dtype == "float32"
    assert_equal(ops.cast(outputs, "float32"), single(sequences), rtol=0.05, atol=0.02)


def test_cell_in_keras_rnn_and_layer_in_wrappers(kind, sequences):
    layer = kind(return_sequences=True)
    expected = layer(sequences, mask=MASKS["holes"])
    rnn = keras.layers.RNN(layer.cell, return_sequences=True)
    assert_equal(rnn(sequences, mask=MASKS["holes"]), expected)
    stack = keras.layers.RNN([keras.layers.GRUCell(3), kind().cell])
    assert stack(sequences).shape == (BATCH, UNITS)
    both = keras.layers.Bidirectional(kind(return_sequences=True))
    assert both(sequences, mask=MASKS["holes"]).shape == (BATCH, TIME, 2 * UNITS)
    each = keras.layers.TimeDistributed(kind())
    assert each(np.stack([sequences] * 2, axis=1)).shape == (BATCH, 2, UNITS)


def test_clip_value_limits_the_outputs(kind, sequences):
    layer = kind(clip_value=0.01, bias_initializer="ones")
    assert np.abs(layer(sequences)).max() == np.float32(0.01)


def test_which_kernel_is_portable(kind):
    assert layers.which_kernel(kind()).kernel == "portable"


@pytest.mark.parametrize("name", ["units", "memory_slots", "slot_size", "read_heads", "controller_units"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, None])
def test_invalid_size_raises(kind, name, value):
    with pytest.raises(ValueError, match=f"`{name}`"):
        kind(**{name: value})


def test_invalid_option_raises(kind):
    with pytest.raises(ValueError, match="`clip_value`"):
        kind(clip_value=0)
    for controller in (5, "LSTM", keras.layers.LSTM(3)):
        with pytest.raises(ValueError, match="`controller`"):
            kind(controller=controller)
    with pytest.raises(ValueError, match="`shift_range`"):
        layers.NTM(3, memory_slots=4, shift_range=2)
    with pytest.raises(ValueError, match="`write_heads`"):
        layers.NTM(3, write_heads=0)


def test_invalid_states_and_masks_raise(kind, sequences):
    layer = kind()
    with pytest.raises(ValueError, match="initial_state"):
        layer(sequences, initial_state=[np.zeros((BATCH, UNITS), "float32")])
    with pytest.raises(ValueError, match="mask"):
        layer(sequences, mask=np.ones((BATCH, TIME + 1), bool))
    with pytest.raises(ValueError, match="mask"):
        layer.trace(sequences, mask=np.ones((BATCH, TIME + 1), bool))
