"""Every layer of Keras with constructor arguments, for models that have it around a recurrent layer."""

from dataclasses import dataclass, replace
from typing import Any

from keras import layers as kl
from keras import ops

TIME, FEATURES, TOKENS = 5, 4, 6


def _once(layer, x):
    return layer(x)


@dataclass(frozen=True)
class Surrounding:
    """One layer with its arguments.

    Attributes:
        make: makes a new layer.
        before, behind: whether it can give sequences to a recurrent layer, and take what that returns.
        call: calls the layer with a tensor (batch, time, features).
        ids: it takes (batch, time) integers in place of sequences.
        first: among those of which a quick test tries each before a recurrent layer: those that change a sequence's
            shape, dtype or mask in a way of their own.
        vector: it takes (batch, features) in place of sequences.
        name: Keras' name of the layer, with a number where it is here several times.
    """

    make: Any
    before: bool = True
    behind: bool = True
    call: Any = _once
    ids: bool = False
    first: bool = False
    vector: bool = False
    name: str = ""

    def __str__(self):
        return self.name


def _in_a_list(layer, x):
    return layer([x, x])


def _twice(layer, x):
    return layer(x, x)


def _merged(make):
    return Surrounding(make, call=_in_a_list)


def _of_ids(make):
    return Surrounding(make, behind=False, ids=True, first=True)


def _first(make):
    return Surrounding(make, first=True)


def _last(make):
    return Surrounding(make, before=False)


# Arguments that differ in what they ask of the axes have an entry each.
SURROUNDINGS = {
    "Activation": [Surrounding(lambda: kl.Activation("relu"))],
    "ActivityRegularization": [Surrounding(lambda: kl.ActivityRegularization(l2=0.01))],
    "AdaptiveAveragePooling1D": [Surrounding(lambda: kl.AdaptiveAveragePooling1D(2))],
    "AdaptiveMaxPooling1D": [Surrounding(lambda: kl.AdaptiveMaxPooling1D(2))],
    "Add": [_merged(lambda: kl.Add())],
    "AdditiveAttention": [_merged(lambda: kl.AdditiveAttention())],
    "AlphaDropout": [Surrounding(lambda: kl.AlphaDropout(0.3, seed=1))],
    "Attention": [_merged(lambda: kl.Attention(score_mode="concat")), _merged(lambda: kl.Attention(use_scale=True))],
    "Average": [_merged(lambda: kl.Average())],
    "AveragePooling1D": [Surrounding(lambda: kl.AveragePooling1D(2, padding="same"))],
    "BatchNormalization": [
        _first(lambda: kl.BatchNormalization()),
        Surrounding(lambda: kl.BatchNormalization(axis=1)),
    ],
    "CategoryEncoding": [_of_ids(lambda: kl.CategoryEncoding(TOKENS, output_mode="one_hot"))],
    "Concatenate": [_merged(lambda: kl.Concatenate()), _merged(lambda: kl.Concatenate(axis=1))],
    "Conv1D": [Surrounding(lambda: kl.Conv1D(3, 2)), Surrounding(lambda: kl.Conv1D(3, 3, padding="causal"))],
    "Conv1DTranspose": [_first(lambda: kl.Conv1DTranspose(3, 2, strides=2))],
    "Cropping1D": [Surrounding(lambda: kl.Cropping1D(1))],
    "Dense": [Surrounding(lambda: kl.Dense(3))],
    "DepthwiseConv1D": [Surrounding(lambda: kl.DepthwiseConv1D(2, padding="same"))],
    "Discretization": [Surrounding(lambda: kl.Discretization(bin_boundaries=[-0.5, 0.5]), behind=False, first=True)],
    "Dot": [_merged(lambda: kl.Dot(axes=2)), _merged(lambda: kl.Dot(axes=1))],
    "Dropout": [
        _first(lambda: kl.Dropout(0.3, seed=1)),
        Surrounding(lambda: kl.Dropout(0.3, noise_shape=(None, 1, None), seed=1)),
    ],
    "ELU": [Surrounding(lambda: kl.ELU())],
    "EinsumDense": [
        Surrounding(lambda: kl.EinsumDense("btf,fg->btg", output_shape=(None, 3), bias_axes="g")),
        _last(lambda: kl.EinsumDense("btf,ts->bsf", output_shape=(3, None))),
    ],
    "Embedding": [_of_ids(lambda: kl.Embedding(TOKENS, 3, mask_zero=True)), _of_ids(lambda: kl.Embedding(TOKENS, 3))],
    "Flatten": [_last(lambda: kl.Flatten())],
    "GaussianDropout": [Surrounding(lambda: kl.GaussianDropout(0.3, seed=1))],
    "GaussianNoise": [Surrounding(lambda: kl.GaussianNoise(0.1, seed=1))],
    "GlobalAveragePooling1D": [_last(lambda: kl.GlobalAveragePooling1D())],
    "GlobalMaxPooling1D": [_last(lambda: kl.GlobalMaxPooling1D())],
    "GroupNormalization": [
        Surrounding(lambda: kl.GroupNormalization(2)),
        Surrounding(lambda: kl.GroupNormalization(1, axis=1)),
    ],
    "GroupQueryAttention": [Surrounding(lambda: kl.GroupQueryAttention(2, 2, 1), call=_twice)],
    "Identity": [Surrounding(lambda: kl.Identity())],
    "Lambda": [
        _first(lambda: kl.Lambda(lambda x: x[:, ::2])),
        Surrounding(lambda: kl.Lambda(lambda x: x / x.shape[1])),
        Surrounding(lambda: kl.Lambda(lambda x: ops.stack(ops.unstack(x, axis=1)[1:], axis=1))),
        Surrounding(lambda: kl.Lambda(lambda x: ops.cumsum(x, axis=1) / ops.cast(ops.shape(x)[1], x.dtype))),
    ],
    "LayerNormalization": [
        Surrounding(lambda: kl.LayerNormalization()),
        Surrounding(lambda: kl.LayerNormalization(axis=(1, 2))),
    ],
    "LeakyReLU": [Surrounding(lambda: kl.LeakyReLU())],
    "Masking": [_first(lambda: kl.Masking())],
    "MaxPooling1D": [Surrounding(lambda: kl.MaxPooling1D(2))],
    "Maximum": [_merged(lambda: kl.Maximum())],
    "Minimum": [_merged(lambda: kl.Minimum())],
    "MultiHeadAttention": [
        Surrounding(lambda: kl.MultiHeadAttention(2, 2), call=_twice),
        Surrounding(lambda: kl.MultiHeadAttention(1, 2), call=lambda layer, x: layer(x, x, use_causal_mask=True)),
    ],
    "Multiply": [_merged(lambda: kl.Multiply())],
    "Normalization": [
        Surrounding(lambda: kl.Normalization(mean=0.1, variance=2.0)),
        Surrounding(lambda: kl.Normalization(axis=1, mean=[0.1] * 5, variance=[2.0] * 5)),
    ],
    "PReLU": [Surrounding(lambda: kl.PReLU()), Surrounding(lambda: kl.PReLU(shared_axes=[1]))],
    "Permute": [_first(lambda: kl.Permute((2, 1)))],
    "Pipeline": [Surrounding(lambda: kl.Pipeline([kl.Dense(3), kl.ReLU()]))],
    "RMSNormalization": [Surrounding(lambda: kl.RMSNormalization())],
    "RNN": [Surrounding(lambda: kl.RNN([kl.GRUCell(2), kl.SimpleRNNCell(3)], return_sequences=True))],
    "ReLU": [Surrounding(lambda: kl.ReLU(negative_slope=0.1))],
    "RepeatVector": [Surrounding(lambda: kl.RepeatVector(3), before=False, vector=True)],
    "Rescaling": [Surrounding(lambda: kl.Rescaling(0.5))],
    "Reshape": [_first(lambda: kl.Reshape((-1, 2))), Surrounding(lambda: kl.Reshape((-1, 5)))],
    "ReversibleEmbedding": [_of_ids(lambda: kl.ReversibleEmbedding(TOKENS, 3, mask_zero=True))],
    "SeparableConv1D": [Surrounding(lambda: kl.SeparableConv1D(3, 2))],
    "Softmax": [Surrounding(lambda: kl.Softmax()), Surrounding(lambda: kl.Softmax(axis=1))],
    "SpatialDropout1D": [Surrounding(lambda: kl.SpatialDropout1D(0.3, seed=1))],
    "SpectralNormalization": [Surrounding(lambda: kl.SpectralNormalization(kl.Dense(3)))],
    "STFTSpectrogram": [Surrounding(lambda: kl.STFTSpectrogram("real", 4, 1, 4), behind=False, first=True)],
    "Subtract": [_merged(lambda: kl.Subtract())],
    "TimeDistributed": [
        _first(lambda: kl.TimeDistributed(kl.Dense(3))),
        Surrounding(lambda: kl.TimeDistributed(kl.BatchNormalization())),
    ],
    "UnitNormalization": [
        Surrounding(lambda: kl.UnitNormalization()),
        Surrounding(lambda: kl.UnitNormalization(axis=1)),
    ],
    "UpSampling1D": [Surrounding(lambda: kl.UpSampling1D(2))],
    "ZeroPadding1D": [Surrounding(lambda: kl.ZeroPadding1D((1, 2)))],
}
SURROUNDINGS = {
    name: [replace(entry, name=f"{name} {index}" if index else name) for index, entry in enumerate(entries)]
    for name, entries in SURROUNDINGS.items()
}

_IMAGES = """
    AdaptiveAveragePooling2D AdaptiveMaxPooling2D AugMix AutoContrast AveragePooling2D CenterCrop
    ContrastLimitedAdaptiveHistogramEqualization Conv2D Conv2DTranspose Cropping2D CutMix DepthwiseConv2D Equalization
    GlobalAveragePooling2D GlobalMaxPooling2D MaxNumBoundingBoxes MaxPooling2D MixUp RandAugment RandomBrightness
    RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip
    RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation
    RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom Resizing SeparableConv2D Solarization
    SpatialDropout2D UpSampling2D ZeroPadding2D
"""
_VOLUMES = """
    AdaptiveAveragePooling3D AdaptiveMaxPooling3D AveragePooling3D Conv3D Conv3DTranspose Cropping3D
    GlobalAveragePooling3D GlobalMaxPooling3D MaxPooling3D SpatialDropout3D UpSampling3D ZeroPadding3D
"""
LEFT_OUT = {
    "takes images": _IMAGES.split(),
    "takes volumes": _VOLUMES.split(),
    "takes sequences of images": ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"],
    "takes a waveform without features": ["MelSpectrogram"],
    "looks single values up, with TensorFlow alone": ["HashedCrossing", "Hashing", "IntegerLookup", "StringLookup"],
    "takes text": ["TextVectorization"],
    "is what is compared": ["Bidirectional", "GRU", "LSTM", "SimpleRNN"],
    "is a cell, or a stack of them": ["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"],
    "is made by keras.Input": ["InputLayer"],
    "is a base class": ["Layer", "Wrapper"],
    "is no layer": ["InputSpec"],
    "needs a function or model of another library": ["FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"],
}
