"""The sample with the settings as they are: what no training clip showed is captioned right, unlike by baselines."""

import pytest

from apps.common import cli, runs
from apps.video_captioner.evaluate import evaluate
from apps.video_captioner.train import train


@pytest.mark.slow
@pytest.mark.parametrize(("model", "expected"), [("attention", 90), ("mean", 80)])
def test_held_out_combinations_are_captioned_word_for_word(tmp_path, model, expected):
    places = ["--cache", str(tmp_path / "cache")]
    assert cli.run(train, ["--run-dir", str(tmp_path / "run"), *places, "--model", model]) == 0
    assert cli.run(evaluate, [str(tmp_path / "run"), *places]) == 0
    ours, *baselines = runs.read_json(tmp_path / "run" / "metrics.json")["results"].values()
    assert ours["exact"] >= expected
    assert len(baselines) == 2 and all(figures["exact"] < 20 for figures in baselines)
