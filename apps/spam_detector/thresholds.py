"""The threshold from which a message belongs to the class to detect."""

import dataclasses
from pathlib import Path

import numpy as np

from ..common.cli import UserError
from ..common.files import read_csv


@dataclasses.dataclass(frozen=True)
class Threshold:
    """Probability from which a message belongs to the class to detect."""

    threshold: float | None = None
    """Probability from 0 to 1; 0.5 if not given."""
    max_ham_blocked: float | None = None
    """Instead of --threshold: the highest percentage of good messages that may be blocked. Takes the lowest threshold
    that respects it on the validation rows."""

    def resolve(self, run_dir):
        """Return the threshold as a number.

        Raises:
            UserError: a number is out of range, or the run has no validation scores.
        """
        if self.threshold is not None and self.max_ham_blocked is not None:
            raise UserError("--threshold and --max-ham-blocked: give only one of the two")
        if self.max_ham_blocked is None:
            threshold = 0.5 if self.threshold is None else self.threshold
            if not 0 <= threshold <= 1:
                raise UserError(f"--threshold {threshold}: expected a probability from 0 to 1")
            return threshold
        if not 0 <= self.max_ham_blocked <= 100:
            raise UserError(f"--max-ham-blocked {self.max_ham_blocked}: expected a percentage from 0 to 100")
        rows = read_csv(Path(run_dir) / "validation.csv")
        if not rows:
            raise UserError(f"{run_dir}: no validation.csv; finish the training first")
        ham = np.sort([row["probability"] for row in rows if row["label"] == 0])
        allowed = int(len(ham) * self.max_ham_blocked / 100)
        # Just above the highest score that may not be blocked, in the precision of the scores.
        return float(np.nextafter(np.float32(ham[-1 - allowed]), np.float32(2))) if allowed < len(ham) else 0.0
