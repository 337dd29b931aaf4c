"""Every setting of the video captioner, with its unit and the reason for its value."""

from dataclasses import dataclass
from typing import Literal

from ..common.cli import UserError


@dataclass(frozen=True)
class Config:
    """What is read, how a clip is looked at, the network and its training.

    The defaults are for the sample, on which they train in seven minutes on 2 CPU cores. What comes out, and what
    settings suit real clips, stands in the README.
    """

    data: str = "sample"
    """The clips: `sample` (made here, offline), or a folder of .avi, .mp4, .webm or .gif files."""
    captions: str | None = None
    """The captions: .csv with the columns clip and caption, .jsonl with such fields, or MSVD's .json; captions.csv,
    captions.jsonl or captions.json in the folder if not given."""
    lowercase: bool = True
    """Captions are learned in lower case, as the literature does; the option keeps their case."""

    test_fraction: float = 0.15
    """Share of the clips kept for `evaluate`, where the captions name no splits; 0 trains on all of them."""
    validation_fraction: float = 0.1
    """Share of the clips that steer the training, where the captions name no splits."""

    sampling: Literal["uniform", "fps"] = "uniform"
    """Which frames are looked at: --max-frames spread evenly over the clip, or --fps a second."""
    max_frames: int = 8
    """Most frames of a clip that are looked at; 28 is usual for clips of ten seconds."""
    fps: float = 4.0
    """Frames looked at in a second, with --sampling fps."""

    backbone: str = "small"
    """What sees a frame: `small`, a CNN trained with the rest, or a model of keras.applications, say MobileNetV2."""
    weights: str = "imagenet"
    """Weights of a keras.applications model: `imagenet`, downloaded once, a .weights.h5 or .h5 file, or `random`."""
    frame_size: int | None = None
    """Side of the square that frames are fitted into, in pixels; 64 for `small` and 224 for others if not given."""
    fine_tune_epochs: int = 0
    """Epochs after the first --epochs in which the backbone, frozen until then, learns as well."""
    fine_tune_layers: int = 30
    """Last layers of the backbone that are fine-tuned."""
    fine_tune_learning_rate: float = 1e-5
    """Adam's first step size in those epochs: large ones would undo what the backbone has learned before."""

    model: Literal["attention", "s2vt", "mean"] = "attention"
    """Who writes: a decoder with attention over the frames (SA-LSTM, Yao 2015), two layers that first see and then
    write (S2VT, Venugopalan 2015), or a decoder that gets the frames' mean (LSTM-YT, Venugopalan 2015)."""
    encoder: bool = True
    """A bidirectional LSTM over the frames, below the attention, which alone cannot tell their order; the option leaves
    it out. The other models have none."""
    vocabulary_size: int = 4000
    """Most subwords; of a small vocabulary every word becomes one."""
    max_tokens: int = 30
    """Subwords in the longest caption that is learned from and written."""
    embedding_dim: int = 128
    """Size of a subword's vector."""
    units: int = 128
    """Units of every recurrent layer."""
    dropout: float = 0.1
    """Share of subword vectors, features and outputs hidden in training."""

    captions_per_clip: int = 4
    """Captions of a clip learned from in an epoch, drawn anew each time; its frames are seen once for all of them."""
    learning_rate: float = 1e-3
    """Adam's first step size; it falls along a cosine to nothing at the end of the last epoch."""
    clip_norm: float = 5.0
    """Largest norm of a step's gradient (Pascanu 2013)."""
    batch_size: int = 8
    """Clips in a batch."""
    epochs: int = 30
    """Passes over the training clips, at the most; with --fine-tune-epochs exactly as many."""
    patience: int = 15
    """Epochs without a better validation loss after which training stops; not used with --fine-tune-epochs."""
    seed: int = 0
    """Of the split, the first weights, the order of the clips, the drawn captions and the dropout."""

    def __post_init__(self):
        counts = "max_frames fine_tune_layers max_tokens embedding_dim units captions_per_clip batch_size epochs"
        for name in f"{counts} patience".split():
            self._require(name, getattr(self, name) >= 1, "a whole number from 1 up")
        for name in ("test_fraction", "dropout"):
            self._require(name, 0 <= getattr(self, name) < 1, "a number from 0 up to, but not including, 1")
        self._require("validation_fraction", 0 < self.validation_fraction < 1, "a number between 0 and 1")
        for name in ("fps", "learning_rate", "fine_tune_learning_rate", "clip_norm"):
            self._require(name, getattr(self, name) > 0, "a number above 0")
        self._require("test_fraction", self.test_fraction + self.validation_fraction < 1, "room for training clips")
        self._require("fine_tune_epochs", self.fine_tune_epochs >= 0, "a whole number from 0 up")
        self._require("vocabulary_size", self.vocabulary_size >= 8, "a whole number from 8 up")
        self._require("seed", 0 <= self.seed < 2**31, "a whole number from 0 up to 2147483647")
        size = (64 if self.backbone == "small" else 224) if self.frame_size is None else self.frame_size
        object.__setattr__(self, "frame_size", size)
        self._require("frame_size", 32 <= size <= 1024, "a whole number from 32 to 1024")
        if self.fine_tune_epochs and self.backbone == "small":
            raise UserError("--fine-tune-epochs: the small backbone learns from the start; give --backbone as well")

    @property
    def trains_backbone(self):
        """Whether the backbone learns with the rest from the start."""
        return self.backbone == "small"

    def _require(self, name, holds, expected):
        if not holds:
            raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: expected {expected}")
