"""The page at /, tried in Chromium with the spam detector; each app's own test tries its answers."""

import json
import shlex
import shutil
import subprocess

import pytest

from apps.spam_detector.predict import Detector
from tests.conftest import serving

LINES = ["WIN a £1000 prize, it's yours, call 09061701461", "<img src=x onerror=alert(1)> see you at nine"]


@pytest.fixture(scope="module")
def expected(trained):
    return Detector(trained)(LINES)


def test_texts_are_answered_with_label_and_bars(visitor, server, expected):
    visitor.open(server.http)
    assert visitor.texts("h2") == ["spam_detector, version 1"]
    visitor.ask("\n".join(LINES))
    assert visitor.texts(".answer > small") == LINES, "what is given is shown as text"
    labels = ["spam" if probability >= 0.5 else "ham" for probability in expected]
    assert visitor.texts(".answer > strong") == labels
    shown = [float(text.split("·")[1].strip(" %")) for text in visitor.texts(".answer .answer")]
    assert shown == pytest.approx([share for p in expected for share in (100 - 100 * p, 100 * p)], abs=0.06)
    widths = [visitor.run("arguments[0].style.width", bar) for bar in visitor.all(".bar > div")]
    assert [float(width.strip("%")) for width in widths] == pytest.approx(shown, abs=0.06)


def test_curl_line_does_the_same(visitor, server, expected):
    if not shutil.which("curl"):
        pytest.skip("no curl on this machine")
    visitor.open(server.http)
    visitor.ask("\n".join(LINES))
    (line,) = visitor.texts(".same pre")
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)["predictions"]
    assert [row["scores"][1] for row in rows] == pytest.approx(expected.tolist(), abs=1e-6)


def test_mistakes_are_told_and_the_next_request_is_answered(visitor, server):
    visitor.open(server.http)
    visitor.ask(" \n")
    assert visitor.texts(".error") == ["nothing to send: write a text"]
    visitor.run("arguments[0].value = 'x\\n'.repeat(2000)", visitor.all("textarea")[0])
    visitor.submit()
    assert "at most 1024 are accepted" in visitor.texts(".error")[0]
    visitor.ask("hello")
    assert not visitor.all(".error") and len(visitor.all(".answer > strong")) == 1


def test_token_is_asked_for(visitor, trained, tmp_path):
    (tmp_path / "token").write_text("s3cret")
    with serving(trained, "--token-file", tmp_path / "token") as server:
        visitor.open(server.http)
        assert "expected the header Authorization" in visitor.texts(".error")[0]
        (field,) = visitor.all("input[type=password]")
        assert field.is_displayed()
        field.send_keys("s3cret\t")
        visitor._until(lambda: visitor.all("main section"))
        visitor.ask("hello")
        assert visitor.texts(".answer > strong")
        assert "-H 'Authorization: Bearer TOKEN'" in visitor.texts(".same pre")[0]


def test_page_asks_nobody_but_the_server(visitor, server):
    visitor.open(server.http)
    asked = visitor.run("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert len(asked) >= 2 and all(name.startswith((server.http, "data:")) for name in asked)
