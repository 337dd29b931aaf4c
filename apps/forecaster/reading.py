"""Read the series to forecast; imports pandas, but no framework."""

from ..common.series import reading
from ..common.series.sources import open_table, table_of_frame
from .sample_data.make_series import make_series


def read_series(config, data=None, like=None):
    """Read and check a table or the sample, see `reading.read_series`."""
    return reading.read_series(config, data, like, _opened)


def _opened(name, config):
    if name != "sample":
        return open_table(name, config)
    frame = make_series(holidays="holiday" in config.known)
    return table_of_frame(name, "bicycles per hour at three counters, generated", frame)
