"""The sample: how many bicycles ride past three counters of a city, hour by hour for 200 days.

Trend, day and week, a busier summer, noise that lingers, a bridge that opens (a level shift), and hours that the
counters were out of order.
"""

import numpy as np
import pandas as pd

HOURS = 200 * 24
COUNTERS = {"bridge": 210.0, "market": 140.0, "station": 320.0}


def make_series(seed=0, holidays=False):
    """A table with a time column and a column for each counter; a counter that was out of order has no number.

    Args:
        seed: of everything that is random.
        holidays: with a column `holiday`, 1 on days when few ride, and the effect.

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
    for name, level in COUNTERS.items():
        share = generator.uniform(0.4, 0.8)
        profile = np.where(weekend, share * strolling, commuting + 0.3 * share * strolling) + 0.06
        season = 1 + 0.3 * np.sin(2 * np.pi * (days - 60) / 365) + 0.0006 * days
        riders = level * profile * season * np.exp(0.12 * _lingering(generator, 0.97) + 0.08 * _lingering(generator, 0))
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


def _lingering(generator, memory):
    """Noise of variance 1 of which a share `memory` stays from hour to hour (an autoregressive process)."""
    shocks = generator.standard_normal(HOURS) * np.sqrt(1 - memory**2)
    noise = np.zeros(HOURS)
    for hour in range(1, HOURS):
        noise[hour] = memory * noise[hour - 1] + shocks[hour]
    return noise
