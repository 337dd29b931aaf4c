"""Compare a language model with n-grams, and mix the two."""

from pathlib import Path

import numpy as np

from ..common import runs
from ..common.cli import UserError
from ..common.files import write_json
from ..common.reports import table, verdict
from ..common.words import counted
from .baseline import MAX_ORDER, MAX_TOKENS, NGrams
from .data import encode_corpus
from .metrics import best_weight, mixed, text_metrics
from .plots import draw_report
from .reading import read_corpus
from .scoring import positions, token_nats
from .writer import Writer

# Predictions after which the state is reset, as in the measurements of nanoGPT.
WINDOW = 256
NAMES = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "SimpleRNN"}
TITLES = {
    "nats_per_character": ("nats/character", "{:.4f}"),
    "bits_per_character": ("bits/character", "{:.4f}"),
    "perplexity_per_word": ("perplexity/word", "{:.4g}"),
}


def write_report(run_dir, data=()):
    """Measure a language model; print a table, write metrics.json and report.png.

    Args:
        run_dir: folder of a trained run.
        data: what to measure on; empty for the run's test text.
    """
    run_dir, writer = Path(run_dir), Writer(run_dir)
    splits = _tokens(run_dir, writer, data)
    test = splits["test"]
    ngrams = _fit_ngrams(splits, writer)
    nats, choices = _measure(writer, splits, ngrams)
    order = choices["order"]
    name = NAMES[writer.config.cell]
    results = {
        f"{name}, state carried": nats["carried"],
        f"{name}, reset every {WINDOW}": nats["reset"],
        f"mixture of {name} and {order}-gram": nats["mixture"],
        f"Kneser-Ney {order}-gram": nats["ngram"],
        "unigram": nats["unigram"],
        "uniform": nats["uniform"],
    }
    results = {each: text_metrics(value, test.characters, test.words) for each, value in results.items()}
    print(f"{counted(test.characters, 'character')}, {counted(test.words, 'word')} of test text")
    if test.unknown:
        print(
            f"{test.unknown:,} of {test.predictions:,} {writer.config.unit} are unknown; what they are is not counted"
        )
    print(table(_rows(results)))
    print(
        f"order {order} of the n-gram and weight {choices['weight']:.3f} of the network in the mixture: validation text"
    )
    values = {each: value["nats_per_character"] for each, value in results.items()}
    mixture = values.pop(f"mixture of {name} and {order}-gram")
    values.pop(f"{name}, reset every {WINDOW}")
    found = verdict("nats per character", values, lower_is_better=True)
    report = {
        "data": list(data) or list(writer.config.data),
        "characters": test.characters,
        "words": test.words,
        "unknown": test.unknown,
        **choices,
        "results": results,
        "verdict": found,
    }
    write_json(run_dir / "metrics.json", report)
    by_position = positions(test, WINDOW), nats["reset"], float(nats["ngram"].mean())
    draw_report(run_dir, by_position, nats["carried"], test, writer.vocabulary, f"{order}-gram")
    print(f"written: {run_dir}/metrics.json, report.png")
    print(found)
    if mixture < min(values.values()):
        print(f"the mixture of both is better than either: {mixture:.3f}")


def _tokens(run_dir, writer, data):
    corpus = read_corpus(writer.config)
    if corpus.fingerprint != runs.open_run(run_dir, __package__)["fingerprint"]:
        raise UserError(
            f"{corpus.name}: not the text that {run_dir} was trained on, which the n-grams need; restore the file or "
            "train again"
        )
    splits = encode_corpus(corpus, writer.vocabulary, writer.config)
    if data:
        other = read_corpus(writer.config, data)
        other.summary.print()
        splits |= encode_corpus(other, writer.vocabulary)
    elif not splits["test"].predictions:
        raise UserError(f"{run_dir}: trained with --test-fraction 0; give text to measure on with --data")
    return splits


def _fit_ngrams(splits, writer):
    """Return the n-grams of the training text."""
    train = splits["train"].ids
    if len(train) > MAX_TOKENS:
        print(f"the n-grams are counted in the first {MAX_TOKENS:,} of {len(train):,} {writer.config.unit}")
    return NGrams(train, MAX_ORDER[writer.config.unit], writer.vocabulary.size)


def _measure(writer, splits, ngrams):
    """Return the nats of each test token by every model, and what was chosen on the validation text."""
    validation, test = splits["validation"], splits["test"]
    network = {name: token_nats(writer.scorer, splits[name]).astype("float64") for name in ("validation", "test")}
    on_validation = -np.log(ngrams.probabilities(validation.ids))
    best = int(np.argmin(on_validation.mean(axis=1)))
    on_validation = on_validation[best]
    weight = best_weight(network["validation"], on_validation)
    by_order = -np.log(ngrams.probabilities(test.ids))
    nats = {
        "carried": network["test"],
        "reset": token_nats(writer.scorer, test, WINDOW),
        "mixture": mixed(weight, network["test"], by_order[best]),
        "ngram": by_order[best],
        "unigram": by_order[0],
        # Neither padding nor a start is ever next.
        "uniform": np.full(test.predictions, np.log(writer.vocabulary.size - 2)),
    }
    characters = validation.characters
    choices = {
        "order": best + 1,
        "weight": weight,
        "validation": {
            "network": float(network["validation"].sum() / characters),
            "ngram": float(on_validation.sum() / characters),
            "mixture": float(mixed(weight, network["validation"], on_validation).sum() / characters),
        },
    }
    return nats, choices


def _rows(results):
    rows = []
    for name, values in results.items():
        cells = {
            title: "" if values[key] is None else shape.format(values[key]) for key, (title, shape) in TITLES.items()
        }
        rows.append({"": name, **cells})
    return rows
