"""Every verb through its command line: what it writes, what it answers, and that all ways give one answer."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import requests

from apps.common import cli, runs
from apps.common.windows import windows
from apps.forecaster.__main__ import forecaster
from apps.forecaster.baseline import origins_of
from apps.forecaster.data import make_dataset, seconds_of
from apps.forecaster.evaluate import backtest, evaluate
from apps.forecaster.export import export
from apps.forecaster.predict import Forecaster, predict
from apps.forecaster.reading import read_series
from apps.forecaster.train import train
from tests.apps.forecaster.conftest import ROWS, SMALL_OPTIONS
from tests.conftest import ON_JAX, ROOT, assert_killed_training_resumes, clean_environment, run_module, serving

APP = "apps.forecaster"

CLEAN_CLIENT = """
import importlib.util, json, sys
import tensorflow as tf
assert not any(importlib.util.find_spec(name) for name in ("apps", "layers", "engram"))
model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["serving_default"]
given = json.load(open(sys.argv[2]))
specs = answer.structured_input_signature[1]
given = {name: tf.constant(value, specs[name].dtype) for name, value in given.items()}
together = answer(**given)
alone = [answer(**{name: value[row:row + 1] for name, value in given.items()}) for row in range(2)]
try:
    answer(**{**given, "values": given["values"] * float("nan")})
except tf.errors.InvalidArgumentError as error:
    refused = error.message
must_compile = [f.name for f in answer.graph.as_graph_def().library.function if "_XlaMustCompile" in f.attr]
print(json.dumps({
    "together": together["quantiles"].numpy().tolist(),
    "point": together["forecast"].numpy().tolist(),
    "alone": [one["quantiles"].numpy()[0].tolist() for one in alone],
    "none": answer(**{name: value[:0] for name, value in given.items()})["quantiles"].shape.as_list(),
    "refused": refused,
    "must_compile": must_compile,
}))
"""


def table_of(text):
    lines = text.splitlines()
    return [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]


def test_training_leaves_a_whole_run(trained, csv_file):
    names = {path.name for path in trained.iterdir()}
    assert names == {"config.json", "scaling.json", "model.keras", "history.csv", "finished.json", "export"}
    history = runs.read_csv(trained / "history.csv")
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert min(row["val_loss"] for row in history) < 0.8 * history[0]["val_loss"]
    config = runs.read_json(trained / "config.json")
    assert (config["app"], config["data"], config["names"]) == ("forecaster", str(csv_file), ["market", "station"])
    assert (config["step"], config["season"], config["horizon"]) == ("h", 24, 12)


def test_share_of_the_network_is_the_one_that_errs_least_on_validation(trained):
    network = Forecaster(trained)
    series = read_series(network.config)
    batches = list(make_dataset(series, network.scaling, network.config, "validation"))
    chosen = runs.read_json(trained / "finished.json")["kept"]["share"]
    assert float(network.model.line.share) == pytest.approx(chosen)
    errors = {}
    for share in (0.0, chosen, 1.0):
        network.model.line.share.assign(share)
        errors[share] = 0.0
        for inputs, targets, weights in batches:
            answer = network.model.predict_on_batch([part.numpy() for part in inputs])[..., network.point]
            errors[share] += np.sum(np.abs(answer - targets) * weights)
    assert errors[chosen] == min(errors.values()) and errors[0.0] != errors[1.0]


def test_forecasts_are_made_from_what_the_training_saw(trained_with_covariates):
    network = Forecaster(trained_with_covariates)
    config, series = network.config, read_series(network.config)
    places = origins_of(series, config, "validation")
    given = windows(series.values, places, 48, 0), windows(series.known, places, 48, 12)
    given = (*given, seconds_of(series.times[places - 1]))
    seen = [batch[0] for batch in make_dataset(series, network.scaling, config, "validation")]
    for place, part in enumerate(network.scaled(*given)):
        np.testing.assert_allclose(part, np.concatenate([batch[place] for batch in seen]), atol=1e-5)
    assert part.shape[-1] == 1 + 2 * 2


def test_evaluate_prints_the_network_beside_the_simple_forecasts(run_dir, capsys):
    assert cli.run(evaluate, [str(run_dir)]) == 0
    text = capsys.readouterr().out
    report = runs.read_json(run_dir / "metrics.json")
    names = ["GRU over segments + line", "seasonal naive", "mean of 7 seasons", "ridge", "Theta"]
    assert list(report["results"]) == names and report["windows"] == ROWS // 20 - 12 + 1
    for name in names:
        overall = report["results"][name]["overall"]
        assert f"{overall['mse']:.3f}" in text and overall["mae"] > 0
        assert 0 < overall["coverage_80"] < overall["coverage_95"] <= 1
        assert len(report["results"][name]["by_series"]["rmse"]) == 2
        assert len(report["results"][name]["by_step"]["mae"]) == 12
    assert (run_dir / "report.png").read_bytes().startswith(b"\x89PNG")


def test_backtest_figures_are_those_of_the_forecasts_one_by_one(trained):
    network = Forecaster(trained)
    series = read_series(network.config)
    places = origins_of(series, network.config)
    figures = backtest(network, series, places, simple=False)["GRU over segments + line"].figures()
    squared, count = 0.0, 0
    for origin in range(ROWS - ROWS // 20, ROWS - 12 + 1):
        answer = network(series.values[None, origin - 48 : origin])[0, :, :, 3]
        error = (series.values[origin : origin + 12] - answer) / network.scaling.deviation
        known = series.observed[origin : origin + 12]
        squared, count = squared + (error[known] ** 2).sum(), count + known.sum()
    assert figures["mse"] == pytest.approx(squared / count, rel=1e-4)
    seen = np.where(series.observed, series.values, np.nan)[: ROWS - 2 * (ROWS // 20)]
    np.testing.assert_allclose(network.scaling.mean, np.nanmean(seen, axis=0))


def test_predict_prints_the_rows_that_follow(trained, csv_file, tmp_path, capsys):
    assert cli.run(predict, [str(trained)]) == 0
    captured = capsys.readouterr()
    rows = table_of(captured.out)
    assert list(rows[0]) == ["time", "series", "q0.025", "q0.1", "q0.25", "q0.5", "q0.75", "q0.9", "q0.975"]
    assert len(rows) == 24 and [row["series"] for row in rows[:3]] == ["market", "station", "market"]
    assert (rows[0]["time"], rows[-1]["time"]) == ("2024-02-17 00:00:00", "2024-02-17 11:00:00")
    assert "960 rows" in captured.err
    network = Forecaster(trained)
    expected = network(read_series(network.config).values[None, -48:])[0]
    found = np.array([[float(row[name]) for name in list(row)[2:]] for row in rows]).reshape(12, 2, 7)
    np.testing.assert_allclose(found, expected, rtol=1e-5)

    capsys.readouterr()
    recent, output, picture = tmp_path / "recent.csv", tmp_path / "forecast.csv", tmp_path / "forecast.png"
    lines = csv_file.read_text().splitlines(keepends=True)
    recent.write_text(lines[0] + "".join(lines[-100:]))
    options = ["--data", str(recent), "--horizon", "3", "--output", str(output), "--plot", str(picture)]
    assert cli.run(predict, [str(trained), *options]) == 0
    assert capsys.readouterr().out == ""
    assert table_of(output.read_text()) == rows[:6]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_covariates_of_the_rows_to_forecast_must_be_given_and_matter(
    trained_with_covariates, known_file, tmp_path, capsys
):
    run_dir = trained_with_covariates
    assert cli.run(predict, [str(run_dir)]) == 2
    assert "holiday: known for 0 rows after the last value, expected 12" in capsys.readouterr().err
    table = pd.read_csv(known_file, parse_dates=["time"])
    ahead = pd.DataFrame({"time": pd.date_range("2024-02-17", periods=12, freq="h")})
    answers = []
    for holiday in (0, 1):
        pd.concat([table, ahead.assign(holiday=holiday)]).to_csv(tmp_path / "recent.csv", index=False)
        assert cli.run(predict, [str(run_dir), "--data", str(tmp_path / "recent.csv")]) == 0
        answers.append(table_of(capsys.readouterr().out))
    assert [row["time"] for row in answers[0]] == [row["time"] for row in answers[1]]
    assert answers[0][0]["q0.5"] != answers[1][0]["q0.5"]


def given_and_expected(forecaster):
    """Three windows of the run's own table, as its export takes them, and their forecasts."""
    series = read_series(forecaster.config)
    places = np.array([300, 700, 900])
    given = {"values": windows(series.values, places, 48, 0)}
    if forecaster.config.known:
        given["known"] = windows(series.known, places, 48, 12)
        given["time"] = series.times[places - 1].as_unit("s").asi8
    return given, forecaster(given["values"], given.get("known"), given.get("time"))


@pytest.mark.parametrize("fixture", ["trained", "trained_with_covariates"])
def test_export_alone_gives_what_predict_gives(fixture, request, tmp_path):
    run_dir = request.getfixturevalue(fixture)
    trained = Forecaster(run_dir)
    given, expected = given_and_expected(trained)
    shutil.copytree(run_dir / "export" / "1", tmp_path / "model")
    (tmp_path / "given.json").write_text(json.dumps({name: value.tolist() for name, value in given.items()}))
    done = subprocess.run(
        [sys.executable, "-c", CLEAN_CLIENT, "model", "given.json"],
        capture_output=True, text=True, check=True, **clean_environment(tmp_path),
    )  # fmt: skip
    answer = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(answer["together"], expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(answer["point"], expected[..., 3], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(answer["alone"], expected[:2], rtol=1e-4, atol=1e-3)
    assert answer["none"] == [0, 12, 2, 7]
    assert "fill the gaps" in answer["refused"] and answer["must_compile"] == []


@pytest.mark.parametrize("fixture", ["trained", "trained_with_covariates"])
def test_onnx_gives_what_predict_gives(fixture, request, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    run_dir = shutil.copytree(request.getfixturevalue(fixture), tmp_path / "run")
    assert cli.run(export, [str(run_dir), "--format", "onnx"]) == 0
    network = Forecaster(run_dir)
    given, expected = given_and_expected(network)
    session = onnxruntime.InferenceSession(str(run_dir / "export" / "model.onnx"))
    (quantiles,) = session.run(["quantiles"], given)
    np.testing.assert_allclose(quantiles, expected, rtol=1e-4, atol=1e-3)


def test_server_gives_what_predict_gives(trained):
    network = Forecaster(trained)
    values = windows(read_series(network.config).values, np.array([500]), 48, 0)
    with serving(trained) as server:
        url = server.url
        assert url.endswith("/v1/models/forecaster:predict")
        for wrong in ([[[1.0]]], ["text"], [values[0, :-1].tolist()], [[[float("nan"), 1.0]] * 48]):
            answer = requests.post(url, data=json.dumps({"instances": wrong}), timeout=60)
            assert answer.status_code == 400 and "error" in answer.json()
        answer = requests.post(url, json={"instances": values.tolist()}, timeout=60)
        assert answer.status_code == 200
        np.testing.assert_allclose(answer.json()["predictions"][0]["quantiles"], network(values)[0], rtol=1e-4)


def test_whole_story_runs_and_a_second_time_trains_no_more(run_dir, options, capsys):
    assert cli.run(forecaster, ["--run-dir", str(run_dir), *options]) == 0
    text = capsys.readouterr().out
    assert "trained already" in text
    for heading in ("== evaluate", "seasonal naive", "== predict", "== export", "-m apps.serve"):
        assert heading in text
    assert len(table_of((run_dir / "forecast.csv").read_text())) == 24
    assert (run_dir / "forecast.png").exists()


@pytest.mark.parametrize(
    "network, line, name", [("encoder_decoder", [], "encoder-decoder LSTM + line"), ("lstm", ["--no-line"], "LSTM")]
)
def test_other_networks_and_point_forecasts_run_through_every_verb(network, line, name, tmp_path, csv_file, capsys):
    options = ["--data", str(csv_file), *SMALL_OPTIONS, "--epochs", "1", "--model", network, "--quantiles"]
    options += ["--normalization", "standard", "--stride", "7", *line]
    assert cli.run(forecaster, ["--run-dir", str(tmp_path / "run"), *options]) == 0
    text = capsys.readouterr().out
    assert "covers" not in text and "pinball" not in text.split("\n---")[-1]
    rows = table_of((tmp_path / "run" / "forecast.csv").read_text())
    assert list(rows[0]) == ["time", "series", "mean"]
    report = runs.read_json(tmp_path / "run" / "metrics.json")
    assert next(iter(report["results"])) == name


@pytest.mark.slow
def test_killed_training_goes_on_and_ends_as_an_unbroken_one(trained, tmp_path, options):
    assert_killed_training_resumes(APP, options, trained, tmp_path / "killed")


@pytest.mark.slow
def test_run_trained_on_jax_is_forecast_with_and_exported_by_tensorflow(tmp_path, options, capsys):
    run_dir = tmp_path / "run"
    done = run_module(f"{APP}.train", "--run-dir", run_dir, *options, "--epochs", "1", "--stride", "9", env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert runs.read_json(run_dir / "finished.json")["backend"] == "jax"
    on_jax = run_module(f"{APP}.predict", run_dir, env=ON_JAX)
    assert on_jax.returncode == 0
    assert cli.run(predict, [str(run_dir)]) == 0
    pairs = zip(table_of(on_jax.stdout), table_of(capsys.readouterr().out), strict=True)
    assert all(float(one["q0.5"]) == pytest.approx(float(other["q0.5"]), rel=1e-3) for one, other in pairs)
    done = run_module(f"{APP}.export", run_dir, env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert (run_dir / "export" / "1" / "saved_model.pb").exists()


@pytest.mark.parametrize("verb", [forecaster, train, evaluate, predict, export])
def test_help_names_the_command(verb, capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(verb, ["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: python -m {verb.__module__.removesuffix('.__main__')}" in text
    assert "RUN_DIR" in text or "--run-dir" in text


def test_exported_model_is_called_as_the_readme_says(trained, csv_file, capsys):
    readme = (ROOT / "apps" / "forecaster" / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert "runs/mine/export/1" in example and "recent.csv" in example
    example = example.replace("runs/mine", str(trained)).replace("recent.csv", str(csv_file)).replace("336", "48")
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out
