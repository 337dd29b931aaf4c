"""Settings of the toy app."""

from dataclasses import dataclass

from apps.common.settings import require_counts, require_training


@dataclass(frozen=True)
class Config:
    """Settings."""

    rows: int = 64
    units: int = 8
    nan_from: int = 1000
    """First epoch whose loss is not finite."""
    test_fraction: float = 0.0
    validation_fraction: float = 0.25
    learning_rate: float = 0.05
    batch_size: int = 16
    epochs: int = 4
    patience: int = 4
    seed: int = 0

    def __post_init__(self):
        require_training(self)
        require_counts(self, "rows units nan_from")
