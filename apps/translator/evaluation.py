"""Compare a translator with a dictionary that translates word for word."""

import time
from pathlib import Path

import numpy as np

from ..common import runs
from ..common.cli import UserError
from ..common.files import write_csv, write_json
from ..common.reports import repetitions, table, verdict
from ..common.words import counted
from .baseline import Dictionary
from .data import split_pairs
from .metrics import choose_tokenizer, sentence_chrf, translation_metrics
from .plots import MAX_DRAWN, draw_attention, draw_report
from .reading import read_pairs
from .translator import Translator

TITLES = {"bleu": "BLEU", "bleu_lower": "BLEU, lower-cased", "chrf": "chrF"}
# Number of the best, and of the worst, translations to print.
EXAMPLES = 3


def write_report(run_dir, data, bleu_tokenizer, search):
    """Measure a translator; print a table, write metrics.json, translations.csv and figures.

    Args:
        run_dir: folder of a trained run.
        data: names of files with pairs, or of a set; empty for the run's test pairs.
        bleu_tokenizer: tokenizer of sacrebleu, or `auto`.
        search: a `Search`.
    """
    run_dir, translator = Path(run_dir), Translator(run_dir, search)
    train, test = _train_and_test(translator.config, run_dir, data)
    tokenizer = choose_tokenizer(test.targets, bleu_tokenizer)
    translations, seconds = _translate(translator, test)
    answers = {_name(translator.config): translations, "word for word": Dictionary(train)(test.sources)}
    results = {name: translation_metrics(answer, test.targets, tokenizer) for name, answer in answers.items()}
    print(f"{counted(len(test), 'pair')}; in brackets: 95 % intervals (bootstrap)")
    print(table(_rows(results, tokenizer)))
    for title, figures in zip(TITLES.values(), next(iter(results.values())).values(), strict=True):
        print(f"{title}: {figures['signature']}")
    print(f"{len(test) / seconds:.0f} sentences a second, beam {search.beam}")
    scores = {name: sentence_chrf(answer, test.targets) for name, answer in answers.items()}
    report = {"data": list(data) or list(translator.config.data), "pairs": len(test), "beam": search.beam}
    values = {name: result["bleu"]["value"] for name, result in results.items()}
    found = verdict("BLEU", values, flaw=repetitions(translations, test.sources))
    report |= {"sentences_per_second": len(test) / seconds, "results": results, "verdict": found}
    write_json(run_dir / "metrics.json", report)
    _write_translations(run_dir, test, translations, next(iter(scores.values())))
    lengths = np.array([len(text.split()) for text in test.sources])
    draw_report(run_dir, lengths, scores)
    print(f"written: {run_dir}/metrics.json, translations.csv, report.png", end="")
    print(", attention.png" if _draw_some_attention(run_dir, translator, test, translations, lengths) else "")
    print(found)


def _name(config):
    return f"{config.family.upper()}, {'no' if config.attention == 'none' else config.attention} attention"


def _train_and_test(config, run_dir, data):
    own = read_pairs(config)
    if own.fingerprint != runs.open_run(run_dir, __package__)["fingerprint"]:
        raise UserError(
            f"{' '.join(config.data)}: not the pairs that {run_dir} was trained on, which the baseline and the split "
            "need; restore the file or train again"
        )
    splits = split_pairs(own, config, read_pairs(config, config.validation_data) if config.validation_data else None)
    if not data:
        if not len(splits["test"]):
            raise UserError(f"{run_dir}: trained with --test-fraction 0; give pairs to measure on with --data")
        return splits["train"], splits["test"]
    test = read_pairs(config, data, keep_all=True)
    test.summary.print()
    known = set(splits["train"].sources)
    if seen := sum(source in known for source in test.sources):
        print(f"{' '.join(data)}: {seen} of {len(test)} source sentences are training sentences")
    return splits["train"], test


def _translate(translator, test):
    """Return translations, empty for sentences that are too long, and the seconds that they took."""
    short = translator.is_short(test.sources)
    if not short.all():
        print(f"{np.sum(~short)} of {len(test)} sentences are longer than the model translates; they count as empty")
    rows = np.flatnonzero(short)
    texts = [test.sources[row] for row in rows]
    # The first call compiles.
    translator(texts)
    start = time.perf_counter()
    found, _ = translator(texts)
    seconds = time.perf_counter() - start
    translations = np.full(len(test), "", object)
    translations[rows] = found
    return translations.tolist(), seconds


def _rows(results, tokenizer):
    def cell(figures):
        low, high = figures["interval"]
        return f"{figures['value']:.1f} ({low:.1f} to {high:.1f})"

    return [
        {
            "": title.replace("BLEU", f"BLEU ({tokenizer})"),
            **{name: cell(result[metric]) for name, result in results.items()},
        }
        for metric, title in TITLES.items()
    ]


def _write_translations(run_dir, test, translations, chrf):
    rows = [
        {"source": source, "reference": reference, "translation": translation, "chrf": round(float(score), 1)}
        for source, reference, translation, score in zip(test.sources, test.targets, translations, chrf, strict=True)
    ]
    write_csv(run_dir / "translations.csv", rows)
    order = np.argsort(chrf, kind="stable")
    for title, chosen in (("worst", order[:EXAMPLES]), ("best", order[::-1][:EXAMPLES])):
        print(f"\n{title}, by chrF")
        for row in chosen:
            print(f"  {chrf[row]:5.1f}  source       {test.sources[row]}")
            print(f"         reference    {test.targets[row]}")
            print(f"         translation  {translations[row]}")
    print()


def _draw_some_attention(run_dir, translator, test, translations, lengths):
    """Draw attention.png for sentences of different lengths that fit a picture; return whether there are any."""
    fitting = np.flatnonzero([bool(t) and 3 <= n <= 20 for t, n in zip(translations, lengths, strict=True)])
    if not (translator.model.has_attention and len(fitting)):
        return False
    chosen = fitting[np.linspace(0, len(fitting) - 1, min(MAX_DRAWN - 1, len(fitting))).astype(int)]
    drawn = [translator.attention(test.sources[row], translations[row]) for row in chosen]
    draw_attention(run_dir / "attention.png", drawn)
    return True
