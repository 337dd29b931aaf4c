"""Layers of a run on the page, in Chromium."""

import keras
import numpy as np

import layers

from .conftest import LabPage, lab_server, number


def test_large_layer_shows_its_most_active_units(visitor):
    from apps.lab.runs import Run

    sequences = keras.Input((None, 3))
    model = keras.Model(sequences, layers.GRU(300, reset_after=False, name="wide")(sequences))
    random = np.random.default_rng(0)
    run = Run(
        "runs/wide", "app", model, lambda text: (list(text), lambda: model(random.normal(size=(1, 9, 3)))), "messages"
    )
    with lab_server(run) as address:
        page = LabPage(visitor, address)
        page.open()
        page.until(lambda: "differ" in page.text("#message"))
        assert number(page.text("#message").rstrip(".")) < 1e-5 and page.text("#where") == "9 of 9"
        assert page.text("#cells legend") == "Layer" and "wide: GRU of 300 units" in page.text("#cells")
        assert len(page.numbers("h")) == 16 and "r \N{ASTERISK OPERATOR} h" in page.text("#equations")
        sizes = page.visitor.run(
            "[...document.querySelectorAll('canvas.pixels')].map((map) => [map.width, map.height])"
        )
        assert sizes == [[9, 64]] * 4 + [[300, 300]]
        page.until(lambda: "It is largest" in page.text("#saliency-note"))
        page.choose("#clamp-gate", "z")
        page.click("#open")
        assert page.numbers("h") == [0] * 16


def test_layer_of_a_run_is_shown_with_its_own_inputs(visitor, trained):
    from apps.lab.runs import open_layers
    from apps.spam_detector.detector import Detector

    run = open_layers(trained)
    with lab_server(run) as address:
        page = LabPage(visitor, address)
        page.open(network="run", text="see you at nine, WIN £1000", step=3)
        page.until(lambda: "differ" in page.text("#message"))
        assert "by at most" in page.text("#message") and number(page.text("#message").rstrip(".")) < 1e-5
        model = Detector(trained)
        layer = next(each for each in model.model.layers if isinstance(each, keras.layers.Bidirectional)).forward_layer
        sides = [text.split(":")[0].split(", ")[1] for text in page.texts("#cells label")]
        assert sides == ["forward", "backward"]
        assert len(page.numbers("h")) == min(16, layer.units)
        assert "reads x = at" in page.text("#input-now") and not page.one("#train").is_displayed()
        page.write("#text", "   ")
        page.until(lambda: page.texts("#message.error"))
        assert "type a text" in page.text("#message")
        page.choose("#task", "hello")
        assert page.text("#where").endswith("of 19") and page.one("#train").is_displayed()
        # The browser reports the refused text as an error of the network.
        visitor.complaints()
