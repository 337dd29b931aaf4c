"""Each part of the page, in Chromium."""

import json

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

import layers
from apps.lab.make import PATH
from apps.lab.networks import TASKS

from .conftest import number

# What the page writes at the states before a step.
PRIME = "\N{PRIME}"
NETWORKS = {task["name"]: task for task in json.loads(PATH.read_text(encoding="utf-8"))["tasks"]}


def states_of(task, cell, text):
    """States of a stored network that reads a text: of the last step h, and c of an LSTM."""
    network = NETWORKS[task]["networks"][cell]
    kind = {"simple_rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}[cell]
    layer = kind(network["units"], return_state=True)
    symbols = NETWORKS[task]["inputs"]
    inputs = np.eye(len(symbols), dtype="float32")[[symbols.index(letter) for letter in text]][None]
    layer(inputs)
    names = ("kernel", "recurrent_kernel", "bias")
    weights = [np.reshape(network[name], weight.shape) for name, weight in zip(names, layer.weights, strict=True)]
    layer.set_weights(weights)
    return [np.array(state)[0] for state in layer(inputs)[1:]]


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_numbers_of_a_step_are_those_of_the_layer(page, cell):
    page.open(network="echo", cell=cell, text="abcdab", step=4)
    h, *rest = states_of("echo", cell, "abcd")
    np.testing.assert_allclose(page.numbers("h"), h, atol=6e-4)
    if rest:
        np.testing.assert_allclose(page.numbers("c"), rest[0], atol=6e-4)
    lines = page.texts("#equations .numbers")
    assert len(lines) == {"simple_rnn": 1, "lstm": 6, "gru": 4}[cell]
    assert [line[0] for line in lines] == list({"simple_rnn": "h", "lstm": "ifgoch", "gru": "zrgh"}[cell])
    shares = [number(text.removesuffix(" %")) for text in page.texts("#output .bar > :last-child")]
    assert len(shares) == 4 and sum(shares) == pytest.approx(100, abs=0.3)
    assert page.texts("#output .bar.right > :first-child")[0].startswith("a")
    assert page.text("#code").count("    layers.") == 1


def test_buttons_and_keys_move_through_the_sequence(page):
    page.open(network="hello", cell="gru", text="hello low", step=1)
    where = lambda: page.text("#where")  # noqa: E731
    page.click("#forward")
    assert where() == "2 of 9" and "reads x = e" in page.text("#input-now")
    page.click("#last")
    assert where() == "9 of 9"
    body = page.one("body")
    for key, expected in ((Keys.ARROW_LEFT, 8), (Keys.HOME, 0), (Keys.ARROW_RIGHT, 1), (Keys.END, 9)):
        body.send_keys(key)
        assert where() == f"{expected} of 9"
    page.choose("#speed", 60)
    body.send_keys(Keys.SPACE)
    page.until(lambda: page.text("#play").endswith("Play"))
    assert where() == "9 of 9"
    page.choose("#speed", 10)
    page.click("#terms")
    page.click("#first")
    page.click("#play")
    page.until(lambda: page.texts(".lit"))
    page.click("#play")
    assert not page.texts(".lit") and number(where().split()[0]) < 9
    # Keys that are typed into a field do not move.
    page.click("#first")
    page.one("#text").send_keys(Keys.END, Keys.ARROW_LEFT)
    assert where() == "0 of 9" and "Nothing is read yet" in page.text("#input-now")


def test_a_number_shows_its_row_and_what_it_reaches(page):
    page.open(network="echo", cell="lstm", text="abcd", step=3)
    network, (h, _) = NETWORKS["echo"]["networks"]["lstm"], states_of("echo", "lstm", "ab")
    units = network["units"]
    kernel, recurrent = (np.reshape(network[name], (-1, 4 * units)) for name in ("kernel", "recurrent_kernel"))
    chip = page.driver.find_elements("css selector", "#equations .equation:nth-child(2) button")[5]
    ActionChains(page.driver).move_to_element(chip).perform()
    rows = [row.split() for row in page.texts("#detail tr")]
    assert page.text("#detail b").startswith("f[5] = ")
    assert rows[0][0] == "c" and number(rows[0][-1]) == pytest.approx(kernel[2, units + 5], abs=6e-4)
    found = [number(row[-1]) for row in rows if row[0].startswith(f"h{PRIME}[")]
    np.testing.assert_allclose(found, h * recurrent[:, units + 5], atol=6e-4)
    assert f"stays of c{PRIME}[5]" in page.text("#detail")
    chip.click()
    assert page.one("#unit").get_attribute("value") == "5" and page.text("#history-title") == "Unit 5 over time"


def test_unknown_empty_and_long_texts_get_a_message(page):
    page.open(network="brackets", cell="lstm")
    page.write("#text", "(x)y(")
    assert "Left out x y" in page.text("#message") and page.text("#where") == "1 of 3"
    page.write("#text", "xyz")
    assert "Nothing to read: the network knows ( )" in page.text("#message") and page.text("#where") == "1 of 3"
    page.driver.execute_script("arguments[0].value = '()'.repeat(5000)", page.one("#text"))
    page.click("#text-form button")
    assert "The first 200 of 10000 steps are read" in page.text("#message") and page.text("#where") == "1 of 200"


def test_series_are_typed_chosen_and_drawn(page):
    page.open(network="sine", cell="gru", step=3)
    assert not page.one("#text-form").is_displayed()
    page.write("#series", "0.1, 0.2; 0.3 0.4")
    assert page.text("#where") == "3 of 4" and "Next value: 0.400" in page.text("#output")
    page.write("#series", "0.1, word")
    assert "“word”, number 2, is not a number" in page.text("#message") and page.text("#where") == "3 of 4"
    page.click("[data-wave=square]")
    assert page.text("#where") == "3 of 36" and page.one("#series").get_attribute("value").startswith("0.7, 0.7")
    pad = page.one("#pad")
    ActionChains(page.driver).move_to_element(pad).click_and_hold().move_by_offset(60, 30).release().perform()
    assert page.one("#series").get_attribute("value").count("0.7") < 36
    assert not page.texts("#message.error")


def test_networks_read_their_own_answers(page):
    page.open(network="hello", cell="lstm", text="hollow yxx", step=8)
    for _ in range(4):
        page.click("#continue")
    assert page.one("#text").get_attribute("value") == "hollow yello" and page.text("#where") == "12 of 12"
    page.click("#first")
    page.click("#continue")
    assert "Nothing is read yet" in page.text("#message")
    page.choose("#task", "sine")
    page.click("#last")
    page.click("#continue")
    answer = float(page.one("#series").get_attribute("value").split(", ")[-1])
    assert page.text("#where") == "37 of 37" and answer == pytest.approx(0, abs=0.15)
    page.choose("#task", "echo")
    assert not page.one("#continue").is_displayed()


def test_pictures_show_units_by_steps(page):
    page.open(network="hello", cell="lstm", text="hello yellow", step=5)
    sizes = page.visitor.run("[...document.querySelectorAll('#maps canvas')].map((map) => [map.width, map.height])")
    assert sizes == [[12, 12]] * 6
    assert [title.split(",")[0] for title in page.texts(".map-title > :first-child")] == list("hcifgo")
    assert len(page.texts("#history path.series")) == 6 and len(page.texts("#path text")) == 12
    assert "reads x = o" in page.text("#input-now") and page.texts("#chain .link:nth-child(5) span")[-1].endswith("o")
    label = page.one("#maps canvas")
    ActionChains(page.driver).move_to_element_with_offset(label, -label.size["width"] // 2 + 2, 0).click().perform()
    assert page.text("#where") == "1 of 12"


def test_changes_act_at_once_and_can_be_undone(page):
    page.open(network="echo", cell="lstm", text="abcd", step=4)
    before = page.numbers("h")
    page.choose("#matrix", "bias")
    page.choose("#block", 1)
    page.choose("#to", 3)
    page.write("#value", "-6.5", Keys.TAB)
    assert page.numbers("f")[3] < 0.02 and page.numbers("h") != before
    page.write("#value", "NaN", Keys.TAB)
    assert "is not a number" in page.text("#message") and page.one("#value").get_attribute("value") == "-6.5"
    page.choose("#clamp-gate", "o")
    page.click("#shut")
    assert page.numbers("h") == [0] * 12 and "held; free it would be" in page.texts("#equations .numbers")[3]
    page.click("#compare")
    assert len(page.texts("#maps canvas")) == 12 and "untouched" in page.text("#output-note")
    assert "2 changes; the last: gate o of all units shut" in page.text("#changes")
    page.click("#undo")
    assert page.numbers("h") != [0] * 12
    page.click("#reset")
    assert page.numbers("h") == before and not page.one("#undo").is_enabled()
    page.choose("#matrix", "h")
    page.choose("#to", 0)
    page.slide("#slide", 0.5)
    page.slide("#slide", 4)
    assert page.numbers("h") != before and "1 change; the last: h[0] = 4.000" in page.text("#changes")
    page.click("#compare")


def test_exploding_networks_stay_readable(page):
    changes = [["kernel", index, 1e300] for index in range(20)] + [["clamp", "f", -1, 1], ["output_kernel", 0, 1e308]]
    page.open(network="echo", cell="lstm", text="abcdabcd", step=8, changes=json.dumps(changes))
    assert "NaN" not in page.text("main") and "undefined" not in page.text("main")


def test_link_restores_what_is_seen(page):
    page.open(network="brackets", cell="gru", text="(()", step=1)
    page.click("#forward")
    page.choose("#unit", 4)
    page.choose("#clamp-gate", "z")
    page.click("#open")
    page.click("#compare")
    page.choose("#target", 2)
    page.choose("#norm-weights", "random")
    page.driver.execute_script(
        "for (const [id, value] of [['forget', 3], ['limit', -1]]) {"
        "const control = document.getElementById(id); control.value = value;"
        "for (const type of ['input', 'change']) control.dispatchEvent(new Event(type)); }"
    )
    page.until(lambda: all(part in page.driver.current_url for part in ("changes", "unit=4", "limit=-1")))
    parts = ("#step", "#changes", "#understand")
    shown, link = [page.text(part) for part in parts], page.driver.current_url
    page.driver.get("about:blank")
    page.driver.get(link)
    page.until(lambda: page.texts("#equations button"))
    assert [page.text(part) for part in parts] == shown and page.text("#where") == "2 of 3"
    assert len(page.texts("#maps canvas")) == 8 and "log p(2)" in page.text("#saliency-note")
    page.open(
        network="nothing", cell="x", text="!!", step="x", unit="-9", changes='[["kernel", 1e9, 1], ["clamp"], 3, null]'
    )
    assert page.text("#changes") == "Nothing is changed."
    page.open(network="echo", changes="{", scale="x", target="9", compare="yes")
    assert page.text("#scale-value") == "1.00" and page.one("#target").get_attribute("value") == "top"
    assert "cannot be read" in page.text("#message") or page.text("#changes") == "Nothing is changed."


def test_gradients_show_what_is_remembered_and_what_vanishes(page):
    page.open(network="echo", cell="lstm", text="abcdabcd", step=8)
    assert "It is largest" in page.text("#saliency-note") and "3 steps back" in page.text("#saliency-note")
    after = lambda: [number(text.removesuffix(" after 40 steps")) for text in page.texts("#norms-legend .key")]  # noqa: E731
    page.choose("#norm-weights", "random")
    plain = after()
    assert len(plain) == 3
    page.slide("#forget", 5)
    held = after()
    assert held[1] > 10 * plain[1] and held[2] > 10 * plain[2] and held[0] == plain[0]
    page.slide("#scale", 3)
    assert after() != held
    page.slide("#limit", -2)
    assert all("→ 0.01" in text for text in page.texts("#clipping .bar > :last-child"))


@pytest.mark.parametrize("cell", ["simple_rnn", "gru"])
def test_training_in_the_page_learns(page, cell):
    page.open(network="brackets", cell=cell, step=2)
    page.click("#train-new")
    before = page.numbers("h")
    page.write("#rate", "0", Keys.TAB)
    page.click("#train-run")
    assert "above 0" in page.text("#train-note")
    page.write("#rate", "1", Keys.TAB)
    page.click("#train-run")
    page.until(
        lambda: page.text("#train-note").startswith("Step 300:") and page.text("#train-run") == "Train 300 steps"
    )
    # Guessing among five counts gives 1.6.
    assert float(page.text("#train-note").split("loss ")[1].split(",")[0]) < 1
    assert page.numbers("h") != before
    page.click("#train-back")
    assert page.numbers("h") != before


def test_every_control_has_a_name_and_pictures_a_text(page):
    page.open(network="hello", cell="lstm")
    script = """[...document.querySelectorAll("input, select, button, canvas, svg[role]")]
        .filter((each) =>
            !(each.labels?.length || each.getAttribute("aria-label") || each.getAttribute("aria-labelledby")
            || each.innerText.trim())
        ).map((each) => each.outerHTML)"""
    assert page.visitor.run(script) == []
    assert page.visitor.run("document.querySelectorAll('canvas[aria-label], svg[role]').length") >= 10


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_page_fits_a_phone(page, task):
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.open(network=task.name, cell="gru", step=3)
        assert page.visitor.run("document.documentElement.scrollWidth") <= 360
        page.click("#forward")
        assert page.text("#where").startswith("4 of")
        # The same place for the buttons at every step.
        tops = []
        for _ in range(2):
            tops.append(page.visitor.run("document.querySelector('#detail').getBoundingClientRect().bottom + scrollY"))
            page.click("#forward")
        assert tops[0] == pytest.approx(tops[1], abs=1)
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
