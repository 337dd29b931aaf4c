"""Open the table of a data source: a file, or a set of TensorFlow Datasets."""

from pathlib import Path

import numpy as np
import pandas as pd

from .. import tfds_sets
from ..cli import UserError
from ..tables import Table, read_table
from .columns import wanted_columns
from .options import SeriesOptions


def open_table(name: str, config: SeriesOptions) -> Table:
    """Return the `Table` of a data source.

    Args:
        name: of the source.
        config: `SeriesOptions`.

    Raises:
        UserError: it cannot be read as a table.
    """
    if name.startswith("tfds:"):
        return _read_tfds(name, config.split)
    if Path(name).is_dir():
        raise UserError(
            f"{name}: this is a folder, expected a file; give one of its files, or put them into one table, with a "
            "column that names the series (--id-column)"
        )
    return read_table(name, config.table, wanted_columns(config))


def table_of_frame(name: str, kind: str, frame: pd.DataFrame, first: int = 2) -> Table:
    """Return a pandas table as a `Table`.

    Args:
        name, kind: of the table, for messages.
        frame: pandas.DataFrame.
        first: number of its first row.
    """
    cells = [[None if cell is pd.NaT else cell for cell in row] for row in frame.itertuples(index=False, name=None)]
    return Table(name, kind, [str(column) for column in frame], True, list(range(first, len(frame) + first)), cells)


def _read_tfds(name, split):
    builder = tfds_sets.open_set(name.removeprefix("tfds:"), split)
    shapes = {field: getattr(kind, "shape", None) for field, kind in builder.info.features.items()}
    if wrong := [field for field, shape in shapes.items() if shape != ()]:
        raise UserError(
            f"{name}: not a table of times and numbers: the field {wrong[0]!r} has the shape {shapes[wrong[0]]}"
        )
    frame = pd.DataFrame(list(tfds_sets.rows(builder, split)))
    for column in frame:
        frame[column] = [cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell for cell in frame[column]]
        if frame[column].dtype == np.float32:
            frame[column] = frame[column].astype("float64")
    return table_of_frame(name, f"TensorFlow Datasets, split {split}", frame, 1)
