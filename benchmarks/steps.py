"""The training step of every app with its default settings, on JAX: forward, loss, backward, optimizer, metrics."""

import jax
import keras
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

# Length of texts in a batch.
TIME = 32


def spam_detector(batch_size):
    from apps.spam_detector.config import Config
    from apps.spam_detector.fit import compile_model
    from apps.spam_detector.model import build_model

    config = Config()
    model = build_model(config, config.vocabulary_size)
    compile_model(model, config, 1000)
    features = _shaped("int32", batch_size, TIME, config.max_features)
    return model, (features, _shaped("float32", batch_size, 1), _shaped("float32", batch_size))


def translator(batch_size):
    from apps.translator.config import Config
    from apps.translator.fit import compile_model
    from apps.translator.model import build_model

    config = Config()
    model = build_model(config, config.vocabulary_size, config.vocabulary_size)
    compile_model(model, config, 1000)
    text = _shaped("int32", batch_size, TIME)
    return model, ((text, text), text, _shaped("float32", batch_size, TIME))


def forecaster(batch_size):
    from apps.forecaster.config import Config
    from apps.forecaster.data import count_covariates
    from apps.forecaster.fit import compiled_model

    # The settings of the sample: hourly rows with a season of a day.
    config = Config(horizon=24).with_defaults(24, 10_000)
    model = compiled_model(config, 4)
    values = _shaped("float32", batch_size, config.window_length, 4)
    known = _shaped("float32", batch_size, config.window_length + config.horizon, count_covariates(config))
    ahead = _shaped("float32", batch_size, config.horizon, 4)
    return model, ((values, known), ahead, ahead)


def video_captioner(batch_size):
    from apps.video_captioner.config import Config
    from apps.video_captioner.fit import compile_model
    from apps.video_captioner.model import build_model

    config = Config()
    model = build_model(config, config.vocabulary_size)
    compile_model(model, config, config.learning_rate, 1000)
    frames = _shaped("uint8", batch_size, config.max_frames, config.frame_size, config.frame_size, 3)
    shape = (batch_size, config.captions_per_clip, TIME)
    captions = _shaped("int32", *shape)
    return model, ((frames, _shaped("int32", batch_size), captions), captions, _shaped("float32", *shape))


def language_model(batch_size):
    from apps.language_model.config import Config
    from apps.language_model.fit import compile_model
    from apps.language_model.model import build_model

    config = Config(batch_size=batch_size)
    # Characters.
    model = build_model(config, 100)
    compile_model(model, config, 1000)
    chunk = _shaped("int32", batch_size, config.chunk_length)
    inputs = {"tokens": chunk, "fresh": _shaped("int32", batch_size)}
    return model, (inputs, chunk, _shaped("float32", batch_size, config.chunk_length))


def sentiment_classifier(batch_size):
    from apps.sentiment_classifier.config import Config
    from apps.sentiment_classifier.fit import compile_model
    from apps.sentiment_classifier.model import build_model

    config = Config()
    model = build_model(config, config.vocabulary_size, [0.5, 0.5])
    compile_model(model, config, 1000)
    text = _shaped("int32", batch_size, TIME)
    return model, ({"tokens": text, "before": text}, _shaped("float32", batch_size, 2), _shaped("float32", batch_size))


def anomaly_detector(batch_size):
    from apps.anomaly_detector.config import Config
    from apps.anomaly_detector.fit import compile_model
    from apps.anomaly_detector.model import build_model

    config = Config()
    model = build_model(config, 5)
    compile_model(model, config, 1000)
    rows = _shaped("float32", batch_size, config.chunk_length, 5)
    return model, (rows, _shaped("float32", batch_size, 1), _shaped("float32", batch_size))


def speech_recognizer(batch_size):
    from apps.speech_recognizer.config import Config
    from apps.speech_recognizer.fit import compile_model
    from apps.speech_recognizer.model import build_model

    config = Config()
    model = build_model(config, 32)
    compile_model(model, config, 1000)
    samples = _shaped("float32", batch_size, 2 * config.rate)
    inputs = {"samples": samples, "lengths": _shaped("int32", batch_size), "tokens": _shaped("int32", batch_size, TIME)}
    return model, (inputs, _shaped("float32", batch_size, 1))


def question_answerer(batch_size):
    from apps.question_answerer.config import Config
    from apps.question_answerer.fit import compile_model
    from apps.question_answerer.model import build_model

    config = Config()
    model = build_model(config, 120, 80, max_words=12, max_age=16)
    compile_model(model, config, 1000)
    inputs = {"story": _shaped("int32", batch_size, 16, 12), "question": _shaped("int32", batch_size, 12)}
    return model, (inputs, _shaped("int32", batch_size), _shaped("float32", batch_size))


APPS = (
    *(spam_detector, translator, forecaster, video_captioner, language_model, sentiment_classifier),
    anomaly_detector,
    speech_recognizer,
    question_answerer,
)
STEPS = {each.__name__: each for each in APPS}


def _shaped(dtype, *shape):
    return jax.ShapeDtypeStruct(shape, dtype)


def training_step(app, batch_size, precision="float32"):
    """Return a training step and its inputs.

    Args:
        app: name of an app.
        batch_size: rows of the step.
        precision: dtype policy, as `--precision`.

    Returns:
        Function of (state, batch) that returns the logs and the new state; the state, lists of arrays; the shapes of
        the batch.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model, batch = STEPS[app](batch_size)
    finally:
        keras.config.set_dtype_policy(before)
    # Builds what Keras builds with the first batch, without running it.
    model._symbolic_build(
        data_batch=keras.tree.map_structure(lambda each: keras.KerasTensor(each.shape, each.dtype), batch)
    )
    kinds = model.trainable_variables, model.non_trainable_variables, model.optimizer.variables, model.metrics_variables
    return model.train_step, tuple([variable.value for variable in kind] for kind in kinds), batch


def memory_on(devices, step, state, batch):
    """Return the GiB that each device needs for a step whose rows they share, as the compiler reports."""
    mesh = Mesh(np.array(devices), ("batch",))
    whole, shared = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), ("batch",)))
    jitted = jax.jit(step, in_shardings=(whole, shared), out_shardings=whole, donate_argnums=0)
    used = jitted.lower(state, batch).compile().memory_analysis()
    kept = used.argument_size_in_bytes + used.output_size_in_bytes - used.alias_size_in_bytes
    return (kept + used.temp_size_in_bytes + used.generated_code_size_in_bytes) / 2**30
