"""Begin a training with the weights of a language model, or of another classifier."""

from dataclasses import dataclass
from pathlib import Path

from ..common import runs
from ..common.cli import UserError
from .config import Config

# Settings of a classifier that one which starts from it shares.
_SHARED = ("cell", "units", "num_layers", "skip_connections", "attention_units", "dense_units", "embedding_dim")
_OF_TRUNK = ("cell", "units", "num_layers", "normalization", "zoneout")


def require_start(config):
    """Check that the run to start from fits the settings. Imports no framework.

    Raises:
        UserError: there is no such run, it has not ended, or the user asked for something else than it has.
    """
    if not config.start_from:
        return
    saved, run_dir = runs.open_run(config.start_from), config.start_from
    names = ("unit", *_SHARED) if _is_own(saved) else ("unit", "embedding_dim")
    if not _is_own(saved) and not {"unit", "embedding_dim", *_OF_TRUNK} <= saved.keys():
        raise UserError(
            f"--start-from {run_dir}: a run of {saved.get('app')}, expected one of a language model or of a classifier"
        )
    if not runs.is_finished(run_dir):
        raise UserError(f"--start-from {run_dir}: its training has not ended; finish it with the same command")
    default = Config()
    for name in names:
        asked = getattr(config, name)
        if asked not in (getattr(default, name), saved[name]):
            option = f"--{name.replace('_', '-')} {asked}"
            raise UserError(f"{option}: --start-from {run_dir} has {saved[name]}; leave the option out")


def _is_own(saved):
    return saved.get("app") == __package__.rpartition(".")[2]


@dataclass(frozen=True)
class Start:
    """What a training begins with.

    Attributes:
        vocabulary: `Vocabulary`.
        settings: arguments of `build_model`.
        layers: Keras layers whose weights are copied to the layers of the same names.
    """

    vocabulary: object
    settings: dict
    layers: list

    def copy_to(self, model):
        """Copy the weights into a new `DocumentClassifier`, and return their number."""
        for layer in self.layers:
            model.get_layer(layer.name).set_weights(layer.get_weights())
        return sum(layer.count_params() for layer in self.layers)


def load_start(run_dir, class_names):
    """Load the run to start from.

    Args:
        run_dir: run directory of a language model or of a classifier.
        class_names: of the new classifier, which continues with the output of one for the same classes.

    Returns:
        A `Start`.
    """
    from ..common.transfer import load_trunk
    from ..common.vocabularies import load_vocabulary
    from .model import load_model

    saved = runs.open_run(run_dir)
    if not _is_own(saved):
        trunk = load_trunk(run_dir)
        settings = {"embedding_dim": saved["embedding_dim"], "trunk": {name: saved[name] for name in _OF_TRUNK}}
        names = ["embedding", *(f"recurrent_{index}" for index in range(saved["num_layers"]))]
        return Start(trunk.vocabulary, settings, [trunk.model.get_layer(name) for name in names])
    model = load_model(Path(run_dir) / "model.keras")
    config = model.get_config()
    kept = [part for parts in model.parts() for part in parts]
    if saved["class_names"] != list(class_names):
        kept.remove(model.evidence)
    return Start(load_vocabulary(run_dir), {name: config[name] for name in (*_SHARED, "trunk")}, kept)
