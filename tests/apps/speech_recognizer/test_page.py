"""The server's page with the speech recogniser, in Chromium."""

import base64

import requests

from tests.conftest import serving


def test_text_is_shown_with_the_waveform_and_the_recording_to_play(visitor, trained, clips, tmp_path):
    clip = clips / "000.wav"
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    with serving(trained) as server:
        content = {"b64": base64.b64encode(clip.read_bytes()).decode()}
        answer = requests.post(server.url, json={"signature_name": "wav", "inputs": {"wav": [content]}}, timeout=60)
        visitor.open(server.http)
        visitor.ask(clip, "input[type=file]")
        (text,) = visitor.texts(".answer strong, .answer em")
        assert text == (answer.json()["outputs"]["text"][0] or "no words")
        assert visitor.run("document.querySelectorAll('svg line').length") == 400
        assert visitor.run("document.querySelector('audio').src").startswith("blob:")
        visitor.ask(tmp_path / "broken.wav", "input[type=file]")
        assert "cannot decode" in visitor.texts(".error")[0]
        # Chromium is started without a microphone.
        visitor.run("[...document.querySelectorAll('button')].find((b) => b.textContent === 'Record').click()")
        visitor.until(lambda: visitor.run("document.body.textContent.includes('no microphone')"))
