"""A trained captioner: frames in, captions out."""

from pathlib import Path

import numpy as np
from keras import ops

from ..common import runs
from ..common.cli import UserError
from ..common.decoding import Searcher
from ..common.options import Search
from ..common.text import END_ID, START_ID
from .config import Config
from .data import load_subwords, pad_frames
from .features import sample_frames
from .model import load_model

# Clips that are captioned at a time.
BATCH_SIZE = 16


class Captioner:
    """Caption clips, given their frames.

    Args:
        run_dir: folder of a trained run.
        search: a `Search`.

    Attributes:
        config: the run's Config.
        subwords: its `Subwords`.
        model: its network.
        searcher: a `Searcher` of the network.
    """

    def __init__(self, run_dir, search=Search()):
        saved = runs.open_run(run_dir, __package__)
        self.config = runs.settings_of(saved, Config)
        self.model = load_model(Path(run_dir) / "model.keras")
        self.subwords = load_subwords(run_dir)
        self.searcher = Searcher(self.model, self.config.max_tokens + 1, search)

    @property
    def has_attention(self):
        return self.config.model == "attention"

    def __call__(self, clips):
        """Generate captions.

        Args:
            clips: for each clip its frames, uint8 (frames, frame_size, frame_size, 3), or features, float32 (frames,
                features); at most `max_frames`.

        Returns:
            List of strings, and their scores, float32 (clips,).
        """
        captions, scores = [], []
        for start in range(0, len(clips), BATCH_SIZE):
            inputs = self._padded(clips[start : start + BATCH_SIZE])
            tokens, batch_scores = self.searcher.predict(inputs, batch_size=BATCH_SIZE, verbose=0)
            captions += [text.decode() for text in self.subwords.decode(tokens).numpy()]
            scores.append(batch_scores)
        return captions, np.concatenate(scores) if scores else np.zeros(0, "float32")

    def attention(self, frames, caption):
        """Return the subwords of a caption, with the end, and the attention weights, (subwords, frames)."""
        ids = [*self.subwords.encode([caption]).to_list()[0], END_ID]
        decoder_inputs = np.array([[START_ID, *ids[:-1]]], "int32")
        weights = self.model.attention_weights(*self._padded([frames]), decoder_inputs)
        return self.subwords.names(ids), ops.convert_to_numpy(weights)[0, :, : len(frames)]

    def _padded(self, clips):
        lengths = np.array([len(clip) for clip in clips], "int32")
        return pad_frames(list(clips), self.config.max_frames), lengths


def caption_files(captioner, paths, refuse):
    """Yield (path, frames, caption, score) of each video file that can be read.

    Args:
        captioner: a `Captioner`.
        paths: of the files.
        refuse: function that receives the `UserError` of each other file.
    """
    for start in range(0, len(paths), BATCH_SIZE):
        clips = []
        for path in paths[start : start + BATCH_SIZE]:
            try:
                clips.append((path, sample_frames(path, captioner.config)))
            except UserError as error:
                refuse(error)
        answers = captioner([frames for _, frames in clips])
        for (path, frames), caption, score in zip(clips, *answers, strict=True):
            yield path, frames, caption, score
