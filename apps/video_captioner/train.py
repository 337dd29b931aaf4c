"""Trains a video captioner into a run directory; the same command goes on where a killed one stopped."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import keras
import tyro

from ..common import cli, devices, groups, runs
from ..common.epochs import SaveEpochs
from ..common.optimizers import Adam
from .backbone import build_backbone
from .config import Config
from .data import fit_subwords, load_subwords, make_dataset, split_clips
from .features import Looked
from .model import build_model, load_model
from .reading import read_clips

RUN_DIR = Path("runs/video_captioner")
CACHE = Path("runs/video_captioner_cache")


def train(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    run_dir: Path = RUN_DIR,
    cache: Path = CACHE,
    strict: bool = False,
    overwrite: bool = False,
    tensorboard: bool = False,
    on: tyro.conf.OmitArgPrefixes[devices.Devices] = devices.Devices(),
):
    """Train a video captioner on a folder of clips with captions.

    Args:
        config: Settings.
        run_dir: Folder for everything that the training leaves behind.
        cache: Folder for what was seen of each clip, for this training and others.
        strict: Stop at a clip that cannot be read, or has no captions, or is not there, in place of leaving it out.
        overwrite: Throw away the run that stands in --run-dir.
        tensorboard: Write a TensorBoard log to --run-dir/tensorboard.
        on: Devices.

    Returns:
        Where it ran, a `devices.Placement`.
    """
    if tensorboard and not importlib.util.find_spec("tensorboard"):
        raise cli.UserError("--tensorboard: the package tensorboard is not installed; pip install tensorboard")
    placement = devices.settle(on, config.batch_size)
    clips = read_clips(config, cache, strict=strict)
    splits = split_clips(clips, config)
    about = describe_run(config, clips) | {"precision": on.precision}
    if groups.is_trained(run_dir, about, overwrite, placement):
        print(f"{run_dir} is trained already; --overwrite starts anew")
        return placement
    splits, files, backbone = look(config, splits, cache, strict)
    with groups.run_directory(run_dir, about, overwrite, placement) as (folder, _):
        print(", ".join(f"{len(part)} clips for {name}" for name, part in splits.items()))
        fit(config, folder, splits, files, backbone, placement, cache, tensorboard)
    return placement


def look(config, splits, cache, strict=False):
    """Sees what the training needs of the clips: frames, or what a frozen backbone makes of them.

    Returns:
        The splits without the clips that cannot be read; {hash of a clip: its file}; the backbone, None if it is
        trained from the start.
    """
    keras.utils.set_random_seed(config.seed)
    backbone = None
    if not config.trains_backbone:
        backbone = build_backbone(config.backbone, config.frame_size, config.weights)
    looked = Looked(config, cache, backbone)
    seen = {name: looked(part, strict) for name, part in splits.items()}
    files = {content: file for _, own in seen.values() for content, file in own.items()}
    return {name: part for name, (part, _) in seen.items()}, files, backbone


def fit(config, run_dir, splits, files, backbone, placement, cache=CACHE, tensorboard=False):
    """Trains from the last checkpoint, or from the start, until the last epoch or until it no longer helps.

    Args:
        files, backbone: of `look`.
    """
    keras.utils.set_random_seed(config.seed)
    run_dir = Path(run_dir)
    done, checkpoint = runs.latest_checkpoint(run_dir)
    if not checkpoint:
        runs.write_json(run_dir / "vocabulary.json", fit_subwords(splits["train"], config).pieces)
    subwords = load_subwords(run_dir)
    # Two phases of a fixed length: what a resumed training is in the middle of hangs on the epoch alone.
    patience = config.epochs + config.fine_tune_epochs if config.fine_tune_epochs else config.patience
    saving = SaveEpochs(run_dir, done, config.seed, min_epochs=1, patience=patience)
    callbacks = [saving, *([keras.callbacks.TensorBoard(run_dir / "tensorboard")] if tensorboard else [])]
    if done < config.epochs and not saving.ended():
        with placement.scope():
            model = _begun(config, checkpoint, splits, subwords, backbone)
            epochs = range(done, config.epochs)
            _fit_epochs(model, config, splits, files, subwords, epochs, callbacks, placement)
    last = config.epochs + config.fine_tune_epochs
    if config.fine_tune_epochs and len(saving.history) < last:
        files, epochs = _frames(config, cache, splits), range(len(saving.history), last)
        with placement.scope():
            model = _to_fine_tune(config, run_dir, splits)
            _fit_epochs(model, config, splits, files, subwords, epochs, callbacks, placement)
    kept = saving.kept()
    print(f"kept epoch {kept['epoch']}, validation loss {kept['val_loss']:.4f}: {run_dir}/model.keras")
    runs.finish(run_dir, kept)


def _begun(config, checkpoint, splits, subwords, backbone):
    if checkpoint:
        return load_model(checkpoint, compile=True)
    model = build_model(config, subwords.vocabulary_size)
    if backbone is not None:
        model.backbone.set_weights(backbone.get_weights())
    compile_model(model, config, config.learning_rate, config.epochs * _steps(config, splits))
    return model


def _to_fine_tune(config, run_dir, splits):
    done, checkpoint = runs.latest_checkpoint(run_dir)
    model = load_model(checkpoint, compile=True)
    if done == config.epochs:
        print(f"from here on the last {config.fine_tune_layers} layers of {config.backbone} learn, too")
        model.fine_tune(config.fine_tune_layers)
        steps = config.fine_tune_epochs * _steps(config, splits)
        compile_model(model, config, config.fine_tune_learning_rate, steps)
    return model


def _steps(config, splits):
    return -(-len(splits["train"]) // config.batch_size)


def _frames(config, cache, splits):
    files = {}
    for part in splits.values():
        files |= Looked(config, cache)(part, strict=True)[1]
    return files


def _fit_epochs(model, config, splits, files, subwords, epochs, callbacks, placement):
    if epochs.start:
        print(f"going on after epoch {epochs.start}")

    def batches(name, epochs=None):
        return make_dataset(splits[name], files, subwords, config, epochs, placement.share)

    dataset = batches("train", epochs)
    steps = int(dataset.cardinality()) // len(epochs)
    print(f"{model.count_params():,} weights, {steps} steps an epoch", flush=True)
    model.fit(
        dataset,
        validation_data=batches("validation"),
        epochs=epochs.stop,
        initial_epoch=epochs.start,
        steps_per_epoch=steps,
        callbacks=callbacks,
        shuffle=False,
        verbose=1 if sys.stdout.isatty() else 2,
    )


def compile_model(model, config, learning_rate, steps):
    falling = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(
        optimizer=Adam(falling, global_clipnorm=config.clip_norm),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )


def describe_run(config, clips):
    """What config.json says: whatever must be the same for a training to be gone on with."""
    return {
        "app": __package__.rpartition(".")[2],
        **dataclasses.asdict(config),
        "clips": len(clips),
        "fingerprint": clips.fingerprint,
    }


if __name__ == "__main__":
    sys.exit(cli.run(train))
