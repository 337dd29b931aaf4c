"""Measure a trained translator next to word-for-word translation."""

import sys
from typing import Literal

from ..common import cli, runs
from ..common.options import Flat, Search


def evaluate(
    run_dir: cli.RunDir,
    data: tuple[str, ...] = (),
    bleu_tokenizer: Literal["auto", "13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none"] = "auto",
    search: Flat[Search] = Search(),
):
    """Measure a trained translator next to its baseline; write metrics.json, translations.csv and pictures.

    Args:
        run_dir: Folder of a trained run.
        data: Pairs to measure on, in a form like that of training; the run's test pairs if not given.
        bleu_tokenizer: Tokenizer of sacrebleu; auto takes that of the target language's script.
        search: Search for the translation.
    """
    runs.open_run(run_dir, __package__)
    cli.require_data(*data)
    with cli.importing_tensorflow():
        from .evaluation import write_report

    write_report(run_dir, data, bleu_tokenizer, search)


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
