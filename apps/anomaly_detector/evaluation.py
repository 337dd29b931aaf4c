"""Compare a detector with baselines, by row, by event and by the score of the Numenta Anomaly Benchmark."""

import dataclasses
from pathlib import Path

import numpy as np

from ..common import runs
from ..common.cli import UserError
from ..common.files import write_json
from ..common.reports import table, verdict
from ..common.series.grid import season_length, step_seconds
from ..common.words import counted
from .baseline import fit_baselines
from .data import split_recordings
from .detector import Detector
from .fit import facts
from .metrics import auc_pr, best_f1, event_metrics, events, false_alarms_per_day, point_metrics, vus_pr
from .nab import PROFILES, nab_score, weigh
from .plots import draw_report
from .reading import read_normal, read_recordings
from .threshold import choose_threshold, runs_per_row

NAMES = {"both": "forecaster and reconstructor", "forecaster": "forecaster", "reconstructor": "reconstructor"}
TITLES = {
    "vus_pr": ("VUS-PR", "{:.3f}"),
    "auc_pr": ("AUC-PR", "{:.3f}"),
    "event_precision": ("precision, events", "{:.2f}"),
    "event_recall": ("recall, events", "{:.2f}"),
    "event_f1": ("F1, events", "{:.2f}"),
    "f1": ("F1, rows", "{:.2f}"),
    "best_f1": ("best F1, rows (threshold from the labels)", "{:.2f}"),
    "false_alarms_per_day": ("false alarms a day", "{:.2f}"),
    "delay": ("delay, rows (median)", "{:.0f}"),
    "nab_standard": ("NAB score", "{:.1f}"),
    "nab_low_fp": ("NAB score, low FP", "{:.1f}"),
    "nab_low_fn": ("NAB score, low FN", "{:.1f}"),
}


@dataclasses.dataclass(frozen=True)
class Judged:
    """The rows of a recording that are judged, and what detectors say of them.

    Attributes:
        recording: `Recording`.
        rows: range of its rows.
        scores: {detector: float (rows,)}.
        alarms: {detector: bool (rows,)}.
        contributions: float (rows, sensors), of the trained detector.
    """

    recording: object
    rows: range
    scores: dict
    alarms: dict
    contributions: np.ndarray

    @property
    def labels(self):
        """Labels of the rows, bool (rows,); None if nothing is labelled."""
        labels = self.recording.labels
        return None if labels is None else labels[self.rows.start : self.rows.stop]

    @property
    def windows(self):
        """Windows that lie in the rows, counted from the first; None without --windows."""
        if self.recording.windows is None:
            return None
        first = self.rows.start
        return [(a - first, b - first) for a, b in self.recording.windows if a >= first]


def write_report(run_dir, data=()):
    """Measure a detector; print a table, write metrics.json and report.png.

    Args:
        run_dir: folder of a trained run.
        data: labelled readings; empty for the run's rows that were not learned from.
    """
    detector, run_dir = Detector(run_dir), Path(run_dir)
    judged, thresholds = _judge(detector, run_dir, data)
    seconds = step_seconds(detector.frequency)
    rows = sum(len(each.rows) for each in judged)
    model = next(iter(thresholds))
    print(f"{counted(rows, 'row')} of {counted(len(judged), 'recording')}; thresholds from normal rows")
    results = {name: _measure(judged, name, seconds) for name in thresholds}
    report = {
        "data": list(data) or list(detector.config.data),
        "rows": rows,
        "thresholds": thresholds,
        "results": results,
    }
    if any(each.labels is not None and each.labels.any() for each in judged):
        print(table(_table(results)))
        values = {name: result["vus_pr"] for name, result in results.items()}
        flaw = None if any(each.alarms[model].any() for each in judged) else "it raises no alarm"
        found = verdict("VUS-PR", values, flaw=flaw)
    else:
        for name, result in results.items():
            print(f"  {name}: {counted(result['alarms'], 'alarm')}")
        found = f"{model}: no row is labelled anomalous, so nothing can be compared; see --label-column and --windows"
    write_json(run_dir / "metrics.json", {**report, "verdict": found})
    draw_report(run_dir, judged, detector)
    print(f"written: {run_dir}/metrics.json, {run_dir}/report.png")
    print(found)


def _judge(detector, run_dir, data):
    """Return a list of `Judged`, and {detector: threshold}."""
    config, saved = detector.config, runs.open_run(run_dir, __package__)
    normal = read_normal(config, like=detector)
    if facts(normal)["fingerprint"] != saved["fingerprint"]:
        raise UserError(
            f"{', '.join(config.normal or config.data)}: not the readings that {run_dir} was trained on, which the "
            "baselines need; restore them or train again"
        )
    parts = split_recordings(normal, config)
    if data or config.normal:
        recordings = read_recordings(config, data or None, like=detector)
        ranges = [range(len(each)) for each in recordings]
        for recording in recordings[:3] if data else ():
            recording.series.summary.print()
    else:
        recordings, ranges = normal, [part.test for part in parts]
        if not any(map(len, ranges)):
            raise UserError(f"{run_dir}: learned from all rows; give others to measure on with --data")
    learned = [each.series.values[: part.validation.stop] for each, part in zip(normal, parts, strict=True)]
    season = config.season or season_length(detector.frequency)
    baselines = fit_baselines(learned, season if season < min(map(len, learned)) else None)
    rate = runs_per_row(config.false_alarms, step_seconds(detector.frequency))
    thresholds = {NAMES[config.model]: detector.threshold}
    thresholds |= {name: choose_threshold([each.score(x) for x in learned], rate) for name, each in baselines.items()}
    judged = [
        _judged(detector, baselines, thresholds, recording, rows)
        for recording, rows in zip(recordings, ranges, strict=True)
        if len(rows)
    ]
    return judged, thresholds


def _judged(detector, baselines, thresholds, recording, rows):
    found = detector.score(observed_values(recording))
    scores = {NAMES[detector.config.model]: found.scores}
    scores |= {name: each.score(recording.series.values) for name, each in baselines.items()}
    scores = {name: each[rows.start : rows.stop] for name, each in scores.items()}
    alarms = {name: each > thresholds[name] for name, each in scores.items()}
    return Judged(recording, rows, scores, alarms, found.contributions[rows.start : rows.stop])


def observed_values(recording):
    """Return the readings of a recording, NaN where they were missing."""
    return np.where(recording.series.observed, recording.series.values, np.nan)


def _measure(judged, name, seconds):
    """Return the metrics of a detector over all recordings; only the number of alarms without labels."""
    found = {"alarms": sum(len(events(each.alarms[name])) for each in judged)}
    labelled = [each for each in judged if each.labels is not None]
    if not labelled:
        return found
    # A normal row between recordings keeps their events apart.
    labels = np.concatenate([np.append(each.labels, False) for each in labelled])
    alarms = np.concatenate([np.append(each.alarms[name], False) for each in labelled])
    by_event = event_metrics(labels, alarms)
    with_events = [each for each in labelled if each.labels.any()]
    found |= {f"event_{key}": by_event[key] for key in ("precision", "recall", "f1")}
    found |= {"delay": by_event["delay"], "false_alarms_per_day": false_alarms_per_day(labels, alarms, seconds)}
    found |= point_metrics(labels, alarms)
    if with_events:
        found["vus_pr"] = float(np.mean([vus_pr(each.labels, each.scores[name]) for each in with_events]))
        found["auc_pr"] = float(np.mean([auc_pr(each.labels, each.scores[name]) for each in with_events]))
        found["best_f1"] = float(np.mean([best_f1(each.labels, each.scores[name])[0] for each in with_events]))
    if any(each.windows for each in judged):
        weighed = [weigh(len(each.rows), each.windows) for each in judged]
        rows = [each.alarms[name] for each in judged]
        found |= {f"nab_{key.lower().replace(' ', '_')}": nab_score(weighed, rows, key) for key in PROFILES}
    return found


def _table(results):
    rows = []
    for key, (title, shape) in TITLES.items():
        values = {name: result.get(key) for name, result in results.items()}
        if any(value is not None for value in values.values()):
            cells = {name: "" if value is None else shape.format(value) for name, value in values.items()}
            rows.append({"": title, **cells})
    return rows
