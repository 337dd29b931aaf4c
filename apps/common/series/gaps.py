"""Gaps in series, which are filled from the past, and rows that not all series have."""

from typing import Any

import numpy as np
import pandas as pd

from ..cli import UserError
from ..tables import Summary
from ..words import counted
from .grid import ROWS


def common_span(name: str, values: pd.DataFrame, longest: int, summary: Summary, like: Any = None) -> tuple[int, int]:
    """Return the rows that all series have, (start, end), and report the others.

    Gaps are only filled from the past, so rows before the latest first value are left out. So are rows at the end, if
    a series ends by more than `longest` rows before the others.

    Args:
        name: name of the table, for messages.
        values: pandas.DataFrame of numbers, NaN where missing.
        longest: rows in the longest gap to fill.
        summary: `Summary`.
        like: not None for a trained model, which needs only the last rows.

    Raises:
        UserError: less than half of the rows would be left.
    """
    observed = values.notna().to_numpy()
    first, last = observed.argmax(axis=0), len(observed) - 1 - observed[::-1].argmax(axis=0)
    start, end = int(first.max()), int(last.max()) + 1
    if end - 1 - last.min() > longest:
        end = int(last.min()) + 1
    rows = int(last.max()) + 1 - int(first.min())
    if like is None and end - start < rows / 2:
        late = first.max() - first.min() >= last.max() - last.min()
        column = values.columns[first.argmax() if late else last.argmin()]
        words = f"begins at {values.index[first.max()]}" if late else f"ends at {values.index[last.min()]}"
        raise UserError(
            f"{name}: series {column!r} {words}, so that all series together have {max(0, end - start)} of {rows} "
            "rows; leave it out with --leave-out"
        )
    if count := start - int(first.min()):
        summary.note(
            f"{counted(count, 'row')} at the beginning left out: series {values.columns[first.argmax()]!r} begins at "
            f"{values.index[start]}"
        )
    if count := int(last.max()) + 1 - end:
        summary.note(
            f"{counted(count, 'row')} at the end left out: series {values.columns[last.argmin()]!r} ends at "
            f"{values.index[end - 1]}"
        )
    return start, end


def fill_gaps(name: str, frame: pd.DataFrame, lag: int, longest: int) -> np.ndarray:
    """Replace missing values by the value `lag` rows before, or the last value if there are fewer rows.

    Uses only the past, so a backtest does not see the future.

    Args:
        name: name of the table, for messages.
        frame: pandas.DataFrame of numbers, NaN where missing.
        lag: rows.
        longest: rows in the longest gap to fill.

    Returns:
        Float64 (time, columns).

    Raises:
        UserError: a column begins with a gap, or has a longer gap.
    """
    values = frame.to_numpy("float64", copy=True)
    for column, series in zip(frame.columns, values.T, strict=True):
        gaps = np.flatnonzero(np.isnan(series))
        if not len(gaps):
            continue
        if gaps[0] == 0:
            first = frame[column].first_valid_index()
            raise UserError(
                f"{name}: column {column!r} begins with a gap, its first value is at {first}; complete it, or leave it "
                "out with --leave-out"
            )
        ends = np.flatnonzero(np.append(np.diff(gaps) > 1, True))
        lengths = np.diff(np.append(-1, ends))
        if lengths.max() > longest:
            begin = frame.index[gaps[ends[lengths.argmax()] - lengths.max() + 1]]
            raise UserError(
                f"{name}: series {column!r} has a gap of {lengths.max()} rows from {begin} on; gaps of up to --max-gap "
                f"{longest} are filled: raise it, {'leave the series out with --leave-out, ' * (frame.shape[1] > 1)}"
                f"delete the rows before, or, if there are no rows at night or on some days, {ROWS[3:]}"
            )
        for row in gaps:
            series[row] = series[row - lag if row >= lag else row - 1]
    return values
