"""How the apps' models read one text, or rows: the names of the steps, and a function that runs the model on them."""

import functools
import importlib

import numpy as np
import tensorflow as tf

from ..common.cli import UserError
from ..common.text import END_ID, SPACE, START_ID, split_tokens


def read_messages(detector, text):
    """Read a message with a `Detector` of spam_detector."""
    config = detector.config
    tokens = split_tokens(tf.constant([text]), config.max_tokens, config.max_characters)
    ids = detector.encoder(tf.constant([text]))
    return _names(tokens.flat_values), lambda: detector.model(ids)


def read_documents(classifier, text):
    """Read a document with a `Classifier` of sentiment_classifier."""
    encoder, (ids,) = classifier.encoder, classifier.encoder.rows([text])
    names = _names(encoder.vocabulary.split(encoder.clean(tf.constant([text]))).flat_values)
    return names, lambda: classifier.model.read([tf.constant(ids[None])])


def read_prompts(writer, text):
    """Read a prompt with a `Writer` of language_model."""
    ids = np.concatenate([[START_ID], writer.encode([text])[0]]).astype("int32")
    names = ["start", *_names(writer.vocabulary.split(tf.constant([text])).flat_values)]
    states = [np.zeros((1, size), "float32") for size in writer.model.state_sizes]
    return names, lambda: writer.model.run(tf.constant(ids[None]), states)


def read_sentences(translator, text):
    """Read a sentence with the encoder of a `Translator`."""
    ids = [*translator.source.encode(tf.constant([text])).flat_values.numpy().tolist(), END_ID]
    names = [*_names(translator.source.split(tf.constant([text])).flat_values), "end"]
    return names, lambda: translator.model.encode(tf.constant([ids]))


def read_readings(detector, text):
    """Read 200 rows of the first recording of a run of anomaly_detector; the text is the first row's number."""
    networks = detector.scorer.networks
    (values,) = _data(detector)
    first = _first_row(text, len(values) - networks.window_length + 1)
    values = values[first : first + max(200, networks.window_length)]
    if np.isnan(values).any():
        raise UserError(f"rows from {first + 1} on lack values; give another first row")
    rows = ((values - detector.scorer.loc) / detector.scorer.scale).astype("float32")
    return _numbers(first, len(rows)), lambda: networks(tf.constant(rows[None]))


def read_series(forecaster, text):
    """Read a window of the data of a run of forecaster; the text is the first row's number."""
    config, (values, known, seconds) = forecaster.config, _data(forecaster)
    length, count = config.window_length, len(values)
    first = _first_row(text, min(count - length, len(known) - length - config.horizon if config.known else count) + 1)
    last = first + length
    given = known[None, first : last + config.horizon] if config.known else np.zeros((1, length + config.horizon, 0))
    inputs = forecaster.model_inputs(values[None, first:last], given, seconds[last - 1 : last])
    return _numbers(first, length), lambda: forecaster.model(inputs)


@functools.lru_cache(maxsize=1)
def _data(model):
    """Return the arrays of a run's own data, as its app reads them."""
    reading = importlib.import_module(f"{type(model).__module__.rpartition('.')[0]}.reading")
    if hasattr(reading, "read_recordings"):
        return (reading.read_recordings(model.config, like=model)[0].series.values,)
    data = importlib.import_module(f"{type(model).__module__.rpartition('.')[0]}.data")
    series = reading.read_series(model.config, model.config.data, like=model)
    return series.values, series.known, data.unix_seconds(series.times)


def _first_row(text, count):
    if count < 1:
        raise UserError("the run's data has fewer rows than the model reads")
    number = int(text) if text.strip().isascii() and text.strip().isdigit() else 0
    if not 1 <= number <= count:
        raise UserError(f"first row {text.strip()[:20]}: expected a number from 1 to {count}")
    return number - 1


def _numbers(first, count):
    return [str(number) for number in range(first + 1, first + 1 + count)]


def _names(pieces):
    return [piece.decode(errors="replace").replace(SPACE, " ").strip() or "␣" for piece in pieces.numpy().tolist()]
