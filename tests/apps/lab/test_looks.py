"""The page on a phone, in the dark, for people who see colours otherwise, and in two tabs."""

import contextlib
import json
import re

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from .conftest import number

PHONE, DESKTOP = (360, 740), (1280, 900)


@contextlib.contextmanager
def emulated(driver, size=DESKTOP, **features):
    """A size of the window, and features of the medium such as prefers_color_scheme="dark"."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    pairs = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": pairs})
    try:
        yield
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.fixture
def phone(page):
    with emulated(page.driver, PHONE):
        yield page


def test_steps_on_a_phone(phone):
    phone.open(network="echo", cell="lstm", text="abcdabcd", step=2)
    phone.click("#forward")
    phone.click("#equations .equation:nth-child(2) button:nth-child(4)")
    assert phone.text("#detail b").startswith("f[3] = ") and phone.text("#where") == "3 of 8"
    assert "From the state" in phone.text("#detail") and "It reaches" in phone.text("#detail")
    phone.choose("#speed", 60)
    phone.click("#play")
    phone.until(lambda: phone.text("#where") == "8 of 8" and phone.text("#play").endswith("Play"))
    assert phone.texts("#output .bar.right > :first-child")[0].startswith("a")
    # The last link of the unrolled network is in the window, under the mark of the current step.
    boxes = [f"#chain {part}" for part in (".link:nth-child(8)", ".now", "")]
    script = "arguments[0].map((each) => document.querySelector(each).getBoundingClientRect().toJSON())"
    link, now, chain = phone.visitor.run(script, [box.strip() for box in boxes])
    assert link["x"] == pytest.approx(now["x"], abs=1) and link["right"] <= chain["right"] + 1
    map_of_h = phone.one("#maps canvas")
    assert map_of_h.size["width"] > 300
    ActionChains(phone.driver).move_to_element(map_of_h).click().perform()
    assert phone.text("#where") in ("4 of 8", "5 of 8")


def test_changes_on_a_phone(phone):
    phone.open(network="brackets", cell="gru", text="(()", step=3)
    before = phone.numbers("h")
    phone.choose("#matrix", "recurrent_kernel")
    phone.write("#value", "NaN", Keys.TAB)
    assert "“NaN” is not a number" in phone.text("#message") and phone.numbers("h") == before
    phone.write("#value", "3", Keys.TAB)
    phone.choose("#clamp-gate", "z")
    phone.click("#open")
    assert phone.numbers("h") == [0] * 6
    phone.click("#compare")
    maps = phone.visitor.run("[...document.querySelectorAll('#maps canvas')].map((map) => map.clientWidth)")
    assert len(maps) == 8 and min(maps) > 300
    assert phone.visitor.run("document.documentElement.scrollWidth") <= 360
    phone.click("#compare")
    phone.click("#undo")
    phone.click("#undo")
    assert phone.numbers("h") == before
    phone.write("#text", Keys.DELETE)
    assert "Nothing to read" in phone.text("#message") and phone.text("#where") == "3 of 3"


def test_understanding_and_training_on_a_phone(phone):
    phone.open(network="brackets", cell="simple_rnn", text="(())", step=4)
    before = phone.texts("#norms-legend .key")
    phone.slide("#scale", 2)
    assert phone.texts("#norms-legend .key") != before and "It is largest" in phone.text("#saliency-note")
    phone.slide("#limit", -1)
    assert all("→ 0.1" in text for text in phone.texts("#clipping .bar > :last-child"))
    phone.click("#train-new")
    # Pauses after three frames.
    phone.driver.execute_async_script(
        "const done = arguments[0], button = document.querySelector('#train-run');"
        "const wait = (frames) => requestAnimationFrame(() => (frames ? wait(frames - 1) : (button.click(), done())));"
        "button.click(); wait(3);"
    )
    assert phone.text("#train-run") == "Train 300 steps" and phone.text("#train-note").startswith("Step ")
    # What was outside the window while it trained is drawn, too.
    shown = phone.numbers("h")
    phone.click("#back")
    phone.click("#forward")
    assert phone.numbers("h") == shown
    drawn = phone.visitor.run("document.querySelector('#loss path.series').getAttribute('d')")
    assert drawn.count("L") >= 1


def test_similar_states_share_their_past(page):
    page.open(network="echo", cell="lstm", text="abcdabcd", step=7)
    _, *rows = page.texts("#similar tr")
    assert len(rows) == 6
    pasts = [re.sub(r"\s", "", row)[:9] for row in rows]
    # To say again what came 3 steps ago, the state holds the last three letters.
    assert sum("abc" in past for past in pasts) >= 4
    differences = [number(row) for row in rows]
    assert differences == sorted(differences) and differences[0] < 0.2
    page.click("#first")
    assert page.text("#similar") == "Nothing is read yet."


CONTRASTS = """
const parse = (text) => {
  const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
  return text.startsWith("color(") ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a];
};
const over = ([r, g, b, a], below) => [r, g, b].map((value, at) => a * value + (1 - a) * below[at]);
const light = (rgb) => rgb.map((value) => value / 255)
  .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
  .reduce((sum, value, at) => sum + [0.2126, 0.7152, 0.0722][at] * value, 0);
const behind = (element) => {
  const chain = [];
  for (let each = element; each; each = each.parentElement) chain.push(parse(getComputedStyle(each).backgroundColor));
  return chain.reverse().reduce((below, colour) => over(colour, below), [255, 255, 255]);
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  const text = texts.currentNode.data.trim();
  if (!text || !element.checkVisibility() || element.closest(".hidden, option, :disabled")) continue;
  const style = getComputedStyle(element), below = behind(element);
  const own = over(parse(element.closest("svg") ? style.fill : style.color), below);
  const [low, high] = [light(own), light(below)].sort((one, other) => one - other);
  found.push([(high + 0.05) / (low + 0.05), text, element.className.baseVal ?? element.className]);
}
return found.sort(([one], [other]) => one - other);
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_have_contrast(page, theme):
    with emulated(page.driver, prefers_color_scheme=theme):
        page.open(network="hello", cell="lstm", text="hello low", step=5)
        page.write("#text", "123")
        page.click("#terms")
        page.driver.execute_script(
            "document.querySelectorAll('.formula span').forEach((each) => each.classList.add('lit'))"
        )
        found = page.driver.execute_script(CONTRASTS)
        assert len(found) > 250
        assert [each for each in found if each[0] < 4.5] == []
        page.click("#terms")


# Machado, Oliveira and Fernandes 2009: what people without one of the three cones see, in linear RGB.
DEFICIENCIES = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab_colour(rgb, deficiency):
    """CIE L*a*b* of a colour as it is seen."""
    values = np.array(rgb) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(DEFICIENCIES[deficiency]) @ linear if deficiency else linear, 0, 1)
    x, y, z = np.cbrt(TO_XYZ @ seen / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_differ_for_everybody(page, theme):
    with emulated(page.driver, prefers_color_scheme=theme):
        page.open()
        script = "const done = arguments[0]; import('/views.js').then((views) => done(views.colours()));"
        palette = page.driver.execute_async_script(script)
    for deficiency in (None, *DEFICIENCIES):
        paper, negative, positive = (
            lab_colour(palette[name], deficiency) for name in ("paper", "negative", "positive")
        )
        for one, other in ((paper, negative), (paper, positive), (negative, positive)):
            # Side by side a difference of 10 is visible; the colors of a map lie apart.
            assert np.linalg.norm(one - other) > 30, (deficiency, theme)


def test_texts_in_pictures_keep_their_size_on_a_phone(phone):
    phone.open(network="hello", cell="lstm")
    script = "[...document.querySelectorAll('svg text')].map((text) => text.getBoundingClientRect().height)"
    heights = phone.visitor.run(script)
    assert len(heights) > 20 and min(heights) > 10


def test_nothing_moves_by_itself_with_reduced_motion(page):
    script = "getComputedStyle(document.querySelector('.lit')).transitionDuration"
    for preference, duration in (("reduce", "0s"), ("no-preference", "0.15s")):
        with emulated(page.driver, prefers_reduced_motion=preference):
            page.open(network="echo", cell="gru")
            page.driver.execute_script("document.querySelector('.formula span').classList.add('lit')")
            assert page.visitor.run(script) == duration


def test_two_tabs_are_independent(page):
    page.open(network="echo", cell="lstm", text="abcd", step=2)
    first, before = page.driver.current_window_handle, page.numbers("h")
    page.driver.switch_to.new_window("tab")
    try:
        page.open(network="brackets", cell="gru", text="(()", step=1)
        page.choose("#clamp-gate", "z")
        page.click("#open")
        page.until(lambda: "clamp" in page.driver.current_url)
        second, link = page.driver.current_window_handle, page.driver.current_url
        page.driver.switch_to.window(first)
        assert page.numbers("h") == before and page.text("#where") == "2 of 4"
        page.click("#forward")
        page.until(lambda: "step=3" in page.driver.current_url)
        assert "network=echo" in page.driver.current_url and "clamp" not in page.driver.current_url
        page.driver.switch_to.window(second)
        assert page.driver.current_url == link and page.text("#where") == "1 of 3" and page.numbers("h") == [0] * 6
        # The link of one tab, opened in the other, shows what the first shows.
        page.driver.switch_to.window(first)
        page.driver.get(link)
        page.until(lambda: page.text("#where") == "1 of 3")
        assert page.numbers("h") == [0] * 6 and "gate z of all units open" in page.text("#changes")
    finally:
        page.driver.switch_to.window(second)
        page.driver.close()
        page.driver.switch_to.window(first)


def test_exploding_numbers_fit_a_phone(phone):
    changes = [["kernel", index, 1e300] for index in range(20)] + [["output_kernel", 0, 1e308]]
    phone.open(network="echo", cell="lstm", text="abcdabcd", step=8, changes=json.dumps(changes))
    assert phone.visitor.run("document.documentElement.scrollWidth") <= 360
    assert "NaN" not in phone.text("main") and "undefined" not in phone.text("main")
