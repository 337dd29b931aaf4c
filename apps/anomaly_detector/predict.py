"""Score rows with a trained detector, of tables or as they arrive."""

import sys
from pathlib import Path

from ..common import cli, files, runs


def predict(
    run_dir: cli.RunDir,
    data: tuple[str, ...] = (),
    follow: bool = False,
    alarms_only: bool = False,
    output: Path | None = None,
):
    """Score rows; print CSV: recording, time, score, alarm, and the sensors with the largest parts in it.

    Args:
        run_dir: Folder of a trained run.
        data: Tables of readings, in the form of the training's; the training's own if not given.
        follow: Read rows of CSV from standard input as they come, with a header first, and print each at once.
        alarms_only: Print only the rows that are alarms.
        output: File to write the CSV to, instead of standard output.
    """
    saved = runs.open_run(run_dir, __package__)
    cli.require_folder_of("--output", output)
    if follow and (data or output):
        raise cli.UserError("--follow reads standard input and prints; leave out --data and --output")
    cli.require_data(*(data or (() if follow else saved["data"])))
    with cli.importing_tensorflow():
        from .answers import drift, score_table
        from .detector import Detector
        from .reading import read_recordings
        from .stream import follow_rows

    detector = Detector(run_dir)
    if follow:
        follow_rows(detector, sys.stdin, sys.stdout, alarms_only)
        return
    tables, scored = [], []
    for recording in read_recordings(detector.config, data or None, like=detector):
        # Standard output has only the CSV.
        recording.series.summary.print(sys.stderr)
        frame, scores = score_table(detector, recording)
        tables.append(frame[frame["alarm"] == 1] if alarms_only else frame)
        scored.append(scores)
    for number, frame in enumerate(tables):
        text = frame.to_csv(index=False, header=number == 0)
        if output is None:
            sys.stdout.write(text)
    if output:
        with files.replacing(output) as part:
            for number, frame in enumerate(tables):
                frame.to_csv(part, index=False, header=number == 0, mode="a")
    print(drift(detector, scored), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(cli.run(predict))
