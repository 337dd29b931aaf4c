"""Acoustic targets of the English phonemes, named as in ARPAbet, for a vocal tract of 17.5 cm.

Formants follow the tables of Klatt (1980) and Peterson and Barney (1952), the loci of consonants the locus theory of
Delattre, Liberman and Cooper (1955).
"""

from dataclasses import dataclass

SCHWA = (500, 1450, 2450)


@dataclass(frozen=True)
class Vowel:
    """A vowel or diphthong.

    Attributes:
        duration: in seconds, when stressed.
        first: Hz of the first three formants.
        last: of a diphthong, Hz of the formants at its end; None for those of `first`.
    """

    duration: float
    first: tuple[float, float, float]
    last: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Consonant:
    """A consonant.

    Attributes:
        manner: `glide`, `nasal`, `fricative`, `stop`, `affricate` or `aspirate`.
        voiced: whether the vocal folds vibrate.
        duration: in seconds; without the burst and the aspiration of a stop.
        formants: Hz of the first three formants, of which the second is a locus.
        coarticulation: fraction of the way from the locus to the second formant of the neighbouring vowel.
        noise: (centre in Hz, width in Hz, level) of the band of frication noise.
        zero: Hz of the zero of a nasal.
        aspiration: in seconds, between the burst of a stop and the voice.
    """

    manner: str
    voiced: bool
    duration: float
    formants: tuple[float, float, float] | None = None
    coarticulation: float = 0.0
    noise: tuple[float, float, float] | None = None
    zero: float | None = None
    aspiration: float = 0.0


VOWELS = {
    "IY": Vowel(0.13, (280, 2250, 2950)),
    "IH": Vowel(0.10, (400, 1950, 2550)),
    "EH": Vowel(0.12, (550, 1800, 2500)),
    "AE": Vowel(0.15, (680, 1700, 2450)),
    "AA": Vowel(0.15, (730, 1100, 2450)),
    "AO": Vowel(0.15, (570, 840, 2450)),
    "UH": Vowel(0.10, (440, 1050, 2250)),
    "UW": Vowel(0.13, (310, 900, 2250)),
    "AH": Vowel(0.11, (620, 1220, 2450)),
    "ER": Vowel(0.14, (470, 1300, 1650)),
    "EY": Vowel(0.15, (480, 1950, 2600), (330, 2200, 2800)),
    "AY": Vowel(0.18, (720, 1200, 2450), (380, 2050, 2600)),
    "OY": Vowel(0.19, (550, 850, 2400), (380, 1950, 2550)),
    "AW": Vowel(0.18, (720, 1250, 2450), (420, 950, 2300)),
    "OW": Vowel(0.15, (520, 980, 2350), (360, 800, 2300)),
}

_LABIAL, _DENTAL, _ALVEOLAR = (220, 900, 2200), (250, 1400, 2550), (220, 1750, 2650)
_PALATAL, _VELAR = (240, 1950, 2550), (220, 1900, 2250)

CONSONANTS = {
    "W": Consonant("glide", True, 0.07, (290, 650, 2250)),
    "Y": Consonant("glide", True, 0.07, (260, 2250, 3000)),
    "R": Consonant("glide", True, 0.07, (330, 1150, 1500)),
    "L": Consonant("glide", True, 0.07, (340, 1050, 2800)),
    "M": Consonant("nasal", True, 0.07, (270, 1000, 2200), 0.4, zero=1000),
    "N": Consonant("nasal", True, 0.065, (270, 1600, 2600), 0.3, zero=1600),
    "NG": Consonant("nasal", True, 0.075, (270, 2000, 2400), 0.5, zero=3000),
    "F": Consonant("fricative", False, 0.10, _LABIAL, 0.6, (5500, 3500, 0.12)),
    "V": Consonant("fricative", True, 0.065, _LABIAL, 0.6, (5500, 3500, 0.06)),
    "TH": Consonant("fricative", False, 0.10, _DENTAL, 0.4, (6800, 1800, 0.12)),
    "DH": Consonant("fricative", True, 0.05, _DENTAL, 0.4, (6800, 1800, 0.05)),
    "S": Consonant("fricative", False, 0.11, _ALVEOLAR, 0.35, (5800, 1000, 0.5)),
    "Z": Consonant("fricative", True, 0.08, _ALVEOLAR, 0.35, (5800, 1000, 0.25)),
    "SH": Consonant("fricative", False, 0.115, _PALATAL, 0.25, (3300, 800, 0.55)),
    "ZH": Consonant("fricative", True, 0.08, _PALATAL, 0.25, (3300, 800, 0.25)),
    "HH": Consonant("aspirate", False, 0.065),
    "P": Consonant("stop", False, 0.075, _LABIAL, 0.6, (900, 900, 0.35), aspiration=0.04),
    "T": Consonant("stop", False, 0.06, _ALVEOLAR, 0.35, (4600, 1500, 0.6), aspiration=0.05),
    "K": Consonant("stop", False, 0.065, _VELAR, 0.8, (1900, 500, 0.6), aspiration=0.06),
    "B": Consonant("stop", True, 0.065, _LABIAL, 0.6, (900, 900, 0.25)),
    "D": Consonant("stop", True, 0.055, _ALVEOLAR, 0.35, (4600, 1500, 0.4)),
    "G": Consonant("stop", True, 0.06, _VELAR, 0.8, (1900, 500, 0.4)),
    "CH": Consonant("affricate", False, 0.06, _PALATAL, 0.25, (3500, 900, 0.55)),
    "JH": Consonant("affricate", True, 0.05, _PALATAL, 0.25, (3500, 900, 0.3)),
}
