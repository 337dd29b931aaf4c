"""Speakers of the sample: men, women and children, each with a voice, a speed and an accent of their own."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Voice:
    """What distinguishes one speaker from another.

    Attributes:
        name: of the speaker; part of the names of files.
        f0: mean fundamental frequency, Hz.
        pitch_range: from the highest to the lowest pitch of a plain sentence, semitones.
        formant_scale: factor of all formants; 1 for a vocal tract of 17.5 cm, more for a shorter one.
        speed: factor of the speed of speaking.
        breathiness: level of the noise in voiced sounds; 0 for none.
        tilt: Hz above which the voice loses 6 dB an octave; less for a softer voice.
        open_quotient: fraction of a period in which the glottis is open.
        jitter: standard deviation of the length of periods, as a fraction.
        shimmer: standard deviation of the amplitude of periods, as a fraction.
        vowel_space: factor of the distance of vowels from the neutral vowel; more for clearer speech.
        accent: standard deviation of the speaker's own shift of each formant of each vowel, as a fraction.
        accent_seed: seed of these shifts.
        nasality: Hz by which the zero of the nasal tract is shifted in vowels; 0 for none.
    """

    name: str = "man_00"
    f0: float = 120.0
    pitch_range: float = 5.0
    formant_scale: float = 1.0
    speed: float = 1.0
    breathiness: float = 0.05
    tilt: float = 2500.0
    open_quotient: float = 0.6
    jitter: float = 0.01
    shimmer: float = 0.04
    vowel_space: float = 1.0
    accent: float = 0.0
    accent_seed: int = 0
    nasality: float = 0.0


# Ranges of f0 (Hz), scale of the formants, and breathiness.
KINDS = {
    "man": ((85, 150), (0.94, 1.06), (0.02, 0.08)),
    "woman": ((165, 240), (1.10, 1.22), (0.04, 0.14)),
    "child": ((235, 310), (1.24, 1.36), (0.04, 0.12)),
}


def make_voices(count=24, seed=0):
    """Make different voices: a man, a woman, a child, a man, and so on.

    Args:
        count: of voices.
        seed: of their properties.

    Returns:
        List of `Voice`.
    """
    generator = np.random.default_rng(seed)
    # Speakers of a kind are spread evenly over the ranges, so that no two are alike.
    per_kind = -(-count // len(KINDS))
    places = {kind: _spread(per_kind, generator) for kind in KINDS}
    return [
        _voice(kind, number, [place[number // len(KINDS)] for place in places[kind]], generator)
        for number, kind in zip(range(count), list(KINDS) * per_kind, strict=False)
    ]


def _spread(count, generator):
    """Return three permutations of `count` places from 0 to 1."""
    return [(generator.permutation(count) + generator.uniform(0.2, 0.8, count)) / count for _ in range(3)]


def _voice(kind, number, places, generator):
    f0, scale, breathiness = (
        low + place * (high - low) for (low, high), place in zip(KINDS[kind], places, strict=True)
    )
    draw = generator.uniform
    return Voice(
        name=f"{kind}_{number:02d}",
        f0=float(f0),
        pitch_range=draw(2.5, 9),
        formant_scale=float(scale),
        speed=draw(0.85, 1.25) * (0.93 if kind == "child" else 1.0),
        breathiness=float(breathiness),
        tilt=draw(1400, 4000),
        open_quotient=draw(0.5, 0.7),
        jitter=draw(0.004, 0.015),
        shimmer=draw(0.02, 0.07),
        vowel_space=draw(0.88, 1.1),
        accent=draw(0.02, 0.05),
        accent_seed=int(generator.integers(2**31)),
        nasality=draw(0, 60),
    )
