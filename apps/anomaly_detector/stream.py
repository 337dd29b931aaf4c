"""Score rows of CSV as they arrive."""

import csv
import sys

import numpy as np

from ..common.cli import UserError
from ..common.words import listed
from .answers import causes


def follow_rows(detector, lines, out, alarms_only=False):
    """Read CSV with a header from `lines`, and write a row with score and alarm to `out` after each.

    A cell without a number is a missing reading. The scores equal those of `predict` for the table of all rows, if it
    has no gaps.

    Args:
        detector: `Detector`.
        lines: iterable of lines.
        out: file.
        alarms_only: whether to write only rows that are alarms.

    Raises:
        UserError: there is no header with the sensors.
    """
    reader = csv.reader(lines)
    header = [name.strip() for name in next(reader, [])]
    if absent := [name for name in detector.names if name not in header]:
        raise UserError(
            f"standard input: no column {absent[0]!r} in its first line, expected a header with "
            f"{listed(detector.names)}"
        )
    columns = [header.index(name) for name in detector.names]
    times = [header.index(name) for name in detector.read_as.get("time", ()) if name in header]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["time", "score", "alarm", "sensors"])
    out.flush()
    state, mark = detector.scorer.initial_state(1), detector.config.decimal
    for number, row in enumerate(reader, 2):
        if not any(cell.strip() for cell in row):
            continue
        values = np.array([_number(row, column, mark, number, header) for column in columns], "float32")
        *outputs, state = detector.advance(values[None, None], state)
        score, contributions = float(outputs[0][0, 0]), outputs[1][0, 0]
        is_alarm = score > detector.threshold
        if is_alarm or not alarms_only:
            time = " ".join(row[index] for index in times) or number - 1
            writer.writerow([time, f"{score:.6g}", int(is_alarm), causes(detector.names, contributions)])
            out.flush()


def _number(row, column, mark, number, header):
    cell = row[column].strip() if column < len(row) else ""
    try:
        return float(cell.replace(",", ".") if mark == "," else cell)
    except ValueError:
        if cell:
            print(f"standard input: row {number}: {header[column]} is {cell!r}, taken as missing", file=sys.stderr)
        return np.nan
