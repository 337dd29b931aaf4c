"""Record the sample: sentences of a small grammar, spoken by synthetic voices; no voice is in two splits."""

import csv
from pathlib import Path

import numpy as np

from ...common.files import replacing
from ..audio import write_wav
from .sentences import make_sentence, phonemes_of
from .synthesizer import speak
from .voices import make_voices

RATE = 16000
COLUMNS = ("file", "text", "speaker", "split")


def write_recordings(folder, count=2000, voices=24, seed=0):
    """Write WAV files into `folder`/clips and their texts into `folder`/transcripts.csv.

    Args:
        folder: to write; all of it appears at once, and replaces a folder of this name. Its parent must exist.
        count: of recordings, spread evenly over the voices.
        voices: number of speakers; an eighth each, but one at least, only speaks in validation and in test.
        seed: of the speakers, the sentences and the sound.
    """
    speakers, splits = make_voices(voices, seed), split_of_voices(voices)
    rows = []
    with replacing(Path(folder)) as part:
        (part / "clips").mkdir(parents=True)
        for number in range(count):
            voice, split = speakers[number % voices], splits[number % voices]
            # Each recording has its own generator, so that it does not depend on the count.
            generator = np.random.default_rng([seed, number])
            text, name = make_sentence(generator), f"clips/{voice.name}_{number:04d}.wav"
            write_wav(part / name, speak(phonemes_of(text), voice, RATE, generator), RATE)
            rows.append((name, text, voice.name, split))
        with (part / "transcripts.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, *rows])


def split_of_voices(voices):
    """Return the split of each of a number of voices: the last ones test, those before them validation."""
    held_out = max(voices // 8, 1)
    if voices < 3:
        raise ValueError(f"Expected at least 3 voices, one for each split. Received: voices={voices}")
    return ["train"] * (voices - 2 * held_out) + ["validation"] * held_out + ["test"] * held_out
