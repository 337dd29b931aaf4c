"""Compare a recogniser with recognisers without a network."""

import time
from pathlib import Path

import numpy as np

from ..common import runs
from ..common.cli import UserError
from ..common.files import write_csv, write_json
from ..common.reports import table, verdict
from ..common.words import counted
from .baseline import fit_baselines
from .metrics import count_errors, interval
from .plots import draw_report
from .reading import read_recordings
from .recognizer import NO_LANGUAGE_MODEL, Recognizer
from .sounds import Sounds
from .splitting import split_recordings

# Recordings with the most errors that are printed.
NUM_PRINTED = 5
PLAIN = "without the language model"


def write_report(run_dir, measured, beam):
    """Measure a recogniser next to its baselines; print a table, write metrics.json, transcripts.csv and report.png.

    Args:
        run_dir: folder of a trained run.
        measured: `Recordings` to measure on; None for the run's test recordings.
        beam: width of the search.
    """
    recognizer, run_dir = Recognizer(run_dir, beam), Path(run_dir)
    train, test = _train_and_test(recognizer.config, run_dir, measured)
    rate = recognizer.config.rate
    sounds = Sounds(test.paths, rate)
    for error in sounds.errors.values():
        print(f"left out: {error}")
    rows = [row for row in range(len(test)) if row not in sounds.errors]
    if not rows:
        raise UserError(f"{run_dir}: no recording to measure on can be read")
    test, samples = test.take(rows), [sounds[row] for row in rows]
    name = f"{'LSTM' if recognizer.config.cell == 'lstm' else 'GRU'} with CTC"
    recognizer(samples[:16])  # compiles
    start = time.perf_counter()
    transcripts = recognizer(samples)
    seconds, heard = time.perf_counter() - start, sum(map(len, samples)) / rate
    predicted = {name: [each.text for each in transcripts]}
    if recognizer.decoder.language_model is not None:
        plain = Recognizer(run_dir, beam, NO_LANGUAGE_MODEL)
        predicted[PLAIN] = [each.text for each in plain(samples)]
    learned = Sounds(train.paths, rate)
    usable = [row for row in range(len(train)) if row not in learned.errors]
    baselines = fit_baselines([learned[row] for row in usable], [train.texts[row] for row in usable], rate)
    predicted |= {title: [answer(each) for each in samples] for title, answer in baselines.items()}
    found = {title: count_errors(test.texts, answers) for title, answers in predicted.items()}
    results = {title: _result(counts, test, predicted[title]) for title, counts in found.items()}
    print(f"{counted(len(test), 'recording')}, {heard / 60:.1f} minutes; beam {beam}")
    print(table(_table(results)))
    speakers = _by_speaker(found[name], test)
    if len(speakers) > 1:
        print(table([{"speaker": each, **row} for each, row in speakers.items()]))
    print(f"{heard / seconds:.0f} seconds of sound a second")
    rates = {title: result["wer"] for title, result in results.items() if title != PLAIN}
    judged = verdict("word error rate", rates, lower_is_better=True, flaw=_flaw(predicted[name]))
    write_json(
        run_dir / "metrics.json",
        {
            "recordings": len(test),
            "seconds": heard,
            "beam": beam,
            "results": results,
            "speakers": speakers,
            "seconds_per_second": heard / seconds,
            "verdict": judged,
        },
    )
    _write_transcripts(run_dir, test, transcripts, found[name])
    draw_report(run_dir, recognizer, test, samples, found[name], predicted[name])
    print(f"written: {run_dir}/metrics.json, transcripts.csv, report.png")
    print(judged)


def _train_and_test(config, run_dir, measured):
    own = read_recordings(config)
    if own.fingerprint != runs.open_run(run_dir, __package__)["fingerprint"]:
        raise UserError(
            f"{config.data}: not the recordings that {run_dir} was trained on, which the baselines need; restore them "
            "or train again"
        )
    splits = split_recordings(own, config)
    if measured is None and not len(splits["test"]):
        raise UserError(f"{run_dir}: trained without test recordings; give some to measure on with --data")
    return splits["train"], splits["test"] if measured is None else measured


def _result(counts, test, answers):
    low, high = interval(counts.word_rows)
    words = counts.words
    return {
        "wer": words.rate,
        "wer_interval": [low, high],
        "cer": counts.characters.rate,
        "substitutions": words.substitutions,
        "deletions": words.deletions,
        "insertions": words.insertions,
        "words": words.length,
        "exact": float(np.mean([one == other for one, other in zip(answers, test.texts, strict=True)])),
    }


def _table(results):
    def row(title, cell):
        return {"": title, **{name: cell(result) for name, result in results.items()}}

    return [
        row("word error rate, %", lambda each: f"{100 * each['wer']:.1f}"),
        row("  95 % interval", lambda each: " to ".join(f"{100 * edge:.1f}" for edge in each["wer_interval"])),
        row("character error rate, %", lambda each: f"{100 * each['cer']:.1f}"),
        row("words substituted", lambda each: each["substitutions"]),
        row("words left out", lambda each: each["deletions"]),
        row("words added", lambda each: each["insertions"]),
        row("recordings without an error, %", lambda each: f"{100 * each['exact']:.1f}"),
    ]


def _by_speaker(counts, test):
    """Return {speaker: {"recordings", "word error rate, %"}}, from most errors to fewest; {} if none is known."""
    found = {}
    for speaker, own in zip(test.speakers, counts.word_rows, strict=True):
        if speaker is not None:
            found.setdefault(speaker, []).append(own)
    rates = {
        speaker: sum(row.errors for row in rows) / max(1, sum(row.length for row in rows))
        for speaker, rows in found.items()
    }
    return {
        speaker: {"recordings": len(found[speaker]), "word error rate, %": f"{100 * rates[speaker]:.1f}"}
        for speaker in sorted(rates, key=rates.get, reverse=True)
    }


def _flaw(answers):
    return "it writes nothing" if not any(answers) else None


def _write_transcripts(run_dir, test, transcripts, counts):
    """Write transcripts.csv, and print the recordings with the most errors."""
    rows = [
        {
            "file": test.paths[index].name,
            "said": test.texts[index],
            "recognised": transcript.text,
            "errors": counts.word_rows[index].errors,
            "confidence": round(transcript.confidence, 3),
        }
        for index, transcript in enumerate(transcripts)
    ]
    write_csv(run_dir / "transcripts.csv", rows)
    worst = sorted((row for row in rows if row["errors"]), key=lambda row: -row["errors"])[:NUM_PRINTED]
    if worst:
        print("\nmost errors")
        print(table(worst))
        print()
