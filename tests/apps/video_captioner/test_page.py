"""The server's page with the video captioner, in Chromium."""

import numpy as np
import requests
from PIL import Image

from apps.video_captioner.predict import Describer
from apps.video_captioner.sample_data.make_clips import COLOURS
from tests.conftest import serving


def test_caption_stands_under_the_clip(visitor, trained, folder, tmp_path):
    frames = np.array(COLOURS["red"], "uint8") + np.zeros((4, 32, 32, 3), "uint8")
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(tmp_path / "clip.gif", save_all=True, append_images=others)
    (tmp_path / "broken.gif").write_bytes(b"no picture")
    with serving(trained) as server:
        visitor.open(server.http)
        visitor.ask(tmp_path / "clip.gif", "input[type=file]")
        # A GIF may keep frames that are alike as one.
        kept = Image.open(tmp_path / "clip.gif").n_frames
        assert visitor.texts("figcaption") == Describer(trained)([frames[:kept]])[0]
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
