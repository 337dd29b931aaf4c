"""The server's page with the forecaster, in Chromium."""

import json
import shlex

import numpy as np
import pytest
import requests

from tests.apps.forecaster.conftest import SMALL
from tests.conftest import serving


def test_forecast_is_drawn_after_the_past(visitor, trained, table, tmp_path):
    recent = table.drop(columns="holiday").ffill().tail(100)
    recent.to_csv(tmp_path / "recent.csv", index=False)
    recent.assign(market="much").to_csv(tmp_path / "wrong.csv", index=False)
    recent.tail(5).to_csv(tmp_path / "short.csv", index=False)
    values = recent[["market", "station"]].to_numpy()[-SMALL["window_length"] :]
    with serving(trained) as server:
        answer = requests.post(server.url, json={"instances": [values.tolist()]}, timeout=60).json()["predictions"][0]
        visitor.open(server.http)
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
            past, ahead = visitor.run("[...arguments[0].querySelectorAll('polyline')].map((e) => [...e.points].map("
                                      "(p) => p.y))", picture)  # fmt: skip
            forecast = np.array(answer["forecast"])[:, series]
            assert len(past) == min(3 * len(forecast), len(values)) and ahead[0] == pytest.approx(past[-1], abs=0.01)
            # Higher values stand higher, by the same measure as the past.
            drawn = np.concatenate([past, ahead[1:]])
            given = np.concatenate([values[-len(past) :, series], forecast])
            slope, middle = np.polyfit(given, drawn, 1)
            assert slope < 0
            np.testing.assert_allclose(drawn, slope * given + middle, atol=0.1)
            assert len(visitor.run("arguments[0].querySelector('polygon').points", picture)) == 2 * len(forecast)
        _, _, body, url = shlex.split(visitor.texts(".same pre")[0])
        assert (json.loads(body), url) == ({"instances": [values.tolist()]}, server.url)


def test_times_are_read_as_the_training_reads_them(visitor, trained_with_covariates):
    with serving(trained_with_covariates) as server:
        visitor.open(server.http)
        cells = ["2024-01-08", "2024-01-08 05:00", "2024-01-08T05:00:30+01:00", "8 January", "7", ""]
        assert visitor.run("arguments[0].map(secondsOf)", cells) == [
            1704672000, 1704690000, 1704686430, None, None, None,
        ]  # fmt: skip
        # Its columns that are known ahead are in no table of the past: a request is written out.
        assert "known: float64" in visitor.texts("label small")[0]
