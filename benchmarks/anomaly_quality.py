"""Quality and speed of the anomaly detector on the Numenta Anomaly Benchmark and on SKAB, next to its baselines.

NAB (Lavin and Ahmad 2015): a detector for each of the 58 files learns from the first 15 % of its rows, at most 750, in
which alarms do not count. As on NAB's leaderboard, one threshold for all files is chosen with the labels, for each
profile; beside it is the score with the detectors' own thresholds, which know no labels.

SKAB (Katser and Kozitsin 2020): a detector for each file learns from its first 400 rows. As on SKAB's leaderboard, all
rows are judged, those that were learned from, too.

Each training is a run directory under --runs-dir, so an interrupted benchmark resumes.
"""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import tyro

from apps.anomaly_detector.baseline import fit_baselines
from apps.anomaly_detector.config import Config
from apps.anomaly_detector.detector import Detector
from apps.anomaly_detector.evaluation import NAMES, observed_values
from apps.anomaly_detector.metrics import point_metrics, vus_pr
from apps.anomaly_detector.nab import PROFILES, best_threshold, nab_score, probation, weigh
from apps.anomaly_detector.reading import read_recordings
from apps.anomaly_detector.threshold import choose_threshold, runs_per_row
from apps.anomaly_detector.train import train
from apps.common import cli, files
from apps.common.options import TrainingOptions

from .results import write_results

# Few rows train, so pieces are short. Rows are only numbered: some files have gaps, or times twice.
SHORT = {"frequency": "row", "chunk_length": 32, "window_length": 12, "stride": 1}
LEARNED = 400
# Rows that are timed one by one.
STREAMED = 500
NOTES = (
    "NAB: 58 files, 116 windows. One threshold for all files, chosen with the labels for each profile, as on its "
    "leaderboard; own: thresholds that were chosen without labels. Published, standard: ARTime 74.9, Numenta 70, "
    "KNN-CAD 58.0, Random Cut Forest 51.7, windowed Gaussian 39.6. VUS-PR: mean over the files with windows, of the "
    "rows that were not learned from; published means on a part of these files: LSTMAD .182, POLY .484.",
    "SKAB: valve1 and other/8 to 14, 23 files; own thresholds; all rows of all files counted together. Published, on "
    "its 34 files: Conv-AE and MSET F1 .78, T2+Q .76, LSTM-AE .74, vanilla LSTM .54, isolation forest .29.",
)


def anomaly_quality(
    nab: Path | None = None,
    skab: Path | None = None,
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    runs_dir: Path = Path("runs/anomaly_quality"),
):
    """Measure the anomaly detector on NAB and SKAB.

    Args:
        nab: Folder of NAB's files with combined_windows.json; not measured if not given.
        skab: Folder with SKAB's valve1 and other; not measured if not given.
        config: Settings of the app.
        runs_dir: Folder for the trainings.
    """
    rows, notes = [], list(NOTES)
    for folder, measure in ((nab, _measure_nab), (skab, _measure_skab)):
        if folder:
            found, note = measure(folder, config, runs_dir)
            rows, notes = rows + found, [*notes, note]
    options = f"{'--nab NAB_FOLDER ' * bool(nab)}{'--skab SKAB_FOLDER' * bool(skab)}"
    packages = ("tensorflow", "keras", "sklearn")
    write_results("anomaly_quality", "Anomaly detector on NAB and SKAB", rows, packages, None, notes, options)


def _measure_nab(folder, config, runs_dir):
    windows = folder / "combined_windows.json"
    weighed, scores, alarms, vus, times = [], {}, {}, {}, []
    for name in sorted(files.read_json(windows)):
        settings = dataclasses.replace(config, data=(str(folder / name),), windows=str(windows), **SHORT)
        (recording,) = read_recordings(settings)
        learned = probation(len(recording))
        found, each = _score(dataclasses.replace(settings, windows=None), recording, learned, runs_dir / "nab" / name)
        times.append(each)
        weighed.append(weigh(len(recording), recording.windows))
        labels = recording.labels[learned:]
        for detector, (values, threshold) in found.items():
            scores.setdefault(detector, []).append(values)
            alarms.setdefault(detector, []).append(values > threshold)
            if labels.any():
                vus.setdefault(detector, []).append(vus_pr(labels, values[learned:]))
        print(name, len(recording), flush=True)
    table = []
    for detector, values in scores.items():
        best = {f"NAB, {key}": f"{best_threshold(weighed, values, key)[1]:.1f}" for key in PROFILES}
        own = f"{nab_score(weighed, alarms[detector]):.1f}"
        table.append(_row("NAB", detector, best | {"NAB, own": own, "VUS-PR": f"{np.mean(vus[detector]):.3f}"}))
    return table, _speed("NAB", times)


def _measure_skab(folder, config, runs_dir):
    paths = [*sorted(folder.glob("valve1/*.csv")), *(folder / "other" / f"{number}.csv" for number in range(8, 15))]
    labels, alarms, vus, times = [], {}, {}, []
    for path in paths:
        settings = dataclasses.replace(config, data=(str(path),), **SHORT)
        (recording,) = read_recordings(settings)
        run_dir = runs_dir / "skab" / path.parent.name / path.name
        found, each = _score(settings, recording, LEARNED, run_dir)
        times.append(each)
        labels.append(recording.labels)
        for detector, (values, threshold) in found.items():
            alarms.setdefault(detector, []).append(values > threshold)
            vus.setdefault(detector, []).append(vus_pr(recording.labels[LEARNED:], values[LEARNED:]))
        print(path, len(recording), flush=True)
    together, table = np.concatenate(labels), []
    for detector, each in alarms.items():
        raised = np.concatenate(each)
        cells = {
            "F1": f"{point_metrics(together, raised)['f1']:.3f}",
            "false alarms, %": f"{100 * raised[~together].mean():.1f}",
            "missed alarms, %": f"{100 * (~raised[together]).mean():.1f}",
            "VUS-PR": f"{np.mean(vus[detector]):.3f}",
        }
        table.append(_row("SKAB", detector, cells))
    return table, _speed("SKAB", times)


def _score(config, recording, learned, run_dir):
    """Train on the first rows of a recording, and score all.

    Returns:
        {detector: (float (rows,), threshold)}, and seconds of training, rows a second of a table, and one by one.
    """
    config = dataclasses.replace(config, train_fraction=(learned + 0.5) / len(recording))
    train(config, TrainingOptions(run_dir))
    detector, values = Detector(run_dir), observed_values(recording)
    detector.score(values)  # compiles
    start = time.perf_counter()
    found = {NAMES[config.model]: (detector.score(values).scores, detector.threshold)}
    table = len(recording) / (time.perf_counter() - start)
    state, few = detector.scorer.initial_state(1), values[:STREAMED].astype("float32")
    start = None
    for row in few:
        *_, state = detector.advance(row[None, None], state)
        start = start or time.perf_counter()
    stream = (len(few) - 1) / (time.perf_counter() - start)
    rate = runs_per_row(config.false_alarms, None)
    first = recording.series.values[:learned]
    for name, baseline in fit_baselines([first], None).items():
        threshold = choose_threshold([baseline.score(first)], rate)
        found[name] = (baseline.score(recording.series.values), threshold)
    trained = sum(row["seconds"] for row in files.read_csv(run_dir / "history.csv"))
    return found, (trained, table, stream)


def _row(data, detector, cells):
    columns = [f"NAB, {key}" for key in (*PROFILES, "own")]
    empty = dict.fromkeys([*columns, "VUS-PR", "F1", "false alarms, %", "missed alarms, %"], "")
    return {"data": data, "detector": detector} | empty | cells


def _speed(data, times):
    trained, table, stream = np.median(times, axis=0)
    minutes = sum(each[0] for each in times) / 60
    return (
        f"{data}, medians of {len(times)} files: {trained:.0f} s of training ({minutes:.0f} min in all), {table:,.0f} "
        f"rows a second of a table, {stream:,.0f} one by one."
    )


if __name__ == "__main__":
    sys.exit(cli.run(anomaly_quality))
