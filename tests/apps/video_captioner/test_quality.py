"""Quality on the sample with the default settings: combinations that no training clip has."""

import pytest

from apps.common import cli, files
from apps.video_captioner.evaluate import evaluate
from apps.video_captioner.train import train


@pytest.mark.slow
@pytest.mark.parametrize(("model", "expected"), [("attention", 90), ("mean", 80)])
def test_held_out_combinations_are_captioned_exactly(tmp_path, model, expected):
    options = ["--cache", str(tmp_path / "cache")]
    assert cli.run(train, ["--run-dir", str(tmp_path / "run"), *options, "--model", model]) == 0
    assert cli.run(evaluate, [str(tmp_path / "run"), *options]) == 0
    ours, *baselines = files.read_json(tmp_path / "run" / "metrics.json")["results"].values()
    assert ours["exact"] >= expected
    assert len(baselines) == 2 and all(figures["exact"] < 20 for figures in baselines)
