"""Training from a language model or another classifier: what is copied, frozen, and refused."""

import json
import shutil

import keras
import numpy as np
import pytest

from apps.common.files import read_csv, read_json
from apps.common.transfer import load_trunk
from apps.sentiment_classifier.config import Config
from apps.sentiment_classifier.fit import compile_model
from apps.sentiment_classifier.model import build_model, load_model
from apps.sentiment_classifier.optimizer import LayerwiseAdam, layer_settings
from apps.sentiment_classifier.train import train
from apps.sentiment_classifier.transfer import load_start
from tests.conftest import assert_refused

EPOCHS = ["--epochs", "1"]


def weights_of(layers):
    return [weight for layer in layers for weight in layer.get_weights()]


def without(options, *names):
    """Return options without some of them, each with its value."""
    options = list(options)
    for name in names:
        at = options.index(name)
        del options[at : at + 2]
    return options


@pytest.fixture
def own_options(options):
    return without(options, "--unit", "--embedding-dim", "--epochs")


def test_network_on_a_language_model_begins_with_its_layers(language):
    start = load_start(language, ["a", "b"])
    model = build_model(Config(units=8), start.vocabulary.size, [0.5, 0.5], **start.settings)
    count = start.copy_to(model)
    trunk = load_trunk(language)
    assert start.vocabulary.pieces == trunk.vocabulary.pieces and start.vocabulary.unit == "characters"
    above = [layer for layer in trunk.model.layers if layer.name in ("projection", "logits")]
    assert above and count == trunk.model.count_params() - sum(layer.count_params() for layer in above)
    assert len(model.trunk) == 2
    ids = np.random.default_rng(0).integers(4, start.vocabulary.size, (2, 9))
    x = model.embedding(ids)
    for layer in model.trunk:
        x, *_ = layer(x)
    for layer in above:
        x = layer(x)
    np.testing.assert_allclose(x, trunk.model.predict(ids, verbose=0), atol=1e-5)


COPIED = ("embedding", "recurrent_0", "recurrent_1")


def fitted(config, steps, copied=COPIED):
    """Return a network on two layers of a language model, and its parts' weights before and after `steps` steps."""
    keras.utils.set_random_seed(0)
    trunk = {"cell": "lstm", "units": 6, "num_layers": 2, "normalization": False, "zoneout": 0.0}
    model = build_model(config, 30, [0.5, 0.5], trunk=trunk)
    compile_model(model, config, 4, copied)
    before = [weights_of(part) for part in model.parts()]
    ids = np.random.default_rng(1).integers(4, 30, (8 * steps, 7))
    model.fit({"tokens": ids}, np.eye(2)[np.arange(8 * steps) % 2], batch_size=8, verbose=0)
    return model, before, [weights_of(part) for part in model.parts()]


def changed(before, after):
    return [
        any(np.any(one != other) for one, other in zip(*pair, strict=True)) for pair in zip(before, after, strict=True)
    ]


def test_layers_begin_to_learn_one_after_the_other_from_the_top():
    config = Config(units=5, unfreeze_epochs=1.0, epochs=9)
    # Parts: head, bidirectional, recurrent_1, recurrent_0, embedding; an epoch has 4 steps. The first two are new.
    for steps, count in ((4, 2), (8, 3), (12, 4), (14, 5)):
        _, *weights = fitted(config, steps)
        assert changed(*weights) == [True] * count + [False] * (5 - count)
    everything = (*COPIED, "bidirectional_0", "attention", "attention_score", "dense", "evidence")
    for steps, count in ((4, 1), (6, 2)):
        _, *weights = fitted(config, steps, everything)
        assert changed(*weights) == [True] * count + [False] * (5 - count)


def test_without_freezing_all_layers_learn_from_the_first_step():
    for config, copied in ((Config(units=5, unfreeze_epochs=0), COPIED), (Config(units=5), ())):
        _, *weights = fitted(config, 2, copied)
        assert changed(*weights) == [True] * 5


def test_lower_layers_learn_at_lower_rates():
    model = build_model(Config(units=5), 30, [0.5, 0.5])
    rates, begins = layer_settings(model, ["embedding", "bidirectional_0", "bidirectional_1"], 2.0, 10)
    paths = [weight.path for weight in model.trainable_variables]
    found = {path.split("/")[1]: each for path, *each in zip(paths, rates, begins, strict=True)}
    assert found == {
        "embedding": [0.125, 30],
        "bidirectional_0": [0.25, 20],
        "bidirectional_1": [0.5, 10],
        **{name: [1.0, 0] for name in ("attention", "attention_score", "dense", "evidence")},
    }
    optimizer = LayerwiseAdam(0.1, rates)
    optimizer.build(model.trainable_variables)
    before = [weight.numpy() for weight in model.trainable_variables]
    optimizer.apply([keras.ops.ones(weight.shape) for weight in model.trainable_variables])
    # The first step of Adam is the learning rate.
    for weight, old, rate in zip(model.trainable_variables, before, rates, strict=True):
        np.testing.assert_allclose(old - weight.numpy(), 0.1 * rate, rtol=1e-3)


def test_optimizer_survives_saving(tmp_path):
    model, _, after = fitted(Config(units=5, dropout=0.0, token_dropout=0.0, unfreeze_epochs=1.0), 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.begins == model.optimizer.begins and loaded.optimizer.rates == model.optimizer.rates
    ids = np.random.default_rng(1).integers(4, 30, (8, 7))
    for each in (model, loaded):
        each.fit({"tokens": ids}, np.eye(2)[np.arange(8) % 2], batch_size=8, verbose=0)
    found = [weights_of(part) for part in loaded.parts()]
    for one, other in zip(weights_of(model.layers), weights_of(loaded.layers), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert changed(after, found) == [True, True, False, False, False]


def test_training_starts_from_a_language_model(run, language, own_options, tmp_path, capsys):
    arguments = ["--run-dir", tmp_path / "run", *own_options, "--start-from", language, "--epochs", "1"]
    assert run(train, *arguments, "--unfreeze-epochs", "5") == 0
    assert f"weights are those of {language}" in capsys.readouterr().out
    model, trunk = load_model(tmp_path / "run" / "model.keras"), load_trunk(language).model
    for name in ("embedding", "recurrent_0", "recurrent_1"):
        assert changed([trunk.get_layer(name).get_weights()], [model.get_layer(name).get_weights()]) == [False]
    assert read_json(tmp_path / "run" / "vocabulary.json")["unit"] == "characters"


def test_training_continues_another_classifier(run, trained, own_options, tmp_path, capsys):
    base = ["--start-from", trained, "--unfreeze-epochs", "9", "--learning-rate", "1e-9", "--epochs", "1"]
    options = without(own_options, "--learning-rate")
    assert run(train, "--run-dir", tmp_path / "same", *options, *base) == 0
    same, start = load_model(tmp_path / "same" / "model.keras"), load_model(trained / "model.keras")
    # With the same classes the output is continued with, too.
    np.testing.assert_allclose(same.evidence.kernel, start.evidence.kernel, atol=1e-4)
    best = min(row["val_loss"] for row in read_csv(trained / "history.csv"))
    assert abs(read_csv(tmp_path / "same" / "history.csv")[0]["val_loss"] - best) < 0.2
    # Other classes get a new output on the old layers.
    (tmp_path / "two.csv").write_text(
        "text,label\n" + "".join(f"a {w} b,{w}\n" for w in "cdcdefghij"), encoding="utf-8"
    )
    rows = "".join(f"a {word} b {each},{word}\n" for each in "klmnopqrstuvwxyz" for word in ("good", "bad"))
    (tmp_path / "two.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    two = [option if str(option).endswith(".csv") is False else tmp_path / "two.csv" for option in options]
    assert run(train, "--run-dir", tmp_path / "two", *two, *base) == 0
    other = load_model(tmp_path / "two" / "model.keras")
    assert other.evidence.kernel.shape == (16, 2)
    assert changed([weights_of(start.stack)], [weights_of(other.stack)]) == [False]


def test_runs_that_do_not_fit_are_refused(run, language, trained, trained_once, own_options, tmp_path, capsys):
    from tests.apps.cases import spam_detector

    start = ["--run-dir", tmp_path / "run", *own_options, *EPOCHS, "--start-from"]
    assert_refused(capsys, train, [*start, language, "--unit", "words"], "--unit words", "has characters")
    assert_refused(capsys, train, [*start, language, "--embedding-dim", "99"], "--embedding-dim 99", "has 16")
    assert_refused(capsys, train, [*start, trained, "--units", "99"], "--units 99", "has 16")
    assert_refused(capsys, train, [*start, trained, "--cell", "gru"], "--cell gru", "has lstm")
    assert_refused(capsys, train, [*start, trained_once(spam_detector)], "a run of spam_detector", "expected")
    assert_refused(capsys, train, [*start, tmp_path / "absent"], "absent", "no such run directory")
    unfinished = shutil.copytree(language, tmp_path / "unfinished")
    (unfinished / "finished.json").unlink()
    assert_refused(capsys, train, [*start, unfinished], "has not ended")
    saved = json.loads((language / "config.json").read_text(encoding="utf-8"))
    assert saved["embedding_dim"] == 16
