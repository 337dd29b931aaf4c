"""Turn phonemes into a sequence of segments with acoustic targets: what the mouth does, and for how long."""

from dataclasses import dataclass

import numpy as np

from .phonemes import CONSONANTS, SCHWA, VOWELS

PAUSE = "|"
# Level of the voice in each manner of articulation, with vowels at 1.
VOICE_LEVELS = {"glide": 0.7, "nasal": 0.45, "fricative": 0.35, "aspirate": 0.0, "stop": 0.3, "affricate": 0.3}


@dataclass
class Segment:
    """A stretch of speech with constant sources and moving formants.

    Attributes:
        duration: in seconds.
        voice: level of the voice.
        aspiration: level of the noise of breath.
        noise: (centre in Hz, width in Hz, level) of the frication noise, or None.
        first: formants at the start, Hz; None if they only move from those before to those after.
        last: formants at the end, Hz.
        approach: seconds at both ends in which formants still move.
        zero: Hz of the zero of a nasal, or None.
        muffled: whether only the lowest harmonics leave the closed mouth.
        accent: height of the pitch accent, 1 for a stressed vowel.
    """

    duration: float
    voice: float = 0.0
    aspiration: float = 0.0
    noise: tuple | None = None
    first: np.ndarray | None = None
    last: np.ndarray | None = None
    approach: float = 0.0
    zero: float | None = None
    muffled: bool = False
    accent: float = 0.0


def articulate(phonemes, voice, generator):
    """Plan the segments of an utterance.

    Args:
        phonemes: list of names; vowels end with 1 if stressed, 0 if not; `|` is the border of two words.
        voice: the `Voice`.
        generator: NumPy generator of the variation of durations and targets.

    Returns:
        List of `Segment`.
    """
    tempo = voice.speed * generator.uniform(0.88, 1.12)
    vowels = [_formants(name, voice, generator) if name[:2] in VOWELS else None for name in phonemes]
    last_vowel = max((index for index, each in enumerate(vowels) if each), default=None)
    segments = []
    for index, name in enumerate(phonemes):
        if name == PAUSE:
            found = [Segment(generator.uniform(0.03, 0.14))] if generator.random() < 0.08 else []
        elif vowels[index]:
            found = [_vowel(name, vowels[index], _spoken(phonemes[index + 1 :]), index == last_vowel)]
        else:
            before, after = _neighbours(vowels, index, voice)
            found = _consonant(name, before, after, voice, phonemes, index, generator)
        for segment in found:
            # Bursts last as long in fast as in slow speech.
            if segment.duration > 0.02:
                segment.duration *= generator.uniform(0.85, 1.15) / tempo
        segments += found
    return segments


def _formants(name, voice, generator):
    """Return the formants at the start and the end of a vowel as this speaker pronounces it this time."""
    vowel = VOWELS[name[:2]]
    own = np.random.default_rng([voice.accent_seed, list(VOWELS).index(name[:2])]).normal(0, voice.accent, 3)
    own = own + generator.normal(0, 0.015, 3)
    space = voice.vowel_space * (1.0 if name.endswith("1") else 0.75)
    neutral = np.array(SCHWA)
    targets = (vowel.first, vowel.last or vowel.first)
    return [(neutral + space * (np.array(each) - neutral)) * (1 + own) * voice.formant_scale for each in targets]


def _spoken(phonemes):
    """Return the first phoneme, of the same word, or None."""
    return phonemes[0] if phonemes and phonemes[0] != PAUSE else None


def _vowel(name, formants, following, final):
    stressed = name.endswith("1")
    duration = VOWELS[name[:2]].duration * (1.0 if stressed else 0.6)
    if following in CONSONANTS:
        # The length of a vowel is a main difference between, say, `seat` and `seed`.
        duration *= 1.15 if CONSONANTS[following].voiced else 0.85
    duration *= 1.35 if final else 1.0
    level, approach = (1.0, 0.05) if stressed else (0.75, 0.04)
    approach = min(approach, 0.35 * duration)
    return Segment(duration, level, first=formants[0], last=formants[1], approach=approach, accent=float(stressed))


def _neighbours(vowels, index, voice):
    """Return the formants of the nearest vowels on both sides of a consonant."""
    before = next((each[1] for each in reversed(vowels[:index]) if each), None)
    after = next((each[0] for each in vowels[index + 1 :] if each), None)
    if before is None and after is None:
        before = after = np.array(SCHWA) * voice.formant_scale
    return (after if before is None else before), (before if after is None else after)


def _consonant(name, before, after, voice, phonemes, index, generator):
    consonant = CONSONANTS[name]
    level = VOICE_LEVELS[consonant.manner] if consonant.voiced else 0.0
    if consonant.manner == "aspirate":
        return [Segment(consonant.duration, aspiration=0.3)]
    first, last = (_locus(consonant, vowel, voice) for vowel in (before, after))
    scaled = consonant.noise and (*(voice.formant_scale**0.5 * hz for hz in consonant.noise[:2]), consonant.noise[2])
    places = {"first": first, "last": last}
    if consonant.manner == "glide":
        return [Segment(consonant.duration, level, approach=0.35 * consonant.duration, **places)]
    if consonant.manner == "nasal":
        return [Segment(consonant.duration, level, zero=consonant.zero * voice.formant_scale, **places)]
    if consonant.manner == "fricative":
        return [Segment(consonant.duration, level, noise=scaled, muffled=consonant.voiced, **places)]
    closure = Segment(consonant.duration, level, muffled=True, **places)
    if consonant.manner == "affricate":
        return [closure, Segment(0.075 if not consonant.voiced else 0.055, 0.6 * level, noise=scaled, **places)]
    following = next((each for each in phonemes[index + 1 :] if each != PAUSE), None)
    if following in CONSONANTS and CONSONANTS[following].manner in ("stop", "affricate", "nasal"):
        # Before another closure a stop is often not released.
        scaled = (*scaled[:2], scaled[2] * generator.choice([0.0, 0.5]))
    if name in "KG":
        # The burst of a velar is close to the second formant of what follows.
        scaled = (1.05 * last[1], 400 * voice.formant_scale, scaled[2])
    burst = Segment(0.012, noise=scaled)
    if consonant.voiced:
        return [closure, burst]
    after_s = index > 0 and phonemes[index - 1] == "S"
    aspiration = consonant.aspiration * (0.3 if after_s else 1.0 if following and following[:2] in VOWELS else 0.6)
    return [closure, burst, Segment(aspiration, aspiration=0.22)]


def _locus(consonant, vowel, voice):
    """Return the formants of a consonant, the second one moved towards the vowel beside it."""
    formants = np.array(consonant.formants) * voice.formant_scale
    formants[1] += consonant.coarticulation * (vowel[1] - formants[1])
    return formants
