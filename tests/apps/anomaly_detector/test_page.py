"""The server's page with the anomaly detector, in Chromium."""

import requests

from tests.apps.cases.anomaly_detector import SENSORS
from tests.conftest import serving


def test_alarms_are_drawn_over_the_readings(visitor, trained, table, tmp_path):
    rows = table[1250:1400]
    rows[["time", *SENSORS]].to_csv(tmp_path / "rows.csv", index=False)
    with serving(trained) as server:
        values = rows[SENSORS].to_numpy().tolist()
        answer = requests.post(server.url, json={"instances": [values]}, timeout=60).json()["predictions"][0]
        visitor.open(server.http)
        visitor.ask(tmp_path / "rows.csv", "input[type=file]")
        pictures = visitor.all("svg")
        assert [picture.get_attribute("aria-label") for picture in pictures][1:] == SENSORS
        alarms = sum(answer["alarm"])
        assert 0 < alarms < len(rows)
        for picture in pictures:
            assert visitor.run("arguments[0].querySelectorAll('rect').length", picture) == alarms
            assert visitor.run("arguments[0].querySelector('polyline').points.length", picture) == len(rows)
