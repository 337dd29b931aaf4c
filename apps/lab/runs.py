"""The recurrent layers of a run, and what they receive when the run's model reads a text."""

import base64
import contextlib
import functools
import importlib
import importlib.util
import json
import re
import threading
from pathlib import Path

import numpy as np

from ..common import cli
from ..common.runs import open_run

# Steps that the page shows.
MAX_STEPS = 200
MAX_CHARACTERS = 2_000
# Module and class of a trained model, and what it reads. A copied app has the same.
ANSWERERS = (
    ("detector", "Detector", "messages"),
    ("detector", "Detector", "readings"),
    ("forecaster", "Forecaster", "series"),
    ("classifier", "Classifier", "documents"),
    ("writer", "Writer", "prompts"),
    ("translator", "Translator", "sentences"),
)
EXAMPLES = {
    "messages": "WIN a prize now, call 09061701461, or see you at nine?",
    "documents": "I thought that this would be dull, but in the end it was a moving film.",
    "prompts": "To be, or not to be: that is the question.",
    "sentences": "a man in a red shirt is reading a book",
    "readings": "1",
    "series": "1",
}
ROWS = ("readings", "series")
CELL_NAMES = {"SimpleRNN": "simple_rnn", "LSTM": "lstm", "GRU": "gru"}


def open_layers(run_dir):
    """Return a `Run` for a run directory.

    Raises:
        UserError: it is no run, or one whose layers cannot be shown.
    """
    app = open_run(run_dir).get("app")
    if not isinstance(app, str) or not re.fullmatch(r"\w+", app) or not _exists(app):
        raise cli.UserError(f"{run_dir}: a run of {app!r}, which is no app in apps/; give a run of one that is")
    for module, name, kind in ANSWERERS:
        if not _exists(app, module):
            continue
        with cli.importing_tensorflow():
            answerer = getattr(importlib.import_module(f"{_package(app)}.{module}"), name)
            read = getattr(importlib.import_module(f"{__package__}.reading"), f"read_{kind}")
        model = answerer(run_dir)
        # Two apps have a module of this name.
        if module == "detector" and (kind == "messages") != hasattr(model, "encoder"):
            continue
        network = model.scorer.networks if kind == "readings" else model.model
        return Run(run_dir, app, network, functools.partial(read, model), kind)
    raise cli.UserError(
        f"{run_dir}: a run of {app}, whose inputs the lab cannot make; it opens runs of spam_detector, "
        "sentiment_classifier, language_model, translator, forecaster and anomaly_detector"
    )


def _package(app):
    return f"{__package__.rpartition('.')[0]}.{app}"


def _exists(app, module="model"):
    return importlib.util.find_spec(_package(app)) and importlib.util.find_spec(f"{_package(app)}.{module}")


class Run:
    """Layers of a trained model.

    Args:
        run_dir: folder of the run.
        app: name of its app.
        model: the Keras model.
        read: function of a text that returns the names of the steps and a function that runs the model on them.
        kind: what it reads, a key of `EXAMPLES`.

    Attributes:
        description: what the page needs to offer the layers, for JSON.

    Raises:
        UserError: no layer can be shown.
    """

    def __init__(self, run_dir, app, model, read, kind):
        self._read, self._lock = read, threading.Lock()
        found = _named_layers(model)
        shown = {f"layer-{index}": pair for index, pair in enumerate(found) if _is_plain(pair[1])}
        self._layers = {path: layer for path, (_, layer) in shown.items()}
        if not self._layers:
            reason = (
                f"{len(found)} have zoneout or another activation than tanh and sigmoid" if found else "it has none"
            )
            raise cli.UserError(f"{run_dir}: no SimpleRNN, LSTM or GRU that the lab can show ({reason})")
        what = "rows of its data" if kind in ROWS else "your text"
        self.description = {
            "name": Path(run_dir).name,
            "about": f"Layers of a run of {app}, with the inputs that they receive when its model reads {what}.",
            "title": "First row to read" if kind in ROWS else "Text to read",
            "example": EXAMPLES[kind],
            "layers": [
                {"path": path, "title": f"{name}: {type(layer).__name__} of {layer.units} units"}
                for path, (name, layer) in shown.items()
            ],
        }

    def read(self, body):
        """Answer a request: JSON {"layer": path, "text": string} -> JSON with weights, inputs and outputs of a layer.

        Raises:
            UserError: the request is not valid.
        """
        try:
            request = json.loads(body)
            path, text = request["layer"], request["text"]
        except (ValueError, TypeError, KeyError):
            raise cli.UserError('expected {"layer": ..., "text": ...}') from None
        if not isinstance(path, str) or path not in self._layers or not isinstance(text, str):
            raise cli.UserError(f"expected a text, and a layer of {', '.join(self._layers)}")
        if not text.strip():
            raise cli.UserError("nothing to read: type a text")
        cut = f"The first {MAX_CHARACTERS} of {len(text)} characters are read. " if len(text) > MAX_CHARACTERS else ""
        text = text[:MAX_CHARACTERS]
        with self._lock:
            labels, run = self._read(text)
            received = _received(self._layers[path], run)
        if received is None:
            raise cli.UserError("the model does not run this layer on a text; choose another")
        return json.dumps({"text": text, **_answer(self._layers[path], labels, received, cut)})


def _is_plain(layer):
    activations = [layer.activation, getattr(layer, "recurrent_activation", None)]
    names = [getattr(each, "__name__", None) for each in activations if each is not None]
    zoneout = getattr(layer.cell, "zoneout", 0)
    return names in (["tanh"], ["tanh", "sigmoid"]) and not np.any(zoneout)


def _named_layers(model):
    """Return pairs of a name and a recurrent layer; of a Bidirectional first the forward one."""
    import keras

    found, seen = [], set()
    for layer in model._flatten_layers():
        named = [(layer.name, layer)]
        if isinstance(layer, keras.layers.Bidirectional):
            sides = {"forward": layer.forward_layer, "backward": layer.backward_layer}
            named = [(f"{layer.name}, {side}", each) for side, each in sides.items()]
        # A Bidirectional comes before its two layers, which have been named by it.
        found += [pair for pair in named if id(pair[1]) not in seen]
        seen |= {id(each) for _, each in named}
    return [(name, layer) for name, layer in found if type(layer).__name__ in CELL_NAMES]


def _received(layer, run):
    """Return what a layer receives first and returns: inputs, mask, initial state, result; None if it is not called."""
    found = []
    original = layer.call

    def record(sequences, initial_state=None, mask=None, **options):
        result = original(sequences, initial_state=initial_state, mask=mask, **options)
        found.append((sequences, mask, initial_state, result))
        return result

    # Past Keras' tracking of attributes, which refuses new ones in a built layer.
    object.__setattr__(layer, "call", record)
    try:
        run()
    finally:
        with contextlib.suppress(AttributeError):
            object.__delattr__(layer, "call")
    return found[0] if found else None


def _answer(layer, labels, received, message):
    from keras import ops

    sequences, mask, initial_state, result = received
    inputs = np.asarray(ops.convert_to_numpy(sequences), "float32")[0]
    outputs = np.asarray(ops.convert_to_numpy(result[0] if isinstance(result, (list, tuple)) else result), "float32")[0]
    outputs = outputs if layer.return_sequences else outputs[None]
    labels = labels[: len(inputs)] + ["·"] * (len(inputs) - len(labels))
    # Masked steps leave the state as it is: without them, the same states follow.
    kept = np.ones(len(inputs), bool) if mask is None else np.asarray(ops.convert_to_numpy(mask), bool)[0].reshape(-1)
    order = np.arange(len(inputs))[::-1] if layer.go_backwards else np.arange(len(inputs))
    if layer.return_sequences:
        outputs = outputs[kept[order]]
    order = order[kept[order]]
    if len(order) > MAX_STEPS:
        message += f"The first {MAX_STEPS} of {len(order)} steps are shown. "
        # A single output is that of the last step, which is not shown.
        outputs = outputs[:MAX_STEPS] if layer.return_sequences else outputs[:0]
        order = order[:MAX_STEPS]
    if initial_state is not None and any(np.any(ops.convert_to_numpy(state)) for state in initial_state):
        raise cli.UserError("this layer starts from a state that another layer makes, which the lab cannot show yet")
    network = {
        "cell": CELL_NAMES[type(layer).__name__],
        "units": layer.units,
        "features": inputs.shape[1],
        "reset_after": getattr(layer, "reset_after", False),
    }
    names = ("kernel", "recurrent_kernel", "bias")
    network |= {name: _floats(weight) for name, weight in zip(names, layer.get_weights(), strict=False)}
    return {
        "network": network,
        "labels": [labels[step] for step in order],
        "inputs": _floats(inputs[order]),
        "outputs": _floats(outputs),
        "message": message,
    }


def _floats(values):
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()
