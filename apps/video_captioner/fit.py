"""Train the network: what it learns from, its loss, its optimizer, and when its backbone is fine-tuned."""

import keras

from ..common import training
from ..common.splits import unlike_asked
from ..common.training import checkpoints
from ..common.training.optimizers import Adam, built
from ..common.words import counted
from .backbone import build_backbone
from .data import caption_batches, encode_captions, fit_subwords, load_frames, split_clips
from .features import ClipCache
from .model import build_model


def fit(config, options, clips, cache, strict=False):
    """Train a video captioner into `options.run_dir`, or resume there.

    Args:
        config: a `Config`.
        options: `TrainingOptions`.
        clips: `Clips`, of `read_clips`.
        cache: folder for the frames or features of each clip.
        strict: refuse a clip that cannot be read, instead of leaving it out.

    Returns:
        The `training.Run`.
    """
    splits = split_clips(clips, config)
    with training.start(options, config, facts(clips)) as run:
        if not run.finished:
            splits, files, backbone = prepare_clips(config, splits, cache, strict)
            print(", ".join(f"{counted(len(part), 'clip')} for {name}" for name, part in splits.items()))
            if clips.splits[0] is None and (note := unlike_asked(splits, config)):
                print(note)
            fit_epochs(config, run, splits, files, backbone, cache)
    return run


def prepare_clips(config, splits, cache, strict=False):
    """Read the frames of the clips, or compute their features with a frozen backbone, unless they are in the cache.

    Returns:
        The splits without the clips that cannot be read; {hash of a clip: its file in the cache}; the backbone, None
        if it is trained from the start.
    """
    backbone = None
    if not config.trains_backbone:
        backbone = build_backbone(config.backbone, config.frame_size, config.weights)
    clip_cache = ClipCache(config, cache, backbone)
    cached = {name: clip_cache(part, strict) for name, part in splits.items()}
    files = {content: file for _, own in cached.values() for content, file in own.items()}
    return {name: part for name, (part, _) in cached.items()}, files, backbone


def fit_epochs(config, run, splits, files, backbone, cache):
    """Run the epochs that are left, first those without, then those with fine-tuning of the backbone.

    Args:
        config: a `Config`.
        run: a `training.Run`.
        splits, files, backbone: of `prepare_clips`.
        cache: folder for the frames, from which the backbone is fine-tuned.
    """
    subwords = fit_subwords(splits["train"], config)
    run.write_json("vocabulary.json", subwords.pieces)
    # Both phases have a fixed length, so the epoch determines in which of them a training resumes.
    total = config.epochs + config.fine_tune_epochs
    saving = run.save_epochs(total if config.fine_tune_epochs else config.patience)
    epochs = saving.epochs_left(config.epochs)
    if epochs:
        with run.scope():
            batches, validation = make_datasets(config, run, splits, files, subwords, epochs)
            arguments = run.fit_arguments(batches, epochs)
            model = run.restored()
            if model is None:
                model = initial_model(config, subwords, backbone, arguments["steps_per_epoch"] * config.epochs)
            model.fit(batches, validation_data=validation, callbacks=[saving, *run.callbacks()], **arguments)
    epochs = saving.epochs_left(total)
    if epochs:
        files = cached_frames(config, cache, splits)
        with run.scope():
            batches, validation = make_datasets(config, run, splits, files, subwords, epochs)
            arguments = run.fit_arguments(batches, epochs)
            if epochs.start == config.epochs:
                model = fine_tuning_model(config, run, arguments["steps_per_epoch"] * config.fine_tune_epochs)
            else:
                model = run.restored()
            model.fit(batches, validation_data=validation, callbacks=[saving, *run.callbacks()], **arguments)


def make_datasets(config, run, splits, files, subwords, epochs):
    """Return batches for `epochs`, a range, and those of the validation clips."""

    def batches(clips, epochs=None):
        captions = encode_captions(clips, subwords, config)
        rows = len(captions) * (1 if epochs is None else len(epochs))
        # Each process of a group loads only the frames of its rows.
        dataset = run.batches(caption_batches(captions, config, epochs), rows)
        return load_frames(dataset, [files[content] for content in clips.hashes], config)

    return batches(splits["train"], epochs), batches(splits["validation"])


def initial_model(config, subwords, backbone, steps):
    """Build and compile the network; a frozen backbone receives its weights."""
    # So that the weights do not depend on the backbone that was built before.
    keras.utils.set_random_seed(config.seed)
    model = build_model(config, subwords.vocabulary_size)
    if backbone is not None:
        model.backbone.set_weights(backbone.get_weights())
    compile_model(model, config, config.learning_rate, steps)
    print(f"{model.count_params():,} weights", flush=True)
    return model


def fine_tuning_model(config, run, steps):
    """Load the network of the last epoch without fine-tuning, unfreeze its backbone and compile it."""
    _, path = checkpoints.latest_checkpoint(run.folder)
    model = checkpoints.load_checkpoint(path)
    print(f"fine-tuning the last {config.fine_tune_layers} layers of {config.backbone}", flush=True)
    model.fine_tune(config.fine_tune_layers)
    compile_model(model, config, config.fine_tune_learning_rate, steps)
    return model


def cached_frames(config, cache, splits):
    """Return {hash of a clip: file of its frames}."""
    clip_cache = ClipCache(config, cache)
    return {content: file for part in splits.values() for content, file in clip_cache(part, strict=True)[1].items()}


def compile_model(model, config, learning_rate, steps):
    """Compile with a learning rate that falls along a cosine to 0 over `steps`, and clipped gradients."""
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(
        optimizer=built(Adam(schedule, global_clipnorm=config.clip_norm), model),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )


def facts(clips):
    """Describe the data: a training resumes only on the same."""
    return {"clips": len(clips), "fingerprint": clips.fingerprint}
