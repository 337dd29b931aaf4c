"""Every Keras layer with constructor arguments, for models that have it before or after a recurrent layer."""

from dataclasses import dataclass, replace
from typing import Any

from keras import layers as kl
from keras import ops

TIME, FEATURES, TOKENS = 5, 4, 6


def _call(layer, x):
    return layer(x)


@dataclass(frozen=True)
class Neighbor:
    """A layer with its arguments.

    Attributes:
        make: creates the layer.
        before, after: whether a recurrent layer can take its outputs, and it a recurrent layer's outputs.
        call: calls the layer with a tensor (batch, time, features).
        takes_ids: whether it takes (batch, time) integers instead of sequences.
        quick: whether the quick test has it before a recurrent layer: it changes the shape, dtype or mask of a sequence
            as no other layer does.
        takes_vectors: whether it takes (batch, features) instead of sequences.
        name: Keras' name of the layer, with a number if there are several.
    """

    make: Any
    before: bool = True
    after: bool = True
    call: Any = _call
    takes_ids: bool = False
    quick: bool = False
    takes_vectors: bool = False
    name: str = ""

    def __str__(self):
        return self.name


def _call_with_list(layer, x):
    return layer([x, x])


def _call_twice(layer, x):
    return layer(x, x)


def _merged(make):
    return Neighbor(make, call=_call_with_list)


def _ids_layer(make):
    return Neighbor(make, after=False, takes_ids=True, quick=True)


def _quick(make):
    return Neighbor(make, quick=True)


def _only_after(make):
    return Neighbor(make, before=False)


# Arguments that treat the axes differently have separate entries.
NEIGHBORS = {
    "Activation": [Neighbor(lambda: kl.Activation("relu"))],
    "ActivityRegularization": [Neighbor(lambda: kl.ActivityRegularization(l2=0.01))],
    "AdaptiveAveragePooling1D": [Neighbor(lambda: kl.AdaptiveAveragePooling1D(2))],
    "AdaptiveMaxPooling1D": [Neighbor(lambda: kl.AdaptiveMaxPooling1D(2))],
    "Add": [_merged(lambda: kl.Add())],
    "AdditiveAttention": [_merged(lambda: kl.AdditiveAttention())],
    "AlphaDropout": [Neighbor(lambda: kl.AlphaDropout(0.3, seed=1))],
    "Attention": [_merged(lambda: kl.Attention(score_mode="concat")), _merged(lambda: kl.Attention(use_scale=True))],
    "Average": [_merged(lambda: kl.Average())],
    "AveragePooling1D": [Neighbor(lambda: kl.AveragePooling1D(2, padding="same"))],
    "BatchNormalization": [
        _quick(lambda: kl.BatchNormalization()),
        Neighbor(lambda: kl.BatchNormalization(axis=1)),
    ],
    "CategoryEncoding": [_ids_layer(lambda: kl.CategoryEncoding(TOKENS, output_mode="one_hot"))],
    "Concatenate": [_merged(lambda: kl.Concatenate()), _merged(lambda: kl.Concatenate(axis=1))],
    "Conv1D": [Neighbor(lambda: kl.Conv1D(3, 2)), Neighbor(lambda: kl.Conv1D(3, 3, padding="causal"))],
    "Conv1DTranspose": [_quick(lambda: kl.Conv1DTranspose(3, 2, strides=2))],
    "Cropping1D": [Neighbor(lambda: kl.Cropping1D(1))],
    "Dense": [Neighbor(lambda: kl.Dense(3))],
    "DepthwiseConv1D": [Neighbor(lambda: kl.DepthwiseConv1D(2, padding="same"))],
    "Discretization": [Neighbor(lambda: kl.Discretization(bin_boundaries=[-0.5, 0.5]), after=False, quick=True)],
    "Dot": [_merged(lambda: kl.Dot(axes=2)), _merged(lambda: kl.Dot(axes=1))],
    "Dropout": [
        _quick(lambda: kl.Dropout(0.3, seed=1)),
        Neighbor(lambda: kl.Dropout(0.3, noise_shape=(None, 1, None), seed=1)),
    ],
    "ELU": [Neighbor(lambda: kl.ELU())],
    "EinsumDense": [
        Neighbor(lambda: kl.EinsumDense("btf,fg->btg", output_shape=(None, 3), bias_axes="g")),
        _only_after(lambda: kl.EinsumDense("btf,ts->bsf", output_shape=(3, None))),
    ],
    "Embedding": [
        _ids_layer(lambda: kl.Embedding(TOKENS, 3, mask_zero=True)),
        _ids_layer(lambda: kl.Embedding(TOKENS, 3)),
    ],
    "Flatten": [_only_after(lambda: kl.Flatten())],
    "GaussianDropout": [Neighbor(lambda: kl.GaussianDropout(0.3, seed=1))],
    "GaussianNoise": [Neighbor(lambda: kl.GaussianNoise(0.1, seed=1))],
    "GlobalAveragePooling1D": [_only_after(lambda: kl.GlobalAveragePooling1D())],
    "GlobalMaxPooling1D": [_only_after(lambda: kl.GlobalMaxPooling1D())],
    "GroupNormalization": [
        Neighbor(lambda: kl.GroupNormalization(2)),
        Neighbor(lambda: kl.GroupNormalization(1, axis=1)),
    ],
    "GroupQueryAttention": [Neighbor(lambda: kl.GroupQueryAttention(2, 2, 1), call=_call_twice)],
    "Identity": [Neighbor(lambda: kl.Identity())],
    "Lambda": [
        _quick(lambda: kl.Lambda(lambda x: x[:, ::2])),
        Neighbor(lambda: kl.Lambda(lambda x: x / x.shape[1])),
        Neighbor(lambda: kl.Lambda(lambda x: ops.stack(ops.unstack(x, axis=1)[1:], axis=1))),
        Neighbor(lambda: kl.Lambda(lambda x: ops.cumsum(x, axis=1) / ops.cast(ops.shape(x)[1], x.dtype))),
    ],
    "LayerNormalization": [
        Neighbor(lambda: kl.LayerNormalization()),
        Neighbor(lambda: kl.LayerNormalization(axis=(1, 2))),
    ],
    "LeakyReLU": [Neighbor(lambda: kl.LeakyReLU())],
    "Masking": [_quick(lambda: kl.Masking())],
    "MaxPooling1D": [Neighbor(lambda: kl.MaxPooling1D(2))],
    "Maximum": [_merged(lambda: kl.Maximum())],
    "Minimum": [_merged(lambda: kl.Minimum())],
    "MultiHeadAttention": [
        Neighbor(lambda: kl.MultiHeadAttention(2, 2), call=_call_twice),
        Neighbor(lambda: kl.MultiHeadAttention(1, 2), call=lambda layer, x: layer(x, x, use_causal_mask=True)),
    ],
    "Multiply": [_merged(lambda: kl.Multiply())],
    "Normalization": [
        Neighbor(lambda: kl.Normalization(mean=0.1, variance=2.0)),
        Neighbor(lambda: kl.Normalization(axis=1, mean=[0.1] * 5, variance=[2.0] * 5)),
    ],
    "PReLU": [Neighbor(lambda: kl.PReLU()), Neighbor(lambda: kl.PReLU(shared_axes=[1]))],
    "Permute": [_quick(lambda: kl.Permute((2, 1)))],
    "Pipeline": [Neighbor(lambda: kl.Pipeline([kl.Dense(3), kl.ReLU()]))],
    "RMSNormalization": [Neighbor(lambda: kl.RMSNormalization())],
    "RNN": [Neighbor(lambda: kl.RNN([kl.GRUCell(2), kl.SimpleRNNCell(3)], return_sequences=True))],
    "ReLU": [Neighbor(lambda: kl.ReLU(negative_slope=0.1))],
    "RepeatVector": [Neighbor(lambda: kl.RepeatVector(3), before=False, takes_vectors=True)],
    "Rescaling": [Neighbor(lambda: kl.Rescaling(0.5))],
    "Reshape": [_quick(lambda: kl.Reshape((-1, 2))), Neighbor(lambda: kl.Reshape((-1, 5)))],
    "ReversibleEmbedding": [_ids_layer(lambda: kl.ReversibleEmbedding(TOKENS, 3, mask_zero=True))],
    "SeparableConv1D": [Neighbor(lambda: kl.SeparableConv1D(3, 2))],
    "Softmax": [Neighbor(lambda: kl.Softmax()), Neighbor(lambda: kl.Softmax(axis=1))],
    "SpatialDropout1D": [Neighbor(lambda: kl.SpatialDropout1D(0.3, seed=1))],
    "SpectralNormalization": [Neighbor(lambda: kl.SpectralNormalization(kl.Dense(3)))],
    "STFTSpectrogram": [Neighbor(lambda: kl.STFTSpectrogram("real", 4, 1, 4), after=False, quick=True)],
    "Subtract": [_merged(lambda: kl.Subtract())],
    "TimeDistributed": [
        _quick(lambda: kl.TimeDistributed(kl.Dense(3))),
        Neighbor(lambda: kl.TimeDistributed(kl.BatchNormalization())),
    ],
    "UnitNormalization": [
        Neighbor(lambda: kl.UnitNormalization()),
        Neighbor(lambda: kl.UnitNormalization(axis=1)),
    ],
    "UpSampling1D": [Neighbor(lambda: kl.UpSampling1D(2))],
    "ZeroPadding1D": [Neighbor(lambda: kl.ZeroPadding1D((1, 2)))],
}
NEIGHBORS = {
    name: [replace(entry, name=f"{name} {index}" if index else name) for index, entry in enumerate(entries)]
    for name, entries in NEIGHBORS.items()
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
EXCLUDED = {
    "takes images": _IMAGES.split(),
    "takes volumes": _VOLUMES.split(),
    "takes sequences of images": ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"],
    "takes a waveform without features": ["MelSpectrogram"],
    "looks up single values, only on TensorFlow": ["HashedCrossing", "Hashing", "IntegerLookup", "StringLookup"],
    "takes text": ["TextVectorization"],
    "is compared": ["Bidirectional", "GRU", "LSTM", "SimpleRNN"],
    "is a cell or a stack of cells": ["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"],
    "is created by keras.Input": ["InputLayer"],
    "is a base class": ["Layer", "Wrapper"],
    "is not a layer": ["InputSpec"],
    "wraps a function or model of another library": ["FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"],
}
