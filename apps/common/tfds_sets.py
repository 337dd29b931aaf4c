"""Open data sets of TensorFlow Datasets, with an immediate error if one is neither prepared nor reachable."""

import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Any

from .cli import UserError

# Host of most data sets and of their index.
_PROBE = "https://storage.googleapis.com"


def open_set(name: str, split: str | None) -> Any:
    """Return the builder of a data set, which is downloaded and prepared if it is not on disk.

    Args:
        name: name of the data set.
        split: name of a split, which must exist; None for any.

    Raises:
        UserError: there is no such data set or split, or it is not on disk and there is no network.
    """
    # Slow to import, and only needed here.
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import download_manager

    try:
        builder = tfds.builder(name)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise UserError(f"tfds:{name}: no such data set ({str(error).strip().splitlines()[0]})") from None
    if not builder.is_prepared():
        _require_network(name, builder)
        # The library raises AssertionError if files must be downloaded manually.
        refusals = OSError, AssertionError, tfds.download.DownloadError, download_manager.NonMatchingChecksumError
        try:
            builder.download_and_prepare()
        except refusals as error:
            first = str(error).strip().splitlines()[0]
            raise UserError(f"tfds:{name}: cannot be downloaded ({first}); see {builder.info.homepage}") from error
    if split is not None and split not in builder.info.splits:
        raise UserError(f"tfds:{name}: no split {split!r}; --split takes {', '.join(builder.info.splits)}")
    return builder


def rows(builder: Any, split: str) -> Iterable[dict]:
    """Return the examples of a split as dicts of NumPy values, always in the same order."""
    import tensorflow_datasets as tfds

    return tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False))


def _require_network(name, builder):
    # TensorFlow Datasets itself retries for minutes.
    try:
        urllib.request.urlopen(_PROBE, timeout=5).close()
    except urllib.error.HTTPError:
        return
    except (urllib.error.URLError, TimeoutError):
        raise UserError(
            f"tfds:{name}: not prepared in {builder.data_dir} and there is no network to download it; "
            "run the same command where there is one and copy that folder here"
        ) from None
