"""How the apps' models read one text: the names of the steps, and a function that runs the model on them."""

import numpy as np
import tensorflow as tf

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


def _names(pieces):
    return [piece.decode(errors="replace").replace(SPACE, " ").strip() or "␣" for piece in pieces.numpy().tolist()]
