"""Quality and speed of the translator on Multi30k, with and without attention, next to word-for-word translation.

The task: captions of 31,014 photographs, in English and German (Elliott et al., "Multi30K: Multilingual English-German
Image Descriptions", VL 2016). 29,000 pairs train, 1,014 (val) validate, and the results are for the 1,000 of
test_2016_flickr, which decide nothing.

Each training is a run directory under --runs-dir, so an interrupted benchmark resumes.
"""

import dataclasses
import statistics
import sys
import time
from pathlib import Path

import tensorflow as tf
import tyro

from apps.common import cli, files
from apps.common.options import Search, TrainingOptions
from apps.translator.baseline import Dictionary
from apps.translator.config import Config
from apps.translator.metrics import translation_metrics
from apps.translator.reading import read_pairs
from apps.translator.saved_model import write_export
from apps.translator.train import train
from apps.translator.translator import Translator

from .results import write_results

NOTES = (
    "BLEU and chrF are sacrebleu's, of the unchanged text ({signature}). BLEU lc is BLEU of the lower-cased text, as "
    "in the literature on Multi30k, which used other tokenizers.",
    "Others' BLEU lc, de-en: 28.3 (GRU with attention of a PyTorch tutorial, 20.5 M weights), 33.5 (best recurrent "
    "model card found), 36.5 (that tutorial's Transformer). en-de: about 38 (best recurrent text-only system, 5 M "
    "weights, beam 12), 41.0 (a small Transformer).",
    "Training: sum of all epochs, not only up to the best one. Sentences a second: all 1,000, in batches of 64, "
    "from strings to strings, after a warm-up. One sentence: median of 200 in the exported model, from string to "
    "string.",
    "Word for word: IBM model 1 from the same pairs.",
)


def translation_quality(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(data=("multi30k",), test_fraction=0),
    trainings: tuple[str, ...] = ("de-en-additive", "de-en-none", "en-de-additive"),
    runs_dir: Path = Path("runs/translation_quality"),
):
    """Train and measure translators on Multi30k.

    Args:
        config: Settings of the app; --data is the folder of Multi30k.
        trainings: Each a direction, de-en or en-de, and an attention, additive, multiplicative or none.
        runs_dir: Folder for the trainings.
    """
    rows, done = [], set()
    for name in trainings:
        direction, attention = name.rsplit("-", 1)
        settings = _settings(config, direction, attention)
        test = read_pairs(settings, _files(config.data[0], "test_2016_flickr", direction), keep_all=True)
        if direction not in done:
            done.add(direction)
            figures = translation_metrics(Dictionary(read_pairs(settings))(test.sources), test.targets)
            rows.append(_row(direction, "word for word", "", figures))
        train(settings, TrainingOptions(runs_dir / name))
        rows += _measured(direction, runs_dir / name, test)
    signature = figures["bleu"]["signature"]
    notes = [note.format(signature=signature) for note in NOTES]
    write_results(
        "translation_quality", "Translator on Multi30k", rows, ("tensorflow", "keras", "sacrebleu"), None, notes,
        "--data multi30k",
    )  # fmt: skip


def _files(folder, split, direction):
    return tuple(f"{folder}/{split}.{language}.gz" for language in direction.split("-"))


def _settings(config, direction, attention):
    data, validation = (_files(config.data[0], split, direction) for split in ("train", "val"))
    return dataclasses.replace(config, data=data, validation_data=validation, attention=attention)


def _measured(direction, run_dir, test):
    history = files.read_csv(run_dir / "history.csv")
    rows = []
    for beam in (1, 5, 12):
        translator = Translator(run_dir, Search(beam=beam))
        translator(test.sources)
        start = time.perf_counter()
        translations, _ = translator(test.sources)
        seconds = time.perf_counter() - start
        more = {"sentences/s": f"{len(test) / seconds:.0f}"}
        if beam == 5:
            more["one sentence, ms"] = f"{_one_sentence_ms(run_dir, test.sources[:200]):.0f}"
        more |= {
            "weights": f"{translator.model.count_params() / 1e6:.1f} M",
            "epochs": len(history),
            "training, min": f"{sum(row['seconds'] for row in history) / 60:.0f}",
        }
        config = translator.config
        name = f"{config.family.upper()}, {'no' if config.attention == 'none' else config.attention} attention"
        rows.append(_row(direction, name, beam, translation_metrics(translations, test.targets), more))
    return rows


def _one_sentence_ms(run_dir, sentences):
    write_export(run_dir, Search())
    function = tf.saved_model.load(str(run_dir / "export" / "1")).signatures["serving_default"]
    times = []
    for sentence in sentences:
        start = time.perf_counter()
        function(text=tf.constant([sentence]))["translation"].numpy()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def _row(direction, name, beam, figures, more=None):
    row = {"direction": direction, "model": name, "beam": beam}
    row |= {title: f"{figures[metric]['value']:.1f}" for title, metric in METRICS.items()}
    return row | dict.fromkeys(MORE, "") | (more or {})


METRICS = {"BLEU lc": "bleu_lower", "BLEU": "bleu", "chrF": "chrf"}
MORE = ("sentences/s", "one sentence, ms", "weights", "epochs", "training, min")


if __name__ == "__main__":
    sys.exit(cli.run(translation_quality))
