"""The sample with the default settings."""

import pytest

from apps.common import cli, files
from apps.forecaster.evaluate import evaluate
from apps.forecaster.train import train


@pytest.mark.slow
def test_forecasts_of_the_sample_beat_the_baselines_and_are_calibrated(tmp_path):
    run_dir = tmp_path / "run"
    assert cli.run(train, ["--run-dir", str(run_dir)]) == 0
    assert cli.run(evaluate, [str(run_dir)]) == 0
    results = files.read_json(run_dir / "metrics.json")["results"]
    ours, *baselines = (result["overall"] for result in results.values())
    assert len(baselines) >= 3
    for other in baselines:
        assert ours["mae"] < other["mae"] and ours["pinball"] < other["pinball"] and ours["mse"] < other["mse"]
    assert 0.75 <= ours["coverage_80"] <= 0.85
