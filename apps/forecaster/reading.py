"""Read the series to forecast; imports pandas, but no framework."""

from ..common.series import reading
from .sample_data.make_series import make_series


def read_series(config, data=None, like=None):
    """Read and check a table, see `reading.read_series`; the sample has a column `holiday` if it is to be known."""

    def sample():
        return "bicycles per hour at three counters, generated", make_series(holidays="holiday" in config.known)

    return reading.read_series(config, data, like, sample)
