"""The CNN over the frames: a model of keras.applications, or a small one that is trained with the rest."""

import warnings
from pathlib import Path

import keras
from keras import ops

from ..common.cli import UserError


def build_backbone(name, frame_size, weights="random"):
    """Build a model: float32 (frames, frame_size, frame_size, 3), from 0 to 255 -> features (frames, features).

    Args:
        name: `small`, or a model of keras.applications, in any case.
        frame_size: side of the frames, in pixels.
        weights: of a model of keras.applications: `random`, `imagenet`, or a file.

    Raises:
        UserError: no such model or file, weights that do not fit or cannot be downloaded, frames that are too small.
    """
    if name == "small":
        return _small(frame_size)
    build, preprocess = _application(name)
    body = _weighted(build, frame_size, weights)
    frames = keras.Input((frame_size, frame_size, 3))
    return keras.Model(frames, body(preprocess(frames)), name="backbone")


def unfreeze(backbone, count):
    """Make the last `count` layers of a model of keras.applications trainable, and only those."""
    backbone.trainable = True
    body = backbone.layers[-1]
    for layer in body.layers[:-count]:
        layer.trainable = False


def _small(frame_size):
    frames = keras.Input((frame_size, frame_size, 3))
    # Mean 0, which the initial weights assume of their inputs, and about 1 where a shape stands out.
    values = (frames - ops.mean(frames, axis=(1, 2), keepdims=True)) / 64
    for filters, kernel, strides in ((24, 5, 2), (48, 3, 2), (64, 3, 2), (96, 3, 1)):
        values = keras.layers.Conv2D(
            filters, kernel, strides=strides, padding="same", activation="relu", kernel_initializer="he_normal"
        )(values)
    pooled = [keras.layers.GlobalMaxPooling2D()(values), keras.layers.GlobalAveragePooling2D()(values)]
    appearance = keras.layers.LayerNormalization()(keras.layers.Concatenate()(pooled))
    return keras.Model(frames, keras.layers.Concatenate()([appearance, SpatialSoftmax()(values)]), name="backbone")


class SpatialSoftmax(keras.layers.Layer):
    """Position of each channel's maximum: the mean position under a softmax over positions, each axis from -3 to 3.

    Pooling says what is in a frame, this layer where. Unlike a dense layer over all positions it applies what it
    learned at one position to all others. Finn et al., "Deep Spatial Autoencoders for Visuomotor Learning", ICRA 2016,
    section IV. A low temperature makes the softmax sharp before training, and the axes are long so that positions are
    as large as the other features.

    Call arguments:
        values: (batch, height, width, channels).

    Returns:
        (batch, 2 * channels), all vertical positions, then all horizontal ones.
    """

    TEMPERATURE, EDGE = 0.2, 3.0

    def call(self, values):
        height, width, channels = values.shape[1:]
        flat = ops.reshape(values, (-1, height * width, channels))
        weights = ops.reshape(ops.softmax(flat / self.TEMPERATURE, axis=1), (-1, height, width, channels))
        rows, columns = (ops.linspace(-self.EDGE, self.EDGE, size)[:, None] for size in (height, width))
        vertical = ops.sum(ops.sum(weights, axis=2) * rows, axis=1)
        horizontal = ops.sum(ops.sum(weights, axis=1) * columns, axis=1)
        return ops.concatenate([vertical, horizontal], axis=-1)


def _application(name):
    """Return the function that builds the model, and the one that prepares frames for it."""
    found = {key: build for key, build in vars(keras.applications).items() if key[0].isupper()}
    for key, build in found.items():
        if key.casefold() == name.casefold():
            module = build.__module__.rpartition(".")[2]
            return build, getattr(keras.applications, module).preprocess_input
    raise UserError(f"--backbone {name}: no such model; there are small, {', '.join(sorted(found))}")


def _weighted(build, frame_size, weights):
    settings = {"include_top": False, "pooling": "avg", "input_shape": (frame_size, frame_size, 3)}
    try:
        body = build(**settings, weights=None)
    except ValueError as error:
        raise UserError(f"--frame-size {frame_size}: {build.__name__} refuses it ({_first_line(error)})") from None
    if weights == "random":
        return body
    if weights == "imagenet":
        try:
            return build(**settings, weights="imagenet")
        # Keras raises a plain Exception for a failed download.
        except Exception as error:
            raise UserError(
                f"--weights imagenet: cannot be downloaded for {build.__name__} ({_first_line(error)}); run once where "
                "there is a network and copy ~/.keras/models here, or give --weights a file, or --weights random"
            ) from None
    if not Path(weights).is_file():
        raise UserError(f"--weights {weights}: no such file; expected imagenet, random or a file of weights")
    try:
        with warnings.catch_warnings():
            # Keras only warns of weights that are missing, and leaves them random.
            warnings.simplefilter("error", UserWarning)
            body.load_weights(weights)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        raise UserError(
            f"--weights {weights}: not the weights of {build.__name__} without its top ({_first_line(error)}); "
            "expected a file of model.save_weights, or a ..._no_top.h5 of keras.applications"
        ) from None
    return body


def _first_line(error):
    return str(error).strip().splitlines()[0][:160]
