"""A speech synthesizer: a voice and noise, filtered by the resonances of a vocal tract that moves.

The cascade of formants, the nasal pole and zero, and the rules for sources follow D. H. Klatt, "Software for a
cascade/parallel formant synthesizer", Journal of the Acoustical Society of America 67(3), 1980; the glottal pulse is
that of D. H. Klatt and L. C. Klatt, JASA 87(2), 1990. The filters are applied to spectra of overlapping frames: they
have no state, so changing them causes no clicks, and all frames are computed at once.
"""

import numpy as np
import scipy.fft
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.signal import lfilter

from .articulation import articulate
from .voices import Voice

HOP = 0.005  # seconds between frames
BANDWIDTHS = (70.0, 90.0, 140.0, 220.0)
HIGHER_FORMANTS = ((4500, 300), (5500, 400), (6500, 500), (7500, 600))
NASAL_POLE = 270.0
# Gains that bring noise into its usual proportion to vowels.
ASPIRATION_GAIN, FRICATION_GAIN = 0.35, 3.0


def speak(phonemes, voice=Voice(), rate=16000, generator=None):
    """Speak a list of phonemes as a recording of a person: with silence around and noise of the room.

    Args:
        phonemes: list of names, as of `sentences.phonemes_of`.
        voice: the `Voice` that speaks.
        rate: samples a second.
        generator: NumPy generator; each utterance of the same phonemes is different. None for one with seed 0.

    Returns:
        float32 samples in [-1, 1].
    """
    generator = np.random.default_rng(0) if generator is None else generator
    speech = synthesize(articulate(phonemes, voice, generator), voice, rate, generator)
    return _record(speech, rate, generator)


def synthesize(segments, voice, rate, generator):
    """Return the sound of `articulation.Segment`s, float32, without noise of the room."""
    ends = np.cumsum([segment.duration for segment in segments])
    count = int(ends[-1] * rate) + int(0.03 * rate)
    index = np.minimum(np.searchsorted(ends, np.arange(count) / rate, side="right"), len(segments))
    voiced, breath, frication = _sources(segments, ends, index, voice, rate, generator)
    hop = int(HOP * rate)
    frames = count // hop + 1
    frequency = scipy.fft.rfftfreq(_fft_size(rate), 1 / rate).astype("float32")
    middle = index[np.minimum(np.arange(frames) * hop, count - 1)]
    tract = _tract(segments, ends, frames, frequency, voice, generator)
    spectrum = _spectra(voiced, hop, rate) * _tilt(segments, middle, frequency, voice)
    spectrum = (spectrum + _spectra(breath, hop, rate)) * tract
    spectrum += _spectra(frication, hop, rate) * _frication_filter(segments, middle, frequency)
    return _overlap_add(spectrum, hop, rate)[:count]


def _sources(segments, ends, index, voice, rate, generator):
    """Return the glottal pulses, the noise of breath and the frication noise."""

    def level(values, seconds):
        found = np.array([*values, 0.0])[index]
        return uniform_filter1d(found, max(int(seconds * rate), 1))

    pulses, flow = _glottis(_pitch(segments, ends, len(index), voice, rate, generator), voice, rate, generator)
    voicing = level([segment.voice for segment in segments], 0.015)
    aspiration = level([segment.aspiration for segment in segments], 0.012)
    frication = level([segment.noise[2] if segment.noise else 0 for segment in segments], 0.006)
    noise, other = generator.standard_normal((2, len(index)), "float32")
    breath = ASPIRATION_GAIN * other * (aspiration + voice.breathiness * voicing * flow)
    # Noise of voiced fricatives comes in puffs, with the pulses.
    puffs = 1 - np.minimum(voicing, 1) * (1 - flow)
    return (voicing * pulses).astype("float32"), breath.astype("float32"), (frication * noise * puffs).astype("float32")


def _pitch(segments, ends, count, voice, rate, generator):
    """Return f0 at each sample, Hz: falling, with accents on stressed vowels, and low at the end."""
    time = np.arange(0, count, int(HOP * rate)) / rate
    place = time / max(ends[-1], 0.1)
    contour = 0.35 - 0.7 * place + generator.normal(0, 0.12) - 0.4 * np.clip((place - 0.85) / 0.15, 0, 1)
    for segment, end in zip(segments, ends, strict=True):
        if segment.accent:
            centre = end - segment.duration * 0.6
            contour += generator.uniform(0.1, 0.5) * np.exp(-(((time - centre) / 0.09) ** 2))
    contour += gaussian_filter1d(generator.normal(0, 0.3, len(time)), 6)
    hertz = voice.f0 * 2 ** (voice.pitch_range / 12 * contour)
    return np.interp(np.arange(count) / rate, time, hertz)


def _glottis(f0, voice, rate, generator):
    """Return the pulses, the derivative of the glottal flow, with an RMS of about 1, and the flow from 0 to 1."""
    period = (np.cumsum(f0) / rate).astype(int)
    lengths = 1 + voice.jitter * generator.standard_normal(period[-1] + 2)
    # The first cumulative sum says roughly which period a sample is in; it is enough for jitter.
    phase = np.cumsum(f0 * lengths[period]) / rate
    period = phase.astype(int)
    strength = 1 + voice.shimmer * generator.standard_normal(period[-1] + 2)
    opened = np.minimum((phase - period) / voice.open_quotient, 1)
    flow = 6.75 * opened**2 * (1 - opened)
    # The difference of the flow is the mean derivative over a sample, which aliases less than the derivative.
    pulses = np.diff(flow, prepend=0.0) * rate / f0 * voice.open_quotient**0.5 / 2.5
    return pulses * strength[period], flow


def _tract(segments, ends, frames, frequency, voice, generator):
    """Return the response of the vocal tract in each frame, complex (frames, frequencies)."""
    time = np.arange(frames) * HOP
    points, targets = [], []
    for segment, end in zip(segments, ends, strict=True):
        if segment.first is not None:
            points += [end - segment.duration + segment.approach, end - segment.approach]
            targets += [segment.first, segment.last]
    targets = np.array(targets) if targets else np.array([[500, 1450, 2450]]) * voice.formant_scale
    points = points or [0.0]
    formants = [np.interp(time, points, values) for values in targets.T] + [3500 * voice.formant_scale + 0 * time]
    formants = gaussian_filter1d(np.array(formants), 0.01 / HOP, mode="nearest")
    formants *= 1 + gaussian_filter1d(generator.normal(0, 0.03, formants.shape), 8)
    squared = (frequency**2)[None]
    response = np.ones((1, len(frequency)), "complex64")
    for hertz, bandwidth in HIGHER_FORMANTS:
        response = response * _resonance(hertz * voice.formant_scale, bandwidth, squared, frequency)
    width = 1 + 3 * voice.breathiness
    for hertz, bandwidth in zip(formants.astype("float32"), BANDWIDTHS, strict=True):
        response = response * _resonance(hertz[:, None], bandwidth * width, squared, frequency)
    return response * _nasal(segments, ends, time, squared, frequency, voice)


def _resonance(hertz, bandwidth, squared, frequency):
    """Return the response of a pole pair, 1 at 0 Hz. That of a zero pair is its reciprocal."""
    product = np.float32(hertz**2 + bandwidth**2 / 4)
    return product / ((product - squared) + 1j * np.float32(bandwidth) * frequency)


def _nasal(segments, ends, time, squared, frequency, voice):
    """Return the response of the nasal tract; pole and zero cancel in sounds that are not nasal."""
    pole = NASAL_POLE * voice.formant_scale
    index = np.minimum(np.searchsorted(ends, time), len(segments))
    zeros = np.array([segment.zero or pole + voice.nasality for segment in segments] + [pole + voice.nasality])[index]
    zeros = gaussian_filter1d(zeros, 0.01 / HOP, mode="nearest").astype("float32")[:, None]
    return _resonance(pole, 100.0, squared, frequency) / _resonance(zeros, 100.0, squared, frequency)


def _tilt(segments, middle, frequency, voice):
    """Return the low pass of the voice in each frame; a closed mouth lets only the lowest harmonics through."""
    cutoff = np.array([280.0 if segment.muffled else voice.tilt for segment in segments] + [voice.tilt])[middle]
    cutoff = np.exp(gaussian_filter1d(np.log(cutoff), 0.005 / HOP, mode="nearest")).astype("float32")[:, None]
    return 1 / (1 + 1j * frequency / cutoff)


def _frication_filter(segments, middle, frequency):
    """Return the band of the frication noise in each frame."""
    bands = np.array([segment.noise or (1000, 1000, 0) for segment in segments] + [(1000, 1000, 0)], "float32")
    centre, width = bands[:, :1], bands[:, 1:2]
    band = np.exp(-0.5 * ((frequency - centre) / width) ** 2) / np.sqrt(width / 1000)
    # A delay of 2 ms, for the response has no phase and begins before its centre.
    return FRICATION_GAIN * (band * np.exp(-2j * np.pi * 0.002 * frequency)).astype("complex64")[middle]


def _fft_size(rate):
    # A frame of 10 ms and the decay of the narrowest resonance.
    return scipy.fft.next_fast_len(int(0.05 * rate), real=True)


def _spectra(signal, hop, rate):
    """Return the spectra of overlapping frames of two hops."""
    padded = np.pad(signal, (hop, 3 * hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop][: len(signal) // hop + 1]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(2 * hop, dtype="float32") + 0.5) / (2 * hop))
    return scipy.fft.rfft(frames * window, _fft_size(rate))


def _overlap_add(spectrum, hop, rate):
    """Return the signal whose frames have these spectra."""
    frames = scipy.fft.irfft(spectrum, _fft_size(rate))
    blocks = frames.shape[1] // hop
    frames = frames[:, : blocks * hop].reshape(len(frames), blocks, hop)
    signal = np.zeros((len(frames) + blocks, hop), "float32")
    for block in range(blocks):
        signal[block : block + len(frames)] += frames[:, block]
    return signal.reshape(-1)[hop:]


def _record(speech, rate, generator):
    """Add silence, the noise of a room and the level of a microphone."""
    before, after = (generator.uniform(0.08, 0.3, 2) * rate).astype(int)
    signal = np.pad(speech, (before, after))
    loudness = np.sqrt(np.mean(speech**2)) + 1e-6
    # Rooms hum more than they hiss.
    noise = lfilter([1.0], [1.0, -generator.uniform(0.3, 0.95)], generator.standard_normal(len(signal)))
    noise *= loudness * 10 ** (-generator.uniform(15, 40) / 20) / np.std(noise)
    level = 10 ** (-generator.uniform(16, 28) / 20)
    return np.clip((signal + noise) / loudness * level, -1, 1).astype("float32")
