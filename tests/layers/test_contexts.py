"""The layers in wrappers, models, dtype policies and exports."""

import keras
import numpy as np
import pytest
from keras import ops

import layers
from tests.layers.families import (
    BATCH,
    FEATURES,
    MASKS,
    TIME,
    UNITS,
    assert_equal,
    quick_families,
    random_weights,
)

BACKEND = keras.backend.backend()


def build_both(make, generator):
    """Build the same model of our layers and of Keras', with equal weights."""
    ours, theirs = make("ours"), make("theirs")
    weights = random_weights(theirs, generator)
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def test_functional_sequential_and_subclassed_models_agree(family, generator, sequences):
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.recurrent = family.make(UNITS)

        def call(self, inputs):
            return self.recurrent(inputs)

    inputs = keras.Input((None, FEATURES))
    models = [
        keras.Model(inputs, family.make(UNITS)(inputs)),
        keras.Sequential([keras.Input((TIME, FEATURES)), family.make(UNITS)]),
        Subclassed(),
    ]
    models[2](sequences)
    weights = random_weights(models[0], generator)
    for model in models:
        model.set_weights(weights)
        assert_equal(model(sequences), models[0](sequences))
        assert_equal(model.predict(sequences, verbose=0), models[0](sequences))


def test_time_distributed_equals_keras(family, generator):
    videos = generator.normal(size=(2, 3, TIME, FEATURES)).astype("float32")

    def make(kind):
        layer = getattr(family, kind)(UNITS, **family.options)
        return keras.Sequential([keras.Input(videos.shape[1:]), keras.layers.TimeDistributed(layer)])

    ours, theirs = build_both(make, generator)
    assert_equal(ours(videos), theirs(videos))


def test_stacked_cells_equal_keras(family, generator, sequences):
    def make(kind):
        cell = type(family.make(1).cell) if kind == "ours" else getattr(keras.layers, f"{family.name}Cell")
        stack = keras.layers.StackedRNNCells([cell(3, **family.options), cell(UNITS, **family.options)])
        return keras.Sequential([keras.Input((TIME, FEATURES)), keras.layers.RNN(stack, return_sequences=True)])

    ours, theirs = build_both(make, generator)
    assert_equal(ours(sequences), theirs(sequences))


def test_clone_model_gives_an_equal_model(family, generator, sequences):
    model = keras.Sequential([keras.Input((None, FEATURES)), family.make(UNITS, dropout=0.2, return_sequences=True)])
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert clone.layers[0] is not model.layers[0]
    assert clone.layers[0].get_config() == model.layers[0].get_config()
    assert_equal(clone(sequences), model(sequences))


def test_layer_accepts_any_batch_size_and_length(family, generator):
    layer = family.make(UNITS, return_sequences=True)
    model = keras.Sequential([keras.Input((None, FEATURES)), layer])
    whole = generator.normal(size=(5, 9, FEATURES)).astype("float32")
    expected = ops.convert_to_numpy(model(whole))
    for batch, time in ((1, 1), (5, 1), (1, 9), (3, 4)):
        assert_equal(model.predict(whole[:batch, :time], verbose=0), expected[:batch, :time])


def test_encoder_decoder_equals_keras(family, generator, sequences):
    def make(kind):
        recurrent = getattr(family, kind)
        source, target = keras.Input((None, FEATURES)), keras.Input((None, FEATURES))
        _, *states = recurrent(UNITS, return_state=True, **family.options)(source)
        outputs = recurrent(UNITS, return_sequences=True, **family.options)(target, initial_state=states)
        return keras.Model([source, target], outputs)

    ours, theirs = build_both(make, generator)
    assert_equal(ours([sequences, 2 * sequences]), theirs([sequences, 2 * sequences]))


@pytest.mark.parametrize("mask", [None, "left"])
def test_stateful_continues_from_the_last_state(family, generator, sequences, mask):
    mask = np.ones((BATCH, TIME), bool) if mask is None else MASKS[mask]
    whole, parts = family.make(UNITS), family.make(UNITS, stateful=True)
    for layer in (whole, parts):
        layer.build((BATCH, TIME, FEATURES))
    parts.set_weights(whole.get_weights())
    expected = ops.convert_to_numpy(whole(sequences, mask=mask))
    for _ in range(2):
        parts(sequences[:, :2], mask=mask[:, :2])
        assert_equal(parts(sequences[:, 2:], mask=mask[:, 2:]), expected)
        parts.reset_state()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("stateful", [False, True])
def test_mixed_precision_is_close_to_float32(family, generator, sequences, policy, stateful):
    single, _ = family.pair(generator, return_sequences=True)
    mixed = family.make(UNITS, return_sequences=True, dtype=policy, stateful=stateful)
    mixed.build(sequences.shape)
    mixed.set_weights(single.get_weights())
    outputs = mixed(sequences, mask=MASKS["holes"])
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in mixed.trainable_weights} == {"float32"}
    assert_equal(ops.cast(outputs, "float32"), single(sequences, mask=MASKS["holes"]), rtol=0.05, atol=0.05)
    if stateful:
        mixed(sequences)


def test_stateful_without_batch_size_raises_like_keras(family):
    messages = []
    for kind in (family.ours, family.theirs):
        with pytest.raises(ValueError, match="batch size must be static") as error:
            keras.Sequential([keras.Input((TIME, FEATURES)), kind(UNITS, stateful=True)])
        messages.append(str(error.value))
    assert messages[0] == messages[1]


@quick_families("LSTM")
@pytest.mark.parametrize("jit", [False, True])
def test_training_equals_keras_with_and_without_jit(family, generator, sequences, jit):
    def make(kind):
        cudnn = {} if family.name == "SimpleRNN" else {"use_cudnn": False}
        layer = getattr(family, kind)(UNITS, **family.options, **cudnn)
        model = keras.Sequential([keras.Input((TIME, FEATURES)), layer, keras.layers.Dense(1)])
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", jit_compile=jit)
        return model

    ours, theirs = build_both(make, generator)
    targets = generator.normal(size=(BATCH, 1))
    losses = [model.fit(sequences, targets, epochs=5, verbose=0).history["loss"] for model in (ours, theirs)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    assert losses[0][-1] < losses[0][0]
    assert_equal(ours.get_weights(), theirs.get_weights(), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow exports a SavedModel")
def test_exported_model_gives_equal_outputs(family, generator, sequences, tmp_path):
    import tensorflow as tf

    inputs = keras.Input((None, FEATURES))
    model = keras.Model(inputs, keras.layers.Bidirectional(family.make(UNITS))(keras.layers.Masking()(inputs)))
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    for batch, time in ((BATCH, TIME), (1, 3)):
        padded = sequences[:batch, :time].copy()
        padded[0, -1] = 0
        assert_equal(loaded.serve(padded), model(padded))


def test_mask_propagates_only_with_return_sequences(family, sequences):
    """Keras' layers differ in this between versions."""
    mask = ops.convert_to_tensor(MASKS["right"])
    for return_sequences in (False, True):
        for return_state in (False, True):
            layer = family.make(UNITS, return_sequences=return_sequences, return_state=return_state)
            assert layer.supports_masking
            computed = layer.compute_mask(sequences, mask)
            output_mask, *states = computed if return_state else [computed]
            assert (output_mask is mask) == return_sequences
            assert states == [None] * (family.num_states if return_state else 0)
    masked = keras.layers.Masking(mask_value=9.0)(np.where(np.array(mask)[..., None], sequences, 9.0).astype("float32"))
    outputs = family.make(UNITS, return_sequences=True)(masked)
    np.testing.assert_array_equal(ops.convert_to_numpy(outputs._keras_mask), MASKS["right"])


@pytest.mark.parametrize(
    "mask",
    [np.ones((BATCH, TIME + 1), bool), np.ones((BATCH + 1, TIME), bool), np.ones((BATCH,), bool)],
    ids=["length", "batch", "rank"],
)
def test_invalid_mask_raises(family, sequences, mask):
    with pytest.raises(ValueError, match="`mask`"):
        family.make(UNITS)(sequences, mask=mask)


@pytest.mark.parametrize(
    "shapes", [[], [(BATCH, UNITS)] * 3, [(BATCH, UNITS + 1)], [(BATCH + 1, UNITS)], [(UNITS + 1,)]], ids=str
)
def test_invalid_initial_state_raises(family, sequences, shapes):
    shapes = shapes * family.num_states if len(shapes) == 1 else shapes
    with pytest.raises(ValueError, match="`initial_state`"):
        family.make(UNITS)(sequences, initial_state=[np.zeros(shape, "float32") for shape in shapes])


@quick_families("GRU", "LSTM")
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64"])
@pytest.mark.parametrize("time", [TIME, 300])
def test_inputs_of_any_dtype_give_equal_outputs(family, generator, dtype, time):
    numbers = generator.integers(0, 2, size=(BATCH, time, FEATURES))
    layer = family.make(UNITS, return_sequences=True)
    assert_equal(layer(numbers.astype(dtype)), layer(numbers.astype("float32")))


def test_initial_state_broadcasts_over_the_batch(family, generator, sequences):
    row = [generator.normal(size=(1, UNITS)) for _ in range(family.num_states)]
    inputs = keras.Input((None, FEATURES))
    states = [keras.Input(batch_shape=(1, UNITS)) for _ in range(family.num_states)]
    layer = family.make(UNITS)
    expected = layer(sequences, initial_state=[np.repeat(state, BATCH, axis=0) for state in row])
    assert_equal(layer(sequences, initial_state=row), expected)
    assert_equal(layer(sequences, initial_state=[state[0] for state in row]), expected)
    model = keras.Model([inputs, *states], layer(inputs, initial_state=states))
    assert_equal(model([sequences, *row]), expected)
    deep = layers.DeepRNN([family.make(UNITS).cell, family.make(UNITS).cell])
    assert_equal(
        deep(sequences, initial_state=row * 2),
        deep(sequences, initial_state=[np.repeat(state, BATCH, axis=0) for state in row] * 2),
    )


@pytest.mark.parametrize("options", [{}, {"bias_initializer": "random_normal"}, {"recurrent_dropout": 0.5, "seed": 3}])
def test_seed_gives_the_same_weights_as_keras(family, options):
    weights = []
    for kind in (family.ours, family.theirs):
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [keras.Input((TIME, FEATURES)), kind(UNITS, **family.options, **options), keras.layers.Dense(2)]
        )
        weights.append(model.get_weights())
    assert_equal(*weights, rtol=0, atol=0)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow only")
def test_layer_can_be_traced_by_tf_function(family, sequences):
    import tensorflow as tf

    layer = family.make(UNITS)
    assert_equal(tf.function(layer)(sequences), layer(sequences))


def test_complex_sequences_raise(family, sequences):
    with pytest.raises((ValueError, TypeError), match="complex"):
        family.make(UNITS)(ops.cast(sequences, "complex64"))


def test_mask_of_list_of_none_is_no_mask(family, sequences):
    layer = family.make(UNITS)
    assert_equal(layer(sequences, mask=[None]), layer(sequences))
