"""Check the fields of a Config, each an option of the command line."""

import math
from collections.abc import Callable
from typing import Any

from .cli import UserError


def require(config: Any, names: str, holds: Callable[[Any], bool], expected: str) -> None:
    """Raise `UserError` for the first field whose value does not satisfy `holds`.

    Args:
        config: a dataclass.
        names: names of fields, separated by spaces.
        holds: function of a value that returns a bool.
        expected: what a value must be, for the message.
    """
    for name in names.split():
        value = getattr(config, name)
        if not holds(value):
            raise UserError(f"--{name.replace('_', '-')} {value}: expected {expected}")


def require_counts(config: Any, names: str, least: int = 1) -> None:
    """Require whole numbers from `least` up; None is allowed."""
    require(config, names, lambda value: value is None or value >= least, f"a whole number from {least} up")


def require_positive(config: Any, names: str) -> None:
    """Require finite numbers above 0."""
    require(config, names, lambda value: 0 < value < math.inf, "a number above 0")


def require_fractions(config: Any, names: str) -> None:
    """Require numbers from 0 up to, but not including, 1."""
    require(config, names, lambda value: 0 <= value < 1, "a number from 0 up to, but not including, 1")


def require_proper_fractions(config: Any, names: str) -> None:
    """Require numbers between 0 and 1, both excluded."""
    require(config, names, lambda value: 0 < value < 1, "a number between 0 and 1")


def require_training(config: Any) -> None:
    """Check the fields that every app has."""
    require_counts(config, "batch_size epochs patience")
    require_positive(config, "learning_rate")
    require_fractions(config, "test_fraction")
    require_proper_fractions(config, "validation_fraction")
    fits = config.test_fraction + config.validation_fraction < 1
    require(config, "test_fraction", lambda value: fits, "less than 1 together with --validation-fraction")
    require(config, "seed", lambda value: 0 <= value < 2**31, "a whole number from 0 up to 2147483647")
