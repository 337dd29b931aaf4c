"""The frames of each clip, or what a frozen backbone makes of them: computed once and kept on disk.

A file's name is the hash of what is in the clip, its folder's the hash of how it was looked at: sampling, size and the
backbone with its weights. So nothing stale is ever found, a renamed clip is not looked at again, a killed run goes on
where it was, and two runs at once write the same files, each of them whole.
"""

import hashlib
import json
import sys
from pathlib import Path

import keras
import numpy as np

from ..common import runs
from ..common.cli import UserError
from .data import padded_frames
from .video import choose_frames, open_video, read_frames


class Looked:
    """How clips are looked at.

    Args:
        config: says which frames, and how large.
        cache: folder for what was seen.
        backbone: a frozen one; None for the frames themselves.
    """

    def __init__(self, config, cache, backbone=None):
        self.config, self.backbone = config, backbone
        names = ["sampling", "max_frames", "frame_size", *(["fps"] if config.sampling == "fps" else [])]
        spec = {name: getattr(config, name) for name in names}
        if backbone is not None:
            spec |= {"backbone": config.backbone, "weights": _hash_of_weights(backbone)}
        kind = "frames" if backbone is None else "features"
        key = hashlib.sha256(json.dumps(spec).encode()).hexdigest()[:16]
        self.folder = Path(cache) / f"{kind}-{config.backbone if backbone is not None else config.frame_size}-{key}"

    def __call__(self, clips, strict=False):
        """Looks at those clips that are not in the cache.

        Args:
            clips: `Clips`.
            strict: refuse a bad clip; else it is named and left out.

        Returns:
            The clips that can be read, and the file of each by the clip's hash: uint8 (frames, height, width, 3) or
            float32 (frames, features), as numpy saves it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        files = {content: self.folder / f"{content[:32]}.npy" for content in clips.hashes}
        absent = [row for row, content in enumerate(clips.hashes) if not _is_whole(files[content])]
        bad = {}
        shown = keras.utils.Progbar(len(absent)) if absent and sys.stdout.isatty() else None
        for row in absent:
            try:
                self._keep(files[clips.hashes[row]], self.look(clips.paths[row]))
            except UserError as error:
                if strict:
                    raise
                bad[row] = error
            if shown:
                shown.add(1)
        for error in bad.values():
            print(f"left out: {error}", file=sys.stderr)
        if bad and len(bad) == len(clips):
            raise UserError(f"{clips.paths[0].parent}: not one of {len(clips)} clips can be read")
        return clips.take([row for row in range(len(clips)) if row not in bad]), files

    def look(self, path):
        """Frames or features of one clip."""
        frames = frames_of(path, self.config)
        return frames if self.backbone is None else features_of(frames, self.backbone, self.config.max_frames)

    def _keep(self, file, array):
        with runs.replacing(file) as part:
            np.save(part, array)


def frames_of(path, config):
    """The frames of a clip that are looked at, uint8 (frames, frame_size, frame_size, 3)."""
    video = open_video(path)
    chosen = choose_frames(video.times, video.duration, config.sampling, config.max_frames, config.fps)
    return np.stack(list(read_frames(video, chosen, config.frame_size)))


def features_of(frames, backbone, max_frames):
    """What a backbone makes of a clip's frames, float32 (frames, features)."""
    # Always as many, so that it is compiled once.
    padded = padded_frames([frames.astype("float32")], max_frames)[0]
    return keras.ops.convert_to_numpy(backbone.predict_on_batch(padded))[: len(frames)]


def _is_whole(file):
    try:
        np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return True


def _hash_of_weights(backbone):
    digest = hashlib.sha256()
    for weight in backbone.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()
