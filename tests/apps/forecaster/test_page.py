"""The server's page with the forecaster, in Chromium."""

import json
import shlex

import numpy as np
import pytest
import requests

from tests.conftest import serving

WINDOW_LENGTH = 48


def test_forecast_is_drawn_after_the_past(visitor, trained, trained_with_covariates, table, tmp_path):
    recent = table.drop(columns="holiday").ffill().tail(100)
    recent.to_csv(tmp_path / "recent.csv", index=False)
    recent.assign(market="much").to_csv(tmp_path / "wrong.csv", index=False)
    recent.tail(5).to_csv(tmp_path / "short.csv", index=False)
    values = recent[["market", "station"]].to_numpy()[-WINDOW_LENGTH:]
    with serving(trained, f"with_known={trained_with_covariates}") as server:
        answer = requests.post(server.url, json={"instances": [values.tolist()]}, timeout=60).json()["predictions"][0]
        visitor.open(server.http)
        # A table of the past has no future covariates: the page takes a request instead.
        _, other = visitor.all("main section")
        assert "known: float64" in other.text and not other.find_elements("css selector", "input[type=file]")
        visitor.run("arguments[0].remove()", other)
        visitor.ask(tmp_path / "wrong.csv", "input[type=file]")
        assert visitor.texts(".error") == ["the file has 1 columns of numbers; the model takes 2"]
        visitor.ask(tmp_path / "short.csv", "input[type=file]")
        assert visitor.texts(".error") == ["the file has 5 rows; the model takes 48"]
        visitor.ask(tmp_path / "recent.csv", "input[type=file]")
        pictures = visitor.all("svg")
        assert [picture.get_attribute("aria-label") for picture in pictures] == [
            "forecast of market", "forecast of station",
        ]  # fmt: skip
        for series, picture in enumerate(pictures):
            past, future = visitor.run("[...arguments[0].querySelectorAll('polyline')].map((e) => [...e.points].map("
                                       "(p) => p.y))", picture)  # fmt: skip
            forecast = np.array(answer["forecast"])[:, series]
            assert len(past) == min(3 * len(forecast), len(values)) and future[0] == pytest.approx(past[-1], abs=0.01)
            # Past and forecast have the same scale, and higher values are higher.
            drawn = np.concatenate([past, future[1:]])
            expected = np.concatenate([values[-len(past) :, series], forecast])
            slope, intercept = np.polyfit(expected, drawn, 1)
            assert slope < 0
            np.testing.assert_allclose(drawn, slope * expected + intercept, atol=0.1)
            assert len(visitor.run("arguments[0].querySelector('polygon').points", picture)) == 2 * len(forecast)
        _, _, body, url = shlex.split(visitor.texts(".same pre")[0])
        assert (json.loads(body), url) == ({"instances": [values.tolist()]}, server.url)
        # Times are read as the training reads them.
        cells = ["2024-01-08", "2024-01-08 05:00", "2024-01-08T05:00:30+01:00", "8 January", "7", ""]
        assert visitor.run("arguments[0].map(secondsOf)", cells) == [
            1704672000, 1704690000, 1704686430, None, None, None,
        ]  # fmt: skip
