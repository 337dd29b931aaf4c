"""The server's page with the video captioner, in Chromium."""

import numpy as np
import requests
from PIL import Image

from apps.video_captioner.sample_data.make_clips import COLOURS
from tests.conftest import serving


def test_caption_is_shown_below_the_clip(visitor, trained, captioner, folder, tmp_path):
    frames = np.zeros((4, 32, 32, 3), "uint8")
    frames[:, 8:24, 8:24] = COLOURS["red"]
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(tmp_path / "clip.gif", save_all=True, append_images=others)
    (tmp_path / "broken.gif").write_bytes(b"no image")
    with serving(trained) as server:
        visitor.open(server.http)
        visitor.ask(tmp_path / "clip.gif", "input[type=file]")
        # A GIF may store equal frames as one.
        with Image.open(tmp_path / "clip.gif") as clip:
            count = clip.n_frames
        assert visitor.texts("figcaption") == captioner([frames[:count]])[0]
        assert visitor.run("document.querySelector('figure img').naturalWidth") == 32
        visitor.ask(tmp_path / "broken.gif", "input[type=file]")
        assert visitor.texts(".error") and not visitor.all("figcaption")
        visitor.ask(sorted(folder.glob("test_*.mp4"))[0], "input[type=file]")
        (caption,) = visitor.texts("figcaption")
        assert caption and visitor.run("document.querySelector('figure video').videoWidth") == 32
        assert visitor.texts(".same pre") == [f"curl -d @request.json {server.url}"]
        assert requests.post(server.url, data=visitor.download("request.json"), timeout=60).json()["outputs"][
            "caption"
        ] == [caption]
