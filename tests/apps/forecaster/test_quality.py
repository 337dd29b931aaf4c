"""The whole story on the sample, with the settings as they are."""

import pytest

from apps.common import cli, runs
from apps.forecaster.evaluate import evaluate
from apps.forecaster.train import train


@pytest.mark.slow
def test_forecasts_of_the_sample_beat_the_simple_ones_and_know_how_sure_they_are(tmp_path):
    run_dir = tmp_path / "run"
    assert cli.run(train, ["--run-dir", str(run_dir)]) == 0
    assert cli.run(evaluate, [str(run_dir)]) == 0
    results = runs.read_json(run_dir / "metrics.json")["results"]
    ours, *simple = (result["overall"] for result in results.values())
    assert len(simple) >= 3
    for other in simple:
        assert ours["mae"] < other["mae"] and ours["pinball"] < other["pinball"] and ours["mse"] < other["mse"]
    assert 0.75 <= ours["coverage_80"] <= 0.85
