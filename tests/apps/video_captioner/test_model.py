"""The networks: steps equal whole sequences, padding changes nothing, all learn, and what each must ignore."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from apps.common.cli import UserError
from apps.common.decoding import Searcher
from apps.common.options import Search
from apps.common.text import END_ID, START_ID
from apps.video_captioner.backbone import build_backbone
from apps.video_captioner.config import Config
from apps.video_captioner.fit import compile_model
from apps.video_captioner.model import build_model, load_model

VARIANTS = {
    "attention": {},
    "attention, no encoder": {"encoder": False},
    "s2vt": {"model": "s2vt"},
    "mean": {"model": "mean"},
}
# The others are trained in the slow tests.
QUICK = ("attention", "s2vt")
SIZES = {"units": 8, "embedding_dim": 6, "frame_size": 32, "max_frames": 5}
VOCABULARY = 20


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param


@pytest.fixture
def model(variant):
    keras.utils.set_random_seed(0)
    return build_model(Config(**SIZES, **VARIANTS[variant]), VOCABULARY)


@pytest.fixture
def inputs():
    """Three clips of 5, 3 and 1 frames, each with the first four subwords of two captions."""
    generator = np.random.default_rng(0)
    lengths = np.array([5, 3, 1], "int32")
    frames = generator.integers(0, 256, (3, 5, 32, 32, 3)).astype("uint8")
    frames[np.arange(5) >= lengths[:, None]] = 0
    decoder_inputs = generator.integers(4, VOCABULARY, (3, 2, 4)).astype("int32")
    decoder_inputs[..., 0] = START_ID
    return frames, lengths, decoder_inputs


def logits(model, inputs):
    return ops.convert_to_numpy(model(inputs))


def test_steps_equal_the_whole_sequence(model, inputs):
    frames, lengths, decoder_inputs = inputs
    whole = logits(model, inputs)
    assert whole.shape == (3, 2, 4, VOCABULARY)
    memory, start = model.encode((frames, lengths))
    states = [ops.stack([state, state], axis=1) for state in start]
    for time in range(decoder_inputs.shape[2]):
        # The two captions as two beams.
        found, states = model.step(ops.convert_to_tensor(decoder_inputs[:, :, time]), memory, states)
        np.testing.assert_allclose(ops.convert_to_numpy(found), whole[:, :, time], atol=1e-5)


def test_padding_changes_nothing(model, inputs):
    frames, lengths, decoder_inputs = inputs
    whole = logits(model, inputs)
    filled = frames.copy()
    filled[np.arange(5) >= lengths[:, None]] = 77
    np.testing.assert_allclose(logits(model, (filled, lengths, decoder_inputs)), whole, atol=1e-5)
    alone = logits(model, (frames[1:2, :3], lengths[1:2], decoder_inputs[1:2]))
    np.testing.assert_allclose(alone, whole[1:2], atol=1e-5)


def test_features_give_the_logits_of_their_frames(model, inputs):
    frames, lengths, decoder_inputs = inputs
    features = ops.convert_to_numpy(model.frame_features(frames))
    assert features.shape[:2] == (3, 5)
    np.testing.assert_allclose(logits(model, (features, lengths, decoder_inputs)), logits(model, inputs), atol=1e-5)


def test_logits_depend_only_on_earlier_subwords(model, inputs):
    frames, lengths, decoder_inputs = inputs
    other = decoder_inputs.copy()
    other[:, :, 2] = 4 + (other[:, :, 2] - 3) % (VOCABULARY - 4)
    before, after = logits(model, inputs), logits(model, (frames, lengths, other))
    np.testing.assert_array_equal(before[:, :, :2], after[:, :, :2])
    assert np.abs(before[:, :, 2:] - after[:, :, 2:]).max() > 1e-4


def test_order_of_frames_matters_only_to_recurrent_encoders(model, variant, inputs):
    frames, lengths, decoder_inputs = inputs
    reversed_logits = logits(model, (frames[:1, ::-1], lengths[:1], decoder_inputs[:1]))
    differs = np.abs(reversed_logits - logits(model, inputs)[:1]).max() > 1e-4
    assert differs == (variant in ("attention", "s2vt"))


def test_attention_weights_sum_to_one_without_padding(model, variant, inputs):
    frames, lengths, decoder_inputs = inputs
    weights = model.attention_weights(frames, lengths, decoder_inputs[:, 0])
    if not variant.startswith("attention"):
        assert weights is None
        return
    weights = ops.convert_to_numpy(weights)
    assert weights.shape == (3, 4, 5)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    assert weights[1, :, 3:].max() < 1e-6 and weights[2, :, 1:].max() < 1e-6 and weights[0].min() > 0


def test_untrained_loss_is_that_of_guessing(model, inputs):
    generator = np.random.default_rng(1)
    targets = generator.integers(4, VOCABULARY, (3, 2, 4))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(targets, logits(model, inputs))
    assert float(loss) == pytest.approx(math.log(VOCABULARY), rel=0.1)


@pytest.mark.parametrize(
    "variant", [variant if variant in QUICK else pytest.param(variant, marks=pytest.mark.slow) for variant in VARIANTS]
)
def test_learns_eight_clips_by_heart(variant):
    keras.utils.set_random_seed(0)
    config = Config(**{**SIZES, "units": 32, "embedding_dim": 16}, dropout=0, **VARIANTS[variant])
    model = build_model(config, VOCABULARY)
    # It receives features.
    model.backbone.trainable = False
    compile_model(model, config, 0.01, 1000)
    generator = np.random.default_rng(0)
    features = generator.normal(size=(8, 3, model.backbone.output_shape[-1])).astype("float32")
    target = np.concatenate([generator.integers(4, VOCABULARY, (8, 1, 4)), np.full((8, 1, 1), END_ID)], axis=-1)
    decoder_inputs = np.pad(target[..., :-1], [[0, 0], [0, 0], [1, 0]], constant_values=START_ID)
    inputs = features, np.full(8, 3, "int32"), decoder_inputs.astype("int32")
    history = model.fit(inputs, target, batch_size=8, epochs=60, verbose=0).history
    assert history["loss"][-1] < 0.2 and history["accuracy"][-1] == 1.0
    tokens, _ = Searcher(model, 6, Search(beam=2)).predict(inputs[:2], verbose=0)
    np.testing.assert_array_equal(tokens[:, :4], target[:, 0, :4])
    assert not tokens[:, 4:].any()


def test_model_survives_save_and_load(model, inputs, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(logits(loaded, inputs), logits(model, inputs))


def test_only_the_last_layers_of_a_backbone_are_fine_tuned(tmp_path, small_application):
    model = build_model(Config(**SIZES, backbone="any", weights="random"), VOCABULARY)
    body = model.backbone.layers[-1]
    assert body.weights and not model.backbone.trainable_weights and len(model.trainable_weights) > 10
    model.fine_tune(2)
    assert [layer for layer in body.layers if layer.trainable_weights] == [body.layers[2]]
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    trainable = [[weight.path for weight in one.backbone.trainable_weights] for one in (model, loaded)]
    assert trainable[0] == trainable[1] != []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("resnet", 64), ["--backbone resnet", "ResNet50", "small"]),
        (("InceptionV3", 64, "random"), ["--frame-size 64", "InceptionV3", "75"]),
        (("MobileNetV3Small", 64, "nonesuch.h5"), ["--weights nonesuch.h5", "no such file"]),
    ],
)
def test_unknown_backbone_size_or_file_is_refused(arguments, words):
    with pytest.raises(UserError) as error:
        build_backbone(*arguments)
    assert all(word in str(error.value) for word in words)


def test_weights_come_from_a_file_completely_or_not_at_all(tmp_path):
    keras.utils.set_random_seed(0)
    one = build_backbone("MobileNetV3Small", 32, "random")
    body = one.layers[-1]
    file = tmp_path / "mine.weights.h5"
    body.save_weights(file)
    loaded = build_backbone("MobileNetV3Small", 32, str(file))
    for left, right in zip(one.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    # Keras itself only warns of weights that it does not find.
    with pytest.raises(UserError, match="not the weights of MobileNetV2") as error:
        build_backbone("MobileNetV2", 32, str(file))
    assert "\n" not in str(error.value)
    (tmp_path / "text.weights.h5").write_text("no weights")
    with pytest.raises(UserError, match="not the weights of MobileNetV3Small"):
        build_backbone("MobileNetV3Small", 32, str(tmp_path / "text.weights.h5"))


def test_failed_download_of_weights_is_one_line(monkeypatch):
    def offline(*args, **kwargs):
        raise Exception("URL fetch failure on https://example.org/weights.h5: None -- [Errno -2] unknown")

    monkeypatch.setattr("keras.src.applications.mobilenet_v3.file_utils.get_file", offline)
    with pytest.raises(UserError, match=r"--weights imagenet: cannot be downloaded .*~/.keras/models") as error:
        build_backbone("MobileNetV3Small", 224, "imagenet")
    assert "\n" not in str(error.value)
