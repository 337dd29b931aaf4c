"""The sample: bicycles per hour at three counters of a city, for 200 days.

Trend, daily, weekly and yearly seasons, autocorrelated noise, a level shift (a bridge opens), and gaps.
"""

import numpy as np
import pandas as pd

HOURS = 200 * 24
COUNTERS = {"bridge": 210.0, "market": 140.0, "station": 320.0}


def make_series(seed=0, holidays=False):
    """Make a table with a time column and a column for each counter, NaN in gaps.

    Args:
        seed: of all random numbers.
        holidays: whether to add a column `holiday`, 1 on days with few riders, and its effect.

    Returns:
        pandas.DataFrame of 4,800 rows.
    """
    generator = np.random.default_rng(seed)
    times = pd.date_range("2024-01-08", periods=HOURS, freq="h")
    hours, days = np.arange(HOURS), np.arange(HOURS) // 24
    hour, weekend = hours % 24, days % 7 >= 5
    commuting = np.exp(-((hour - 8) ** 2) / 4) + 1.2 * np.exp(-((hour - 17.5) ** 2) / 6)
    strolling = np.exp(-((hour - 15) ** 2) / 20)
    holiday = np.isin(days, generator.choice(HOURS // 24, 12, replace=False))
    table = {"time": times}
    for name, scale in COUNTERS.items():
        leisure = generator.uniform(0.4, 0.8)
        profile = np.where(weekend, leisure * strolling, commuting + 0.3 * leisure * strolling) + 0.06
        season = 1 + 0.3 * np.sin(2 * np.pi * (days - 60) / 365) + 0.0006 * days
        noise = 0.12 * _autoregressive(generator, 0.97) + 0.08 * _autoregressive(generator, 0)
        riders = scale * profile * season * np.exp(noise)
        if name == "bridge":
            riders *= np.where(hours >= 0.3 * HOURS, 1.35, 1)
        if holidays:
            riders *= np.where(holiday, 0.35, 1)
        table[name] = np.round(riders)
        for start in generator.choice(HOURS - 60, 5, replace=False):
            table[name][start + 30 : start + 30 + generator.integers(1, 16)] = np.nan
    if holidays:
        table["holiday"] = holiday.astype("int64")
    return pd.DataFrame(table)


def _autoregressive(generator, coefficient):
    """Return noise of variance 1, an autoregressive process of order 1."""
    shocks = generator.standard_normal(HOURS) * np.sqrt(1 - coefficient**2)
    noise = np.zeros(HOURS)
    for hour in range(1, HOURS):
        noise[hour] = coefficient * noise[hour - 1] + shocks[hour]
    return noise
