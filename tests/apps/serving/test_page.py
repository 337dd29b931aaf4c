"""The page at / with the spam detector, in Chromium; each app has its own such test."""

import json
import shlex
import shutil
import subprocess

import pytest

from apps.spam_detector.detector import Detector
from tests.conftest import serving

LINES = ["WIN a £1000 prize, it's yours, call 09061701461", "<img src=x onerror=alert(1)> see you at nine"]


@pytest.fixture(scope="module")
def expected(trained):
    return Detector(trained)(LINES)


def test_texts_get_labels_and_bars(visitor, server, expected):
    visitor.open(server.http)
    assert visitor.texts("h2") == ["spam_detector, version 1"]
    visitor.ask("\n".join(LINES))
    assert visitor.texts(".answer > small") == LINES, "input is not shown as plain text"
    labels = ["spam" if probability >= 0.5 else "ham" for probability in expected]
    assert visitor.texts(".answer > strong") == labels
    shown = [float(text.split("·")[1].strip(" %")) for text in visitor.texts(".answer .answer")]
    assert shown == pytest.approx([percent for p in expected for percent in (100 - 100 * p, 100 * p)], abs=0.06)
    widths = [visitor.run("arguments[0].style.width", bar) for bar in visitor.all(".bar > div")]
    assert [float(width.strip("%")) for width in widths] == pytest.approx(shown, abs=0.06)


def test_curl_command_gets_equal_scores(visitor, server, expected):
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    visitor.open(server.http)
    visitor.ask("\n".join(LINES))
    (line,) = visitor.texts(".same pre")
    result = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True)
    rows = json.loads(result.stdout)["predictions"]
    assert [row["scores"][1] for row in rows] == pytest.approx(expected.tolist(), abs=1e-6)


def test_errors_are_shown_and_the_next_request_is_answered(visitor, server):
    visitor.open(server.http)
    visitor.ask(" \n")
    assert visitor.texts(".error") == ["nothing to send: enter a text"]
    visitor.run("arguments[0].value = 'x\\n'.repeat(2000)", visitor.all("textarea")[0])
    visitor.submit()
    assert "at most 1024 are accepted" in visitor.texts(".error")[0]
    visitor.ask("hello")
    assert not visitor.all(".error") and len(visitor.all(".answer > strong")) == 1


def test_token_field_is_shown_if_needed(visitor, trained, tmp_path):
    (tmp_path / "token").write_text("s3cret")
    with serving(trained, "--token-file", tmp_path / "token") as server:
        visitor.open(server.http)
        assert "expected the header Authorization" in visitor.texts(".error")[0]
        (field,) = visitor.all("input[type=password]")
        assert field.is_displayed()
        field.send_keys("s3cret\t")
        visitor.until(lambda: visitor.all("main section"))
        visitor.ask("hello")
        assert visitor.texts(".answer > strong")
        assert "-H 'Authorization: Bearer TOKEN'" in visitor.texts(".same pre")[0]


def test_lab_is_one_click_away(visitor, server):
    visitor.open(server.http)
    visitor.driver.find_element("link text", "How a recurrent network remembers: the lab").click()
    visitor.until(lambda: visitor.all("#equations .vector button"))
    assert visitor.driver.current_url.startswith(f"{server.http}/lab/")


def test_page_sends_requests_only_to_the_server(visitor, server):
    visitor.open(server.http)
    urls = visitor.run("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert len(urls) >= 2 and all(url.startswith((server.http, "data:")) for url in urls)
