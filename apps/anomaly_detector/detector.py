"""A trained detector: readings in; scores, alarms and the parts of the sensors out."""

import dataclasses
from pathlib import Path

import numpy as np
from keras import ops

from ..common import runs
from ..common.cli import UserError
from ..common.files import read_json
from .config import Config
from .model import load_model
from .scoring import Normal, Scorer

# Rows that are scored at once.
CHUNK = 256


@dataclasses.dataclass(frozen=True)
class Scores:
    """What a detector says of rows.

    Attributes:
        scores: float32 (rows,).
        contributions: float32 (rows, sensors), the part of each sensor in the score.
        errors: {network: float32 (rows, errors)}, smoothed.
    """

    scores: np.ndarray
    contributions: np.ndarray
    errors: dict


class Detector:
    """Score rows of sensors.

    Args:
        run_dir: folder of a trained run.
        normal: `Normal`, in place of the run's.

    Attributes:
        config: the run's Config.
        names: of the sensors.
        frequency: step between rows, by pandas' name.
        read_as: what the columns of its tables meant, see `Series`.
        threshold: score above which a row is an alarm; None before calibration.
        usual: median score of normal rows.
        scorer: `Scorer`.
    """

    def __init__(self, run_dir, normal=None):
        saved = runs.open_run(run_dir, __package__)
        self.config = runs.settings_of(saved, Config)
        self.names, self.frequency, self.read_as = saved["names"], saved["step"], saved["read_as"]
        self.threshold = self.usual = None
        if normal is None:
            path = Path(run_dir) / "scoring.json"
            if not path.exists():
                raise UserError(f"{path}: no such file; finish the training with the same command")
            scoring = read_json(path)
            normal, self.threshold, self.usual = Normal.of_json(scoring), scoring["threshold"], scoring["median"]
        scaling = read_json(Path(run_dir) / "scaling.json")
        networks = load_model(Path(run_dir) / "model.keras")
        smoothing = self.config.error_smoothing, self.config.smoothing
        self.scorer = Scorer(networks, scaling["loc"], scaling["scale"], normal, *smoothing)

    def score(self, values):
        """Score a recording from its first row on.

        Args:
            values: float (rows, sensors), NaN where missing.

        Returns:
            `Scores`.
        """
        state = self.scorer.initial_state(1)
        found, count = [], len(values)
        for start in range(0, count, CHUNK):
            chunk = np.full((1, CHUNK, len(self.names)), np.nan, "float32")
            part = values[start : start + CHUNK]
            # The end is filled, so that one shape is compiled; its state is not needed.
            chunk[0, : len(part)] = part
            *outputs, state = self.advance(chunk, state)
            found.append([output[0, : len(part)] for output in outputs])
        joined = [np.concatenate(each) for each in zip(*found, strict=True)]
        return Scores(*joined[:2], dict(zip(self.scorer.parts, joined[2:], strict=True)))

    def advance(self, values, state):
        """Score further rows.

        Args:
            values: float32 (batch, time, sensors).
            state: of `Scorer.initial_state`, or of the last call.

        Returns:
            List of outputs, see `Scorer`, and the new state.
        """
        results = [ops.convert_to_numpy(each) for each in self.scorer.predict_on_batch([values, *state])]
        count = 2 + len(self.scorer.parts)
        return [*results[:count], results[count:]]

    def alarms(self, scores):
        """Return which scores are alarms."""
        return scores > self.threshold
