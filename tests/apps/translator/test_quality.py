"""Quality on the sample with the default settings."""

import pytest

from apps.common import cli, files
from apps.translator.evaluate import evaluate
from apps.translator.train import train


@pytest.mark.slow
def test_attention_learns_the_grammar_of_the_sample_and_a_plain_decoder_learns_less(tmp_path):
    bleu = {}
    for attention in ("additive", "none"):
        run_dir = tmp_path / attention
        assert cli.run(train, ["--run-dir", str(run_dir), "--attention", attention]) == 0
        assert cli.run(evaluate, [str(run_dir)]) == 0
        ours, baseline = files.read_json(run_dir / "metrics.json")["results"].values()
        bleu[attention] = ours["bleu"]["value"]
    assert bleu["additive"] > 95
    assert bleu["additive"] > bleu["none"] + 1
    assert baseline["bleu"]["value"] < 20
