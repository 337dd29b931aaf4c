"""Settings of the video captioner, each with its unit and the reason for its value."""

from dataclasses import dataclass
from typing import Literal

from ..common.cli import UserError
from ..common.options import Flat
from ..common.settings import require, require_counts, require_fractions, require_positive, require_training
from ..common.tables.columns import TableFormat


@dataclass(frozen=True)
class Config:
    """Settings of the data, the sampling of frames, the network and its training.

    The defaults are for the sample, on which training takes seven minutes on 2 CPU cores. README.md has the results,
    and settings for real clips.
    """

    data: str = "sample"
    """Clips: `sample` (generated, offline), or a folder of .avi, .mp4, .webm, .gif or other videos."""
    captions: str | None = None
    """Captions: a table (.csv, .tsv, .xlsx, ...), .json, .jsonl or .txt, see README.md; found in the folder if not
    given."""
    clip_column: str | None = None
    """Column or field of the clip; found by common names, and by the names of the clips, if not given."""
    caption_column: str | None = None
    """Column or field of the captions, or several with commas between; found by common names if not given."""
    language: str | None = None
    """Language of the captions to read, where a column names it; English if not given and there are several."""
    table: Flat[TableFormat] = TableFormat()
    lowercase: bool = True
    """Convert captions to lower case, as the literature does."""

    test_fraction: float = 0.15
    """Fraction of the clips held out for `evaluate`, if the captions name no splits; 0 trains on all."""
    validation_fraction: float = 0.1
    """Fraction of the clips for early stopping, if the captions name no splits."""

    sampling: Literal["uniform", "fps"] = "uniform"
    """Frames to read: --max-frames spread evenly over the clip, or --fps a second."""
    max_frames: int = 8
    """Largest number of frames of a clip; 28 is usual for clips of ten seconds."""
    fps: float = 4.0
    """Frames a second, with --sampling fps."""

    backbone: str = "small"
    """CNN over the frames: `small`, trained with the rest, or a model of keras.applications, such as MobileNetV2."""
    weights: str = "imagenet"
    """Weights of a keras.applications model: `imagenet`, downloaded once, a .weights.h5 or .h5 file, or `random`."""
    frame_size: int | None = None
    """Side of the square that frames are fitted into, in pixels; 64 for `small` and 224 for others if not given."""
    fine_tune_epochs: int = 0
    """Epochs after the first --epochs in which the backbone, until then frozen, is trained, too."""
    fine_tune_layers: int = 30
    """Number of the last layers of the backbone that are fine-tuned."""
    fine_tune_learning_rate: float = 1e-5
    """Initial learning rate of Adam in these epochs; a large one would destroy the pretrained weights."""

    model: Literal["attention", "s2vt", "mean"] = "attention"
    """Network: a decoder with attention over the frames (SA-LSTM, Yao 2015), two layers that first encode and then
    decode (S2VT, Venugopalan 2015), or a decoder that receives the mean of the frames (LSTM-YT, Venugopalan 2015)."""
    encoder: bool = True
    """Put a bidirectional LSTM over the frames below the attention, which by itself ignores their order. The other
    networks have none."""
    vocabulary_size: int = 4000
    """Largest number of subwords; if the captions have few words, each word becomes one."""
    max_tokens: int = 30
    """Subwords of the longest caption that is trained on and generated."""
    embedding_dim: int = 128
    """Size of a subword's vector."""
    units: int = 128
    """Units of every recurrent layer."""
    dropout: float = 0.1
    """Dropout rate of subword vectors, features and outputs."""

    captions_per_clip: int = 4
    """Captions of a clip in an epoch, drawn anew each time; its frames are encoded once for all of them."""
    learning_rate: float = 1e-3
    """Initial learning rate of Adam; it falls along a cosine to 0 at the end of the last epoch."""
    clip_norm: float = 5.0
    """Largest norm of the gradient (Pascanu 2013)."""
    batch_size: int = 8
    """Clips in a batch."""
    epochs: int = 30
    """Largest number of epochs; with --fine-tune-epochs the exact number."""
    patience: int = 15
    """Epochs without a better validation loss after which training stops; not used with --fine-tune-epochs."""
    seed: int = 0
    """Seed of the split, the initial weights, the order of the clips, the drawn captions and the dropout."""

    def __post_init__(self):
        require_training(self)
        require_counts(self, "max_frames fine_tune_layers max_tokens embedding_dim units captions_per_clip")
        require_counts(self, "fine_tune_epochs", least=0)
        require_counts(self, "vocabulary_size", least=8)
        require_positive(self, "fps fine_tune_learning_rate clip_norm")
        require_fractions(self, "dropout")
        if self.frame_size is None:
            object.__setattr__(self, "frame_size", 64 if self.trains_backbone else 224)
        require(self, "frame_size", lambda value: 32 <= value <= 1024, "a whole number from 32 to 1024")
        if self.fine_tune_epochs and self.trains_backbone:
            raise UserError("--fine-tune-epochs: the small backbone is trained from the start; give --backbone, too")

    @property
    def trains_backbone(self):
        """Whether the backbone is trained with the rest from the start."""
        return self.backbone == "small"
