"""Measures a translator beside a dictionary that translates word for word."""

import sys
import time
from pathlib import Path
from typing import Literal

import numpy as np
import tyro

from ..common import cli, runs
from ..common.decoding import Search
from ..common.metrics import sentence_chrf, translation_metrics
from ..common.reports import figure, table
from .baseline import Dictionary
from .data import read_pairs, split_pairs
from .predict import DRAWN, Translator, draw_attention

TITLES = {"bleu": "BLEU", "bleu_lower": "BLEU, lower-cased", "chrf": "chrF"}
# Best and worst translations that are printed.
SHOWN = 3


def evaluate(
    run_dir: cli.RunDir,
    data: tuple[str, ...] = (),
    bleu_tokenizer: Literal["13a", "intl", "zh", "char", "none"] = "13a",
    search: tyro.conf.OmitArgPrefixes[Search] = Search(),
):
    """Measure a trained translator next to its baseline; writes metrics.json, translations.csv and pictures.

    Args:
        run_dir: Folder of a trained run.
        data: Pairs to measure on, all of them, in a form that training takes; the run's own test pairs if not given.
        bleu_tokenizer: How sacrebleu cuts words; `zh` or `char` for languages without spaces.
        search: How the best translation is looked for.
    """
    translator = Translator(run_dir, search)
    train, test = _train_and_test(translator, run_dir, data)
    translations, seconds = _translate(translator, test)
    answers = {_name(translator): translations, "word for word": Dictionary(train)(test.sources)}
    results = {name: translation_metrics(answer, test.targets, bleu_tokenizer) for name, answer in answers.items()}
    print(f"{len(test)} pairs; in brackets: 95 % intervals (bootstrap)")
    print(table(_rows(results)))
    for title, figures in zip(TITLES.values(), next(iter(results.values())).values(), strict=True):
        print(f"{title}: {figures['signature']}")
    print(f"{len(test) / seconds:.0f} sentences a second, beam {search.beam}")
    scores = {name: sentence_chrf(answer, test.targets) for name, answer in answers.items()}
    report = {"data": list(data) or list(translator.config.data), "pairs": len(test), "beam": search.beam}
    report |= {"sentences_per_second": len(test) / seconds, "results": results}
    runs.write_json(Path(run_dir) / "metrics.json", report)
    _write_translations(run_dir, test, translations, scores)
    _draw(Path(run_dir), translator, test, translations, scores)
    print(f"written: {run_dir}/metrics.json, translations.csv, report.png", end="")
    print(", attention.png" if translator.model.has_attention else "")


def _name(translator):
    config = translator.config
    return f"{config.family.upper()}, {'no' if config.attention == 'none' else config.attention} attention"


def _train_and_test(translator, run_dir, data):
    config = translator.config
    own = read_pairs(config)
    if own.fingerprint != runs.open_run(run_dir)["fingerprint"]:
        raise cli.UserError(
            f"{' '.join(config.data)}: no longer the pairs that {run_dir} was trained on, which the baseline and the "
            "split need; bring the file back or train anew"
        )
    splits = split_pairs(own, config, read_pairs(config, config.validation_data) if config.validation_data else None)
    if not data:
        if not len(splits["test"]):
            raise cli.UserError(f"{run_dir}: trained with --test-fraction 0; give pairs to measure on with --data")
        return splits["train"], splits["test"]
    test = read_pairs(config, data, keep_all=True)
    known = set(splits["train"].sources)
    if seen := sum(source in known for source in test.sources):
        print(f"{' '.join(data)}: {seen} of {len(test)} source sentences are training sentences")
    return splits["train"], test


def _translate(translator, test):
    """Translations and the seconds that they took; a sentence too long for the model is left untranslated."""
    short = translator.is_short(test.sources)
    if not short.all():
        print(f"{np.sum(~short)} of {len(test)} sentences are longer than the model translates; they count as empty")
    rows = np.flatnonzero(short)
    texts = [test.sources[row] for row in rows]
    # Compiles whatever has to be.
    translator(texts)
    start = time.perf_counter()
    found, _ = translator(texts)
    seconds = time.perf_counter() - start
    translations = np.full(len(test), "", object)
    translations[rows] = found
    return translations.tolist(), seconds


def _rows(results):
    def cell(figures):
        low, high = figures["interval"]
        return f"{figures['value']:.1f} ({low:.1f} to {high:.1f})"

    return [
        {"": title, **{name: cell(result[metric]) for name, result in results.items()}}
        for metric, title in TITLES.items()
    ]


def _write_translations(run_dir, test, translations, scores):
    ours = next(iter(scores.values()))
    rows = [
        {"source": source, "reference": reference, "translation": translation, "chrf": round(float(score), 1)}
        for source, reference, translation, score in zip(test.sources, test.targets, translations, ours, strict=True)
    ]
    runs.write_csv(Path(run_dir) / "translations.csv", rows)
    order = np.argsort(ours, kind="stable")
    for title, chosen in (("worst", order[:SHOWN]), ("best", order[::-1][:SHOWN])):
        print(f"\n{title}, by chrF")
        for row in chosen:
            print(f"  {ours[row]:5.1f}  source       {test.sources[row]}")
            print(f"         reference    {test.targets[row]}")
            print(f"         translation  {translations[row]}")
    print()


def _draw(run_dir, translator, test, translations, scores):
    lengths = np.array([len(text.split()) for text in test.sources])
    with figure(run_dir / "report.png", columns=3) as (learning, by_length, spread):
        history = runs.read_csv(run_dir / "history.csv")
        epochs = [row["epoch"] for row in history]
        for metric, label in (
            ("loss", "training pairs, with dropout"),
            ("val_loss", "validation pairs, averaged weights"),
        ):
            learning.plot(epochs, [row[metric] for row in history], marker="o", markersize=4, label=label)
        learning.set(title="Learning", xlabel="epoch", ylabel="smoothed cross-entropy per subword, nats")
        learning.legend()
        edges = np.unique(np.quantile(lengths, np.linspace(0, 1, 7)))
        groups = np.clip(np.searchsorted(edges, lengths, side="right") - 1, 0, max(0, len(edges) - 2))
        for name, values in scores.items():
            found = np.unique(groups)
            places = [lengths[groups == group].mean() for group in found]
            by_length.plot(places, [values[groups == group].mean() for group in found], marker="o", label=name)
            spread.hist(values, bins=20, range=(0, 100), histtype="step", linewidth=2, label=name)
        by_length.set(
            title="Long sentences", xlabel="words of the source", ylabel="mean chrF of a sentence", ylim=(0, 101)
        )
        by_length.legend(loc="lower left")
        spread.set(title="Good and bad ones", xlabel="chrF of a sentence", ylabel="sentences")
        spread.legend(loc="upper left")
    if translator.model.has_attention:
        # Sentences that fit a picture, spread over the lengths that do.
        fitting = np.flatnonzero([bool(t) and 3 <= n <= 20 for t, n in zip(translations, lengths, strict=True)])
        chosen = (
            fitting[np.linspace(0, len(fitting) - 1, min(DRAWN - 1, len(fitting))).astype(int)] if len(fitting) else []
        )
        if len(chosen):
            draw_attention(
                run_dir / "attention.png",
                [translator.attention(test.sources[row], translations[row]) for row in chosen],
            )


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
