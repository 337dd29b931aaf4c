"""Data sets of TensorFlow Datasets, prepared or downloaded, with an answer at once where neither can be."""

import urllib.error
import urllib.request

from .cli import UserError

# Most of the sets, and the index of all of them, are fetched from here.
_PROBE = "https://storage.googleapis.com"


def open_set(name, split):
    """The builder of the data set `name`, prepared on disk, downloading it first where it is not.

    Raises:
        UserError: no such set or split, or it is not on disk and there is no network.
    """
    # Slow to import, and needed for `tfds:` alone.
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import download_manager

    try:
        builder = tfds.builder(name)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise UserError(f"tfds:{name}: no such data set ({str(error).strip().splitlines()[0]})") from None
    if not builder.is_prepared():
        _require_network(name, builder)
        # AssertionError is how the library asks for files to be fetched by hand.
        refusals = OSError, AssertionError, tfds.download.DownloadError, download_manager.NonMatchingChecksumError
        try:
            builder.download_and_prepare()
        except refusals as error:
            first = str(error).strip().splitlines()[0]
            raise UserError(f"tfds:{name}: cannot be downloaded ({first}); see {builder.info.homepage}") from error
    if split not in builder.info.splits:
        raise UserError(f"tfds:{name}: no split {split!r}; --split takes {', '.join(builder.info.splits)}")
    return builder


def rows(builder, split):
    """The examples of a split as dicts of NumPy values, always in the same order."""
    import tensorflow_datasets as tfds

    return tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False))


def _require_network(name, builder):
    # Without this, TensorFlow Datasets tries again and again for minutes.
    try:
        urllib.request.urlopen(_PROBE, timeout=5).close()
    except urllib.error.HTTPError:
        return
    except (urllib.error.URLError, TimeoutError):
        raise UserError(
            f"tfds:{name}: not prepared in {builder.data_dir} and there is no network to download it; "
            "run the same command where there is one and copy that folder here"
        ) from None
