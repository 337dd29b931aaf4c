"""The sample: sounds have the acoustics of their phonemes, words can be told apart, and texts only by their context."""

import csv
import wave
from collections import defaultdict

import numpy as np
import pytest

from apps.speech_recognizer.audio import write_wav
from apps.speech_recognizer.sample_data.articulation import PAUSE, articulate
from apps.speech_recognizer.sample_data.make_recordings import RATE, split_of_voices, write_recordings
from apps.speech_recognizer.sample_data.phonemes import CONSONANTS, VOWELS
from apps.speech_recognizer.sample_data.sentences import CONFUSABLE, LEXICON, make_sentence, make_texts, phonemes_of
from apps.speech_recognizer.sample_data.synthesizer import speak, synthesize
from apps.speech_recognizer.sample_data.voices import Voice, make_voices

DIGITS = "zero one two three four five six seven eight nine".split()
# A voice with many harmonics, so that peaks of the spectrum are those of the vocal tract.
LOW = Voice(f0=75, breathiness=0.0, jitter=0.0, shimmer=0.0, pitch_range=1.0, tilt=4000)


@pytest.fixture(scope="module")
def texts():
    return list(make_texts(5000))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """The folder and the rows of 48 recordings of 9 voices."""
    folder = tmp_path_factory.mktemp("speech") / "recordings"
    write_recordings(folder, count=48, voices=9)
    with (folder / "transcripts.csv").open(newline="", encoding="utf-8") as file:
        return folder, list(csv.DictReader(file))


def long_sound(name, voice=LOW, seconds=0.5, seed=0):
    """The middle of a phoneme between two vowels, drawn out."""
    generator = np.random.default_rng(seed)
    segments = articulate(["AH1", name, "AH1"], voice, generator)
    segments[1].duration = seconds
    start = int((segments[0].duration + 0.3 * seconds) * RATE)
    return synthesize(segments, voice, RATE, generator)[start : start + int(0.4 * seconds * RATE)]


def spectrum(sound):
    """The power at multiples of 10 Hz."""
    return np.abs(np.fft.rfft(sound * np.hanning(len(sound)), RATE // 10)) ** 2


def energy(sound, low, high):
    power = spectrum(sound)
    return power[low // 10 : high // 10].sum() / power.sum()


def formants_of(sound):
    """The first resonances by linear prediction, Hz."""
    sound = np.diff(sound) * np.hanning(len(sound) - 1)
    correlation = np.correlate(sound, sound, "full")[len(sound) - 1 :][:21]
    lags = np.abs(np.subtract.outer(np.arange(20), np.arange(20)))
    predictor = np.linalg.solve(correlation[lags] + 1e-6 * correlation[0] * np.eye(20), correlation[1:21])
    roots = np.roots([1, *-predictor])
    roots = roots[(roots.imag > 0) & (np.abs(roots) > 0.85)]
    hertz = np.sort(np.angle(roots)) * RATE / (2 * np.pi)
    return hertz[hertz > 150]


def pitch_of(sound):
    correlation = np.correlate(sound, sound, "full")[len(sound) - 1 :]
    shortest = RATE // 400
    return RATE / (shortest + np.argmax(correlation[shortest : RATE // 60]))


def features_of(sound):
    """The logarithm of the energy in 24 mel bands, (frames, bands), each with a mean of 0."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, 400)[::240]
    power = np.abs(np.fft.rfft(frames * np.hanning(400), 512)) ** 2
    edges = 700 * (10 ** (np.linspace(100, 2840, 26) / 2595) - 1)
    hertz = np.fft.rfftfreq(512, 1 / RATE)
    rise = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
    found = np.log(power @ np.clip(np.minimum(rise, fall), 0, None).T + 1e-6)
    return found - found.mean(0)


def warped_distances(features):
    """The distance of each two sequences by dynamic time warping."""
    longest, count = max(map(len, features)), len(features)
    padded = np.zeros((count, longest, features[0].shape[1]), "float32")
    for index, each in enumerate(features):
        padded[index, : len(each)] = each
    flat = padded.reshape(count * longest, -1)
    square = (flat**2).sum(1)
    cost = np.sqrt(np.maximum(square[:, None] + square - 2 * flat @ flat.T, 0)).reshape(count, longest, count, longest)
    cost = np.ascontiguousarray(cost.transpose(1, 3, 0, 2))
    for a in range(longest):
        for b in range(longest):
            before = [cost[i, j] for i, j in ((a - 1, b), (a, b - 1), (a - 1, b - 1)) if i >= 0 and j >= 0]
            cost[a, b] += np.minimum.reduce(before) if before else 0
    lengths = np.array([len(each) for each in features])
    index = np.arange(count)
    return cost[lengths[:, None] - 1, lengths - 1, index[:, None], index] / (lengths[:, None] + lengths)


def test_every_word_has_known_phonemes(texts):
    known = {*CONSONANTS, *(vowel + stress for vowel in VOWELS for stress in "01")}
    assert {phoneme for phonemes in LEXICON.values() for phoneme in phonemes} <= known
    assert {word for text in texts for word in text.split()} == set(LEXICON)
    assert phonemes_of("it's red") == ["IH1", "T", "S", PAUSE, "R", "EH1", "D"]


def test_sentences_have_one_to_eight_words(texts):
    lengths = np.array([len(text.split()) for text in texts])
    assert lengths.min() == 1 and lengths.max() == 8
    assert np.mean((lengths >= 2) & (lengths <= 6)) > 0.8
    assert all(set(text) <= set("abcdefghijklmnopqrstuvwxyz' ") for text in texts)
    assert len(set(texts)) > 2000


def test_texts_depend_only_on_the_seed():
    assert list(make_texts(20, seed=3)) == list(make_texts(20, seed=3)) != list(make_texts(20, seed=4))
    assert make_sentence(np.random.default_rng(1)) == make_sentence(np.random.default_rng(1))


def test_words_that_sound_alike_differ_in_context(texts):
    contexts = defaultdict(set)
    for text in texts:
        words = ["", *text.split(), ""]
        for before, word, after in zip(words, words[1:], words[2:], strict=False):
            contexts[word].add((before, after))
    assert len(CONFUSABLE) >= 8
    for group in CONFUSABLE:
        assert len({tuple(LEXICON[word]) for word in group}) == 1
        for word in group:
            assert len(contexts[word]) >= 2
            assert not any(contexts[word] & contexts[other] for other in group if other != word)


def test_no_two_sentences_sound_alike(texts):
    spoken = {" ".join(phonemes_of(text)).replace(PAUSE, "") for text in texts}
    assert len(spoken) == len(set(texts))


@pytest.mark.parametrize("scale", [1.0, 1.15])
def test_vowels_have_their_formants(scale):
    voice = Voice(**{**vars(LOW), "formant_scale": scale})
    steady = [name for name, vowel in VOWELS.items() if vowel.last is None]
    assert len(steady) == 10
    for name in steady:
        wanted = scale * np.array(VOWELS[name].first)[:2]
        found = formants_of(long_sound(name + "1", voice))
        for hertz in wanted:
            assert np.min(np.abs(found - hertz)) < 0.06 * hertz + 40, (name, wanted, found)


def test_diphthongs_move():
    sound = [long_sound("AY1", seconds=0.8)[start:][:1600] for start in (0, -1600)]
    power = [energy(each, 1600, 2600) for each in sound]
    assert power[1] > 2 * power[0]


@pytest.mark.parametrize("f0", [90, 160, 260])
def test_voice_has_its_pitch(f0):
    voice = Voice(f0=f0, pitch_range=1.0)
    assert np.median([pitch_of(long_sound("AA1", voice, seed=seed)) for seed in range(3)]) == pytest.approx(
        f0, rel=0.06
    )


def test_unvoiced_fricatives_are_high_noise():
    for name, low, high in (("S", 4000, 8000), ("SH", 2000, 5000), ("F", 2000, 8000), ("TH", 4000, 8000)):
        sound = long_sound(name)
        assert energy(sound, low, high) > 0.8, name
        correlation = np.correlate(sound, sound, "full")[len(sound) - 1 :]
        assert correlation[RATE // 400 : RATE // 60].max() < 0.25 * correlation[0], name


def test_voiced_fricatives_and_nasals_have_low_energy():
    for name in ("Z", "ZH", "V", "DH", "M", "N", "NG"):
        sound = long_sound(name)
        assert energy(sound, 0, 500) > 0.4, name
        assert pitch_of(sound) == pytest.approx(LOW.f0, rel=0.1), name


def test_stops_are_silent_and_then_burst():
    for name in ("P", "T", "K"):
        generator = np.random.default_rng(0)
        segments = articulate(["AA1", name, "AA1"], LOW, generator)
        borders = (np.cumsum([segment.duration for segment in segments]) * RATE).astype(int)
        sound = synthesize(segments, LOW, RATE, generator)
        vowel, closure, burst, aspiration, _ = np.split(sound, borders[:-1])
        silence = np.std(closure[len(closure) // 2 : -100])
        assert np.std(burst) > 5 * silence
        assert np.std(aspiration) > 3 * silence
        assert np.std(vowel) > 30 * silence


def test_sound_is_finite_in_range_and_not_silent():
    for number, voice in enumerate(make_voices(6)):
        for rate in (8000, 16000):
            sound = speak(phonemes_of("she can buy the yellow box"), voice, rate, np.random.default_rng(number))
            assert sound.dtype == np.float32 and np.isfinite(sound).all()
            assert 0.2 < np.abs(sound).max() <= 1
            assert 1 < len(sound) / rate < 4


def test_speech_depends_on_the_generator_and_the_voice():
    phonemes, (first, second) = phonemes_of("stop"), make_voices(2)
    sound = speak(phonemes, first, generator=np.random.default_rng(0))
    np.testing.assert_array_equal(sound, speak(phonemes, first, generator=np.random.default_rng(0)))
    assert len(sound) != len(speak(phonemes, first, generator=np.random.default_rng(1)))
    assert len(sound) != len(speak(phonemes, second, generator=np.random.default_rng(0)))


def test_voices_differ():
    voices = make_voices(24)
    assert len({voice.name for voice in voices}) == 24
    assert voices == make_voices(24) != make_voices(24, seed=1)
    properties = np.array([[np.log(v.f0), np.log(v.formant_scale), np.log(v.speed), v.breathiness] for v in voices])
    distances = np.abs(properties[:, None] - properties).max(-1) + np.eye(24)
    assert distances.min() > 0.03
    assert np.ptp(properties[:, 0]) > 1 and np.ptp(properties[:, 1]) > 0.25


def test_digits_of_other_voices_are_recognized():
    sounds = [
        speak(phonemes_of(digit), voice, generator=np.random.default_rng([number, index]))
        for number, voice in enumerate(make_voices(6))
        for index, digit in enumerate(DIGITS)
    ]
    distances = warped_distances([features_of(sound) for sound in sounds])
    speaker, digit = np.divmod(np.arange(60), 10)
    distances[speaker[:, None] == speaker] = np.inf
    assert np.mean(digit[distances.argmin(1)] == digit) > 0.7


def test_recordings_are_wave_files_with_their_texts(recordings):
    folder, rows = recordings
    assert len(rows) == 48 == len(list((folder / "clips").iterdir()))
    for row in rows:
        with wave.open(str(folder / row["file"])) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert 0.4 < len(samples) / RATE < 6 and np.abs(samples).max() > 3000
        assert phonemes_of(row["text"])
        assert row["file"].startswith(f"clips/{row['speaker']}_")


def test_splits_share_no_voice(recordings):
    speakers = defaultdict(set)
    for row in recordings[1]:
        speakers[row["split"]].add(row["speaker"])
    assert {split: len(found) for split, found in speakers.items()} == {"train": 7, "validation": 1, "test": 1}
    assert len(set.union(*speakers.values())) == 9
    assert [split_of_voices(24).count(split) for split in ("train", "validation", "test")] == [18, 3, 3]
    with pytest.raises(ValueError, match="at least 3 voices"):
        split_of_voices(2)


def test_recordings_depend_only_on_the_seed(tmp_path):
    def contents(name, **options):
        write_recordings(tmp_path / name, count=3, voices=3, **options)
        return {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.*")}

    first = contents("first")
    assert len(first) == 4
    assert first == contents("second")
    other = contents("other", seed=1)
    assert not set(first.values()) & set(other.values())
    # Written again, in place of what is there.
    assert contents("first", seed=1) == other
    assert {path.name for path in tmp_path.iterdir()} == {"first", "second", "other"}


def test_failed_recordings_leave_nothing(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("apps.speech_recognizer.sample_data.make_recordings.write_wav", fail)
    with pytest.raises(OSError, match="No space left"):
        write_recordings(tmp_path / "recordings", count=3, voices=3)
    assert not list(tmp_path.iterdir())


def test_wave_file_keeps_the_samples(tmp_path):
    write_wav(tmp_path / "a.wav", np.array([-1.0, 0.0, 0.5, 1.0]), 8000)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getframerate() == 8000
        assert np.frombuffer(file.readframes(9), "<i2").tolist() == [-32767, 0, 16384, 32767]
