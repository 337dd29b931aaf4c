"""A trained recogniser: sound in; text, times of words and confidence out."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from ..common import runs
from ..common.files import read_json
from ..common.vocabularies import load_vocabulary
from .alignment import words_of
from .config import Config
from .data import Encoder
from .decoding import BLANK, beam_search, greedy_search
from .language import TokenModel
from .metrics import count_errors
from .model import load_model
from .silence import cut_at_silence
from .sounds import lengths_of

# Recordings that are read at a time.
BATCH_SIZE = 16
BEAM = 16
# In place of search.json.
NO_LANGUAGE_MODEL = {"language_model": False, "weight": 0.0, "bonus": 0.0}


class Decoder(keras.Model):
    """Logits to the likeliest tokens, so that `predict` compiles the search.

    Args:
        beam: width; 1 without a language model takes the likeliest path.
        language_model: a `TokenModel`; None for none.

    Attributes:
        weight, bonus: variables, see `beam_search`.

    Call arguments:
        inputs: (logits, frames that are no padding), see `SpeechRecognizer`.

    Returns:
        Tokens, int32 (batch, frames), followed by zeros, and their score, float32 (batch,).
    """

    def __init__(self, beam=BEAM, language_model=None):
        super().__init__()
        self.beam, self.language_model = beam, language_model
        if language_model is not None:
            self.language_layers = language_model.layers
        self.weight, self.bonus = (keras.Variable(0.0, trainable=False, name=name) for name in ("weight", "bonus"))
        # XLA would compile TensorFlow's loop again for every length.
        self.supports_jit = keras.backend.backend() != "tensorflow"
        self.built = self.supports_masking = True

    def call(self, inputs):
        logits, lengths = inputs
        if self.beam == 1 and self.language_model is None:
            return greedy_search(logits, lengths)
        return beam_search(logits, lengths, self.beam, self.language_model, self.weight, self.bonus)


class Transcriber(keras.Model):
    """Samples to the likeliest tokens.

    Args:
        model: a `SpeechRecognizer`.
        decoder: a `Decoder`.

    Call arguments:
        inputs: (samples, lengths), see `SpeechRecognizer`.

    Returns:
        Tokens and scores of the decoder, logits, and frames that are no padding, int (batch,).
    """

    def __init__(self, model, decoder):
        super().__init__()
        self.model, self.decoder = model, decoder
        self.supports_jit, self.built = decoder.supports_jit, True

    def call(self, inputs):
        logits, lengths = self.model.logits(*inputs)
        return *self.decoder((logits, lengths)), logits, lengths


@dataclass(frozen=True)
class Transcript:
    """What was said in a recording.

    Attributes:
        text: string.
        words: list of `Word`.
        confidence: mean probability of the likeliest tokens, in frames with a token; 0 without one.
        seconds: of the recording.
    """

    text: str
    words: list
    confidence: float
    seconds: float


class Recognizer:
    """Transcribe recordings.

    Args:
        run_dir: folder of a trained run.
        beam: width of the search; 1 is greedy.
        search: dict in place of the run's search.json: "language_model", whether to use it, "weight" and "bonus".

    Attributes:
        config: the run's Config.
        encoder: `Encoder`.
        model: `SpeechRecognizer`.
        transcriber: `Transcriber`.
    """

    def __init__(self, run_dir, beam=BEAM, search=None):
        saved = runs.open_run(run_dir, __package__)
        self.config = runs.settings_of(saved, Config)
        self.model = load_model(Path(run_dir) / "model.keras")
        self.encoder = Encoder(load_vocabulary(run_dir))
        found = search or read_json(Path(run_dir) / "search.json")
        language_model = None
        if found["language_model"]:
            language_model = TokenModel(run_dir, self.encoder.vocabulary.pieces)
        self.decoder = Decoder(beam, language_model)
        self.decoder.weight.assign(found["weight"])
        self.decoder.bonus.assign(found["bonus"])
        self.transcriber = Transcriber(self.model, self.decoder)

    @property
    def seconds_per_frame(self):
        """Seconds of a frame of output."""
        return self.model.hop / self.config.rate

    def __call__(self, recordings):
        """Transcribe recordings of any length; those longer than --max-seconds are cut where it is silent.

        Args:
            recordings: list of float (samples,), at the run's rate.

        Returns:
            List of `Transcript`s.
        """
        pieces = [cut_at_silence(samples, self.config.rate, self.config.max_seconds) for samples in recordings]
        flat = [(row, start, part) for row, own in enumerate(pieces) for start, part in own]
        answers = self.read([part for _, _, part in flat])
        words, likely = ([[] for _ in recordings] for _ in range(2))
        for (row, start, _), (tokens, logits) in zip(flat, answers, strict=True):
            log_probabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
            texts, offset = self.encoder.vocabulary.texts, start / self.config.rate
            words[row] += words_of(log_probabilities, tokens, texts, self.seconds_per_frame, offset)
            said = log_probabilities.argmax(axis=1) != BLANK
            likely[row].append(np.exp(log_probabilities.max(axis=1))[said])
        likely = [np.concatenate(own) for own in likely]
        return [
            Transcript(
                " ".join(word.text for word in words[row]),
                words[row],
                float(likely[row].mean()) if len(likely[row]) else 0.0,
                len(samples) / self.config.rate,
            )
            for row, samples in enumerate(recordings)
        ]

    def read(self, recordings):
        """Return (tokens, logits) of recordings, float (samples,) each, without cutting them."""
        found = [None] * len(recordings)
        order = np.argsort([len(samples) for samples in recordings], kind="stable")
        for at in range(0, len(order), BATCH_SIZE):
            rows = order[at : at + BATCH_SIZE]
            inputs = self.padded([recordings[row] for row in rows])
            tokens, _, logits, lengths = self.transcriber.predict(inputs, batch_size=BATCH_SIZE, verbose=0)
            for place, row in enumerate(rows):
                own = tokens[place]
                found[row] = own[own != 0], logits[place, : lengths[place]]
        return found

    def padded(self, recordings):
        """Return samples, float32 (batch, samples), padded to one of few lengths, and their lengths."""
        lengths = np.array([len(samples) for samples in recordings], "int32")
        longest = lengths_of(int(lengths.max()), self.config.rate)[-1]
        samples = np.zeros((len(recordings), longest), "float32")
        for place, own in enumerate(recordings):
            samples[place, : len(own)] = own
        return samples, lengths

    def tune(self, recordings, texts, weights, bonuses):
        """Return weight and bonus of the language model with the fewest wrong words, {"weight", "bonus"}.

        Args:
            recordings: list of float (samples,).
            texts: what was said.
            weights, bonuses: to choose from.
        """
        logits = [each for _, each in self.read(recordings)]
        lengths = np.array([len(each) for each in logits], "int32")
        padded = np.zeros((len(logits), lengths.max(), logits[0].shape[1]), "float32")
        for place, own in enumerate(logits):
            padded[place, : len(own)] = own
        fewest, best = None, None
        for weight in weights:
            for bonus in bonuses if weight else (0.0,):
                self.decoder.weight.assign(weight)
                self.decoder.bonus.assign(bonus)
                tokens, _ = self.decoder.predict((padded, lengths), batch_size=BATCH_SIZE, verbose=0)
                errors = count_errors(texts, self.encoder.texts(tokens)).words.errors
                if fewest is None or errors < fewest:
                    fewest, best = errors, {"weight": weight, "bonus": bonus}
        self.decoder.weight.assign(best["weight"])
        self.decoder.bonus.assign(best["bonus"])
        return best
