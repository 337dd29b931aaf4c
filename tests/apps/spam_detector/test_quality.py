"""Quality on the real collection with the default settings."""

import pytest

from apps.common import cli, files
from apps.spam_detector.evaluate import evaluate
from apps.spam_detector.train import train
from tests.conftest import shared_data


@pytest.mark.slow
def test_real_collection_is_learned(tmp_path):
    data = shared_data("sms_spam/SMSSpamCollection")
    run_dir = tmp_path / "run"
    assert cli.run(train, ["--data", str(data), "--run-dir", str(run_dir)]) == 0
    assert cli.run(evaluate, [str(run_dir)]) == 0
    ours = files.read_json(run_dir / "metrics.json")["results"]["bidirectional LSTM"]
    assert ours["accuracy"]["value"] > 0.98
    assert ours["mcc"]["value"] > 0.92
    assert ours["false_positive_rate"]["value"] < 0.015
