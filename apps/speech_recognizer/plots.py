"""Draw report.png: how it learned, who was understood, and what it heard when."""

import textwrap

import numpy as np
from keras import ops

from ..common.files import read_csv
from ..common.reports import figure, plot_epochs
from .alignment import align
from .features import HOP

# Speakers that are drawn, those with the most errors.
MOST_SPEAKERS = 12
# Characters of a text in a title.
TITLE = 50


def draw_report(run_dir, recognizer, test, samples, counts, answers):
    """Write report.png.

    Args:
        run_dir: folder of a trained run.
        recognizer: `Recognizer`.
        test: `Recordings`.
        samples: list of float (samples,).
        counts: `metrics.Counts` of the recogniser.
        answers: list of strings, its transcripts.
    """
    rate, longest = recognizer.config.rate, recognizer.config.max_seconds * recognizer.config.rate
    with figure(run_dir / "report.png", columns=2, rows=3, width=7, height=3.2, texts=[*test.texts, *answers]) as axes:
        (learning, wave), (speakers, spectrogram), (lengths, letters) = axes
        curves = {"loss": "training, changed at random", "val_loss": "validation"}
        plot_epochs(learning, read_csv(run_dir / "history.csv"), curves)
        learning.set(title="Learning", ylabel="nats for each recording", xlabel="epoch")
        learning.legend()
        draw_speakers(speakers, test, counts)
        draw_lengths(lengths, samples, counts, rate)
        # One with an error shows more, if it is short enough to be read in one piece.
        order = sorted(range(len(samples)), key=lambda row: (counts.word_rows[row].errors != 1, -len(samples[row])))
        row = next((row for row in order if len(samples[row]) <= longest), order[0])
        said, recognized = (textwrap.shorten(text, TITLE) for text in (test.texts[row], answers[row]))
        title = f"“{said}”" if test.texts[row] == answers[row] else f"“{said}”,\nrecognised as “{recognized}”"
        draw_example((wave, spectrogram, letters), recognizer, samples[row][: int(longest)], title)


def draw_speakers(axes, test, counts):
    """Draw the error rates of speakers."""
    rows = {}
    for speaker, own in zip(test.speakers, counts.word_rows, strict=True):
        rows.setdefault(speaker if speaker is not None else "not known", []).append(own)
    rates = {
        speaker: 100 * sum(each.errors for each in own) / max(1, sum(each.length for each in own))
        for speaker, own in rows.items()
    }
    worst = sorted(rates, key=rates.get)[-MOST_SPEAKERS:]
    axes.barh([str(speaker)[:20] for speaker in worst], [rates[speaker] for speaker in worst])
    axes.set(title="Errors by speaker", xlabel="word error rate, %")


def draw_lengths(axes, samples, counts, rate):
    """Draw the error rate over the length of recordings."""
    seconds = np.array([len(each) / rate for each in samples])
    edges = np.unique(np.quantile(seconds, np.linspace(0, 1, 6)))
    place = np.clip(np.searchsorted(edges, seconds, side="right") - 1, 0, max(0, len(edges) - 2))
    x, y = [], []
    for own in np.unique(place):
        rows = [counts.word_rows[row] for row in np.flatnonzero(place == own)]
        x.append(seconds[place == own].mean())
        y.append(100 * sum(row.errors for row in rows) / max(1, sum(row.length for row in rows)))
    axes.plot(x, y, marker="o")
    axes.set(title="Errors by length", xlabel="seconds of a recording, mean of a fifth", ylabel="word error rate, %")
    axes.set_ylim(bottom=0)


def draw_example(panels, recognizer, samples, title):
    """Draw a recording, its spectrogram, and the probabilities of its letters, on the same time axis."""
    wave, spectrogram, letters = panels
    rate, step = recognizer.config.rate, recognizer.seconds_per_frame
    ((tokens, logits),) = recognizer.read([samples])
    seconds = len(samples) / rate
    wave.plot(np.arange(len(samples)) / rate, samples, linewidth=0.4)
    wave.set(title=title, ylabel="sample", xlim=(0, seconds))
    features = ops.convert_to_numpy(recognizer.model.log_mel(samples[None]))[0]
    spectrogram.imshow(features.T, origin="lower", aspect="auto", extent=(0, HOP * len(features), 0, features.shape[1]))
    spectrogram.grid(False)
    spectrogram.set(title="What it hears", ylabel="mel filter", xlim=(0, seconds))
    likely = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    times = step * (np.arange(len(likely)) + 0.5)
    letters.plot(times, likely[:, 0], color="0.8", label="none")
    pieces = recognizer.encoder.vocabulary.texts
    spans = align(np.log(likely + 1e-30), tokens) if len(tokens) else []
    for token, (first, last) in zip(tokens, spans, strict=True):
        (line,) = letters.plot(times, likely[:, token], linewidth=1)
        at = first + int(np.argmax(likely[first : last + 1, token]))
        letters.annotate(
            pieces[token].replace(" ", "␣"), (times[at], likely[at, token]), color=line.get_color(), ha="center"
        )
    letters.set(title="Probabilities of letters", xlabel="seconds", xlim=(0, seconds), ylim=(0, 1.15))
    letters.legend(loc="upper right")
