"""The rows of the benchmark of the question answerer."""

from benchmarks.question_quality import _rows, _task_rows


def measured(*errors, **more):
    tasks = {f"task{index}": {"value": 1 - error} for index, error in enumerate(errors)}
    failed = sum(error > 0.05 for error in errors)
    return {"tasks": tasks, "mean_error": sum(errors) / len(errors), "failed": failed, **more}


def network(*errors):
    more = {"epoch_seconds": 12.4, "epochs": 3, "weights": 12_345}
    return measured(*errors, validation=measured(0.0, 0.1), **more)


FOUND = {
    (1000, "lstm", 0): network(0.2, 0.4),
    (1000, "dnc", 0): network(0.0, 0.2),
    (1000, "dnc", 1): network(0.04, 0.0),
    (1000, "bag of words", 0): measured(0.5, 0.7),
}


def test_seeds_give_mean_deviation_and_best():
    rows = {row["model"]: row for row in _rows(FOUND)}
    assert set(rows) == {"LSTM", "DNC", "bag of words"}
    dnc = rows["DNC"]
    # Errors of 10 % and 2 %: deviation 8 / sqrt(2).
    assert (dnc["seeds"], dnc["mean error, %"], dnc["best"]) == ("2", "6.0 ± 5.7", "2.0")
    assert (dnc["failed tasks of 10"], dnc["validation error, %"], dnc["epochs"]) == ("0.5 ± 0.7", "5.0 ± 0.0", "3")
    assert (
        rows["LSTM"]["s an epoch"] == "12"
        and rows["LSTM"]["mean error, %"] == "30.0"
        and rows["LSTM"]["weights"] == "12,345"
    )
    assert rows["bag of words"]["mean error, %"] == "60.0" and rows["bag of words"]["s an epoch"] == ""


def test_tasks_are_means_of_the_seeds():
    rows = _task_rows(FOUND)
    assert [row["task"] for row in rows] == ["task0", "task1"]
    assert rows[0]["DNC, 1,000"] == "98.0 ± 2.8" and rows[1]["LSTM, 1,000"] == "60.0"
