"""The networks: a step is what a sentence is, padding changes nothing, each sees in its own way, all learn."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from apps.common.cli import UserError
from apps.common.decoding import Search, Searcher
from apps.common.text import END_ID, START_ID
from apps.video_captioner.backbone import build_backbone
from apps.video_captioner.config import Config
from apps.video_captioner.model import build_model, load_model
from apps.video_captioner.train import compile_model

KINDS = {
    "attention": {},
    "attention, no encoder": {"encoder": False},
    "s2vt": {"model": "s2vt"},
    "mean": {"model": "mean"},
}
SIZES = {"units": 8, "embedding_dim": 6, "frame_size": 32, "max_frames": 5}
VOCABULARY = 20


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def model(kind):
    keras.utils.set_random_seed(0)
    return build_model(Config(**SIZES, **KINDS[kind]), VOCABULARY)


@pytest.fixture
def inputs():
    """Three clips of 5, 3 and 1 frames; two captions' first four subwords of each."""
    generator = np.random.default_rng(0)
    lengths = np.array([5, 3, 1], "int32")
    frames = generator.integers(0, 256, (3, 5, 32, 32, 3)).astype("uint8")
    frames[np.arange(5) >= lengths[:, None]] = 0
    given = generator.integers(4, VOCABULARY, (3, 2, 4)).astype("int32")
    given[..., 0] = START_ID
    return frames, lengths, given


def logits(model, inputs):
    return ops.convert_to_numpy(model(inputs))


def test_step_by_step_gives_what_the_whole_sentence_gives(model, inputs):
    frames, lengths, given = inputs
    whole = logits(model, inputs)
    assert whole.shape == (3, 2, 4, VOCABULARY)
    memory, start = model.encode((frames, lengths))
    states = [ops.stack([state, state], axis=1) for state in start]
    for time in range(given.shape[2]):
        # The two captions in the place of two beams.
        found, states = model.step(ops.convert_to_tensor(given[:, :, time]), memory, states)
        np.testing.assert_allclose(ops.convert_to_numpy(found), whole[:, :, time], atol=1e-5)


def test_padding_changes_nothing(model, inputs):
    frames, lengths, given = inputs
    whole = logits(model, inputs)
    filled = frames.copy()
    filled[np.arange(5) >= lengths[:, None]] = 77
    np.testing.assert_allclose(logits(model, (filled, lengths, given)), whole, atol=1e-5)
    alone = logits(model, (frames[1:2, :3], lengths[1:2], given[1:2]))
    np.testing.assert_allclose(alone, whole[1:2], atol=1e-5)


def test_features_do_as_well_as_frames(model, inputs):
    frames, lengths, given = inputs
    features = ops.convert_to_numpy(model.see(frames))
    assert features.shape[:2] == (3, 5)
    np.testing.assert_allclose(logits(model, (features, lengths, given)), logits(model, inputs), atol=1e-5)


def test_each_word_hangs_on_the_words_before_alone(model, inputs):
    frames, lengths, given = inputs
    other = given.copy()
    other[:, :, 2] = 4 + (other[:, :, 2] - 3) % (VOCABULARY - 4)
    before, after = logits(model, inputs), logits(model, (frames, lengths, other))
    np.testing.assert_array_equal(before[:, :, :2], after[:, :, :2])
    assert np.abs(before[:, :, 2:] - after[:, :, 2:]).max() > 1e-4


def test_order_of_frames_matters_where_the_docstrings_say_so(model, kind, inputs):
    frames, lengths, given = inputs
    turned = logits(model, (frames[:1, ::-1], lengths[:1], given[:1]))
    differs = np.abs(turned - logits(model, inputs)[:1]).max() > 1e-4
    assert differs == (kind in ("attention", "s2vt"))


def test_attention_is_a_share_of_each_frame_and_none_of_the_padding(model, kind, inputs):
    frames, lengths, given = inputs
    weights = model.look(frames, lengths, given[:, 0])
    if not kind.startswith("attention"):
        assert weights is None
        return
    weights = ops.convert_to_numpy(weights)
    assert weights.shape == (3, 4, 5)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    assert weights[1, :, 3:].max() < 1e-6 and weights[2, :, 1:].max() < 1e-6 and weights[0].min() > 0


def test_untrained_model_knows_nothing(model, inputs):
    generator = np.random.default_rng(1)
    targets = generator.integers(4, VOCABULARY, (3, 2, 4))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(targets, logits(model, inputs))
    assert float(loss) == pytest.approx(math.log(VOCABULARY), rel=0.1)


def test_model_learns_eight_clips_by_heart(kind):
    keras.utils.set_random_seed(0)
    config = Config(**{**SIZES, "units": 32, "embedding_dim": 16}, dropout=0, **KINDS[kind])
    model = build_model(config, VOCABULARY)
    compile_model(model, config, 0.01, 1000)
    generator = np.random.default_rng(0)
    features = generator.normal(size=(8, 3, model.backbone.output_shape[-1])).astype("float32")
    target = np.concatenate([generator.integers(4, VOCABULARY, (8, 1, 4)), np.full((8, 1, 1), END_ID)], axis=-1)
    given = np.pad(target[..., :-1], [[0, 0], [0, 0], [1, 0]], constant_values=START_ID)
    inputs = features, np.full(8, 3, "int32"), given.astype("int32")
    history = model.fit(inputs, target, batch_size=8, epochs=60, verbose=0).history
    assert history["loss"][-1] < 0.2 and history["accuracy"][-1] == 1.0
    tokens, _ = Searcher(model, 6, Search(beam=2)).predict(inputs[:2], verbose=0)
    np.testing.assert_array_equal(tokens[:, :4], target[:, 0, :4])
    assert not tokens[:, 4:].any()


def test_saved_model_answers_alike(model, inputs, tmp_path):
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    np.testing.assert_array_equal(logits(again, inputs), logits(model, inputs))


def test_frozen_backbone_learns_in_its_last_layers_when_told_to(tmp_path):
    model = build_model(Config(**SIZES, backbone="mobilenetv3small", weights="random"), VOCABULARY)
    body = model.backbone.layers[-1]
    assert body.weights and not model.backbone.trainable_weights and len(model.trainable_weights) > 10
    model.fine_tune(4)
    tuned = [layer for layer in body.layers if layer.trainable_weights]
    assert tuned and all(layer in body.layers[-4:] for layer in tuned)
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    learning = [[weight.path for weight in one.backbone.trainable_weights] for one in (model, again)]
    assert learning[0] == learning[1] != []


def test_fine_tuning_keeps_the_statistics_of_normalisation(inputs):
    config = Config(**SIZES, backbone="MobileNetV3Small", weights="random")
    model = build_model(config, VOCABULARY)
    model.fine_tune(10)
    compile_model(model, config, 1e-3, 10)
    before = [ops.convert_to_numpy(weight) for weight in model.backbone.weights]
    frames, lengths, given = inputs
    model.fit((frames, lengths, given), given, verbose=0)
    changed = [
        not np.array_equal(old, ops.convert_to_numpy(weight))
        for old, weight in zip(before, model.backbone.weights, strict=True)
    ]
    assert any(changed)
    assert not any(
        moved for moved, weight in zip(changed, model.backbone.weights, strict=True) if "moving" in weight.path
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("resnet", 64), ["--backbone resnet", "ResNet50", "small"]),
        (("InceptionV3", 64, "random"), ["--frame-size 64", "InceptionV3", "75"]),
        (("MobileNetV3Small", 64, "nonesuch.h5"), ["--weights nonesuch.h5", "no such file"]),
    ],
)
def test_backbone_that_cannot_be_is_refused(arguments, words):
    with pytest.raises(UserError) as error:
        build_backbone(*arguments)
    assert all(word in str(error.value) for word in words)


def test_weights_come_from_a_file_or_not_at_all(tmp_path):
    keras.utils.set_random_seed(0)
    one = build_backbone("MobileNetV3Small", 32, "random")
    body = one.layers[-1]
    file = tmp_path / "mine.weights.h5"
    body.save_weights(file)
    again = build_backbone("MobileNetV3Small", 32, str(file))
    for left, right in zip(one.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    # Keras itself only warns of weights that it does not find.
    with pytest.raises(UserError, match="not the weights of MobileNetV2") as error:
        build_backbone("MobileNetV2", 32, str(file))
    assert "\n" not in str(error.value)
    (tmp_path / "text.weights.h5").write_text("no weights")
    with pytest.raises(UserError, match="not the weights of MobileNetV3Small"):
        build_backbone("MobileNetV3Small", 32, str(tmp_path / "text.weights.h5"))


def test_weights_that_cannot_be_downloaded_are_told_of_in_a_line(monkeypatch):
    def offline(*args, **kwargs):
        raise Exception("URL fetch failure on https://example.org/weights.h5: None -- [Errno -2] unknown")

    monkeypatch.setattr("keras.src.applications.mobilenet_v3.file_utils.get_file", offline)
    with pytest.raises(UserError, match=r"--weights imagenet: cannot be downloaded .*~/.keras/models") as error:
        build_backbone("MobileNetV3Small", 224, "imagenet")
    assert "\n" not in str(error.value)
