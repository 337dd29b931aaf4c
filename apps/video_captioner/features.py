"""Cache the sampled frames of each clip, or the features that a frozen backbone computes of them.

The name of a file is the hash of the clip's content, that of its folder the hash of the sampling, the frame size and
the backbone with its weights. So nothing in the cache is ever out of date, a renamed clip is not read again, an
interrupted run resumes, and two runs at the same time write the same, complete files.
"""

import contextlib
import hashlib
import json
import sys
from pathlib import Path

import keras
import numpy as np

from ..common.cli import UserError
from ..common.files import replacing
from ..common.words import counted
from .data import pad_frames
from .video import choose_frames, open_video, read_frames


class ClipCache:
    """Frames or features of clips, in files.

    Args:
        config: a `Config`; has the sampling and the size of the frames.
        cache: folder of all caches.
        backbone: frozen backbone; None for the frames themselves.
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
        """Add the clips that are not in the cache.

        Args:
            clips: `Clips`.
            strict: refuse a clip that cannot be read, instead of naming it and leaving it out.

        Returns:
            The clips that can be read, and {hash of a clip: its file}: uint8 (frames, height, width, 3) or float32
            (frames, features) in NumPy's format.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        files = {content: self.folder / f"{content[:32]}.npy" for content in clips.hashes}
        absent = [row for row, content in enumerate(clips.hashes) if not _is_complete(files[content])]
        bad = {}
        if absent:
            print(f"reading the frames of {counted(len(absent), 'clip')}", flush=True)
        progress = keras.utils.Progbar(len(absent)) if absent and sys.stdout.isatty() else None
        for row in absent:
            try:
                self._save(files[clips.hashes[row]], self.compute(clips.paths[row]))
            except UserError as error:
                if strict:
                    raise
                bad[row] = error
            if progress:
                progress.add(1)
        for error in bad.values():
            print(f"left out: {error}", file=sys.stderr)
        if bad and len(bad) == len(clips):
            raise UserError(f"{clips.paths[0].parent}: none of {len(clips)} clips can be read")
        return clips.take([row for row in range(len(clips)) if row not in bad]), files

    def compute(self, path):
        """Return the frames or features of a clip."""
        frames = sample_frames(path, self.config)
        return frames if self.backbone is None else compute_features(frames, self.backbone, self.config.max_frames)

    def _save(self, file, array):
        with replacing(file) as part:
            np.save(part, array)


def sample_frames(path, config):
    """Read the sampled frames of a clip, uint8 (frames, frame_size, frame_size, 3)."""
    video = open_video(path)
    chosen = choose_frames(video.times, video.duration, config.sampling, config.max_frames, config.fps)
    return np.stack(list(read_frames(video, chosen, config.frame_size)))


def readable(paths, config, count):
    """Return the first `count` of some clips that can be read."""
    found = []
    for path in paths:
        if len(found) == count:
            break
        with contextlib.suppress(UserError):
            sample_frames(path, config)
            found.append(path)
    return found


def compute_features(frames, backbone, max_frames):
    """Return the features of a clip's frames, float32 (frames, features)."""
    # Always the same number of frames, so that the backbone is compiled once.
    padded = pad_frames([frames.astype("float32")], max_frames)[0]
    return keras.ops.convert_to_numpy(backbone.predict_on_batch(padded))[: len(frames)]


def _is_complete(file):
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
