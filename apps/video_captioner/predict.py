"""Captions clips with a trained video captioner, or a long video piece by piece."""

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from keras import ops

from ..common import cli, runs
from ..common.decoding import Search, Searcher
from ..common.reports import figure, table
from ..common.text import END_ID, SPACE, START_ID
from .config import Config
from .data import load_subwords, padded_frames
from .features import frames_of
from .model import load_model
from .subtitles import caption_pieces, parse_length, subtitle_files, write_subtitles

# Clips captioned at a time.
TOGETHER = 16
# Clips that --picture draws.
DRAWN = 6


class Describer:
    """A trained run: frames of clips in, captions out.

    Attributes:
        config: the run's Config.
        subwords: its `Subwords`.
    """

    def __init__(self, run_dir, search=Search()):
        saved = runs.open_run(run_dir)
        self.config = runs.settings_of(saved, Config)
        self.model = load_model(Path(run_dir) / "model.keras")
        self.subwords = load_subwords(run_dir)
        self.searcher = Searcher(self.model, self.config.max_tokens + 1, search)

    @property
    def has_attention(self):
        return self.config.model == "attention"

    def __call__(self, parts):
        """Captions.

        Args:
            parts: for each clip its frames, uint8 (frames, frame_size, frame_size, 3), or features, float32 (frames,
                features); not more than `max_frames`.

        Returns:
            List of strings, and float32 (clips,), their scores.
        """
        captions, scores = [], []
        for start in range(0, len(parts), TOGETHER):
            inputs = self._padded(parts[start : start + TOGETHER])
            tokens, part = self.searcher.predict(inputs, batch_size=TOGETHER, verbose=0)
            captions += [text.decode() for text in self.subwords.decode(tokens).numpy()]
            scores.append(part)
        return captions, np.concatenate(scores) if scores else np.zeros(0, "float32")

    def _padded(self, parts):
        lengths = np.array([len(part) for part in parts], "int32")
        return padded_frames(list(parts), self.config.max_frames), lengths

    def attention(self, frames, caption):
        """What attention found: pieces of the caption with its end, weights (pieces, frames)."""
        numbers = [*self.subwords.encode([caption]).to_list()[0], END_ID]
        weights = self.model.look(*self._padded([frames]), np.array([[START_ID, *numbers[:-1]]], "int32"))
        return self.subwords.names(numbers), ops.convert_to_numpy(weights)[0, :, : len(frames)]


def predict(
    run_dir: cli.RunDir,
    clips: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CLIP [CLIP ...]")],
    json_lines: Annotated[bool, tyro.conf.arg(name="json")] = False,
    every: str | None = None,
    output: Path | None = None,
    picture: Path | None = None,
    strict: bool = False,
    overwrite: bool = False,
    search: tyro.conf.OmitArgPrefixes[Search] = Search(),
):
    """Caption video clips, or with --every long videos piece by piece, as subtitles.

    A clip that cannot be read is named, the others are captioned, and the exit status is 2.

    Args:
        run_dir: Folder of a trained run.
        clips: The video files.
        json_lines: Print one JSON object a line in place of a table.
        every: Length of the pieces of a long video, such as 2s or 500ms; writes CLIP.srt and CLIP.vtt.
        output: Folder for the subtitles; beside each clip if not given.
        picture: Film strips (.png, .pdf, .svg) to draw of the first 6 clips, with what attention found.
        strict: Stop at the first clip that cannot be read.
        overwrite: Write over subtitles that are there.
        search: How the best caption is looked for.
    """
    if not clips:
        raise cli.UserError("no clip given; for example predict RUN_DIR clip.mp4")
    seconds = None if every is None else parse_length(every)
    if every is None and (output or overwrite):
        raise cli.UserError("--output and --overwrite are for subtitles; give --every, for example --every 2s")
    if every is not None and picture:
        raise cli.UserError(f"--picture {picture}: pieces of a video (--every {every}) are not drawn; leave one out")
    files = None if every is None else subtitle_files(clips, output, overwrite)
    describer = Describer(run_dir, search)
    bad = []

    def refused(error):
        if strict or len(clips) == 1:
            raise error
        bad.append(error)
        print(f"left out: {error}", file=sys.stderr)

    if every is None:
        _caption_clips(describer, clips, json_lines, picture, refused)
    else:
        for clip in clips:
            try:
                pieces = caption_pieces(describer, clip, seconds)
            except cli.UserError as error:
                refused(error)
                continue
            _print([{"clip": str(clip), **piece} for piece in pieces], json_lines)
            for file in files[clip]:
                write_subtitles(file, pieces)
                print(f"written: {file}", file=sys.stderr)
    if bad:
        raise cli.UserError(f"{len(bad)} of {len(clips)} clips could not be read; they are named above")


def _caption_clips(describer, clips, json_lines, picture, refused):
    rows, strips = [], []
    for start in range(0, len(clips), TOGETHER):
        read = []
        for clip in clips[start : start + TOGETHER]:
            try:
                read.append((clip, frames_of(clip, describer.config)))
            except cli.UserError as error:
                refused(error)
        captions, scores = describer([frames for _, frames in read])
        for (clip, frames), caption, score in zip(read, captions, scores, strict=True):
            rows.append({"clip": str(clip), "caption": caption, "score": round(float(score), 4)})
            strips.append((frames, [clip.name, f"“{caption}”"], caption))
        strips = strips[:DRAWN]
    _print(rows, json_lines)
    if picture and strips:
        draw_strips(picture, describer, strips)


def _print(rows, json_lines):
    if json_lines:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
    elif rows:
        print(table(rows))


def draw_strips(path, describer, strips):
    """Film strips, and below each frame how much attention every word paid to it.

    Args:
        strips: (frames, lines of a title, caption) each.
    """
    columns = min(2, len(strips))
    rows = -(-len(strips) // columns)
    with figure(path, columns=columns, rows=rows, width=7.0, height=3.6) as panels:
        panels = np.atleast_1d(panels).ravel()
        for axes in panels:
            axes.set_axis_off()
        for axes, (frames, lines, caption) in zip(panels, strips, strict=False):
            _draw_strip(axes, frames, lines, describer.attention(frames, caption) if describer.has_attention else None)


def _draw_strip(axes, frames, lines, look):
    count = len(frames)
    # A frame is one unit wide and high; a word's row is as high as its letters, however many frames there are.
    row, gap = 0.0275 * count, 0.05
    axes.imshow(np.concatenate(list(frames), axis=1), extent=(0, count, -1, 0))
    axes.vlines(range(1, count), -1, 0, color="white", linewidth=2)
    axes.set_title("\n".join(lines), fontsize=9)
    axes.set_axis_on()
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    lowest = -1.0
    if look:
        pieces, weights = look
        lowest -= gap + row * len(pieces)
        axes.imshow(weights, extent=(0, count, lowest, -1 - gap), cmap="Blues", vmin=0, vmax=weights.max())
        middles = -1 - gap - row * (np.arange(len(pieces)) + 0.5)
        axes.set_yticks(middles, [piece.removeprefix(SPACE) for piece in pieces], fontsize=8)
        axes.tick_params(length=0)
    axes.set(xlim=(0, count), ylim=(lowest, 0), aspect="equal", anchor="N")


if __name__ == "__main__":
    sys.exit(cli.run(predict))
