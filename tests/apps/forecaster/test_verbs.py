"""What only the forecaster's verbs do; `test_contract.py` has what those of all apps do."""

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from apps.common import cli, files
from apps.common.series.windows import cut_windows
from apps.forecaster import __main__ as story
from apps.forecaster.calibration import FRACTIONS, best_fraction
from apps.forecaster.data import TimeSplit, make_dataset, unix_seconds
from apps.forecaster.evaluate import evaluate
from apps.forecaster.evaluation import backtest
from apps.forecaster.export import export
from apps.forecaster.forecaster import Forecaster
from apps.forecaster.predict import predict
from apps.forecaster.reading import read_series
from apps.forecaster.sample_data.make_series import make_series
from tests.apps.cases.forecaster import APP, ROWS
from tests.conftest import ON_JAX, ROOT, assert_killed_training_resumes, assert_refused, run_module


def rows_of(text):
    lines = text.splitlines()
    return [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]


@pytest.fixture(scope="module")
def forecaster(trained):
    """The trained forecaster; tests do not change it."""
    return Forecaster(trained)


@pytest.fixture(scope="module")
def series(forecaster):
    return read_series(forecaster.config)


def test_network_fraction_has_the_least_validation_error(trained, series):
    forecaster = Forecaster(trained)
    config = forecaster.config
    origins = TimeSplit(len(series), config).origins("validation")
    batches = list(make_dataset(series, origins, forecaster.scaling, config))
    chosen = files.read_json(trained / "finished.json")["network_fraction"]
    fraction = forecaster.model.mixture.network_fraction
    assert float(fraction) == pytest.approx(chosen)
    absolute, squared = np.zeros((2, len(FRACTIONS)))
    for index, value in enumerate(FRACTIONS):
        fraction.assign(value)
        for inputs, targets, weights in batches:
            error = (forecaster.model(inputs)[..., forecaster.point] - targets) * weights
            absolute[index] += np.abs(error).sum()
            squared[index] += np.square(error).sum()
    assert chosen == best_fraction(absolute, squared) and absolute[0] != absolute[-1]


def test_forecaster_makes_the_inputs_of_the_training(trained_with_covariates):
    forecaster = Forecaster(trained_with_covariates)
    config, series = forecaster.config, read_series(forecaster.config)
    origins = TimeSplit(len(series), config).origins("validation")
    windows = cut_windows(series.values, origins, 48, 0), cut_windows(series.known, origins, 48, 12)
    found = forecaster.model_inputs(*windows, unix_seconds(series.times[origins - 1]))
    batches = [inputs for inputs, _, _ in make_dataset(series, origins, forecaster.scaling, config)]
    assert len(found) == 2 and found[1].shape[-1] == 1 + 2 * 2
    for part, expected in zip(found, zip(*batches, strict=True), strict=True):
        np.testing.assert_allclose(part, np.concatenate(expected), atol=1e-5)


def test_backtest_has_every_method_and_equals_forecasts_one_by_one(forecaster, series):
    origins = TimeSplit(len(series), forecaster.config).origins("test")
    results = {name: errors.result() for name, errors in backtest(forecaster, series, origins).items()}
    names = ["GRU over segments + linear", "seasonal naive", "mean of 7 seasons", "ridge", "Theta"]
    assert list(results) == names
    for result in results.values():
        assert result["mae"] > 0 and 0 < result["coverage_80"] <= result["coverage_95"] <= 1
    squared, count = 0.0, 0
    for origin in range(ROWS - ROWS // 20, ROWS - 12 + 1):
        answer = forecaster(series.values[None, origin - 48 : origin])[0, :, :, 3]
        error = (series.values[origin : origin + 12] - answer) / forecaster.scaling.std
        observed = series.observed[origin : origin + 12]
        squared, count = squared + (error[observed] ** 2).sum(), count + observed.sum()
    assert results[names[0]]["mse"] == pytest.approx(squared / count, rel=1e-4)


def test_predict_prints_the_next_rows(trained, forecaster, series, csv_file, tmp_path, capsys):
    assert cli.run(predict, [str(trained)]) == 0
    captured = capsys.readouterr()
    rows = rows_of(captured.out)
    assert list(rows[0]) == ["time", "series", "q0.025", "q0.1", "q0.25", "q0.5", "q0.75", "q0.9", "q0.975"]
    assert len(rows) == 24 and [row["series"] for row in rows[:3]] == ["market", "station", "market"]
    assert (rows[0]["time"], rows[-1]["time"]) == ("2024-01-28 00:00:00", "2024-01-28 11:00:00")
    assert f"{ROWS} rows" in captured.err
    expected = forecaster(series.values[None, -48:])[0]
    found = np.array([[float(row[name]) for name in list(row)[2:]] for row in rows]).reshape(12, 2, 7)
    np.testing.assert_allclose(found, expected, rtol=1e-5)

    recent, output, picture = tmp_path / "recent.csv", tmp_path / "forecast.csv", tmp_path / "forecast.png"
    lines = csv_file.read_text().splitlines(keepends=True)
    recent.write_text(lines[0] + "".join(lines[-100:]))
    options = ["--data", str(recent), "--horizon", "3", "--output", str(output), "--plot", str(picture)]
    assert cli.run(predict, [str(trained), *options]) == 0
    assert capsys.readouterr().out == ""
    assert rows_of(output.read_text()) == rows[:6]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_known_columns_of_the_rows_to_forecast_are_required_and_matter(
    trained_with_covariates, table, tmp_path, capsys
):
    run_dir = trained_with_covariates
    assert cli.run(predict, [str(run_dir)]) == 2
    assert "holiday: known for 0 rows after the last value, expected 12" in capsys.readouterr().err
    future = pd.DataFrame({"time": pd.date_range("2024-01-28", periods=12, freq="h")})
    answers = []
    for holiday in (0, 1):
        pd.concat([table, future.assign(holiday=holiday)]).to_csv(tmp_path / "recent.csv", index=False)
        assert cli.run(predict, [str(run_dir), "--data", str(tmp_path / "recent.csv")]) == 0
        answers.append(rows_of(capsys.readouterr().out))
    assert list(answers[0][0]) == ["time", "series", "mean"]
    assert [row["time"] for row in answers[0]] == [row["time"] for row in answers[1]]
    assert answers[0][0]["mean"] != answers[1][0]["mean"]


def test_evaluate_of_the_mean_has_no_coverage(trained_with_covariates, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("apps.forecaster.baseline.THETA_FITS", 0)
    run_dir = shutil.copytree(trained_with_covariates, tmp_path / "run")
    assert cli.run(evaluate, [str(run_dir)]) == 0
    text = capsys.readouterr().out
    assert "covers" not in text and "pinball" not in text.split("\n---")[-1] and "without Theta" in text
    results = files.read_json(run_dir / "metrics.json")["results"]
    assert list(results) == ["encoder-decoder LSTM", "seasonal naive", "mean of 7 seasons", "ridge"]
    for result in results.values():
        assert f"{result['overall']['mse']:.3f}" in text
        assert len(result["by_series"]["rmse"]) == 2 and len(result["by_step"]["mae"]) == 12


def inputs_and_forecasts(run_dir):
    """Return three windows of a run's table as inputs of its exported model, and their forecasts."""
    forecaster = Forecaster(run_dir)
    series = read_series(forecaster.config)
    origins = np.array([100, 250, 400])
    inputs = {"values": cut_windows(series.values, origins, 48, 0)}
    if forecaster.config.known:
        inputs["known"] = cut_windows(series.known, origins, 48, 12)
        inputs["time"] = unix_seconds(series.times[origins - 1])
    return inputs, forecaster(inputs["values"], inputs.get("known"), inputs.get("time"))


def test_export_takes_known_columns_and_times(trained_with_covariates):
    inputs, expected = inputs_and_forecasts(trained_with_covariates)
    answer = tf.saved_model.load(str(trained_with_covariates / "export" / "1")).signatures["serving_default"]
    inputs = {name: tf.constant(value) for name, value in inputs.items()}
    found = answer(**inputs)
    assert list(found) == ["forecast"] and len(inputs) == 3
    np.testing.assert_allclose(found["forecast"], expected[..., 0], rtol=1e-4, atol=1e-3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="fill the gaps"):
        answer(**{**inputs, "known": inputs["known"] * np.nan})


@pytest.mark.parametrize("fixture", ["trained_with_covariates", pytest.param("trained", marks=pytest.mark.slow)])
def test_onnx_model_answers_as_the_app(fixture, request, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    run_dir = shutil.copytree(request.getfixturevalue(fixture), tmp_path / "run")
    assert cli.run(export, [str(run_dir), "--format", "onnx"]) == 0
    inputs, expected = inputs_and_forecasts(run_dir)
    session = onnxruntime.InferenceSession(str(run_dir / "export" / "model.onnx"))
    (point,) = session.run(["forecast"], inputs)
    np.testing.assert_allclose(point, expected[..., expected.shape[-1] // 2], rtol=1e-4, atol=1e-3)


@pytest.mark.slow
def test_killed_training_resumes_and_ends_as_an_uninterrupted_one(trained, tmp_path, options):
    assert_killed_training_resumes(APP, options, trained, tmp_path / "killed")


@pytest.mark.slow
def test_run_trained_on_jax_is_used_by_tensorflow(tmp_path, options, capsys):
    run_dir = tmp_path / "run"
    more = ["--epochs", "1", "--stride", "9"]
    done = run_module(f"apps.{APP}.train", "--run-dir", run_dir, *options, *more, env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert files.read_json(run_dir / "finished.json")["backend"] == "jax"
    on_jax = run_module(f"apps.{APP}.predict", run_dir, env=ON_JAX)
    assert on_jax.returncode == 0
    assert cli.run(predict, [str(run_dir)]) == 0
    pairs = zip(rows_of(on_jax.stdout), rows_of(capsys.readouterr().out), strict=True)
    assert all(float(one["q0.5"]) == pytest.approx(float(other["q0.5"]), rel=1e-3) for one, other in pairs)
    done = run_module(f"apps.{APP}.export", run_dir, env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert (run_dir / "export" / "1" / "saved_model.pb").exists()


def test_check_shows_what_is_read_without_a_framework(csv_file, tmp_path):
    run_dir = tmp_path / "run"
    code = (
        "import sys; from apps.common import cli; from apps.forecaster.train import train\n"
        f"status = cli.run(train, ['--data', {str(csv_file)!r}, '--run-dir', {str(run_dir)!r}, '--check'])\n"
        "print(status, {'keras', 'tensorflow', 'sklearn', 'scipy', 'jax', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 set()" and not run_dir.exists() and done.stderr == ""
    assert f"step: h, {ROWS} rows from 2024-01-08 00:00:00 to 2024-01-27 23:00:00" in done.stdout
    assert "row 2: time '2024-01-08 00:00:00', market 6, station 14" in done.stdout


def test_check_ends_the_whole_story(csv_file, tmp_path, capsys):
    assert cli.run(getattr(story, APP), ["--data", str(csv_file), "--run-dir", str(tmp_path / "run"), "--check"]) == 0
    text = capsys.readouterr().out
    assert "series: 2: 'market', 'station'" in text and "== evaluate" not in text


def test_evaluate_measures_all_windows_of_another_table(run_dir, tmp_path, capsys):
    other = make_series()[["station", "time", "market"]][ROWS : ROWS + 100]
    other[::-1].to_csv(tmp_path / "later.csv", index=False)
    assert cli.run(evaluate, [str(run_dir), "--data", str(tmp_path / "later.csv")]) == 0
    text = capsys.readouterr().out
    assert "41 windows of 12 rows, from 2024-01-28 00:00:00" in text and "newest row came first" in text
    report = files.read_json(run_dir / "metrics.json")
    assert report["data"].endswith("later.csv") and report["windows"] == 100 - 48 - 12 + 1
    forecaster, season = Forecaster(run_dir), 24
    series = read_series(forecaster.config, str(tmp_path / "later.csv"), like=forecaster)
    truth = np.where(series.observed, series.values, np.nan)
    errors = [truth[row : row + 12] - series.values[row - season :][:12] for row in range(48, 100 - 12 + 1)]
    mse = np.nanmean((np.stack(errors) / forecaster.scaling.std) ** 2)
    assert report["results"]["seasonal naive"]["overall"]["mse"] == pytest.approx(mse)
    other[:50].to_csv(tmp_path / "short.csv", index=False)
    assert_refused(capsys, evaluate, [run_dir, "--data", tmp_path / "short.csv"], "short.csv", "50 rows are too few")


def test_non_negative_cuts_forecasts_also_in_the_exported_model(run_dir, series):
    low = np.full((1, 48, 2), 3.0) + series.values[None, 100:148] % 3
    before = Forecaster(run_dir)(low)
    assert (before < 0).any()
    config = files.read_json(run_dir / "config.json")
    files.write_json(run_dir / "config.json", {**config, "non_negative": True})
    assert cli.run(export, [str(run_dir)]) == 0
    after = Forecaster(run_dir)(low)
    np.testing.assert_array_equal(after, np.maximum(before, 0))
    answer = tf.saved_model.load(str(run_dir / "export" / "1")).signatures["serving_default"](values=tf.constant(low))
    np.testing.assert_allclose(answer["quantiles"], after, rtol=1e-4, atol=1e-3)
    assert float(np.min(answer["quantiles"])) == 0
