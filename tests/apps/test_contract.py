"""What every app must do, tried on the small data of `tests.apps.cases`."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import requests

from apps.common import cli, files
from tests.apps.cases import CASES, verb
from tests.conftest import ROOT, assert_refused, clean_environment, run_module, serving, unchanged

VERBS = ("train", "evaluate", "predict", "export")
EVERY_RUN = {"config.json", "model.keras", "history.csv", "finished.json", "export"}

pytestmark = pytest.mark.parametrize("case", CASES, ids=lambda case: case.APP)


@pytest.fixture
def folder(case, data_once):
    """Small data; tests do not write into it."""
    return data_once(case)


@pytest.fixture
def options(case, options_once):
    return options_once(case)


@pytest.fixture
def trained(case, trained_once):
    """A trained and exported run; tests do not write into it."""
    return trained_once(case)


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the trained run, to write into."""
    return shutil.copytree(trained, tmp_path / "run")


def run(function, *arguments):
    return cli.run(function, [str(argument) for argument in arguments])


def test_training_leaves_a_complete_run(case, trained, options):
    assert {path.name for path in trained.iterdir()} == EVERY_RUN | case.FILES
    history = files.read_csv(trained / "history.csv")
    finished = files.read_json(trained / "finished.json")
    assert [row["epoch"] for row in history] == list(range(1, finished["epochs"] + 1))
    assert finished["best"]["val_loss"] < history[0]["val_loss"] < np.inf
    config = files.read_json(trained / "config.json")
    assert config["app"] == case.APP
    assert str(config["epochs"]) == options[options.index("--epochs") + 1]


def test_story_of_a_trained_run_trains_no_more(case, run_dir, options, few_resamples, capsys):
    assert run(verb(case, "__main__"), "--run-dir", run_dir, *options) == 0
    text = capsys.readouterr().out
    assert "is trained already" in text
    for words in ("== evaluate", case.BASELINE, "== predict", "== export", f"-m apps.{case.APP}.predict", "apps.serve"):
        assert words in text
    report = files.read_json(run_dir / "metrics.json")
    assert len(report["results"]) >= 2
    assert re.search(r": (better|no better|not usable)", report["verdict"]) and report["verdict"] in text
    for path in run_dir.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    assert (run_dir / "report.png").exists() and (run_dir / "export" / "1" / "saved_model.pb").exists()


def test_settings_out_of_range_are_refused(case, options, tmp_path, capsys):
    assert len(case.SETTINGS) >= 5
    for wrong, words in case.SETTINGS:
        assert_refused(capsys, verb(case, "train"), ["--run-dir", tmp_path / "run", *options, *wrong], *words)
    assert list(tmp_path.iterdir()) == []


def test_unknown_option_names_the_known_one(case, capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(verb(case, "train"), ["--eposhs", "3"])
    assert end.value.code == 2 and "--epochs" in capsys.readouterr().err


def test_predict_refuses_what_it_cannot_answer(case, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert len(case.QUESTIONS) >= 2
    for arguments, words in case.QUESTIONS:
        assert_refused(capsys, verb(case, "predict"), [trained, *arguments], *words)
    assert list(tmp_path.iterdir()) == []


def test_bad_data_and_other_settings_leave_a_trained_run_unchanged(case, run_dir, options, folder, tmp_path, capsys):
    train = verb(case, "train")
    bad = shutil.copytree(folder, tmp_path / "bad")
    words = case.spoil(bad)
    spoiled = [option.replace(str(folder), str(bad)) for option in options]
    with unchanged(run_dir):
        assert_refused(capsys, train, ["--run-dir", run_dir, *spoiled, "--overwrite"], *words)
        assert_refused(
            capsys, train, ["--run-dir", run_dir, *options, "--units", "99"], "units", "now 99", "--overwrite"
        )


def test_data_that_changed_is_refused(case, run_dir, options, folder, tmp_path, capsys):
    other = shutil.copytree(folder, tmp_path / "other")
    config = (run_dir / "config.json").read_text(encoding="utf-8")
    (run_dir / "config.json").write_text(config.replace(str(folder), str(other)), encoding="utf-8")
    words = case.change(other)
    changed = [option.replace(str(folder), str(other)) for option in options]
    with unchanged(run_dir):
        assert_refused(capsys, verb(case, "evaluate"), [run_dir], *words)
        assert_refused(capsys, verb(case, "train"), ["--run-dir", run_dir, *changed], "trained with")


def test_folder_that_is_not_a_run_is_refused(case, options, folder, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    with unchanged(tmp_path):
        for name in VERBS[1:]:
            more = case.arguments(folder) if name == "predict" else []
            assert_refused(capsys, verb(case, name), [tmp_path, *more], tmp_path, "not a run directory")
            assert_refused(capsys, verb(case, name), [tmp_path / "absent", *more], "absent", "no such run directory")
        for more in ([], ["--overwrite"]):
            words = tmp_path, "not a run directory"
            assert_refused(capsys, verb(case, "train"), ["--run-dir", tmp_path, *options, *more], *words)


def test_run_of_another_app_is_refused(case, run_dir, folder, capsys):
    config = files.read_json(run_dir / "config.json")
    files.write_json(run_dir / "config.json", config | {"app": "other_app"})
    with unchanged(run_dir):
        for name in VERBS[1:]:
            more = case.arguments(folder) if name == "predict" else []
            words = run_dir, f"a run of other_app, not of {case.APP}", "-m apps.other_app"
            assert_refused(capsys, verb(case, name), [run_dir, *more], *words)


def test_damaged_run_is_refused(case, run_dir, folder, capsys):
    arguments = case.arguments(folder)
    (damaged,) = {"vocabulary.json", "scaling.json"} & case.FILES
    content = (run_dir / damaged).read_bytes()
    (run_dir / damaged).write_bytes(content[: len(content) // 2])
    assert_refused(capsys, verb(case, "predict"), [run_dir, *arguments], damaged, "not a complete JSON file")
    (run_dir / damaged).write_bytes(content)
    model = run_dir / "model.keras"
    model.write_bytes(model.read_bytes()[:20_000])
    with unchanged(run_dir):
        for name in VERBS[1:]:
            more = arguments if name == "predict" else []
            assert_refused(capsys, verb(case, name), [run_dir, *more], model, "not a complete Keras model")


def test_help_names_the_command_and_imports_no_framework(case, capsys):
    for name in ("__main__", *VERBS):
        with pytest.raises(SystemExit) as end:
            cli.run(verb(case, name), ["--help"])
        text = capsys.readouterr().out
        assert end.value.code == 0 and ("RUN_DIR" in text or "--run-dir" in text)
        assert f"usage: python -m apps.{case.APP}{'' if name == '__main__' else f'.{name}'}" in text
    modules = [f"apps.{case.APP}.{name}" for name in ("__main__", *VERBS)]
    code = f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"keras", "tensorflow", "jax", "torch", "sklearn", "matplotlib", "pandas", "scipy", "tensorflow_datasets"}
    assert heavy & set(loaded.stdout.split()) == set()


def test_check_shows_what_is_read_without_a_framework(case, options, folder, tmp_path):
    arguments = ["--run-dir", tmp_path / "run", *options, "--check"]
    done = run_module(f"apps.{case.APP}.train", *arguments, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    first, *shown = done.stdout.splitlines()
    assert first.startswith(str(folder)) and len(shown) >= 3
    assert case.SHOWN in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert len(imported) > 50 and not imported & {"keras", "tensorflow", "jax", "sklearn", "matplotlib"}
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="session")
def questions_once(made_once, trained_once):
    """Inputs and outputs of the exported models, all asked in one process that cannot import this repository."""

    def make(path):
        for case in CASES:
            run_dir = trained_once(case)
            shutil.copytree(run_dir / "export" / "1", path / case.APP / "model")
            inputs = {name: value.tolist() for name, value in case.inputs(run_dir).items()}
            question = {"inputs": inputs, "refused": [wrong for wrong, _ in case.REFUSED]}
            (path / case.APP / "question.json").write_text(json.dumps(question), encoding="utf-8")
        apps = [case.APP for case in CASES]
        done = subprocess.run([sys.executable, "-c", CLEAN_CLIENT, *apps], capture_output=True, text=True,
                              **clean_environment(path))  # fmt: skip
        assert done.returncode == 0, done.stderr

    return made_once("questions", make)


CLEAN_CLIENT = """
import json, sys
import tensorflow as tf
for name in ("apps", "layers", "engram"):
    assert name not in sys.modules
    sys.modules[name] = None  # importing it raises ImportError

def decoded(texts):
    return [decoded(text) for text in texts] if isinstance(texts, list) else texts.decode()

def plain(outputs):
    return {name: decoded(value.numpy().tolist()) if value.dtype == tf.string else value.numpy().tolist()
            for name, value in outputs.items()}

for app in sys.argv[1:]:
    question = json.load(open(f"{app}/question.json", encoding="utf-8"))
    answer = tf.saved_model.load(f"{app}/model").signatures["serving_default"]
    specs = answer.structured_input_signature[1]
    inputs = {name: tf.constant(value, specs[name].dtype) for name, value in question["inputs"].items()}
    rows = len(next(iter(question["inputs"].values())))
    refused = []
    for wrong in question["refused"]:
        try:
            refused.append(plain(answer(**{**inputs, **{name: tf.constant(value, specs[name].dtype)
                                                        for name, value in wrong.items()}})))
        except (tf.errors.InvalidArgumentError, TypeError, ValueError) as error:
            refused.append(str(error))
    json.dump({
        "together": plain(answer(**inputs)),
        "singly": [plain(answer(**{name: value[row : row + 1] for name, value in inputs.items()}))
                   for row in range(rows)],
        "empty": {name: value.shape[0] for name, value in answer(**{n: v[:0] for n, v in inputs.items()}).items()},
        "refused": refused,
        "must_compile": [f.name for f in answer.graph.as_graph_def().library.function if "_XlaMustCompile" in f.attr],
    }, open(f"{app}/answer.json", "w"))
"""


def assert_close(found, expected, tolerance):
    assert found.keys() >= expected.keys() and expected
    for name, value in expected.items():
        if value.dtype == object:
            assert list(found[name]) == value.tolist()
        else:
            scale = max(1.0, np.abs(value).max())
            np.testing.assert_allclose(found[name], value, rtol=0, atol=tolerance * scale, err_msg=name)


def test_export_answers_as_the_app_without_this_repository(case, questions_once, trained):
    answer = json.loads((questions_once / case.APP / "answer.json").read_text(encoding="utf-8"))
    inputs = case.inputs(trained)
    expected = case.answers(trained, inputs)
    assert_close(answer["together"], expected, case.TOLERANCE)
    assert len(answer["singly"]) >= 2
    for row, single in enumerate(answer["singly"]):
        assert_close(single, {name: value[row : row + 1] for name, value in expected.items()}, case.TOLERANCE)
    assert set(answer["empty"].values()) == {0}
    assert answer["must_compile"] == []
    for (_, words), message in zip(case.REFUSED, answer["refused"], strict=True):
        assert isinstance(message, str)
        assert any(word in message for word in words)


@pytest.fixture(scope="module")
def server(trained_once):
    """One server of all apps."""
    with serving(*(trained_once(case) for case in CASES)) as running:
        yield running


@pytest.mark.xdist_group("server")
def test_server_answers_as_the_app(case, server, trained):
    url = f"{server.http}/v1/models/{case.APP}:predict"
    inputs = case.inputs(trained)
    expected = case.answers(trained, inputs)
    for wrong, words in case.REFUSED:
        columns = {name: value.tolist() for name, value in inputs.items()} | wrong
        answer = requests.post(url, data=json.dumps({"inputs": columns}), timeout=60)
        assert answer.status_code == 400
        assert any(word in answer.json()["error"] for word in words)
    columns = {name: value.tolist() for name, value in inputs.items()}
    answer = requests.post(url, json={"inputs": columns}, timeout=60)
    assert answer.status_code == 200, answer.text
    outputs = answer.json()["outputs"]
    assert_close(outputs if isinstance(outputs, dict) else {next(iter(expected)): outputs}, expected, case.TOLERANCE)
    names = list(inputs)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*(columns[name] for name in names), strict=True)]
    answer = requests.post(url, json={"instances": rows}, timeout=60).json()["predictions"]
    for name, value in expected.items():
        assert len(answer) == len(value)
        # A row is an object, or the value of the only output.
        assert name in answer[0] if isinstance(answer[0], dict) else answer == value.tolist()


def test_python_example_of_the_readme_runs(case, trained, folder, monkeypatch, capsys):
    readme = (ROOT / "apps" / case.APP / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert examples and any("runs/mine/export/1" in example for example in examples)
    adapt = getattr(case, "readme_example", lambda example, folder: example)
    for example in examples:
        code = adapt(example.replace("runs/mine", str(trained)), folder)
        exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out


def test_copy_registers_its_classes_under_its_own_name(case):
    module = importlib.import_module(f"apps.{case.APP}.model")
    import keras

    own = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    names = [keras.saving.get_registered_name(each) for each in own if issubclass(each, keras.Layer)]
    assert names and all(name.startswith(f"{case.APP}>") for name in names)
    assert f'"{case.APP}"' not in (ROOT / "apps" / case.APP / "model.py").read_text(encoding="utf-8").replace(
        f'name="{case.APP}"', ""
    )
