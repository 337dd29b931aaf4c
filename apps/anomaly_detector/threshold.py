"""The threshold for a wanted number of false alarms.

Siffer, Fouque, Termier and Largouet, "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017, section 3.2
(peaks over threshold): what exceeds a high quantile follows a generalized Pareto distribution, which says how high a
score must be to be as rare as wanted, even if none was seen.
"""

import numpy as np
from scipy import stats

# Quantiles of the scores over which peaks count: the first with enough of them, so that they have a distribution.
QUANTILES, ENOUGH = (0.98, 0.95, 0.9, 0.8), 30
# Peaks whose excess is so many times the median are anomalies among the normal rows. Of exponential excesses one in 256
# is larger.
FAR = 8.0


def peaks(scores, level):
    """Return the highest score of each run of rows above a level."""
    above = np.flatnonzero(scores > level)
    if not len(above):
        return np.zeros(0)
    runs = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1)
    return np.array([scores[run].max() for run in runs])


def choose_threshold(scores, rate):
    """Return the score that is exceeded by one run of rows in 1 / `rate` rows.

    Args:
        scores: list of float (rows,), of recordings of normal operation.
        rate: wanted runs of alarms for each row, above 0.

    Returns:
        A float. With hardly any peaks, it is the highest score.
    """
    together = np.concatenate(scores)
    for quantile in QUANTILES:
        level = np.quantile(together, quantile)
        found = np.concatenate([peaks(each, level) for each in scores])
        if len(found) >= ENOUGH:
            break
    if len(found) < ENOUGH / 3:
        return float(together.max())
    excesses = found - level
    excesses = excesses[excesses <= FAR * np.median(excesses)]
    shape, _, scale = stats.genpareto.fit(excesses, floc=0)
    # Alarms are wanted to be so many times rarer than peaks.
    fraction = rate * len(together) / len(excesses)
    if fraction >= 1:
        return float(level)
    excess = -scale * np.log(fraction) if abs(shape) < 1e-6 else scale / shape * (fraction**-shape - 1)
    return float(level + excess)


def runs_per_row(false_alarms, seconds):
    """Return the wanted runs of alarms for each row.

    Args:
        false_alarms: a day, or in 1,000 rows without times.
        seconds: of a step; None without times.
    """
    return false_alarms / 1000 if seconds is None else false_alarms * seconds / 86_400
