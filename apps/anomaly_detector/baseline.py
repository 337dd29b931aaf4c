"""Detectors without a network, fitted to the same rows. Their scores depend on earlier rows only, too."""

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

# Rows of the running mean, and of a window of the principal components, without a season.
RUNNING, WINDOW = 200, 32
# Windows from which the principal components are computed, and the part of their variance that they explain.
MOST_WINDOWS, EXPLAINED = 5000, 0.9


class RollingGaussian:
    """Distance from the mean of the rows before, in their standard deviations; the root of the mean square of sensors.

    Args:
        rows: before each row, of which mean and deviation are computed.
    """

    def __init__(self, rows=RUNNING):
        self.rows = rows

    def fit(self, recordings):
        """Compute the smallest deviation from float (rows, sensors) of recordings."""
        self.least = 0.05 * np.concatenate(recordings).std(axis=0) + 1e-9
        return self

    def score(self, values):
        """Return float (rows,)."""
        before = pd.DataFrame(values).shift(1).rolling(self.rows, min_periods=2)
        mean, std = (each.to_numpy() for each in (before.mean(), before.std()))
        return _root_mean_square(np.nan_to_num((values - mean) / np.maximum(std, self.least)))


class SeasonalResidual:
    """Difference from the value one season before, in the standard deviations of training rows.

    Args:
        season: rows; None for 1.
    """

    def __init__(self, season=None):
        self.season = season or 1

    def fit(self, recordings):
        """Compute the deviations of the differences."""
        differences = np.concatenate([self._differences(each) for each in recordings])
        self.std = np.maximum(differences.std(axis=0), 1e-9)
        return self

    def _differences(self, values):
        found = np.zeros_like(values)
        found[self.season :] = values[self.season :] - values[: -self.season]
        return found

    def score(self, values):
        """Return float (rows,)."""
        return _root_mean_square(self._differences(values) / self.std)


class SubPCA:
    """Error of the projection of the last rows to their principal components.

    As "Sub-PCA" of Liu and Paparrizos, "The Elephant in the Room: Towards A Reliable Time-Series Anomaly Detection
    Benchmark", NeurIPS 2024, but the window ends with the row that is scored.

    Args:
        rows: of a window; None for `WINDOW`.
    """

    def __init__(self, rows=None):
        self.rows = min(rows or WINDOW, 2 * WINDOW)

    def fit(self, recordings):
        """Compute the principal components of windows of training rows."""
        together = np.concatenate(recordings)
        self.loc, self.scale = together.mean(axis=0), np.maximum(together.std(axis=0), 1e-9)
        windows = np.concatenate([self._windows(each)[self.rows - 1 :] for each in recordings])
        every = -(-len(windows) // MOST_WINDOWS)
        # Constant windows have no components.
        self.pca = PCA(EXPLAINED, svd_solver="full").fit(windows[::every]) if windows.std() else None
        return self

    def _windows(self, values):
        scaled = (values - self.loc) / self.scale
        padded = np.concatenate([np.repeat(scaled[:1], self.rows - 1, axis=0), scaled])
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.rows, axis=0)
        return windows.reshape(len(values), -1)

    def score(self, values):
        """Return float (rows,)."""
        windows = self._windows(values)
        if self.pca is None:
            return _root_mean_square(windows)
        return _root_mean_square(windows - self.pca.inverse_transform(self.pca.transform(windows)))


class Forest:
    """Isolation forest over single rows (Liu, Ting and Zhou, ICDM 2008)."""

    def fit(self, recordings):
        """Fit the forest to training rows."""
        self.forest = IsolationForest(random_state=0).fit(np.concatenate(recordings))
        return self

    def score(self, values):
        """Return float (rows,)."""
        return -self.forest.score_samples(values)


def fit_baselines(recordings, season):
    """Fit all baselines.

    Args:
        recordings: list of float (rows, sensors), training rows.
        season: rows of a season, or None.

    Returns:
        {name: fitted baseline}.
    """
    kinds = {
        "rolling Gaussian": RollingGaussian(),
        "seasonal residual": SeasonalResidual(season),
        "Sub-PCA": SubPCA(season),
        "isolation forest": Forest(),
    }
    long = [each for each in recordings if len(each) > (season or 1)] or recordings
    return {name: each.fit(long) for name, each in kinds.items()}


def _root_mean_square(values):
    return np.sqrt(np.mean(np.square(values), axis=1))
